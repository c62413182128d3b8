"""What a device is called when nobody gave it a name: whose it is, and what kind of thing (pure)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import count
from shlex import quote
from typing import Final

from engine.contract.ids import is_id
from gateway.devices import LAST_NAME

# By the body action that wakes it.
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "step-on": ("体重計", "scale"),
    "cuff": ("血圧計", "cuff"),
    "wear": ("バンド", "band"),
    "mouth": ("体温計", "thermometer"),
    "finger": ("オキシメーター", "oximeter"),
    "look": ("かがみ", "mirror"),
    "none": ("機器", "device"),
}


def default_name(lang: str, owners: Sequence[str], wake: str, taken: Collection[str]) -> str:
    """花子の体重計 or Hanako's scale, みんなの体重計 or our scale; a number follows when one of `taken` is the same.

    An owner known only by id is not named.
    """
    kind = KINDS[wake][0 if lang == "ja" else 1]
    owner = owners[0] if len(owners) == 1 else ""
    used = {name.casefold() for name in taken}
    for number in count(1):
        again = "" if number == 1 else str(number) if lang == "ja" else f" {number}"
        name = _joined(lang, "" if is_id(owner, "r") else owner, kind + again, shared=len(owners) != 1)
        if name.casefold() not in used:
            return name
    raise AssertionError("numbers do not end")


def _joined(lang: str, owner: str, kind: str, *, shared: bool) -> str:
    if shared:
        return f"みんなの{kind}" if lang == "ja" else f"our {kind}"
    if not owner:
        return kind
    ending = f"の{kind}" if lang == "ja" else f"'s {kind}"
    return owner[: LAST_NAME - len(ending)] + ending


def typed_name(name: str) -> str:
    """`name` as it is typed into a shell."""
    if all(sign.isalnum() or sign in "-_." for sign in name):
        return name
    return f'"{name}"' if not set(name) & set('"$`\\!') else quote(name)
