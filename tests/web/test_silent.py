"""Nobody forgotten, on pages: the question and the kind word on mine, the two lists at the desk."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from engine.referrals_store import go_round
from engine.store import audit, repo_consents, repo_contacts, repo_referrals, repo_residents
from engine.store.database import read, write
from tests.homes import HANAKO, TARO, consent
from tests.web.desks import NOW, Desk, Page, desk
from tests.web.resident_home import delivered, hear, reading

__all__ = ["desk"]
pytestmark = pytest.mark.flow
DAY = timedelta(days=1)


def sit(desk: Desk, name: str = HANAKO) -> None:
    desk.enter_as("resident", by=name, name="山田 花子", towns=())


def nurse(desk: Desk, town: str = "062049") -> None:
    desk.enter_as("nurse", by="s-nursenursenur", name="鈴木", towns=(town,))


def state(desk: Desk) -> list[tuple[str, str | None]]:
    with read(desk.engine) as connection:
        found = repo_referrals.of_resident(connection, HANAKO)
    return [(one.referral.state, str(one.referral.seen_on or "")) for one in found]


def by_phone(desk: Desk) -> None:
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        changed = msgspec.structs.replace(person, channel="phone", phone="0234-26-1111", version=person.version + 1)
        repo_residents.edit(connection, changed, NOW, actor="t", os_user="t")


async def test_the_first_page_asks_once_the_days_have_passed_and_no_more_after_the_answer(desk: Desk) -> None:
    one = delivered(desk.engine, "bp", "prompt")
    sit(desk)
    assert "お医者さんに 行きましたか" not in (await desk.browser.get("/me")).text
    desk.wait(15 * DAY)
    sit(desk)
    asked = Page((await desk.browser.get("/me")).text).forms["/me/doctor-visit"]
    assert asked["advice"] == one.id
    wrong = await desk.browser.post("/me/doctor-visit", data=asked | {"said": "seen", "day": "2099-01-01"})
    assert wrong.status_code == 422
    assert "日にちを もう一度" in wrong.text
    done = await desk.browser.post("/me/doctor-visit", data=asked | {"said": "seen", "day": "2026-12-01"})
    assert (done.status_code, state(desk)) == (303, [("seen", "2026-12-01")])
    thanks = await desk.browser.get(done.headers["location"])
    assert "教えてくださって ありがとうございます" in thanks.text
    assert "/me/doctor-visit" not in Page((await desk.browser.get("/me")).text).forms
    again = await desk.browser.post("/me/doctor-visit", data=asked | {"said": "declined"})
    assert (again.status_code, state(desk)) == (404, [("seen", "2026-12-01")])


@pytest.mark.parametrize(("said", "now"), [("planned", "planned"), ("not-yet", "open"), ("declined", "declined")])
async def test_every_other_answer_is_kept_and_a_stray_day_is_not(desk: Desk, said: str, now: str) -> None:
    delivered(desk.engine, "bp", "soon")
    desk.wait(40 * DAY)
    sit(desk)
    form = Page((await desk.browser.get("/me/doctor-visit")).text).forms["/me/doctor-visit"]
    assert (await desk.browser.post("/me/doctor-visit", data=form | {"said": "maybe"})).status_code == 400
    day = "2026-12-31" if said == "planned" else "x"
    sent = await desk.browser.post("/me/doctor-visit", data=form | {"said": said, "day": day})
    assert (sent.status_code, state(desk)) == (303, [(now, "")])


async def test_nobody_answers_for_somebody_else(desk: Desk) -> None:
    one = delivered(desk.engine, "bp", "prompt")
    desk.wait(15 * DAY)
    session = desk.enter_as("resident", by=TARO, name="山田 太郎", towns=())
    sent = {"csrf": session.csrf, "advice": one.id, "said": "seen"}
    assert (await desk.browser.post("/me/doctor-visit", data=sent)).status_code == 404
    assert state(desk) == [("open", "")]


async def test_whoever_sent_nothing_for_two_weeks_reads_a_kind_word_until_a_reading_comes(desk: Desk) -> None:
    hear(desk.engine, reading(1, 13, body_weight="62.0"))
    sit(desk)
    assert "しばらく 値が" not in (await desk.browser.get("/me")).text
    desk.wait(2 * DAY)
    sit(desk)
    shown = (await desk.browser.get("/me")).text
    assert "さいごに はかってから 15日 たちました。" in shown
    hear(desk.engine, reading(1, 0.01, body_weight="62.0"))
    assert "しばらく 値が" not in (await desk.browser.get("/me")).text


async def test_a_nurse_telephones_down_the_list_of_the_silent(desk: Desk) -> None:
    hear(desk.engine, reading(1, 30, body_weight="62.0"), reading(2, 40, body_weight="70.0"))
    by_phone(desk)
    nurse(desk)
    shown = (await desk.browser.get("/silent")).text
    assert shown.index("太郎") < shown.index("花子")
    assert "tel:0234-26-1111" in shown
    form = Page(shown).forms[f"/silent/{HANAKO}/call"]
    assert (await desk.browser.post(f"/silent/{HANAKO}/call", data=form | {"outcome": "absent"})).status_code == 303
    assert f"/silent/{HANAKO}/call" in Page((await desk.browser.get("/silent")).text).forms
    back = await desk.browser.post(
        f"/silent/{HANAKO}/call", data=form | {"outcome": "reached", "back": "https://example.org/"}
    )
    assert (back.status_code, back.headers["location"]) == (303, "/silent")
    assert f"/silent/{HANAKO}/call" not in Page((await desk.browser.get("/silent")).text).forms
    twice = await desk.browser.post(f"/silent/{HANAKO}/call", data=form | {"outcome": "reached"})
    assert twice.status_code == 409
    with read(desk.engine) as connection:
        tries = [one.outcome for one in repo_contacts.of_resident(connection, HANAKO)]
        acts = {entry.action for entry in audit.entries(connection, limit=1000)}
    assert sorted(tries) == ["absent", "reached"]
    assert "silent-view" in acts


async def test_a_nurse_types_in_what_somebody_said_of_the_doctor(desk: Desk) -> None:
    one = delivered(desk.engine, "bp", "prompt")
    by_phone(desk)
    desk.wait(15 * DAY)
    nurse(desk)
    shown = (await desk.browser.get("/referrals")).text
    assert "画面では聞けない" in shown
    path = f"/referrals/{one.id}/answer"
    form = Page(shown).forms[path]
    late = await desk.browser.post(path, data=form | {"said": "seen", "day": "2099-01-01"})
    assert (late.status_code, "まだ来ていない日です" in late.text) == (422, True)
    assert (await desk.browser.post(path, data=form | {"said": "seen", "day": "nonsense"})).status_code == 422
    missed = await desk.browser.post(f"/referrals/{one.id}/missed", data=form)
    assert (missed.status_code, path in (await desk.browser.get("/referrals")).text) == (303, False)
    desk.wait(3 * DAY)
    nurse(desk)
    form = Page((await desk.browser.get("/referrals")).text).forms[path]
    sent = await desk.browser.post(path, data=form | {"said": "seen", "day": "2026-12-02", "back": "/cases"})
    assert (sent.status_code, sent.headers["location"], state(desk)) == (303, "/cases", [("seen", "2026-12-02")])


async def test_another_town_and_who_did_not_agree_are_on_no_list(desk: Desk) -> None:
    hear(desk.engine, reading(1, 30, body_weight="62.0"))
    one = delivered(desk.engine, "bp", "prompt")
    by_phone(desk)
    desk.wait(15 * DAY)
    nurse(desk, "064611")
    for page in ("/silent", "/referrals"):
        assert "花子" not in (await desk.browser.get(page)).text
    session = desk.enter_as("nurse", by="s-nursenursenur", name="鈴木", towns=("064611",))
    for path in (f"/silent/{HANAKO}/call", f"/referrals/{one.id}/answer", f"/referrals/{one.id}/missed"):
        sent = {"csrf": session.csrf, "outcome": "reached", "said": "seen"}
        assert (await desk.browser.post(path, data=sent)).status_code == 404
    with write(desk.engine) as connection:
        said = consent(HANAKO, "nurse-review", granted=False, at=desk.clock[0] - DAY)
        repo_consents.append(connection, said, os_user="t")
    nurse(desk)
    for page in ("/silent", "/referrals"):
        assert "花子" not in (await desk.browser.get(page)).text
    assert go_round(desk.engine, desk.clock[0]).put == 0
