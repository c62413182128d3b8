"""The door of everything under /advice/{id}."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
