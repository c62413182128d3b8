"""Forms on paper: a number that fits one person and today's words, and a signature that never beats a later word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import consent_paper
from engine.consent import PURPOSES, Event, permits
from engine.consent_form import html
from engine.consent_paper import Answer, Filled, drafts, filled, new_number, overtaken, read_number
from engine.consent_texts import TEXTS, text_hash
from engine.locale import LANGUAGES, Language
from engine.refusal import Refusal
from engine.sealing import Seal
from tests.homes import HANAKO, TARO, resident

SEAL = Seal(b"p" * 32)
TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
JAPAN = ZoneInfo("Asia/Tokyo")
SIGNED = date(2026, 11, 20)


def number(who: str = HANAKO, seed: int = 1) -> str:
    return new_number(SEAL, who, Random(seed))


def code(typed: str, who: str = HANAKO) -> str:
    told = read_number(SEAL, who, typed)
    assert isinstance(told, Refusal)
    return told.code


def form(*answers: Answer) -> Filled:
    made = filled(number(), SIGNED, answers, "", TODAY)
    assert isinstance(made, Filled)
    return made


@given(st.integers(0, 2**32))
def test_a_number_is_read_again_however_a_hand_writes_it(seed: int) -> None:
    printed = number(seed=seed)
    sloppy = printed.lower().replace("o", "0").replace("i", "1").replace("b", "8").replace("-", " ")
    for typed in (printed, sloppy, printed.replace("-", ""), printed.replace("-", "ー"), f" {printed} "):
        assert read_number(SEAL, HANAKO, typed) == printed


@given(st.integers(0, 2**32))
def test_a_form_of_somebody_else_or_of_another_house_is_told_by_its_number(seed: int) -> None:
    assert code(number(TARO, seed)) == "other-person"
    assert code(new_number(Seal(b"q" * 32), HANAKO, Random(seed))) == "other-person"


def test_one_letter_misread_is_no_form_of_this_person() -> None:
    printed = number()
    for at, letter in enumerate(printed.replace("-", "")):
        plain = printed.replace("-", "")
        other = "A" if letter != "A" else "C"
        assert code(plain[:at] + other + plain[at + 1 :]) == "other-person"
    for typed in ("", "ABCD", "ABCD-EFGH-JKL9", printed + "A"):
        assert code(typed) == "bad-number"


def test_other_words_make_a_new_form_necessary(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = number()
    monkeypatch.setattr(consent_paper, "text_hash", lambda purpose: text_hash(purpose)[::-1])
    assert code(printed) == "old-words"


@pytest.mark.parametrize(
    ("signed", "scan", "answers", "wanted"),
    [
        (TODAY + timedelta(days=1), "", [Answer("record", True)], "future-date"),
        (TODAY - timedelta(days=367), "", [Answer("record", True)], "old-date"),
        (TODAY, "abc", [Answer("record", True)], "bad-scan"),
        (TODAY, "", [], "nothing-answered"),
    ],
)
def test_a_form_that_cannot_be_is_refused(signed: date, scan: str, answers: list[Answer], wanted: str) -> None:
    told = filled(number(), signed, answers, scan, TODAY)
    assert isinstance(told, Refusal)
    assert told.code == wanted


def test_what_is_ticked_holds_from_now_and_what_is_not_ticked_says_nothing() -> None:
    paper = form(Answer("record", True), Answer("learning", False), Answer("care-share", True, "choukai-net"))
    told = drafts(paper, HANAKO, "s-nursenursenur", NOW)
    assert not isinstance(told, Refusal)
    assert [(one.purpose, one.granted, one.recipient) for one in told] == [
        ("record", True, None), ("learning", False, None), ("care-share", True, "choukai-net"),
    ]  # fmt: skip
    assert {(one.at, one.actor, one.channel) for one in told} == {(NOW, "s-nursenursenur", "paper")}
    assert [one.text_hash for one in told] == [text_hash(one.purpose) for one in told]
    assert not permits(told, "advice", None, None, NOW).granted


def test_a_yes_signed_before_the_person_spoke_again_is_overtaken_and_a_no_never_is() -> None:
    def said(purpose: str, hours: int, *, granted: bool = False) -> Event:
        at = datetime(2026, 11, 20, 15, tzinfo=UTC) + timedelta(hours=hours)
        return Event(resident=HANAKO, purpose=purpose, granted=granted, at=at)  # type: ignore[arg-type]

    yes = form(Answer("record", True), Answer("learning", False))
    # 15:00 UTC is the midnight after the day of the signature.
    assert overtaken(yes, [said("record", -25)], JAPAN) is None
    assert overtaken(yes, [said("record", -1, granted=True)], JAPAN) is None
    assert overtaken(yes, [said("record", -1)], JAPAN) == "record", "nobody knows which came first"
    assert overtaken(yes, [said("record", 1)], JAPAN) == "record"
    assert overtaken(yes, [said("learning", 1), said("advice", 1)], JAPAN) is None


def test_the_hash_is_of_the_scan_or_else_of_everything_that_was_typed() -> None:
    scanned = filled(number(), SIGNED, [Answer("record", True)], "a" * 64, TODAY)
    assert isinstance(scanned, Filled)
    assert (scanned.sha256, scanned.reference) == ("a" * 64, f"{number()} 2026-11-20 scan")
    typed = [form(Answer("record", granted)).sha256 for granted in (True, False)]
    assert len({*typed, form(Answer("record", True, "x")).sha256}) == 3
    assert form(Answer("record", True)).reference.endswith(" typed")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_printed_form_is_as_it_was(lang: Language, golden: Callable[[str, str], None]) -> None:
    person = resident(HANAKO, "花子", date(1951, 5, 5))
    page = html(person, "ABCD-EFGH-JKLM", lang)
    golden(f"consents/paper.{lang}.html", page)
    assert page == html(person, "ABCD-EFGH-JKLM", lang)
    for purpose in PURPOSES:
        assert all(line in page for line in TEXTS[purpose].lines(lang)), "the exact words stand on the paper"
    assert "http" not in page.replace("http://www.w3.org/2000/svg", ""), "it asks for no other file"
