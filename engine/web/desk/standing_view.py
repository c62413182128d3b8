"""What the pages of standing approvals and urgent texts show: sentences, the words that are signed, counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from engine.access import Identity
from engine.locale import LANGUAGES, Language, catalogue, text
from engine.refusal import Refusal
from engine.rules import AdviceRule, FlagRule, Rule, in_force, load_catalogue
from engine.standing import (
    DAY_ZONE,
    LEAST_SAMPLE,
    OLDEST,
    Approval,
    Covered,
    History,
    Population,
    Used,
    added_keys,
    covers,
    digest_of,
    own_keys,
    state_of,
)
from engine.store import repo_advice, repo_places, repo_residents, repo_standing
from engine.store.database import Connection
from engine.store.repo_standing import Use
from engine.urgent_text import SignedText, signable
from engine.web.view import when, word

BACK: Final = timedelta(days=90)
_ID: Final = ""


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody typed into the form of a new approval, as it was typed."""

    rule: str = ""
    municipality: str = ""
    age_from: str = "40"
    age_to: str = "74"
    sex: str = ""
    days: str = "30"
    daily_cap: str = "10"
    sample_percent: str = "10"


class Preview(msgspec.Struct, frozen=True):
    """What an approval would have done in the last 90 days: drafts looked at, covered, sampled, people, why not."""

    looked_at: int
    approved: int
    sampled: int
    residents: int
    barred: tuple[tuple[str, int], ...]


def towns_of(connection: Connection, who: Identity) -> dict[str, str]:
    """The municipalities this person works for, by code."""
    return {code: name for code, name in repo_places.municipalities(connection).items() if who.within(code)}


def rules_now(now: datetime) -> dict[str, Rule]:
    """The rules in force by id."""
    return {rule.id: rule for rule in in_force(load_catalogue(), now.astimezone(DAY_ZONE).date())}


def coverable(now: datetime) -> list[AdviceRule]:
    """The rules whose advice may be approved in advance."""
    return [one for one in rules_now(now).values() if isinstance(one, AdviceRule) and one.review != "physician"]


def urgent_rules(now: datetime) -> list[FlagRule]:
    """The rules that have an urgent text."""
    return [one for rule in rules_now(now).values() if isinstance(one := signable(rule), FlagRule)]


Said = list[tuple[Language, list[str]]]


def words_of(rule: Rule) -> Said:
    """What the rule itself says to a resident, by language, its blanks in braces: what is signed."""
    return _texts(own_keys(rule))


def added_words(rule: Rule) -> Said:
    """The sentences that may come with it, signed for as well; empty where none may."""
    return _texts(added_keys(rule)) if added_keys(rule) else []


def _texts(keys: Iterable[str]) -> Said:
    wanted = list(keys)
    return [(language, [catalogue(language)["resident", key] for key in wanted]) for language in LANGUAGES]


def number_of(typed: str, field: str) -> int | Refusal:
    """A whole number as people type it, full-width digits too; refused as `number`."""
    try:
        return int(typed.strip())
    except ValueError:
        return Refusal("number", f"{field} is a whole number", field)


def candidate(typed: Typed, rule: AdviceRule | FlagRule, by: str, now: datetime) -> Approval | Refusal:
    """The approval as it would be signed now; refused as `number` or `sex`."""
    fields = ("age_from", "age_to", "days", "daily_cap", "sample_percent")
    found = {field: number_of(getattr(typed, field), field) for field in fields}
    numbers: dict[str, int] = {}
    for field, value in found.items():
        if isinstance(value, Refusal):
            return value
        numbers[field] = value
    if typed.sex not in {"", "female", "male"}:
        return Refusal("sex", "no such sex", "sex")
    sex = {"female": "female", "male": "male"}.get(typed.sex)
    group = msgspec.convert({"age_from": numbers["age_from"], "age_to": numbers["age_to"], "sex": sex}, Population)
    # A number of days nobody may sign for is refused by `standing.draft`; here it must only be a date.
    days = timedelta(days=max(min(numbers["days"], 1000), 0))
    return Approval(
        id=_ID, municipality_code=typed.municipality, rule_id=rule.id, rule_version=rule.version,
        text_version=rule.text_version, digest=digest_of(rule), population=group, signed_by=by, signed_at=now,
        until=now + days, daily_cap=numbers["daily_cap"], sample_percent=numbers["sample_percent"],
    )  # fmt: skip


