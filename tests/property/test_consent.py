"""What consent promises whatever was said in whatever order: silence is no, a later no is a no, purposes never mix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.consent import PURPOSES, Event, permits, standing

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = st.integers(0, 20)
WHEN = DAYS.map(lambda day: START + timedelta(days=day))
RECIPIENTS = st.sampled_from([None, "clinic", "daughter"])
KINDS = st.sampled_from([None, "body-weight", "systolic"])
PURPOSE = st.sampled_from(PURPOSES)


@st.composite
def _histories(draw: st.DrawFn) -> list[Event]:
    said = draw(st.lists(st.tuples(PURPOSE, RECIPIENTS, KINDS, st.booleans(), WHEN, st.none() | DAYS), max_size=12))
    return [
        Event(
            resident="r-aaaaaaaaaaaaa", purpose=purpose, recipient=recipient, kind=kind, granted=granted, at=at,
            until=at + timedelta(days=lasts + 1) if granted and lasts is not None else None, seq=seq,
        )
        for seq, (purpose, recipient, kind, granted, at, lasts) in enumerate(said, 1)
    ]  # fmt: skip


@given(PURPOSE, RECIPIENTS, KINDS, WHEN)
def test_who_said_nothing_said_no(purpose: str, recipient: str | None, kind: str | None, when: datetime) -> None:
    verdict = permits([], purpose, recipient, kind, when)  # type: ignore[arg-type]
    assert (verdict.granted, verdict.code) == (False, "never-granted")


@given(_histories(), PURPOSE, RECIPIENTS, KINDS, WHEN)
def test_a_no_to_everything_after_whatever_was_said_is_a_no(
    events: list[Event], purpose: str, recipient: str | None, kind: str | None, when: datetime
) -> None:
    no = Event(resident="r", purpose=purpose, granted=False, at=when, seq=99)  # type: ignore[arg-type]
    earlier = [event for event in events if event.at <= when]
    for later in (timedelta(0), timedelta(days=400)):
        assert not permits([*earlier, no], no.purpose, recipient, kind, when + later).granted


@given(_histories(), PURPOSE, RECIPIENTS, KINDS, WHEN, st.randoms())
def test_the_order_in_which_events_are_read_does_not_matter(
    events: list[Event], purpose: str, recipient: str | None, kind: str | None, when: datetime, rng: object
) -> None:
    shuffled = list(events)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    asked = (purpose, recipient, kind, when)
    assert permits(shuffled, *asked) == permits(events, *asked)  # type: ignore[arg-type]
    assert standing(shuffled, when) == standing(events, when)


@given(_histories(), PURPOSE, RECIPIENTS, KINDS, WHEN)
def test_what_is_said_about_other_purposes_changes_nothing(
    events: list[Event], purpose: str, recipient: str | None, kind: str | None, when: datetime
) -> None:
    own = [event for event in events if event.purpose == purpose]
    asked = (purpose, recipient, kind, when)
    assert permits(events, *asked) == permits(own, *asked)  # type: ignore[arg-type]
    others = [msgspec.structs.replace(event, granted=True) for event in events if event.purpose != purpose]
    assert not permits(others, *asked).granted  # type: ignore[arg-type]


@given(_histories(), PURPOSE, WHEN)
def test_a_yes_to_all_is_a_yes_to_each(events: list[Event], purpose: str, when: datetime) -> None:
    if permits(events, purpose, None, None, when).granted:  # type: ignore[arg-type]
        for recipient in ("clinic", "daughter", "stranger"):
            for kind in ("body-weight", "systolic", "spo2"):
                assert permits(events, purpose, recipient, kind, when).granted  # type: ignore[arg-type]


@given(_histories(), PURPOSE, RECIPIENTS, KINDS, WHEN)
def test_a_yes_always_names_a_yes_that_was_really_said_and_still_lasts(
    events: list[Event], purpose: str, recipient: str | None, kind: str | None, when: datetime
) -> None:
    verdict = permits(events, purpose, recipient, kind, when)  # type: ignore[arg-type]
    if verdict.granted:
        said = next(event for event in events if event.seq == verdict.event)
        assert said.granted
        assert said.purpose == purpose
        assert said.at <= when
        assert said.until is None or when < said.until
        assert said.recipient in {None, recipient}
        assert said.kind in {None, kind}


@given(_histories(), PURPOSE, RECIPIENTS, KINDS, WHEN)
def test_more_noes_never_open_anything(
    events: list[Event], purpose: str, recipient: str | None, kind: str | None, when: datetime
) -> None:
    no = Event(resident="r", purpose=purpose, recipient=recipient, kind=kind, granted=False, at=when, seq=99)  # type: ignore[arg-type]
    for asked_kind in (None, "body-weight", "spo2"):
        before = permits(events, no.purpose, recipient, asked_kind, when).granted
        assert before or not permits([*events, no], no.purpose, recipient, asked_kind, when).granted
