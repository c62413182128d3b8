"""`phr kpi`: how the service does, for its operator and the towns that pay for it; small counts are never shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.files import save
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.kpi import Plan, Report
    from engine.kpi_hiding import Shown
    from engine.store.database import Connection

_ZONE = ZoneInfo("Asia/Tokyo")
_WORDS = {
    "title": ("PHR事業の報告 {place} ({day})", "Report of the service, {place} ({day})"),
    "region": ("全域", "the whole region"),
    "year": ("{year}年度末  登録者 {count}{plan}", "end of fiscal {year}  registered {count}{plan}"),
    "now": ("{year}年度 今日まで  登録者 {count}{plan}", "fiscal {year} so far  registered {count}{plan}"),
    "plan": ("  目標 {plan}", "  plan {plan}"),
    "town": (
        "{name}  登録者 {count} (利用者割合 {share})  利用中 {active}  助言が届いた人 {advised}  届いた助言 {items}",
        "{name}  registered {count} (share {share})  active {active}  advised {advised}  advice delivered {items}",
    ),
    "outcome": ("{label}: {yes} / {of} ({share})", "{label}: {yes} of {of} ({share})"),
    "withheld": ("秘匿", "withheld"),
    "note": (
        "10人未満は <10、引き算で分かる数は 秘匿 と書きます。公開しないでください。",
        "counts under ten read <10; what would tell them by subtraction is withheld. For the operator only.",
    ),
    "file": ("{file} を 書きました。", "{file} is written"),
}


def kpi(
    municipality: Annotated[str | None, typer.Option(help="Only this town's own report, by its 6-digit code.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a printable page in Japanese to this file.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the figures as CSV to this file.")] = None,
    plan_from: Annotated[int | None, typer.Option(min=2000, max=2100, help="Fiscal year the plan begins with.")] = None,
    by: Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Count who is registered against the plan, who is active and advised, by town, and what came of it."""
    from engine.kpi import ALL
    from engine.municipalities import REGION

    if municipality is not None and municipality not in REGION:
        fail(Exit.USAGE, "foreign-municipality", f"municipalities are {', '.join(REGION)}")
    now, lang = datetime.now(UTC), language(settings())
    with transaction(writes=True) as connection:
        found = _report(connection, now, plan_from)
        _note(connection, municipality or ALL, actor(by), now)
    written = _files(found, municipality, html, csv)
    if json:
        emit(_facts(found, municipality) | {"files": written})
        return
    _tell(found, municipality, lang)
    for name in written:
        say(_word(lang, "file", file=name))


def _report(connection: Connection, now: datetime, plan_from: int | None) -> Report:
    from engine.kpi import definitions, report, years_until
    from engine.kpi_hiding import UnprotectedError
    from engine.municipalities import REGION
    from engine.store import repo_kpi

    known = definitions()
    plan = _plan(known.plan, plan_from)
    years = years_until(plan, now.astimezone(_ZONE).date())
    asked = repo_kpi.Question(now=now, zone=_ZONE, years=years, outcomes=known.outcome)
    people, delivered = list(repo_kpi.people(connection, asked)), repo_kpi.delivered(connection, asked)
    towns = dict.fromkeys((*REGION, *sorted({one.town for one in people} | delivered.keys())))
    try:
        return report(people, delivered, tuple(towns), years, plan, now, known.outcome)
    except UnprotectedError:
        fail(Exit.REFUSED, "unprotected", "small counts cannot be hidden in this report: it is not printed")


def _plan(plan: Plan, first_year: int | None) -> Plan:
    import msgspec

    return plan if first_year is None else msgspec.structs.replace(plan, first_year=first_year)


def _note(connection: Connection, place: str, who: str, now: datetime) -> None:
    from engine.store import audit
    from engine.store.instants import to_micros

    entry = audit.Entry(at=to_micros(now), actor=who, os_user=os_user(), action="kpi", subject=place)
    audit.append(connection, entry)


def _files(found: Report, town: str | None, html: Path | None, csv: Path | None) -> list[str]:
    from engine.kpi_sheet import page, table

    written = []
    if html is not None:
        written.append(save(html, page(found, _ZONE, town).encode()))
    if csv is not None:
        written.append(save(csv, table(found, town)))
    return written


def _facts(found: Report, town: str | None) -> dict[str, Any]:
    import msgspec

    from engine.kpi import ALL, slice_of
    from engine.kpi_sheet import places

    plan = {} if town else {"plan": [{"year": year, "target": found.target(year)} for year in found.years]}
    told = {place: slice_of(found, place) for place in places(found, town)}
    rest = {"source": found.plan.source} | plan if not town else {}
    total = told.pop(ALL, None)
    facts: dict[str, Any] = msgspec.to_builtins(
        {"as_of": found.as_of, "towns": told, **({} if total is None else {"region": total}), **rest}
    )
    return facts


def _tell(found: Report, town: str | None, lang: str) -> None:
    from engine.kpi import ALL, percent
    from engine.kpi_sheet import places
    from engine.municipalities import REGION

    place, day = town or ALL, found.as_of.astimezone(_ZONE).date()

    def name(code: str) -> str:
        return _word(lang, "region") if code == ALL else REGION.get(code, code)

    def word(value: Shown) -> str:
        return _word(lang, "withheld") if value == "withheld" else str(value)

    result(_word(lang, "title", place=name(place), day=day))
    for year in found.years:
        target = found.target(year) if town is None else None
        plan = "" if target is None else _word(lang, "plan", plan=target)
        key = "now" if year == found.years[-1] else "year"
        result(_word(lang, key, year=year, count=word(found.shown("registered", str(year), place)), plan=plan))
    for code in places(found, town):
        share = found.share(code)
        told = {"count": found.now(code)} | {key: found.shown(key, code) for key in ("active", "advised", "items")}
        words = {key: word(value) for key, value in told.items()}
        result(_word(lang, "town", name=name(code), share="-" if share is None else f"{share}%", **words))
    for one in found.outcomes:
        yes, of = found.shown("yes", one.id, place), found.shown("of", one.id, place)
        share = percent(yes, of)
        result(_word(lang, "outcome", label=one.label("ja" if lang == "ja" else "en"), yes=word(yes), of=word(of),
                     share="-" if share is None else f"{share}%"))  # fmt: skip
    say(_word(lang, "note"))


def _word(lang: str, key: str, **values: object) -> str:
    return _WORDS[key][0 if lang == "ja" else 1].format(**values)
