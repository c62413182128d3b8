"""One thing measured at home as an HL7 v2.5 message ORU^R01: whose, what, when, by what, and what it is not. Pure.

R01 and not R30 to R32: those are for point-of-care tests whose order the receiver has to make or find, and nobody
ordered what is measured at home. Fields are numbered as in HL7 v2.5 chapters 2, 3 and 7; text is ISO-2022-JP as in the
messages of SS-MIX2 (MSH-18 ~ISO IR87, MSH-20 ISO 2022-1994).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.ids import base32
from engine.contract.kinds import KINDS
from engine.observation_values import Measured
from engine.people import Resident
from fhir_bridge.imports.hl7 import OURS
from fhir_bridge.imports.jis import encoded

# Final, corrected, deleted (measured by nobody), and sent for the wrong patient (HL7 table 0085).
Status = Literal["F", "C", "D", "W"]
GONE: Final[frozenset[Status]] = frozenset({"D", "W"})
_LOCAL: Final = "99MINATO"
_SEXES: Final = {"male": "M", "female": "F"}
_SELF: Final = "HOME^家庭での自己測定^99MINATO"
_CAVEATS: Final = ("家庭で本人が測った値です。", "24時間の見守りではありません。")
_CLOCK: Final = "測定時刻は機器の時計で確かめられず、受信した時刻です。"
_TRUSTED: Final = frozenset({"device", "sequence"})
_CONTROL: Final = 20
_ESCAPES: Final = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": " ", "\n": " "}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One observable value to be told of one patient: `key` names it in the tree, `identifier` everywhere.

    `patient` is the number of the network, `status` what is said of it, `turn` how often it was said with this one;
    `test` marks a message nobody may act upon.
    """

    key: str
    identifier: str
    patient: str
    person: Resident
    value: Measured
    status: Status = "F"
    turn: int = 1
    test: bool = False


class Letterhead(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes to whom: `network` receives, `house` is how we are called there."""

    network: str
    house: str = "MINATO"
    zone: ZoneInfo = ZoneInfo("Asia/Tokyo")


def control_id(said: Said) -> str:
    """MSH-10: the same for the same thing said the same way, so that no crash makes two of one message."""
    return base32(
        hashlib.sha256(msgspec.json.encode([said.key, said.turn, said.status, digest_of(said)])).digest(), _CONTROL
    )


def digest_of(said: Said) -> str:
    """What is told of the value, without when it is told and whether it still holds."""
    value = said.value
    told = [
        said.patient, said.identifier, value.kind, str(value.value), value.unit,
        [[kind, str(amount)] for kind, amount in value.components], value.measured_at.timestamp(),
        value.period_start and value.period_start.timestamp(), str(value.day), value.time_quality, value.device_id,
    ]  # fmt: skip
    return base32(hashlib.sha256(msgspec.json.encode(told)).digest(), 26)


def message(said: Said, head: Letterhead, now: datetime) -> bytes:
    """The message, its segments ended by carriage returns."""
    lines = [_header(said, head, now), _patient(said, head), _request(said, head, now), *_results(said, head)]
    return b"".join(encoded(line) + b"\r" for line in lines)


def _header(said: Said, head: Letterhead, now: datetime) -> str:
    mode = "T" if said.test else "P"
    return (
        f"MSH|^~\\&|{OURS}|{_text(head.house)}|{_text(head.network)}|{_text(head.network)}|{_moment(now, head.zone)}||"
        f"ORU^R01^ORU_R01|{control_id(said)}|{mode}|2.5||||||~ISO IR87||ISO 2022-1994"
    )


def _patient(said: Said, head: Letterhead) -> str:
    person = said.person
    sex = _SEXES.get(person.sex, "U")
    number = f"{_text(said.patient)}^^^{_text(head.network)}^PI"
    return f"PID|0001||{number}||{_named(person)}||{person.birth_date:%Y%m%d}|{sex}"


def _named(person: Resident) -> str:
    """The name as it is written and as it is said; only the latter where a person has no other."""
    said = f"{_text(person.family_kana)}^{_text(person.given_kana)}^^^^^L^P"
    if not (person.family_name or person.given_name):
        return said
    return f"{_text(person.family_name)}^{_text(person.given_name)}^^^^^L^I~{said}"


def _request(said: Said, head: Letterhead, now: datetime) -> str:
    value = said.value
    started = _moment(value.period_start or value.measured_at, head.zone)
    ended = _moment(value.measured_at, head.zone) if value.period_start else ""
    state = "X" if said.status in GONE else said.status
    fields = {1: "1", 3: f"{said.identifier}^{OURS}", 4: _code(value.kind), 7: started, 8: ended,
              22: _moment(now, head.zone), 25: state}  # fmt: skip
    return _segment("OBR", fields)


def _results(said: Said, head: Letterhead) -> list[str]:
    """The values; of what does not hold any more only that, without the value."""
    value = said.value
    rows: list[tuple[str, Decimal | None]] = [(value.kind, None if said.status in GONE else value.value)]
    if value.components and said.status not in GONE:
        rows = list(value.components)
    lines = [_result(number, kind, amount, said, head) for number, (kind, amount) in enumerate(rows, 1)]
    told = (*_CAVEATS, *(() if value.time_quality in _TRUSTED else (_CLOCK,)))
    return [*lines, *(f"NTE|{number}|L|{_text(text)}" for number, text in enumerate(told, 1))]


def _result(number: int, kind: str, amount: Decimal | None, said: Said, head: Letterhead) -> str:
    value = said.value
    unit = KINDS[kind].unit
    device = f"{value.device_id}^{OURS}" if value.device_id else ""
    fields = {1: str(number), 2: "NM", 3: _code(kind), 4: "1", 5: "" if amount is None else f"{amount:f}",
              6: "" if amount is None else f"{_text(unit)}^^UCUM", 11: said.status,
              14: _moment(value.measured_at, head.zone), 17: _SELF, 18: device}  # fmt: skip
    return _segment("OBX", fields)


def _segment(name: str, fields: dict[int, str]) -> str:
    return "|".join([name, *(fields.get(number, "") for number in range(1, max(fields) + 1))]).rstrip("|")


def _code(kind: str) -> str:
    """LOINC, or our own name where there is none, and the number of IEEE 11073 beside it."""
    known = KINDS[kind]
    first = f"{known.loinc}^{_text(known.ja)}^LN" if known.loinc else f"{kind}^{_text(known.ja)}^{_LOCAL}"
    return f"{first}^{known.mdc}^^MDC" if known.mdc else first


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y%m%d%H%M%S%z}"


def _text(text: str) -> str:
    """With the separators of HL7 escaped."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)
