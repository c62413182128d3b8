"""A gateway that is told to forget: nothing of the person is left in its files, everything of the others is."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.contract import wire
from engine.contract.reading import Reading, Value
from engine.contract.wire import Binding, DeviceNote, Roster
from gateway.devices import Devices, Entry, write_private
from gateway.journal import Compose, Draft, Journal
from gateway.orders import ROSTER_FILE, follow
from tests.planted import found_in

G, HANAKO, TARO = "g-aaaaaaaaaaaaa", "r-hanakohanako2", "r-tarotarotaro3"
SHARED, OWN, OTHERS = "d-aaaaaaaaaaaaa", "d-bbbbbbbbbbbbb", "d-ccccccccccccc"
ROUNDS = 8
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def _entry(device: str, last: int, name: str, *bindings: Binding) -> Entry:
    return Entry(id=device, address=f"C0:26:DF:01:E2:{last:02X}", profile="sig-weight", name=name, bindings=bindings,
                 pins={bound.slot: 4711 + bound.slot for bound in bindings if bound.slot is not None})  # fmt: skip


def _home(home: Path) -> Journal:
    """A shared scale, one of Hanako's own, one of Taro's; readings of each, some of them not yet sent."""
    devices = Devices(home)
    devices.add(_entry(SHARED, 1, "家の体重計", Binding(1, HANAKO), Binding(2, TARO)))
    devices.add(_entry(OWN, 2, "花子の血圧計", Binding(None, HANAKO)))
    devices.add(_entry(OTHERS, 3, "太郎の体重計", Binding(None, TARO)))
    write_private(home / ROSTER_FILE, wire.encode(Roster(residents=(HANAKO, TARO))))
    journal = Journal(home / "journal.sqlite")
    for number, (device, slot) in enumerate([(SHARED, 1), (SHARED, 2), (OWN, None), (OTHERS, None)] * ROUNDS):
        at = NOW + timedelta(minutes=number)
        frame = journal.append_frame(device, "", "2a9d", f"frame-{device}-{slot}-{number:03}".encode(), at)
        reading = _reading(device, slot, number)
        draft = Draft(frames=(frame.seq,), device=device, slot=slot, key=frame.raw, anchor=None, received_at=at)
        journal.settle([draft], _composed(reading))
    for device in (SHARED, OWN, OTHERS):
        bindings = next(item.bindings for item in devices.load() if item.id == device)
        journal.keep_note(device, wire.encode(DeviceNote(device=device, profile="sig-weight", bindings=bindings)))
        journal.keep_echo(device, f"echo-{device}".encode(), NOW, NOW)
        journal.append_frame(device, "", "2a9d", f"fresh-{device}".encode(), NOW + timedelta(days=1))
    return journal


def _composed(made: Reading) -> Compose:
    return lambda _draft, _at: (made.id, wire.encode_reading(made))


def _reading(device: str, slot: int | None, number: int) -> Reading:
    return Reading(
        id=f"{'abcd'[number % 4]}{number:03}".replace("0", "z").replace("1", "y").replace("8", "x").replace("9", "w")
        .ljust(26, "q"), device=device, profile="sig-weight", user_slot=slot, measured_at=NOW, time_quality="device",
        received_at=NOW, values=(Value("body-weight", f"6{slot or 0}.{50_000 + number}", "kg"),),
    )  # fmt: skip


def _tell(home: Path, resident: str = HANAKO, **more: object) -> dict[str, object]:
    order = json.dumps({"v": 1, "correlation": "c1", "resident": resident, **more}).encode()
    answer = follow(f"phr/v1/{G}/down/cmd/forget", order, G, home)
    assert answer is not None
    said: dict[str, object] = json.loads(answer)
    return said


def _words(device: str, slot: int | None) -> list[str]:
    return [f"6{slot or 0}.{50_000 + number}" for number, place in enumerate(
        [(SHARED, 1), (SHARED, 2), (OWN, None), (OTHERS, None)] * ROUNDS) if place == (device, slot)]  # fmt: skip


def test_what_was_heard_of_a_person_is_found_in_no_file_and_the_others_lose_nothing(tmp_path: Path) -> None:
    journal = _home(tmp_path)
    mine = [*_words(SHARED, 1), *_words(OWN, None), f"frame-{SHARED}-1-000", f"frame-{OWN}-None-002", f"echo-{OWN}",
            f"fresh-{OWN}", HANAKO, "花子の血圧計", "4712"]  # fmt: skip
    assert set().union(*found_in(tmp_path, mine).values()) == set(mine), "the search finds what is there"

    said = _tell(tmp_path)

    assert said["result"] == "done"
    assert int(str(said["count"])) > 2 * ROUNDS
    assert found_in(tmp_path, mine) == {}
    theirs = [*_words(SHARED, 2), *_words(OTHERS, None), f"fresh-{SHARED}", "家の体重計", "太郎の体重計", TARO]
    assert set().union(*found_in(tmp_path, theirs).values()) == set(theirs)
    journal.append_frame(OTHERS, "", "2a9d", b"later", NOW)  # the gateway writes on
    journal.close()


def test_where_nobody_else_is_registered_all_that_was_heard_goes(tmp_path: Path) -> None:
    journal = _home(tmp_path)
    assert _tell(tmp_path, TARO)["result"] == "done"
    assert _tell(tmp_path, alone=True)["result"] == "done"
    depth = journal.depth()
    assert (depth.frames, depth.waiting, depth.refused) == (0, 0, 0)
    assert found_in(tmp_path, ["frame-", "fresh-", "echo-", "体重計"]) == {}
    journal.close()


def test_an_order_that_comes_after_somebody_moved_in_takes_nothing_of_theirs(tmp_path: Path) -> None:
    journal = _home(tmp_path)
    assert _tell(tmp_path, alone=True)["result"] == "done"
    theirs = [*_words(SHARED, 2), *_words(OTHERS, None), f"fresh-{SHARED}", "太郎の体重計"]
    assert set().union(*found_in(tmp_path, theirs).values()) == set(theirs)
    assert found_in(tmp_path, [HANAKO, *_words(SHARED, 1), *_words(OWN, None)]) == {}
    journal.close()


def test_an_order_said_again_is_done_again(tmp_path: Path) -> None:
    journal = _home(tmp_path)
    assert [_tell(tmp_path)["result"] for _ in range(2)] == ["done", "done"]
    journal.close()


def test_while_somebody_reads_the_journal_it_is_not_done_and_the_order_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.journal_erasing._WAIT", 0.05)
    journal = _home(tmp_path)
    with sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM reading").fetchone()
        assert _tell(tmp_path)["result"] == "failed"
        reader.execute("COMMIT")
    reader.close()
    assert _tell(tmp_path)["result"] == "done"
    assert found_in(tmp_path, [HANAKO, *_words(SHARED, 1)]) == {}
    journal.close()


def test_a_home_without_a_journal_forgets_as_well(tmp_path: Path) -> None:
    assert _tell(tmp_path)["result"] == "done"
    assert not (tmp_path / "journal.sqlite").exists()
