"""Parts of one PDF put together."""

from __future__ import annotations

import io
import re

import pypdfium2  # type: ignore[import-untyped]

from engine.letters_parts import joined


def sheet(*widths: int) -> bytes:
    document, out = pypdfium2.PdfDocument.new(), io.BytesIO()
    for width in widths:
        document.new_page(width, 842)
    document.save(out)
    document.close()
    return out.getvalue()


def test_the_parts_stand_in_their_order_and_the_same_parts_are_the_same_bytes() -> None:
    # The library names a new file by the clock, so the first two would differ if nothing were done about it.
    assert sheet(100) != sheet(100)
    parts = [sheet(100, 200), sheet(300), sheet(400)]
    whole = joined(parts)
    with pypdfium2.PdfDocument(whole) as document:
        assert [round(page.get_width()) for page in document] == [100, 200, 300, 400]
    assert joined(parts) == whole
    first, second = re.findall(rb"<([0-9A-F]{32})>", whole)
    assert first == second
    assert joined([*parts[:2], sheet(500)]) != whole


def test_one_part_alone_is_left_as_it_is() -> None:
    only = sheet(100)
    assert joined([only]) is only
