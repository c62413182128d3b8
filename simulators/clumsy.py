"""Clumsy pairings: scripted people pair virtual devices through the production driver, radio, decoder and intake.

Each scenario ends paired, with the next reading filed under the right person, or with the one next action shown.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Reading
from engine.contract.wire import Unreadable, decode_readings
from firmware_profiles.model import Body
from firmware_profiles.registry import PROFILES
from gateway.devices import DeviceError, Devices, Entry
from gateway.journal import Journal
from gateway.lock import HomeLock
from gateway.pairing_local import Kit
from gateway.pairing_model import Person as Somebody
from gateway.pairing_model import Phase, State, family_of
from gateway.pairing_run import Run
from gateway.service import Gateway
from gateway.settings import BrokerAddress, GatewaySettings
from simulators.address import Place
from simulators.clumsy_stage import HANAKO, JIRO, TARO, Act, Person, Script, Shown, Stage, first_of
from simulators.clumsy_store import FAR, GATEWAY, HOUSEHOLD, filed, make_store
from simulators.devices.room import Devices as Room
from simulators.household import Household, VirtualDevice
from simulators.radio import SimulatedRadio

PEOPLE: Final = (
    Somebody(id=HANAKO, name="花子さん", weight=Decimal("62.3")),
    Somebody(id=TARO, name="太郎さん", weight=Decimal("81.0")),
    Somebody(id=JIRO, name="次郎さん", consents=False),
)
BODIES: Final = {HANAKO: Body(height=Decimal("152.5"), sex="female"), TARO: Body(height=Decimal(172), sex="male")}
FAMILIES: Final = {profile.id: family_of(profile) for profile in PROFILES.values()}
ZONE: Final = ZoneInfo("Asia/Tokyo")
# Nobody listens there: what the gateway has to tell stays in its journal, where the judge reads it.
NOWHERE: Final = BrokerAddress(host="127.0.0.1", port=9)
# A pairing that is not over by then is silence.
PATIENCE: Final = 75.0
HEARD, UNHEARD = 12.0, 1.5
AT_ONCE: Final = 10


class Later(msgspec.Struct, frozen=True):
    """A measurement after the pairing: whose it is (None: must not be filed), and on which device."""

    who: str | None
    values: Mapping[str, str]
    device: str | None = None
    slot: int | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One clumsy pairing: what stands in the room, what the person does, how it must end.

    `devices` has the meant one first. `sees` are the failures the person must be shown, in their order; `ends` is
    `paired`, `interrupted`, or the code of the failure it stays at. `asked` are questions that must come up.
    """

    name: str
    about: str
    devices: tuple[VirtualDevice, ...]
    ends: str
    sees: tuple[str, ...] = ()
    asked: tuple[Phase, ...] = ()
    script: Script = {}
    before: tuple[Act, ...] = ()
    people: tuple[Somebody, ...] = PEOPLE
    listed: tuple[Entry, ...] = ()
    later: tuple[Later, ...] = ()
    aside: int = 0
    state: Mapping[str, Any] = {}
    damaged: bool = False
    taken: bool = False
    gateway: bool = False


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a scenario went; no `problems` means that it held."""

    name: str
    about: str
    expected: str
    ended: str
    seen: tuple[str, ...]
    screens: tuple[Shown, ...]
    filed: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]
    seconds: float


class Report(msgspec.Struct, frozen=True):
    """All of them; `bugs` are exceptions nobody caught."""

    endings: tuple[Ending, ...]
    bugs: tuple[str, ...] = ()

    @property
    def held(self) -> int:
        """How many went as they must."""
        return sum(not ending.problems for ending in self.endings)


Usual = Callable[[Scenario], Mapping[Phase, Act]]


async def campaign(
    scenarios: Sequence[Scenario], usual: Usual, seed: int, told: Callable[[Ending], None] = lambda _: None
) -> Report:
    """Play every scenario, a few at once; `usual` is what people do where the script says nothing."""
    bugs: list[str] = []
    loop, turns = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)
    loop.set_exception_handler(lambda _, context: bugs.append(f"{context['message']}: {context.get('exception')!r}"))
    with tempfile.TemporaryDirectory(prefix="phr-clumsy-") as folder:
        template = Path(folder) / "store.sqlite"
        await asyncio.to_thread(make_store, template, datetime.now(UTC))

        async def one(at: int, scenario: Scenario) -> Ending:
            async with turns:
                home = Path(folder) / str(at)
                ending = await play(scenario, usual(scenario), Random(f"{seed}-{scenario.name}"), template, home)
                await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
                told(ending)
                return ending

        endings = await asyncio.gather(*(one(at, scenario) for at, scenario in enumerate(scenarios)))
    gc.collect()
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    return Report(tuple(endings), tuple(bugs))


async def play(scenario: Scenario, usual: Mapping[Phase, Act], rng: Random, template: Path, root: Path) -> Ending:
    """One scenario, in a home of its own in `root`."""
    began, home = time.monotonic(), root / "home"
    await asyncio.to_thread(home.mkdir, parents=True)
    prepare(scenario, home)
    before = _list(home)
    air, orders = root / "air", root / "orders"
    room = Room(Household(devices=scenario.devices), root / "devices")
    await room.open(Place(path=str(air)), Place(path=str(orders)))
    stage = Stage(f"unix:{orders}", scenario.devices[0], rng)
    try:
        person, state, word = await _pair(scenario, usual, stage, home, f"unix:{air}")
        after = _list(home)
        problems = [*stage.problems, *_judge(scenario, person, state, word), *_listing(word, before, after)]
        if not scenario.damaged:
            await _live_on(scenario, stage, home, listens=bool(after))
        await stage.radio.close()
    finally:
        await room.close()
    found = {} if scenario.damaged else await asyncio.to_thread(filed, template, home)
    problems += _filing(scenario, stage, found, word)
    return Ending(
        name=scenario.name, about=scenario.about, expected=scenario.ends, ended=word,
        seen=tuple(shown.code for shown in person.seen if shown.phase == "failed"), screens=tuple(person.seen),
        filed={who: tuple(map(str, values)) for who, values in found.items() if values}, problems=tuple(problems),
        seconds=round(time.monotonic() - began, 1),
    )  # fmt: skip


def prepare(scenario: Scenario, home: Path) -> None:
    """What the household has already; a damaged list if the scenario wants one."""
    for entry in scenario.listed:
        Devices(home).replace(entry)
    if scenario.damaged:
        (home / "devices.json").write_text('{"v": 1, "devices": [')


async def _pair(
    scenario: Scenario, usual: Mapping[Phase, Act], stage: Stage, home: Path, air: str
) -> tuple[Person, State, str]:
    """The person, the last moment, and the word for how it ended."""
    # The adapter of this machine: the gateway has it after the pairing, with its bonds.
    radio = stage.radio = SimulatedRadio(air)
    person = Person(stage, scenario.script, usual)
    given: dict[str, Any] = {"people": scenario.people, "search_seconds": 6.0, "proof_seconds": 8.0}
    start = State(families=FAMILIES, **(given | dict(scenario.state)))
    kit = Kit(
        radio=radio, home=home, profiles=PROFILES, zone=ZONE, now=radio.now, rng=stage.rng, household=HOUSEHOLD,
        bodies=BODIES,
    )  # fmt: skip
    run = Run(start, kit, person)
    stage.send, stage.switch = run.send, lambda on: radio.receiver.switch(on=on)
    radio.receiver.passkey = run.passkey
    async with _around(scenario, home, air):
        for act in scenario.before:
            await act(stage)
        task = asyncio.create_task(run.run())
        stage.interrupt = task.cancel
        word = await _end(task)
        await person.leave()
    return person, run.state, word or ("paired" if run.state.phase == "done" else run.state.code)


async def _end(task: asyncio.Task[State]) -> str:
    """Empty when it ended by itself."""
    done, _ = await asyncio.wait([task], timeout=PATIENCE)
    if not done:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return "silence"
    if task.cancelled():
        return "interrupted"
    return f"bug: {error!r}" if (error := task.exception()) else ""


@asynccontextmanager
async def _around(scenario: Scenario, home: Path, air: str) -> AsyncIterator[None]:
    """Somebody else who pairs at the same time, or a gateway that runs here."""
    if scenario.taken:
        with HomeLock(home).take("pairing"):
            yield
    elif scenario.gateway:
        with HomeLock(home).take("gateway"):
            async with _gateway(home, SimulatedRadio(air)):
                yield
    else:
        yield


@asynccontextmanager
async def _gateway(home: Path, radio: SimulatedRadio) -> AsyncIterator[Journal]:
    settings = GatewaySettings(home=home, gateway=GATEWAY, broker=NOWHERE, household=HOUSEHOLD)
    journal, stop = Journal(settings.journal_path), asyncio.Event()
    task = asyncio.create_task(Gateway(settings, journal, radio, radio.now).live(stop))
    try:
        yield journal
    finally:
        stop.set()
        await task
        await radio.close()
        journal.close()


async def _live_on(scenario: Scenario, stage: Stage, home: Path, *, listens: bool) -> None:
    """The next days: people measure, and the gateway of this home (if it listens to anything) hears them."""
    if not listens:
        return
    stage.switch(True)
    async with _gateway(home, stage.radio) as journal:
        for later in scenario.later:
            await stage.measure(later.who, later.values, later.device, later.slot)
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARD if later.who else UNHEARD):
                    while first_of(later.values) not in _told(journal):  # noqa: ASYNC110 - the journal rings no bell
                        await asyncio.sleep(0.05)


def _told(journal: Journal) -> set[Decimal]:
    """Every number the gateway has to tell."""
    found = [decode_readings(row.payload) for row in journal.due(datetime.now(UTC) + FAR, 1000)]
    readings = (item for one in found if not isinstance(one, Unreadable) for item in one if isinstance(item, Reading))
    return {Decimal(value.value) for reading in readings for value in reading.values}


def _list(home: Path) -> tuple[Entry, ...]:
    try:
        return Devices(home).load()
    except DeviceError:
        return ()


# -- the judge


def _judge(scenario: Scenario, person: Person, state: State, word: str) -> list[str]:
    seen = tuple(shown.code for shown in person.seen if shown.phase == "failed")
    phases = {shown.phase for shown in person.seen}
    found = [] if word == scenario.ends else [f"ended {word}, not {scenario.ends}"]
    found += [] if seen == scenario.sees else [f"was shown {list(seen)}, not {list(scenario.sees)}"]
    found += [f"was never asked {phase}" for phase in scenario.asked if phase not in phases]
    found += [f"{state.aside} old records left aside, not {scenario.aside}"] if state.aside != scenario.aside else []
    if not word.startswith(("paired", "interrupted")) and not any(shown.code for shown in person.seen):
        found.append("silence: no failure was ever shown")
    return found


def _listing(word: str, before: Sequence[Entry], after: Sequence[Entry]) -> list[str]:
    """A device is on the list with everything, or the list is as it was."""
    known = {entry.id: entry for entry in before}
    if word != "paired":
        return [] if list(after) == list(before) else [f"half listed: {[entry.id for entry in after]}"]
    fresh = [entry for entry in after if known.get(entry.id) != entry]
    halves = [entry.id for entry in fresh if entry.held_until or entry.waiting or not entry.proven_at]
    return [f"half listed: {halves}"] if halves or len(fresh) != 1 else []


def _filing(scenario: Scenario, stage: Stage, found: Mapping[str, Sequence[Decimal]], word: str) -> list[str]:
    """Everything that is filed is filed under who measured it, and what comes later is filed."""
    wrong = [
        f"{value} is filed under {who}, it was {stage.truth.get(value)}"
        for who, values in found.items()
        for value in values
        if stage.truth.get(value) != who
    ]
    late = [(later.who, first_of(later.values)) for later in scenario.later if later.who]
    missing = [f"{value} of {who} is not filed" for who, value in late if value not in found.get(who or "", ())]
    return wrong + (missing if word == "paired" else [])
