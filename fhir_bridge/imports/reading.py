"""A document of any known form to its report: what it is, its first bytes say, never its name."""

from __future__ import annotations

from typing import Final

from engine.refusal import Refusal
from fhir_bridge.imports import cda, fhir_document, hl7
from fhir_bridge.imports.facts import report_of
from fhir_bridge.imports.model import MOST_BYTES, Document, DocumentError, Entering, Report

_BLANK: Final = b" \t\r\n\x0b"
_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def read_document(data: bytes, entering: Entering, place: str = "") -> Report | Refusal:
    """What `data` says of the resident; refused whole with a code, and the place in it as `field`.

    Refused as too-large, unknown-form, damaged-json, damaged-xml, unsafe-xml, not-fhir, not-cda, not-hl7, bad-encoding,
    too-many-entries, no-date, no-person, several-people or other-person.
    """
    try:
        return report_of(_taken_apart(data, entering, place), entering)
    except DocumentError as error:
        return Refusal(error.code, error.message, error.place or place or None)


def _taken_apart(data: bytes, entering: Entering, place: str) -> Document:
    if len(data) > MOST_BYTES:
        raise DocumentError("too-large", f"more than {MOST_BYTES >> 20} MiB in one document", place)
    start = data.removeprefix(_BOM).lstrip(_BLANK)[:3]
    if start.startswith(b"{"):
        return fhir_document.document_of(data, entering.zone)
    if start.startswith((b"<", *_UTF16)):
        return cda.document_of(data, entering.zone)
    if start == b"MSH":
        return hl7.document_of(data, entering.zone, place)
    raise DocumentError("unknown-form", "neither FHIR, nor a 特定健診 XML, nor an HL7 v2 message", place)
