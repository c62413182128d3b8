"""What became of every rule: accepted, edited, rejected and why."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
