"""A resident of whom everything is held: every code of fact, entries of every sort, advice in every state."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, get_args
from zoneinfo import ZoneInfo

from engine.approvals import Approval
from engine.care_entries import SORTS, Coding, Entry, Status
from engine.clinical import SOURCES, Fact
from engine.clinical_codes import Code, catalogue
from engine.consent import PURPOSES, Event
from engine.contract.wire import Binding
from engine.observations import Measured
from engine.people import Resident
from engine.review_model import Event as Change
from engine.review_model import Item, State
from engine.store.audit import GENESIS, Link, link_hash
from engine.store.audit import Entry as Act
from engine.store.instants import to_micros
from engine.store.repo_devices import Device
from fhir_bridge.holdings import Advised, Holdings
from fhir_bridge.resources import Resource, resources_of
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, resident

ZONE = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NURSE = "s-aaaaaaaaaaaaa"
READING = "abcdefghijklmnopqrstuvwxyz"
STATES: tuple[State, ...] = get_args(State)


def person() -> Resident:
    return resident(HANAKO, "花子", date(1951, 5, 5))


def name(role: str, number: int) -> str:
    """An id of the shape of ours, the `number`-th of its role."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return f"{role}-{letters[number // 26 % 26]}{letters[number % 26]}aaaaaaaaaaa"


def values_of(code: Code) -> list[str]:
    """Every value an answer, a grade or a choice has; a number in its middle, with its digits."""
    if code.sort == "answer":
        return ["1", "0", "unknown"]
    if code.sort == "grade":
        return ["0", "1", "4"]
    if code.sort == "choice":
        return sorted(set(code.words.values()))[:3]
    middle = (code.low + code.high) / 2
    return [str(middle.quantize(Decimal(1).scaleb(-code.decimals)))]


def facts() -> list[Fact]:
    """Every code with every value, sources in turn; each third value of a code was taken back."""
    found: list[Fact] = []
    for code in catalogue().values():
        for turn, value in enumerate(values_of(code)):
            number = len(found)
            fact = Fact(
                id=name("f", number), resident=HANAKO, code=code.code, value=value, unit=code.unit or None,
                at=NOW - (40 + turn) * DAY, source=SOURCES[number % len(SOURCES)], actor="s-bbbbbbbbbbbbb",
                channel="desk", recorded_at=NOW - 20 * DAY,
            )  # fmt: skip
            found.append(fact)
    back = [
        Fact(
            id=f"f-{'z' * 10}{number:03}".replace("0", "a").replace("1", "b").replace("8", "c").replace("9", "d"),
            resident=HANAKO, code=fact.code, value=fact.value, at=fact.at, recorded_at=NOW - DAY, retracts=fact.id,
        )
        for number, fact in enumerate(found[::7])
    ]  # fmt: skip
    return [*found, *back]


def entries() -> list[Entry]:
    """Each sort active, past and told in error, coded and not, from a network and from a file."""
    icd = Coding(system="http://hl7.org/fhir/sid/icd-10", code="E11.9", display="2型糖尿病")
    found: list[Entry] = []
    statuses: tuple[Status, ...] = get_args(Status)
    for sort in SORTS:
        for number, status in enumerate(statuses):
            made = Entry(
                id=name("e", len(found)), resident=HANAKO, sort=sort, name=f"{sort} {number}", codes=(icd,) * (number == 0),
                status=status, detail="1日1回 朝食後" if number != 1 else "", at=None if number == 2 else NOW - 90 * DAY,
                until=NOW - 10 * DAY if status == "past" else None, source="hospital" if number else "lab",
                origin="choukai-net" if number else "ss-mix2", remote=f"{sort.title()}/{number}", version="1",
                recorded_at=NOW - 9 * DAY,
            )  # fmt: skip
            found.append(made)
    taken = Entry(
        id=name("e", 99), resident=HANAKO, sort="medication", name="アムロジピン錠5mg", detail="1日1回", at=NOW - 9 * DAY,
        until=NOW + 9 * DAY, origin="choukai-net", remote="MedicationDispense/7", version="2", recorded_at=NOW - 3 * DAY,
    )  # fmt: skip
    return [*found, taken]


def has_kidney() -> str:
    """The id of the fact that says yes to a disease of the kidneys."""
    return next(fact.id for fact in facts() if (fact.code, fact.value) == ("has.ckd", "1"))


def item(number: int, state: State, severity: str = "routine", **more: object) -> Item:
    """A piece of advice with the evidence the engine freezes."""
    signals = {
        "weight.level": {"value": "63.2", "unit": "kg", "inputs": [READING]},
        "bp.home.systolic": {"value": "140", "unit": "mm[Hg]", "inputs": [READING]},
        "steps.mean_7d": {"value": "4000", "unit": "1", "inputs": [READING]},
        "has.ckd": {"value": "1", "unit": "1", "inputs": [has_kidney(), name("f", 600)]},
    }
    goal = {"kind": "steps", "figures": {"goal": "6,000", "mean": "4,000", "days": "-"}, "rules": ["R-PA-1"]}
    fields: dict[str, Any] = {
        "id": name("a", number), "resident_id": HANAKO, "topic": "activity", "rule_id": "R-PA-1", "rule_version": 3,
        "text_version": 2, "state": state, "version": 2, "severity": severity, "text_ja": "あと 10分 歩きましょう。",
        "text_en": "Walk ten minutes more.", "snapshot_hash": "ab" * 32, "created_at": NOW - 5 * DAY,
        "updated_at": NOW - 4 * DAY, "held_until": NOW + DAY if state in {"snoozed", "claimed"} else None,
        "decided_by": NURSE if state in {"claimed", "approved", "delivered", "rejected"} else None,
        "reason": "doubtful-data: 体重計を変えた" if state == "rejected" else None,
        "evidence": {"signals": signals, "goal": goal, "red_flags": []},
    }  # fmt: skip
    return Item(**(fields | more))


def advised(one: Item, *changes: Change) -> Advised:
    """The item with its history and, where it was approved, the one who did."""
    born = Change(
        advice_id=one.id, at=one.created_at, actor="engine", command="create", from_state=None, to_state="open",
        version=1, reason=None,
    )  # fmt: skip
    last = Change(
        advice_id=one.id, at=one.updated_at, actor=NURSE, command="deliver", from_state="approved",
        to_state=one.state, version=one.version, reason=one.reason,
    )  # fmt: skip
    signed = one.state in {"approved", "delivered"}
    approval = Approval(way="person", by=NURSE, name="佐藤 保健師", role="nurse", at=one.updated_at) if signed else None
    return Advised(item=one, events=(born, *changes, last), approval=approval, due=one.created_at + DAY)


def edit(one: Item, at: datetime, was: str) -> Change:
    return Change(
        advice_id=one.id, at=at, actor=NURSE, command="edit", from_state="claimed", to_state="claimed", version=2,
        reason=None, text_ja=was, text_en=was,
    )  # fmt: skip


def advice() -> list[Advised]:
    """One in every state, one of each severity, one edited twice, one that took the place of another."""
    found = [advised(item(number, state)) for number, state in enumerate(STATES)]
    found += [
        advised(item(20 + number, "delivered", severity)) for number, severity in enumerate(("urgent", "emergency"))
    ]
    found.append(advised(item(22, "open", "emergency")))
    twice = item(23, "delivered", supersedes=name("a", 0))
    found.append(advised(twice, edit(twice, NOW - 5 * DAY, "一"), edit(twice, NOW - 4 * DAY, "二")))
    minutes = {"signals": {}, "goal": {"kind": "exercise", "figures": {"minutes_week": "90"}}}
    loss = {
        "signals": {},
        "goal": {"kind": "weight", "figures": {"weight": "70.5", "loss_kg": "2", "loss_days": "180"}},
    }
    plain = {"signals": {}, "goal": {"kind": "salt", "figures": {}}}
    return [
        *found,
        *(
            advised(item(30 + n, "delivered", evidence=one))
            for n, one in enumerate((minutes, loss, plain, {"signals": {}}))
        ),
    ]


def consents() -> list[Event]:
    """Every purpose said yes to, one withdrawn for a recipient, one that ended, one for a kind only."""
    said = [
        Event(resident=HANAKO, purpose=purpose, granted=True, at=NOW - 90 * DAY, seq=number)
        for number, purpose in enumerate(PURPOSES)
    ]
    share: dict[str, Any] = {"resident": HANAKO, "purpose": "care-share", "recipient": "choukai-net"}
    return [
        *said,
        Event(**share, granted=True, at=NOW - 60 * DAY, kind="body-weight", seq=20),
        Event(**share, granted=False, at=NOW - 30 * DAY, seq=21),
        Event(
            resident=HANAKO, purpose="family-view", recipient="山田 次郎", granted=True, at=NOW - 60 * DAY,
            until=NOW - 50 * DAY, seq=22,
        ),
    ]  # fmt: skip


def measured() -> list[Measured]:
    base: dict[str, Any] = {
        "resident_id": HANAKO,
        "device_id": DEVICE,
        "gateway_id": GATEWAY,
        "measured_at": NOW - 6 * DAY,
    }
    rows = [
        ("body-weight", "63.20", "kg"), ("systolic", "141", "mm[Hg]"), ("diastolic", "88", "mm[Hg]"),
        ("pulse-rate", "70", "/min"),
    ]  # fmt: skip
    found = [
        Measured(reading_id=READING, kind=kind, value=Decimal(value), unit=unit, **base) for kind, value, unit in rows
    ]
    steps = [
        Measured(
            reading_id=f"steps{number}aaaaaaaaaaaaaaaaaaaa", kind="steps-total", value=Decimal(1000 + 4000 * number),
            unit="{steps}", **base | {"measured_at": NOW - 6 * DAY + number * timedelta(hours=6)},
        )
        for number in range(4)
    ]  # fmt: skip
    weights = [
        Measured(
            reading_id=f"weight{ago:02}aaaaaaaaaaaaaaaaaa", kind="body-weight", value=Decimal(f"{63 + ago * 0.05:.2f}"),
            unit="kg", **base | {"measured_at": NOW - ago * DAY},
        )
        for ago in range(1, 28) if ago != 6
    ]  # fmt: skip
    return [*found, *steps, *weights]


def chain() -> list[Link]:
    acts = ("record-view", "fact-add", "advice-approve", "export-fhir", "break-glass", "consent-grant", "family-invite")
    found: list[Link] = []
    for number, action in enumerate(acts):
        act = Act(at=to_micros(NOW - number * DAY), actor=NURSE, os_user="root", action=action, subject=HANAKO)
        prev = found[-1].hash if found else GENESIS
        fields: dict[str, Any] = {
            "at": act.at,
            "actor": act.actor,
            "os_user": act.os_user,
            "action": action,
            "subject": HANAKO,
        }
        found.append(Link(**fields, seq=number + 1, prev=prev, hash=link_hash(prev, act)))
    return found


def device() -> Device:
    return Device(
        id=DEVICE, household_id=HOUSEHOLD, profile="sig-weight", maker="A&D", model="UC-352", serial="123", firmware="1.2",
        battery=80, experimental=False, first_seen=NOW - 90 * DAY, last_seen=NOW, bindings=(Binding(1, HANAKO),),
    )  # fmt: skip


def everything(*, disclosed: bool = False) -> Holdings:
    """All of it, as staff hold it, or as if the policy had shown all of it to the resident."""
    rows = measured()
    told = [one for one in advice() if not disclosed or one.item.state == "delivered"]
    inputs = {READING: [(row.kind, row.measured_at) for row in rows if row.reading_id == READING]}
    inputs[READING].append(("steps-total", NOW - 6 * DAY))
    return Holdings(
        person=person(), zone=ZONE, now=NOW, disclosed=disclosed, changed=NOW - 99 * DAY, measured=tuple(rows),
        arrived={row.reading_id: NOW - 5 * DAY for row in rows if row.reading_id}, facts=tuple(facts()),
        origins={name("f", 1): ("choukai-net", "Observation/1"), name("f", 0): ("ss-mix2", "Report/0")},
        entries=tuple(entries()), advice=tuple(told), inputs=inputs, consents=tuple(consents()),
        devices=((device(), frozenset({"body-weight"})),), gateways={GATEWAY: "0.1.0"}, chain=tuple(chain()),
    )  # fmt: skip


@cache
def held() -> Holdings:
    """All of it, made once."""
    return everything()


def of(type_: str, holdings: Holdings | None = None) -> dict[str, Resource]:
    """The resources of one type by id."""
    return {one.id: one for one in resources_of(type_, holdings or held())}
