"""Who is looked after by whom, who has not been looked at for long, who improved, and how much work that is."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
