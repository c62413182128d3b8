"""A pairing in this process, on the air of a devices' process; people answer as the flags would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

from cli.pair_answers import Missing, Wish, answer
from engine.contract.reading import Reading
from engine.contract.wire import decode_readings
from firmware_profiles.model import Body
from firmware_profiles.registry import PROFILES
from gateway.devices import Devices, Entry
from gateway.journal import Journal
from gateway.link import Radio
from gateway.pairing_local import Kit
from gateway.pairing_model import Event, Person, State, Stop, family_of
from gateway.pairing_run import Run
from simulators.radio import SimulatedRadio
from tests.flow.device_home import HOUSEHOLD, TOKYO, Home

HANAKO, TARO = "r-hanakohanako2", "r-tarotarotaro3"
PEOPLE: Final = (
    Person(id=HANAKO, name="花子さん", weight=Decimal("62.3")),
    Person(id=TARO, name="太郎さん", weight=Decimal("81.0")),
)
FAMILIES: Final = {profile.id: family_of(profile) for profile in PROFILES.values()}
BODIES: Final = {HANAKO: Body(height=Decimal("152.5"), sex="female")}


class Helper:
    """Answers with flags, and with `answers` by phase before that; remembers every phase."""

    def __init__(self, wish: Wish, answers: dict[str, Event] | None = None) -> None:
        self.wish, self.answers = wish, dict(answers or {})
        self.phases: list[str] = []
        self.send: Callable[[Event], None] = lambda _: None
        self.missing: str | None = None

    def show(self, state: State) -> None:
        if self.phases[-1:] == [state.phase]:
            return
        self.phases.append(state.phase)
        said = self.answers.pop(state.phase, None) or answer(state, self.wish, alone=True)
        if isinstance(said, Missing):
            self.missing, said = said.flag, Stop()
        if said is not None:
            self.send(said)


class Pairing:
    """A running pairing and what it has shown."""

    def __init__(self, run: Run, helper: Helper, task: asyncio.Task[State], folder: Path) -> None:
        self.run, self.helper, self._task, self._folder = run, helper, task, folder

    async def until(self, phase: str) -> None:
        """Until the person has seen `phase`."""
        async with asyncio.timeout(20):
            while phase not in self.helper.phases:
                assert not self._task.done(), (self._task, self.helper.phases, self.run.state.code)
                await asyncio.sleep(0.02)

    async def end(self) -> State:
        """How it ended."""
        async with asyncio.timeout(30):
            return await asyncio.shield(self._task)

    def listed(self) -> Entry:
        """The one listed device."""
        (only,) = Devices(self._folder).load()
        return only


@asynccontextmanager
async def pairing(
    folder: Path, at: Home, wish: Wish, *, answers: dict[str, Event] | None = None, radio: Radio | None = None,
    **state: Any,
) -> AsyncIterator[Pairing]:  # fmt: skip
    """A pairing in the home kept in `folder`; with `radio` on that one, without on the simulated one."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    simulated, helper = SimulatedRadio(at.air), Helper(wish, answers)
    given: dict[str, Any] = {"people": PEOPLE, "proof_seconds": 15.0, "search_seconds": 10.0}
    start = State(families=FAMILIES, **(given | state))
    kit = Kit(
        radio=radio or simulated, home=folder, profiles=PROFILES, zone=TOKYO, now=simulated.now, rng=Random(7),
        household=HOUSEHOLD, bodies=BODIES,
    )  # fmt: skip
    run = Run(start, kit, helper)
    helper.send, simulated.receiver.passkey = run.send, run.passkey
    task = asyncio.create_task(run.run())
    try:
        yield Pairing(run, helper, task, folder)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await simulated.close()


def readings(folder: Path) -> list[Reading]:
    """Every reading that waits in the journal for the next gateway."""
    from datetime import UTC, datetime, timedelta

    journal = Journal(folder / "journal.sqlite")
    try:
        rows = journal.due(datetime.now(UTC) + timedelta(days=9999), 10_000)
    finally:
        journal.close()
    made = [item for row in rows for item in _decoded(row.payload)]
    return [item for item in made if isinstance(item, Reading)]


def _decoded(payload: bytes) -> list[object]:
    found = decode_readings(payload)
    assert isinstance(found, tuple | list), found
    return list(found)


def tally(folder: Path) -> dict[str, int]:
    """What was refused so far, by reason."""
    journal = Journal(folder / "journal.sqlite")
    try:
        return journal.tally()
    finally:
        journal.close()
