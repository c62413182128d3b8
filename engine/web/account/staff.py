"""The administrator's page: who works here, in which role, for which town; never a health value."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
