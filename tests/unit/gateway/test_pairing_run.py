"""What the driver does where no device is needed: a passkey asked of a person, strangers, keys, an adapter that ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from firmware_profiles.model import Advert
from firmware_profiles.registry import PROFILES
from firmware_profiles.uuids import WEIGHT_SCALE
from gateway.link import Heard, Link, RadioFailure
from gateway.pairing_local import Kit
from gateway.pairing_model import Again, Event, Found, PasskeyTyped, Seen, State, Stop, Stranger, family_of
from gateway.pairing_room import Room
from gateway.pairing_run import Run

FAMILIES = {profile.id: family_of(profile) for profile in PROFILES.values()}
SCALE = Found(address="C0:26:DF:01:E2:3A", family="sig-weight")


class Quiet:
    """An adapter on which nothing is heard; `failures` are what its first starts end with."""

    def __init__(self, *failures: str) -> None:
        self.failures, self.started = list(failures), 0

    async def start(self, listen: Callable[[Heard], None]) -> None:
        self.started += 1
        if self.failures:
            raise RadioFailure(self.failures.pop(0))

    async def stop(self) -> None:
        return

    async def check(self, silence: float) -> bool:
        return False

    @asynccontextmanager
    async def connect(self, address: str, gone: Callable[[], None]) -> AsyncIterator[Link]:
        raise RadioFailure("not-heard")
        yield


class Person:
    """Answers by phase, each once, and stops when there is nothing left to say."""

    def __init__(self, **answers: Event) -> None:
        self.answers: dict[str, Event] = dict(answers)
        self.send: Callable[[Event], None] = lambda _: None
        self.seen: list[tuple[str, str]] = []

    def show(self, state: State) -> None:
        if self.seen[-1:] != [(state.phase, state.code)]:
            self.seen.append((state.phase, state.code))
            if state.phase in self.answers:
                self.send(self.answers.pop(state.phase))
            elif state.phase == "failed":
                self.send(Stop())


def prepare(home: Path, radio: Quiet, person: Person, **fields: object) -> Run:
    kit = Kit(
        radio=radio, home=home, profiles=PROFILES, zone=ZoneInfo("Asia/Tokyo"), now=lambda: datetime.now(UTC),
        rng=Random(1),
    )  # fmt: skip
    run = Run(State(families=FAMILIES, **fields), kit, person)  # type: ignore[arg-type]
    person.send = run.send
    return run


async def test_the_number_a_device_shows_is_asked_of_the_person_and_given_to_it(tmp_path: Path) -> None:
    person = Person(passkey=PasskeyTyped("012345"))
    run = prepare(tmp_path, Quiet(), person, phase="join", chosen=SCALE, residents=("r-hanakohanako2",))
    running = asyncio.create_task(run.run())
    async with asyncio.timeout(10):
        assert await run.passkey("/org/bluez/hci0/dev_C0_26_DF_01_E2_3A") == 12345
        run.send(Stop())
        assert (await running).phase == "stopped"


async def test_a_person_who_leaves_while_a_number_is_wanted_refuses_the_bond(tmp_path: Path) -> None:
    person = Person(passkey=Stop())
    run = prepare(tmp_path, Quiet(), person, phase="join", chosen=SCALE, residents=("r-hanakohanako2",))
    running = asyncio.create_task(run.run())
    async with asyncio.timeout(10):
        assert await run.passkey("/org/bluez/hci0/dev_C0_26_DF_01_E2_3A") is None
        assert (await running).code == "stopped"


async def test_switched_off_bluetooth_is_named_and_tried_again_when_the_person_says_so(tmp_path: Path) -> None:
    radio, person = Quiet("bluetooth-off"), Person(failed=Again())
    final = await prepare(tmp_path, radio, person, search_seconds=0.2).run()
    assert radio.started == 2
    assert [code for phase, code in person.seen if phase == "failed"] == ["bluetooth-off", "nothing-found"]
    assert (final.phase, final.code) == ("stopped", "nothing-found")


@pytest.mark.parametrize(
    ("name", "services", "kind"),
    [("Scale", (WEIGHT_SCALE,), Seen), ("TANITA RD-953", (), Stranger), ("somebody's watch", (), None)],
)
def test_a_room_tells_of_known_families_and_of_makers_who_keep_to_themselves_and_counts_the_rest(
    name: str, services: tuple[str, ...], kind: type | None
) -> None:
    told: list[Event] = []
    room = Room(PROFILES, lambda _: None, told.append)
    heard = Heard(Advert(address="C0:26:DF:01:E2:3A", name=name, services=services), datetime.now(UTC))
    room.hear(heard)
    room.hear(heard)
    assert {type(event) for event in told} == ({kind} if kind else set())
    assert len(room.strangers) == (kind is not Seen)
