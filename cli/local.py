"""The household and gateway of this machine: what `phr up`, `phr device` and the demo take for granted at home."""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING

import msgspec

from cli.exits import Exit
from cli.output import fail
from cli.wiring import Settings, ensure_home

if TYPE_CHECKING:
    from engine.store.database import Engine

DEFAULT_MUNICIPALITY = "062049"


class Local(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which gateway this machine is, and whose home it is in."""

    gateway: str
    household: str


def known_local(config: Settings) -> Local | None:
    """The identity of this machine's gateway: configured, or kept in PHR_HOME by an earlier `phr up`."""
    if config.gateway.id and config.gateway.household:
        return Local(config.gateway.id, config.gateway.household)
    path = config.root / "local.json"
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Local)
    except (OSError, msgspec.MsgspecError) as error:
        fail(Exit.DAMAGED, "local-damaged", f"cannot read {path.name}: {error}")


def ensure_local(config: Settings, engine: Engine) -> Local:
    """The identity of this machine, enrolled with the engine; made at the first call.

    The only household is taken; none makes one in Sakata; several need `gateway.household` to be configured.
    """
    from engine.contract.ids import new_id
    from engine.store import repo_places as places
    from engine.store.database import write

    found, now, rng = known_local(config), datetime.now(UTC), SystemRandom()
    with write(engine) as connection:
        if found is None:
            homes = [home.id for home in places.households(connection)]
            if len(homes) > 1:
                fail(Exit.CONFIGURATION, "which-household", "several households: set gateway.household")
            home = homes[0] if homes else new_id("h", rng)
            found = Local(config.gateway.id or new_id("g", rng), config.gateway.household or home)
        if places.household(connection, found.household) is None:
            places.seed_municipalities(connection)
            home_row = places.Household(id=found.household, municipality_code=DEFAULT_MUNICIPALITY)
            places.add_household(connection, home_row, now)
        ears = places.Gateway(id=found.gateway, household_id=found.household, label="local")
        refusal = places.enrol_gateway(connection, ears, now)
        if refusal is not None:
            fail(Exit.CONFIGURATION, refusal.code, refusal.message)
    keep_local(config, found)
    return found


def keep_local(config: Settings, local: Local) -> None:
    """Write the identity down in PHR_HOME, unless it is there."""
    path = ensure_home(config) / "local.json"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.encode(local))
