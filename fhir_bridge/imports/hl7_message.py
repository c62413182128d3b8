"""An HL7 v2 message as segments, fields, repetitions and components: split on its own separators, nothing more."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fhir_bridge.imports.jis import decoded
from fhir_bridge.imports.model import MOST_ENTRIES, DocumentError

_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_ESCAPED: Final = re.compile(r"\\([FSTRE]|\.br|X[0-9A-Fa-f]{2,8}|H|N)\\")
_SEPARATORS: Final = 4
_JAPANESE: Final = b"\x1b"
_UTF8: Final = ("UNICODE UTF-8", "UTF-8")


class Segment(msgspec.Struct, frozen=True):
    """One line of a message: its name, its fields by HL7's numbers, and where it stands, like `OBX 3 (line 9)`."""

    name: str
    fields: tuple[str, ...]
    place: str
    marks: str

    def field(self, number: int) -> str:
        """The whole field, "" where there is none."""
        return self.fields[number] if number < len(self.fields) else ""

    def repeats(self, number: int) -> list[list[str]]:
        """The repetitions of a field, each as its components with escapes undone."""
        return [
            [_plain(part, self.marks) for part in one.split(self.marks[1])]
            for one in self.field(number).split(self.marks[2])
        ]

    def part(self, number: int, component: int = 1) -> str:
        """A component of the first repetition of a field, "" where there is none."""
        parts = self.repeats(number)[0]
        return parts[component - 1] if component <= len(parts) else ""


class Message(msgspec.Struct, frozen=True):
    """A message: its header and all of its segments in order."""

    segments: tuple[Segment, ...]

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    def all(self, name: str) -> list[Segment]:
        """Every segment of that name."""
        return [segment for segment in self.segments if segment.name == name]


def message_of(data: bytes, place: str = "") -> Message:
    """The message in `data`; raises DocumentError not-hl7, bad-encoding or too-many-entries with the place."""
    text = _text(data, place)
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip("\x1c\x0b ")]
    if not lines or not lines[0].lstrip("\x0b").startswith("MSH") or len(lines[0]) < len("MSH|^~\\&|"):
        raise DocumentError("not-hl7", "the message does not begin with a header", f"{place} line 1".strip())
    if len(lines) > MOST_ENTRIES:
        raise DocumentError("too-many-entries", f"more than {MOST_ENTRIES} segments", place)
    head = lines[0].lstrip("\x0b")
    marks = head[3] + head[4:8].split(head[3])[0].ljust(_SEPARATORS, "\x00")
    if len(set(marks[:4])) < _SEPARATORS or marks[0].isalnum():
        raise DocumentError("not-hl7", "the header names no separators", f"{place} MSH (line 1)".strip())
    counts: dict[str, int] = {}
    found = []
    for number, line in enumerate(lines, 1):
        fields = line.lstrip("\x0b").split(marks[0])
        name = fields[0]
        where = f"{name[:3]} {counts.get(name, 0) + 1} (line {number})" if name.isascii() else f"line {number}"
        if not _NAME.fullmatch(name):
            raise DocumentError("not-hl7", "a line that is no segment", f"{place} line {number}".strip())
        counts[name] = counts.get(name, 0) + 1
        if name == "MSH":
            if number > 1:
                raise DocumentError("not-hl7", "a second header in one message", f"{place} {where}".strip())
            fields.insert(1, marks[0])  # HL7 counts the separator itself as the first field
        found.append(Segment(name, tuple(fields), f"{place} {where}".strip(), marks))
    return Message(tuple(found))


def _text(data: bytes, place: str) -> str:
    """ISO-2022-JP where there is an escape, else UTF-8 or, if the header does not say so, CP932."""
    if _JAPANESE in data:
        return decoded(data, place)
    for encoding in ("utf-8", "cp932"):
        try:
            return data.removeprefix(b"\xef\xbb\xbf").decode(encoding)
        except UnicodeDecodeError:
            if any(name.encode() in data for name in _UTF8):
                break
    raise DocumentError("bad-encoding", "the message is in none of the encodings it may be in", place)


def _plain(text: str, marks: str) -> str:
    """A component with HL7's escapes undone; subcomponents stay apart by their mark."""
    if "\\" not in text:
        return text.strip()
    means = {"F": marks[0], "S": marks[1], "R": marks[2], "E": "\\", "T": marks[4], ".br": " ", "H": "", "N": ""}

    def one(found: re.Match[str]) -> str:
        name = found[1]
        return means.get(name, "")

    return _ESCAPED.sub(one, text).strip()
