"""Letters from a real store: who is written to and who never, what they tell, and that it happens once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pypdfium2  # type: ignore[import-untyped]
import pytest
from sqlalchemy import Engine, insert, select

from engine import letters_batch, protection
from engine.letters import Said, read_code
from engine.letters_answer import Done, answer
from engine.letters_batch import Again, Made, again, gather, make, send
from engine.letters_file import pdf
from engine.letters_reply import Reply
from engine.letters_store import Wish
from engine.letters_window import Window, assumed, window_of
from engine.life_store import record
from engine.life_typed import Ready, Typed
from engine.life_typed import read as read_typed
from engine.refusal import Refusal
from engine.store import (
    audit,
    protecting,
    repo_consents,
    repo_contacts,
    repo_letters,
    repo_requests,
    repo_residents,
    repo_staff,
)
from engine.store.database import open_engine, read, write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.repo_facts import By as Signed
from engine.store.repo_letters import Letter
from engine.store.tables_following import LETTER, LETTER_BATCH, REFERRAL
from engine.wording import wording_faults
from tests.flow.furnished import store
from tests.flow.test_report import live_a_month
from tests.homes import HANAKO, NOW, TARO, consent
from tests.stores import furnished_file
from tests.web.desks import item, put

__all__ = ["store"]
pytestmark = pytest.mark.flow
TOWN = "062049"
DECEMBER = datetime(2026, 12, 2, 3, tzinfo=UTC)
LATER = DECEMBER + timedelta(days=1)
NOVEMBER = date(2026, 11, 1)
NURSE = By("s-nursenursenur", "test")
MONTH = Wish(town=TOWN, sort="month", month=NOVEMBER)
REFER = Wish(town=TOWN, sort="referral", month=NOVEMBER)
DICE = Random(8)
SAYS_NO = DECEMBER - timedelta(hours=1)


def edit(engine: Engine, name: str, **changes: Any) -> None:
    with write(engine) as connection:
        person = repo_residents.get(connection, name)
        assert person is not None
        changed = msgspec.structs.replace(person, **changes, version=person.version + 1)
        assert repo_residents.edit(connection, changed, NOW, actor="test", os_user="test") == changed


@cache
def _month(folder: Path) -> bytes:
    path = folder / "month.sqlite"
    engine = furnished_file(path)
    live_a_month(engine, NOW)
    edit(engine, HANAKO, channel="letter", address="〒998-0842 酒田市亀ケ崎1-2-34")
    edit(engine, TARO, channel="letter", address="〒998-0011 酒田市上安町5-6")
    engine.dispose()
    return path.read_bytes()


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Two people who read paper, after a month of readings; Taro got advice that a nurse approved."""
    path = tmp_path / "engine.sqlite"
    path.write_bytes(_month(tmp_path_factory.getbasetemp()))
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def made(engine: Engine, wish: Wish = MONTH, now: datetime = DECEMBER, seed: int = 1) -> Made:
    found = make(engine, wish, NURSE, now, Random(seed), None)
    assert isinstance(found, Made), found
    return found


def letters(engine: Engine, batch: int) -> list[Letter]:
    with read(engine) as connection:
        return repo_letters.of_batch(connection, batch)


def says_no(engine: Engine, name: str, purpose: str, **scope: str) -> None:
    with write(engine) as connection:
        said = msgspec.structs.replace(consent(name, purpose, granted=False, at=SAYS_NO), **scope)
        repo_consents.append(connection, said, os_user="test")


def lives(engine: Engine, name: str, sort: str, since: str) -> None:
    with write(engine) as connection:
        person = repo_residents.get(connection, name)
        assert person is not None
        ready = read_typed(connection, person, Typed(sort=sort, since=since), NURSE.actor, DECEMBER, DICE)
        assert isinstance(ready, Ready), ready
        done = record(connection, person, ready, Signed("s-nursenursenur", "test"), DECEMBER, DICE)
        assert not isinstance(done, Refusal), done


def hides(engine: Engine, name: str) -> None:
    drafted = protection.drafted(
        id="l-aaaaaaaaaaaaa", resident=name, seen="申出書", until=None, by=NURSE.actor, now=SAYS_NO
    )
    assert not isinstance(drafted, Refusal)
    with write(engine) as connection:
        protecting.begin(connection, drafted, NURSE, SAYS_NO, leave_home=False)


