"""What a resident tells: answers, values by hand, requests; kept as said, asked again when surprising, never lost."""

from __future__ import annotations

import re
from datetime import date, timedelta

import httpx
import msgspec
import pytest

from engine.asking import MOST
from engine.clinical import Fact
from engine.contract import wire
from engine.contract.topics import up
from engine.questionnaires import questionnaires
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import audit, repo_advice, repo_consents, repo_facts, repo_history, repo_requests
from engine.store.database import read, write
from engine.store.instants import to_micros
from engine.web.answers import questionnaires_for
from engine.web.me.devices import battery_of
from engine.web.sessions import Session
from tests.homes import DEVICE, GATEWAY, consent, resident, weighing
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, item, put
from tests.web.records_home import DAY, fact, record

__all__ = ["desk"]
pytestmark = pytest.mark.flow


def sit(desk: Desk, who: str = HANAKO) -> Session:
    return desk.enter_as("resident", by=who, name="山田 花子", towns=())


async def send(desk: Desk, path: str, data: dict[str, str | list[str]]) -> httpx.Response:
    session = sit(desk)
    return await desk.browser.post(path, data={"csrf": session.csrf, **data})


def facts(desk: Desk) -> list[Fact]:
    with read(desk.engine) as connection:
        return repo_facts.of_one(connection, HANAKO)


def stored(desk: Desk, *kinds: str, who: str = HANAKO) -> dict[str, list[str]]:
    with read(desk.engine) as connection:
        found = repo_history.history(connection, who, kinds, 0, to_micros(desk.clock[0]) + 1)
    return {kind: [str(point.value) for point in points] for kind, points in found.items() if points}


# Questions.


async def test_three_questions_at_a_time_the_most_forbidding_first_and_an_answer_is_not_asked_again(desk: Desk) -> None:
    sit(desk)
    page = (await desk.browser.get("/me/questions")).text
    names = re.findall(r'name="q\.([^"]+)"', page)
    asked = list(dict.fromkeys(names))
    assert (len(asked), asked[0]) == (MOST, "symptoms")
    answer = await send(desk, "/me/questions", {"form": "veto", "q.symptoms": "none", "q.kidney": "unknown"})
    assert answer.status_code == 303
    told = {one.code: one for one in facts(desk)}
    assert told["symptom.red-flag"].value == "0"
    assert {(one.actor, one.channel, one.source) for one in told.values()} == {(HANAKO, "page", "resident")}
    after = (await desk.browser.get(answer.headers["location"])).text
    assert "答えを うけとりました。" in after
    assert 'name="q.symptoms"' not in after


async def test_a_sign_that_is_urgent_is_answered_at_once_by_the_fixed_words_and_drafts_an_urgent_item(
    desk: Desk,
) -> None:
    answer = await send(desk, "/me/questions", {"form": "veto", "q.symptoms": ["red-flag"]})
    assert answer.status_code == 200
    assert "tel:119" in answer.text
    assert 'name="q.' not in answer.text
    with read(desk.engine) as connection:
        items = repo_advice.listed(connection, resident=HANAKO)
    assert [one.severity for one in items] == ["emergency"]


async def test_choices_that_contradict_are_asked_again_and_nothing_of_the_form_is_kept(desk: Desk) -> None:
    for choices in (["none", "red-flag"], ["no-such-choice"], ["unknown", "hypoglycemia"]):
        answer = await send(desk, "/me/questions", {"form": "veto", "q.symptoms": choices, "q.pregnancy": "no"})
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), choices
        assert facts(desk) == []


async def test_what_a_hospital_wrote_is_not_asked_again_and_not_told_through_the_question(desk: Desk) -> None:
    record(
        desk.engine,
        fact("has.ckd", "1", NOW - 400 * DAY, "hospital"),
        fact("has.dialysis", "0", NOW - 400 * DAY, "hospital"),
    )
    sit(desk)
    for form in ("veto", "older75"):
        page = (await desk.browser.get(f"/me/questions?form={form}")).text
        assert "病院" not in page
        assert "前の答え" not in page


