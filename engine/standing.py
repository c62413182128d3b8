"""Standing approvals (包括承認): a named person's signature on rule version x text version x population. Pure.

What one covers is approved in its name and held like everything else; at least every twentieth waits for a person.
It never covers a referral, a person's first advice of a topic, anybody under a veto or with a red flag, open
questions, or what was not all measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine.dates import age_on
from engine.locale import LANGUAGES, catalogue, fields_of
from engine.people import Resident
from engine.refusal import Refusal
from engine.review import Item
from engine.rules import AdviceRule, FlagRule, Rule
from engine.rules.model import SpokenRule

LONGEST: Final = timedelta(days=90)
LEAST_SAMPLE: Final = 5
MOST_A_DAY: Final = 500
OLDEST: Final = 130
DAY_ZONE: Final = ZoneInfo("Asia/Tokyo")
Learning = Literal["off", "shadow", "on"]
State = Literal["live", "suspended", "ended", "expired"]
Reason = Literal[
    "other-text", "not-live", "municipality", "age", "sex", "serious", "not-advice", "questions-open", "red-flag",
    "veto", "incomplete", "first-of-topic", "no-consent", "cap",
]  # fmt: skip


class Automatic(msgspec.Struct, frozen=True):
    """What the operator lets happen without a person each time: all of it is off until switched on.

    `learning` shadow notes what the learner would choose and changes nothing; on, it may hold allowed goals back.
    Routine drafts that nobody read are set aside after `aside_days` office days; None: never.
    """

    standing: bool = False
    urgent_texts: bool = False
    learning: Learning = "off"
    aside_days: int | None = None


OFF: Final = Automatic()


class Population(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom an approval is for, besides its municipality: whole years of age, both included, and perhaps one sex."""

    age_from: int = 18
    age_to: int = OLDEST
    sex: Literal["female", "male"] | None = None


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A signature: `digest` is of the words that were signed, `until` the end, excluded; instants are aware."""

    id: str
    municipality_code: str
    rule_id: str
    rule_version: int
    text_version: int
    digest: str
    population: Population
    signed_by: str
    signed_at: datetime
    until: datetime
    daily_cap: int
    sample_percent: int = LEAST_SAMPLE
    state: State = "live"
    ended_at: datetime | None = None
    ended_by: str | None = None
    reason: str | None = None
    version: int = 1


class Used(msgspec.Struct, frozen=True):
    """What an approval covered until now: all of it, how many of those were sampled, how many it approved today."""

    total: int = 0
    sampled: int = 0
    today: int = 0


class History(msgspec.Struct, frozen=True):
    """What is known of the person besides the advice itself.

    `had` are the topics on which advice that a person approved was delivered before, `agreed` whether nurses may look.
    """

    had: frozenset[str] = frozenset()
    agreed: bool = True


class Covered(msgspec.Struct, frozen=True):
    """The approval holds for it; `sampled` ones wait for a person all the same."""

    sampled: bool


class NotCovered(msgspec.Struct, frozen=True):
    """Why it waits for a person."""

    reason: Reason


def draft(
    rule: Rule | None, population: Population, *, days: int, daily_cap: int, sample_percent: int
) -> SpokenRule | Refusal:
    """The rule that may be signed for so, or why not: `unknown-rule`, `not-coverable`, `age`, `days`, `cap`, `sample`.

    A rule that refers, or whose advice a physician must see, is never approved in advance.
    """
    if rule is None:
        return Refusal("unknown-rule", "there is no such rule in force", "rule")
    if not isinstance(rule, AdviceRule) or rule.review == "physician":
        return Refusal("not-coverable", f"{rule.id} is seen by a person each time", "rule")
    checks = {
        "age": 0 <= population.age_from <= population.age_to <= OLDEST, "days": 1 <= days <= LONGEST.days,
        "cap": 1 <= daily_cap <= MOST_A_DAY, "sample": LEAST_SAMPLE <= sample_percent <= 100,  # noqa: PLR2004
    }  # fmt: skip
    wrong = next((code for code, holds in checks.items() if not holds), None)
    return rule if wrong is None else Refusal(wrong, f"{wrong} is out of range", wrong)


def own_keys(rule: Rule) -> tuple[str, ...]:
    """The keys of what the rule itself says to a resident where it may leave by a signature.

    Of advice what it says once every question is answered, of a referral what it says when it is urgent.
    """
    if isinstance(rule, FlagRule):
        return tuple(sorted({case.message for case in rule.case if case.severity in {"urgent", "emergency"}}))
    return tuple(sorted({case.message for case in rule.case})) if isinstance(rule, AdviceRule) else ()


def added_keys(rule: Rule) -> tuple[str, ...]:
    """The keys of the sentences that a computed goal, the season or a precaution may add to the rule's own."""
    if not isinstance(rule, AdviceRule):
        return ()
    known = sorted(key for context, key in catalogue("ja") if context == "resident")
    planned = any("plan" in fields_of(catalogue("ja")["resident", key]) for key in own_keys(rule))
    moving = "exercise_increase" in rule.barred_by
    return tuple(
        key
        for key in known
        if (planned and key.startswith("plan.")) or (moving and key.startswith(("season.", "must.")))
    )


