"""ISO-2022-JP as hospitals write it: JIS X 0201 both halves, JIS X 0208 with the vendor rows, JIS X 0212.

The library's codecs refuse the vendor rows (①, ㈱, 髙), which are in every hospital's names; and the bytes of a kanji
may be those of the separators | ^ ~ & of HL7, so that text is decoded before it is split.
"""

from __future__ import annotations

from typing import Final

from fhir_bridge.imports.model import DocumentError

_ESCAPE: Final = 0x1B
_SETS: Final = {
    b"(B": "ascii", b"(J": "roman", b"(I": "kana", b"$B": "0208", b"$@": "0208", b"$(B": "0208", b"$(D": "0212",
}  # fmt: skip
_CONTROLS: Final = 0x20
_LAST: Final = 0x7E
_KANA_LAST: Final = 0x5F
_ASCII: Final = b"\x1b(B"
_GETA: Final = "〓"
_LAST_BITS: Final = 0x7F
_SECOND_HALF: Final = 0xA0
_ODD_ROW: Final = 0x9F
_ROWS: Final = 94


def decoded(data: bytes, place: str = "") -> str:
    """The text of `data`; raises DocumentError bad-encoding with the byte where it cannot be one."""
    found: list[str] = []
    current, index = "ascii", 0
    while index < len(data):
        byte = data[index]
        if byte == _ESCAPE:
            current, index = _switched(data, index, place)
        elif byte < _CONTROLS:
            # A line ends in ASCII, whatever stood in it.
            current = "ascii" if byte in b"\r\n" else current
            found.append(chr(byte))
            index += 1
        elif current in {"0208", "0212"}:
            found.append(_pair(data[index : index + 2], current, f"{place} byte {index}".strip()))
            index += 2
        else:
            found.append(_single(byte, current, f"{place} byte {index}".strip()))
            index += 1
    return "".join(found)


def encoded(text: str) -> bytes:
    """ISO-2022-JP that `decoded` reads back; what JIS X 0208 with the vendor rows does not have becomes 〓."""
    found = bytearray()
    state = _ASCII
    for character in text:
        wanted, code = _coded(character)
        if wanted != state:
            found += wanted
            state = wanted
        found += code
    return bytes(found) + (b"" if state == _ASCII else _ASCII)


def _coded(character: str) -> tuple[bytes, bytes]:
    """The escape sequence of the set a character is in, and its bytes there."""
    one = character.encode("cp932", errors="replace")
    if one == b"?" and character != "?":
        one = _GETA.encode("cp932")
    if len(one) == 1 and (one[0] == _LAST + 1 or (one[0] < _CONTROLS and one not in b"\t\r\n")):
        one = b" "  # an escape of the text's own would change the set
    if len(one) == 1:
        return (b"\x1b(I", bytes([one[0] & _LAST_BITS])) if one[0] > _LAST else (_ASCII, one)
    lead = one[0] - (0x81 if one[0] < _SECOND_HALF else 0xC1)
    if not 0 <= lead < _ROWS // 2:
        return _coded(_GETA)
    trail = one[1]
    odd = trail >= _ODD_ROW
    cell = trail - (0x7E if odd else 0x1F if trail < 0x7F else 0x20)  # noqa: PLR2004 - 0x7F is left out
    return b"\x1b$B", bytes([lead * 2 + (0x22 if odd else 0x21), cell])


def _switched(data: bytes, index: int, place: str) -> tuple[str, int]:
    for length in (3, 2):
        name = _SETS.get(data[index + 1 : index + 1 + length])
        if name is not None:
            return name, index + 1 + length
    raise DocumentError(
        "bad-encoding", "an escape sequence that is not of Japanese text", f"{place} byte {index}".strip()
    )


def _single(byte: int, current: str, place: str) -> str:
    if byte > _LAST or (current == "kana" and byte > _KANA_LAST):
        raise DocumentError("bad-encoding", "a byte that is no character here", place)
    if current == "kana":
        return bytes([byte | 0x80]).decode("cp932")
    # In JIS X 0201 ¥ and ‾ stand where ASCII has \ and ~; HL7 means its own separators by them.
    return chr(byte)


def _pair(pair: bytes, current: str, place: str) -> str:
    if len(pair) < 2 or not all(_CONTROLS < byte <= _LAST for byte in pair):  # noqa: PLR2004 - a kanji has two bytes
        raise DocumentError("bad-encoding", "half a character", place)
    try:
        if current == "0212":
            return bytes([0x8F, pair[0] | 0x80, pair[1] | 0x80]).decode("euc_jp")
        return _shifted(pair).decode("cp932")
    except UnicodeDecodeError as error:
        raise DocumentError("bad-encoding", "two bytes that are no character", place) from error


def _shifted(pair: bytes) -> bytes:
    """The Shift JIS form of a JIS X 0208 pair, which has room for the vendor rows."""
    row, cell = pair[0] - 0x21, pair[1] - 0x21
    lead = row // 2 + (0x81 if row < 0x3E else 0xC1)  # noqa: PLR2004 - rows from 63 on come after half-width kana
    trail = cell + 0x9F if row % 2 else cell + 0x40 + (cell >= 0x3F)  # noqa: PLR2004 - 0x7F is left out
    return bytes([lead, trail])
