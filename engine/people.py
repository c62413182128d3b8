"""Residents as values, and the form that makes or changes one; every refusal names its field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, get_args

import msgspec

from engine import names
from engine.contract.kinds import KINDS
from engine.dates import age_on, parse_birth_date
from engine.refusal import Refusal

Sex = Literal["male", "female", "other", "unknown"]
Language = Literal["ja", "en"]
Channel = Literal["page", "line", "mail", "letter", "phone", "none"]
Status = Literal["active", "moved", "deceased", "left"]
MAX_LINE: Final = 200
_HEIGHT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)(?:cm|センチ|センチメートル)?|(\d(?:\.\d{1,3})?)(?:m|メートル)")
_PHONE: Final = re.compile(r"\+?\d(?:[\d-]{6,14})\d")
_SEX_WORDS: Final = {
    "男": "male",
    "男性": "male",
    "女": "female",
    "女性": "female",
    "その他": "other",
    "不明": "unknown",
}

__all__ = ["Form", "Resident", "age_on", "amend", "parse_birth_date", "parse_height", "register", "search_key_of"]


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    """A person: names byte for byte, `height_cm` in centimetres as measured on `height_on`; `version` counts edits.

    `status` and the place only tell what life events made of them so far: ask `engine.situation` what applies.
    """

    id: str
    household_id: str | None
    municipality_code: str
    family_name: str
    given_name: str
    family_kana: str
    given_kana: str
    birth_date: date
    sex: Sex
    alias: str | None = None
    height_cm: Decimal | None = None
    height_on: date | None = None
    address: str | None = None
    phone: str | None = None
    insured_number: str | None = None
    language: Language = "ja"
    channel: Channel = "page"
    emergency_contact: str | None = None
    status: Status = "active"
    version: int = 1


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What a person typed, None where nothing was; "" clears an optional field."""

    name: str | None = None
    kana: str | None = None
    alias: str | None = None
    birth: str | None = None
    sex: str | None = None
    height: str | None = None
    address: str | None = None
    phone: str | None = None
    insured_number: str | None = None
    language: str | None = None
    channel: str | None = None
    emergency_contact: str | None = None
    single_name: bool = False


def register(form: Form, *, id: str, household: str | None, municipality: str, today: date) -> Resident | Refusal:  # noqa: A002
    """The resident of a filled-in form; name, kana, birth and sex must be there (`missing`)."""
    for field in ("name", "kana", "birth", "sex"):
        if getattr(form, field) is None:
            return Refusal("missing", f"{field} is needed", field)
    fields = _fields(form, today)
    if isinstance(fields, Refusal):
        return fields
    return Resident(id=id, household_id=household, municipality_code=municipality, **fields)


def amend(resident: Resident, form: Form, today: date) -> Resident | Refusal:
    """`resident` with what the form says changed, one version on; the same value if that is nothing new."""
    fields = _fields(form, today)
    if isinstance(fields, Refusal):
        return fields
    changed = msgspec.structs.replace(resident, **fields)
    return changed if changed == resident else msgspec.structs.replace(changed, version=resident.version + 1)


def search_key_of(resident: Resident) -> str:
    """What searches look into: name, kana and alias as search keys, kept apart by a character no key contains."""
    whole = (
        resident.family_name + resident.given_name,
        resident.family_kana + resident.given_kana,
        resident.alias or "",
    )
    return "|".join(names.search_key(part) for part in whole)


def parse_height(text: str) -> Decimal | Refusal:
    """Centimetres with the digits as written, from 152.5, １５２．５, 152.5cm, 152.5センチ or 1.525m.

    Refused as `unreadable-height` or, outside what people measure, `implausible-height`.
    """
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()
    found = _HEIGHT.fullmatch(plain)
    if found is None:
        return Refusal("unreadable-height", "write the height in centimetres, like 152.5", "height")
    value = Decimal(found[1]) if found[1] else Decimal(format(Decimal(found[2]).scaleb(2), "f"))
    kind = KINDS["body-height"]
    if not kind.low <= value <= kind.high:
        return Refusal("implausible-height", f"{value} cm is nobody's height", "height")
    return value


def _fields(form: Form, today: date) -> dict[str, Any] | Refusal:
    """The fields of a resident that the form names, read; the first refusal ends it."""
    single = form.single_name
    readers: dict[str, Callable[[str], dict[str, Any] | Refusal]] = {
        "name": lambda text: _pair(names.split_name(text, single=single), "family_name", "given_name"),
        "kana": lambda text: _pair(names.split_kana(text, single=single), "family_kana", "given_kana"),
        "alias": lambda text: _one("alias", names.keep(text) if text else None),
        "birth": lambda text: _one("birth_date", parse_birth_date(text, today)),
        "sex": lambda text: _one("sex", _choice(_SEX_WORDS.get(text, text), get_args(Sex))),
        "height": lambda text: _height(text, today),
        "address": lambda text: _one("address", _line(text)),
        "phone": lambda text: _one("phone", _phone(text)),
        "insured_number": lambda text: _one("insured_number", _line(text)),
        "language": lambda text: _one("language", _choice(text, get_args(Language))),
        "channel": lambda text: _one("channel", _choice(text, get_args(Channel))),
        "emergency_contact": lambda text: _one("emergency_contact", _line(text)),
    }
    fields: dict[str, Any] = {}
    for name, reader in readers.items():
        text = getattr(form, name)
        if text is None:
            continue
        value = reader(text)
        if isinstance(value, Refusal):
            return msgspec.structs.replace(value, field=name)
        fields |= value
    return fields


def _one(field: str, value: object) -> dict[str, Any] | Refusal:
    return value if isinstance(value, Refusal) else {field: value}


def _pair(parts: tuple[str, str] | Refusal, first: str, second: str) -> dict[str, Any] | Refusal:
    return parts if isinstance(parts, Refusal) else {first: parts[0], second: parts[1]}


def _height(text: str, today: date) -> dict[str, Any] | Refusal:
    if not text:
        return {"height_cm": None, "height_on": None}
    value = parse_height(text)
    return value if isinstance(value, Refusal) else {"height_cm": value, "height_on": today}


def _choice(text: str, allowed: tuple[str, ...]) -> str | Refusal:
    return text if text in allowed else Refusal("not-a-choice", f"choose one of {', '.join(allowed)}")


def _line(text: str) -> str | Refusal | None:
    """Free text of one line, kept as typed; control characters are refused, "" is None."""
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        return Refusal("control-character", "must be one line of plain text")
    if len(text) > MAX_LINE:
        return Refusal("too-long", f"must not be longer than {MAX_LINE} characters")
    return text.strip() or None


def _phone(text: str) -> str | Refusal | None:
    """Digits and hyphens in half width, as typed otherwise."""
    plain = re.sub(r"[ー‐-―−]", "-", re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)))
    if not plain:
        return None
    return plain if _PHONE.fullmatch(plain) else Refusal("bad-phone", "write the number like 0234-12-3456")
