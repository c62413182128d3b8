"""The resident's first page: one sentence, one number, one next step; and the switches of the page."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
