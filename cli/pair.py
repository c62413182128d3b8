"""`phr pair`: four steps from a device in the room to the first reading of the person who uses it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import typer

from cli.exits import Exit
from cli.output import fail, result, say
from cli.wiring import Settings, ensure_home, language, secret, settings

if TYPE_CHECKING:
    from cli.pair_answers import Wish
    from cli.pair_people import People
    from cli.pair_skins import Answers
    from gateway.devices import Entry
    from gateway.link import Radio
    from gateway.pairing_local import Kit
    from gateway.pairing_model import Family, State
    from gateway.pairing_run import Run

Implant = Literal["yes", "no", "unknown"]
EXITS = {
    "not-found": Exit.NOT_FOUND, "already": Exit.ALREADY, "refused": Exit.REFUSED, "no-bluetooth": Exit.NO_BLUETOOTH,
    "device-lost": Exit.DEVICE_LOST, "no-consent": Exit.NO_CONSENT, "usage": Exit.USAGE, "damaged": Exit.DAMAGED,
    "bug": Exit.BUG,
}  # fmt: skip


def pair(
    model: Annotated[str | None, typer.Option(help="Only this device family.")] = None,
    address: Annotated[str | None, typer.Option(help="Only this device, e.g. C0:26:DF:01:E2:3A.")] = None,
    resident: Annotated[str | None, typer.Option("--for", help="Who uses it, r-…")] = None,
    shared: Annotated[str | None, typer.Option(help="Several share it: r-…,r-…")] = None,
    slot: Annotated[int | None, typer.Option(help="The number the person has on the device.")] = None,
    no_slot: Annotated[bool, typer.Option("--no-slot", help="The device has no numbers for people.")] = False,
    pin_file: Annotated[Path | None, typer.Option(help="File with the code of that number.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="File with the device's key (hexadecimal).")] = None,
    implants: Annotated[str | None, typer.Option(help="Pacemaker or other implant: yes, no or unknown.")] = None,
    name: Annotated[str | None, typer.Option(help="What the household calls it.")] = None,
    timeout: Annotated[float, typer.Option(min=5, max=3600, help="Seconds to wait for a measurement.")] = 120.0,
    again: Annotated[bool, typer.Option("--again", help="Pair a listed device anew (after a battery change).")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Yes to all; unknown implants: weight only.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="One line for each step, nothing moves.")] = False,
    adapter: Annotated[str | None, typer.Option(help="Bluetooth adapter, e.g. hci1.")] = None,
    air: Annotated[str | None, typer.Option(help="Simulated air instead of Bluetooth.")] = None,
    qr: Annotated[bool, typer.Option("--qr", help="Show a code that opens the same four steps on a phone.")] = False,
    host: Annotated[str | None, typer.Option(help="With --qr: this machine's address on the home network.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --qr: the port; 0 takes a free one.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line; nobody is asked.")] = False,
) -> None:
    """Pair a device: step on the scale, say yes, say who uses it, measure once."""
    import asyncio

    from cli.pair_answers import Wish
    from cli.pair_people import people_of, today
    from gateway.log import logged_to

    config = settings()
    ensure_home(config)
    residents = _residents(resident, shared)
    if implants is not None and implants not in get_args(Implant):
        fail(Exit.USAGE, "bad-implants", "--implants is yes, no or unknown")
    wish = Wish(
        residents=residents, slot=slot, unnumbered=no_slot, pin=secret(str(pin_file)) if pin_file else None,
        key=secret(str(key_file)) if key_file else None, implants=implants, again=again, yes=yes,  # type: ignore[arg-type]
    )  # fmt: skip
    people = people_of(config, today())
    _check(residents, people)
    start = _start(people, model, address, timeout, numbered=slot is not None)
    # With a page somebody is there, on their phone.
    alone = not qr and (json or not sys.stdin.isatty())
    look = _Look(alone, json, plain, name, (host, port) if qr else None)
    with logged_to(config.root / "pairing.log"):
        final = asyncio.run(_pair(config, start, people, wish, (adapter, air), look))
    _finish(final, "en" if json else language(config), json=json)


class _Look:
    """How the pairing is shown, and what the household calls the device."""

    def __init__(
        self, alone: bool, json: bool, plain: bool, name: str | None, page: tuple[str | None, int] | None
    ) -> None:
        self.alone, self.json, self.plain, self.name, self.page = alone, json, plain, name, page
        self.listens = not (alone or json) and sys.stdin.isatty()


class _Final:
    """How it ended."""

    def __init__(self, state: State, missing: str | None, device: str | None) -> None:
        self.state, self.missing, self.device = state, missing, device


async def _pair(
    config: Settings, start: State, people: People, wish: Wish, where: tuple[str | None, str | None], look: _Look
) -> _Final:
    from random import SystemRandom
    from zoneinfo import ZoneInfo

    from cli.pair_skins import Answers
    from firmware_profiles.registry import installed
    from gateway.pairing_local import Kit

    async with AsyncExitStack() as stack:
        radio, now = await _radio(config, *where, stack)
        kit = Kit(
            radio=radio, home=config.root, profiles=installed().profiles, zone=ZoneInfo(config.gateway.zone), now=now,
            rng=SystemRandom(), household=people.household, bodies=people.bodies,
            call=_caller(config, people, look.name),
        )  # fmt: skip
        answers = Answers(wish, alone=look.alone)
        run, listening, sheet = _dressed(config, start, kit, answers, look)
        if look.page is not None:
            from cli.pair_page import served

            await stack.enter_async_context(served(sheet, *look.page, json=look.json, others=look.listens))
        if where[1] is not None:
            cast("Any", radio).receiver.passkey = run.passkey
        elif sys.platform == "linux":
            await _answer_for(run, stack)
        task = asyncio_task(listening) if listening else None
        try:
            final = await run.run()
        finally:
            if task:
                task.cancel()
        if final.phase == "done" and run.entry:
            if look.name:
                _call_it(config, run.entry.id, look.name)
            _tell_former_name(config, run.entry, json=look.json)
        return _Final(final, answers.missing, run.entry.id if run.entry else None)


def _caller(config: Settings, people: People, wanted: str | None) -> Any:
    """What the household calls a new device: as `wanted` when that can be, else after its people and its kind."""
    from cli.pair_names import default_name
    from gateway.devices import Devices, is_name

    names = {person.id: person.name for person in people.people}

    def call(owners: Sequence[str], family: Family | None) -> str:
        taken = [item.name for item in Devices(config.root).load() if item.name]
        wish = (wanted or "").strip()
        if is_name(wish) and wish.casefold() not in {name.casefold() for name in taken}:
            return wish
        wake = family.pairing.wake if family else "none"
        return default_name(language(config), [names.get(owner, owner) for owner in owners], wake, taken)

    return call


def _tell_former_name(config: Settings, shown: Entry, *, json: bool) -> None:
    """A device known again by its serial number kept its name: not the one the last screen showed."""
    from cli.pair_names import typed_name
    from cli.pair_words import word
    from gateway.devices import Devices

    kept = next((item.name for item in Devices(config.root).load() if item.id == shown.id), None)
    if kept and kept != shown.name and not json:
        say(f"   {word(language(config), 'next', device=typed_name(kept))}")


def _call_it(config: Settings, device: str, name: str) -> None:
    """Give it the name of the household; one that cannot be is said, the device is paired all the same."""
    from gateway.devices import DeviceError, Devices

    try:
        Devices(config.root).rename(device, name.strip())
    except DeviceError as error:
        say(f"phr: {error} [{error.code}]: phr device rename {device} …")


def asyncio_task(work: Any) -> Any:
    """`work` beside everything else."""
    import asyncio

    return asyncio.ensure_future(work)


def _dressed(config: Settings, start: State, kit: Kit, answers: Answers, look: _Look) -> tuple[Run, Any, Any]:
    """The run with its skin, what listens to the keyboard, if anything does, and the same moments for a page."""
    from cli.pair_names import typed_name
    from cli.pair_page import Sheet
    from cli.pair_skins import Events, Terminal
    from gateway.pairing_run import Run

    def device() -> str | None:
        return run.entry.id if run.entry else None

    def named() -> str | None:
        return typed_name(run.entry.name) if run.entry and run.entry.name else device()

    skin: Any = Events(answers, device) if look.json else Terminal(language(config), answers, named, plain=look.plain)
    sheet = Sheet(skin, cast("Any", language(config)), named)
    run = Run(start, kit, sheet)
    skin.send = sheet.send = run.send
    return run, skin.listen() if look.listens else None, sheet


async def _radio(
    config: Settings, adapter: str | None, air: str | None, stack: AsyncExitStack
) -> tuple[Radio, Callable[[], datetime]]:
    """The real radio, or the simulated one; left when the stack closes."""
    from cli.gateway import radio_of

    radio, now = radio_of(adapter or config.gateway.adapter, air)
    close = getattr(radio, "close", None)
    if close is not None:
        stack.push_async_callback(close)
    return radio, now


async def _answer_for(run: Run, stack: AsyncExitStack) -> None:
    """Answer BlueZ while the pairing lasts; without it devices that need no bond still work."""
    from gateway.link import RadioFailure
    from gateway.log import log
    from gateway.radio_agent import PairingAgent

    try:
        await stack.enter_async_context(PairingAgent(run.passkey))
    except RadioFailure as failure:
        log("agent_missing", code=failure.code)


def _residents(resident: str | None, shared: str | None) -> tuple[str, ...]:
    if resident and shared:
        fail(Exit.USAGE, "both", "give either --for or --shared")
    return tuple(name.strip() for name in (shared or resident or "").split(",") if name.strip())


def _check(residents: tuple[str, ...], people: People) -> None:
    known = {person.id for person in people.people}
    unknown = [name for name in residents if name not in known]
    if unknown:
        fail(Exit.NOT_FOUND, "unknown-resident", f"nobody here is {unknown[0]}; `phr resident list` shows them")


def _start(people: People, model: str | None, address: str | None, timeout: float, *, numbered: bool) -> State:
    from firmware_profiles.registry import installed
    from gateway.pairing_model import State, family_of

    profiles = installed().profiles
    if model is not None and model not in profiles:
        known = ", ".join(sorted(profiles))
        fail(Exit.USAGE, "unknown-profile", f"no device family is called {model}; there are {known}")
    return State(
        families={name: family_of(profile) for name, profile in profiles.items()},
        people=people.people,
        wanted_family=model,
        wanted_address=address.strip().upper() if address else None,
        numbered=numbered,
        search_seconds=min(60.0, timeout),
        proof_seconds=timeout,
    )


def _finish(final: _Final, lang: str, *, json: bool) -> None:
    """The exit code of how it ended, and on success the device's id."""
    from cli.pair_words import word
    from gateway.pairing_reasons import reason_of

    state = final.state
    if final.missing:
        fail(Exit.USAGE, "missing-flag", f"nobody is here to answer: give {final.missing}")
    if state.phase == "done":
        if not json:
            result(final.device or "")
        return
    who = next((name for name in state.residents), "r-…")
    message = f"{word(lang, f'what.{state.code}')} {word(lang, f'do.{state.code}', resident=who)}"
    fail(EXITS[reason_of(state.code).ending], state.code, message)
