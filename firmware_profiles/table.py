"""The device table of the documentation, made from the registry so that it cannot go stale."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from firmware_profiles.model import Profile
from firmware_profiles.registry import PROFILES

HEAD: Final = "| profile | maker | model | carrier | kinds | pairing | proof |\n|---|---|---|---|---|---|---|"
WORDS: Final = {
    "button": "hold its button", "just-works": "bond", "passkey": "number on its display",
    "slots": "{slots} user numbers", "register": "one is taken for you", "bindkey": "its key, if it encrypts",
    "key": "a key we make up", "evicts": "the maker's app loses it", "restarts": "again after a battery change",
    "nothing": "nothing to do",
}  # fmt: skip


def device_table(profiles: Iterable[Profile] = tuple(PROFILES.values())) -> str:
    """Markdown rows: id, maker, model, how it is heard, what it measures, what pairing takes, what proves it."""
    return "\n".join((HEAD, *(_row(profile) for profile in profiles))) + "\n"


def needs(profile: Profile) -> tuple[str, ...]:
    """What pairing this family takes or brings, as keys of WORDS."""
    pairing = profile.pairing
    told = {
        "button": pairing.button, pairing.bond: pairing.bond != "none", "slots": pairing.slots > 0,
        "register": pairing.register, "bindkey": profile.decrypt is not None, "key": pairing.key,
        "evicts": pairing.evicts, "restarts": pairing.restarts,
    }  # fmt: skip
    return tuple(name for name, holds in told.items() if holds) or ("nothing",)


def named(model: str) -> str:
    """A model's name as it stands in a cell: Markdown reads two stars as emphasis."""
    return model.replace("*", r"\*")


def _row(profile: Profile) -> str:
    carrier = "connection" if profile.connects else "broadcast"
    proof = profile.proof + (" (experimental)" if profile.experimental else "")
    kinds = ", ".join(sorted(profile.provides))
    pairing = ", ".join(WORDS[name].format(slots=profile.pairing.slots) for name in needs(profile))
    cells = (f"`{profile.id}`", profile.maker, named(profile.model), carrier, kinds, pairing, proof)
    return f"| {' | '.join(cells)} |"
