"""The page of one item: what it shows, and every decision a person may make on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from random import Random
from typing import Any, get_args

import pytest
from sqlalchemy import Engine

from engine.access import Role
from engine.contract import wire
from engine.contract.topics import up
from engine.locale import LANGUAGES, Language
from engine.review import HOLD, NEXT_READING, READING_WAIT, Event, Item, State
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import audit, repo_advice, repo_evidence, repo_glass, repo_queue, repo_seen, repo_staff
from engine.store.database import read, write
from engine.store.filing import By
from tests.homes import GATEWAY, consent, weighing
from tests.web.desks import HANAKO, NOW, SECRET, TARO, Desk, Page, desk, heading, item, put

__all__ = ["desk"]
ONE, TWO = "a-oneaaaaaaaaaa", "a-twoaaaaaaaaaa"
ALL = ["pregnancy", "cancer"]
NURSE, OTHER, EIYO, DOCTOR = "s-nursenursenur", "s-tanakatanakat", "s-eiyoeiyoeiyoe", "s-doctordoctord"
PLAIN: dict[str, Any] = item("x").evidence | {"ask": []}
GOOD = {"text_ja": "体重の ことを 話しましょう。", "text_en": "Let us talk about your weight."}


def stored(engine: Engine, name: str = ONE) -> Item:
    with read(engine) as connection:
        found = repo_advice.get(connection, name)
    assert found is not None
    return found


def history(engine: Engine, name: str = ONE) -> list[Event]:
    with read(engine) as connection:
        return repo_advice.events(connection, name)


def hire(engine: Engine, id: str, name: str, *roles: Role, town: str = "062049") -> None:  # noqa: A002
    with write(engine) as connection:
        member = repo_staff.Member(
            id=id, login=id[2:], name=name, roles=frozenset(roles), municipalities=frozenset({town}), created_at=NOW
        )
        assert isinstance(repo_staff.add(connection, member, By("test", "test")), repo_staff.Member)


def forms(text: str, name: str = ONE) -> set[str]:
    """What may be done to the item on this page."""
    return {path.rpartition("/")[2] for path in Page(text).forms if path.startswith(f"/advice/{name}/")}


class _Outline(HTMLParser):
    """The words of the item itself, one line for each piece, forms and pictures by what they are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self._inside = (self._inside or held.get("class") == "page") and tag != "dialog"
        said = {"form": held.get("action"), "img": held.get("alt"), "summary": "▸"}.get(tag)
        if self._inside and said:
            self.lines.append(f"[{tag}] {said}" if tag != "summary" else "[details]")
        if self._inside and tag in {"h1", "h2", "h3"}:
            self.lines.append("#" * int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "main"

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.lines += [" ".join(line.split()) for line in data.strip().splitlines()]


async def test_the_whole_page_of_an_item_in_words(desk: Desk, golden: Callable[[str, str], None]) -> None:
    hire(desk.engine, OTHER, "田中 保健師", "nurse")
    put(desk.engine, item("one"))
    desk.enter_as("nurse", by=NURSE)
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    golden("web/item.txt", "\n".join(_Outline(page).lines) + "\n")


async def test_what_was_edited_is_approved_and_both_texts_are_kept(desk: Desk) -> None:
    put(desk.engine, item("one"))
    desk.enter_as("nurse", by=NURSE)
    sent = await desk.send(
        ONE, "edit", also="approve", asked=ALL, text_ja="体重の ことを 話しましょう。\r\n", text_en=GOOD["text_en"]
    )
    assert sent.status_code == 303
    after = stored(desk.engine)
    assert (after.state, after.text_ja, after.decided_by) == ("approved", GOOD["text_ja"], NURSE)
    assert after.held_until == NOW + HOLD
    *_, edited, approved = history(desk.engine)
    assert [edited.command, approved.command] == ["edit", "approve"]
    with read(desk.engine) as connection:
        [before] = [row for row in repo_advice.events(connection, ONE) if row.text_ja]
    assert before.text_ja == item("x").text_ja
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    assert SECRET in page, "the words before the change can be read"


BAD = {
    "あなたは 高血圧症です。": "病名があるように書かれています",
    "正常です。": "「正常」「異常」のたぐいの言葉です",
    "薬を やめましょう。": "薬の話が入っています",
    "話しましょう。 歩きましょう。": "1行に文が二つあります",
    "長" * 41: "1行が長すぎます",
    "話しましょう。\n\n歩きましょう。": "空の行があります",
}


async def test_words_that_may_not_be_sent_are_named_and_stay_typed(desk: Desk) -> None:
    put(desk.engine, item("one", evidence=PLAIN))
    desk.enter_as("nurse", by=NURSE)
    form = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/edit"]
    for text_ja, told in BAD.items():
        sent = form | {"also": "approve", "text_ja": text_ja, "text_en": GOOD["text_en"]}
        refused = await desk.browser.post(f"/advice/{ONE}/edit", data=sent)
        assert refused.status_code == 422
        assert told in refused.text
        assert text_ja in refused.text
    assert (stored(desk.engine).state, len(history(desk.engine))) == ("open", 1)


async def test_an_edit_whose_questions_were_not_put_stores_nothing(desk: Desk) -> None:
    put(desk.engine, item("one"))
    desk.enter_as("nurse", by=NURSE)
    refused = await desk.send(ONE, "edit", also="approve", asked=["cancer"], **GOOD)
    assert (refused.status_code, stored(desk.engine).state) == (422, "open")
    assert GOOD["text_ja"] in refused.text
    assert (await desk.send(ONE, "edit", **GOOD)).status_code == 303
    kept = stored(desk.engine)
    assert (kept.state, kept.decided_by, kept.text_ja) == ("claimed", NURSE, GOOD["text_ja"])


async def test_approving_unchanged_words_is_an_approval_and_no_edit(desk: Desk) -> None:
    put(desk.engine, item("one", evidence=PLAIN, **GOOD))
    desk.enter_as("nurse", by=NURSE)
    await desk.send(ONE, "edit", also="approve", **GOOD)
    assert [event.command for event in history(desk.engine)] == ["create", "approve"]


async def test_a_rejection_names_a_listed_reason_that_can_be_counted(desk: Desk) -> None:
    put(desk.engine, item("one"), item("two"))
    desk.enter_as("nurse", by=NURSE)
    assert (await desk.send(ONE, "reject")).status_code == 422
    await desk.send(ONE, "reject", why="in-treatment", reason="主治医あり")
    assert stored(desk.engine).reason == "in-treatment: 主治医あり"
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    assert "すでに治療・指導を受けている · 主治医あり" in page
    await desk.send(TWO, "reject", why="made-up", reason="別の理由")
    assert stored(desk.engine, TWO).reason == "別の理由"


async def test_an_item_sleeps_until_the_morning_a_day_or_the_next_reading(desk: Desk) -> None:
    put(desk.engine, *(item(name) for name in ("one", "two", "day", "bad")))
    desk.enter_as("nurse", by=NURSE)
    await desk.send(ONE, "snooze", when="tomorrow")
    assert stored(desk.engine).held_until == datetime(2026, 11, 21, 23, 0, tzinfo=UTC), "08:00 in Sakata"
    await desk.send(TWO, "snooze", when="next-reading")
    asleep = stored(desk.engine, TWO)
    assert (asleep.held_until, asleep.reason) == (NOW + READING_WAIT, NEXT_READING)
    await desk.send("a-dayaaaaaaaaaa", "snooze", when="date", day="2026-12-01")
    assert stored(desk.engine, "a-dayaaaaaaaaaa").held_until == datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    for day in ("", "morgen", "2026-11-21", "2027-11-21"):
        refused = await desk.send("a-badaaaaaaaaaa", "snooze", when="date", day=day)
        assert refused.status_code == 422
    assert 'value="2027-11-21"' in refused.text
    assert stored(desk.engine, "a-badaaaaaaaaaa").state == "open"
    put(desk.engine, item("red", "urgent"))
    assert "snooze" not in forms((await desk.browser.get("/advice/a-redaaaaaaaaaa")).text, "a-redaaaaaaaaaa")


async def test_a_physician_who_was_asked_decides_or_hands_back(desk: Desk) -> None:
    for who, name, role in ((NURSE, "鈴木 保健師", "nurse"), (DOCTOR, "石井 医師", "physician")):
        hire(desk.engine, who, name, role)  # type: ignore[arg-type]
    put(desk.engine, item("one", evidence=PLAIN))
    desk.enter_as("nurse", by=NURSE)
    assert (await desk.send(ONE, "escalate", reason="")).status_code == 422
    await desk.send(ONE, "escalate", reason="腎臓の数値も見てほしい")
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    assert forms(page) == {"undo", "forward", "note", "contact"}
    assert "鈴木 保健師 さんが医師に相談しました" in page
    csrf = {"csrf": Page(page).forms[f"/advice/{ONE}/undo"]["csrf"], "version": str(stored(desk.engine).version)}
    refused = await desk.browser.post(f"/advice/{ONE}/approve", data=csrf)
    assert (refused.status_code, heading(refused.text)) == (403, "医師が決めます")
    assert (await desk.browser.post(f"/advice/{ONE}/return", data=csrf | {"reason": "x"})).status_code == 403

    async with desk.another() as office:
        desk.enter_as("physician", by=DOCTOR, browser=office)
        theirs = Page((await office.get(f"/advice/{ONE}")).text).forms
        assert {f"/advice/{ONE}/{verb}" for verb in ("approve", "reject", "return")} <= set(theirs)
        back = theirs[f"/advice/{ONE}/return"] | {"reason": "このまま 話してよい"}
        assert (await office.post(f"/advice/{ONE}/return", data=back)).status_code == 303
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    assert "approve" in forms(page)
    assert "このまま 話してよい" in page


async def test_a_dietitian_sees_what_is_serious_and_hands_it_on(desk: Desk) -> None:
    hire(desk.engine, OTHER, "田中 保健師", "nurse")
    put(desk.engine, item("one", "prompt", evidence=PLAIN), item("two", "soon", evidence=PLAIN))
    desk.enter_as("dietitian", by=EIYO)
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    assert forms(page) == {"forward", "note", "contact"}
    form = Page(page).forms[f"/advice/{ONE}/forward"]
    refused = await desk.browser.post(f"/advice/{ONE}/approve", data=form)
    assert (refused.status_code, heading(refused.text)) == (403, "保健師か医師が決めます")
    assert stored(desk.engine).state == "open"
    assert (await desk.send(TWO, "approve")).status_code == 303


async def test_a_colleague_of_this_town_gets_it_with_a_word_of_why(desk: Desk) -> None:
    hire(desk.engine, OTHER, "田中 保健師", "nurse")
    hire(desk.engine, DOCTOR, "遠い 医師", "physician", town="064611")
    hire(desk.engine, "s-helphelphelph", "助け", "helpdesk")
    put(desk.engine, item("one"))
    desk.enter_as("nurse", by=NURSE)
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    options = [
        held["value"] for tag, held in Page(page).tags if tag == "option" and (held["value"] or "").startswith("s-")
    ]
    assert options == [OTHER]
    for to in (DOCTOR, "s-helphelphelph", NURSE, "s-nobodynobodyn", ""):
        refused = await desk.send(ONE, "forward", to=to, reason="家族を知っている")
        assert refused.status_code == 422
        assert "家族を知っている" in refused.text
    await desk.send(ONE, "forward", to=OTHER, reason="家族を知っている")
    with read(desk.engine) as connection:
        assert repo_evidence.desk_of(connection, ONE).assigned_to == OTHER
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    assert "田中 保健師 さんへまわし中" in page
    assert "家族を知っている" in page


async def test_what_is_urgent_can_be_sent_at_once_by_who_approved_it(desk: Desk) -> None:
    put(desk.engine, item("one", "urgent", evidence=PLAIN), item("two", evidence=PLAIN))
    desk.enter_as("nurse", by=NURSE)
    for name in (ONE, TWO):
        await desk.send(name, "approve")
    assert "send-now" not in forms((await desk.browser.get(f"/advice/{TWO}")).text, TWO)
    assert (await desk.send(ONE, "send-now")).status_code == 303
    after = stored(desk.engine)
    assert (after.state, after.held_until, after.decided_by) == ("approved", NOW, NURSE)
    assert "undo" not in forms((await desk.browser.get(f"/advice/{ONE}")).text)


async def test_an_urgent_item_waits_until_somebody_was_spoken_to(desk: Desk) -> None:
    hire(desk.engine, NURSE, "鈴木 保健師", "nurse")
    put(desk.engine, item("one", "urgent", evidence=PLAIN))
    desk.enter_as("nurse", by=NURSE)

    def waits() -> bool:
        with read(desk.engine) as connection:
            line = repo_queue.line(connection, ONE)
            assert line is not None
            assert line.needs_contact == repo_evidence.desk_of(connection, ONE).needs_contact
            return line.needs_contact

    assert "本人に連絡してください" in (await desk.browser.get(f"/advice/{ONE}")).text
    assert (await desk.send(ONE, "contact", how="phone", outcome="", text="留守のようだ")).status_code == 422
    assert (await desk.send(ONE, "contact", how="phone", outcome="absent", text="夕方にかけ直す")).status_code == 303
    assert waits()
    await desk.send(ONE, "contact", how="visit", outcome="reached", text="")
    assert not waits()
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    for words in ("電話 · 留守だった", "夕方にかけ直す", "訪問 · 本人と話した", "鈴木 保健師"):
        assert words in page, words
    assert "本人に連絡してください" not in page


async def test_a_note_is_kept_for_colleagues_and_leaves_no_word_in_the_audit(desk: Desk) -> None:
    put(desk.engine, item("one"))
    desk.enter_as("nurse", by=NURSE)
    for text in ("", " \n", "a" * 2_001, "a\u202eb"):
        assert (await desk.send(ONE, "note", text=text)).status_code == 422
    await desk.send(ONE, "note", text="長女と 同居。\r\n電話は 夕方。")
    assert "長女と 同居。\n電話は 夕方。" in (await desk.browser.get(f"/advice/{ONE}")).text
    with read(desk.engine) as connection:
        [entry] = [one for one in audit.entries(connection, limit=1000) if one.action == "note-add"]
        assert audit.verify(connection) is None
    assert (entry.actor, entry.subject, len(entry.detail_hash)) == (NURSE, ONE, 64)


async def test_behind_a_broken_glass_one_looks_and_decides_nothing(desk: Desk) -> None:
    from engine.store import repo_consents

    put(desk.engine, item("one", evidence=PLAIN))
    desk.enter_as("nurse", by=NURSE)
    form = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/approve"]
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(TARO, "nurse-review", granted=False, at=NOW), os_user="test")
        repo_glass.smash(connection, NURSE, TARO, "倒れたと連絡があった", NOW, Random(1), "test")
    page = await desk.browser.get(f"/advice/{ONE}")
    assert page.status_code == 200
    assert forms(page.text) == set()
    for verb in ("approve", "reject", "edit", "claim", "note", "contact", "snooze", "forward", "undo"):
        sent = await desk.browser.post(f"/advice/{ONE}/{verb}", data=form | {"reason": "x", "text": "x", "to": OTHER})
        assert sent.status_code == 403, verb
    assert (stored(desk.engine).state, len(history(desk.engine))) == ("open", 1)


