"""Server-sent events: what became urgent while a page is open."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