def text_of(content: bytes) -> list[str]:
    """The words of each page, without blanks."""
    document = pypdfium2.PdfDocument(content)
    try:
        return [re.sub(r"\s", "", page.get_textpage().get_text_bounded()) for page in document]
    finally:
        document.close()


def words_of(said: Said) -> list[str]:
    blocks = [line for one in (*said.front, *said.back) for line in (one.heading, *one.lines, one.small)]
    return [said.title, *said.lead, *blocks]


def test_a_batch_is_one_file_by_postcode_and_nobody_gets_the_same_letter_twice(home: Engine) -> None:
    batch = made(home)
    found = letters(home, batch.batch.seq)
    assert [one.resident for one in found] == [TARO, HANAKO]
    assert (batch.batch.letters, batch.left) == (2, {})
    pages = text_of(batch.content)
    assert len(pages) == batch.batch.pages
    fronts = [page for page in pages if "ここで切ってください" in page]
    assert ["上安町" in page for page in fronts] == [True, False]
    once_more = make(home, MONTH, NURSE, LATER, Random(2), None)
    assert isinstance(once_more, Refusal)
    assert (once_more.code, "already 2" in once_more.message) == ("nothing-new", True)
    with read(home) as connection:
        assert [one.action for one in audit.entries(connection, subject=TARO)].count("letter-make") == 1


def test_who_joins_later_gets_the_month_alone(home: Engine) -> None:
    edit(home, TARO, channel="page")
    assert [one.resident for one in letters(home, made(home).batch.seq)] == [HANAKO]
    edit(home, TARO, channel="letter")
    second = made(home, seed=2)
    assert [one.resident for one in letters(home, second.batch.seq)] == [TARO]
    assert second.left == {HANAKO: "already"}


def test_a_month_that_is_not_over_is_written_about_in_nobodys_letter(home: Engine) -> None:
    for wish, code in ((msgspec.structs.replace(MONTH, month=date(2026, 12, 1)), "month-not-over"),
                       (msgspec.structs.replace(MONTH, town="999999"), "unknown-town"),
                       (msgspec.structs.replace(MONTH, to="酒田市"), "one-resident")):  # fmt: skip
        found = make(home, wish, NURSE, DECEMBER, Random(1), None)
        assert isinstance(found, Refusal)
        assert found.code == code


GATES = {
    "inactive": lambda engine: lives(engine, TARO, "death", "2026-12-01"),
    "in-hospital": lambda engine: lives(engine, TARO, "hospital", "2026-12-01"),
    "in-care-home": lambda engine: lives(engine, TARO, "care-home", "2026-12-01"),
    "shielded": lambda engine: hides(engine, TARO),
    "no-consent": lambda engine: says_no(engine, TARO, "record"),
    "no-address": lambda engine: edit(engine, TARO, address=None),
}


@pytest.mark.parametrize("code", sorted(GATES))
def test_who_may_not_be_written_to_is_named_with_the_reason_and_is_in_no_file(home: Engine, code: str) -> None:
    before = made(home)
    GATES[code](home)
    after = again(home, before.batch.seq, LATER, None)
    assert isinstance(after, Again)
    assert (after.left, after.same) == ({TARO: code}, False)
    assert not [page for page in text_of(after.content) if "太郎" in page]
    with write(home) as connection:
        connection.execute(LETTER.delete())
    with read(home) as connection:
        fresh, left = gather(connection, MONTH, LATER, None, Random(2))
    assert left == {TARO: code}
    assert [one.resident for one in fresh] == [HANAKO]


def test_somebody_who_hides_is_written_to_only_where_the_desk_says(home: Engine) -> None:
    hides(home, TARO)
    named = msgspec.structs.replace(MONTH, residents=frozenset({TARO}))
    refused = make(home, named, NURSE, DECEMBER, Random(1), None)
    assert isinstance(refused, Refusal)
    assert "shielded 1" in refused.message
    one = made(home, msgspec.structs.replace(named, to="〒990-0001 山形市1-1 気付"))
    text = "".join(text_of(one.content))
    assert "山形市1-1" in text
    assert "上安町" not in text


