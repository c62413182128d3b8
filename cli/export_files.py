"""`phr export home-summary|oru|reconcile`: home data on paper for a doctor, and as files for members without FHIR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.files import save
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import Settings, language, open_store, settings

if TYPE_CHECKING:
    from engine.locale import Language
    from engine.store.database import Connection, Engine
    from fhir_bridge.outbound.balance import Balance
    from fhir_bridge.outbound.sending import Sending, Sent
    from fhir_bridge.outbound.tree import Outbox

_WORDS = {
    "sent": ("{resident}: {counts}{rest}", "{resident}: {counts}{rest}"),
    "none": ("{resident}: 書くものはありません{rest}", "{resident}: nothing to write{rest}"),
    "total": ("{people} 人、ファイル {files}、取り消し {purged}", "{people} people, {files} files, {purged} removed"),
    "dry": ("ためしです。なにも 書いていません。", "a dry run: nothing was written"),
    "balance": (
        "{day}: 伝えてよい値 {standing}、控え {remembered}、ファイル {present}、ちがい {count}",
        "{day}: may be told {standing}, remembered {remembered}, files {present}, differences {count}",
    ),
    "summary": ("{file} を 書きました。", "{file} is written"),
}
_ZONE = ZoneInfo("Asia/Tokyo")


def home_summary(
    resident: Annotated[str, typer.Option("--resident", help="The resident's id, r-…")],
    out: Annotated[Path, typer.Option("--out", help="The file to write: .pdf or .html")],
    network: Annotated[bool, typer.Option("--network", help="For the medical network: its consent is asked.")] = False,
    days: Annotated[int, typer.Option(help="How many days, 30 to 90.")] = 30,
    lang: Annotated[str | None, typer.Option("--lang", help="ja or en; ja without.")] = None,
    by: Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write one A4 page of home measurements for a doctor: graphs, means, devices, and what it is not."""
    from engine.home_summary_page import html
    from engine.home_summary_store import names_of, note_home_summary, stored_home_summary
    from engine.store.filing import By

    config, now = settings(), datetime.now(UTC)
    if out.suffix not in {".pdf", ".html"}:
        fail(Exit.USAGE, "unknown-file", "--out ends in .pdf or .html")
    wanted: Language = "en" if (lang or "ja").lower().startswith("en") else "ja"
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        shown, since = _agreed(connection, person.id, config, now) if network else (None, "")
        try:
            told = stored_home_summary(connection, person, now, days=days, shown=shown)
        except ValueError as error:
            fail(Exit.USAGE, "bad-days", str(error))
        page = html(
            told, wanted, basis=_basis(wanted, config.bridge.name if network else "", since),
            devices=names_of(connection, told), test=network and bool(_test_patients(config)),
        )  # fmt: skip
        note_home_summary(connection, told, config.bridge.name if network else None, By(actor(by), os_user()))
        _save(out, page)
    if json:
        emit({"file": str(out), "readings": told.counts.readings, "first": told.first, "last": told.last})
    else:
        result(_word(language(config), "summary", file=out))


