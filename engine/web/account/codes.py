"""One-time codes and QR cards that sign residents and family in, made at the desk."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
