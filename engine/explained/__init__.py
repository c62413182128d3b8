"""What every recorded thing is, in plain words for the person it was recorded of: no diagnosis, no "normal".

`about` says what is measured or was asked, `cut` which value somebody published and what they ask for from there on,
`source` who that is. What it means for this person is the doctor's word.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import msgspec

from engine.clinical import Fact
from engine.clinical_codes import ANSWER_WORDS, GRADES, catalogue
from engine.locale import Language
from engine.questionnaires import Item as Question
from engine.questionnaires import questionnaires

Group = Literal[
    "body", "pressure", "glucose", "lipid", "liver", "kidney", "blood", "strength", "verdict",
    "medicine", "allergy", "condition", "symptom", "habit", "questionnaire",
]  # fmt: skip
# What a check-up measures, side by side by year, in the order in which people are used to see it.
MEASURED: Final[tuple[Group, ...]] = (
    "body", "pressure", "glucose", "lipid", "liver", "kidney", "blood", "strength", "verdict",
)  # fmt: skip
TOLD: Final[tuple[Group, ...]] = ("medicine", "allergy", "condition")
ANSWERED: Final[tuple[Group, ...]] = ("symptom", "habit", "questionnaire")
_FILES: Final = ("numbers", "answers")
_UNITS: Final[dict[str, tuple[str, str]]] = {
    "mm[Hg]": ("mmHg", "mmHg"), "mL/min/{1.73_m2}": ("mL/分/1.73m²", "mL/min/1.73 m²"), "kg/m2": ("", ""),
    "cm2": ("cm²", "cm²"), "1": ("", ""), "h": ("時間", "hours"),
}  # fmt: skip


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who published a reference value; `checked` is how we know, for people who maintain this."""

    title_ja: str
    title_en: str
    publisher_ja: str
    publisher_en: str
    checked: str


class Explained(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of record in both languages; `values` are the words of a choice, [ja, en] by its code."""

    group: Group
    name_ja: str
    name_en: str
    about_ja: str
    about_en: str
    source: str
    cut_ja: str = ""
    cut_en: str = ""
    values: dict[str, tuple[str, str]] = {}

    def name(self, lang: Language) -> str:
        """What it is called."""
        return self.name_ja if lang == "ja" else self.name_en

    def about(self, lang: Language) -> tuple[str, ...]:
        """What it is, line by line."""
        return tuple((self.about_ja if lang == "ja" else self.about_en).split("\n"))

    def cut(self, lang: Language) -> tuple[str, ...]:
        """The published value, line by line; () where nobody published one that we use."""
        said = self.cut_ja if lang == "ja" else self.cut_en
        return tuple(said.split("\n")) if said else ()


@cache
def explanations() -> Mapping[str, Explained]:
    """Every code of `engine.clinical_codes` with its words."""
    found = {
        code: msgspec.convert(raw, Explained)
        for name in _FILES
        for code, raw in _read(name)["item"].items()
    }  # fmt: skip
    for name, questionnaire in questionnaires().items():
        if name != "veto":
            found |= {item.code: _asked(item, name) for item in questionnaire.item}
    return found


@cache
def sources() -> Mapping[str, Source]:
    """Who published what, by its name."""
    return {name: msgspec.convert(raw, Source) for name, raw in _read("sources")["source"].items()}


def spoken(fact: Fact, lang: Language) -> tuple[str, str]:
    """The value of `fact` as a person reads it, and its unit; an answer is ("yes", "") and the like, for the page."""
    code, words = catalogue()[fact.code], explanations()[fact.code]
    at = 0 if lang == "ja" else 1
    if code.sort == "answer":
        return {"1": "yes", "0": "no"}.get(ANSWER_WORDS.get(fact.value, fact.value), "unknown"), ""
    if code.sort == "grade":
        # In brackets, as on the paper of a check-up: a bare minus looks like nothing at all.
        return f"({GRADES[int(fact.value)].replace('-', '−')})", ""
    if code.sort == "choice":
        said = words.values.get(fact.value)
        return (said[at] if said else fact.value), ""
    unit = fact.unit or code.unit
    return fact.value, _UNITS.get(unit, (unit, unit))[at]


def is_answer(fact: Fact) -> bool:
    """Whether the value of `fact` is yes, no or not known."""
    return catalogue()[fact.code].sort == "answer"


def _asked(item: Question, questionnaire: str) -> Explained:
    """An item of a questionnaire explains itself: the question is its name."""
    return Explained(
        group="questionnaire", name_ja=item.ja.replace("\n", ""), name_en=item.en, about_ja=item.why_ja,
        about_en=item.why_en, source=questionnaire,
        values={choice.code: (choice.ja, choice.en) for choice in item.choices},
    )  # fmt: skip


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("engine.explained").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
