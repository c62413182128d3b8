"""What the resident agreed to, changed on the same page; and who has seen the data."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
