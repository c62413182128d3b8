"""特定健診 XML: the CDA R2 file of one check-up, header and sections; item code, value, unit and date are all of it.

Layout after the public file specification of the 特定健診情報ファイル (厚生労働省; JAHIS 18-007): no sentence of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from fhir_bridge.imports.dates import hl7_moment
from fhir_bridge.imports.model import MOST_ENTRIES, Coding, Document, DocumentError, Item, Person
from fhir_bridge.imports.xml_tree import Node, tree_of

_NAMESPACE: Final = "urn:hl7-org:v3"
_NAME: Final = "特定健診"
_TRUE: Final = frozenset({"true", "1"})
_HAPPENED: Final = frozenset({"", "EVN"})
_CALLED_OFF: Final = frozenset({"cancelled", "aborted", "nullified"})
_HEADER: Final = ("author", "custodian", "informant", "legalAuthenticator", "participant", "relatedDocument")


def document_of(data: bytes, zone: ZoneInfo) -> Document:
    """The check-up in `data`.

    Raises DocumentError: damaged-xml, unsafe-xml, too-large, not-cda, no-person, no-date or too-many-entries.
    """
    root = tree_of(data)
    if root.tag != "ClinicalDocument" or root.space != _NAMESPACE:
        raise DocumentError("not-cda", "the document is no ClinicalDocument", f"line {root.line}")
    event = root.first("documentationOf", "serviceEvent")
    day = _value(event.first("effectiveTime")) if event else ""
    at = hl7_moment(day, zone)
    if at is None:
        where = event or root
        raise DocumentError("no-date", "the day of the check-up cannot be read", f"line {where.line}")
    items: list[Item] = []
    for body in root.all("component", "structuredBody"):
        items.extend(_items(body, at, day, zone))
    if len(items) > MOST_ENTRIES:
        raise DocumentError("too-many-entries", f"more than {MOST_ENTRIES} entries", f"line {root.line}")
    if not items:
        raise DocumentError("not-cda", "the document holds no results", f"line {root.line}")
    others = Counter(child.tag for child in root.children if child.tag in _HEADER)
    items.append(_whole(root, at, day))
    return Document(
        form="tokutei-kenshin", source_id=_source_id(root, day), person=_person(root), items=tuple(items),
        edition=hl7_moment(_value(root.first("effectiveTime")), zone), others=tuple(others.items()),
    )  # fmt: skip


def _whole(root: Node, at: datetime, day: str) -> Item:
    """The check-up itself, by its title or by what this form of file is called."""
    title, kind = root.first("title"), root.first("code")
    name = title.words() if title else ""
    coding = Coding(kind.get("codeSystem"), kind.get("code"), kind.get("displayName")) if kind else Coding()
    maker = _maker(root)
    by = maker.first("name") if maker else None
    return Item(
        place=f"line {root.line}", sort="document", codes=(coding,), at=at, day=day, key=_source_id(root, day),
        called=name or coding.name or _NAME, detail=by.words() if by else "",
    )  # fmt: skip


def _maker(root: Node) -> Node | None:
    """The house that made the check-up, or else the file."""
    where = ("documentationOf", "serviceEvent", "performer", "assignedEntity", "representedOrganization")
    return root.first(*where) or root.first("author", "assignedAuthor", "representedOrganization")


def _value(node: Node | None) -> str:
    """The moment of a time element: its value, or the beginning of its span."""
    if node is None:
        return ""
    low = node.first("low")
    return node.get("value") or (low.get("value") if low else "")


def _person(root: Node) -> Person:
    roles = root.all("recordTarget", "patientRole")
    if len(roles) != 1:
        raise DocumentError(
            "several-people" if roles else "no-person", "one person has one check-up", f"line {root.line}"
        )
    patient = roles[0].first("patient")
    if patient is None:
        raise DocumentError("no-person", "the document does not say whose it is", f"line {roles[0].line}")
    name, sex, birth = (patient.first(tag) for tag in ("name", "administrativeGenderCode", "birthTime"))
    return Person(
        place=f"line {patient.line}", name=name.words() if name else "", sex=sex.get("code") if sex else "",
        birth=birth.get("value")[:8] if birth else "",
    )  # fmt: skip


def _source_id(root: Node, day: str) -> str:
    """The file's own id; these files usually have none, then what, when and where it was."""
    own = root.first("id")
    if own is not None and own.get("root"):
        return f"{own.get('root')}|{own.get('extension')}"
    kind = root.first("code")
    house = _maker(root)
    maker = house.first("id") if house else None
    return "|".join([kind.get("code") if kind else "", day, maker.get("extension") if maker else ""])


def _items(body: Node, at: datetime, day: str, zone: ZoneInfo) -> Iterator[Item]:
    """Every observation with a code, those inside of others too."""
    for node in body.below("observation"):
        code = node.first("code")
        if code is None or not code.get("code"):
            if code is not None and code.get("nullFlavor"):
                continue
            raise DocumentError("not-cda", "a result without a code", f"line {node.line}")
        own = _value(node.first("effectiveTime"))
        text, unit, choice = _result(node)
        absent = node.get("negationInd") in _TRUE or not (text or choice)
        yield Item(
            place=f"line {node.line}", at=hl7_moment(own, zone) if own else at, day=own or day, text=text, unit=unit,
            codes=(Coding(code.get("codeSystem"), code.get("code"), code.get("displayName")),), choice=choice,
            state=_unsaid(node) or ("not-done" if absent else ""),
        )  # fmt: skip


def _unsaid(node: Node) -> str:
    """Why an observation is no result of this person: only planned, called off, or of a relative."""
    status = node.first("statusCode")
    if status is not None and status.get("code") in _CALLED_OFF:
        return "withdrawn"
    if node.first("subject") is not None:
        return "of-another-body"
    return "" if node.get("moodCode") in _HAPPENED else "not-final"


def _result(node: Node) -> tuple[str, str, Coding | None]:
    value = node.first("value")
    if value is None or value.get("nullFlavor"):
        return "", "", None
    kind = value.get("type").rpartition(":")[2]
    if kind in {"CD", "CO", "CE", "CV"}:
        choice = Coding(value.get("codeSystem"), value.get("code"), value.get("displayName"))
        return choice.name, "", choice if choice.code else None
    if kind in {"PQ", "INT", "REAL"}:
        if not value.get("value"):
            raise DocumentError("not-cda", "a quantity without a number", f"line {value.line}")
        return value.get("value"), value.get("unit") if value.get("unit") != "1" else "", None
    if kind in {"ST", "ED", ""}:
        return value.words(), "", None
    raise DocumentError("not-cda", f"a value of an unknown kind: {kind[:20]}", f"line {value.line}")