async def test_what_was_overtaken_leads_to_what_took_its_place(desk: Desk) -> None:
    put(desk.engine, item("one", state="superseded", reason="evidence-changed"), item("two", supersedes=ONE))
    desk.enter_as("nurse", by=NURSE)
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    assert f'href="/advice/{TWO}"' in page
    assert "この助言は古くなりました" in page
    assert "値が変わったため" in page


async def test_the_next_item_opens_and_the_last_decision_can_be_undone_from_there(desk: Desk) -> None:
    put(desk.engine, item("one", evidence=PLAIN), item("two", evidence=PLAIN, created_at=NOW + timedelta(seconds=1)))
    desk.enter_as("nurse", by=NURSE)
    gone = await desk.send(ONE, "approve")
    assert gone.headers["location"] == f"/advice/{TWO}?done={ONE}"
    page = (await desk.browser.get(gone.headers["location"])).text
    form = Page(page).forms[f"/advice/{ONE}/undo"]
    assert (await desk.browser.post(f"/advice/{ONE}/undo", data=form)).headers["location"] == f"/advice/{ONE}"
    assert stored(desk.engine).state == "open"
    elsewhere = (await desk.browser.get(f"/advice/{TWO}", params={"done": "a-nosuchaaaaaaa"})).text
    assert "取り消せます" not in elsewhere.partition("<h1>")[0]


