"""What residents asked for: call me, a question, this is wrong; with its due date."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