def oru(
    resident: Annotated[str | None, typer.Option("--resident", help="One resident, r-….")] = None,
    all_linked: Annotated[bool, typer.Option("--all-linked", help="Everybody who is linked to the network.")] = False,
    outbox: Annotated[
        Path | None, typer.Option("--outbox", help="The folder; default: the one of the settings.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Also what was measured from this day on, on purpose.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, write nothing.")] = False,
    by: Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write home values as HL7 v2.5 messages into a tree of files; what was written is never written again."""
    from fhir_bridge.outbound.sending import concerned, send

    if (resident is None) == (not all_linked):
        fail(Exit.USAGE, "whose", "say --resident r-… or --all-linked")
    config = settings()
    how = _how(config, actor(by), since)
    with _opened(config, outbox, writes=not dry_run) as (engine, tree):
        from engine.store.database import read

        with read(engine) as connection:
            people = (
                [resident_of(connection, resident).id] if resident else concerned(connection, tree, how.head.network)
            )
        sent = list(send(engine, tree, people, how, dry_run=dry_run))
    _tell_sent(sent, language(config), dry_run=dry_run, json=json)
    if resident and sent[0].reason and not sent[0].written and not sent[0].purged:
        fail(Exit.NO_CONSENT if sent[0].reason in {"no-consent", "no-record"} else Exit.REFUSED, sent[0].reason,
             f"nothing is written of {resident}: {sent[0].reason}")  # fmt: skip


def reconcile(
    day: Annotated[str, typer.Option("--day", help="The civil day, YYYY-MM-DD.")],
    outbox: Annotated[
        Path | None, typer.Option("--outbox", help="The folder; default: the one of the settings.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compare what may be told of a day with what is remembered and lies in the tree; exit code 11 for differences."""
    from fhir_bridge.outbound.balance import balance

    config = settings()
    with _opened(config, outbox, writes=False) as (engine, tree):
        found = balance(engine, tree, _day(day), _how(config, os_user(), None))
    _tell_balance(found, language(config), json=json)
    if found.differences:
        raise typer.Exit(int(Exit.DAMAGED))


def _agreed(connection: Connection, resident: str, config: Settings, now: datetime) -> tuple[list[str], str]:
    """The courses the network may see now, and since when; stops where it may see none."""
    from engine.consent import permits
    from engine.courses import COURSES
    from engine.observations import observable
    from fhir_bridge.gate import doors

    only = _test_patients(config)
    door = doors(connection, [resident], config.bridge.name, test_patients=only)[resident]
    if only and (door.link is None or door.link.value not in only):
        fail(Exit.REFUSED, "not-a-test-patient", "only test patients are exchanged now")
    kinds = {key: course.kind if observable(course.kind) else "steps-day" for key, course in COURSES.items()}
    refused = {key: door.refuses_unlinked(kind, now) for key, kind in kinds.items()}
    shown = [key for key, refusal in refused.items() if refusal is None]
    if not shown:
        first = next(one for one in refused.values() if one is not None)
        fail(Exit.NO_CONSENT, first.code, first.message)
    said = {permits(door.events, "care-share", door.network, kinds[key], now).event for key in shown}
    since = max(event.at for event in door.events if event.seq in said)
    return shown, f"{since.astimezone(_ZONE):%Y-%m-%d}"


def _basis(lang: Language, network: str, since: str) -> str:
    from engine.locale import text

    if network:
        return text(lang, "nurse", "home.basis.network", network=network, since=since)
    return text(lang, "nurse", "home.basis.self")


def _save(out: Path, page: str) -> None:
    """The whole file or nothing, readable by its owner only; raises no OSError."""
    content: object = page.encode()
    if out.suffix == ".pdf":
        from engine.report_file import pdf

        content = pdf(page)
    if not isinstance(content, bytes):
        from engine.refusal import Refusal

        assert isinstance(content, Refusal)
        fail(Exit.CONFIGURATION, content.code, content.message)
    save(out, content)


def _test_patients(config: Settings) -> frozenset[str]:
    return frozenset(name.strip() for name in config.bridge.test_patients.split(",") if name.strip())


@contextmanager
def _opened(config: Settings, outbox: Path | None, *, writes: bool) -> Iterator[tuple[Engine, Outbox]]:
    """Store and tree; their failures become exit codes."""
    from engine.store.database import StoreError
    from fhir_bridge.outbound.tree import Outbox, OutboxError

    root = outbox or (Path(config.bridge.outbox) if config.bridge.outbox else None)
    if root is None:
        fail(Exit.CONFIGURATION, "no-outbox", "no folder is configured: set bridge.outbox or say --outbox")
    engine = open_store(config)
    try:
        with Outbox(root).opened(writes=writes) as tree:
            yield engine, tree
    except StoreError as error:
        fail(Exit.NETWORK if error.code == "busy" else Exit.DAMAGED, error.code, error.message)
    except OutboxError as error:
        fail(Exit.NETWORK if error.code == "busy" else Exit.DAMAGED, error.code, error.message)
    except OSError as error:
        fail(Exit.CONFIGURATION, "cannot-write", f"the outbox cannot be used: {error.strerror}")
    finally:
        engine.dispose()


def _how(config: Settings, who: str, since: str | None) -> Sending:
    from engine.store.repo_facts import By
    from fhir_bridge.outbound.message import Letterhead
    from fhir_bridge.outbound.sending import Sending

    begin = None if since is None else datetime.combine(_day(since), time(), _ZONE)
    return Sending(
        head=Letterhead(network=config.bridge.name, zone=_ZONE), by=By(who, os_user()), now=datetime.now(UTC),
        since=begin, test_patients=_test_patients(config),
    )  # fmt: skip


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(Exit.USAGE, "bad-date", f"not a day: {text} (write it as 2026-11-21)")


def _tell_sent(sent: list[Sent], lang: str, *, dry_run: bool, json: bool) -> None:
    files, purged = sum(len(one.written) for one in sent), sum(one.purged for one in sent)
    if json:
        emit({"people": [_facts(one) for one in sent], "files": files, "removed": purged, "dry_run": dry_run})
        return
    for one in sent:
        counts = ", ".join(f"{status} {count}" for status, count in sorted(_statuses(one).items()))
        rest = f" [{one.reason}]" if one.reason else ""
        left = ", ".join(f"{code} {count}" for code, count in sorted(one.left_out.items()))
        rest += f" ({left})" if left else ""
        result(_word(lang, "sent" if one.written else "none", resident=one.resident, counts=counts, rest=rest))
    result(_word(lang, "total", people=len(sent), files=files, purged=purged))
    if dry_run:
        say(_word(lang, "dry"))


def _facts(one: Sent) -> dict[str, Any]:
    return {
        "resident": one.resident, "written": dict(_statuses(one)), "removed": one.purged, "reason": one.reason,
        "left_out": one.left_out, "identifiers": [[said.identifier, said.status] for said in one.written],
    }  # fmt: skip


def _statuses(one: Sent) -> Counter[str]:
    return Counter(said.status for said in one.written)


def _tell_balance(found: Balance, lang: str, *, json: bool) -> None:
    import msgspec

    if json:
        emit(msgspec.to_builtins(found))
        return
    for one in found.differences:
        result(f"{one.code}  {one.identifier}  {one.path}".rstrip())
    result(_word(lang, "balance", day=found.day, standing=found.standing, remembered=found.remembered,
                 present=found.present, count=len(found.differences)))  # fmt: skip


def _word(lang: str, key: str, **values: object) -> str:
    return _WORDS[key][0 if lang == "ja" else 1].format(**values)
