"""The form at the foot of a letter: what it may ask, and what somebody typed from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final, Literal, get_args

import msgspec

from engine.letters import Sort
from engine.refusal import Refusal
from engine.requests import words_of

Tick = Literal["fine", "call", "moved", "stop", "seen", "planned", "declined"]
TICKS: Final[tuple[Tick, ...]] = get_args(Tick)
# What each sort of letter asks, in the order of the form; the number before it is what is typed at the desk.
ASKS: Final[dict[Sort, tuple[Tick, ...]]] = {
    "month": ("fine", "call", "moved", "stop"),
    "referral": ("seen", "planned", "declined", "call"),
}
# What somebody can say of the doctor they were sent to.
VISITS: Final[tuple[Tick, ...]] = ("seen", "planned", "declined")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a form said: its ticks, the day of the visit to the doctor, words written on it, when it came back."""

    ticks: frozenset[Tick]
    seen_on: date | None = None
    words: str = ""


def read_reply(sort: Sort, ticks: Iterable[str], seen_on: date | None, words: str, today: date) -> Reply | Refusal:
    """A reply as it was typed, if that form can say it.

    Refused: nothing-said, not-asked (this form does not ask that), two-answers (fine and a call, seen and planned),
    no-visit (a day without a visit), future-date, and as `engine.requests.words_of` refuses words.
    """
    said, kept = frozenset(ticks), words_of(words, needed=False)
    if isinstance(kept, Refusal):
        return kept
    misfit = _misfit(sort, said, kept) or _no_visit(said, seen_on, today)
    if misfit is not None:
        return misfit
    return Reply(ticks=frozenset(tick for tick in TICKS if tick in said), seen_on=seen_on, words=kept)


def _misfit(sort: Sort, said: frozenset[str], words: str) -> Refusal | None:
    strange = sorted(said - set(ASKS[sort]))
    if strange:
        return Refusal("not-asked", f"this form does not ask {', '.join(strange)}", "ticks")
    if not said and not words:
        return Refusal("nothing-said", "nothing is ticked and nothing written", "ticks")
    if len(said & set(VISITS)) > 1 or {"fine", "call"} <= said:
        return Refusal("two-answers", "the form says two things that cannot both be: call them", "ticks")
    return None


def _no_visit(said: frozenset[str], seen_on: date | None, today: date) -> Refusal | None:
    if seen_on is not None and "seen" not in said:
        return Refusal("no-visit", "a day of a visit needs the tick that they went", "seen_on")
    if seen_on is not None and seen_on > today:
        return Refusal("future-date", "this day has not come yet", "seen_on")
    return None
