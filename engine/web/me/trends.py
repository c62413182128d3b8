"""The resident's charts and their tables."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