async def test_a_form_that_there_is_not_and_a_resident_who_is_not_recorded(desk: Desk) -> None:
    assert (await send(desk, "/me/questions", {"form": "horoscope", "q.sign": "lion"})).status_code == 400
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(HANAKO, "record", granted=False, at=NOW), os_user="test")
    answer = await send(desk, "/me/questions", {"form": "veto", "q.symptoms": "none"})
    assert answer.status_code == 422
    assert "/me/consents#record" in answer.text
    assert facts(desk) == []
    assert (await send(desk, "/me/entry", {"weight": "61.2"})).status_code == 200
    assert stored(desk, "body-weight") == {}


def test_which_form_is_put_to_whom_follows_the_age() -> None:
    forms = {
        years: questionnaires_for(resident(HANAKO, "花子", date(2026 - years, 1, 1)), date(2026, 6, 1))
        for years in (39, 40, 74, 75)
    }
    assert forms == {39: ("veto",), 40: ("veto", "standard22"), 74: ("veto", "standard22"), 75: ("veto", "older75")}
    assert {name for one in forms.values() for name in one} == set(questionnaires())


# Values by hand.


async def test_values_typed_in_any_width_are_kept_as_self_reported_and_shown_again(desk: Desk) -> None:
    answer = await send(
        desk, "/me/entry", {"weight": "６１．２", "upper": "128", "lower": "76", "pulse": "68", "steps": "5,400"}
    )
    assert answer.status_code == 200
    assert "記録しました" in answer.text
    found = stored(desk, "body-weight", "systolic", "diastolic", "pulse-rate", "steps-day")
    assert {kind: values[0] for kind, values in found.items()} == {
        "body-weight": "61.2", "systolic": "128", "diastolic": "76", "pulse-rate": "68", "steps-day": "5400",
    }  # fmt: skip
    with read(desk.engine) as connection:
        [entry] = [one for one in audit.entries(connection, subject=HANAKO, limit=99) if one.action == "reading-add"]
    assert entry.actor == HANAKO
    assert stored(desk, "body-weight", who=TARO) == {}


REFUSED: tuple[tuple[dict[str, str], str], ...] = (
    ({}, "どれか 一つは"), ({"weight": "heavy"}, "数字で"), ({"upper": "76", "lower": "128"}, "128/76"),
    ({"weight": "6120"}, "はかれません"), ({"upper": "128"}, "上と下を"),
    ({"weight": "61", "day": "2027-01-01", "at": "08:00"}, "まだ 来ていません"),
)  # fmt: skip


async def test_what_cannot_be_is_refused_in_words_and_stays_in_its_box(desk: Desk) -> None:
    for typed, word in REFUSED:
        answer = await send(desk, "/me/entry", dict(typed))
        assert (answer.status_code, word in answer.text) == (422, True), typed
        values = [held.get("value") for tag, held in Page(answer.text).tags if tag == "input"]
        assert all(text in values for text in typed.values()), typed
        assert stored(desk, "body-weight", "systolic") == {}


async def test_a_surprising_value_is_asked_about_and_the_yes_holds_for_that_value_alone(desk: Desk) -> None:
    await send(desk, "/me/entry", {"weight": "61.2"})
    desk.wait(timedelta(days=1))
    first = await send(desk, "/me/entry", {"weight": "161.2"})
    assert (first.status_code, "前と 大きく ちがいます" in first.text) == (422, True)
    sure = re.search(r'name="sure" value="([^"]+)"', first.text)
    assert sure is not None
    other = await send(desk, "/me/entry", {"weight": "171.2", "sure": sure[1]})
    assert other.status_code == 422
    assert stored(desk, "body-weight") == {"body-weight": ["61.2"]}
    assert (await send(desk, "/me/entry", {"weight": "161.2", "sure": sure[1]})).status_code == 200
    assert stored(desk, "body-weight") == {"body-weight": ["61.2", "161.2"]}


async def test_a_very_high_pressure_is_followed_by_what_to_do_and_an_item_for_the_nurse(desk: Desk) -> None:
    answer = await send(desk, "/me/entry", {"upper": "190", "lower": "118"})
    assert "もう一度 はかってください。" in answer.text
    assert "tel:119" in answer.text
    with read(desk.engine) as connection:
        assert {one.severity for one in repo_advice.listed(connection, resident=HANAKO)} & {
            "urgent",
            "prompt",
            "emergency",
        }
    calm = await send(desk, "/me/entry", {"upper": "128", "lower": "76", "at": "07:00"})
    assert "もう一度 はかってください。" not in calm.text


# Requests.


