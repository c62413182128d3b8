"""Parts of one PDF put together: the same parts give the same bytes."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from typing import Final

# What the library stamps with the time of day: ISO 32000-1, 14.4 lets the identifier be made from the content.
_IDENTIFIER: Final = re.compile(rb"/ID\[<([0-9A-F]{32})><([0-9A-F]{32})>\]>>\r\nstartxref\r\n\d+\r\n%%EOF\r\n\Z")


def joined(parts: Sequence[bytes]) -> bytes:
    """All pages of these PDF files in their order; one part alone is left as it is."""
    if len(parts) == 1:
        return parts[0]
    import pypdfium2  # type: ignore[import-untyped]

    whole, out = pypdfium2.PdfDocument.new(), io.BytesIO()
    for part in parts:
        with pypdfium2.PdfDocument(part) as document:
            whole.import_pages(document)
    whole.save(out)
    whole.close()
    return _named(out.getvalue())


def _named(content: bytes) -> bytes:
    """The file with an identifier that its content decides."""
    found = _IDENTIFIER.search(content)
    if found is None:
        return content
    name = hashlib.sha256(content[: found.start()]).hexdigest()[:32].upper().encode()
    return content[: found.start(1)] + name + content[found.end(1) : found.start(2)] + name + content[found.end(2) :]
