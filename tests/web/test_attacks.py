"""What somebody with a browser and bad intentions tries; each of these went through once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from engine.identity import MOST_REFUSED, flooded
from engine.notify.outlets import Outlets
from engine.seen import did
from engine.store import audit, repo_codes, repo_family, repo_notices, repo_seen_by
from engine.store.database import read, write
from engine.store.instants import to_micros
from engine.store.tables_desk import SIGN_IN_CODE
from engine.web.context import COOKIE
from tests.web.accounts import relative
from tests.web.desks import HANAKO, NOW, TARO, Desk, desk

__all__ = ["desk"]


async def test_a_no_to_somebody_elses_family_gives_nobody_a_hold_on_them(desk: Desk) -> None:
    member = relative(desk.engine, NOW).id
    csrf = desk.enter_as("resident", by=TARO, towns=()).csrf
    said = {"csrf": csrf, "purpose": "family-view", "granted": "no", "recipient": member}
    await desk.browser.post("/me/consents", data=said)
    answer = await desk.browser.post("/me/consents/family/code", data={"csrf": csrf, "member": member})
    page = await desk.browser.get("/me/consents")
    assert "次郎" not in page.text
    assert answer.status_code == 404
    await desk.browser.post("/me/consents/family/end", data={"csrf": csrf, "member": member})
    with read(desk.engine) as connection:
        assert connection.execute(select(func.count()).select_from(SIGN_IN_CODE)).scalar_one() == 0
        found = repo_family.get(connection, member)
    assert found is not None
    assert found.ended_at is None


async def test_a_session_of_a_link_opens_nothing_once_the_store_serves_a_city(desk: Desk) -> None:
    await desk.sign_in()
    assert (await desk.browser.get("/queue")).status_code == 200
    object.__setattr__(desk.app.state.desk, "city", True)
    answer = await desk.browser.get("/queue")
    assert (answer.status_code, answer.headers["location"][:7]) == (303, "/signin")


async def test_digits_no_number_is_made_of_break_no_form(desk: Desk) -> None:
    object.__setattr__(desk.app.state.desk, "outlets", Outlets(base="https://phr.example", key=b"k" * 32))
    csrf = desk.enter_as("resident", by=HANAKO, towns=()).csrf
    for path, fields in (
        ("/me/notices/code", {"address": "w-aaaaaaaaaaaaa", "code": "²"}),
        ("/me/consents", {"purpose": "record", "granted": "yes", "days": "9" * 5_000}),
    ):
        answer = await desk.browser.post(path, data={"csrf": csrf} | fields)
        assert answer.status_code < 500, path


async def test_what_a_resume_page_carries_is_never_a_secret(desk: Desk) -> None:
    first = desk.enter_as("nurse")
    desk.browser.cookies.delete(COOKIE)
    desk.enter_as("nurse")
    typed = {"csrf": first.csrf, "password": "SECRET-ONE", "new": "SECRET-TWO", "again": "SECRET-TWO"}
    for path in ("/account/password", "/unlock"):
        answer = await desk.browser.post(path, data=typed)
        assert "SECRET" not in answer.text, path


async def test_a_form_in_parts_is_refused_whatever_coding_it_names(desk: Desk) -> None:
    csrf = desk.enter_as("resident", by=HANAKO, towns=()).csrf
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = part.format("csrf", csrf) + part.format("kind", "ask") + part.format("text", "+2AA-") + "--x--\r\n"
    kind = "multipart/form-data; boundary=x; charset=utf-7"
    answer = await desk.browser.post("/me/contact", content=body, headers={"content-type": kind})
    assert answer.status_code == 400


async def test_a_nul_reaches_no_page(desk: Desk) -> None:
    """PostgreSQL keeps no text that holds one: every search was an error of ours there."""
    csrf = desk.enter_as("nurse", "auditor").csrf
    for path in ("/residents?q=a%00b", "/log?actor=%00", "/advice/a-%00"):
        assert (await desk.browser.get(path)).status_code == 400, path
    answer = await desk.browser.post("/queue/views/delete", data={"csrf": csrf, "name": "a\x00"})
    assert answer.status_code == 400
    # What is written as it looks is no such thing.
    assert (await desk.browser.get("/residents", params={"q": "%00"})).status_code == 200


async def test_the_log_is_asked_for_any_day_of_the_calendar(desk: Desk) -> None:
    desk.enter_as("auditor")
    for name in ("since", "until"):
        for day in ("0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"):
            assert (await desk.browser.get("/log", params={name: day})).status_code == 200


async def test_whoever_reads_pages_does_not_wash_away_the_tries_of_a_guesser(desk: Desk) -> None:
    """Refused tries are counted in the audit chain: what others do meanwhile must not hide them."""
    now = desk.clock[0]
    with write(desk.engine) as connection:
        for _ in range(MOST_REFUSED):
            repo_codes.note_refused(connection, "unknown", now, "test")
        for _ in range(700):
            audit.append(
                connection, audit.Entry(at=to_micros(now), actor=HANAKO, os_user="t", action="me-view", subject=HANAKO)
            )
        assert flooded(connection, now)
        assert not flooded(connection, now + timedelta(minutes=2))


async def test_a_resident_reads_of_every_code_that_opens_their_pages_to_family(desk: Desk) -> None:
    member = relative(desk.engine, NOW).id
    csrf = desk.enter_as("nurse").csrf
    form = {"csrf": csrf, "subject": member, "kind": "code"}
    assert (await desk.browser.post(f"/residents/{HANAKO}/codes/issue", data=form)).status_code == 200
    with read(desk.engine) as connection:
        assert [one.kind for one in repo_notices.of(connection, HANAKO)] == ["code"], "she hears that one was made"
    with read(desk.engine) as connection:
        found = repo_seen_by.looks(connection, HANAKO)
    assert [did(one.action) for one in found if one.action.startswith("sign-in-")] == ["code"]
