"""What residents ask for: who reads it, by when it is answered, and what of it never reaches the help desk."""

from __future__ import annotations

from datetime import timedelta

from engine.people import Resident
from engine.requests import Kind, Request
from engine.store import repo_contacts, repo_notices, repo_requests, repo_residents
from engine.store.database import read, write
from tests.web.care import NURSE, STRANGER, stranger, withdraw
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
SECRET = "血糖が 下がって ふるえました"


def asked(desk: Desk, kind: Kind, text: str = SECRET, about: str | None = None, who: str = TARO) -> Request:
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, who)
        assert isinstance(person, Resident)
        return repo_requests.add(connection, person, kind, text, about, desk.clock[0])


def now_is(desk: Desk, request: Request) -> Request:
    with read(desk.engine) as connection:
        found = repo_requests.get(connection, request.id)
    assert found is not None
    return found


async def form_of(desk: Desk, root: str, request: Request, verb: str) -> dict[str, str]:
    page = await desk.browser.get(f"{root}/{request.id}")
    return Page(page.text).forms[f"{root}/{request.id}/{verb}"]


async def test_requests_wait_by_due_date_and_late_ones_are_named(desk: Desk) -> None:
    question, call = asked(desk, "ask", "散歩は 雨の日も しますか"), asked(desk, "call", "電話を ください", who=HANAKO)
    desk.wait(timedelta(days=4))
    desk.enter_as("nurse")
    text = (await desk.browser.get("/requests")).text
    assert text.index(call.id) < text.index(question.id)
    assert "超過" in text
    assert "2件が返事を待っています" in text


async def test_an_answer_in_plain_words_reaches_the_resident_and_tells_them_only_that_there_is_one(desk: Desk) -> None:
    request = asked(desk, "ask")
    desk.enter_as("nurse")
    form = await form_of(desk, "/requests", request, "answer")
    sent = await desk.browser.post(f"/requests/{request.id}/answer", data=form | {"text": "あした 電話します。"})
    assert sent.status_code == 303
    after = now_is(desk, request)
    assert (after.state, after.answer, after.closed_by) == ("answered", "あした 電話します。", NURSE)
    with read(desk.engine) as connection:
        [notice] = repo_notices.of(connection, TARO)
    assert (notice.kind, notice.about) == ("answer", request.id)


async def test_an_answer_no_resident_should_read_is_refused_and_kept_in_the_form(desk: Desk) -> None:
    request = asked(desk, "ask")
    desk.enter_as("nurse")
    form = await form_of(desk, "/requests", request, "answer")
    for words in ("あなたは糖尿病です。", "血圧は正常です。", "あ" * 41, "一行目。\n\n三行目。", ""):
        again = await desk.browser.post(f"/requests/{request.id}/answer", data=form | {"text": words})
        assert again.status_code == 422
        assert f">{words}</textarea>" in again.text
    assert now_is(desk, request).state == "open"


async def test_of_two_who_answer_one_wins(desk: Desk) -> None:
    request = asked(desk, "call")
    desk.enter_as("nurse")
    first = await form_of(desk, "/requests", request, "close")
    done = await desk.browser.post(f"/requests/{request.id}/close", data=first | {"end": "phoned", "text": "話した"})
    assert done.status_code == 303
    late = await desk.browser.post(f"/requests/{request.id}/answer", data=first | {"text": "あした 電話します。"})
    assert late.status_code == 409
    # Nor does the version that is stored now open what is closed.
    newer = first | {"version": str(now_is(desk, request).version), "text": "あした 電話します。"}
    assert (await desk.browser.post(f"/requests/{request.id}/answer", data=newer)).status_code == 409
    assert now_is(desk, request).state == "closed"
    with read(desk.engine) as connection:
        [contact] = repo_contacts.of_resident(connection, TARO)
    assert (contact.how, contact.outcome, contact.text) == ("phone", "reached", "話した")


async def test_the_help_desk_sees_its_own_requests_and_never_a_word_told_to_a_nurse(desk: Desk) -> None:
    health, device = asked(desk, "ask"), asked(desk, "device", "体重計が つながりません")
    desk.enter_as("helpdesk", by="s-helpdeskhelpd")
    text = (await desk.browser.get("/devices/requests")).text
    assert device.id in text
    assert health.id not in text
    assert SECRET not in text
    assert (await desk.browser.get(f"/devices/requests/{health.id}")).status_code == 404
    assert (await desk.browser.get(f"/requests/{health.id}")).status_code == 403
    page = (await desk.browser.get(f"/devices/requests/{device.id}")).text
    assert "山田" not in page  # the reading of the name is enough to telephone
    assert "/residents/" not in page


async def test_handing_over_writes_new_words_and_keeps_the_promised_day(desk: Desk) -> None:
    request = asked(desk, "ask")
    desk.enter_as("nurse")
    form = await form_of(desk, "/requests", request, "hand")
    empty = await desk.browser.post(f"/requests/{request.id}/hand", data=form | {"text": " "})
    assert empty.status_code == 422
    sent = await desk.browser.post(f"/requests/{request.id}/hand", data=form | {"text": "体重計を 見てください"})
    assert sent.status_code == 303
    assert now_is(desk, request).state == "handed"
    with read(desk.engine) as connection:
        [made] = repo_requests.waiting(connection, "devices", {"062049"})
    assert (made.text, made.due_at, made.about) == ("体重計を 見てください", request.due_at, request.id)
    desk.enter_as("helpdesk", by="s-helpdeskhelpd")
    assert SECRET not in (await desk.browser.get(f"/devices/requests/{made.id}")).text
    back = await form_of(desk, "/devices/requests", made, "hand")
    assert (await desk.browser.post(f"/devices/requests/{made.id}/hand", data=back)).status_code == 303
    assert now_is(desk, made).desk == "health"


async def test_requests_of_another_town_do_not_exist_and_a_record_is_linked_only_with_consent(desk: Desk) -> None:
    stranger(desk.engine, NOW)
    away, here = asked(desk, "call", who=STRANGER), asked(desk, "call")
    session = desk.enter_as("nurse")
    assert away.id not in (await desk.browser.get("/requests")).text
    assert (await desk.browser.get(f"/requests/{away.id}")).status_code == 404
    sent = await desk.browser.post(
        f"/requests/{away.id}/close", data={"csrf": session.csrf, "version": "1", "end": "settled"}
    )
    assert sent.status_code == 404
    assert f'href="/residents/{TARO}"' in (await desk.browser.get(f"/requests/{here.id}")).text
    withdraw(desk.engine, TARO, "nurse-review", NOW)
    page = await desk.browser.get(f"/requests/{here.id}")
    assert page.status_code == 200  # they asked for a call themselves
    assert f'href="/residents/{TARO}"' not in page.text
