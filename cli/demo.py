"""`phr demo`: a household of virtual devices, 56 days of real series, and everything that comes of them, in one go."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.wiring import Settings, language, settings
from cli.words import DEMO_JA, word

if TYPE_CHECKING:
    from simulators.home import SimulatedHome
    from simulators.household import Household

MARK = ".phr-demo"
# Nobody dies in the demo: a broadcast is heard in milliseconds, and 57 of them have to fit into it.
HEARD_AFTER = 0.12
PATIENCE = 60.0


def demo(
    json: Annotated[bool, typer.Option("--json", help="One summary object as the last line of stdout.")] = False,
    lang: Annotated[str | None, typer.Option(help="ja or en.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of what is invented.")] = 1,
) -> None:
    """Watch a household's readings become FHIR Observations, a BMI, a trend and advice waiting for a nurse."""
    import os

    import msgspec

    config = settings()
    tongue = language(msgspec.structs.replace(config, lang=lang or config.lang))
    root = Path(config.home) if os.environ.get("PHR_HOME") else Path.cwd() / "phr-home" / "demo"
    _empty(root)
    began = time.monotonic()
    summary = _play(root, seed, tongue)
    summary["seconds"] = round(time.monotonic() - began, 1)
    say(word(tongue, "took", seconds=summary["seconds"]))
    if json:
        emit(summary)


def _empty(root: Path) -> None:
    """A fresh folder; only one that an earlier demo made is ever emptied."""
    if root.exists() and any(root.iterdir()):
        if not (root / MARK).exists():
            fail(Exit.USAGE, "not-a-demo", f"{root} holds something else; the demo wants a folder of its own")
        say(f"emptying the folder of the earlier demo: {root}")
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    (root / MARK).touch()


def _play(root: Path, seed: int, lang: str) -> dict[str, Any]:
    from random import Random
    from zoneinfo import ZoneInfo

    from cli.demo_people import register_people
    from cli.demo_report import report
    from cli.local import Local, keep_local
    from simulators.home import SimulatedHome, wait_until

    now = datetime.now(UTC)
    household = _household(now, ZoneInfo("Asia/Tokyo"), seed)
    say(word(lang, "what"))
    say(f"  {word(lang, 'path')}")
    for line in DEMO_JA if lang == "ja" else household.description:
        say(f"  {line}")
    home = SimulatedHome(root, household, Random(seed))  # noqa: S311 - ids of an invented home
    people = register_people(home.store, home.home_id, lang)
    home.bind({owner: person.id for owner, person in people.items()})
    # `phr` commands on this folder then know whose gateway and household it is.
    keep_local(Settings(home=str(root)), Local(home.gateway_id, home.home_id))
    say(word(lang, "broker", program=home.broker.program))
    with home:
        _replay(home, lang)
        say(word(lang, "settle"))
        wait_until(lambda: _on_its_way(home) == 0, PATIENCE)
        say(word(lang, "judge"))
        wait_until(lambda: _judged(home), PATIENCE)
        heard = home.devices.ask("stats")["heard"]
    result()
    return report(home, people, int(heard), lang)


def _household(now: datetime, zone: Any, seed: int) -> Household:
    """The simulators' demo household, with a third person's slot on the body-composition scale."""
    import msgspec

    from simulators.series import demo_household

    home = demo_household(now, zone, seed=seed)
    devices = []
    for device in home.devices:
        changed = msgspec.structs.replace(device, heard_after=HEARD_AFTER)
        if device.name == "composition-scale":
            changed = msgspec.structs.replace(
                changed, owners={**device.owners, 2: "guest"}, pins={**device.pins, 2: 1990}
            )
        devices.append(changed)
    return msgspec.structs.replace(home, devices=tuple(devices))


def _replay(home: SimulatedHome, lang: str) -> None:
    """The broadcast days first, while the calendar is in the past; then the stored records; then today, live."""
    from rich.console import Console
    from rich.progress import Progress

    stored = ("scale", "composition-scale", "cuff")
    with Progress(console=Console(stderr=True), transient=True) as bars:
        days = len(home.household.device("band").records)
        bar = bars.add_task(word(lang, "steps"), total=days)
        while not bars.finished:
            left = home.devices.ask("play", "band", count=4)["left"]
            bars.update(bar, completed=days - left)
        for name in stored:
            home.devices.ask("wake", name)
        total = sum(len(home.household.device(name).records) for name in stored)
        bar = bars.add_task(word(lang, "stored"), total=total)
        _drain(home, lambda left: bars.update(bar, completed=total - left))
    say(f"  {word(lang, 'steps')}: {days}")
    say(f"  {word(lang, 'stored')}: {total}")
    say(f"  {word(lang, 'live')}")
    home.devices.ask("measure", "composition-scale", values={"weight": "71.3", "body_fat_percentage": "22.1"}, slot=2)
    home.devices.ask("measure", "cuff", values={"systolic": "141", "diastolic": "88", "pulse_rate": "71"})
    home.devices.ask("weigh", "scale", values={"weight": "69.80"})
    _drain(home, lambda _left: None)


def _drain(home: SimulatedHome, tell: Callable[[int], None]) -> None:
    """Wait until the devices have handed over every record, telling how many are left."""
    from simulators.home import wait_until

    def empty() -> bool:
        left = _pending(home)
        tell(left)
        return left == 0

    wait_until(empty, PATIENCE)


def _pending(home: SimulatedHome) -> int:
    return sum(int(device["pending"]) for device in home.devices.ask("stats")["devices"].values())


def _on_its_way(home: SimulatedHome) -> int:
    return _pending(home) + home.waiting()


def _judged(home: SimulatedHome) -> bool:
    from engine.store import repo_outbox
    from engine.store.database import read

    with read(home.store) as connection:
        return not repo_outbox.owes(connection, "evaluate")