async def test_a_call_needs_no_words_and_is_promised_for_the_next_office_day(desk: Desk) -> None:
    answer = await send(desk, "/me/contact", {"kind": "call"})
    assert answer.status_code == 303
    page = (await desk.browser.get("/me/contact")).text
    # A Saturday before a holiday.
    assert "2026年11月24日までに 連絡します。" in page
    with read(desk.engine) as connection:
        [asked] = repo_requests.of(connection, HANAKO)
        assert [one.action for one in audit.entries(connection, subject=asked.id)] == ["request-add"]
    assert (asked.kind, asked.desk, asked.text) == ("call", "health", "")


async def test_a_question_without_words_or_kind_is_asked_for_again_with_what_was_typed(desk: Desk) -> None:
    forms = (
        ({"kind": "ask"}, "書いてください"),
        ({"kind": "ask", "text": "あ" * 501}, "500文字"),
        ({"text": "困った"}, "えらんで"),
    )
    for form, word in forms:
        answer = await send(desk, "/me/contact", dict(form))
        assert (answer.status_code, word in answer.text) == (422, True), form
        assert form.get("text", "") in answer.text
    with read(desk.engine) as connection:
        assert repo_requests.of(connection, HANAKO) == []


async def test_a_request_is_about_ones_own_matter_or_about_none(desk: Desk) -> None:
    put(desk.engine, item("mine", resident_id=HANAKO), item("his", resident_id=TARO))
    [his] = record(desk.engine, fact("lab.hb", "13.0", NOW - DAY, who=TARO))
    [mine, hidden] = record(
        desk.engine, fact("lab.hb", "12.9", NOW - DAY), fact("has.ckd", "1", NOW - DAY, "hospital"), seed=8
    )
    wanted = {
        item("mine").id: True,
        item("his").id: False,
        his.id: False,
        mine.id: True,
        hidden.id: False,
        DEVICE: True,
        "nonsense": False,
    }
    for about in wanted:
        await send(desk, "/me/contact", {"kind": "wrong", "text": f"これは {about}", "about": about})
    with read(desk.engine) as connection:
        found = {one.text.removeprefix("これは "): one for one in repo_requests.of(connection, HANAKO)}
    assert {about: one.about == about for about, one in found.items()} == wanted
    assert found[DEVICE].desk == "devices"


async def test_an_answer_of_the_desk_stands_under_the_question_and_only_there(desk: Desk) -> None:
    await send(desk, "/me/contact", {"kind": "ask", "text": "くつは どれが よいですか"})
    with write(desk.engine) as connection:
        [asked] = repo_requests.of(connection, HANAKO)
        done = msgspec.structs.replace(
            asked, state="answered", answer="かかとの 高くない くつです。", closed_at=NOW, closed_by="s-nursenursenur"
        )
        repo_requests.change(connection, done)
    assert "かかとの 高くない くつです。" in (await desk.browser.get("/me/contact")).text
    sit(desk, TARO)
    assert "くつ" not in (await desk.browser.get("/me/contact")).text


async def test_who_has_ten_open_requests_waits_for_an_answer(desk: Desk) -> None:
    for number in range(10):
        assert (await send(desk, "/me/contact", {"kind": "ask", "text": f"{number}"})).status_code == 303
    assert (await send(desk, "/me/contact", {"kind": "ask", "text": "もう一つ"})).status_code == 422


# Devices.


async def test_a_device_is_told_by_what_it_measured_of_me_and_never_by_others(desk: Desk) -> None:
    sit(desk)
    before = (await desk.browser.get("/me/devices")).text
    assert "まだ あなたを はかっていません。" in before
    assert f"about={DEVICE}" in before
    _weighed(desk, 2)
    assert "まだ あなたを はかっていません。" in (await desk.browser.get("/me/devices")).text
    _weighed(desk, 1)
    after = (await desk.browser.get("/me/devices")).text
    assert "体重計" in after
    assert "に はかりました。" in after


def _weighed(desk: Desk, slot: int) -> None:
    payload = wire.encode_batch([wire.encode_reading(weighing(1, slot=slot))])
    with write(desk.engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], NOW)


@pytest.mark.parametrize(
    ("percent", "word"), [(None, "unknown"), (100, "full"), (26, "full"), (25, "low"), (10, "empty")]
)
def test_a_battery_is_told_in_a_word(percent: int | None, word: str) -> None:
    assert battery_of(percent) == word
