"""The questionnaires as data: the standard one of the check-up, the one from 75 on, and what can forbid an advice."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from engine.questionnaires.model import Answered, Choice, Item, Questionnaire

__all__ = ["NAMES", "Answered", "Choice", "Item", "Questionnaire", "questionnaires"]
NAMES: Final = ("veto", "standard22", "older75")


@cache
def questionnaires() -> Mapping[str, Questionnaire]:
    """Every questionnaire by name, read once; an item without a code of its own is `<name>.<number>`."""
    return {name: _read(name) for name in NAMES}


def _read(name: str) -> Questionnaire:
    raw = files("engine.questionnaires").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    found = msgspec.convert(tomllib.loads(raw), Questionnaire)
    items = (
        msgspec.structs.replace(
            item,
            code=item.code or f"{name}.{item.number:02}",
            why_ja=item.why_ja or found.why_ja,
            why_en=item.why_en or found.why_en,
        )
        for item in found.item
    )
    return msgspec.structs.replace(found, item=tuple(items))
