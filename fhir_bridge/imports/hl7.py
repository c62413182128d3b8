"""HL7 v2.5 messages of SS-MIX2 as documents: laboratory, prescriptions, illnesses, allergies and who the patient is.

Which field holds what: SS-MIX2 standard storage 1.2 (OML-11 is OUL^R22, OMP-01 RDE^O11, PPR-01 PPR^ZD1, ADT-00 ADT^A08,
ADT-61 ADT^A60) and HL7 v2.5; checked against the segment maps of jami-fhir-jp-wg/ssmix2-to-fhir (version 1.0, 2022).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from fhir_bridge.imports.dates import hl7_moment
from fhir_bridge.imports.denials import denied_allergy, denied_other
from fhir_bridge.imports.hl7_message import Message, Segment, message_of
from fhir_bridge.imports.model import Coding, Document, DocumentError, Item, Person

# MSH-3 of what we write ourselves.
OURS: Final = "MINATO-PHR"
_CODED: Final = frozenset({"CWE", "CNE", "CE", "CF"})
_VALUED: Final = frozenset({"NM", "ST", "SN", "TX", "FT", "DT", "TM", "TS", ""})
_FINAL: Final = frozenset({"F", "C", "U", ""})
_GONE: Final = frozenset({"D", "W", "X", "N"})
# Tables 0119 (orders: cancelled, discontinued, refused, in error) and 0438 (allergies), HL7 v2.5.
_STOPPED: Final = frozenset({"CA", "OC", "CR", "DC", "OD", "DR", "UA", "DE"})
_ON_HOLD: Final = frozenset({"HD", "OH", "HR"})
_DELETES: Final = frozenset({"DE", "D"})
_OVER: Final = ("治癒", "寛解", "中止")
_DOUBT: Final = "疑"
_READ: Final = frozenset({"MSH", "PID", "OBR", "OBX", "RXE", "RXO", "TQ1", "PRB", "ZPR", "DG1", "AL1", "IAM"})
_UNSURE: Final = frozenset({"U", "S", "P", "D"})
_ERRONEOUS: Final = "E"
_INACTIVE: Final = "I"
_LONGEST: Final = 400


def document_of(data: bytes, zone: ZoneInfo, place: str = "") -> Document:
    """The message in `data`, `place` the file it came from.

    Raises DocumentError: not-hl7, our-own, bad-encoding, too-many-entries, no-person or several-people.
    """
    message = message_of(data, place)
    header = message.header
    if header.part(3) == OURS:
        raise DocumentError("our-own", "this message was written by us", f"{header.place} field 3")
    if not header.part(9):
        raise DocumentError("not-hl7", "the header does not say what kind of message it is", f"{header.place} field 9")
    others = Counter(segment.name for segment in message.segments if segment.name not in _READ)
    return Document(
        form="hl7v2", source_id=_source_id(message), edition=hl7_moment(header.part(7), zone),
        person=_person(message), items=tuple(_keyed(message, _items(message, zone))), others=tuple(others.items()),
    )  # fmt: skip


def _person(message: Message) -> Person:
    found = message.all("PID")
    if len(found) != 1:
        raise DocumentError(
            "several-people" if found else "no-person", "a message is about one patient", message.header.place
        )
    pid = found[0]
    kana = name = ""
    for parts in pid.repeats(5):
        whole = "".join(parts[:2])
        if parts[-1] == "P":
            kana = kana or whole
        else:
            name = name or whole
    return Person(place=pid.place, kana=kana, name=name, birth=pid.part(7)[:8], sex=pid.part(8))


def _source_id(message: Message) -> str:
    """The maker and the order; a message sent again about the same order is a new edition of it.

    An ADT message is the whole list as it stands: every one of a patient is an edition of the same document.
    """
    header, pid = message.header, message.all("PID")[:1]
    orders = [segment.part(number) for name, number in (("ORC", 2), ("OBR", 2), ("PRB", 4))
              for segment in message.all(name) if segment.part(number)]  # fmt: skip
    patient = pid[0].part(3) if pid else ""
    kind = "^".join(header.repeats(9)[0][:2])
    own = [] if kind.startswith("ADT") else sorted(set(orders)) or [header.part(10)]
    return "|".join([header.part(4) or header.part(3), patient, kind, *own])


def _keyed(message: Message, items: Iterable[Item]) -> Iterator[Item]:
    """What the house numbers is named by the house, patient and number: two houses may count alike."""
    header, pid = message.header, message.all("PID")[0]
    house = f"{header.part(4) or header.part(3)}|{pid.part(3)}"
    for item in items:
        yield msgspec.structs.replace(item, key=f"{house}|{item.key}" if item.key else "")


def _items(message: Message, zone: ZoneInfo) -> Iterator[Item]:
    """Every segment that says something of health, with the day that holds for it."""
    specimen = taken = order = number = ""
    control = ""
    doubted = {_said(segment, 2): True for segment in message.all("ZPR") if _DOUBT in "".join(segment.fields)}
    for at, segment in enumerate(message.segments):
        if segment.name == "SPM":
            specimen, taken = segment.part(17), ""
        elif segment.name == "OBR":
            taken = segment.part(7)
            yield _report(segment, specimen or taken or order or message.header.part(7), zone)
        elif segment.name == "ORC":
            control = segment.part(1)
            order, number = segment.part(9) or order, f"{segment.part(2)}|{segment.field(4)}"
        elif segment.name == "OBX":
            yield _observation(segment, specimen or taken or order or message.header.part(7), zone)
        elif segment.name in {"RXE", "RXO"}:
            yield _medicine(message, at, order, zone, number=number, control=control)
        elif segment.name in {"PRB", "DG1"}:
            yield _condition(segment, zone, doubted=_said(segment, 3) in doubted)
        elif segment.name in {"AL1", "IAM"}:
            yield _allergy(segment, message.header.part(7), zone)


def _said(segment: Segment, number: int) -> str:
    return segment.part(number, 1) + segment.part(number, 2)


def _called(segment: Segment, number: int) -> str:
    return segment.part(number, 2) or segment.part(number)


def _codings(segment: Segment, number: int) -> tuple[Coding, ...]:
    """Both codes of a coded field: code, name, system, then the alternate ones."""
    found = []
    for parts in segment.repeats(number):
        whole = parts + [""] * 6
        for code, name, system in (whole[:3], whole[3:6]):
            if code or name:
                found.append(Coding(system, code, name or whole[1]))
    if not found:
        raise DocumentError("not-hl7", "something without a code or a name", f"{segment.place} field {number}")
    return tuple(found)


def _report(segment: Segment, day: str, zone: ZoneInfo) -> Item:
    status = segment.part(25)
    state = "withdrawn" if status in {"X", "D"} else "" if status in _FINAL else "not-final"
    return Item(
        place=segment.place, sort="report", codes=_codings(segment, 4), at=hl7_moment(day, zone), day=day, state=state,
        key=f"{segment.part(3) or segment.part(2)}|{segment.part(4)}", called=_called(segment, 4),
    )  # fmt: skip


def _observation(segment: Segment, day: str, zone: ZoneInfo) -> Item:
    kind, status = segment.part(2), segment.part(11)
    state = "withdrawn" if status in _GONE else "" if status in _FINAL else "not-final"
    text, choice = segment.part(5), None
    if kind in _CODED:
        parts = segment.repeats(5)[0] + ["", "", ""]
        choice = Coding(parts[2], parts[0], parts[1])
        text = choice.name or choice.code
    elif kind == "SN":
        text = "".join(segment.repeats(5)[0])
    elif kind not in _VALUED:
        state = state or "not-a-value"
    day = segment.part(14) or day
    return Item(
        place=segment.place, codes=_codings(segment, 3), text=text, choice=choice if text else None,
        unit=_unit(segment), at=hl7_moment(day, zone), day=day, state=state or ("" if text else "not-done"),
    )  # fmt: skip


def _unit(segment: Segment) -> str:
    """The unit's code; its name where a hospital numbers its units."""
    code, name = segment.part(6), segment.part(6, 2)
    return name if name and (not code or (code.isalnum() and any(one.isdigit() for one in code))) else code


