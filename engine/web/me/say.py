"""What a resident tells: values by hand, answers, call me, a question, this is wrong."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
