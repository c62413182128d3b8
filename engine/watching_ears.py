"""Whether a gateway listens, and since when without a break: out of what it tells of itself, looked at hourly. Pure.

A gateway that lives and hears nothing, or whose words are old, proves nothing of anybody's silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from engine.watching_rules import Listening, Rules, rules

Trouble = Literal["", "deaf", "clock", "backlog"]
_AWAY: Final = frozenset({"lost", "sleeping"})
_FAILED: Final = "alert"


class Ear(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway as it was at the last look: when it spoke, since when it runs, what it has heard.

    `grown` is when it last had heard anything new, `since` from when it listens without a break (None: it does not),
    `away` that it said goodbye.
    """

    gateway: str
    told: datetime | None = None
    started: datetime | None = None
    adverts: int = 0
    grown: datetime | None = None
    since: datetime | None = None
    trouble: Trouble = ""
    trouble_since: datetime | None = None
    away: bool = False


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway for the judge: when it last spoke, since when it listens (None: not now), what is wrong with it.

    `hears` is when it last surely heard something, whatever it was.
    """

    id: str
    told: datetime | None = None
    since: datetime | None = None
    hears: datetime | None = None
    trouble: Trouble = ""
    since_trouble: datetime | None = None


def listen(
    gateway: str, ear: Ear | None, told: datetime, state: str, health: Mapping[str, Any], now: datetime,
    numbers: Rules | None = None,
) -> Ear:  # fmt: skip
    """What is known of a gateway after a look; `told` is when we last heard it, `health` what it said (or nothing)."""
    rule = (numbers or rules()).gateway
    before = ear or Ear(gateway=gateway)
    if state in _AWAY or "uptime" not in health:
        return msgspec.structs.replace(before, told=told, away=True)
    said = _said(health) or told
    started, adverts = said - timedelta(seconds=float(health["uptime"])), int(health.get("adverts", 0))
    same = before.started is not None and abs(started - before.started) <= rule.clock
    grown = told if adverts > (before.adverts if same else 0) else before.grown
    trouble = _trouble(state, health, told, now - (grown or started) > rule.deaf, rule)
    return Ear(
        gateway=gateway, told=told, started=started, adverts=adverts, grown=grown,
        since=None if state == _FAILED else _unbroken(before, started, told, rule, same=same), trouble=trouble,
        trouble_since=_trouble_since(before, trouble, grown, now),
    )  # fmt: skip


def gateway_of(ear: Ear, now: datetime, numbers: Rules | None = None) -> Gateway:
    """The same at `now`: what was listening and has not spoken since does not listen."""
    rule = (numbers or rules()).gateway
    here = ear.told is not None and now - ear.told <= rule.stale and not (ear.away or ear.trouble)
    return Gateway(
        id=ear.gateway, told=ear.told, since=ear.since if here else None, hears=ear.grown,
        trouble=ear.trouble, since_trouble=ear.trouble_since,
    )  # fmt: skip


def _unbroken(before: Ear, started: datetime, told: datetime, rule: Listening, *, same: bool) -> datetime:
    """From when it listens: as before, unless it was off, or heard nothing for so long that it may have been deaf."""
    if before.since is None or before.told is None:
        return told
    if not same and started - before.told > rule.restart:
        return started
    return told if before.grown is None or told - before.grown > rule.gap else before.since


def _trouble(state: str, health: Mapping[str, Any], told: datetime, deaf: bool, rule: Listening) -> Trouble:
    if state == _FAILED or deaf:
        return "deaf"
    said = _said(health)
    offset = abs(timedelta(seconds=float(health.get("clock_offset") or 0.0)))
    # An old word that the broker kept is as far from now as a wrong clock.
    if max(offset, abs(told - said) if said is not None else timedelta(0)) > rule.clock:
        return "clock"
    return "backlog" if int(health.get("journal", 0)) >= rule.backlog else ""


def _said(health: Mapping[str, Any]) -> datetime | None:
    at = health.get("at")
    found = datetime.fromisoformat(at) if isinstance(at, str) else None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _trouble_since(before: Ear, trouble: Trouble, grown: datetime | None, now: datetime) -> datetime | None:
    if not trouble:
        return None
    if before.trouble == trouble and before.trouble_since is not None:
        return before.trouble_since
    return grown if trouble == "deaf" and grown is not None else now
