"""One resident as staff see them, a questionnaire on the phone, values entered by hand."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
