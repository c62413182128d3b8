"""What can be recorded of a person: every code with its unit, what is possible, how long it holds, and its labels."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from engine.questionnaires import questionnaires
from engine.vocabulary import VOCABULARY

Sort = Literal["number", "grade", "choice", "answer"]
ANSWER_WORDS: Final = {
    "1": "1", "yes": "1", "y": "1", "true": "1", "はい": "1", "あり": "1", "有": "1",
    "0": "0", "no": "0", "n": "0", "false": "0", "いいえ": "0", "なし": "0", "無": "0",
    "unknown": "unknown", "不明": "unknown", "わからない": "unknown",
}  # fmt: skip
# What is written on a strip; bare digits are left out, because check-up files write the same digits for other grades.
GRADE_WORDS: Final = {
    "-": "0", "(-)": "0", "neg": "0", "negative": "0", "陰性": "0", "±": "1", "+-": "1", "(±)": "1", "trace": "1",
    "+": "2", "1+": "2", "(+)": "2", "(1+)": "2", "++": "3", "2+": "3", "(2+)": "3", "(++)": "3", "+++": "4",
    "3+": "4", "(3+)": "4", "(+++)": "4", "4+": "4", "++++": "4",
}  # fmt: skip
# The grades of a strip by their number.
GRADES: Final = ("-", "±", "1+", "2+", "3+")
_ITEM_DAYS: Final = 365


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of fact; `low` to `high` is what is possible, `worse` the end that counts of two numbers of one day.

    `days` is how long it holds; an answer has `yes_days` and `no_days`, and 0 means until something newer is said.
    `other` holds factors from other units, `words` the ways a choice is written, `signal` the signal it feeds.
    """

    code: str
    sort: Sort = "number"
    ja: str = ""
    en: str = ""
    unit: str = ""
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    decimals: int = 0
    days: int = 0
    yes_days: int = 0
    no_days: int = 0
    worse: Literal["low", "high"] = "high"
    loinc: str = ""
    jlac10: tuple[str, ...] = ()
    other: dict[str, Decimal] = {}
    words: dict[str, str] = {}

    @property
    def signal(self) -> str | None:
        """The name of the picture this feeds, None for what is only kept."""
        return self.code if self.code in VOCABULARY else None

    def holds(self, value: str) -> timedelta | None:
        """How long a fact of this value holds from when it was true, None for ever."""
        days = {"1": self.yes_days, "0": self.no_days}.get(value, self.no_days) if self.sort == "answer" else self.days
        return timedelta(days=days) if days else None


@cache
def catalogue() -> Mapping[str, Code]:
    """Every code by its name: the table beside this file, then the items of the questionnaires of check-ups."""
    raw = tomllib.loads(files("engine").joinpath("clinical_codes.toml").read_text(encoding="utf-8"))
    read = msgspec.convert(raw["code"], list[Code], strict=False)
    found = {code.code: _labelled(code) for code in read}
    for name, questionnaire in questionnaires().items():
        if name != "veto":
            for item in questionnaire.item:
                words = {choice.coded: choice.code for choice in item.choices if choice.coded}
                words |= {choice.code: choice.code for choice in item.choices}
                words |= {choice.ja: choice.code for choice in item.choices}
                found[item.code] = Code(
                    code=item.code, sort="choice", ja=item.ja.split("\n")[0], en=item.topic, days=_ITEM_DAYS,
                    jlac10=(item.jlac10[:9],), words=words,
                )  # fmt: skip
    return found


def _labelled(code: Code) -> Code:
    spec = VOCABULARY.get(code.code)
    if spec is None or code.ja:
        return code
    return msgspec.structs.replace(code, ja=spec.ja, en=spec.en)


def code_of_jlac10(jlac10: str) -> Code | None:
    """The code whose analyte a 17-digit JLAC10 code names; methods and materials do not count."""
    for code in catalogue().values():
        if any(jlac10.startswith(start) for start in code.jlac10):
            return code
    return None


def named(text: str) -> Code | None:
    """The code a person means: its full name, or its end where only one code ends so (hba1c, ckd, waist)."""
    plain = text.strip().lower()
    if plain in catalogue():
        return catalogue()[plain]
    ends = [code for name, code in catalogue().items() if name.rsplit(".", maxsplit=1)[-1] == plain]
    return ends[0] if len(ends) == 1 else None
