"""`phr today`: one sentence, one number and one next step for a resident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.output import emit, result
from cli.store import resident_of, transaction
from cli.wiring import settings
from cli.words_inbox import word

if TYPE_CHECKING:
    from engine.locale import Language
    from engine.review import Item
    from engine.signals import Signals

# For so long a resident is asked about a reading that is only probably theirs; the inbox asks on.
UNCONFIRMED: Final = timedelta(days=7)


def today(
    resident: Annotated[str, typer.Option("--resident", help="Resident id.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what matters today: only advice a person signed for is shown."""
    from engine.evaluate import settle, still_said
    from engine.picture import signals_of
    from engine.store import inbox, repo_advice

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        settle(connection, now)
        signals = signals_of(connection, person, now)
        items = repo_advice.listed(connection, resident=person.id, states=None, limit=10_000)
        items = still_said(connection, person, items, now, signals)
        assumed = inbox.assumed_of(connection, person.id, now - UNCONFIRMED)
    lang: Language = "en" if (settings().lang or person.language).lower().startswith("en") else "ja"
    told = say_today(items, signals, lang)
    if json:
        # Nobody is frightened by a number that may be another's: there only the request to measure again is shown.
        waiting = [
            {"reading": item.id, "posterior": item.posterior, "values": () if item.red_flag else item.values}
            | ({"measure_again": True} if item.red_flag else {})
            for item in assumed
        ]
        emit({"resident": person.id, **told, "unconfirmed": waiting})
        return
    # A referral is never shortened: its last line may be the telephone number.
    short = dict.fromkeys((told["sentence"], told["number"], told["next"]))
    for line in (*told["text"], told["number"]) if told["whole"] else short:
        result(line)
    if any(item.red_flag for item in assumed):
        result(word(lang, "red-flag"))
    elif assumed:
        value = ", ".join(f"{number} {unit}" for _, number, unit in assumed[0].values)
        result(word(lang, "today-assumed", value=value, count=len(assumed)))


def say_today(items: list[Item], signals: Signals, lang: Language) -> dict[str, Any]:
    """The sentence, the number and the next step, and the id of the advice they come from (None without one)."""
    from engine.locale import text
    from engine.review import LIVE
    from engine.rules.model import SEVERITIES

    delivered = [item for item in items if item.state == "delivered"]
    if delivered:
        # The newest of the most serious: a referral is not hidden behind yesterday's steps.
        best = max(delivered, key=lambda item: (SEVERITIES.index(item.severity), item.updated_at))
        lines = (best.text_ja if lang == "ja" else best.text_en).splitlines()
        step, whole = _next_step(best, lines), best.severity != "routine"
        number = _number(signals, lang, best.topic)
        told: dict[str, Any] = {"sentence": lines[0], "number": number, "next": step, "text": lines, "advice": best.id}
        return told | {"whole": whole}
    waiting = any(item.state in LIVE for item in items)
    sentence = text(lang, "resident", "today.waiting" if waiting else "today.nothing")
    step = text(lang, "resident", "today.next")
    number = _number(signals, lang)
    none: dict[str, Any] = {"sentence": sentence, "number": number, "next": step, "text": [sentence], "advice": None}
    return none | {"whole": False}


def _next_step(item: Item, lines: list[str]) -> str:
    """The line that asks for something: the texts state the value first, and say the same line for line."""
    asks = [
        at for at, line in enumerate(item.text_ja.splitlines()) if at and line.endswith(("ましょう。", "ください。"))
    ]
    return lines[min(asks[0] if asks else 0, len(lines) - 1)]


def _number(signals: Signals, lang: Language, topic: str = "") -> str:
    """The number that belongs to the topic, else the first there is: weight, steps, blood pressure."""
    from engine.locale import text

    weight, steps = signals.value("weight.level"), signals.value("steps.mean_7d")
    high, low = signals.value("bp.home.systolic_mean"), signals.value("bp.home.diastolic_mean")
    told: dict[str, str] = {}
    if weight is not None:
        told["weight"] = text(lang, "resident", "today.weight", value=f"{weight:.1f}")
    if steps is not None:
        told["activity"] = text(lang, "resident", "today.steps", value=f"{steps:,}")
    if high is not None and low is not None:
        told["blood-pressure"] = text(lang, "resident", "today.pressure", value=f"{high:.0f}/{low:.0f}")
    return told.get(topic) or next(iter(told.values()), text(lang, "resident", "today.no-number"))