def test_what_changes_while_the_file_is_drawn_is_not_in_it(home: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = pdf
    changes = [lambda: says_no(home, TARO, "record")]

    def slowly(*given: Any) -> bytes | Refusal:
        content = drawn(*given)
        if changes:
            changes.pop()()
        return content

    monkeypatch.setattr(letters_batch, "pdf", slowly)
    batch = made(home)
    assert [one.resident for one in letters(home, batch.batch.seq)] == [HANAKO]
    assert not [page for page in text_of(batch.content) if "太郎" in page]
    with read(home) as connection:
        assert connection.execute(select(LETTER_BATCH.c.seq)).scalars().all() == [batch.batch.seq]


def test_of_two_who_make_the_same_month_one_wins_and_nothing_is_half_there(
    home: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, others = pdf, [True]

    def meanwhile(*given: Any) -> bytes | Refusal:
        if others:
            others.pop()
            made(home, msgspec.structs.replace(MONTH, residents=frozenset({TARO})), seed=9)
        return drawn(*given)

    monkeypatch.setattr(letters_batch, "pdf", meanwhile)
    batch = made(home)
    assert [one.resident for one in letters(home, batch.batch.seq)] == [HANAKO]
    with read(home) as connection:
        found = repo_letters.batches(connection, None)
        assert sorted(one.letters for one in found) == [1, 1]
        assert len(repo_letters.told(connection, [HANAKO, TARO], "month")) == 2


def test_a_batch_is_printed_again_byte_for_byte_whatever_was_measured_since(home: Engine) -> None:
    batch = made(home)
    says_no(home, TARO, "advice")
    edit(home, HANAKO, phone="0234-99-9999")
    found = again(home, batch.batch.seq, LATER, None)
    assert isinstance(found, Again)
    assert (found.same, found.content == batch.content) == (True, True)
    nobody = again(home, 99, LATER, None)
    assert isinstance(nobody, Refusal)


def test_advice_is_in_the_letter_only_while_the_resident_agrees_to_it(home: Engine) -> None:
    says_no(home, TARO, "advice", kind="activity")
    taro = next(one.said for one in letters(home, made(home).batch.seq) if one.resident == TARO)
    headings = [one.heading for one in taro.front]
    told = "".join(line for one in taro.front for line in one.lines)
    assert "とどいた 助言" in headings
    assert "歩くことを" not in told
    with write(home) as connection:
        connection.execute(LETTER.delete())
    says_no(home, TARO, "advice")
    bare = next(one.said for one in letters(home, made(home, seed=2).batch.seq) if one.resident == TARO)
    assert "とどいた 助言" not in [one.heading for one in bare.front]


def test_a_kind_that_may_not_be_recorded_is_not_told(home: Engine) -> None:
    says_no(home, TARO, "record", kind="body-weight")
    taro = next(one.said for one in letters(home, made(home).batch.seq) if one.resident == TARO)
    assert "体重" not in [one.heading for one in taro.front]
    assert "歩数" in [one.heading for one in taro.front]
    assert taro.chart is not None
    assert taro.chart.title == "歩数"


def test_every_sentence_of_a_letter_keeps_the_wording_rules(home: Engine) -> None:
    for one in letters(home, made(home).batch.seq):
        lines = [line for line in words_of(one.said) if line]
        assert [(line, fault) for line in lines for fault in wording_faults("ja", line)] == []


def test_the_window_shows_the_address_and_nothing_of_the_letter(home: Engine) -> None:
    edit(home, HANAKO, address="〒998-0842 山形県酒田市亀ケ崎一丁目2番34号 コーポみなと亀ケ崎弐番館205号室 山田方")
    window = window_of(assumed())
    assert isinstance(window, Window)
    batch = made(home)
    document = pypdfium2.PdfDocument(batch.content)
    fronts = [page for page in document if "ここで" in page.get_textpage().get_text_bounded()]
    assert len(fronts) == 2
    for page, letter in zip(fronts, letters(home, batch.batch.seq), strict=True):
        wanted = f"〒{letter.said.to.postcode}{letter.said.to.address}{letter.said.to.name}様"
        for place in (window.blank, window.address):
            shown = page.get_textpage().get_text_bounded(*_points(place))
            assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", wanted)
    document.close()


def _points(place: Any) -> tuple[float, float, float, float]:
    """Left, bottom, right and top in points from the foot of the sheet."""
    mm = 72 / 25.4
    return place.left * mm, (297 - place.top - place.height) * mm, (place.left + place.width) * mm, (
        297 - place.top) * mm  # fmt: skip


def delivered(engine: Engine, name: str, severity: str = "prompt", **more: Any) -> None:
    nurse = repo_staff.Member(
        id=NURSE.actor, login="sato", name="佐藤 花", roles=frozenset({"nurse"}), municipalities=frozenset({TOWN}),
        created_at=NOW,
    )  # fmt: skip
    with write(engine) as connection:
        repo_staff.add(connection, nurse, By("s-admin", "test"))
    fields = {"state": "delivered", "decided_by": NURSE.actor, "rule_id": "home-bp-high", "topic": "blood-pressure",
              "resident_id": HANAKO, "text_ja": "家の 血圧が 高めです。\nお医者さんに 相談しましょう。"}  # fmt: skip
    put(engine, item(name, severity, **(fields | more)))


def test_a_referral_is_written_from_advice_somebody_answers_for_and_that_arrived(home: Engine) -> None:
    delivered(home, "yes")
    delivered(home, "habit", "routine")
    delivered(home, "goal", "soon", rule_id="bmi-above-target")
    delivered(home, "waits", state="open", decided_by=None)
    delivered(home, "nobody", decided_by=None)
    delivered(home, "taros", resident_id=TARO)
    says_no(home, TARO, "advice")
    batch = made(home, REFER)
    [letter] = letters(home, batch.batch.seq)
    assert (letter.resident, letter.about, letter.said.asks) == (
        HANAKO, "a-yesaaaaaaaaaa", ("seen", "planned", "declined", "call")
    )  # fmt: skip
    assert batch.left == {TARO: "no-consent"}
    text = "".join(text_of(batch.content))
    for part in (
        "家の血圧が高めです。",
        "佐藤花保健師が確かめました。",
        "お医者さんへ",
        "病院での値ではありません。",
        "128/78mmHg",
    ):
        assert part in text
    assert letter.said.chart is not None
    assert letter.said.chart.title == "血圧"
    assert [fault for line in words_of(letter.said) if line for fault in wording_faults("ja", line)] == []
    later = make(home, REFER, NURSE, LATER, Random(3), None)
    assert isinstance(later, Refusal)


def test_what_was_posted_is_a_contact_and_what_came_back_is_not_written_to_again(store: Engine) -> None:
    for name, street in ((HANAKO, "1"), (TARO, "2")):
        edit(store, name, channel="letter", address=f"〒998-0842 酒田市{street}")
    batch = made(store)
    with write(store) as connection:
        assert repo_letters.move_batch(connection, batch.batch.seq, "printed", LATER, NURSE) == [HANAKO, TARO]
        assert send(connection, batch.batch.seq, LATER, NURSE, Random(4)) == [HANAKO, TARO]
        assert send(connection, batch.batch.seq, LATER, NURSE, Random(5)) == []
        [contact] = repo_contacts.of_resident(connection, TARO)
        assert (contact.how, contact.outcome) == ("letter", "message")
        letter = repo_letters.of_resident(connection, TARO)[0]
        assert repo_letters.move(connection, letter, "returned", LATER, NURSE, "unknown")
        assert not repo_letters.move(connection, letter, "returned", LATER, NURSE, "unknown")
        assert [one.resident for one in repo_letters.returned(connection, {TOWN})] == [TARO]
        assert repo_letters.states(connection, [batch.batch.seq])[batch.batch.seq] == {"sent": 1, "returned": 1}
    january = datetime(2027, 1, 4, tzinfo=UTC)
    next_month = msgspec.structs.replace(MONTH, month=date(2026, 12, 1))
    assert made(store, next_month, january, 6).left == {TARO: "came-back"}
    edit(store, TARO, address="〒998-0842 酒田市3")
    assert made(store, next_month, january, 7).left == {HANAKO: "already"}
    with read(store) as connection:
        assert repo_letters.returned(connection, None) == []


def test_who_was_written_to_twice_before_the_first_came_back_is_not_forgotten(home: Engine) -> None:
    made(home)
    made(home, msgspec.structs.replace(MONTH, month=date(2026, 10, 1)), seed=2)
    with write(home) as connection:
        newer, older = repo_letters.of_resident(connection, TARO)
        assert newer.seq > older.seq
        assert repo_letters.move(connection, older, "returned", LATER, NURSE, "moved")
        assert [one.seq for one in repo_letters.returned(connection, {TOWN})] == [older.seq]
        assert repo_letters.move(connection, newer, "returned", LATER + timedelta(days=1), NURSE, "moved")
        assert [one.seq for one in repo_letters.returned(connection, {TOWN})] == [newer.seq], "each person once"
        assert repo_letters.astray(connection, [HANAKO, TARO]) == {TARO: newer.said.to}
        # An answer from there is newer than what the post said.
        newer = repo_letters.of_resident(connection, TARO)[0]
        assert repo_letters.move(connection, newer, "replied", LATER + timedelta(days=2), NURSE)
        assert repo_letters.returned(connection, {TOWN}) == []
        assert repo_letters.astray(connection, [TARO]) == {}


def replied(engine: Engine, said: Reply, name: str = HANAKO) -> Done | Refusal:
    with write(engine) as connection:
        letter = repo_letters.of_resident(connection, name)[0]
        return answer(connection, letter, said, LATER, NURSE, DICE)


def test_a_reply_becomes_what_it_says_once(home: Engine) -> None:
    made(home)
    done = replied(home, Reply(ticks=frozenset({"call", "moved"}), words="足が いたいです"))
    assert isinstance(done, Done)
    assert (done.stopped, done.visit) == (False, None)
    with read(home) as connection:
        [asked] = repo_requests.of(connection, HANAKO)
        assert (asked.id, asked.kind, asked.desk) == (done.request, "call", "health")
        assert asked.text.splitlines()[-1] == "足が いたいです"
        assert len(asked.text.splitlines()) == 3
        [contact] = repo_contacts.of_resident(connection, HANAKO)
        assert (contact.how, contact.outcome, contact.text) == ("letter", "reached", "")
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert person.channel == "letter"
    twice = replied(home, Reply(ticks=frozenset({"fine"})))
    assert isinstance(twice, Refusal)
    assert twice.code == "replied"


def test_fine_asks_nobody_anything_and_stop_ends_the_letters(home: Engine) -> None:
    made(home)
    fine = replied(home, Reply(ticks=frozenset({"fine"})), TARO)
    assert isinstance(fine, Done)
    assert fine.request is None
    stop = replied(home, Reply(ticks=frozenset({"stop"})))
    assert isinstance(stop, Done)
    assert (stop.stopped, stop.request) == (True, None)
    with read(home) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert person.channel == "none"
        assert [one.id for one in repo_letters.readers(connection, TOWN)] == [TARO]
        assert repo_letters.channels(connection, {TOWN}) == {"letter": 1, "none": 1}


@pytest.mark.parametrize("kept", [True, False])
def test_a_visit_to_the_doctor_reaches_the_follow_up_or_a_nurse(home: Engine, kept: bool) -> None:
    delivered(home, "yes")
    made(home, REFER)
    if kept:
        with write(home) as connection:
            connection.execute(
                insert(REFERRAL),
                {"advice_id": "a-yesaaaaaaaaaa", "resident_id": HANAKO, "municipality_code": TOWN, "state": "open",
                 "delivered_at": to_micros(NOW), "ask_on": "2026-12-05", "asked": 0, "version": 1},
            )  # fmt: skip
    done = replied(home, Reply(ticks=frozenset({"seen"}), seen_on=date(2026, 12, 1)))
    assert isinstance(done, Done)
    assert (done.visit, done.request is None) == ("seen", kept)
    with read(home) as connection:
        rows = connection.execute(select(REFERRAL.c.state, REFERRAL.c.seen_on)).all()
        assert [tuple(row) for row in rows] == ([("seen", "2026-12-01")] if kept else [])
        asked = [one.text for one in repo_requests.of(connection, HANAKO)]
        assert kept or "2026-12-01" in asked[0]


def test_codes_of_letters_are_read_back_and_lead_to_their_letter_alone(home: Engine) -> None:
    batch = made(home)
    for one in letters(home, batch.batch.seq):
        assert read_code(one.code) == one.code
        with read(home) as connection:
            assert repo_letters.by_code(connection, one.code) == one


def test_somebody_with_nothing_measured_still_gets_a_letter(home: Engine) -> None:
    wish = msgspec.structs.replace(MONTH, month=date(2026, 9, 1))
    taro = next(one.said for one in letters(home, made(home, wish).batch.seq) if one.resident == TARO)
    assert taro.lead == ("この月の 記録は ありません。",)
    assert (taro.front, taro.chart) == ((), None)
