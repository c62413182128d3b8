"""Where a resident is told that there is a message; and the web hook of LINE."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
