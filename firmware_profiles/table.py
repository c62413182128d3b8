"""The device table of the documentation, made from the registry so that it cannot go stale."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from firmware_profiles.model import Profile
from firmware_profiles.registry import PROFILES

HEAD: Final = "| profile | maker | model | carrier | kinds | proof |\n|---|---|---|---|---|---|"


def device_table(profiles: Iterable[Profile] = tuple(PROFILES.values())) -> str:
    """Markdown rows: id, maker, model, how it is heard, what it measures, and what proves the layout."""
    return "\n".join((HEAD, *(_row(profile) for profile in profiles))) + "\n"


def _row(profile: Profile) -> str:
    carrier = "connection" if profile.connects else "broadcast"
    proof = profile.proof + (" (experimental)" if profile.experimental else "")
    cells = (f"`{profile.id}`", profile.maker, profile.model, carrier, ", ".join(sorted(profile.provides)), proof)
    return f"| {' | '.join(cells)} |"
