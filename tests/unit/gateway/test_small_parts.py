"""The gateway's small parts: whom to visit when, what systemd hears, what a broker address may be, a full disk."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.registry import PROFILES
from gateway import journal_rows
from gateway.devices import entry
from gateway.journal import Journal, JournalError
from gateway.journal_rows import Repeats
from gateway.link import Receive
from gateway.log import log
from gateway.notify import notify
from gateway.session import Session
from gateway.settings import broker_address
from gateway.visits import MOST_AWAITED, MOST_FAILED, STAYING, Visits
from tests.unit.gateway.test_service import SCALE, WEIGHT, DeviceDouble, weight_frame


def test_few_devices_at_once_in_order_and_nobody_twice() -> None:
    visits = Visits()
    assert [visits.heard(name, 0) for name in "aabcde"] == [True, False, True, True, True, True]
    assert [visits.take() for _ in range(4)] == ["a", "b", "c", None]
    assert not visits.heard("a", 1)
    visits.done("b", 2, failed=False, frames=3)
    assert [visits.take(), visits.take()] == ["d", None]


def test_three_that_stay_connected_for_hours_do_not_shut_the_scale_out() -> None:
    visits = Visits()
    for name in "abc":
        assert visits.heard(name, 0.0)
        assert visits.take() == name
    assert visits.heard("scale", 30.0)
    assert (visits.take(), visits.heard("scale", 40.0)) == (None, False)
    assert visits.heard("scale", STAYING + 1), "room was made by time alone"
    assert visits.take() == "scale"


def test_pairing_a_device_anew_does_not_wait_for_what_it_did_before() -> None:
    visits = Visits()
    for turn in range(8):
        visits.heard("a", 1000.0 * turn, "monday")
        assert visits.take() == "a"
        visits.done("a", 1000.0 * turn, failed=True, frames=0)
    assert not visits.heard("a", 7001.0, "monday")
    assert visits.heard("a", 7001.0, "tuesday")


def test_a_connection_of_weeks_counts_equal_frames_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_rows, "DIFFERENT", 3)
    repeats = Repeats()
    assert [repeats.count("c", raw) for raw in (b"a", b"a", b"b", b"c", b"a")] == [1, 2, 1, 1, 3]
    assert (repeats.count("c", b"d"), repeats.count("c", b"a")) == (1, 4), "the longest unheard is forgotten, no other"
    assert repeats.count("c", b"b") == 1
    assert len(repeats._counts) == 3


@given(st.lists(st.sampled_from(["frames", "empty", "failed"]), min_size=1, max_size=40))
def test_a_device_is_never_hammered_and_never_given_up(ends: list[str]) -> None:
    visits, now = Visits(), 10.0
    for end in ends:
        assert visits.heard("a", now), "five minutes are enough for any device"
        assert visits.take() == "a"
        visits.done("a", now, failed=end == "failed", frames=int(end == "frames"))
        assert not visits.heard("a", now)
        now += MOST_FAILED


def test_a_device_that_waits_for_a_person_is_tried_again_while_the_person_is_there() -> None:
    visits, now = Visits(), 10.0
    for _ in range(12):
        assert visits.heard("a", now), "a minute of pairing mode must be noticed"
        assert visits.take() == "a"
        visits.done("a", now, failed=True, frames=0, needs_person=True)
        now += MOST_AWAITED


def test_systemd_hears_and_its_absence_is_no_failure(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "s"))
        assert notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "s")})
        assert manager.recv(64) == b"READY=1"
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_broker_addresses_are_read_and_strange_ones_refused() -> None:
    assert (broker_address("mqtt://home").port, broker_address("mqtts://home").port) == (1883, 8883)
    assert broker_address("mqtts://home:9").tls
    for strange in ("http://home", "mqtt://", "home:1883", "mqtt://user:secret@home", "mqtt://home/path"):
        with pytest.raises(ValueError, match="broker address"):
            broker_address(strange)


def test_a_log_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    log("visit_ended", device="d-aaaaaaaaaaaaa", frames=3)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert '"event": "visit_ended", "device": "d-aaaaaaaaaaaaa", "frames": 3' in said.err


class FullDisk(Journal):
    """A journal whose disk is full from the second frame on."""

    def append_frame(self, device: str, session: str, carrier: str, raw: bytes, now: datetime):  # type: ignore[no-untyped-def]  # noqa: ANN201
        if self.fresh():
            raise JournalError("full", "journal: database or disk is full")
        return super().append_frame(device, session, carrier, raw, now)


class Listening(DeviceDouble):
    """Sends its records only as far as the gateway is still there."""

    async def subscribe(self, characteristic: str, receive: Receive) -> None:
        self.receivers[characteristic] = receive
        if characteristic == WEIGHT:
            for record in self.records:
                receive(record)


async def test_a_journal_that_cannot_keep_a_frame_ends_the_visit_at_once(tmp_path: Path) -> None:
    journal = FullDisk(tmp_path / "journal.sqlite")
    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731
    session = Session(
        entry(SCALE, "sig-weight"),
        PROFILES["sig-weight"],
        journal,
        zone=ZoneInfo("Asia/Tokyo"),
        now=now,
        kept=lambda: None,
    )
    with pytest.raises(JournalError) as failure:
        await session.run(Listening([weight_frame("63.25", None), weight_frame("64.25", None)]))
    assert failure.value.code == "full"
    assert len(journal.fresh()) == 1
    journal.close()


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_damaged_journal_is_a_typed_failure(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.sqlite").write_bytes(content)
    with pytest.raises(JournalError) as failure:
        Journal(tmp_path / "journal.sqlite")
    assert failure.value.code == "damaged"


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "journal.sqlite") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(JournalError) as failure:
        Journal(tmp_path / "journal.sqlite")
    assert failure.value.code == "newer"


def test_refused_frames_are_pruned_by_age_and_readings_never(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    old, now = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    for at in (old, now):
        frame = journal.append_advert("d-aaaaaaaaaaaaa", b"raw", b"{}", at)
        journal.settle([], lambda _d, _a: ("", b""), [(frame.seq, "truncated")])
    journal.append_advert("d-aaaaaaaaaaaaa", b"raw", b"{}", old)
    journal.prune(now)
    assert (journal.depth().refused, journal.depth().frames) == (1, 1)
    assert journal.tally() == {"frame:truncated": 2}
    journal.close()
