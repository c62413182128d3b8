"""How facts and the report of an import are shown: words for people, one object for machines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from cli.clinical_words import word
from cli.exits import Exit
from cli.output import emit, result, say
from cli.wiring import language, settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.care_entries import Entry
    from engine.clinical import Fact
    from engine.clinical_taking import Report
    from engine.signals import Signal

ZONE = ZoneInfo("Asia/Tokyo")


def tell(stored: tuple[Fact, ...], already: tuple[Fact, ...], *, json: bool) -> None:
    """Say what was recorded; exit code 4 when all of it was there already."""
    now, lang = datetime.now(UTC), language(settings())
    if json:
        emit({"stored": [fact_json(fact, now) for fact in stored], "already": [fact.code for fact in already]})
    else:
        for fact, key in [*((fact, "stored") for fact in stored), *((fact, "already") for fact in already)]:
            result(word(lang, key, what=spoken(fact, lang), when=span(fact, lang)))
        if stored:
            say(word(lang, "take-back", id=stored[-1].id))
    if already and not stored:
        raise typer.Exit(int(Exit.ALREADY))


def spoken(fact: Fact, lang: str) -> str:
    """A fact in words: what it is and its value, as people write it."""
    from engine.clinical_codes import GRADES, catalogue
    from engine.explained import spoken as as_people_read

    code = catalogue()[fact.code]
    label = code.ja if lang == "ja" else code.en
    if code.sort == "answer":
        return f"{label}: {word(lang, fact.value)}"
    if code.sort == "grade":
        return f"{label}: {GRADES[int(fact.value)]}"
    if code.sort == "choice":
        return f"{label}: {as_people_read(fact, 'ja' if lang == 'ja' else 'en')[0]}"
    return f"{label}: {fact.value} {(fact.unit or '').replace('mm[Hg]', 'mmHg')}".rstrip()


def tell_entries(entries: Iterable[Entry], lang: str) -> None:
    """A line for each thing another house told: what it is called there, since when, and who told it."""
    from cli.clinical_documents import SORTS

    for entry in entries:
        name = f"{SORTS[entry.sort][0 if lang == 'ja' else 1]}: {entry.name} {entry.detail}".rstrip()
        days = " - ".join("" if at is None else f"{at.astimezone(ZONE):%Y-%m-%d}" for at in (entry.at, entry.until))
        over = "" if entry.status == "active" else f"  ({word(lang, f'entry-{entry.status}')})"
        result(f"{entry.id}  {name}  {days.removesuffix(' - ') or '-'}  {entry.source} {entry.origin}{over}")


def fact_json(fact: Fact, now: datetime) -> dict[str, Any]:
    """A fact for machines, with until when it holds and whether it still does."""
    import msgspec

    from engine.clinical import holds, valid_until

    end = valid_until(fact)
    shown: dict[str, Any] = msgspec.to_builtins(fact)
    return shown | {"until": None if end is None else end.isoformat(), "holds": holds(fact, now)}


def span(fact: Fact, lang: str) -> str:
    """When it was true and until when it holds."""
    from engine.clinical import valid_until

    end = valid_until(fact)
    day = f"{fact.at.astimezone(ZONE):%Y-%m-%d}"
    last = word(lang, "for-ever") if end is None else word(lang, "until", day=f"{end.astimezone(ZONE):%Y-%m-%d}")
    return f"{day}, {last}"


def tell_report(report: Report, *, dry_run: bool, json: bool) -> None:
    """Say what became of a file; exit code 11 when it broke off, 5 when all was refused, 3 when nothing was in it."""
    import msgspec

    lang = language(settings())
    refused = sum(report.refused.values())
    if json:
        emit(msgspec.to_builtins(report) | {"dry_run": dry_run})
    else:
        result(word(lang, "counts", rows=report.rows, people=report.people, stored=report.stored,
                    already=report.already, refused=refused))  # fmt: skip
        for fault in report.problems:
            say(word(lang, "line", line=fault.line, item=fault.item, message=fault.message, code=fault.code))
        if report.ignored:
            say(word(lang, "ignored", names=", ".join(report.ignored[:20])))
        if report.damage:
            say(word(lang, "damage", line=report.damage.line))
        if dry_run:
            say(word(lang, "dry"))
    if report.damage:
        raise typer.Exit(int(Exit.DAMAGED))
    if not report.stored and not report.already:
        raise typer.Exit(int(Exit.REFUSED if refused else Exit.NOT_FOUND))


def tell_answers(picture: dict[str, Signal], facts: dict[str, Fact], now: datetime, *, json: bool) -> None:
    """Every answer with its state and, where somebody said it, the facts it rests on."""
    from engine.vocabulary import VOCABULARY

    if json:
        emit({"answers": {name: {"value": None if signal.value is None else int(signal.value), "note": signal.note,
                                 "question": VOCABULARY[name].question,
                                 "facts": [fact_json(facts[one], now) for one in signal.inputs if one in facts]}
                          for name, signal in picture.items()}})  # fmt: skip
        return
    lang = language(settings())
    for name, signal in picture.items():
        spec = VOCABULARY[name]
        state = word(lang, "not-asked" if signal.value is None else str(int(signal.value)))
        note = f" [{signal.note}]" if signal.note and signal.note != "not-asked" else ""
        said = "; ".join(f"{facts[one].source} {facts[one].actor} {span(facts[one], lang)}"
                         for one in signal.inputs if one in facts)  # fmt: skip
        result(f"{spec.ja if lang == 'ja' else spec.en}: {state}{note}  {said}".rstrip())
