"""`phr add`: what a person measured and types in themselves."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, NoReturn
from zoneinfo import ZoneInfo

import msgspec
import typer

from cli.entry_words import entry_word
from cli.exits import Exit
from cli.imports import no_consent
from cli.output import emit, fail, result, say
from cli.store import actor, judge, os_user, refuse_inactive, resident_of, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.contract.reading import Value
    from engine.entering import Moment
    from engine.people import Resident
    from engine.refusal import Refusal
    from engine.store.readings import Heard


def add(
    what: Annotated[list[str] | None, typer.Argument(help="weight 62.3 bp 128/76 pulse 70 waist 88 steps 5400")] = None,
    resident: Annotated[str | None, typer.Option(help="Whose values, r-…; default: the only resident.")] = None,
    at: Annotated[str | None, typer.Option(help="When: 7:05, 2026-11-21 7:05 or 令和8年11月21日 7時5分.")] = None,
    date: Annotated[str | None, typer.Option(help="The day of the steps, or of a value without a time.")] = None,
    unit: Annotated[str | None, typer.Option(help="kg or lb, for the weight.")] = None,
    height: Annotated[str | None, typer.Option(help="Height in centimetres.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="A surprising but possible value is right.")] = False,
    by: Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Record weight, waist, blood pressure, pulse, temperature or steps by hand; several at once."""
    from engine.entering import Entry, enter

    lang = language(settings())
    words = [*(what or []), *(["height", height] if height else [])]
    person, zone = _person(resident)
    if not words:
        words = _asked(lang)
    values = _values(words, unit, lang)
    now = datetime.now(UTC)
    moment = _moment(at, date, zone, now)
    _confirm(person, values, now, lang, yes=yes)
    with transaction(writes=True) as connection:
        said = Entry(person=person, values=values, moment=moment, zone=zone, actor=actor(by), os_user=os_user())
        heard = enter(connection, said, now)
        judge(connection, person.id)
    _echo(heard, zone, lang, json=json)


def _person(resident: str | None) -> tuple[Resident, ZoneInfo]:
    """Whose values, and their zone; consent is asked for first."""
    from engine.store import repo_measured, repo_residents
    from engine.taking import may_record

    with transaction() as connection:
        if resident is None:
            people = [one for one in repo_residents.listed(connection) if one.status == "active"]
            if len(people) != 1:
                fail(Exit.USAGE, "whose", "say whose values they are: --resident r-… (phr resident list)")
            person = people[0]
        else:
            person = resident_of(connection, resident)
            refuse_inactive(person)
        if not may_record(connection, person, datetime.now(UTC)):
            no_consent(person.id)
        return person, ZoneInfo(repo_measured.zone_of(connection, person.id) or settings().gateway.zone)


