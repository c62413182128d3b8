"""What was lent goes back: nothing is given up before it is handed over, and then nothing of it is left."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.contract import wire
from engine.contract.reading import Reading, Value
from engine.contract.wire import Binding, DeviceNote, Roster
from gateway import returning
from gateway.devices import Devices, Entry, write_private
from gateway.journal import Draft, Journal
from gateway.link import RadioFailure
from gateway.orders import ROSTER_FILE, follow
from tests.planted import found_in

G, HANAKO, TARO = "g-aaaaaaaaaaaaa", "r-hanakohanako2", "r-tarotarotaro3"
LENT, OTHER = "d-aaaaaaaaaaaaa", "d-bbbbbbbbbbbbb"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
IDS = {LENT: "l" * 26, OTHER: "m" * 26}


@pytest.fixture
def bonds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses whose bonds were given up, where there is no radio to give them up."""
    gone: list[str] = []

    async def forget(address: str) -> bool:
        gone.append(address)
        return True

    monkeypatch.setattr(returning, "forget_bond", forget)
    return gone


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A lent scale and the home's own, each with a reading that is decoded and the lent one's newest frame."""
    made = Journal(tmp_path / "journal.sqlite")
    for last, (device, who) in enumerate([(LENT, HANAKO), (OTHER, TARO)], start=1):
        entry = Entry(id=device, address=f"C0:26:DF:01:E2:{last:02X}", profile="sig-weight", name=f"体重計{last}",
                      bindings=(Binding(1, who),), pins={1: 4710 + last}, key="ab" * 16)  # fmt: skip
        Devices(tmp_path).add(entry)
        made.keep_note(device, wire.encode(DeviceNote(device=device, profile="sig-weight", bindings=entry.bindings)))
        made.remember(device, "last", 12)
        frame = made.append_frame(device, "", "2a9d", f"frame-{device}".encode(), NOW)
        reading = Reading(
            id=IDS[device], device=device, profile="sig-weight", user_slot=1, measured_at=NOW, time_quality="device",
            received_at=NOW, values=(Value("body-weight", f"62.5{last}", "kg"),),
        )  # fmt: skip
        draft = Draft(frames=(frame.seq,), device=device, slot=1, key=frame.raw, anchor=None, received_at=NOW)
        made.settle([draft], lambda _draft, _at, said=reading: (said.id, wire.encode_reading(said)))  # type: ignore[misc]
    write_private(tmp_path / ROSTER_FILE, wire.encode(Roster(residents=(HANAKO, TARO))))
    return made


def tell(home: Path, verb: str, **more: object) -> tuple[str, int]:
    order = json.dumps({"v": 1, "correlation": "c1", **more}).encode()
    answer = follow(f"phr/v1/{G}/down/cmd/{verb}", order, G, home)
    assert answer is not None
    said = json.loads(answer)
    assert (said["correlation"], said["verb"]) == ("c1", verb)
    return said["result"], said["count"]


def listed(home: Path) -> set[str]:
    return {one.id for one in Devices(home).load()}


def test_a_device_is_given_up_when_its_readings_are_handed_over_and_the_others_stay(
    tmp_path: Path, journal: Journal, bonds: list[str]
) -> None:
    late = journal.append_frame(LENT, "", "2a9d", b"frame-late", NOW + timedelta(days=1))
    assert tell(tmp_path, "release", device=LENT) == ("waiting", 2)
    journal.settle([], lambda *_: ("", b""), [(late.seq, "no-measurement")])
    assert tell(tmp_path, "release", device=LENT) == ("waiting", 1)
    assert (listed(tmp_path), bonds) == ({LENT, OTHER}, []), "nothing is given up yet"
    journal.forget([IDS[LENT]])

    assert tell(tmp_path, "release", device=LENT) == ("waiting", 1)
    assert (listed(tmp_path), bonds) == ({OTHER}, ["C0:26:DF:01:E2:01"])
    heard = journal.append_frame(LENT, "", "2a9d", b"frame-in-between", NOW + timedelta(days=1))
    assert tell(tmp_path, "release", device=LENT) == ("waiting", 1), "what was heard until the list was read anew"
    journal.settle([], lambda *_: ("", b""), [(heard.seq, "no-measurement")])
    assert tell(tmp_path, "release", device=LENT)[0] == "done"
    assert tell(tmp_path, "release", device=LENT)[0] == "done", "told again it has done it"
    assert found_in(tmp_path, [LENT, f"frame-{LENT}", "frame-late", "体重計1"]) == {}
    assert journal.memory(LENT) == {}, "a cleared device counts its records from the beginning"
    assert (journal.memory(OTHER), journal.note(OTHER) is not None) == ({"last": 12}, True)
    assert [row.id for row in journal.due(NOW + timedelta(days=99), 9)] == [IDS[OTHER]]
    journal.close()


def test_a_whole_gateway_is_wiped_only_when_it_is_empty_and_then_of_everything(
    tmp_path: Path, journal: Journal, bonds: list[str]
) -> None:
    mirrors = tmp_path / "mirrors"
    mirrors.mkdir()
    (mirrors / "hall.json").write_text("not a map, with a name 花子", encoding="utf-8")
    journal.park(IDS[OTHER], "too-new")
    assert tell(tmp_path, "wipe") == ("waiting", 2), "also what the engine cannot read yet"
    journal.forget([IDS[LENT]])
    journal.unpark()
    assert tell(tmp_path, "wipe") == ("waiting", 1)
    assert bonds == []
    journal.forget([IDS[OTHER]])
    assert tell(tmp_path, "wipe") == ("waiting", 1), "the gateway reads its list first"
    assert sorted(bonds) == ["C0:26:DF:01:E2:01", "C0:26:DF:01:E2:02"]
    assert tell(tmp_path, "wipe")[0] == "done"
    assert tell(tmp_path, "wipe") == ("done", 0)
    assert found_in(tmp_path, [HANAKO, TARO, LENT, OTHER, "frame-", "体重計", "花子", "ab" * 16]) == {}
    journal.close()


def test_a_bond_that_cannot_be_given_up_keeps_the_device_until_it_can(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = ["refused", "no-bluetooth"]

    async def forget(_address: str) -> bool:
        raise RadioFailure(codes.pop(0))

    monkeypatch.setattr(returning, "forget_bond", forget)
    journal.forget([IDS[LENT]])
    assert tell(tmp_path, "release", device=LENT) == ("failed", 0)
    assert LENT in listed(tmp_path)
    assert tell(tmp_path, "release", device=LENT) == ("waiting", 1), "without a radio there is no bond"
    assert LENT not in listed(tmp_path)
    journal.close()


def test_a_device_never_heard_of_is_done_and_an_order_without_one_is_malformed(
    tmp_path: Path, bonds: list[str]
) -> None:
    assert tell(tmp_path, "release", device=LENT) == ("done", 0)
    assert tell(tmp_path, "release") == ("malformed", 0)
    assert tell(tmp_path, "dance") == ("unknown-verb", 0)
    assert tell(tmp_path, "wipe") == ("done", 0)
    assert bonds == []
