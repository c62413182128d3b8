"""What published codes are called, in Japanese and English: one table for files, catalogue, note, platform and screen.

No name says that a person is ill, thin or heavy: bands are called by their numbers. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from engine.interests import labels
from engine.locale import Language
from engine.municipalities import HOME, REGION
from fhir_bridge.privacy_units import Unit

# SDMX's code for "not broken down by this": such a row counts everybody on that axis.
ALL: Final = "_T"
SUPPRESSED: Final[Mapping[Language, str]] = {"ja": "非公表", "en": "not published"}
PUBLISHED: Final[Mapping[Language, str]] = {"ja": "公表", "en": "published"}
_TABLES: Final[dict[str, tuple[str, str]]] = {
    "T1": ("年代とBMIの区分ごとの人数", "People by age and BMI"),
    "T2": ("年代とBMIの区分と関心ごとの人数", "People by age, BMI and interest"),
    "T3": ("性別と年代とBMIの区分ごとの人数", "People by sex, age and BMI"),
    "T4": ("2つのサービスを両方使う人数", "People who use both of two services"),
}
_AXES: Final[dict[str, tuple[str, str]]] = {
    "age": ("年代", "Age"), "bmi": ("BMI区分", "BMI"), "interest": ("関心分野", "Interest"), "sex": ("性別", "Sex"),
    "service": ("サービス1", "Service 1"), "service-too": ("サービス2", "Service 2"),
}  # fmt: skip
_SEXES: Final[dict[str, tuple[str, str]]] = {"female": ("女性", "women"), "male": ("男性", "men")}
_ALL: Final = ("すべて", "all")
_BAND: Final = re.compile(r"(?P<low>[0-9.]+)-(?P<high>[0-9.]+)|(?P<from>[0-9.]+)UP|U(?P<below>[0-9.]+)")


def table(id: str, lang: Language) -> str:  # noqa: A002
    """What a table counts; raises KeyError for one that is never published."""
    return _in(_TABLES[id], lang)


def axis(name: str, lang: Language) -> str:
    """What an axis is called; raises KeyError for one no table has."""
    return _in(_AXES[name], lang)


def label(axis: str, code: str, lang: Language) -> str:
    """What a code on an axis is called; an interest or service that has no name here is called by its code."""
    if code == ALL:
        return _in(_ALL, lang)
    if axis == "sex":
        return _in(_SEXES[code], lang)
    if axis == "interest":
        named = labels(lang).get(code, code)
        # Residents read words set apart; a table's reader looks for the word itself.
        return named.replace(" ", "") if lang == "ja" else named
    found = _BAND.fullmatch(code) if axis in {"age", "bmi"} else None
    return code if found is None else _band(found, lang, age=axis == "age")


def publisher(unit: Unit) -> str:
    """The local-government code a unit's files bear: the city's where it is in the unit, else its first."""
    return HOME if HOME in unit.municipalities else unit.municipalities[0]


def area(unit: Unit) -> str:
    """The municipalities of a unit by name."""
    return "・".join(REGION[code] for code in unit.municipalities)


def half_year(period: str) -> str:
    """A period such as 2026H1 as people say it."""
    return f"{period[:4]}年度{'上' if period[-1] == '1' else '下'}半期"


def _band(found: re.Match[str], lang: Language, *, age: bool) -> str:
    years = "歳" if age else ""
    if found["low"]:
        return f"{found['low']}～{found['high']}{years}" if lang == "ja" else f"{found['low']} to {found['high']}"
    if found["from"]:
        return f"{found['from']}{years}以上" if lang == "ja" else f"{found['from']} and over"
    return f"{found['below']}{years}未満" if lang == "ja" else f"under {found['below']}"


def _in(pair: tuple[str, str], lang: Language) -> str:
    return pair[0] if lang == "ja" else pair[1]
