"""What a questionnaire is: numbered items in our own words, each answer with the facts it sets."""

from __future__ import annotations

from typing import Literal

import msgspec

Answered = Literal["1", "0", "unknown"]


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One answer: `coded` is the form's own code for it, `sets` the facts it says."""

    code: str
    ja: str
    en: str
    coded: str = ""
    sets: dict[str, Answered] = {}


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question; with `multi` several choices may hold at once, all but `none`.

    `sex` and `ages` (first and last, inclusive) limit whom it is put to; `jlac10` is its code in check-up files.
    """

    number: int
    topic: str
    ja: str
    en: str
    choices: tuple[Choice, ...]
    code: str = ""
    why_ja: str = ""
    why_en: str = ""
    jlac10: str = ""
    multi: bool = False
    sex: Literal["female"] | None = None
    ages: tuple[int, int] | None = None

    @property
    def settles(self) -> frozenset[str]:
        """The codes of facts some answer says."""
        return frozenset(code for choice in self.choices for code in choice.sets)

    def choice(self, code: str) -> Choice | None:
        """The choice of that code, or of that code in the form."""
        for choice in self.choices:
            if code == choice.code or (choice.coded and code == choice.coded):
                return choice
        return None


class Questionnaire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A questionnaire with the source and edition its items are taken from."""

    name: str
    ja: str
    en: str
    source: str
    edition: str
    why_ja: str
    why_en: str
    item: tuple[Item, ...]

    def find(self, code: str) -> Item | None:
        """The item of that code or number."""
        return next((item for item in self.item if code in {item.code, str(item.number)}), None)
