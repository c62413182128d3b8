"""What residents may say they like: a short public list, and what of it somebody chose, in their own order. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

import msgspec

from engine.locale import Language
from engine.refusal import Refusal

# The recipient of `interest-link` that stands for what is chosen on our own page, as opposed to another service's word.
OWN: Final = "minato-phr"
# A table counts so many of one person; what would never be counted is not asked for and not kept.
MOST: Final = 3
MOST_CODES: Final = 10


class Interest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One public code, its name in both languages, and whom it helps to know how many like it."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    # Platforms refuse these in any value, so no label holds them.
    ja: Annotated[str, msgspec.Meta(min_length=1, max_length=16, pattern=r"^[^<>\"'=;()]*$")]
    en: Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[^<>\"'=;()]*$")]
    why: Annotated[str, msgspec.Meta(min_length=4)]

    def label(self, lang: Language) -> str:
        """Its name in `lang`."""
        return self.ja if lang == "ja" else self.en


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    interest: Annotated[tuple[Interest, ...], msgspec.Meta(min_length=1, max_length=MOST_CODES)]


@cache
def interests() -> tuple[Interest, ...]:
    """The whole list, in the order in which it is offered; raises ValueError when a code stands in it twice."""
    text = files("engine").joinpath("interests.toml").read_text(encoding="utf-8")
    found = msgspec.toml.decode(text, type=_List).interest
    if len({one.code for one in found}) < len(found):
        raise ValueError("interests.toml names a code twice")
    return found


def codes() -> tuple[str, ...]:
    """The codes of the list, in its order."""
    return tuple(one.code for one in interests())


def labels(lang: Language) -> dict[str, str]:
    """The names of the codes in `lang`."""
    return {one.code: one.label(lang) for one in interests()}


def chosen(picked: Iterable[str]) -> tuple[str, ...] | Refusal:
    """What somebody chose, the dearest first; a blank is no choice and the same one again adds nothing.

    Refused as `unknown-interest` or `too-many`.
    """
    found = tuple(dict.fromkeys(code for code in picked if code))
    if not set(found) <= set(codes()):
        return Refusal("unknown-interest", f"interests are {', '.join(codes())}", "interest")
    if len(found) > MOST:
        return Refusal("too-many", f"at most {MOST} interests", "interest")
    return found
