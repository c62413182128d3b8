"""Standing approvals and signed urgent texts: made, shown, suspended, ended."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