async def test_who_opened_which_version_is_known(desk: Desk) -> None:
    put(desk.engine, item("one", evidence=PLAIN))
    desk.enter_as("nurse", by=NURSE)
    await desk.browser.get(f"/advice/{ONE}")
    with read(desk.engine) as connection:
        assert repo_seen.versions(connection, [ONE, TWO], NURSE) == {ONE: 1}
        assert repo_seen.at(connection, [ONE], NURSE) == {ONE: NOW}
    await desk.send(ONE, "reject", why="not-now")
    desk.wait(timedelta(minutes=1))
    await desk.browser.get(f"/advice/{ONE}")
    with read(desk.engine) as connection:
        assert repo_seen.versions(connection, [ONE], NURSE) == {ONE: 2}
        assert repo_seen.readers(connection, ONE) == {NURSE: NOW + timedelta(minutes=1)}


def weigh(desk: Desk, *readings: Any) -> None:
    payload = wire.encode_batch([wire.encode_reading(one) for one in readings])
    with write(desk.engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], desk.clock[0])


async def test_the_chart_marks_what_the_rule_saw_and_what_came_since(desk: Desk) -> None:
    before, seen, late = weighing(1, "63.10"), weighing(2, "62.30"), weighing(3, "61.90")
    late_at = NOW + timedelta(hours=1)
    from msgspec.structs import replace

    late = replace(late, measured_at=late_at, received_at=late_at)
    desk.clock[0] = NOW + timedelta(hours=2)
    weigh(desk, before, seen, late)
    bmi = PLAIN["signals"]["bmi"] | {"inputs": [seen.id]}
    evidence = PLAIN | {"signals": {"bmi": bmi}, "as_of": NOW.isoformat()}
    put(desk.engine, item("one", resident_id=HANAKO, evidence=evidence))
    desk.enter_as("nurse", by=NURSE)
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    [picture] = [held for tag, held in Page(page).tags if tag == "img"]
    assert "1 件" in (picture["alt"] or "")
    svg = await desk.browser.get(picture["src"] or "")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert "25.0 kg/m²" in svg.text, "the limit of the rule"
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td></tr>', page)
    marks = [(value, note != "") for _, value, note in rows]
    # 61.90, 62.30 and 63.10 kg at 152.5 cm; the oldest was neither looked at nor new.
    assert [value.split(" ")[0] for value, _ in marks] == ["26.6", "26.8", "27.1"]
    assert [marked for _, marked in marks] == [True, True, False]
    with read(desk.engine) as connection:
        assert [one.subject for one in audit.entries(connection, limit=999) if one.action == "advice-chart"] == [ONE]
    assert (await desk.browser.get(f"/advice/{ONE}/chart/age.svg")).status_code == 404
    async with desk.another() as far:
        desk.enter_as("nurse", by=OTHER, towns=("064611",), browser=far)
        assert (await far.get(picture["src"] or "")).status_code == 404


