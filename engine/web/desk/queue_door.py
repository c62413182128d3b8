"""The routes of the queue, shared by the modules that fill them."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