def _asked(lang: str) -> list[str]:
    """What the person answers; an empty answer leaves that out."""
    if not _at_terminal():
        fail(Exit.USAGE, "missing-value", "write what was measured: phr add weight 62.3 bp 128/76")
    questions = {"weight": "ask-weight", "bp": "ask-pressure", "pulse": "ask-pulse", "waist": "ask-waist"}
    words: list[str] = []
    for name, key in (questions | {"steps": "ask-steps"}).items():
        answer = _answer(entry_word(lang, key))
        words += [name, answer] if answer else []
    if not words:
        say(entry_word(lang, "nothing"))
        raise typer.Exit(int(Exit.NOT_FOUND))
    return words


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _answer(question: str) -> str:
    """What the person types; the library's own prompt would leave a space in the result."""
    sys.stderr.write(f"{question}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _values(words: list[str], unit: str | None, lang: str) -> tuple[Value, ...]:
    from engine.imports.spoken import parse
    from engine.refusal import Refusal

    found = parse(words, unit)
    if isinstance(found, Refusal):
        _question(found, lang)
    return found


def _question(refusal: Refusal, lang: str) -> NoReturn:
    """A value that cannot be is refused with what could have been meant."""
    from engine.contract.kinds import KINDS

    kind = KINDS.get((refusal.field or "").split(" ", maxsplit=1)[0])
    if refusal.code == "crossed" and refusal.message:
        fail(Exit.USAGE, refusal.code, entry_word(lang, "crossed", guess=refusal.message))
    if kind is not None and refusal.code == "implausible":
        what = f"{getattr(kind, lang)} {(refusal.field or '').split(' ', maxsplit=1)[1]}"
        told = entry_word(lang, "implausible", what=what, low=kind.low, high=kind.high, unit=kind.unit)
        meant = f" {entry_word(lang, 'meant', guess=refusal.message)}" if refusal.message else ""
        fail(Exit.USAGE, refusal.code, told + meant)
    fail(Exit.USAGE, refusal.code, f"{refusal.field}: {refusal.message}".rstrip(": "))


def _moment(at: str | None, day: str | None, zone: ZoneInfo, now: datetime) -> Moment:
    """When it was measured, to the minute, and whether a person said so."""
    from engine.entering import moment_of
    from engine.refusal import Refusal

    found = moment_of(at, day, zone, now)
    if isinstance(found, Refusal):
        fail(Exit.USAGE, found.code, found.message)
    return found


def _confirm(person: Resident, values: tuple[Value, ...], now: datetime, lang: str, *, yes: bool) -> None:
    """Ask about a value far from the last one; what cannot be was refused before and no yes changes that."""
    from engine.contract.kinds import KINDS
    from engine.entering import doubt_of

    with transaction() as connection:
        doubt = doubt_of(connection, person, values, now)
    if doubt is None or yes:
        return
    label = KINDS[doubt.kind]
    before, new = f"{doubt.before} {label.unit}", f"{doubt.now} {label.unit}"
    question = f"{getattr(label, lang)}: {entry_word(lang, 'unusual', before=before, now=new)}"
    if not _at_terminal():
        fail(Exit.REFUSED, "unusual", f"{question} {entry_word(lang, 'unusual-how')}")
    if not _answer(f"{question} [y/N]").lower().startswith(("y", "は")):
        fail(Exit.REFUSED, "unusual", entry_word(lang, "nothing"))


def _echo(heard: list[Heard], zone: ZoneInfo, lang: str, *, json: bool) -> None:
    from engine.intake import Accepted, Duplicate, Refused

    shown = []
    for item in heard:
        outcome = item.outcome
        if isinstance(outcome, Refused):
            fail(Exit.NO_CONSENT if outcome.code == "no-consent" else Exit.REFUSED, outcome.code, outcome.code)
        if isinstance(outcome, Accepted | Duplicate):
            reading = outcome.reading
            what = ", ".join(plain(value.kind, value.value, value.unit, lang) for value in reading.values)
            day_only = reading.period_start is not None
            when = f"{reading.measured_at.astimezone(zone):{'%Y-%m-%d' if day_only else '%Y-%m-%d %H:%M'}}"
            new = isinstance(outcome, Accepted)
            # What is there already may have come from a device or a file, under its own id.
            stored = reading.id if isinstance(outcome, Accepted) else outcome.of
            shown.append({"id": stored, "outcome": "accepted" if new else "duplicate", "at": reading.measured_at,
                          "values": [msgspec.to_builtins(value) for value in reading.values]})  # fmt: skip
            if not json:
                result(entry_word(lang, "stored" if new else "already", what=what, when=when))
                if new:
                    say(entry_word(lang, "take-back", id=stored))
    if json:
        emit({"readings": shown})
    if not any(one["outcome"] == "accepted" for one in shown):
        raise typer.Exit(int(Exit.ALREADY))


def plain(kind: str, value: str, unit: str, lang: str) -> str:
    """A value in words: the label, the digits as typed, and a unit people read."""
    from engine.contract.kinds import KINDS

    spoken = {"[lb_av]": "lb", "mm[Hg]": "mmHg", "Cel": "℃", "{steps}/d": "歩" if lang == "ja" else "steps"}
    return f"{getattr(KINDS[kind], lang)} {Decimal(value):f} {spoken.get(unit, unit)}"
