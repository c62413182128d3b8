"""The files a browser fetches beside the pages: our own stylesheets, scripts and pictures, by name and content."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

from engine.web.guard import STATIC_CACHE

FOLDER: Final = Path(__file__).parent / "static"
TYPES: Final = {
    ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json", ".png": "image/png",
}  # fmt: skip
router = APIRouter(include_in_schema=False)


@cache
def files() -> dict[str, bytes]:
    """Every file there is, by name; nothing else is ever read, so no path can lead out of the folder."""
    return {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}


@cache
def address(name: str) -> str:
    """Where a file is fetched: the address changes with its content, so that it may be kept for good."""
    return f"/static/{hashlib.sha256(files()[name]).hexdigest()[:12]}/{name}"


@router.get("/static/{mark}/{name}")
def fetch(mark: str, name: str) -> Response:
    """One file; `mark` names its content and is not looked at."""
    del mark
    content = files().get(name)
    if content is None:
        return Response(status_code=404)
    kind = TYPES[Path(name).suffix]
    return Response(content, media_type=kind, headers={"Cache-Control": STATIC_CACHE})
