"""`phr export oru`: consented home values as files, once each, corrected, taken back, and balanced against the tree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.exits import Exit
from cli.export_files import oru, reconcile
from cli.output import Fail
from engine.care_links import WRONG, Link, end
from engine.contract.reading import Reading, Value, reading_id
from engine.intake import accept
from engine.store import audit, filing, repo_links
from engine.store.database import read, write
from engine.store.households import households_of
from engine.store.readings import Heard, recent_of, remember, write_batch
from engine.store.repo_facts import By
from fhir_bridge.imports.hl7_message import Message, message_of
from fhir_bridge.outbound.message import Letterhead
from fhir_bridge.outbound.sending import Sending, send
from fhir_bridge.outbound.tree import Outbox, OutboxError
from tests.flow.furnished import engine
from tests.homes import DEVICE, GATEWAY, HANAKO, NOW, TARO, weighing
from tests.linked_home import BY, NET, agree, linked

__all__ = ["engine"]
pytestmark = pytest.mark.flow
WHO = By("nurse", "test")


@pytest.fixture
def home(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PHR_BRIDGE_OUTBOX", str(tmp_path / "out"))
    agree(engine, HANAKO)
    linked(engine, HANAKO, "p1", "10010001")
    return engine


def take_in(engine: Engine, *readings: Reading) -> None:
    with write(engine) as connection:
        place = households_of(connection, [GATEWAY], NOW)[GATEWAY]
        recent, heard = recent_of(connection, readings), []
        for reading in readings:
            outcome = accept(reading, GATEWAY, place, recent, NOW)
            remember(recent, GATEWAY, outcome)
            heard.append(Heard(GATEWAY, place.id, outcome))
        write_batch(connection, heard, [], NOW)


def pressure(number: int, high: str = "138", low: str = "84", pulse: str = "71") -> Reading:
    said = (Value("systolic", high, "mm[Hg]"), Value("diastolic", low, "mm[Hg]"), Value("pulse-rate", pulse, "/min"))
    base = weighing(number)
    return msgspec.structs.replace(base, id=reading_id(DEVICE, 1, f"bp {number}", high.encode()), values=said)


def run(command: Any, *words: object) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(word) for word in words])


def shown(command: Any, *words: object, code: int = 0) -> Any:
    done = run(command, *words, "--json")
    assert done.exit_code == code, (done.output, done.exception)
    return json.loads(done.stdout)


def refusal(command: Any, *words: object) -> tuple[int, str]:
    done = run(command, *words)
    assert isinstance(done.exception, Fail), done.output
    return done.exception.exit_code, done.exception.code


def files(tmp_path: Path, ending: str = "_1") -> list[Path]:
    return sorted(path for path in (tmp_path / "out").rglob(f"*{ending}") if path.is_file() and "ORU-01" in path.name)


def messages(tmp_path: Path, ending: str = "_1") -> list[Message]:
    return [message_of(path.read_bytes()) for path in files(tmp_path, ending)]


def said(found: Sequence[Message]) -> set[tuple[str, ...]]:
    """Patient, what, value, unit and status of every result."""
    return {
        (one.all("PID")[0].part(3), result.part(3), result.part(5), result.part(6), result.part(11))
        for one in found
        for result in one.all("OBX")
    }


def test_consented_values_are_written_once_each_and_balance(home: Engine, tmp_path: Path) -> None:
    take_in(home, weighing(1, "62.30"), pressure(2))
    dry = shown(oru, "--all-linked", "--dry-run")
    assert (dry["files"], files(tmp_path), (tmp_path / "out").exists()) == (3, [], False)
    first = shown(oru, "--all-linked")
    assert [(one["resident"], one["written"]) for one in first["people"]] == [(HANAKO, {"F": 3})]
    assert said(messages(tmp_path)) == {
        ("10010001", "29463-7", "62.30", "kg", "F"), ("10010001", "8480-6", "138", "mm[Hg]", "F"),
        ("10010001", "8462-4", "84", "mm[Hg]", "F"), ("10010001", "8867-4", "71", "/min", "F"),
    }  # fmt: skip
    [folder] = {path.parent.relative_to(tmp_path / "out").as_posix() for path in files(tmp_path)}
    assert folder == "100/100/10010001/20261120/ORU-01"
    before = {path: path.read_bytes() for path in files(tmp_path)}
    assert shown(oru, "--all-linked")["files"] == 0
    assert {path: path.read_bytes() for path in files(tmp_path)} == before
    even = shown(reconcile, "--day", "2026-11-20")
    assert (even["standing"], even["remembered"], even["present"], even["differences"]) == (3, 3, 3, [])
    with read(home) as connection:
        trail = audit.entries(connection, subject=HANAKO)
        assert audit.verify(connection) is None
    assert [one.action for one in trail].count("export-oru") == 1


def test_without_the_residents_word_or_a_link_nothing_is_written(home: Engine, tmp_path: Path) -> None:
    take_in(home, weighing(1), weighing(2, slot=2))
    assert refusal(oru, "--resident", TARO) == (Exit.REFUSED, "not-linked")
    linked(home, TARO, "p2", "10010002")
    assert refusal(oru, "--resident", TARO) == (Exit.NO_CONSENT, "no-consent")
    assert refusal(oru, "--resident", "r-nobodynobody2") == (Exit.NOT_FOUND, "unknown-resident")
    assert refusal(oru) == (Exit.USAGE, "whose")
    assert refusal(oru, "--all-linked", "--since", "x") == (Exit.USAGE, "bad-date")
    assert shown(oru, "--all-linked")["files"] == 1
    assert {one.all("PID")[0].part(3) for one in messages(tmp_path)} == {"10010001"}


def test_only_test_patients_and_only_what_was_measured_since_the_word(
    home: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = msgspec.structs.replace(weighing(9), measured_at=datetime(2026, 7, 1, tzinfo=UTC), received_at=NOW)
    take_in(home, weighing(1), old)
    monkeypatch.setenv("PHR_BRIDGE_TEST_PATIENTS", "999, 998")
    assert refusal(oru, "--resident", HANAKO) == (Exit.REFUSED, "not-a-test-patient")
    monkeypatch.setenv("PHR_BRIDGE_TEST_PATIENTS", "10010001")
    assert shown(oru, "--all-linked")["files"] == 1
    assert {one.header.part(11) for one in messages(tmp_path)} == {"T"}
    assert shown(oru, "--all-linked", "--since", "2026-06-30")["files"] == 1
    assert shown(oru, "--all-linked")["files"] == 0, "what was told once is not taken back by a later floor"
    monkeypatch.setenv("PHR_BRIDGE_TEST_PATIENTS", "999")
    assert shown(oru, "--all-linked")["removed"] == 0
    assert len(files(tmp_path)) == 2, "while others are tested, what was written stays"


def test_what_is_not_surely_theirs_stays_at_home(home: Engine, tmp_path: Path) -> None:
    guessed = msgspec.structs.replace(weighing(1), quality=0.4)
    take_in(home, guessed)
    found = shown(oru, "--all-linked")["people"][0]
    assert (found["written"], set(found["left_out"])) == ({}, {"preliminary"})


def test_a_value_moved_to_another_person_is_wrong_for_the_first_and_new_for_the_second(
    home: Engine, tmp_path: Path
) -> None:
    agree(home, TARO)
    linked(home, TARO, "p2", "10010002")
    take_in(home, weighing(1, "62.30"))
    shown(oru, "--all-linked")
    with write(home) as connection:
        filing.assign(connection, weighing(1, "62.30").id, TARO, NOW, filing.By("nurse", "test"))
    moved = shown(oru, "--all-linked")
    assert sorted(status for one in moved["people"] for status in one["written"]) == ["F", "W"]
    assert said(messages(tmp_path)) == {
        ("10010001", "29463-7", "", "", "W"), ("10010002", "29463-7", "62.30", "kg", "F")}  # fmt: skip
    assert said(messages(tmp_path, "_0")) == {("10010001", "29463-7", "62.30", "kg", "F")}
    with write(home) as connection:
        filing.assign(connection, weighing(1, "62.30").id, HANAKO, NOW, filing.By("nurse", "test"))
    shown(oru, "--all-linked")
    assert said(messages(tmp_path)) == {
        ("10010001", "29463-7", "62.30", "kg", "C"), ("10010002", "29463-7", "", "", "W")}  # fmt: skip
    controls = [one.header.part(10) for ending in ("_0", "_1") for one in messages(tmp_path, ending)]
    assert len(controls) == len(set(controls)) == 5, "no message has another's name"
    assert shown(reconcile, "--day", "2026-11-20")["differences"] == []


def test_a_discarded_value_is_deleted_and_a_withdrawn_word_empties_the_tree(home: Engine, tmp_path: Path) -> None:
    take_in(home, weighing(1, "62.30"), weighing(2, "62.40"))
    shown(oru, "--all-linked")
    with write(home) as connection:
        filing.discard(connection, weighing(1, "62.30").id, NOW, filing.By("nurse", "test"))
    shown(oru, "--all-linked")
    assert {(value, status) for _, _, value, _, status in said(messages(tmp_path))} == {("", "D"), ("62.40", "F")}
    controls = {one.header.part(10) for ending in ("_0", "_1") for one in messages(tmp_path, ending)}
    agree(home, HANAKO, granted=False, at=datetime.now(UTC))
    gone = shown(oru, "--all-linked")
    assert (gone["files"], gone["removed"], files(tmp_path), files(tmp_path, "_0")) == (0, 2, [], [])
    with read(home) as connection:
        assert "bridge-withdraw" in [one.action for one in audit.entries(connection, subject=HANAKO)]
    assert shown(oru, "--all-linked")["removed"] == 0
    agree(home, HANAKO, at=datetime.now(UTC))
    assert shown(oru, "--all-linked")["files"] == 0, "what was measured before the new word is not told by it"
    again = shown(oru, "--all-linked", "--since", "2026-11-01")
    assert again["files"] == 1, "unless somebody asks for it on purpose"
    [message] = messages(tmp_path)
    assert message.header.part(10) not in controls, "another message than the one that was removed"


def test_a_mistaken_link_is_said_to_be_wrong(home: Engine, tmp_path: Path) -> None:
    take_in(home, weighing(1, "62.30"))
    shown(oru, "--all-linked")
    with write(home) as connection:
        before = repo_links.get(connection, HANAKO, NET)
        assert before is not None
        after = end(before, WRONG, "somebody else's number", "nurse", datetime.now(UTC))
        assert isinstance(after, Link)
        repo_links.put(connection, after, "end", BY, datetime.now(UTC))
    shown(oru, "--all-linked")
    assert {(patient, status) for patient, _, _, _, status in said(messages(tmp_path))} == {("10010001", "W")}


def test_a_crash_anywhere_leaves_one_message_of_each_value(
    home: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(home, weighing(1, "62.30"), weighing(2, "62.40"))
    how = Sending(head=Letterhead(network=NET), by=WHO, now=NOW)

    class Dead(BaseException):
        """The machine stops."""

    def die(*_: object) -> None:
        raise Dead

    def write_all() -> None:
        with Outbox(tmp_path / "out").opened() as tree:
            list(send(home, tree, [HANAKO], how, dry_run=False))

    for dies in ("_remember", "_of"):
        with monkeypatch.context() as broken:
            broken.setattr(Outbox, dies, die)
            with pytest.raises(Dead):
                write_all()
    index = tmp_path / "out" / "index.ndjson"
    index.write_bytes(b'{"key":"half')
    with Outbox(tmp_path / "out").opened() as tree:
        later = msgspec.structs.replace(how, now=NOW + timedelta(minutes=1))
        list(send(home, tree, [HANAKO], later, dry_run=False))
        assert (len(files(tmp_path)), len(files(tmp_path, "_0")), len(tree.known)) == (2, 0, 2)
        with pytest.raises(OutboxError, match="another program"), Outbox(tmp_path / "out").opened():
            pass
    assert not any((tmp_path / "out").rglob(".*ORU*")), "no half files"
    index.write_bytes(b"nonsense\n" + index.read_bytes())
    with pytest.raises(OutboxError, match="line 1"), Outbox(tmp_path / "out").opened():
        pass


def test_every_difference_of_a_day_is_named(home: Engine, tmp_path: Path) -> None:
    take_in(home, *(weighing(number, f"62.{number}0") for number in range(1, 5)))
    shown(oru, "--all-linked")
    first, second, third, _ = files(tmp_path)
    first.unlink()
    second.write_bytes(second.read_bytes().replace(b"|62.", b"|26."))
    third.with_name(third.name.replace("_ORU-01_", "_ORU-01_x")).write_bytes(third.read_bytes())
    third.with_name(third.name.replace("_ORU-01_", "_ORU-01_y")).write_bytes(b"?")
    take_in(home, weighing(6, "63.00"))
    with write(home) as connection:
        filing.discard(connection, weighing(4, "62.40").id, NOW, filing.By("nurse", "test"))
    found = shown(reconcile, "--day", "2026-11-20", code=Exit.DAMAGED)
    assert sorted(one["code"] for one in found["differences"]) == [
        "altered", "missing", "unfounded", "unknown", "unreadable", "unwritten"]  # fmt: skip
    words = run(reconcile, "--day", "2026-11-20")
    assert (words.exit_code, "missing" in words.stdout, "ちがい 6" in words.stdout) == (Exit.DAMAGED, True, True)
    assert shown(reconcile, "--day", "2026-11-19")["differences"] == []


def test_an_outbox_is_needed_and_must_be_a_folder(
    home: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHR_BRIDGE_OUTBOX")
    assert refusal(oru, "--all-linked") == (Exit.CONFIGURATION, "no-outbox")
    (tmp_path / "file").write_text("x")
    assert refusal(oru, "--all-linked", "--outbox", tmp_path / "file")[0] == Exit.CONFIGURATION