def digest_of(rule: Rule) -> str:
    """The sha256 of every sentence the rule may say to a resident, in both languages: what is signed."""
    keys = (*own_keys(rule), *added_keys(rule))
    words = [[language, key, catalogue(language).get(("resident", key), "")] for language in LANGUAGES for key in keys]
    return hashlib.sha256(msgspec.json.encode(words)).hexdigest()


def is_live(approval: Approval, now: datetime) -> bool:
    """Whether it may be used at `now`: neither suspended nor ended, and not yet over."""
    return approval.state == "live" and approval.signed_at <= now < approval.until


def state_of(approval: Approval, now: datetime) -> State:
    """Its state in words: what is over is expired, whoever has not noted that yet."""
    return "expired" if approval.state == "live" and now >= approval.until else approval.state


def covers(
    approval: Approval, item: Item, rule: Rule | None, person: Resident, history: History, used: Used, now: datetime
) -> Covered | NotCovered:
    """Whether `approval` speaks for `item` of `person`; `rule` is the rule as it is in force."""
    reason = _against(approval, item, rule, now) or _against_person(approval, item, person, history, now)
    if reason is None and used.today >= approval.daily_cap:
        reason = "cap"
    return Covered(samples(approval, item.id, used)) if reason is None else NotCovered(reason)


def samples(approval: Approval, item: str, used: Used) -> bool:
    """Whether a covered item waits for a person: by a hash nobody can choose, and never fewer than was signed for.

    The very first is sampled, and whenever the share would fall below the percentage with this one let through.
    """
    share = Fraction(approval.sample_percent, 100)
    if used.sampled < share * (used.total + 1):
        return True
    drawn = hashlib.sha256(f"minato standing\0{approval.id}\0{item}".encode()).digest()[:8]
    return Fraction(int.from_bytes(drawn, "big"), 1 << 64) < share


def suspended(approval: Approval, by: str, at: datetime, reason: str) -> Approval | Refusal:
    """The approval as somebody stops it: it stays stopped, whoever wants it again signs again; refused `not-live`."""
    return _stopped(approval, "suspended", by, at, reason)


def ended(approval: Approval, by: str, at: datetime, reason: str = "") -> Approval | Refusal:
    """The approval as somebody ends it for good; refused `not-live` unless it is live or suspended."""
    return _stopped(approval, "ended", by, at, reason)


def same_text(approval: Approval, item: Item) -> bool:
    """Whether `item` is of the rule version and text version that were signed for."""
    return (approval.rule_id, approval.rule_version, approval.text_version) == (
        item.rule_id, item.rule_version, item.text_version,
    )  # fmt: skip


def same_words(approval: Approval, rule: Rule | None) -> bool:
    """Whether the rule in force still is the one whose words were signed."""
    return (
        isinstance(rule, AdviceRule | FlagRule)
        and (rule.id, rule.version, rule.text_version)
        == (approval.rule_id, approval.rule_version, approval.text_version)
        and digest_of(rule) == approval.digest
    )


def topics_had(items: Iterable[Item]) -> frozenset[str]:
    """The topics on which a person's approval reached this resident before: what needs one for the first time."""
    return frozenset(one.topic for one in items if one.state == "delivered" and by_person(one.decided_by))


def by_person(decided_by: str | None) -> bool:
    """Whether a person decided, and no standing approval (`p-`) and no signed text (`u-`)."""
    return decided_by is not None and decided_by[:2] not in {"p-", "u-"}


def _stopped(approval: Approval, state: State, by: str, at: datetime, reason: str) -> Approval | Refusal:
    stoppable = {"suspended": {"live"}, "ended": {"live", "suspended"}}.get(state, set())
    if approval.state not in stoppable:
        return Refusal("not-live", f"it is {approval.state} already", "state")
    return msgspec.structs.replace(
        approval, state=state, ended_at=at, ended_by=by, reason=reason or approval.reason, version=approval.version + 1
    )


def _against(approval: Approval, item: Item, rule: Rule | None, now: datetime) -> Reason | None:
    """What speaks against it in the advice itself."""
    told = item.evidence
    signals: Mapping[str, Any] = told.get("signals", {})
    barriers: Sequence[tuple[Reason, bool]] = (
        ("not-live", not is_live(approval, now)),
        ("other-text", not same_text(approval, item) or not same_words(approval, rule)),
        ("not-advice", not isinstance(rule, AdviceRule) or rule.review == "physician"),
        ("serious", item.severity != "routine"),
        ("questions-open", bool(item.ask)),
        ("red-flag", bool(told.get("red_flags", ()))),
        ("veto", bool(told.get("must_not", ()))),
        ("incomplete", not signals or any(one.get("value") is None for one in signals.values())),
    )
    return next((code for code, holds in barriers if holds), None)


def _against_person(approval: Approval, item: Item, person: Resident, history: History, now: datetime) -> Reason | None:
    """What speaks against it in whose advice it is."""
    group = approval.population
    age = age_on(person.birth_date, now.astimezone(DAY_ZONE).date())
    barriers: Sequence[tuple[Reason, bool]] = (
        ("municipality", person.municipality_code != approval.municipality_code),
        ("age", not group.age_from <= age <= group.age_to),
        ("sex", group.sex is not None and person.sex != group.sex),
        ("no-consent", not history.agreed),
        ("first-of-topic", item.topic not in history.had or bool(item.evidence.get("first", False))),
    )
    return next((code for code, holds in barriers if holds), None)
