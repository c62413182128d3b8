"""Tenant and service path of a request, as its Fiware headers say them.

Facts: Orion 4.1.0 as tried, Orion's manual "Service paths" and "Multi tenancy".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from simulators.platform.refusals import bad_request

SERVICE, PATH = "fiware-service", "fiware-servicepath"
_TENANT = re.compile(r"[A-Za-z0-9_]{1,50}", re.ASCII)
_LEVEL = re.compile(r"[A-Za-z0-9_]{1,50}", re.ASCII)
_LEVELS, _PATHS = 10, 10
_ALL_BELOW = "/#"


def tenant_of(headers: Mapping[str, str]) -> str:
    """The tenant in lower case, "" for the one without a name; raises RefusedError (400)."""
    said = headers.get(SERVICE, "")
    if said and not _TENANT.fullmatch(said):
        raise bad_request("a tenant is 1 to 50 letters, digits and underscores")
    return said.lower()


def place_to_write(headers: Mapping[str, str]) -> str:
    """The one path a write goes to; like Orion it takes `/a/#` for `/a` and the first of several paths."""
    return _paths(headers.get(PATH, "/"))[0].removesuffix(_ALL_BELOW) or "/"


def places_to_read(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The paths a read looks at; `/a/#` stands for `/a` and all below it, and `/#` is what no header means."""
    return _paths(headers.get(PATH, _ALL_BELOW))


def covers(wanted: tuple[str, ...], path: str) -> bool:
    """Whether an entity at `path` is among the paths of a read."""
    for one in wanted:
        above = one.removesuffix(_ALL_BELOW)
        if path == (above or "/") or (one.endswith(_ALL_BELOW) and f"{path}/".startswith(f"{above}/")):
            return True
    return False


def _paths(said: str) -> tuple[str, ...]:
    paths = tuple(_checked(one.strip()) for one in said.split(","))
    if len(paths) > _PATHS:
        raise bad_request(f"at most {_PATHS} service paths")
    return paths


def _checked(path: str) -> str:
    if not path.startswith("/"):
        raise bad_request("a service path begins with a slash")
    below = path[1:].rstrip("/")
    levels = below.split("/") if below else []
    named = levels[:-1] if levels[-1:] == ["#"] else levels
    if len(named) > _LEVELS or not all(_LEVEL.fullmatch(level) for level in named):
        raise bad_request(f"a service path has at most {_LEVELS} levels of letters, digits and underscores")
    return "/" + "/".join(levels)
