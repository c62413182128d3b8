"""The residents of the year and what the engine would draft about them: real rules, made-up people."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from engine.officehours import ZONE
from engine.review import Item
from engine.rules import AdviceRule, load_catalogue

DAYS: Final = 365
CHANNELS: Final = ("page", "line", "mail", "letter", "phone", "none")
_FAR: Final = 10**9


class _People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    page: float
    line: float
    mail: float
    letter: float
    phone: float
    none: float
    agreed: float
    away: float


class _Routine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    goals: tuple[float, ...]
    rules: dict[str, int]


class _Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    clean: float
    incomplete: float
    flagged: float
    vetoed: float
    had: float
    questions: float


class _Serious(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    soon: float
    prompt: float
    urgent: float
    emergency: float
    months: tuple[int, ...]
    again_days: int
    again: float
    confirmed: float


class _Desk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    call_minutes: float
    returned: float
    report_day: int
    aside_days: int


class Constants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers of the year; the file says which are measured and which assumed."""

    first_day: date
    people: _People
    routine: _Routine
    draft: _Draft
    serious: _Serious
    desk: _Desk


@cache
def constants() -> Constants:
    """The numbers as they stand in the file."""
    text = (Path(__file__).parent / "constants.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Constants)


@cache
def goal_rules() -> dict[str, AdviceRule]:
    """The rules of the catalogue that the year speaks of."""
    known = {rule.id: rule for rule in load_catalogue() if isinstance(rule, AdviceRule)}
    return {name: known[name] for name in constants().routine.rules}


class Due(msgspec.Struct, frozen=True, order=True):
    """When something is to be drafted about whom: `what` a rule's id for a goal, else a severity."""

    at: datetime
    resident: int
    what: str


class Town:
    """Who lives there, how they are reached, and the first thing to be said of each."""

    def __init__(self, people: int, seed: int) -> None:
        fixed, self.rng = constants(), np.random.default_rng(seed)
        shares = [getattr(fixed.people, name) for name in CHANNELS]
        self.people = people
        self.channel = self.rng.choice(len(CHANNELS), people, p=shares)
        self.agreed = self.rng.random(people) < fixed.people.agreed
        self.away = self.rng.random(people) < fixed.people.away
        # Whom the promise is about: who agreed, is at home and wants to be reached.
        self.eligible = self.agreed & ~self.away & (self.channel != CHANNELS.index("none"))
        self.start = datetime.combine(fixed.first_day, time(0), ZONE).astimezone(UTC)
        self.end = self.start + timedelta(days=DAYS)

    def reached_by(self, name: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """The eligible residents with this channel."""
        return np.asarray(self.eligible & (self.channel == CHANNELS.index(name)))

    def first_drafts(self) -> list[Due]:
        """What is drafted first, of everybody: goals within their cooldown, referrals when they fall due."""
        found: list[Due] = []
        for person in np.flatnonzero(self.agreed & ~self.away).tolist():
            found += self._goals(person)
            found += self._referrals(person)
        return found

    def item(self, due: Due, number: int) -> Item:
        """The draft as it stands in the queue."""
        rule = goal_rules().get(due.what)
        evidence = self._evidence(rule) if rule else {"rule": {"review": "each"}, "red_flags": [due.what]}
        return Item(
            id=f"a-{number:013d}", resident_id=f"r-{due.resident:013d}", topic=rule.topic if rule else "blood-pressure",
            rule_id=rule.id if rule else due.what, rule_version=rule.version if rule else 1,
            text_version=rule.text_version if rule else 1, state="open", version=1,
            severity="routine" if rule else due.what, text_ja="-", text_en="-", evidence=evidence, snapshot_hash="",
            created_at=due.at, updated_at=due.at,
        )  # fmt: skip

    def again(self, due: Due, at: datetime) -> Due | None:
        """When the same is drafted after it was decided or set aside at `at`; None within this year."""
        rule, fixed = goal_rules().get(due.what), constants().serious
        if rule is None and (due.what in {"urgent", "emergency"} or self.rng.random() >= fixed.again):
            return None
        wait = timedelta(days=rule.cooldown_days if rule else fixed.again_days)
        return Due(at + wait, due.resident, due.what) if at + wait < self.end else None

    def _goals(self, person: int) -> list[Due]:
        fixed = constants().routine
        count = int(self.rng.choice(len(fixed.goals), p=np.asarray(fixed.goals) / sum(fixed.goals)))
        names, weights = list(fixed.rules), np.array(list(fixed.rules.values()), dtype=float)
        chosen = self.rng.choice(len(names), count, replace=False, p=weights / weights.sum()).tolist()
        return [
            Due(self.start + self._within(goal_rules()[names[at]].cooldown_days), person, names[at]) for at in chosen
        ]

    def _referrals(self, person: int) -> list[Due]:
        fixed, draws = constants().serious, self.rng.random(3)
        found = []
        if draws[0] < fixed.soon + fixed.prompt:
            found.append(Due(self._checked_up(), person, "soon" if draws[0] < fixed.soon else "prompt"))
        for draw, name, rate in ((draws[1], "urgent", fixed.urgent), (draws[2], "emergency", fixed.emergency)):
            found += [Due(self.start + self._within(DAYS), person, name)] if draw < rate else []
        return found

    def _checked_up(self) -> datetime:
        """Some instant in the months of check-ups."""
        months = constants().serious.months
        while True:
            at = self.start + self._within(DAYS)
            if at.astimezone(ZONE).month in months:
                return at

    def _within(self, days: int) -> timedelta:
        return timedelta(seconds=int(self.rng.integers(days * 86_400)))

    def _evidence(self, rule: AdviceRule) -> dict[str, Any]:
        """What the draft rests on, as far as nurses and standing approvals ask."""
        fixed = constants().draft
        parts = np.array([fixed.clean, fixed.incomplete, fixed.flagged, fixed.vetoed])
        kind = int(self.rng.choice(4, p=parts / parts.sum()))
        asks = self.rng.random() < fixed.questions
        return {
            "rule": {"review": rule.review},
            "signals": {"bmi": {"value": None if kind == 1 else "23.0"}},
            "red_flags": ["home_bp_insufficient_days"] if kind == 2 else [],  # noqa: PLR2004 - the third kind
            "must_not": ["weight_loss"] if kind == 3 else [],  # noqa: PLR2004 - the fourth kind
            "ask": ["has.joint-pain"] if asks else [],
            "first": False,
        }
