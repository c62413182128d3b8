"""What an item of a document means for us: our codes and the words for the value, or why there is no fact of it."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from engine.clinical_codes import Code
from engine.imports.checkups import GLUCOSE, Cell, shipped
from engine.imports.mapping import plain as folded
from fhir_bridge.imports import jlac10
from fhir_bridge.imports.model import Coding, Form, Item

# Value lists of the 特定健診 forms; their digits mean what the check-up's mapping says, other digits mean nothing.
_LISTS: Final = "1.2.392.200119.6."
# Not 「空腹時以外」 and 「非空腹」.
_FASTING: Final = re.compile(r"(?<!非)空腹(?!時?(?:以外|でない|ではない))")
_FASTING_ITEM: Final = "FBS"
_ICD10: Final = ("ICD10", "ICD-10", "I10", "2.16.840.1.113883.6.3")
_YJ: Final = ("YJ", "1.2.392.100495.20.1.73")
# What a hospital measures is not what a check-up states.
_OF_CHECKUPS: Final = "checkup."
# Until 2014 HbA1c was also told on the scale of the Japan Diabetes Society, 0.4 below that of today.
_HBA1C: Final = "lab.hba1c"
_OLD_SCALE: Final = "JDS"
_CHECKUPS: Final = frozenset({"echeckup", "tokutei-kenshin"})


class Illness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer and the ICD-10 codes that say yes to it; `past`: also when it is over."""

    code: str
    icd10: tuple[str, ...]
    past: bool = False


class Medicine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers, and the beginnings of YJ codes and parts of names that say yes to them, `but` not those names."""

    codes: tuple[str, ...]
    yj: tuple[str, ...]
    names: tuple[str, ...]
    but: tuple[str, ...] = ()

    def fits(self, written: list[str], names: str) -> bool:
        """Whether YJ codes or the names of a medicine are of this group."""
        if any(code.startswith(self.yj) for code in written if self.yj):
            return True
        left = names
        for other in self.but:
            left = left.replace(other, "")
        return any(name in left for name in self.names)


class Allergy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer, and the kinds of allergens and parts of names that say yes to it."""

    code: str
    kinds: tuple[str, ...]
    names: tuple[str, ...] = ()


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which illnesses, medicines and allergies become an answer."""

    condition: tuple[Illness, ...]
    medicine: tuple[Medicine, ...]
    allergy: tuple[Allergy, ...]


@cache
def tables() -> Tables:
    """The tables beside this file."""
    raw = tomllib.loads(files("fhir_bridge.imports").joinpath("codes.toml").read_text(encoding="utf-8"))
    return msgspec.convert(raw, Tables)


def cell_of(item: Item, form: Form) -> tuple[Cell, Coding] | str:
    """The check-up cell an observation makes with the coding it was known by, or the reason why it makes none."""
    known = [(code, coding) for coding in item.codes if (code := _code(coding)) is not None]
    if not known:
        jlac = any(jlac10.is_jlac10(coding.system, coding.code) for coding in item.codes)
        return "no-fact-of-it" if jlac else "unknown-code"
    if len({code.code for code, _ in known}) > 1:
        return "codes-disagree"
    code, coding = known[0]
    text = _said(item, code)
    if not text:
        return "not-a-choice"
    name = code.code
    if name == _HBA1C and _OLD_SCALE in _names(item).upper():
        return "no-fact-of-it"
    if name.startswith(_OF_CHECKUPS) and form not in _CHECKUPS and not item.checkup:
        return "no-fact-of-it"
    whole = jlac10.plain(coding.code)
    if name == "lab.fpg" and whole.startswith("3D0100000") and form not in _CHECKUPS and not _says_fasting(item):
        name = GLUCOSE
    return Cell(name, text, item.unit), coding


def is_fasting(item: Item, coding: Coding, form: Form) -> bool:
    """Whether by its code or name the blood was taken ten hours after a meal or later."""
    starts = jlac10.FASTING_IN_CHECKUPS[1:] if form in _CHECKUPS else jlac10.FASTING
    named = _says_fasting(item) and form not in _CHECKUPS
    return jlac10.plain(coding.code).startswith(starts) or named


def answers_of(item: Item) -> tuple[str, ...] | str:
    """The answers an illness, medicine or allergy says yes to, or the reason why it says nothing."""
    if item.sort == "condition":
        return _illness(item)
    if item.sort == "medicine":
        return _medicine(item)
    return _allergy(item)


def _code(coding: Coding) -> Code | None:
    if jlac10.is_jlac10(coding.system, coding.code):
        return jlac10.match(coding.code) or jlac10.match_core(coding.system, coding.name)
    return jlac10.match_loinc(coding.system, coding.code)


def _said(item: Item, code: Code) -> str:
    """The value in the words of our table: the digits of a 特定健診 list are translated, any other code is not."""
    choice = item.choice
    if choice is None:
        return item.text
    if _LISTS in choice.system and choice.code:
        coded = {column.code: column.coded for column in shipped().column}.get(code.code, {})
        # A digit the list does not have is no number of anything.
        return coded.get(folded(choice.code), "" if code.sort == "number" else choice.code)
    return choice.name or item.text or choice.code


def _names(item: Item) -> str:
    """Every name of it, in full-width kana."""
    return unicodedata.normalize("NFKC", " ".join([item.called, *(coding.name for coding in item.codes)]))


def _says_fasting(item: Item) -> bool:
    return any(_FASTING.search(coding.name) or coding.name == _FASTING_ITEM for coding in item.codes)


def _illness(item: Item) -> tuple[str, ...] | str:
    written = [
        coding.code.upper().replace(".", "")
        for coding in item.codes
        if coding.code and any(name in coding.system.upper() for name in _ICD10)
    ]
    if not written:
        return "unknown-code"
    found = [one for one in tables().condition if any(code.startswith(one.icd10) for code in written)]
    if not found:
        return "no-fact-of-it"
    return tuple(one.code for one in found if one.past or not item.over) or "over"


def _medicine(item: Item) -> tuple[str, ...] | str:
    coded = [coding for coding in item.codes if coding.code and any(name in coding.system.upper() for name in _YJ)]
    written = [coding.code.upper() for coding in coded]
    names = _names(item)
    found = [code for one in tables().medicine if one.fits(written, names) for code in one.codes]
    return tuple(dict.fromkeys(found)) or ("no-fact-of-it" if written else "unknown-code")


def _allergy(item: Item) -> tuple[str, ...] | str:
    names = _names(item).lower()
    special = [one.code for one in tables().allergy if any(name in names for name in one.names)]
    kinds = set(item.choice.code.split()) if item.choice else set()
    found = special or [one.code for one in tables().allergy if kinds.intersection(one.kinds)]
    return tuple(found) or "unknown-code"
