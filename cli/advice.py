"""`phr advice`: the queue of drafts, and what a named person decides about one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import os_user, plain, resident_of, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.locale import Language
    from engine.review import Command, Event, Item, Rank, Verb
    from engine.store.database import Connection

app = typer.Typer(help="Advice waiting for a person, and what was decided.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Advice id, a-…")]
Who = Annotated[str | None, typer.Option("--resident", help="Only this resident.")]
By = Annotated[str, typer.Option(help="The staff member who decides.")]
Seen = Annotated[int | None, typer.Option("--version", help="The version you looked at; refused if it changed since.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("list")
def list_(
    resident: Who = None,
    all_: Annotated[bool, typer.Option("--all", help="Decided and superseded ones, too.")] = False,
    json: Json = False,
) -> None:
    """List the queue in its order: the most serious and the longest overdue first."""
    from engine.decisions import queue
    from engine.review import LIVE
    from engine.web.view import chips

    with transaction() as connection:
        if resident is not None:
            resident_of(connection, resident)
        states = None if all_ else LIVE
        ranked = queue(connection, datetime.now(UTC), home=settings().root, resident=resident, states=states)
    if json:
        emit({"advice": [_summary(item, place) for place, item in ranked]})
        return
    lang: Language = "ja" if language(settings()) == "ja" else "en"
    for place, item in ranked:
        line = item.text_ja if lang == "ja" else item.text_en
        result(
            f"{item.id}  {item.severity:8} {item.state:10} {item.topic:14} {item.resident_id}  {line.splitlines()[0]}"
        )
        result(f"    {' · '.join(chips(lang, place))}" + (f" · ask first: {', '.join(item.ask)}" if item.ask else ""))
    if not ranked:
        say("nothing is waiting")


@app.command()
def show(advice: Id, json: Json = False) -> None:
    """Show one piece of advice: both texts, why, from which readings, by which rule and source, and its history."""
    from engine.ranking import rank
    from engine.ranking_model import Model
    from engine.ranking_store import load, standing
    from engine.store import repo_advice

    now, model = datetime.now(UTC), load(settings().root)

    with transaction() as connection:
        item = _item(connection, advice)
        events = repo_advice.events(connection, item.id)
        known = standing(connection, [item], now, model if isinstance(model, Model) else None)
    place = rank(item, now, known)
    if json:
        emit(_whole(item, place, events))
        return
    _tell(item, place, events)


@app.command()
def approve(
    advice: Id,
    by: By,
    asked: Annotated[
        list[str] | None, typer.Option(help="A question you put, answered no; or all. Repeatable.")
    ] = None,
    version: Seen = None,
    json: Json = False,
) -> None:
    """Sign for it: it is held for ten minutes and then delivered. The open questions must have been asked."""
    _decide(advice, "approve", by, version, {"asked": tuple(asked or ())}, json=json)


@app.command()
def reject(
    advice: Id,
    by: By,
    reason: Annotated[str, typer.Option(help="Why it is not right for this person.")],
    version: Seen = None,
    json: Json = False,
) -> None:
    """Turn it down with a reason; the same rule stays quiet for its cooldown."""
    _decide(advice, "reject", by, version, {"reason": _reason(reason)}, json=json)


@app.command()
def undo(advice: Id, by: By, version: Seen = None, json: Json = False) -> None:
    """Take a decision back within ten minutes: the item is open again."""
    _decide(advice, "undo", by, version, {}, json=json)


def _decide(advice: str, verb: Verb, by: str, version: int | None, more: dict[str, Any], *, json: bool) -> None:
    from engine.review import LOCAL, Command

    if settings().engine.city:
        fail(Exit.CONFIGURATION, "city-mode", "in a city decisions are made at the nurses' desk, signed in")
    name = plain(by, "--by")
    with transaction(writes=True) as connection:
        item = _item(connection, advice)
        if "all" in more.get("asked", ()):
            more = more | {"asked": item.ask}
        seen = item.version if version is None else version
        command = Command(verb=verb, by=name, version=seen, rights=LOCAL, **more)
        after = _carry_out(connection, item, command)
    if json:
        emit({"id": after.id, "state": after.state, "version": after.version, "held_until": _stamp(after.held_until)})
        return
    end = f"; delivered after {_clock(after.held_until)} unless undone" if after.state == "approved" else ""
    result(f"{after.id} is {after.state} by {name}{end}")


def _carry_out(connection: Connection, item: Item, command: Command) -> Item:
    from engine.decisions import carry_out
    from engine.review import Refusal

    after = carry_out(connection, item, command, datetime.now(UTC), os_user=os_user())
    if isinstance(after, Refusal):
        _refuse(after.code, after.message)
    return after


def _reason(text: str) -> str:
    from engine.decisions import reason_of
    from engine.refusal import Refusal

    line = reason_of(text)
    if isinstance(line, Refusal):
        fail(Exit.USAGE, line.code, f"--reason: {line.message}")
    return line


def _refuse(code: str, message: str) -> NoReturn:
    fail(Exit.USAGE if code in {"needs-person", "needs-reason"} else Exit.REFUSED, code, message)


def _item(connection: Connection, advice: str) -> Item:
    from engine.contract.ids import is_id
    from engine.decisions import open_to_nurses
    from engine.store import repo_advice

    found = repo_advice.get(connection, advice) if is_id(advice, "a") else None
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-advice", f"there is no advice {advice!r}; `phr advice list` shows it")
    if not open_to_nurses(connection, [found.resident_id], datetime.now(UTC)):
        fail(Exit.NO_CONSENT, "no-consent", "the resident did not agree that nurses look")
    return found


def _summary(item: Item, place: Rank) -> dict[str, Any]:
    return {
        "id": item.id, "resident": item.resident_id, "topic": item.topic, "rule": item.rule_id, "state": item.state,
        "version": item.version, "severity": item.severity, "rank": list(place.reasons), "ask": list(item.ask),
        "text_ja": item.text_ja, "text_en": item.text_en, "created_at": _stamp(item.created_at),
    }  # fmt: skip


def _whole(item: Item, place: Rank, events: list[Event]) -> dict[str, Any]:
    import msgspec

    more = {"evidence": item.evidence, "snapshot": item.snapshot_hash, "held_until": _stamp(item.held_until)}
    decided = {"decided_by": item.decided_by, "reason": item.reason, "supersedes": item.supersedes}
    return _summary(item, place) | more | decided | {"events": msgspec.to_builtins(events)}


def _tell(item: Item, place: Rank, events: list[Event]) -> None:
    from engine.asking import words
    from engine.web.view import chips

    evidence = item.evidence
    lang: Language = "ja" if language(settings()) == "ja" else "en"
    result(f"{item.id}  {item.state}  version {item.version}  for {item.resident_id}")
    result(f"  {' · '.join(chips(lang, place))}")
    for label, told in (("ja", item.text_ja), ("en", item.text_en)):
        result(f"  {label}:")
        for line in told.splitlines():
            result(f"    {line}")
    result(f"  {evidence['note'][lang]}")
    for reason in evidence["reasons"]:
        result(f"  because {reason}")
    for name, signal in evidence["signals"].items():
        if signal["value"] is not None:
            origin = f", from {signal['inputs_total']} readings" if signal["inputs_total"] else ""
            result(f"  {name} = {signal['value']} {signal['unit']}{origin}")
    rule = evidence["rule"]
    result(f"  rule {rule['id']} version {rule['version']}, case {rule['case']}, text version {rule['text_version']}")
    for source in evidence["sources"]:
        result(f"  source: {source['title']} ({source['edition']}), {source['section']}")
    for question in item.ask:
        result(f"  ask first: {question}: {words(lang, question)}")
    for event in events:
        why = f" ({event.reason})" if event.reason else ""
        result(f"  {_clock(event.at)}  {event.command:9} {event.to_state:10} {event.actor}{why}")


def _clock(instant: datetime | None) -> str:
    """An instant as the people here read it: in the zone of the settings, to the minute."""
    zone = ZoneInfo(settings().gateway.zone)
    return "" if instant is None else f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def _stamp(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="seconds")
