"""`phr referral`: did the people who were told to see a doctor go? Questions, answers, the nurses' list, the share."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from cli.days import day_of
from cli.exits import Exit
from cli.letters_files import opened
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.referrals import Referral
    from engine.referrals_store import ToCall
    from engine.refusal import Refusal

app = typer.Typer(help="Who was told to see a doctor, and whether they went.", no_args_is_help=True)

Advice = Annotated[str, typer.Argument(help="Id of the advice that referred them.")]
Town = Annotated[str | None, typer.Option("--municipality", help="Only this town, by its 6-digit code.")]
By = Annotated[str | None, typer.Option("--by", help="Who does it; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_EXITS = {"unknown-referral": Exit.NOT_FOUND, "ended": Exit.ALREADY, "conflict": Exit.REFUSED}


@app.command("list")
def list_(
    municipality: Town = None,
    resident: Annotated[str | None, typer.Option(help="Every referral of this resident, answered or not.")] = None,
    json: Json = False,
) -> None:
    """Show for whom a nurse telephones, the gravest first; or what became of one resident's referrals."""
    from engine.referrals_store import call_list
    from engine.store import repo_referrals

    towns = _towns(municipality)
    with transaction() as connection:
        if resident is not None:
            person = resident_of(connection, resident)
            rows = [_row(one.referral) for one in repo_referrals.of_resident(connection, person.id)]
        else:
            rows = [_call(one) for one in call_list(connection, towns, datetime.now(UTC))]
    if json:
        emit({"referrals": rows})
        return
    for row in rows:
        result("  ".join(f"{row[name]}" for name in ("advice", "resident", "topic", "severity", "state", "ask_on")))
    say(_words("referrals.count", count=len(rows)))


@app.command()
def answer(
    advice: Advice,
    said: Annotated[Literal["seen", "planned", "not-yet", "declined"], typer.Argument(help="What they said.")],
    day: Annotated[str | None, typer.Option(help="When they went, or plan to: 2026-11-21.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Write down what somebody said of their visit; it answers for all of that topic that waited."""
    from random import SystemRandom

    from engine.referrals import Answer
    from engine.referrals_store import told_by_phone
    from engine.refusal import Refusal
    from engine.store.repo_facts import By as Who

    who = Who(actor(by), os_user())
    heard = Answer(said=said, by=who.actor, day=day_of(day, "--day"))
    with transaction(writes=True) as connection:
        done = told_by_phone(connection, advice, heard, datetime.now(UTC), who, SystemRandom())
        if isinstance(done, Refusal):
            _refuse(done)
    emit({"answered": done, "said": said}) if json else result(_words("referrals.answered", count=len(done)))


@app.command()
def missed(advice: Advice, by: By = None, json: Json = False) -> None:
    """Note that a telephone call was not answered: they stand on the list again in a few days."""
    from random import SystemRandom

    from engine.referrals_store import not_reached
    from engine.refusal import Refusal
    from engine.store.repo_facts import By as Who

    with transaction(writes=True) as connection:
        now = datetime.now(UTC)
        done = not_reached(connection, advice, now, Who(actor(by), os_user()), SystemRandom())
        if isinstance(done, Refusal):
            _refuse(done)
    emit({"advice": advice, "again": done.isoformat()}) if json else result(_words("referrals.again", day=done))


@app.command()
def ask(json: Json = False) -> None:
    """Put the day's questions, and follow what was delivered before; the engine does this every day."""
    import msgspec

    from engine.referrals_store import go_round

    with opened() as store:
        done = go_round(store, datetime.now(UTC))
    emit(msgspec.to_builtins(done)) if json else result(_words("referrals.put", count=done.put))


@app.command()
def stats(
    first: Annotated[str | None, typer.Option("--from", help="First day; default: a year ago.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day; default: today.")] = None,
    municipality: Town = None,
    json: Json = False,
) -> None:
    """Show of the referrals delivered in a time how many were answered, and how many people went."""
    from engine.referrals import STATES
    from engine.store import repo_referrals

    towns, today = _towns(municipality), repo_referrals.today_of(datetime.now(UTC))
    until = day_of(last, "--to") or today
    since = day_of(first, "--from") or until - timedelta(days=365)
    with transaction() as connection:
        span = _start(since), _start(until + timedelta(days=1))
        counts = repo_referrals.counts(connection, *span, towns)
    sound = sum(count for state, count in counts.items() if state != "void")
    share = {state: counts.get(state, 0) for state in STATES}
    if json:
        emit({"from": since.isoformat(), "to": until.isoformat(), "delivered": sound, **share})
        return
    result(_words("referrals.share", delivered=sound, seen=share["seen"], planned=share["planned"],
                  declined=share["declined"], open=share["open"]))  # fmt: skip


def _start(day: date) -> datetime:
    from zoneinfo import ZoneInfo

    from engine.store.repo_places import ZONE

    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE))


def _towns(municipality: str | None) -> set[str] | None:
    from engine.municipalities import REGION

    if municipality is not None and municipality not in REGION:
        fail(Exit.USAGE, "foreign-municipality", f"municipalities are {', '.join(REGION)}")
    return None if municipality is None else {municipality}


def _row(one: Referral) -> dict[str, object]:
    return {
        "advice": one.advice, "resident": one.resident, "topic": one.topic, "severity": one.severity,
        "state": one.state, "delivered_at": one.delivered_at.isoformat(), "ask_on": one.ask_on.isoformat(),
        "asked": one.asked, "seen_on": None if one.seen_on is None else one.seen_on.isoformat(),
    }  # fmt: skip


def _call(one: ToCall) -> dict[str, object]:
    return _row(one.referral) | {"why": one.why, "hint": None if one.hint is None else one.hint.isoformat()}


def _refuse(refused: Refusal) -> NoReturn:
    fail(_EXITS.get(refused.code, Exit.USAGE), refused.code, refused.message)


def _words(key: str, **values: object) -> str:
    from engine.locale import text

    return text("en" if language(settings()) == "en" else "ja", "nurse", f"desk.{key}", **values)
