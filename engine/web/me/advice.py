"""The advice a resident received, who approved it, and whether it was useful."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
