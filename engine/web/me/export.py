"""Everything of mine as files, and the report."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