def preview(connection: Connection, approval: Approval, rule: Rule, now: datetime) -> Preview:
    """What `approval` would have covered of the last 90 days' drafts, each as it was frozen when it was drafted."""
    since = now - BACK
    tried = msgspec.structs.replace(approval, signed_at=since, until=now + BACK, id="p-aaaaaaaaaaaaa")
    items = [repo_advice.get(connection, name) for name in repo_standing.drafted(connection, tried, since)]
    known = [item for item in items if item is not None]
    people = {one.id: one for one in repo_residents.get_many(connection, [item.resident_id for item in known])}
    first = repo_standing.first_told(connection, people)
    found: list[tuple[str, bool | str]] = []
    days: dict[Any, int] = {}
    total = sampled = 0
    for item in known:
        day = item.created_at.astimezone(DAY_ZONE).date()
        told = first.get((item.resident_id, item.topic))
        history = History(had=frozenset({item.topic}) if told is not None and told < item.created_at else frozenset())
        used = Used(total, sampled, days.get(day, 0))
        answer = covers(tried, item, rule, people[item.resident_id], history, used, item.created_at)
        if isinstance(answer, Covered):
            total, sampled = total + 1, sampled + answer.sampled
            days[day] = days.get(day, 0) + (not answer.sampled)
        found.append((item.resident_id, answer.sampled if isinstance(answer, Covered) else answer.reason))
    return _counted(found)


def _counted(found: Sequence[tuple[str, bool | str]]) -> Preview:
    reasons = [why for _, why in found if isinstance(why, str)]
    barred = sorted({(why, reasons.count(why)) for why in reasons}, key=lambda pair: (-pair[1], pair[0]))
    return Preview(
        looked_at=len(found), approved=sum(1 for _, why in found if why is False),
        sampled=sum(1 for _, why in found if why is True),
        residents=len({who for who, why in found if not isinstance(why, str)}), barred=tuple(barred),
    )  # fmt: skip


def sentence(lang: Language, approval: Approval, towns: Mapping[str, str]) -> str:
    """Whom and what an approval is for, in words."""
    group = approval.population
    sex = text(lang, "nurse", f"desk.standing.sex.{group.sex or 'all'}")
    ages = (
        text(lang, "nurse", "desk.standing.ages.from", low=group.age_from)
        if group.age_to >= OLDEST
        else text(lang, "nurse", "desk.standing.ages", low=group.age_from, high=group.age_to)
    )
    return text(
        lang, "nurse", "desk.standing.sentence", town=towns.get(approval.municipality_code, approval.municipality_code),
        ages=ages, sex=sex, rule=approval.rule_id, version=approval.rule_version, text_version=approval.text_version,
        cap=approval.daily_cap, percent=max(approval.sample_percent, LEAST_SAMPLE),
    )  # fmt: skip


def shown(
    lang: Language, approval: Approval, towns: Mapping[str, str], names: Mapping[str, str], used: Used, now: datetime
) -> dict[str, Any]:
    """One approval as its page and the list show it."""
    state = state_of(approval, now)
    by, end = approval.ended_by, approval.ended_at
    rule = rules_now(now).get(approval.rule_id)
    return {
        "id": approval.id, "version": approval.version, "state": state,
        "state_word": word(lang, "standing.state", state), "sentence": sentence(lang, approval, towns),
        "rule": approval.rule_id, "topic": word(lang, "topic", str(getattr(rule, "topic", ""))),
        "by": names.get(approval.signed_by, approval.signed_by), "signed": when(lang, approval.signed_at, DAY_ZONE),
        "until": when(lang, approval.until, DAY_ZONE), "used": used,
        "left": max((approval.until - now).days, 0) if state == "live" else None,
        "share": f"{100 * used.sampled / used.total:.0f}" if used.total else "",
        "ended": when(lang, end, DAY_ZONE) if end and state != "live" else "",
        "ended_by": names.get(by, by) if by and state in {"suspended", "ended"} else "",
        "reason": approval.reason or "", "stoppable": state in {"live", "suspended"}, "live": state == "live",
        "outdated": rule is None or digest_of(rule) != approval.digest or rule.version != approval.rule_version,
    }  # fmt: skip


def sample(lang: Language, use: Use, names: Mapping[str, str]) -> dict[str, Any]:
    """A sampled item: where it is, and what a person made of it."""
    return {
        "id": use.advice_id, "at": when(lang, use.at, DAY_ZONE), "state": word(lang, "state", use.state),
        "code": use.state, "by": names.get(use.decided_by, use.decided_by) if use.decided_by else "",
        "reason": use.reason or "",
    }  # fmt: skip


def urgent_shown(lang: Language, rule: FlagRule, signed: SignedText | None, names: Mapping[str, str]) -> dict[str, Any]:
    """One urgent rule with its words and who signed for them."""
    current = signed is not None and (signed.rule_version, signed.text_version, signed.digest) == (
        rule.version, rule.text_version, digest_of(rule),
    )  # fmt: skip
    return {
        "id": rule.id, "version": rule.version, "text_version": rule.text_version, "words": words_of(rule),
        "topic": word(lang, "topic", rule.topic), "digest": digest_of(rule), "signed": signed, "current": current,
        "by": names.get(signed.signed_by, signed.signed_by) if signed else "",
        "at": when(lang, signed.signed_at, DAY_ZONE) if signed else "",
    }  # fmt: skip