async def test_what_came_of_the_advice_before_is_told(desk: Desk) -> None:
    from engine.store.database import upsert
    from engine.store.instants import to_micros
    from engine.store.tables_desk import ADVICE_RESPONSE

    old = NOW - timedelta(days=30)
    then = PLAIN | {"signals": {"bmi": PLAIN["signals"]["bmi"] | {"value": "29.9"}}}
    put(
        desk.engine, item("old", state="delivered", created_at=old, updated_at=old, evidence=then, text_ja="前の 文。"),
        item("one", evidence=PLAIN),
    )  # fmt: skip
    desk.enter_as("nurse", by=NURSE)
    assert "まだ開かれていません" in (await desk.browser.get(f"/advice/{ONE}")).text
    with write(desk.engine) as connection:
        repo_seen.mark(connection, "a-oldaaaaaaaaaa", TARO, 1, old + timedelta(hours=1))
        row = {"advice_id": "a-oldaaaaaaaaaa", "resident_id": TARO, "said": "useful", "at": to_micros(NOW)}
        upsert(connection, ADVICE_RESPONSE, [row])
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    for words in ("前の 文。", "に開いた", "役に立った", "29.9 kg/m² → 28.4 kg/m²"):
        assert words in page, words


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_every_state_has_a_whole_page_in_both_languages(desk: Desk, lang: Language) -> None:
    """A word that is missing raises, so a page that comes is complete."""
    hire(desk.engine, OTHER, "田中 保健師", "nurse")
    hire(desk.engine, DOCTOR, "石井 医師", "physician")
    states = get_args(State)
    made = [
        item(
            f"s{chr(ord('a') + number)}", state=state, decided_by=OTHER, held_until=NOW + HOLD, reason="not-now",
            escalated_by=OTHER if state == "escalated" else None,
        )
        for number, state in enumerate(states)
    ]  # fmt: skip
    put(desk.engine, *made, item("bare", "urgent", state="approved"))
    desk.enter_as("nurse", "physician", by=DOCTOR)
    for one in [*made, item("bare")]:
        page = await desk.browser.get(f"/advice/{one.id}", params={"lang": lang})
        assert page.status_code == 200, one.state
        assert ("html", {"lang": lang}) in Page(page.text).tags
