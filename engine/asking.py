"""What to ask next, at most three things at a time, and what an answer says: the same for page, paper and telephone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from engine.clinical import Fact, Source, standing
from engine.clinical_codes import catalogue
from engine.locale import Language
from engine.questionnaires import Choice, Item, questionnaires
from engine.refusal import Refusal
from engine.signals import Signal
from engine.vocabulary import QUESTION_ORDER, VOCABULARY

MOST: Final = 3
UNKNOWN: Final = "unknown"
Why = Literal["not-asked", "stale", "unknown"]


class Before(msgspec.Struct, frozen=True):
    """What was answered last: the choices, who told it and when; to be shown and confirmed, never taken for granted."""

    choices: tuple[str, ...]
    source: Source
    at: datetime


class Question(msgspec.Struct, frozen=True):
    """An open question: its item, the codes still open, why they are, and what was answered before."""

    item: Item
    open: tuple[str, ...]
    why: Why
    before: Before | None = None

    @property
    def code(self) -> str:
        """The code by which it is answered."""
        return self.item.code


def next_questions(
    picture: Mapping[str, Signal],
    wanted: Iterable[str] = (),
    *,
    answered: Collection[str] = (),
    facts: Iterable[Fact] = (),
    as_of: datetime | None = None,
    most: int = MOST,
) -> tuple[Question, ...]:
    """The most forbidding open questions of `wanted` (names of answers or of questions; nothing means all).

    `answered` are put already and not repeated; what was once said in `facts` comes along as `before`.
    """
    codes = {VOCABULARY[name].question if name in VOCABULARY else name for name in wanted} or set(QUESTION_ORDER)
    known = standing(facts, as_of) if as_of is not None else {}
    found: list[Question] = []
    for code in QUESTION_ORDER:
        item = questionnaires()["veto"].find(code)
        if code not in codes or code in answered or item is None:
            continue
        question = _open(item, picture, known)
        if question is not None:
            found.append(question)
    return tuple(found[:most])


def next_items(
    name: str, facts: Iterable[Fact], as_of: datetime, *, answered: Collection[str] = (), most: int = MOST
) -> tuple[Question, ...]:
    """The next items of the questionnaire `name` that have no answer that still holds, in the order of the form."""
    from engine.clinical import holds

    known = standing(facts, as_of)
    found: list[Question] = []
    for item in questionnaires()[name].item:
        said = known.get(item.code, [])
        if item.code in answered or (said and holds(said[-1], as_of)):
            continue
        before = Before((said[-1].value,), said[-1].source, said[-1].at) if said else _before(item, known)
        found.append(Question(item, (item.code,), "stale" if said else "not-asked", before))
    return tuple(found[:most])


def answer(
    item: Item,
    choices: Sequence[str],
    now: datetime,
    *,
    resident: str,
    actor: str,
    channel: str,
    source: Source = "resident",
    until: datetime | None = None,
) -> tuple[Fact, ...] | Refusal:
    """The facts that `choices` of `item` say, each with the choices as `raw`; `unknown` alone settles nothing.

    Refused as nothing-chosen, not-a-choice, several (where one was asked for) or contradiction (none and another).
    """
    chosen = _chosen(item, choices)
    if isinstance(chosen, Refusal):
        return chosen
    base = Fact(
        resident=resident, code="", value="", at=now, until=until, source=source, actor=actor, channel=channel,
        recorded_at=now,
    )  # fmt: skip
    found = _said(item, chosen)
    raw = ",".join(choice.code for choice in chosen) or UNKNOWN
    return tuple(msgspec.structs.replace(base, code=code, value=value, raw=raw) for code, value in found.items())


def find(name: str, code: str) -> Item | None:
    """The item of questionnaire `name` by its code, its number, or the name of an answer that it alone settles."""
    item = questionnaires()[name].find(code)
    if item is None and code in VOCABULARY and VOCABULARY[code].question is not None:
        return questionnaires()["veto"].find(VOCABULARY[code].question or "")
    return item


def words(language: Language, question: str) -> str:
    """The question as it is put to people, or its code where there is none: an old item must still be shown."""
    item = questionnaires()["veto"].find(question)
    return question if item is None else item.ja if language == "ja" else item.en


def _open(item: Item, picture: Mapping[str, Signal], known: Mapping[str, Sequence[Fact]]) -> Question | None:
    missing = {code: picture[code].note for code in sorted(item.settles) if picture[code].value is None}
    if not missing:
        return None
    notes = set(missing.values())
    why: Why = "stale" if "stale" in notes else "unknown" if notes == {UNKNOWN} else "not-asked"
    return Question(item, tuple(missing), why, _before(item, known))


def _before(item: Item, known: Mapping[str, Sequence[Fact]]) -> Before | None:
    """The choices that the last facts fit; None where nothing was ever said, or where it fits no choice."""
    last = {code: known[code][-1] for code in item.settles if known.get(code)}
    if not last:
        return None
    fitting = [choice for choice in item.choices if choice.sets and _fits(choice, last)]
    # Insulin is a glucose medicine as well: what another choice says already is no choice of its own.
    fits = tuple(one.code for one in fitting if not any(one.sets.items() < other.sets.items() for other in fitting))
    if item.multi:
        yes = tuple(code for code in fits if any(value == "1" for value in _sets(item, code).values()))
        fits = yes or fits
    if not fits:
        return None
    newest = max(last.values(), key=lambda fact: (fact.at, fact.recorded_at))
    return Before(fits if item.multi else fits[:1], newest.source, newest.at)


def _fits(choice: Choice, last: Mapping[str, Fact]) -> bool:
    return all(code in last and last[code].value == value for code, value in choice.sets.items())


def _sets(item: Item, code: str) -> Mapping[str, str]:
    choice = item.choice(code)
    return {} if choice is None else choice.sets


def _chosen(item: Item, choices: Sequence[str]) -> tuple[Choice, ...] | Refusal:
    """The choices meant; () stands for "I do not know"."""
    if not choices:
        return Refusal("nothing-chosen", f"{item.code}: choose {_names(item)}", item.code)
    if tuple(choices) == (UNKNOWN,):
        return ()
    found = [item.choice(code) for code in dict.fromkeys(choices)]
    chosen = tuple(choice for choice in found if choice is not None)
    if len(chosen) != len(found):
        return Refusal("not-a-choice", f"{item.code} is one of {_names(item)}", item.code)
    if len(chosen) > 1 and not item.multi:
        return Refusal("several", f"{item.code}: choose one of {_names(item)}", item.code)
    if len(chosen) > 1 and any(choice.code == "none" for choice in chosen):
        return Refusal("contradiction", f"{item.code}: none and another cannot both be right", item.code)
    return chosen


def _said(item: Item, chosen: Sequence[Choice]) -> dict[str, str]:
    """What each settled code is; of several choices a yes counts before "not known", and that before a no."""
    keeps = {item.code: chosen[0].code} if chosen and item.code in catalogue() else {}
    if not chosen:
        return dict.fromkeys(sorted(item.settles), UNKNOWN)
    if not item.multi:
        return keeps | dict(chosen[0].sets)
    # The question names them all, so what was not chosen is a no.
    found = dict.fromkeys(sorted(item.settles), "0")
    for choice in chosen:
        for code, value in choice.sets.items():
            if value == "1" or (value == UNKNOWN and found[code] == "0"):
                found[code] = value
    return keeps | found


def _names(item: Item) -> str:
    return ", ".join([*(choice.code for choice in item.choices), UNKNOWN])
