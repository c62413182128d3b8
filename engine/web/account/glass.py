"""Breaking the glass: a look without the usual right, with a reason, alarmed and shown to the resident."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