def _medicine(message: Message, at: int, order: str, zone: ZoneInfo, *, number: str, control: str) -> Item:
    """RXE or RXO with the TQ1 after it: dose, timing and end as the house wrote them."""
    segment, timing = message.segments[at], _timing(message, at)
    field = 2 if segment.name == "RXE" else 1
    start, end = (timing.part(7), timing.part(8)) if timing else ("", "")
    day = start or order or message.header.part(7)
    over_at = hl7_moment(end, zone)
    if over_at is not None and len(end) == len("20261101"):
        over_at += timedelta(days=1)
    codes = _codings(segment, field)
    state = "withdrawn" if control in _STOPPED else "not-taken" if control in _ON_HOLD else ""
    state = state or denied_other(_called(segment, field), codes)
    return Item(
        place=segment.place, sort="medicine", codes=codes, at=hl7_moment(day, zone), day=day,
        state=state, over=state == "not-taken", until=over_at, called=_called(segment, field),
        detail=_dose(segment, timing)[:_LONGEST],
        key=f"{number}|{segment.part(field)}" if number.strip("|") else "",
    )  # fmt: skip


# Units of amounts that hospitals send as a bare code (MERIT-9 MR9P), as people read them.
_UNITS: Final = {
    "TAB": "錠", "CAP": "カプセル", "AMP": "アンプル", "VIL": "バイアル", "G": "g", "MG": "mg", "ML": "mL",
}  # fmt: skip


