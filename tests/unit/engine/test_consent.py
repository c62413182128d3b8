"""Consent decided case by case: scopes, ends, and what cannot be said at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from engine.consent import PURPOSES, Event, permits, say, standing
from engine.consent_texts import TEXTS, Purpose, text_hash
from engine.refusal import Refusal

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def _said(purpose: str = "care-share", *, granted: bool = True, days: int = 0, **more: Any) -> Event:
    return Event(resident="r-aaaaaaaaaaaaa", purpose=purpose, granted=granted, at=NOW + days * DAY, **more)  # type: ignore[arg-type]


def _asked(events: list[Event], recipient: str | None = None, kind: str | None = None, days: int = 10) -> str:
    return permits(events, "care-share", recipient, kind, NOW + days * DAY).code


def test_a_no_to_one_recipient_beats_the_earlier_yes_to_all() -> None:
    events = [_said(), _said(granted=False, days=1, recipient="clinic")]
    assert _asked(events, "clinic", "spo2") == "withdrawn"
    assert _asked(events, "hospital", "spo2") == "granted"
    assert _asked(events) == "partly-withdrawn"


def test_a_later_yes_to_all_opens_again_what_was_closed() -> None:
    events = [_said(granted=False, kind="spo2"), _said(days=1)]
    assert _asked(events, "clinic", "spo2") == "granted"


def test_a_yes_to_one_recipient_is_no_yes_to_all_or_to_another() -> None:
    events = [_said(recipient="clinic")]
    assert _asked(events, "clinic", "spo2") == "granted"
    assert _asked(events) == _asked(events, "hospital") == "never-granted"


def test_a_yes_ends_at_its_instant_and_not_before() -> None:
    events = [_said(until=NOW + DAY)]
    end = NOW + DAY
    assert permits(events, "care-share", None, None, end - timedelta(microseconds=1)).granted
    assert permits(events, "care-share", None, None, end).code == "expired"


def test_a_yes_that_has_ended_does_not_bring_back_an_earlier_one() -> None:
    assert _asked([_said(), _said(days=1, until=NOW + 2 * DAY)]) == "expired"


def test_nothing_holds_before_it_was_said() -> None:
    assert permits([_said(days=1)], "care-share", None, None, NOW).code == "never-granted"


def test_of_two_events_of_one_instant_the_later_numbered_holds() -> None:
    yes, no = _said(seq=1), _said(granted=False, seq=2)
    assert _asked([yes, no]) == _asked([no, yes]) == "withdrawn"


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (_said("nothing"), "unknown-purpose"),
        (_said("open-statistics", recipient="clinic"), "no-recipients"),
        (_said("learning", kind="spo2"), "no-kinds"),
        (_said("record", kind="body-weigth"), "unknown-kind"),
        (_said("advice", kind="Salt!"), "unknown-kind"),
        (_said(recipient=" "), "empty"),
        (_said(recipient="a\nb"), "control-character"),
        (_said(until=NOW), "until-past"),
        (_said(granted=False, until=NOW + DAY), "until-on-withdrawal"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_code(draft: Event, code: str) -> None:
    refused = say(draft)
    assert isinstance(refused, Refusal)
    assert refused.code == code


def test_what_is_said_keeps_the_hash_of_the_words_that_were_shown() -> None:
    said = say(_said("advice", kind="steps"))
    assert isinstance(said, Event)
    assert said.text_hash == text_hash("advice")
    assert standing([said], NOW)[0].text_current


def test_words_that_have_changed_since_are_told() -> None:
    old = _said("record", text_hash="0" * 64)
    assert not standing([old], NOW)[0].text_current


def test_every_purpose_has_words_in_both_languages_and_a_hash_of_its_own() -> None:
    assert set(TEXTS) == set(PURPOSES) == set(get_args(Purpose))
    assert len({text_hash(purpose) for purpose in PURPOSES}) == len(PURPOSES) == 10
    for text in TEXTS.values():
        assert text.label_ja
        assert text.label_en
        assert text.en.endswith(".")
        assert text.ja.endswith("。")
        # Plain Japanese: sentences of at most 40 characters.
        assert max(map(len, text.ja.split("。"))) <= 40
