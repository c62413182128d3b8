"""The standing approvals of the year: one a rule, signed anew every quarter, asked by the engine's own function."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

from engine.officehours import ZONE
from engine.people import Resident
from engine.review import Item
from engine.standing import (
    LEAST_SAMPLE,
    LONGEST,
    MOST_A_DAY,
    Approval,
    Covered,
    History,
    Population,
    Used,
    covers,
    digest_of,
    samples,
)
from simulators.town_year.town import goal_rules

_TOWN: Final = "062049"
_SIGNED: Final = datetime(2026, 4, 1, tzinfo=ZONE)
_SOMEBODY: Final = Resident(
    id="r-0000000000000", household_id=None, municipality_code=_TOWN, family_name="-", given_name="-", family_kana="-",
    given_kana="-", birth_date=date(1960, 1, 1), sex="female", height_cm=None, height_on=None, language="ja",
    channel="page", status="active",
)  # fmt: skip


class Signatures:
    """What each approval covered so far; without `switched_on` nothing is ever covered."""

    def __init__(self, *, switched_on: bool) -> None:
        self._on = switched_on
        self._total: Counter[str] = Counter()
        self._sampled: Counter[str] = Counter()
        self._today: Counter[tuple[str, date]] = Counter()

    def lets_through(self, item: Item, now: datetime, *, had: bool) -> bool:
        """Whether `item` leaves without anybody reading it; a sampled one waits for a person."""
        if not self._on or item.rule_id not in goal_rules() or not _covered(item.rule_id, _kind(item), had=had):
            return False
        name, day = item.rule_id, now.astimezone(ZONE).date()
        used = Used(self._total[name], self._sampled[name], self._today[name, day])
        if used.today >= MOST_A_DAY:
            return False
        sampled = samples(_approval(name), item.id, used)
        self._total[name] += 1
        self._sampled[name] += sampled
        self._today[name, day] += not sampled
        return not sampled


def _kind(item: Item) -> tuple[bool, ...]:
    told = item.evidence
    missing = any(one.get("value") is None for one in told["signals"].values())
    return bool(told["red_flags"]), bool(told["must_not"]), bool(item.ask), missing


@cache
def _covered(rule_id: str, kind: tuple[bool, ...], *, had: bool) -> bool:
    """What `engine.standing.covers` says of a draft of this kind: the same for everybody with the same evidence."""
    rule = goal_rules()[rule_id]
    flagged, vetoed, asks, missing = kind
    evidence = {
        "rule": {"review": rule.review}, "signals": {"bmi": {"value": None if missing else "23.0"}}, "first": False,
        "red_flags": ["home_bp_insufficient_days"] if flagged else [], "ask": ["has.joint-pain"] if asks else [],
        "must_not": ["weight_loss"] if vetoed else [],
    }  # fmt: skip
    item = Item(
        id="a-0000000000000", resident_id=_SOMEBODY.id, topic=rule.topic, rule_id=rule.id, rule_version=rule.version,
        text_version=rule.text_version, state="open", version=1, severity="routine", text_ja="-", text_en="-",
        evidence=evidence, snapshot_hash="", created_at=_SIGNED, updated_at=_SIGNED,
    )  # fmt: skip
    history = History(had=frozenset({rule.topic} if had else ()))
    now = _SIGNED + timedelta(days=1)
    return isinstance(covers(_approval(rule_id), item, rule, _SOMEBODY, history, Used(), now), Covered)


@cache
def _approval(rule_id: str) -> Approval:
    rule = goal_rules()[rule_id]
    return Approval(
        id=f"p-{rule_id}", municipality_code=_TOWN, rule_id=rule.id, rule_version=rule.version,
        text_version=rule.text_version, digest=digest_of(rule), population=Population(), signed_by="s-0000000000000",
        signed_at=_SIGNED, until=_SIGNED + LONGEST, daily_cap=MOST_A_DAY, sample_percent=LEAST_SAMPLE,
    )  # fmt: skip
