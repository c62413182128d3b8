"""My check-ups and records, each in plain words with source and date, as far as the disclosure policy shows it."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
