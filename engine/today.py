"""What a resident is told today: one sentence, one number, one next step. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from engine.locale import Language, text
from engine.review import LIVE, Item
from engine.rules.model import SEVERITIES
from engine.signals import Signals

_ASKS: Final = ("ましょう。", "ください。")
# For so long delivered advice heads the day (product policy): what still holds then is drafted anew by its rule, and
# what stood there for months would be read no more. All of it stays among the advice received.
STANDS: Final = {
    "emergency": timedelta(days=14), "urgent": timedelta(days=14), "prompt": timedelta(days=42),
    "soon": timedelta(days=90), "routine": timedelta(days=28),
}  # fmt: skip


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The sentence, the number, the next step; `text` is all of the advice they come from, `advice` its id.

    `at` is when that advice was delivered. With `whole` the advice is never shortened: its last line may be the
    telephone number.
    """

    sentence: str
    number: str
    next: str
    text: tuple[str, ...]
    advice: str | None = None
    severity: str = ""
    whole: bool = False
    at: datetime | None = None


def say_today(
    items: Sequence[Item], signals: Signals, lang: Language, *, spared: Collection[str] = frozenset()
) -> Told:
    """What is told of these items, as they may be told today (`engine.evaluate.still_said`), and of these numbers.

    `spared` are the numbers a rule forbids to show: weight, steps, pressure.
    """
    numbers = _numbers(signals, lang, spared)
    delivered = [item for item in items if item.state == "delivered" and stands(item, signals.as_of)]
    if delivered:
        # The newest of the most serious: a referral is not hidden behind yesterday's steps.
        best = max(delivered, key=lambda item: (SEVERITIES.index(item.severity), item.updated_at))
        lines = lines_of(best, lang)
        return Told(
            sentence=lines[0], number=_number(numbers, lang, best.topic), next=_next_step(best, lines), text=lines,
            advice=best.id, severity=best.severity, whole=best.severity != "routine", at=best.updated_at,
        )  # fmt: skip
    waiting = any(item.state in LIVE for item in items)
    sentence = text(lang, "resident", "today.waiting" if waiting else "today.nothing")
    step = text(lang, "resident", "today.next")
    return Told(sentence=sentence, number=_number(numbers, lang), next=step, text=(sentence,))


def stands(item: Item, now: datetime) -> bool:
    """Whether advice delivered when `item` last changed still heads the day at `now`."""
    return now - item.updated_at < STANDS.get(item.severity, STANDS["soon"])


def lines_of(item: Item, lang: Language) -> tuple[str, ...]:
    """The sentences of a piece of advice."""
    return tuple((item.text_ja if lang == "ja" else item.text_en).splitlines()) or ("",)


def _next_step(item: Item, lines: Sequence[str]) -> str:
    """The line that asks for something: the texts state the value first, and say the same line for line."""
    asks = [at for at, line in enumerate(item.text_ja.splitlines()) if at and line.endswith(_ASKS)]
    return lines[min(asks[0] if asks else 0, len(lines) - 1)]


def _numbers(signals: Signals, lang: Language, spared: Collection[str]) -> dict[str, str]:
    """The numbers there are, by topic: weight, steps, blood pressure."""
    weight, steps = signals.value("weight.level"), signals.value("steps.mean_7d")
    high, low = signals.value("bp.home.systolic_mean"), signals.value("bp.home.diastolic_mean")
    found: dict[str, str] = {}
    if weight is not None and "weight" not in spared:
        found["weight"] = text(lang, "resident", "today.weight", value=f"{weight:.1f}")
    if steps is not None and "steps" not in spared:
        found["activity"] = text(lang, "resident", "today.steps", value=f"{steps:,}")
    if high is not None and low is not None and "pressure" not in spared:
        found["blood-pressure"] = text(lang, "resident", "today.pressure", value=f"{high:.0f}/{low:.0f}")
    return found


def _number(numbers: dict[str, str], lang: Language, topic: str = "") -> str:
    """The number that belongs to the topic, else the first there is."""
    return numbers.get(topic) or next(iter(numbers.values()), text(lang, "resident", "today.no-number"))
