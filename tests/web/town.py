"""A small town worth looking at: three months of readings, check-ups of three years, advice in every state, its staff."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, insert

from engine.access import Identity, Role
from engine.care_links import Found
from engine.clinical import Fact, Source
from engine.consent import Event
from engine.contract.reading import Value
from engine.decisions import carry_out
from engine.entering import Entry, Moment, enter
from engine.evaluate import evaluate, settle
from engine.people import Resident
from engine.picture import zone_of
from engine.review import HOLD, LOCAL, Command, Item, rank
from engine.rules import AdviceRule, load_catalogue
from engine.standing import Approval, Population, digest_of
from engine.store import (
    filing,
    repo_advice,
    repo_consents,
    repo_contacts,
    repo_facts,
    repo_family,
    repo_notes,
    repo_queue,
    repo_requests,
    repo_residents,
    repo_staff,
    repo_standing,
    repo_teams,
)
from engine.store.database import open_engine, write
from engine.store.instants import to_micros
from engine.store.repo_facts import By
from engine.store.repo_staff import Member
from engine.store.tables_bridge import CARE_LINK
from tests.homes import HANAKO, TARO, consent, resident
from tests.web.brought import bring
from tests.web.desks import EVIDENCE, furnished, item

# Wednesday morning, half past ten in Sakata.
NOW: Final = datetime(2026, 11, 25, 1, 30, tzinfo=UTC)
DAY: Final = timedelta(days=1)
SAKATA: Final = "062049"
NURSE, SECOND, PHYSICIAN = "s-nursenursenur", "s-secondsecondd", "s-physicianphys"
HELPDESK, AUDITOR, ADMIN, WATCHER = "s-helpdeskhelpd", "s-auditorauditt", "s-adminadminadm", "s-watcherwatche"
STAFF: Final[Mapping[str, tuple[str, Role]]] = {
    NURSE: ("鈴木 春子", "nurse"), SECOND: ("田中 夏美", "nurse"), PHYSICIAN: ("小野寺 誠", "physician"),
    HELPDESK: ("今野 渉", "helpdesk"), AUDITOR: ("菅原 律", "auditor"), ADMIN: ("渡部 学", "admin"),
    WATCHER: ("本間 民子", "watcher"),
}  # fmt: skip
# Who did not agree that nurses look.
CLOSED: Final = "r-closedclosedc"


class Measures(NamedTuple):
    """What somebody measures: the weight now and a month ago (kg), the pressures (mmHg), steps a day."""

    kg: float
    before: float
    upper: int
    lower: int
    steps: int


# id, family, given, kana, birth, sex, height and what they measure
PEOPLE: Final = (
    ("r-satosatosatos", "佐藤", "ミヨ", "サトウ", "ミヨ", date(1944, 2, 11), "female", "148.0", Measures(58.4, 56.1, 164, 92, 1850)),
    ("r-saitosaitosai", "斎藤", "勇", "サイトウ", "イサム", date(1958, 9, 3), "male", "168.0", Measures(81.6, 81.0, 138, 84, 4100)),
    ("r-takahashitaka", "髙橋", "和子", "タカハシ", "カズコ", date(1949, 12, 24), "female", "151.0", Measures(44.2, 47.9, 122, 70, 2900)),
    ("r-igarashiigara", "五十嵐", "健一", "イガラシ", "ケンイチ", date(1981, 6, 30), "male", "174.5", Measures(88.3, 86.9, 144, 91, 5200)),
    ("r-abeabeabeabea", "阿部", "トシ", "アベ", "トシ", date(1938, 1, 5), "female", "143.0", Measures(50.1, 50.3, 146, 78, 1200)),
    ("r-hommahommahom", "本間", "美咲", "ホンマ", "ミサキ", date(1990, 4, 17), "female", "159.0", Measures(66.9, 67.4, 118, 74, 6900)),
)  # fmt: skip
SIMPLE: Final[dict[str, Any]] = EVIDENCE | {
    "rule": EVIDENCE["rule"] | {"id": "heat-cool", "review": "batchable"}, "ask": [], "first": False, "signals": {},
    "reasons": [], "note": {"ja": "路面の凍結が予報されている日です。", "en": "Ice is forecast for the roads."},
}  # fmt: skip
BATCH: Final = tuple(f"a-{letter * 13}" for letter in "bcdef")
RED: Final = "a-redredredredr"
BY: Final = By(NURSE, "town")


def identity(name: str) -> Identity:
    """One of the staff as signed in."""
    called, role = STAFF[name]
    return Identity(id=name, name=called, roles=frozenset({role}), municipalities=frozenset({SAKATA}))


def built(folder: Path) -> Engine:
    """A store of its own with the whole town."""
    path = folder / "engine.sqlite"
    path.write_bytes(_template())
    return open_engine(f"sqlite:///{path}")


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        engine = furnished(Path(place))
        build(engine)
        engine.dispose()
        return (Path(place) / "engine.sqlite").read_bytes()


def build(engine: Engine) -> None:
    """The town in a furnished store, every random choice from a seed."""
    rng = Random("town")
    with write(engine) as connection:
        people = list(_people(connection))
        _staff(connection)
        for person, measures in people:
            _measured(connection, person, measures, rng)
        _known(connection, rng)
        _past(connection)
    with write(engine) as connection:
        for person, _ in people:
            if person.id != CLOSED:
                evaluate(connection, person.id, NOW - DAY / 12, rng=rng)
        _waiting(connection)
        _around(connection, rng)


def _people(connection: Connection) -> Iterator[tuple[Resident, Measures]]:
    """The residents with what they measure."""
    for id_, family, given, family_kana, given_kana, born, sex, height, measures in PEOPLE:
        person = msgspec.structs.replace(
            resident(id_, given, born, height), household_id=None, family_name=family, family_kana=family_kana,
            given_kana=given_kana, sex=sex, phone="0234-26-0000",
        )  # fmt: skip
        repo_residents.add(connection, person, NOW - 200 * DAY, actor=NURSE, os_user="town")
        for purpose in ("record", "advice", "nurse-review"):
            repo_consents.append(connection, consent(id_, purpose), os_user="test")
        yield person, measures
    closed = msgspec.structs.replace(
        resident(CLOSED, "進", date(1955, 7, 7)), household_id=None, family_name="池田", family_kana="イケダ",
        given_kana="ススム",
    )  # fmt: skip
    repo_residents.add(connection, closed, NOW - 200 * DAY, actor=NURSE, os_user="town")
    for purpose in ("record", "advice"):
        repo_consents.append(connection, consent(CLOSED, purpose), os_user="test")
    hanako = repo_residents.get(connection, HANAKO)
    assert isinstance(hanako, Resident)
    told = msgspec.structs.replace(
        hanako, version=hanako.version + 1, address="酒田市 本町 2-2-45", phone="0234-26-5734",
        emergency_contact="長男 次郎 090-0000-0000",
    )  # fmt: skip
    assert isinstance(repo_residents.edit(connection, told, NOW - 190 * DAY, actor=NURSE, os_user="town"), Resident)
    yield closed, Measures(70.0, 70.0, 150, 90, 3000)
    for name, measures in ((HANAKO, Measures(59.2, 61.4, 151, 86, 3120)), (TARO, Measures(84.1, 86.8, 132, 84, 6400))):
        known = repo_residents.get(connection, name)
        assert known is not None
        yield known, measures


def _staff(connection: Connection) -> None:
    for name, (called, role) in STAFF.items():
        member = Member(
            id=name, login=f"{name[2:8]}", name=called, roles=frozenset({role}), municipalities=frozenset({SAKATA}),
            created_at=NOW - 200 * DAY,
        )  # fmt: skip
        assert isinstance(repo_staff.add(connection, member, filing.By(ADMIN, "test")), Member)


def _measured(connection: Connection, person: Resident, measures: Measures, rng: Random) -> None:
    """What a person measured: weight every third day of three months, pressure and steps of the last weeks."""
    weight, then, upper, lower, steps = measures
    zone = zone_of(connection, person)

    def put(at: datetime, *values: tuple[str, str, str]) -> None:
        said = Entry(
            person=person, values=tuple(Value(*one) for one in values), moment=Moment(at, told=True), zone=zone,
            actor=person.id, os_user="town",
        )  # fmt: skip
        enter(connection, said, NOW)

    spans = (*range(88, 30, -6), *range(30, 0, -2))
    for ago in spans:
        kg = weight + (then - weight) * min(ago / 30, 1.6) + rng.uniform(-0.3, 0.3)
        put(NOW - ago * DAY - timedelta(hours=4), ("body-weight", f"{kg:.1f}", "kg"))
    for ago in range(12, 0, -1):
        at = NOW - ago * DAY - timedelta(hours=3, minutes=10)
        high, low = upper + rng.randint(-4, 4), lower + rng.randint(-3, 3)
        put(at, ("systolic", str(high), "mm[Hg]"), ("diastolic", str(low), "mm[Hg]"))
    for ago in range(14, 0, -1):
        day = (NOW - ago * DAY).replace(hour=12, minute=0)
        put(day, ("steps-day", str(max(200, steps + rng.randint(-700, 700))), "{steps}/d"))


def _known(connection: Connection, rng: Random) -> None:
    """Check-ups of three years, answers of Hanako, and what other houses told of her."""
    years = ((40, "148", "84", "6.1", "131", "61.0"), (405, "141", "82", "5.9", "138", "62.2"), (771, "139", "80", "5.8", "127", "62.9"))  # fmt: skip
    codes = (("bp.office.systolic", "mm[Hg]"), ("bp.office.diastolic", "mm[Hg]"), ("lab.hba1c", "%"),
             ("lab.ldl", "mg/dL"), ("checkup.weight", "kg"))  # fmt: skip
    for ago, *values in years:
        made = [_fact(code, value, ago, "checkup", unit) for (code, unit), value in zip(codes, values, strict=True)]
        repo_facts.append(connection, made, BY, NOW - ago * DAY, rng)
    said = [
        _fact("med.antihypertensive", "1", 90, "nurse", None),
        _fact("has.heart-failure", "0", 90, "nurse", None),
        _fact("allergy.to-food", "1", 90, "nurse", None),
    ]
    repo_facts.append(connection, said, BY, NOW - 90 * DAY, rng)
    bring(connection, NOW, hidden=["本態性高血圧症"])


def _fact(code: str, value: str, ago: int, source: Source, unit: str | None) -> Fact:
    at = NOW - ago * DAY
    return Fact(resident=HANAKO, code=code, value=value, unit=unit, at=at, source=source, actor=NURSE,
                channel="import" if source == "checkup" else "page", recorded_at=at)  # fmt: skip


def _decide(connection: Connection, one: Item, verb: Any, at: datetime, by: str = NURSE, **more: Any) -> Item:
    command = Command(verb=verb, by=by, version=one.version, rights=LOCAL, asked=one.ask, **more)
    done = carry_out(connection, one, command, at, os_user="town")
    assert isinstance(done, Item), done
    return done


def _past(connection: Connection) -> None:
    """Advice of two weeks ago: approved by a nurse, delivered, some of it answered."""
    then = NOW - 14 * DAY
    for name in (HANAKO, TARO, PEOPLE[0][0]):
        evaluate(connection, name, then, rng=Random(name))
    for one in repo_advice.listed(connection, states=("open",), limit=50):
        _decide(connection, one, "approve", then + timedelta(hours=1))
    settle(connection, then + timedelta(hours=1) + HOLD)


def _waiting(connection: Connection) -> None:
    """Today's queue: what the rules drafted, and one of everything else that can stand in it."""
    high = next(
        one for one in repo_advice.listed(connection, resident=PEOPLE[0][0], states=("open",), limit=50)
        if one.rule_id == "home-bp-high"
    )  # fmt: skip
    red = item(
        "x", "urgent", id=RED, resident_id=high.resident_id, rule_id=high.rule_id, topic="symptoms",
        created_at=NOW - DAY / 24, updated_at=NOW - DAY / 24, evidence=high.evidence,
        text_ja="けさの 血圧が いつもより ずっと 高いです。\n今日、医師か 保健師に 電話してください。",
        text_en="This morning your blood pressure is far higher than usual.\nCall a doctor or nurse today.",
    )  # fmt: skip
    simple: dict[str, Any] = {
        "rule_id": "heat-cool", "topic": "activity", "evidence": SIMPLE, "created_at": NOW - DAY, "updated_at": NOW - DAY,
        "text_ja": "今日は 道が すべりやすいです。\n家の中で 体を 動かしましょう。",
        "text_en": "The roads are slippery today.\nLet us move indoors.",
    }  # fmt: skip
    told = [
        item(f"old{n}x", resident_id=row[0], state="delivered", **(simple | {"created_at": NOW - 9 * DAY}))
        for n, row in enumerate(PEOPLE[:5])
    ]
    batch = [item("x", id=name, resident_id=row[0], **simple) for name, row in zip(BATCH, PEOPLE[:5], strict=True)]
    for one in (red, *told, *batch):
        repo_advice.add(connection, one, rank(one, NOW), actor="engine", os_user="town")
    drafted = [one for one in repo_advice.listed(connection, states=("open",), limit=100) if one.rule_id != "heat-cool"]
    mild = [one for one in drafted if one.id != RED and one.severity in {"routine", "soon"}]
    _decide(connection, mild[0], "approve", NOW - timedelta(minutes=4))
    _decide(connection, mild[1], "snooze", NOW - DAY / 12, until=NOW + 2 * DAY)
    _decide(
        connection,
        mild[2],
        "escalate",
        NOW - DAY / 12,
        by=SECOND,
        reason="薬を飲んでいる人です。医師の意見を聞きたいです。",
    )
    _decide(connection, mild[3], "claim", NOW - timedelta(minutes=2), by=SECOND)
    repo_queue.assign(connection, mild[4].id, NURSE)


