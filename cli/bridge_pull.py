"""`phr bridge pull`: what the medical network holds of the residents linked to it, into their record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.bridge_keys import network_of
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import os_user, resident_of
from cli.wiring import Settings, open_store, settings

if TYPE_CHECKING:
    from engine.store.database import Engine
    from fhir_bridge.linking import Reach
    from fhir_bridge.pull import Pulled, Whole

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_SHOWN = 10
_TRIES = 4
_AWAY = "the network cannot be asked now; nothing was taken in after that"


def pull(
    resident: Annotated[list[str] | None, typer.Option(help="Only these residents, r-…; default: all linked.")] = None,
    json: Json = False,
) -> None:
    """Ask the network for laboratory values, medicines, illnesses, allergies, reports and documents."""
    from engine.store.database import StoreError, read
    from fhir_bridge.imports.originals import Originals
    from fhir_bridge.pull import pull_all
    from fhir_bridge.sync import note

    config = settings()
    engine = open_store(config)
    try:
        with read(engine) as connection:
            wanted = frozenset(resident_of(connection, one).id for one in resident) if resident else None
        with reaching(engine, config) as reach:
            whole = pull_all(reach, Originals(config.root / "originals"), residents=wanted, rng=SystemRandom())
        note(engine, config.bridge.name, datetime.now(UTC), "pull", whole.stopped or f"{len(whole.people)} people")
        unknown, unused = _left(engine, config.bridge.name)
    except StoreError as error:
        fail(Exit.NETWORK if error.code == "busy" else Exit.DAMAGED, error.code, error.message)
    except OSError as error:
        fail(Exit.CONFIGURATION, "originals", f"documents cannot be kept: {error.strerror}")
    finally:
        engine.dispose()
    _tell(whole, unknown, unused, json=json)
    if whole.stopped is not None and json:
        say(f"phr: {_AWAY} [{whole.stopped}]")
        raise typer.Exit(Exit.NETWORK)
    if whole.stopped is not None:
        fail(Exit.NETWORK, whole.stopped, _AWAY)


@contextmanager
def reaching(engine: Engine, config: Settings) -> Iterator[Reach]:
    """The configured network within reach of its store, its breaker as it was left; exit code 10 when there is none."""
    from engine.store import repo_networks
    from engine.store.database import read, write
    from engine.store.repo_facts import By
    from fhir_bridge.client import Client
    from fhir_bridge.linking import Reach

    network = network_of(config)
    with read(engine) as connection:
        said = repo_networks.known(connection, network.name).said
    with Client(network, breaker=_breaker(said), tries=_TRIES) as client:
        try:
            yield Reach(
                engine=engine, server=client, network=network.name, base=network.root,
                by=By(network.name, os_user()), now=lambda: datetime.now(UTC), test_patients=test_patients(config),
            )  # fmt: skip
        finally:
            with write(engine) as connection:
                repo_networks.keep(connection, network.name, datetime.now(UTC), breaker=_plain(client.breaker))


def test_patients(config: Settings) -> frozenset[str]:
    """The patient numbers that alone may be exchanged; empty where all may."""
    return frozenset(one.strip() for one in config.bridge.test_patients.split(",") if one.strip())


def _breaker(said: dict[str, Any]) -> Any:
    import msgspec

    from fhir_bridge.breaker import Breaker

    try:
        return msgspec.convert(said.get("breaker"), Breaker, strict=False) if said.get("breaker") else None
    except msgspec.ValidationError:
        return None


def _plain(breaker: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(breaker)


def _left(engine: Engine, network: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The codes nobody here knows, and how many resources are kept and make nothing, by the reason."""
    from engine.store import repo_pulled
    from engine.store.database import read

    with read(engine) as connection:
        found, states = repo_pulled.unknown(connection, network), repo_pulled.states(connection, network)
    codes = [
        {"system": one.system, "code": one.code, "name": one.display, "reason": one.reason, "count": one.count}
        for one in found
    ]
    return codes, {reason: count for reason, count in states.items() if reason}


def _tell(whole: Whole, unknown: list[dict[str, Any]], unused: dict[str, int], *, json: bool) -> None:
    if json:
        people = [_shown(one) for one in whole.people]
        told = {"looked_up": whole.looked_up, "people": people, "stopped": whole.stopped}
        why = {"error": {"code": whole.stopped, "message": _AWAY}} if whole.stopped else {}
        emit(told | {"unknown": unknown, "unused": unused} | why)
        return
    for name, state in whole.looked_up.items():
        result(f"{name}  looked up: {state}")
    for one in whole.people:
        result(
            f"{one.resident}  new {one.kept} of {one.read}  facts +{one.facts} -{one.taken_back}"
            f"  entries +{one.entries}{_counted('  documents', one.documents)}{_counted('  left', one.left)}"
            f"{_counted('  unused', one.unused)}{_counted('  stopped', Counter(one.stopped.values()))}"
        )
    if not whole.people and not whole.looked_up and whole.stopped is None:
        say("nobody is linked: phr bridge link propose")
    for reason, count in sorted(unused.items()):
        say(f"kept and not used: {reason} {count}")
    for code in unknown[:_SHOWN]:
        say(f"not used: {code['name']} {code['code']} ({code['reason']}) in {code['count']}")
    if len(unknown) > _SHOWN:
        say(f"and {len(unknown) - _SHOWN} more: --json lists them")


def _counted(name: str, counts: Counter[str]) -> str:
    return f"{name}: " + ", ".join(f"{code} {number}" for code, number in sorted(counts.items())) if counts else ""


def _shown(one: Pulled) -> dict[str, Any]:
    return {
        "resident": one.resident, "read": one.read, "new": one.kept, "left": dict(one.left),
        "unused": dict(one.unused), "facts": one.facts, "taken_back": one.taken_back, "entries": one.entries,
        "held_back": one.held_back, "documents": dict(one.documents), "stopped": one.stopped,
    }  # fmt: skip
