"""Half a record: a link that broke between its two frames must neither lose it nor file it twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contract.reading import Quantity, Reading, Sample
from engine.contract.wire import decode_readings
from firmware_profiles.registry import PROFILES
from firmware_profiles.sig_body import encode_body_parts
from firmware_profiles.uuids import BODY_COMPOSITION_MEASUREMENT
from gateway.decoding import Decoder
from gateway.devices import entry
from gateway.journal import Journal
from gateway.sorting import ALONE
from tests.flow.device_home import TOKYO

NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SCALE = entry("C0:26:DF:01:E2:3A", "sig-body-composition", household="h-aaaaaaaaaaaaa")


def halves(kilograms: str, fat: str = "24.1") -> list[bytes]:
    """Fat first, then the weight."""
    values = {"weight": (kilograms, "kg"), "body_fat_percentage": (fat, "%")}
    quantities = {name: Quantity(Decimal(value), unit) for name, (value, unit) in values.items()}
    return list(encode_body_parts(Sample(quantities=quantities, time=datetime(2026, 11, 21, 16)), ("weight",)))  # noqa: DTZ001 - a device's wall clock


class Scale:
    """A journal, what a scale sends into it, and what is made of that."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.at = journal, NOW
        self.restart()

    def restart(self) -> None:
        """The gateway starts anew: the journal is all it knows."""
        self.decoder = Decoder(self.journal, PROFILES, TOKYO, lambda _: SCALE)

    def send(self, *frames: bytes) -> None:
        """One connection, decoded while it lasts and when it is over."""
        session = self.journal.begin_session(SCALE.id, SCALE.profile, self.at)
        for raw in frames:
            self.journal.append_frame(SCALE.id, session, BODY_COMPOSITION_MEASUREMENT, raw, self.at)
            self.decode()
        self.journal.end_session(session, self.at)
        self.decode()

    def decode(self) -> datetime | None:
        while (step := self.decoder.step(self.at)).settled:
            pass
        return step.wake

    def values(self) -> list[dict[str, str]]:
        """The values of each reading by kind, oldest first."""
        found = [decode_readings(row.payload) for row in self.journal.due(NOW + timedelta(days=9999), 100)]
        made = [reading for one in found if isinstance(one, tuple | list) for reading in one]
        return [
            {value.kind: value.value for value in reading.values} for reading in made if isinstance(reading, Reading)
        ]

    def kinds(self) -> list[set[str]]:
        """The kinds of each reading, oldest first."""
        return [set(values) for values in self.values()]


@pytest.fixture
def scale(tmp_path: Path) -> Iterator[Scale]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield Scale(journal)
    journal.close()


@pytest.mark.parametrize("killed", [False, True])
def test_a_half_that_comes_again_as_a_whole_is_filed_once(scale: Scale, killed: bool) -> None:
    first, second = halves("62.30")
    scale.send(first)
    scale.at += 20 * SECOND
    if killed:
        scale.restart()
    scale.send(first)
    assert scale.kinds() == []
    scale.at += 20 * SECOND
    scale.send(first, second)
    assert scale.kinds() == [{"body-weight", "body-fat"}]
    scale.at += ALONE
    assert scale.decode() is None
    assert len(scale.kinds()) == 1
    assert (scale.journal.depth().frames, scale.journal.depth().refused) == (0, 0)


def test_a_gateway_that_was_away_meanwhile_reads_both_at_once_and_files_the_whole(scale: Scale) -> None:
    first, second = halves("62.30")
    for frames in ((first,), (first, second)):
        session = scale.journal.begin_session(SCALE.id, SCALE.profile, scale.at)
        for raw in frames:
            scale.journal.append_frame(SCALE.id, session, BODY_COMPOSITION_MEASUREMENT, raw, scale.at)
        scale.journal.end_session(session, scale.at)
    scale.at += timedelta(hours=9)
    scale.decode()
    assert scale.kinds() == [{"body-weight", "body-fat"}]


def test_a_half_that_stays_alone_stands_for_itself_after_a_while(scale: Scale) -> None:
    scale.send(halves("62.30")[0])
    assert scale.kinds() == []
    assert scale.decode() == NOW + ALONE
    scale.at += ALONE
    scale.decode()
    assert scale.kinds() == [{"body-fat"}]


def test_a_half_beside_an_empty_one_waits_for_nothing(scale: Scale) -> None:
    scale.send(*halves("62.30", "0"))
    assert scale.kinds() == [{"body-weight"}]


def test_a_clock_set_back_in_between_does_not_keep_a_half_waiting(scale: Scale) -> None:
    scale.send(halves("62.30")[0])
    scale.at -= timedelta(days=365)
    scale.decode()
    assert scale.kinds() == [{"body-fat"}]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, 400), st.booleans()), max_size=8))
def test_however_links_break_every_half_is_in_a_reading_and_no_whole_is_filed_twice(
    tmp_path_factory: pytest.TempPathFactory, tries: list[tuple[int, bool, int, bool]]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("halves") / "journal.sqlite")
    scale = Scale(journal)
    weighings = [("62.30", "24.1"), ("81.00", "18.5")]
    sent: set[str] = set()
    whole: set[str] = set()
    for which, broken, pause, killed in tries:
        kilograms, fat = weighings[which]
        scale.send(*halves(kilograms, fat)[: 1 if broken else 2])
        sent.add(fat)
        whole |= set() if broken else {kilograms}
        scale.at += pause * SECOND
        if killed:
            scale.restart()
    scale.at += ALONE
    scale.decode()
    made = scale.values()
    assert {values["body-fat"] for values in made} == sent
    assert sorted(values["body-weight"] for values in made if "body-weight" in values) == sorted(whole)
    assert journal.depth().frames == 0
    journal.close()
