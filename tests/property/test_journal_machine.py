"""The journal as a state machine: whatever is appended, decoded, sent, acknowledged or cut off, nothing is lost."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.contract.reading import reading_id
from gateway.journal import Draft, Frame, Journal

DEVICES = st.sampled_from(["d-aaaaaaaaaaaaa", "d-bbbbbbbbbbbbb"])
RAW = st.sampled_from([b"one", b"two", b"three"])
START = datetime(2026, 11, 21, tzinfo=UTC)


def compose(draft: Draft, received: datetime) -> tuple[str, bytes]:
    name = reading_id(draft.device, draft.slot, draft.anchor or received.isoformat(), draft.key)
    return name, b'{"v":1,"id":"' + name.encode() + b'"}'


class JournalMachine(RuleBasedStateMachine):
    """The model: frames kept and not decoded, ids decoded and not acknowledged, all ids ever made."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="journal-"))
        self.now = START
        self.journal = Journal(self.folder / "journal.sqlite")
        self.fresh: dict[int, Frame] = {}
        self.waiting: set[str] = set()
        self.parked: set[str] = set()
        self.acknowledged: set[str] = set()
        self.made: dict[tuple[str, str, bytes, int], str] = {}
        self.sessions: dict[str, str] = {}

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            shutil.rmtree(self.folder)

    @rule(device=DEVICES, raw=RAW)
    def append_to_a_session(self, device: str, raw: bytes) -> None:
        session = self.sessions.get(device) or self.journal.begin_session(device, "p", self.now)
        self.sessions[device] = session
        frame = self.journal.append_frame(device, session, "c", raw, self.now)
        self.fresh[frame.seq] = frame

    @rule(device=DEVICES, raw=RAW)
    def append_an_advert(self, device: str, raw: bytes) -> None:
        frame = self.journal.append_advert(device, raw, b"context", self.now)
        self.fresh[frame.seq] = frame

    @rule(device=DEVICES)
    def hang_up(self, device: str) -> None:
        session = self.sessions.pop(device, None)
        if session:
            self.journal.end_session(session, self.now)

    @precondition(lambda self: self.fresh)
    @rule(data=st.data())
    def decode_some(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, len(self.fresh)))
        frames = [self.fresh.pop(seq) for seq in sorted(self.fresh)[:count]]
        drafts = [Draft((f.seq,), f.device, None, f.raw, None, f.received_at, f.occurrence) for f in frames]
        named: dict[int, str] = {}

        def note(draft: Draft, received: datetime) -> tuple[str, bytes]:
            name, payload = compose(draft, received)
            named[draft.frames[0]] = name
            return name, payload

        new = self.journal.settle(drafts, note)
        assert len(new) == len(set(new)), "an id was announced twice"
        for frame in frames:
            self._check_identity(frame, named[frame.seq])
            # A measurement acknowledged before and heard again travels once more under the same id.
            self.waiting.add(named[frame.seq])
            self.acknowledged.discard(named[frame.seq])
        self.waiting -= self.parked

    def _check_identity(self, frame: Frame, name: str) -> None:
        """Time moves less than ten minutes in all, so equal bytes in the same place must keep one id for ever."""
        place = (frame.device, "advert" if not frame.session else "c", frame.raw, frame.occurrence)
        key = (place[0], "", place[2], place[3])
        assert self.made.setdefault(key, name) == name
        others = [other for known, other in self.made.items() if known != key]
        assert name not in others

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        names = data.draw(st.lists(st.sampled_from(sorted(self.waiting) or ["a" * 26]), unique=True))
        refused = [(name, "implausible") for name in names[::2]]
        gone = self.journal.forget(names[1::2], refused)
        assert gone == len(set(names) & self.waiting)
        self.waiting -= set(names)
        self.acknowledged |= set(names)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def complain(self, data: st.DataObject) -> None:
        names = data.draw(st.lists(st.sampled_from(sorted(self.waiting)), unique=True, min_size=1))
        if len(names) > 1:
            self.journal.halve(names)
            return
        self.journal.park(names[0], "malformed")
        self.waiting.discard(names[0])
        self.parked.add(names[0])

    @rule()
    def publish(self) -> None:
        rows = self.journal.due(self.now, 1000)
        self.journal.offer([row.id for row in rows], self.now + timedelta(seconds=5))
        self.journal.mark_sent([row.id for row in rows], self.now)

    @rule()
    def unpark(self) -> None:
        assert self.journal.unpark() == len(self.parked)
        self.waiting |= self.parked
        self.parked = set()

    @rule(seconds=st.integers(0, 5))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def crash(self) -> None:
        """A killed process leaves the files as they are: copy them and go on from the copy."""
        copy = Path(tempfile.mkdtemp(prefix="journal-"))
        for path in self.folder.iterdir():
            shutil.copy(path, copy / path.name)
        self.journal.close()
        shutil.rmtree(self.folder)
        self.folder = copy
        self.sessions = {}
        self.journal = Journal(self.folder / "journal.sqlite")

    @invariant()
    def holds_exactly_what_is_not_acknowledged(self) -> None:
        if not hasattr(self, "journal"):
            return
        assert {frame.seq for frame in self.journal.fresh()} == set(self.fresh)
        due = {row.id for row in self.journal.due(self.now + timedelta(days=1), 10_000)}
        assert due == self.waiting
        assert {name for name, _ in self.journal.parked()} == self.parked
        depth = self.journal.depth()
        assert (depth.frames, depth.waiting, depth.parked) == (len(self.fresh), len(self.waiting), len(self.parked))


TestJournal = JournalMachine.TestCase


def test_the_files_of_the_journal_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.append_advert("d-aaaaaaaaaaaaa", b"raw", b"{}", START)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    journal.close()
