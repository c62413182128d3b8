"""Notes of those who watch over people; nothing of anybody's health."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
