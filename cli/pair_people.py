"""Whom a device can be paired for: the household's people, whether they agreed, and what a scale must know of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from cli.exits import Exit
from cli.output import fail
from cli.wiring import Settings

if TYPE_CHECKING:
    from engine.people import Resident
    from engine.store.database import Connection
    from firmware_profiles.model import Body
    from gateway.pairing_model import Person

REMEMBERED = timedelta(days=400)


class People(msgspec.Struct, frozen=True):
    """The household, its people in kana order, and their bodies by id."""

    household: str | None
    people: tuple[Any, ...]
    bodies: dict[str, Any]


def people_of(config: Settings, now: datetime) -> People:
    """Who lives here: from the store of this machine, else the ids the engine sent this gateway."""
    from cli.local import known_local
    from gateway.orders import ROSTER_FILE
    from gateway.pairing_model import Person

    local = known_local(config)
    home = config.gateway.household or (local.household if local else None)
    if config.engine.database is None and not (config.root / "engine.sqlite").exists():
        # A gateway alone knows opaque ids only; whether they agreed is judged by the engine, reading by reading.
        ids = _roster(config.root / ROSTER_FILE)
        return People(home, tuple(Person(id=name, name=name) for name in ids), {})
    return _stored(home, now)


def _stored(home: str | None, now: datetime) -> People:
    from cli.store import transaction
    from engine.store import repo_residents

    with transaction() as connection:
        found = repo_residents.listed(connection, household=home, status="active")
        homes = {person.household_id for person in found}
        if len(homes) > 1:
            fail(Exit.CONFIGURATION, "which-household", "several households: set gateway.household")
        people = tuple(_person(connection, person, now) for person in found)
    bodies = {person.id: _body(person) for person in found}
    return People(home or next(iter(homes), None), people, bodies)


def _person(connection: Connection, resident: Resident, now: datetime) -> Person:
    from engine.consent import standing
    from engine.store import repo_consents, repo_history
    from engine.store.instants import to_micros
    from gateway.pairing_model import Person

    agreed = standing(repo_consents.history(connection, resident.id), now)
    since, until = to_micros(now - REMEMBERED), to_micros(now)
    weights = repo_history.history(connection, resident.id, ["body-weight"], since, until)["body-weight"]
    return Person(
        id=resident.id,
        name=resident.given_name,
        consents=any(item.purpose == "record" and item.granted for item in agreed),
        weight=next((point.value for point in reversed(weights) if point.unit == "kg"), None),
    )


def _body(resident: Resident) -> Body:
    from firmware_profiles.model import Body

    sex = resident.sex if resident.sex in {"male", "female"} else None
    return Body(height=resident.height_cm, birth=resident.birth_date, sex=sex)


def _roster(path: Any) -> tuple[str, ...]:
    from engine.contract.wire import Roster

    try:
        return msgspec.json.decode(path.read_bytes(), type=Roster).residents
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.MsgspecError) as error:
        fail(Exit.DAMAGED, "roster-damaged", f"cannot read {path.name}: {error}")


def today() -> datetime:
    """The instant a pairing begins."""
    return datetime.now(UTC)