def _around(connection: Connection, rng: Random) -> None:
    """What people said and wrote beside: notes, contacts, requests, consents, an approval, a broken glass."""
    hanako = repo_residents.get(connection, HANAKO)
    miyo = repo_residents.get(connection, PEOPLE[0][0])
    assert hanako is not None
    assert miyo is not None
    shared: dict[str, Any] = {"rng": rng, "os_user": "town"}
    repo_notes.add(
        connection, resident=HANAKO, author=SECOND, now=NOW - 3 * DAY, **shared,
        text="娘さんと同居。朝の測定は娘さんが手伝っている。",
    )  # fmt: skip
    repo_contacts.add(
        connection, resident=HANAKO, by=NURSE, how="phone", outcome="reached", now=NOW - 9 * DAY, **shared,
        text="食事の塩分の話をした。",
    )  # fmt: skip
    repo_requests.add(connection, hanako, "call", "血圧の薬のことで聞きたいことがあります。", None, NOW - DAY, rng)
    repo_requests.add(connection, miyo, "device", "体重計の電池がすぐなくなります。", None, NOW - 2 * DAY, rng)
    member = repo_family.add(connection, "山田 次郎", "child", "ja", NOW - 30 * DAY, rng)
    shared_at: dict[str, Any] = {"resident": HANAKO, "granted": True, "at": NOW - 30 * DAY}
    repo_consents.append(connection, Event(purpose="family-view", recipient=member.id, **shared_at), os_user="town")
    repo_consents.append(connection, Event(purpose="watch-over", recipient=WATCHER, **shared_at), os_user="town")
    rule = next(one for one in load_catalogue() if one.id == "steps-below-target")
    assert isinstance(rule, AdviceRule)
    approval = Approval(
        id="p-standingstand", municipality_code=SAKATA, rule_id=rule.id, rule_version=rule.version,
        text_version=rule.text_version, digest=digest_of(rule), population=Population(), signed_by=NURSE, signed_at=NOW - 10 * DAY, until=NOW + 50 * DAY,
        daily_cap=20, sample_percent=10, state="live",
    )  # fmt: skip
    repo_standing.add(connection, approval, os_user="town")
    _linked(connection)
    team = repo_teams.add(connection, SAKATA, "平田地区", BY, NOW - 40 * DAY, rng)
    assert isinstance(team, repo_teams.Team)
    repo_teams.assign(connection, [HANAKO, TARO, miyo.id], team.id, NURSE, BY, NOW - 40 * DAY)


def _linked(connection: Connection) -> None:
    """Two of them may be patients of the medical network; a person has to look at both."""
    hers = Found(remote_id="p-1001", kana=("ヤマダ ハナエ",), names=("山田 花江",), birth="1951-05-05", sex="female")
    other = Found(remote_id="p-2002", kana=("ヤマダ タロウ",), birth="1976-05", sex="male", active=False)
    for resident_id, reason, found in ((HANAKO, "differs", [hers]), (TARO, "several", [hers, other])):
        row = {
            "resident_id": resident_id, "network": "choukai-net", "system": "urn:minato-phr:choukai-net",
            "value": "1001", "state": "held", "reason": reason, "by": NURSE, "at": to_micros(NOW - DAY), "version": 2,
            "found": msgspec.json.encode({"found": found, "note": ""}).decode(),
        }  # fmt: skip
        connection.execute(insert(CARE_LINK), row)


def family(engine: Engine) -> str:
    """The id of Hanako's son, who may look."""
    with write(engine) as connection:
        return repo_family.named_by(connection, HANAKO)[0].id
