"""What somebody said, told as FHIR and read again by a house that knows nothing of them, stands there as it stood."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.consent import PURPOSES, Event, permits, say, standing
from engine.consent_texts import TEXTS
from fhir_bridge.bundle import encode
from fhir_bridge.holdings import Holdings
from fhir_bridge.imports.consent_filing import order
from fhir_bridge.imports.fhir_consents import Document, said_in, standing_still
from fhir_bridge.resources.consents import consents
from tests.bridge.held import ZONE, everything
from tests.homes import HANAKO

START = datetime(2026, 1, 1, tzinfo=UTC)
# Instants that meet, that lie in one second, and days.
AT = st.sampled_from([0, 1, 400_000, 1_000_000, 86_400_000_000, 5 * 86_400_000_000])
RECIPIENTS, KINDS = (
    st.sampled_from([None, "choukai-net", "鶴岡の 病院"]),
    st.sampled_from([None, "body-weight", "spo2"]),
)
PURPOSE = st.sampled_from(["care-share", "family-view", "record", "open-statistics", "interest-link", "advice"])
HELD = everything()


@st.composite
def _histories(draw: st.DrawFn) -> list[Event]:
    said = draw(st.lists(st.tuples(PURPOSE, RECIPIENTS, KINDS, st.booleans(), AT, st.none() | AT), max_size=12))
    found = []
    for seq, (purpose, recipient, kind, granted, at, lasts) in enumerate(said, 1):
        text = TEXTS[purpose]
        drafted = Event(
            resident=HANAKO, purpose=text.purpose, granted=granted, at=START + timedelta(microseconds=at),
            recipient=recipient if text.recipients else None, kind=kind if text.scope == "kind" else None,
            until=START + timedelta(microseconds=at + lasts + 1) if granted and lasts is not None else None,
        )  # fmt: skip
        told = say(drafted)
        assert isinstance(told, Event)
        found.append(msgspec.structs.replace(told, seq=seq))
    return found


@given(_histories(), st.randoms(use_true_random=False))
def test_out_and_in_again_gives_an_equal_standing_and_equal_answers(events: list[Event], rng: object) -> None:
    now = START + timedelta(days=3)
    said = [one for one in events if one.at <= now]
    told = [json.loads(encode(one.body)) for one in consents(_holding(said, now))]
    rng.shuffle(told)  # type: ignore[attr-defined]
    read = [said_in(one, HANAKO, (), now, ZONE) for one in told]
    assert all(isinstance(one, Document) for one in read), read
    drafts = [event for one in read if isinstance(one, Document) for event in one.events]
    again = [
        msgspec.structs.replace(standing_still([], one, now), seq=seq)
        for seq, one in enumerate(sorted(drafts, key=order), 1)
    ]
    assert standing(again, now) == standing(said, now)
    for purpose in PURPOSES:
        instants = [one.at for one in said if one.purpose == purpose]
        for one in said:
            here, there = (permits(all_, purpose, one.recipient, one.kind, now).granted for all_ in (said, again))
            # Of two words of one instant about different parts a document does not tell which came last: no holds.
            assert here == there or (here and len(set(instants)) < len(instants))


def _holding(events: list[Event], now: datetime) -> Holdings:
    return msgspec.structs.replace(HELD, consents=tuple(events), now=now)
