"""The help desk: devices, batteries and last contact; never a value."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
