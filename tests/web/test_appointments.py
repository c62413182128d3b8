"""Appointments on the pages: booked at the desk, seen and called off at home, and only by whom they concern."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import httpx
import pytest

from engine.appointments import Appointment
from engine.locale import text
from engine.officehours import ZONE
from engine.store import audit, repo_appointments, repo_consents, repo_residents
from engine.store.database import read, write
from engine.web.sessions import Session
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, rename

__all__ = ["desk"]
pytestmark = pytest.mark.flow
DAY = timedelta(days=1)
# The clock of the desk stands on Saturday the 21st, 18:30.
TUESDAY = date(2026, 11, 24)


def nurse(desk: Desk, *roles: str, towns: tuple[str, ...] = ("062049",)) -> Session:
    return desk.enter_as(*(roles or ("nurse",)), by="s-nursenursenur", name="鈴木 保健師", towns=towns)  # type: ignore[arg-type]


def home(desk: Desk, name: str = HANAKO) -> Session:
    return desk.enter_as("resident", by=name, name="山田 花子", towns=())


async def send(desk: Desk, session: Session, path: str, **fields: str) -> httpx.Response:
    return await desk.browser.post(path, data={"csrf": session.csrf} | fields)


async def book(
    desk: Desk, name: str = HANAKO, day: date = TUESDAY, clock: str = "10:30", **more: str
) -> httpx.Response:
    fields = {
        "day": day.isoformat(),
        "clock": clock,
        "minutes": "30",
        "place": "保健センター",
        "staff": "",
        "sort": "interview",
    }
    return await send(desk, nurse(desk), f"/residents/{name}/appointments", **(fields | more))


def newest(desk: Desk, name: str = HANAKO) -> Appointment:
    with read(desk.engine) as connection:
        return max(repo_appointments.of(connection, name), key=lambda one: one.seq)


async def test_a_nurse_books_sees_the_week_and_is_told_of_odd_hours_and_overlaps(desk: Desk) -> None:
    assert (await book(desk)).headers["location"] == f"/residents/{HANAKO}/appointments"
    assert (await book(desk, clock="18:00")).headers["location"].endswith("?odd=1")
    overlap = await book(desk, clock="10:45", sort="visit")
    assert overlap.status_code == 422
    assert "本人に別の予約があります" in overlap.text
    assert 'value="10:45"' in overlap.text
    assert (await book(desk, sort="class")).status_code == 422
    assert (await book(desk, staff="s-somebodyelseee")).status_code == 422
    week = (await desk.browser.get("/appointments?week=2026-11-24")).text
    assert "10:30–11:00" in week
    assert "山田 花子" in week
    assert "11月24日(火)" in week
    found = (await desk.browser.get("/appointments?q=やまだ")).text
    assert f"/residents/{TARO}/appointments" in found
    with read(desk.engine) as connection:
        acts = [entry.action for entry in audit.entries(connection, subject=HANAKO)]
    assert acts.count("appointment-book") == 2
    assert "appointments-view" in acts


async def test_an_appointment_is_moved_as_it_was_seen_and_marked_when_it_is_over(desk: Desk) -> None:
    await book(desk)
    one = newest(desk)
    session, path = nurse(desk), f"/appointments/{newest(desk).seq}"
    form = Page((await desk.browser.get(path)).text).forms[f"{path}/move"]
    fields = {"day": "2026-11-25", "clock": "13:00", "minutes": "45", "place": "市役所", "staff": "s-nursenursenur"}
    assert (await desk.browser.post(f"{path}/move", data=form | fields)).status_code == 303
    stale = await desk.browser.post(f"{path}/move", data=form | fields | {"clock": "15:00"})
    assert stale.status_code == 422
    assert "ほかの人が先に変えました" in stale.text
    assert newest(desk).starts_at == datetime(2026, 11, 25, 13, 0, tzinfo=ZONE)
    assert (await send(desk, session, f"{path}/came", state="kept")).status_code == 422
    desk.wait(5 * DAY)
    session = nurse(desk)
    assert "来たかどうかを記入" in (await desk.browser.get("/appointments")).text
    assert (await send(desk, session, f"{path}/came", state="sideways")).status_code == 400
    assert (await send(desk, session, f"{path}/came", state="missed")).status_code == 303
    assert (await send(desk, session, f"{path}/cancel", version=f"{newest(desk).version}")).status_code == 422
    assert newest(desk).state == "missed"
    assert one.seq == newest(desk).seq


async def test_who_is_to_be_called_stands_there_with_the_number_until_told(desk: Desk) -> None:
    rename(desk.engine, HANAKO, phone="0234-26-1111")
    await book(desk)
    session = nurse(desk)
    page = (await desk.browser.get("/appointments")).text
    assert 'href="tel:0234-26-1111"' in page
    path = f"/appointments/{newest(desk).seq}/reminded"
    assert (await desk.browser.post(path, data=Page(page).forms[path])).status_code == 303
    assert "電話で知らせる人はいません" in (await desk.browser.get("/appointments")).text
    assert newest(desk).reminded_by == session.by


async def test_nobody_from_another_town_or_without_the_right_comes_near(desk: Desk) -> None:
    await book(desk)
    number = newest(desk).seq
    nurse(desk, towns=("064611",))
    for path in (f"/appointments/{number}", f"/residents/{HANAKO}/appointments"):
        assert (await desk.browser.get(path)).status_code == 404
    assert "花子" not in (await desk.browser.get("/appointments?week=2026-11-24&q=やまだ")).text
    for role in ("helpdesk", "watcher", "admin", "auditor", "resident"):
        home(desk) if role == "resident" else nurse(desk, role)
        assert (await desk.browser.get("/appointments")).status_code == 403, role
        assert (await desk.browser.get("/appointments.ics")).status_code == 403, role


async def test_who_took_back_their_consent_is_named_and_nothing_else(desk: Desk) -> None:
    await book(desk, sort="check-up", place="健診センター")
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(HANAKO, "nurse-review", granted=False, at=NOW), os_user="t")
    desk.wait(timedelta(minutes=1))
    nurse(desk)
    week = (await desk.browser.get("/appointments?week=2026-11-24")).text
    assert "山田 花子" in week
    assert "健診センター" not in week
    assert (await desk.browser.get(f"/residents/{HANAKO}/appointments")).status_code == 403
    assert (await book(desk, clock="15:00")).status_code == 403
    path = f"/appointments/{newest(desk).seq}"
    page = (await desk.browser.get(path)).text
    assert "健診" not in page
    session, version = nurse(desk), f"{newest(desk).version}"
    fields = {
        "day": "2026-11-25",
        "clock": "13:00",
        "minutes": "45",
        "place": "市役所",
        "staff": "",
        "version": version,
    }
    assert "取りやめだけできます" in (await send(desk, session, f"{path}/move", **fields)).text
    assert (await send(desk, session, f"{path}/cancel", version=version, reason="resident")).status_code == 303


async def test_a_class_is_made_filled_and_written_down_in_one_form(desk: Desk) -> None:
    session = nurse(desk)
    fields = {"title": "運動教室", "day": "2026-11-25", "clock": "13:30", "minutes": "90", "place": "体育館",
              "staff": "s-nursenursenur", "capacity": "1", "town": "062049"}  # fmt: skip
    assert (await send(desk, session, "/appointments/class", **(fields | {"title": ""}))).status_code == 422
    assert (await send(desk, session, "/appointments/class", **(fields | {"capacity": "0"}))).status_code == 422
    assert (await send(desk, session, "/appointments/class", **(fields | {"town": "064611"}))).status_code == 404
    path = (await send(desk, session, "/appointments/class", **fields)).headers["location"]
    assert TARO in (await desk.browser.get(f"{path}?q=やまだ")).text
    assert (await send(desk, session, f"{path}/join", resident=TARO)).status_code == 303
    full = await send(desk, session, f"{path}/join", resident=HANAKO)
    assert "満員です" in full.text
    desk.wait(5 * DAY)
    session = nurse(desk)
    sheet = (await desk.browser.get(path)).text
    assert "出席簿" in sheet
    assert "太郎" in sheet
    assert (await send(desk, session, f"{path}/attend", **{f"a-{newest(desk, TARO).seq}": "kept"})).status_code == 303
    assert newest(desk, TARO).state == "kept"
    assert "1 / 1人" in (await desk.browser.get("/appointments?week=2026-11-25")).text


async def test_at_home_they_see_it_save_it_and_call_it_off_and_the_desk_reads_it(desk: Desk) -> None:
    await book(desk, sort="check-up", staff="s-nursenursenur")
    number = newest(desk).seq
    session = home(desk)
    shown = (await desk.browser.get("/me/appointments")).text
    assert "2026年11月24日 (火曜日)" in shown
    assert "10時30分から 11時00分まで" in shown
    first = (await desk.browser.get("/me")).text
    assert "次の 予約" in first
    assert "2026年11月24日 (火曜日)" in first
    calendar = await desk.browser.get(f"/me/appointments/{number}/calendar.ics")
    assert calendar.headers["content-type"].startswith("text/calendar")
    assert "健診" not in calendar.text
    assert "SEQUENCE:0" in calendar.text
    off = await desk.browser.post(
        f"/me/appointments/{number}/cancel", data=Page(shown).forms[f"/me/appointments/{number}/cancel"]
    )
    assert off.status_code == 303
    again = await send(desk, session, f"/me/appointments/{number}/cancel")
    assert "もう一度 見てください" in again.text
    assert "ご自分で やめました" in again.text
    everything = (await desk.browser.get("/me/appointments.ics")).text
    assert "STATUS:CANCELLED" in everything
    nurse(desk)
    assert "本人が取りやめ" in (await desk.browser.get("/appointments")).text


async def test_an_appointment_is_nobody_elses(desk: Desk) -> None:
    await book(desk)
    number = newest(desk).seq
    session = home(desk, TARO)
    assert "2026年11月24日" not in (await desk.browser.get("/me/appointments")).text
    assert (await desk.browser.get(f"/me/appointments/{number}/calendar.ics")).status_code == 404
    assert (await send(desk, session, f"/me/appointments/{number}/cancel")).status_code == 404
    assert "BEGIN:VEVENT" not in (await desk.browser.get("/me/appointments.ics")).text
    desk.enter_as("family", by="m-familyfamily2", name="長女", towns=())
    assert (await desk.browser.get("/me/appointments")).status_code == 403
    assert newest(desk).state == "planned"


async def test_what_has_begun_cannot_be_called_off_from_home(desk: Desk) -> None:
    await book(desk)
    desk.clock[0] = datetime(2026, 11, 24, 10, 40, tzinfo=ZONE)
    session = home(desk)
    assert "来られなくなったとき" not in (await desk.browser.get("/me/appointments")).text
    late = await send(desk, session, f"/me/appointments/{newest(desk).seq}/cancel")
    assert text("ja", "resident", "me.appointments.refused.late") in late.text


async def test_the_calendar_of_a_nurse_has_initials_and_only_her_own(desk: Desk) -> None:
    await book(desk, staff="s-nursenursenur")
    await book(desk, TARO)
    feed = (await desk.browser.get("/appointments.ics")).text
    assert feed.count("BEGIN:VEVENT") == 1
    assert "面談 ヤ.ハ." in feed
    with read(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
    assert person is not None
    assert person.family_name not in feed
