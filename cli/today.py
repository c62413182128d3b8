"""`phr today`: one sentence, one number and one next step for a resident."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import emit, result
from cli.store import resident_of, transaction
from cli.wiring import settings
from cli.words_inbox import word

if TYPE_CHECKING:
    from engine.locale import Language
    from engine.telling import Day


def today(
    resident: Annotated[str, typer.Option("--resident", help="Resident id.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what matters today: only advice a person signed for is shown."""
    from engine.contacts import line
    from engine.evaluate import settle
    from engine.officehours import ZONE
    from engine.people import age_on
    from engine.review import hurries
    from engine.standing import Automatic
    from engine.telling import today_of

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        allowed = settings().engine
        settle(connection, now, Automatic(allowed.standing, allowed.urgent_texts, allowed.learning))
        lang: Language = "en" if (settings().lang or person.language).lower().startswith("en") else "ja"
        day = today_of(connection, person, now, lang)
    if json:
        _emit(person.id, day)
        return
    _tell(day, lang)
    if day.told.severity and hurries(day.told.severity):
        age = age_on(person.birth_date, now.astimezone(ZONE).date())
        result(line(lang, person.municipality_code, now, settings().root, age=age))


def _emit(resident: str, day: Day) -> None:
    told = day.told
    # Nobody is frightened by a number that may be another's: there only the request to measure again is shown.
    waiting = [
        {"reading": item.id, "posterior": item.posterior, "values": () if item.red_flag else item.values}
        | ({"measure_again": True} if item.red_flag else {})
        for item in day.assumed
    ]
    emit(
        {
            "resident": resident, "sentence": told.sentence, "number": told.number, "next": told.next,
            "text": told.text, "advice": told.advice, "whole": told.whole, "unconfirmed": waiting,
        }
    )  # fmt: skip


def _tell(day: Day, lang: Language) -> None:
    from engine.charts_scale import long_day
    from engine.locale import text
    from engine.officehours import ZONE

    told = day.told
    # A referral is never shortened: its last line may be the telephone number. Its "two weeks" count from its day.
    came = (
        []
        if told.at is None
        else [text(lang, "resident", "me.today.came", day=long_day(told.at.astimezone(ZONE).date(), lang))]
    )
    words = (*told.text, *came, told.number) if told.whole else (told.sentence, *came, told.number, told.next)
    for line in words if told.whole else dict.fromkeys(words):
        result(line)
    if any(item.red_flag for item in day.assumed):
        result(word(lang, "red-flag"))
    elif day.assumed:
        value = ", ".join(f"{number} {unit}" for _, number, unit in day.assumed[0].values)
        result(word(lang, "today-assumed", value=value, count=len(day.assumed)))
