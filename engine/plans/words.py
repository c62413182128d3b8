"""A goal in words: one sentence a line, numbers as people read them."""

from __future__ import annotations

from engine.locale import Language, text
from engine.plan import shown
from engine.plans.model import Goal, Line


def sentence(language: Language, line: Line, context: str = "resident") -> str:
    """One line in `language`; raises UnknownTextError for a key without a text."""
    words = {name: text(language, "resident", key) for name, key in line.words.items()}
    return text(language, context, line.key, **words, **{name: shown(value) for name, value in line.values.items()})


def render(language: Language, goal: Goal) -> str:
    """What the resident reads: what to do, how much, why, and how it will be measured."""
    return "\n".join(sentence(language, line) for line in goal.lines)


def note(language: Language, goal: Goal) -> str | None:
    """What only the nurse reads; None when the goal has no note."""
    return None if goal.note is None else sentence(language, goal.note, "nurse")
