"""What the commands about cases share: reading what was typed, finding a case, refusing, printing one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NoReturn, TypeVar

from cli.exits import Exit
from cli.output import emit, fail, result
from cli.store import resident_of
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.cases import Case, Event
    from engine.locale import Language
    from engine.people import Resident
    from engine.refusal import Refusal
    from engine.store.database import Connection

_LOST = frozenset(
    {
        "already-open", "other-guidance", "not-stratified", "ended", "conflict", "interviewed", "vetoed",
        "below-target", "too-fast", "not-measured", "no-interview", "no-goal", "no-evaluation", "points-missing",
        "too-few-tries", "too-early", "not-evaluated", "inactive", "harmful-words",
    }
)  # fmt: skip


def lang() -> Language:
    """The language of this computer."""
    return "en" if language(settings()) == "en" else "ja"


def words(key: str, **values: object) -> str:
    """A sentence of these commands."""
    from engine.locale import text

    return text(lang(), "nurse", f"cli.case.{key}", **values)


_Word = TypeVar("_Word", bound=str)


def pick(typed: str, known: Sequence[_Word], code: str) -> _Word:
    """The word of `known` that was typed; exit code 2 for any other."""
    found = next((one for one in known if one == typed), None)
    if found is None:
        fail(Exit.USAGE, code, f"{typed!r} is none of {', '.join(known)}")
    return found


def number(text: str, option: str) -> Decimal | None:
    """A number as it was typed, None for nothing; exit code 2 for what is none."""
    if not text.strip():
        return None
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        fail(Exit.USAGE, "bad-number", f"{option}: {text!r} is no number")


def whole(text: str | None, option: str) -> int | None:
    """Minutes as they were typed; exit code 2 for what is no whole number of a day's."""
    if text is None:
        return None
    if not text.isdecimal() or not 0 < int(text) <= 24 * 60:
        fail(Exit.USAGE, "bad-number", f"{option}: {text!r} is no number of minutes")
    return int(text)


def case_of(connection: Connection, id: str) -> Case:  # noqa: A002
    """The case of that id; exit code 3 when there is none."""
    from engine.contract.ids import is_id
    from engine.store import repo_cases

    found = repo_cases.get(connection, id) if is_id(id, "o") else None
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-case", f"there is no case {id!r}; `phr case list` shows them")
    return found


def person_of(connection: Connection, case: Case) -> Resident:
    """Whose case it is, if it may be looked at; exit code 9 without consent, also of who died since."""
    from datetime import UTC, datetime

    from engine.decisions import open_to_nurses

    if not open_to_nurses(connection, [case.resident], datetime.now(UTC)):
        fail(
            Exit.NO_CONSENT, "no-consent", f"{case.resident} did not agree that nurses look; the case can only be ended"
        )
    return resident_of(connection, case.resident)


def known_staff(connection: Connection, staff: str | None) -> None:
    """Exit code 3 for somebody of staff there is not: nobody would look after the case."""
    from engine.store import repo_staff

    if staff is not None and repo_staff.get(connection, staff) is None:
        fail(Exit.NOT_FOUND, "unknown-staff", f"there is nobody {staff!r}; `phr staff list` shows them")


def refuse(refused: Refusal) -> NoReturn:
    """Stop with the reason code: 9 without consent, 5 where a rule or a person stands against it, else 2."""
    code = Exit.NO_CONSENT if refused.code == "no-consent" else Exit.REFUSED if refused.code in _LOST else Exit.USAGE
    fail(code, refused.code, refused.message)


def print_case(case: Case, events: Sequence[Event], *, json: bool) -> None:
    """One case with everything that was done."""
    from engine import cases_words
    from engine.cases import evaluation_days, total
    from engine.cases_book import book

    due = evaluation_days(case, book())
    if json:
        from msgspec import to_builtins

        told = {
            "events": [to_builtins(one) for one in events],
            "points": total(events),
            "needs": book().rule(case.programme).needs,
            "evaluations": {stage: day.isoformat() for stage, day in due.items()},
            "unverified": list(book().unverified),
        }
        emit(to_builtins(case) | told)
        return
    here = lang()
    state = words(f"state.{case.state}")
    programme = cases_words.said(here, f"programme.{case.programme}")
    following = cases_words.day(here, case.next_on)
    result(words("line", case=case.id, resident=case.resident, programme=programme, state=state, next=following))
    result(words("goal", goal=cases_words.goal(here, case.goal)))
    for stage, day in due.items():
        result(
            f"{cases_words.stage(here, stage)}: {cases_words.said(here, 'one.from', day=cases_words.day(here, day))}"
        )
    result(cases_words.points(here, case, total(events), book()))
    for one in events:
        result(f"  {one.day.isoformat()}  {cases_words.event(here, one, {})}  {one.points or ''}".rstrip())
