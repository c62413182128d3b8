"""`phr doctor`: looks at everything once and names one remedy per fault."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import typer

from cli.doctor_desk import desk
from cli.doctor_home import bluetooth, devices, mirrors
from cli.exits import Exit
from cli.finding import Finding
from cli.output import emit, result
from cli.wiring import Settings, settings

LOW_DISK = 200 * 1024 * 1024
SILENT = timedelta(hours=36)
SOFTWARE_YEAR = 2026


def doctor(json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """Check data folder, clock, database, desk, journal, broker and Bluetooth; exit code 0 when there is no fault."""
    config = settings()
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _folder, _clock, _store, desk, _journal, _broker, devices, mirrors, bluetooth,
    )  # fmt: skip
    found = [finding for check in checks for finding in check(config)]
    if json:
        emit({"findings": [msgspec.to_builtins(finding) for finding in found]})
    else:
        for finding in found:
            result(f"{finding.state:5}  {finding.check:10}  {finding.message}")
            if finding.remedy:
                result(f"                   -> {finding.remedy}")
    faults = [finding.exit for finding in found if finding.state == "fault"]
    raise typer.Exit(faults[0] if faults else Exit.DONE)


def _folder(config: Settings) -> Iterator[Finding]:
    root = config.root
    if not root.is_dir():
        yield Finding("folder", "note", f"{root} is not there yet", "run `phr up` or `phr demo`")
        return
    if root.stat().st_mode & 0o077:
        remedy = f"chmod 700 {root}"
        yield Finding("folder", "fault", f"{root} can be read by others", remedy, Exit.CONFIGURATION)
    free = shutil.disk_usage(root).free
    if free < LOW_DISK:
        message = f"only {free // 2**20} MiB left on the disk"
        yield Finding("disk", "fault", message, "make room: readings must be written before they count", Exit.DAMAGED)
    else:
        yield Finding("folder", "ok", f"{root}, {free // 2**30} GiB free")


def _clock(_config: Settings) -> Iterator[Finding]:
    now = datetime.now(UTC)
    if now.year < SOFTWARE_YEAR:
        message = f"this machine believes it is {now:%Y-%m-%d}"
        yield Finding("clock", "fault", message, "set the time (timedatectl set-ntp true)", Exit.CONFIGURATION)
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")


def _store(config: Settings) -> Iterator[Finding]:
    from engine.store.census import census
    from engine.store.database import StoreError, check, open_engine, read
    from engine.store.repo_gateways import told

    if config.engine.database is None and not (config.root / "engine.sqlite").exists():
        yield Finding("database", "note", "no database yet", "the engine makes it at its first start")
        return
    try:
        engine = open_engine(config.database_url)
        problems = check(engine)
        if [problem.code for problem in problems] == ["outdated"]:
            yield Finding("database", "note", problems[0].detail, "start the engine: `phr up` or `phr engine run`")
            return
        for problem in problems:
            remedy = "restore the last backup, or run the program version that wrote it"
            yield Finding("database", "fault", f"{problem.code}: {problem.detail}", remedy, Exit.DAMAGED)
        if problems:
            return
        with read(engine) as connection:
            numbers, gateways = census(connection), told(connection)
    except StoreError as error:
        yield Finding("database", "fault", f"{error.code}: {error.message}", "check engine.database", Exit.NETWORK)
        return
    reasons = ", ".join(f"{code} {count}" for code, count in sorted(numbers.reasons.items()))
    message = f"{numbers.accepted} accepted, {numbers.unassigned} nobody's, {numbers.refused} refused"
    yield Finding("database", "ok", message + (f" ({reasons})" if reasons else ""))
    for one in gateways.values():
        silent = datetime.now(UTC) - one.at
        if silent > SILENT or one.state == "lost":
            yield Finding(
                "gateway", "note", f"{one.gateway}: {one.state or 'silent'} for {silent}", "is it switched on?"
            )
        else:
            yield Finding("gateway", "ok", f"{one.gateway}: {one.state}, heard {silent.seconds // 60} min ago")


def _journal(config: Settings) -> Iterator[Finding]:
    from gateway.journal import JournalError
    from gateway.journal_peek import parked, peek, tallies

    path = config.root / "journal.sqlite"
    try:
        depth = peek(path)
        if depth is None:
            yield Finding("journal", "note", "no gateway has run here")
            return
        yield Finding("journal", "ok", f"{depth.waiting} readings wait for the engine, {depth.frames} frames undecoded")
        for name, code in parked(path):
            remedy = "the engine cannot read it; it is kept here - tell the people who look after the engine"
            yield Finding("journal", "fault", f"{name} is parked: {code}", remedy, Exit.DAMAGED)
        refused = {code: n for code, n in tallies(path).items() if code != "published"}
        if refused:
            message = ", ".join(f"{code} {count}" for code, count in sorted(refused.items()))
            yield Finding("journal", "note", f"refused since the beginning: {message}")
    except JournalError as error:
        yield Finding("journal", "fault", error.code, "move journal.sqlite aside and keep it", Exit.DAMAGED)


def _broker(config: Settings) -> Iterator[Finding]:
    if config.mqtt.url is None:
        from gateway.broker import find_mosquitto

        program = "mosquitto" if find_mosquitto() else "amqtt (slower; installing mosquitto is better)"
        yield Finding("broker", "ok", f"embedded, started by `phr up`: {program}")
        return
    place = urlsplit(config.mqtt.url)
    try:
        port = place.port or (8883 if place.scheme == "mqtts" else 1883)
        socket.create_connection((place.hostname or "", port), timeout=3).close()
        yield Finding("broker", "ok", f"{place.hostname} answers")
    except (OSError, ValueError) as error:
        yield Finding("broker", "fault", f"{config.mqtt.url}: {error}", "is the broker running?", Exit.NETWORK)
