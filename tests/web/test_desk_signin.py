"""Who gets in: one link, one use, one person; and what everybody else can see, which is nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from engine.store import audit
from engine.store.database import read
from engine.web.app import create_app
from engine.web.guard import BODY_LIMIT, CARRIED_LIMIT, HEADERS
from engine.web.links import LINK_LIFE, Links
from engine.web.sessions import STAFF_IDLE as IDLE
from engine.web.sessions import STAFF_LIFE as SESSION_LIFE
from tests.web.desks import NOW, SECRET, Desk, Page, desk, item, put

__all__ = ["desk"]
MINUTE = timedelta(minutes=1)


async def test_a_link_signs_in_once_and_looking_at_it_does_not_use_it_up(desk: Desk) -> None:
    token = desk.links.issue(NOW)
    for _ in range(3):
        assert (await desk.browser.get("/signin", params={"token": token})).status_code == 200
    entered = await desk.browser.post("/signin", data={"token": token, "name": "鈴木"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert (await desk.browser.get("/queue")).status_code == 200

    async with desk.another() as second:
        again = await second.post("/signin", data={"token": token, "name": "佐藤"})
        assert again.status_code == 403
        assert not second.cookies
        assert (await second.get("/signin", params={"token": token})).status_code == 403


async def test_a_link_dies_after_fifteen_minutes(desk: Desk) -> None:
    token = desk.links.issue(NOW)
    desk.wait(LINK_LIFE - MINUTE)
    assert (await desk.browser.get("/signin", params={"token": token})).status_code == 200
    desk.wait(MINUTE)
    assert (await desk.browser.get("/signin", params={"token": token})).status_code == 403
    assert (await desk.browser.post("/signin", data={"token": token, "name": "鈴木"})).status_code == 403


def test_a_link_is_kept_as_a_hash_that_only_its_owner_can_read(tmp_path: Path) -> None:
    links = Links(tmp_path / "links")
    token = links.issue(NOW)
    [kept] = (tmp_path / "links").iterdir()
    assert token not in kept.name + kept.read_text(encoding="ascii")
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert links.take(token, NOW)
    assert not links.take(token, NOW)
    assert not links.take("../../etc/passwd", NOW)
    links.issue(NOW)
    links.issue(NOW + LINK_LIFE)
    assert len(list((tmp_path / "links").iterdir())) == 1, "outdated links are cleared away"


@pytest.mark.parametrize("name", ["", "   ", "engine", "a\x07b", "x" * 61])
async def test_without_a_real_name_nobody_enters_and_the_link_still_works(desk: Desk, name: str) -> None:
    token = desk.links.issue(NOW)
    refused = await desk.browser.post("/signin", data={"token": token, "name": name})
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert desk.links.good(token, NOW)


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(desk: Desk) -> None:
    cookie = (await desk.sign_in()).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


async def test_a_session_locks_after_fifteen_idle_minutes_and_ends_after_eight_hours(desk: Desk) -> None:
    await desk.sign_in()
    end = desk.clock[0] + SESSION_LIFE
    desk.wait(IDLE - MINUTE)
    assert (await desk.browser.get("/queue")).status_code == 200, "use keeps it open"
    desk.wait(IDLE)
    locked = await desk.browser.get("/queue?state=open")
    assert (locked.status_code, locked.headers["location"]) == (303, "/unlock?next=%2Fqueue%3Fstate%3Dopen")
    assert "山田" not in (await desk.browser.get("/unlock")).text

    token = desk.links.issue(desk.clock[0])
    form = Page((await desk.browser.get(locked.headers["location"])).text).forms["/unlock"]
    opened = await desk.browser.post("/unlock", data=form | {"token": f"http://127.0.0.1/signin?token={token}"})
    assert (opened.status_code, opened.headers["location"]) == (303, "/queue?state=open")
    while desk.clock[0] + 10 * MINUTE < end:
        desk.wait(10 * MINUTE)
        assert (await desk.browser.get("/queue")).status_code == 200
    desk.wait(10 * MINUTE)
    over = await desk.browser.get("/queue")
    assert (over.status_code, over.headers["location"]) == (303, "/signin?next=%2Fqueue")


async def test_what_a_page_fetches_by_itself_keeps_nobody_signed_in(desk: Desk) -> None:
    session = desk.enter_as("auditor")
    for _ in range(4):
        desk.wait(IDLE / 2)
        seen = desk.sessions.find(desk.browser.cookies["phr_desk"], desk.clock[0], touch=False)
        assert seen is not None
        assert seen.locked == (desk.clock[0] - session.started >= IDLE)


async def test_signing_in_and_out_is_in_the_audit_under_the_name_given(desk: Desk) -> None:
    await desk.sign_in("鈴木")
    form = Page((await desk.browser.get("/queue")).text).forms["/signout"]
    assert (await desk.browser.post("/signout", data=form)).status_code == 200
    assert (await desk.browser.get("/queue")).status_code == 303
    with read(desk.engine) as connection:
        links = [link for link in audit.entries(connection, limit=1000) if link.action.startswith("sign-")]
        assert audit.verify(connection) is None
    assert [(link.action, link.actor, link.os_user) for link in links] == [
        ("sign-in", "鈴木", "tester"),
        ("sign-out", "鈴木", "tester"),
    ]
    assert links[0].subject == links[1].subject


async def test_a_visitor_who_is_not_signed_in_learns_nothing(desk: Desk) -> None:
    put(desk.engine, item("known"))
    for name in ("known", "unknown"):
        read = await desk.browser.get(f"/advice/a-{name:a<13}")
        assert (read.status_code, read.text) == (303, "")
        assert read.headers["location"] == f"/signin?next=%2Fadvice%2Fa-{name:a<13}"
    answers = [
        await desk.browser.post(f"/advice/a-{name:a<13}/approve", data={"version": "1"})
        for name in ("known", "unknown")
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert SECRET not in answer.text
        assert "山田" not in answer.text
        assert answer.text == answers[0].text, "an item that is there looks like one that is not"
    assert (await desk.browser.get("/docs")).status_code == 404
    assert (await desk.browser.get("/openapi.json")).status_code == 404


async def test_a_form_of_another_session_or_of_none_is_refused(desk: Desk) -> None:
    put(desk.engine, item("one"))
    await desk.sign_in()
    path = "/advice/a-oneaaaaaaaaaa/approve"
    form = {"version": "1", "asked": ["pregnancy", "cancer"]}
    assert (await desk.browser.post(path, data=form)).status_code == 403
    assert (await desk.browser.post(path, data=form | {"csrf": "é"})).status_code == 403
    async with desk.another() as second:
        await desk.sign_in("佐藤", second)
        theirs = Page((await second.get("/queue")).text).forms["/signout"]["csrf"]
    assert (await desk.browser.post(path, data=form | {"csrf": theirs})).status_code == 403
    mine = Page((await desk.browser.get("/queue")).text).forms["/signout"]["csrf"]
    foreign = await desk.browser.post(path, data=form | {"csrf": mine}, headers={"Sec-Fetch-Site": "same-site"})
    assert foreign.status_code == 403
    assert (await desk.browser.post(path, data=form | {"csrf": mine})).status_code == 303


async def test_every_answer_carries_the_strict_headers(desk: Desk) -> None:
    answers = [
        await desk.browser.get("/queue"),
        await desk.browser.get("/desk.css"),
        await desk.browser.get("/nothing"),
        await desk.browser.get("/", headers={"Host": "evil.example"}),
        await desk.sign_in(),
        await desk.browser.get("/queue"),
    ]
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'none'" in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8321", 303), ("localhost", 303), ("[::1]:9", 303), ("LOCALHOST:1", 303),
     ("evil.example", 400), ("127.0.0.1.evil.example:8321", 400), ("", 400), ("[::1].evil", 400)],
)  # fmt: skip
async def test_only_its_own_names_reach_the_desk(desk: Desk, host: str, status: int) -> None:
    assert (await desk.browser.get("/", headers={"Host": host})).status_code == status


async def test_a_large_body_is_refused_before_it_is_read(desk: Desk) -> None:
    for path, limit in (("/account", BODY_LIMIT), ("/signin", CARRIED_LIMIT)):
        answer = await desk.browser.post(path, content=b"name=" + b"a" * limit)
        assert answer.status_code == 413


async def test_nonsense_is_answered_with_a_page(desk: Desk) -> None:
    await desk.sign_in()
    csrf = Page((await desk.browser.get("/queue")).text).forms["/signout"]["csrf"]
    answers = [
        (await desk.browser.get("/advice/..%2f..%2fetc"), 404),
        (await desk.browser.get("/advice/a-nothing"), 404),
        (await desk.browser.get("/advice/a-nosuchaaaaaaa"), 404),
        (await desk.browser.get("/advice/a-oneaaaaaaaaaa/approve"), 405),
        (await desk.browser.post("/advice/a-oneaaaaaaaaaa/undo", data={"csrf": csrf, "version": "zwei"}), 400),
        (await desk.browser.post("/advice/a-oneaaaaaaaaaa/undo", data={"csrf": csrf}), 400),
        (await desk.browser.post("/signin", content=b"\xff\xfe", headers={"Content-Type": "multipart/form-data"}), 400),
        (await desk.browser.get("/signin", params={"token": "\udcff".encode("utf-8", "surrogatepass")}), 403),
    ]
    for answer, status in answers:
        assert answer.status_code == status, answer.url
        assert len(re.findall("<h1>", answer.text)) == 1


async def test_a_bug_shows_a_page_and_no_traceback(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("山田 28.4")

    desk.app.add_api_route("/broken", broken)
    answer = await desk.browser.get("/broken")
    assert answer.status_code == 500
    assert "24時間見守りではありません" in answer.text
    assert "RuntimeError at broken" in caplog.text.replace("bug: ", "")
    assert "山田" not in answer.text + caplog.text


async def test_sessions_survive_a_restart_and_are_shared_by_processes(desk: Desk) -> None:
    await desk.sign_in()
    fresh = create_app(desk.engine, desk.links, lambda: NOW)
    transport = httpx.ASGITransport(fresh)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", cookies=desk.browser.cookies
    ) as late:
        assert (await late.get("/queue")).status_code == 200


@pytest.mark.parametrize(
    "way", ["//evil.example", "/\\evil.example", "https://evil.example/", "/signin?next=/", "queue", ""]
)
async def test_after_signing_in_nobody_is_sent_elsewhere(desk: Desk, way: str) -> None:
    form = {"way": "link", "token": desk.links.issue(NOW), "name": "鈴木", "next": way}
    entered = await desk.browser.post("/signin", data=form)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