def _dose(segment: Segment, timing: Segment | None) -> str:
    """The amount at a time with its unit, how often, and what the prescriber added."""
    at = 3 if segment.name == "RXE" else 2
    unit = segment.part(at + 2, 2) or _UNITS.get(segment.part(at + 2), segment.part(at + 2))
    amount = f"{segment.part(at)}{unit}" if segment.part(at) else ""
    often = _often(timing) if timing else ""
    told = _called(segment, 7) if segment.name == "RXE" else ""
    return " ".join(filter(None, [amount, often, told]))


def _often(timing: Segment) -> str:
    """How often, by name: a code within a code, parted by the mark of subcomponents."""
    parts = timing.part(3).split(timing.marks[4])
    return parts[1] if len(parts) > 1 and parts[1] else timing.part(3, 2) or parts[0]


def _timing(message: Message, medicine: int) -> Segment | None:
    """The first TQ1 of the medicine at that place."""
    for at in range(medicine + 1, len(message.segments)):
        segment = message.segments[at]
        if segment.name == "TQ1":
            return segment
        if segment.name in {"RXE", "RXO", "ORC"}:
            break
    return None


def _condition(segment: Segment, zone: ZoneInfo, *, doubted: bool) -> Item:
    codes, until, key = _codings(segment, 3), "", ""
    if segment.name == "PRB":
        codes += _codings(segment, 10) if segment.field(10) else ()
        day, until, key = segment.part(16) or segment.part(7) or segment.part(2), segment.part(9), segment.part(4)
        over = any(word in _said(segment, 14) for word in _OVER) or bool(until)
        doubtful = doubted or _DOUBT in _said(segment, 13)
        gone = segment.part(1) in _DELETES
    else:
        day, over, gone = segment.part(5), False, False
        doubtful = _DOUBT in segment.field(4)
    doubtful = doubtful or any(_DOUBT in coding.name for coding in codes)
    state = "withdrawn" if gone else "doubtful" if doubtful else denied_other(_called(segment, 3), codes)
    return Item(
        place=segment.place, sort="condition", codes=codes, at=hl7_moment(day, zone), day=day, over=over, state=state,
        until=hl7_moment(until, zone), key=key, called=_called(segment, 3),
    )  # fmt: skip


def _allergy(segment: Segment, day: str, zone: ZoneInfo) -> Item:
    """AL1 has the day it was noticed in field 6; IAM the day it began in 11 and was reported in 13."""
    alone = segment.name == "AL1"
    day = (segment.part(6) if alone else segment.part(13) or segment.part(11)) or day
    status = "" if alone else segment.part(17)
    gone = not alone and (segment.part(6) in _DELETES or status == _ERRONEOUS)
    codes, kind = _codings(segment, 3), segment.part(2)
    state = "withdrawn" if gone else denied_allergy(_called(segment, 3), codes, (kind,))
    state = state or ("doubtful" if status in _UNSURE else "over" if status == _INACTIVE else "")
    reactions = " ".join(filter(None, (parts[0] for parts in segment.repeats(5))))
    return Item(
        place=segment.place, sort="allergy", codes=codes, choice=Coding(code=kind), at=hl7_moment(day, zone), day=day,
        state=state, over=status == _INACTIVE,
        called=_called(segment, 3), detail=" ".join(filter(None, [reactions, segment.part(4, 2)]))[:_LONGEST],
    )  # fmt: skip
