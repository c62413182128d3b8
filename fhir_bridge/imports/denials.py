"""Whether a line says that there is nothing, or speaks of a relative: 「アレルギーなし」, 「糖尿病の家族歴」. Pure.

Houses write such lines into the same lists as what is there; taken for a yes they would invent an allergy. In the
names of illnesses 「なし」 means something else (「糖尿病性合併症なし」): there only a whole line counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from fhir_bridge.imports.model import Coding

_WHOLE: Final = re.compile(
    r"(?:特記(?:事項|すべきこと)?|特に|該当|既往(?:歴)?)?(?:は)?(?:なし|無し|無|ない)|none|nil|nka|nkda|no known .*"
)
_CLEARLY: Final = re.compile(
    r"(?:アレルギー|過敏症?)(?:歴|の?既往(?:歴)?)?(?:は|を)?[(:]? ?(?:なし|無し|無|ない|否定|認めず)[)。.]*$"
    r"|^(?:no (?:known|history|drug|food|allerg)|denies)"
)
_PERHAPS: Final = re.compile(r"(?:なし|無し|否定|陰性|認めず)[)。.]*$")
_RELATIVES: Final = re.compile(r"家族歴|family history")
# Among foods 「なし」 alone may be the fruit.
_PEAR: Final = "なし"
_FOOD: Final = frozenset({"food", "FA"})
# International Patient Summary: its own codes of what is absent or not known, and those of SNOMED CT beside them (no
# known allergy, of drugs, environment, food, animals; no known medications; no current problems).
_ABSENT: Final = "absent-unknown-uv-ips"
_CODES: Final = frozenset({
    "716186003", "409137002", "428607008", "429625007", "716220001", "787481004", "160245001",
})  # fmt: skip


def denied_allergy(called: str, codes: Iterable[Coding], kinds: Iterable[str]) -> str:
    """The state of an allergy by its name: denied, doubtful where nobody can say, "" for one that is there."""
    said = list(codes)
    names = {_plain(name) for name in (called, *(one.name for one in said)) if name}
    if _PEAR in names and _FOOD & set(kinds):
        return "doubtful"
    if _coded(said) or any(_WHOLE.fullmatch(name) or _CLEARLY.search(name) for name in names):
        return "denied"
    return "doubtful" if any(_PERHAPS.search(name) for name in names) else _relatives(names)


def denied_other(called: str, codes: Iterable[Coding]) -> str:
    """The state of an illness or a medicine by its name: denied, "" for one that is there."""
    said = list(codes)
    names = {_plain(name) for name in (called, *(one.name for one in said)) if name}
    return "denied" if _coded(said) or any(_WHOLE.fullmatch(name) for name in names) else _relatives(names)


def _coded(codes: Iterable[Coding]) -> bool:
    return any(one.code in _CODES or _ABSENT in one.system for one in codes)


def _relatives(names: Iterable[str]) -> str:
    return "denied" if any(_RELATIVES.search(name) for name in names) else ""


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).lower().split())
