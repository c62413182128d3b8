"""The pages of family whom a resident lets look."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
