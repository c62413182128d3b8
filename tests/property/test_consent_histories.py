"""Ten thousand random lives of consent: whatever a gate lets through, a second reading of what was said allows.

The gates of the house are asked as the house asks them; `tests.consent_oracle` answers without any of their code.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine import consent
from engine.care_links import Link
from engine.consent import PURPOSES, Event, permits, standing
from engine.consent_texts import TEXTS
from engine.interests import OWN
from engine.show import show
from engine.signals import Point
from engine.situation import Situation
from engine.store.households import _withheld
from engine.web.me.family_scope import GROUPS, grants
from fhir_bridge.aggregate import Subject, Weighed, body_of, may_link
from fhir_bridge.gate import Door
from fhir_bridge.privacy_units import Period
from tests.consent_oracle import Talk, allowed
from tests.homes import HANAKO, resident

HISTORIES: Final = 10_000
START: Final = datetime(2026, 4, 1, tzinfo=UTC)
SPAN: Final = timedelta(days=40)
JAPAN: Final = ZoneInfo("Asia/Tokyo")
NET, DAUGHTER, WATCHER = "choukai-net", "m-daughterdaug2", "s-watcherwatch2"
RECIPIENTS: Final = (NET, "日本海総合病院", DAUGHTER, WATCHER, OWN)
KINDS: Final = ("body-weight", "systolic", "steps-day", "steps-total")
PERSON: Final = resident(HANAKO, "花子", date(1951, 5, 5))


def ask(seed: int, said: list[Event], when: datetime) -> None:
    """The heart of every gate answers as the oracle does, for narrow and for wide questions, in any order of reading."""
    rng = Random(seed)
    shuffled = list(said)
    rng.shuffle(shuffled)
    for _ in range(5):
        text = TEXTS[rng.choice(PURPOSES)]
        recipient = rng.choice((None, *RECIPIENTS, "ほかの だれか"))
        kind = rng.choice((None, *KINDS, "spo2"))
        wanted = allowed(said, text.purpose, recipient, kind, when)
        assert permits(shuffled, text.purpose, recipient, kind, when).granted is wanted, (seed, text.purpose)
    for one in standing(said, when):
        narrow = one.recipient or "ほかの だれか", one.kind or "spo2"
        assert not one.granted or allowed(said, one.purpose, *narrow, when), (seed, one)


def sends(seed: int, said: list[Event], when: datetime) -> int:
    """A value leaves for a network only with a yes to share and to record it and everything it tells."""
    link = Link(
        resident=HANAKO, network=NET, system="urn:x", value="4711", state="linked", remote_id="p1", by="t", at=START,
        version=1,
    )  # fmt: skip
    door = Door(resident=HANAKO, network=NET, link=link, events=tuple(said), situation=Situation(resident=HANAKO))
    tells = {"body-weight": ("body-weight",), "blood-pressure": ("systolic", "diastolic"), "bmi": ("bmi", "body-weight"),
             "steps-day": ("steps-day", "steps-total")}  # fmt: skip
    opened = 0
    for kind, told in tells.items():
        if door.refuses(kind, when) is None:
            opened += 1
            since = door.open_since(kind, when)
            assert since is not None
            assert since <= when
            for one in told:
                assert allowed(said, "care-share", NET, one, when), (seed, kind)
                assert allowed(said, "record", None, one, when), (seed, kind)
                # From the instant whose values may go on, the same was allowed.
                assert allowed(said, "care-share", NET, one, max(since, START)), (seed, kind)
    return opened


def shows(seed: int, said: list[Event], when: datetime) -> int:
    """A mirror shows a value only with a yes for its kind, and its lines end when a yes ends."""
    point = Point(at=when - timedelta(hours=1), value=Decimal("62.30"), unit="kg", reading_id="x", device_id="d")
    made = show(
        PERSON, {"body-weight": [point]}, [], [one for one in said if one.purpose == "mirror-display"], JAPAN, when
    )
    for value in made.values:
        assert allowed(said, "mirror-display", None, value.kind, when), seed
    for one in said:
        ended = one.purpose == "mirror-display" and one.until is not None and one.until > when
        assert not ended or not made.values or made.until <= one.until  # type: ignore[operator] # it ends
    return len(made.values)


def tells_family(seed: int, said: list[Event], when: datetime) -> int:
    """Family sees what was given to them by name, and never by a yes to everybody."""
    held = grants(said, DAUGHTER, when)
    named = [one for one in said if one.recipient == DAUGHTER]
    for name in held.groups:
        for kind in GROUPS[name]:
            assert allowed(said, "family-view", DAUGHTER, kind, when), (seed, name)
            assert allowed(named, "family-view", DAUGHTER, kind, when), (seed, name)
    assert not held.everything or allowed(said, "family-view", DAUGHTER, None, when), seed
    return len(held.groups)


def keeps(seed: int, said: list[Event], when: datetime) -> int:
    """A reading is kept only for a kind that may be recorded."""
    withheld = _withheld([one for one in said if one.purpose == "record"], when)
    for kind in (*KINDS, "spo2"):
        assert (kind not in withheld) is allowed(said, "record", None, kind, when), (seed, kind)
    return 1 if len(withheld) == 0 else 0


def counts(seed: int, said: list[Event], period: Period) -> int:
    """A statistic counts who allowed it at the cut-off, and joins interests of whoever allowed that; later words do
    not change it.
    """
    cutoff = period.cutoff(JAPAN)
    subject = Subject(
        born=date(1980, 5, 5), sex="female", height_cm=Decimal(160), consents=said,
        weights=(Weighed(START + timedelta(days=60), Decimal("60.0"), True),),
    )  # fmt: skip
    counted = body_of(subject, b"t", period, JAPAN) is not None
    assert counted is allowed(said, "open-statistics", None, None, cutoff), seed
    for service in (OWN, "library"):
        assert may_link(said, service, period, JAPAN) is allowed(said, "interest-link", service, None, cutoff), seed
    return counted


def campaign(histories: int) -> dict[str, int]:
    """So many lives through every gate; how much each let through."""
    # Words stand on both sides of the period's cut-off.
    period = Period(2026, 1)
    around = period.cutoff(JAPAN) - SPAN / 2
    through = dict.fromkeys(("sends", "shows", "family", "keeps", "counts"), 0)
    for seed in range(histories):
        talk = Talk(seed, around, SPAN)
        said = talk.history(HANAKO, PURPOSES if seed % 2 else NEAR[seed % len(NEAR)], RECIPIENTS, KINDS, 9)
        when = talk.instant()
        ask(seed, said, when)
        through["sends"] += sends(seed, said, when)
        through["shows"] += shows(seed, said, when)
        through["family"] += tells_family(seed, said, when)
        through["keeps"] += keeps(seed, said, when)
        through["counts"] += counts(seed, said, period)
    return through


def test_ten_thousand_histories_let_nothing_through_that_was_not_allowed_at_that_moment() -> None:
    through = campaign(HISTORIES)
    # Gates that let nothing through would pass as well.
    assert min(through.values()) > HISTORIES // 100, through


NEAR: Any = (
    ("care-share", "record"), ("mirror-display",), ("family-view",), ("record",), ("open-statistics", "interest-link"),
)  # fmt: skip


def test_the_oracle_notices_a_gate_that_forgets_what_ends_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: with the end of a yes, or the newest word, left out, the campaign fails within its first
    few hundred histories.
    """
    whole = consent._verdict
    broken: list[Any] = [
        lambda event, when: whole(event if event is None else _endless(event), when),
        lambda event, _when: whole(event, START),
    ]
    for lie in broken:
        monkeypatch.setattr(consent, "_verdict", lie)
        with pytest.raises(AssertionError):
            ask_many(600)


def ask_many(histories: int) -> None:
    for seed in range(histories):
        talk = Talk(seed, START, SPAN)
        ask(seed, talk.history(HANAKO, PURPOSES, RECIPIENTS, KINDS, 9), talk.instant())


def _endless(event: Event) -> Event:
    return msgspec.structs.replace(event, until=None)
