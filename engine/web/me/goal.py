"""My goal: what I chose together with the nurse, in my own words, and when somebody gets in touch again."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from fastapi.responses import HTMLResponse

from engine.cases import Case, evaluated, evaluation_days
from engine.cases_book import book
from engine.cases_goal import is_vetoed
from engine.cases_store import judgement_of
from engine.cases_words import mine
from engine.clinical_values import day_of
from engine.judge import Judgement
from engine.locale import Language
from engine.store import repo_cases
from engine.store.database import Connection, write
from engine.web.context import Signed, TheDesk, note
from engine.web.door import Door
from engine.web.me.mine import day_words, me_of
from engine.web.me.sheet import TheSheet

door = Door()
PAGE: Final = "/me/goal"


@door.page(PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """The goals of the programmes I am in, and their days; what nurses call it and count is not in it."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        cases = repo_cases.open_of(connection, person.id)
        judged = judgement_of(connection, person, now) if any(one.goal for one in cases) else None
        shown = [_shown(connection, one, session.lang, day_of(now), judged) for one in cases]
        note(connection, desk, session, "goal-view", now, subject=person.id)
    return sheet.page("me/goal.html", here=PAGE, shown=shown)


def _shown(
    connection: Connection, case: Case, lang: Language, today: date, judged: Judgement | None
) -> dict[str, Any]:  # fmt: skip
    done = evaluated(repo_cases.events(connection, case.id))
    # What was fine when it was chosen may not be any more: whoever must not lose weight reads of no loss.
    rests = case.goal is not None and judged is not None and is_vetoed(case.goal, judged)
    goal = None if rests else case.goal
    return {
        "rests": rests,
        "programme": case.programme, "lines": [] if goal is None else mine(lang, goal),
        "words": "" if goal is None else goal.words,
        "until": "" if goal is None or goal.until is None else day_words(lang, goal.until),
        "next": day_words(lang, case.next_on) if case.next_on is not None and case.next_on > today else "",
        "stages": [
            (stage, day_words(lang, day)) for stage, day in evaluation_days(case, book()).items() if stage not in done
        ],
    }  # fmt: skip
