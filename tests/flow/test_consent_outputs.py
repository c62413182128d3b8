"""A town of random consents in a real store, asked for everything the house ever lets out: each traces to a yes.

What may come out is said by `tests.consent_oracle`, which reads the same words in its own way. The pure gates hold
against ten thousand histories in tests/property/test_consent_histories.py; here they are asked through the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from engine import decisions
from engine.access import Identity
from engine.consent import PURPOSES, Event
from engine.contract import topics, wire
from engine.contract.kinds import KINDS
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding, DeviceNote, Show
from engine.decisions import open_to_nurses
from engine.evaluate import attempt, settle
from engine.grants import Grant
from engine.interests import OWN, codes
from engine.notify.sending import reach_of
from engine.queue_search import Search
from engine.referrals_store import questions
from engine.refusal import Refusal
from engine.review import HOLD, LOCAL, Command, Decision, decide, rank
from engine.sealing import Seal
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.showing import messages_of
from engine.store import (
    repo_advice,
    repo_consents,
    repo_devices,
    repo_family,
    repo_grants,
    repo_interests,
    repo_notices,
    repo_places,
    repo_queue,
    repo_referrals,
    repo_residents,
    repo_silences,
    repo_watch,
)
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.tables import ADVICE, READING
from engine.store.tables_bridge import PUSH
from engine.store.tables_desk import FAMILY_MEMBER
from engine.web.me.family_scope import GROUPS, grants
from fhir_bridge.aggregate_join import token
from fhir_bridge.api_gate import let_in
from fhir_bridge.api_words import RefusedError
from fhir_bridge.gate import CLINICAL, doors
from fhir_bridge.plan_debts import Scope, pay
from fhir_bridge.privacy_units import Partition, Period, Unit
from fhir_bridge.push_claim import claim
from fhir_bridge.releasing_rows import Asked, rows_of
from tests.bridge.push_world import NETWORK, PACE, link
from tests.consent_oracle import Talk, allowed
from tests.homes import consent, resident
from tests.stores import migrated_file
from tests.web.desks import item

pytestmark = pytest.mark.flow
PEOPLE: Final = 9
SEED: Final = 1
START: Final = datetime(2026, 9, 1, tzinfo=UTC)
# The cut-off of the period, the midnight at the end of September in Japan, lies among the words.
PERIOD, JAPAN = Period(2026, 1), ZoneInfo("Asia/Tokyo")
MOMENTS: Final = tuple(datetime(2026, *day, 6, tzinfo=UTC) for day in ((9, 18), (9, 29), (10, 9)))
WATCHER: Final = "s-watchexxxxxxx"
SEAL: Final = Seal(b"c" * 32)
WHO: Final = By("nurse", "test")
PARTITION: Final = Partition((Unit(code="06", municipalities=("062049",), population=97_000),))


class Town:
    """The residents, what they said, and how often each way out let something through."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine, self.seed = engine, seed
        self.names = [name("r", number) for number in range(PEOPLE)]
        self.tokens: dict[str, str] = {}
        self.out: Counter[str] = Counter()
        self.said: dict[str, list[Event]] = {}

    def lets(self, who: str, purpose: str, recipient: str | None, kind: str | None, when: datetime) -> bool:
        return allowed(self.said[who], purpose, recipient, kind, when)

    def came(self, way: str, who: str, when: datetime, *asked: tuple[str, str | None, str | None]) -> None:
        """Something of `who` came out of `way`: every one of the questions must have been a yes."""
        self.out[way] += 1
        for purpose, recipient, kind in asked:
            assert self.lets(who, purpose, recipient, kind, when), (self.seed, way, who, purpose, recipient, kind, when)


def name(role: str, number: int) -> str:
    return f"{role}-{chr(97 + number) * 13}"


def reading(number: int, at: datetime, *values: Value) -> Reading:
    device = name("d", number)
    return Reading(
        id=reading_id(device, 1, at.isoformat(), repr(values).encode()), device=device, profile="sig-weight",
        provenance="bonded", user_slot=1, measured_at=at, time_quality="device", received_at=at, values=values,
    )  # fmt: skip


def hear(connection: Connection, number: int, now: datetime, *readings: Reading) -> None:
    payload = wire.encode_batch([wire.encode_reading(one) for one in readings])
    said = [Delivery(1, number, 1, topics.up(name("g", number), "reading"), payload)]
    handle(connection, Facts(), said, now)


def settled_in(connection: Connection, number: int) -> str:
    """One person with a home, a scale, a family, a program, a patient number and a week of pressures."""
    person, home, member = name("r", number), name("h", number), name("m", number)
    repo_places.add_household(connection, repo_places.Household(id=home, municipality_code="062049"), START)
    repo_places.enrol_gateway(connection, repo_places.Gateway(id=name("g", number), household_id=home), START)
    made = msgspec.structs.replace(resident(person, "花子", date(1950, 1, 1 + number)), household_id=home)
    repo_residents.add(connection, made, START, actor="test", os_user="test")
    for purpose in ("record", "advice"):
        repo_consents.append(connection, consent(person, purpose, at=START - timedelta(days=1)), os_user="test")
    note = DeviceNote(device=name("d", number), profile="sig-weight", bindings=(Binding(1, person),))
    repo_devices.note(connection, home, note, START)
    high = [Value("systolic", "146", "mm[Hg]"), Value("diastolic", "88", "mm[Hg]")]
    days = [START + timedelta(days=day, hours=number) for day in range(7)]
    weight = Value("body-weight", "62.30", "kg")
    for at in days:
        hear(connection, number, at, reading(number, at, *high), reading(number, at + timedelta(minutes=1), weight))
    row = {
        "id": member,
        "name": "一郎",
        "relation": "child",
        "language": "ja",
        "created_at": to_micros(START),
        "ended_at": None,
    }
    connection.execute(insert(FAMILY_MEMBER), {key: row[key] for key in row if key in FAMILY_MEMBER.c})
    link(connection, person, f"p{number}", START)
    return member


def furnished(engine: Engine, seed: int) -> Town:
    """Everybody settled, then everybody's random words, in no order of time."""
    town = Town(engine, seed)
    with write(engine) as connection:
        repo_places.seed_municipalities(connection)
        for number, who in enumerate(town.names):
            member = settled_in(connection, number)
            made = Grant(
                id="", resident=who, name="app", scopes=("patient/*.rs",), issued_by=who, issued_at=START,
                until=START + timedelta(days=300),
            )  # fmt: skip
            issued: Any = repo_grants.issue(connection, made, WHO, Random(f"{seed}{who}"))
            town.tokens[who] = issued.token
            talk = Talk(seed * PEOPLE + number, START + timedelta(days=10), timedelta(days=30))
            mixed = [one for one in PURPOSES if one != "nurse-review"]
            words = talk.history(who, mixed, (NETWORK, member, WATCHER, OWN), ("body-weight", "systolic"), 20)
            # Said about everybody and everything at once, or what asks for all would hardly ever get a yes.
            words += talk.history(who, ("nurse-review", "open-statistics", "mirror-display", "care-share"), (), (), 8)
            words += talk.history(who, ("nurse-review",), ("t-teamteamteam2",) if number % 3 == 0 else (), (), 2)
            # Interests are kept under every history, also where no word ever linked them: the job has to ask.
            repo_interests.keep(connection, repo_interests.pseudonym(SEAL, who), codes()[:2])
            for one in words:
                repo_consents.append(connection, one, os_user="test", seal=Seal(b"x" * 32))
        town.said = repo_consents.events_of(connection, town.names)
    return town


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = migrated_file(tmp_path / "engine.sqlite")
    yield made
    made.dispose()


def nurses_and_people(town: Town, connection: Connection, when: datetime) -> None:
    """Who is looked at by nurses, family and the people who watch over."""
    for who in open_to_nurses(connection, town.names, when):
        town.came("nurse", who, when, ("nurse-review", None, None))
    for who in repo_watch.watched(connection, WATCHER, when):
        town.came("watch", who, when, ("watch-over", WATCHER, None))
    for number, who in enumerate(town.names):
        member = name("m", number)
        for kind in (None, "body-weight", "systolic"):
            if repo_family.may_look(connection, member, who, kind, when):
                town.came("family", who, when, ("family-view", member, kind))
        for group in grants(repo_family.said_of(connection, who, when), member, when).groups:
            town.came("family-group", who, when, *(("family-view", member, kind) for kind in GROUPS[group]))


def machines(town: Town, connection: Connection, when: datetime) -> None:
    """What mirrors, programs and the network's pull may have."""
    for who in town.names:
        for _, payload in messages_of(connection, who, when):
            shown = msgspec.json.decode(payload, type=Show)
            for value in shown.values:
                town.came("mirror", who, when, ("mirror-display", None, value.kind))
        try:
            let_in(connection, town.tokens[who], when)
            assert any(town.lets(who, "record", None, kind, when) for kind in KINDS), who
            town.out["program"] += 1
        except RefusedError:
            assert not any(town.lets(who, "record", None, kind, when) for kind in KINDS), who
    for who, door in doors(connection, town.names, NETWORK).items():
        if door.refuses_record(when) is None:
            town.came("pull", who, when, ("care-share", NETWORK, CLINICAL), ("record", None, CLINICAL))


def leaves(town: Town, when: datetime) -> None:
    """What the bridge would send at this moment; what is claimed leaves."""
    ways: Any = {"Observation": "put", "Device": "put"}
    with write(town.engine) as connection:
        pay(connection, Scope(network=NETWORK), when)
    # Devices go alone, before what they measured.
    for _ in range(2):
        claimed(town, when, ways)


def claimed(town: Town, when: datetime, ways: Any) -> None:
    with write(town.engine) as connection:
        for parcel in claim(connection, Scope(network=NETWORK), ways, PACE, when):
            if parcel.row.type == "Observation":
                kind = parcel.row.kind
                asked = [("care-share", NETWORK, kind), ("record", None, kind)]
                town.came("push", parcel.row.resident_id, when, *asked)
            else:
                connection.execute(_confirmed(parcel.row.seq, parcel.digest))


def _confirmed(seq: int, digest: str | None) -> Any:
    return update(PUSH).where(PUSH.c.seq == seq).values(state="confirmed", digest=digest)


def advises(town: Town, when: datetime) -> None:
    """What is drafted now, and what reaches people after a nurse signed all that was open to her."""
    with write(town.engine) as connection:
        for who in town.names:
            attempt(connection, who, when)
        for row in connection.execute(select(ADVICE).where(ADVICE.c.created_at == to_micros(when))).mappings():
            town.came("draft", row["resident_id"], when, ("advice", None, row["topic"]))
        nurse = Identity(
            id="s-nursenursenur", name="鈴木", roles=frozenset({"nurse"}), municipalities=frozenset({"062049"})
        )
        for line in repo_queue.leaf(connection, nurse, Search(), when, size=200).lines:
            town.came("queue", line.resident_id, when, ("nurse-review", None, None))
        for _, item in decisions.queue(connection, when):
            town.came("terminal", item.resident_id, when, ("nurse-review", None, None))
        for item in repo_advice.listed(connection, resident=None, states=["open"], limit=500):
            command = Command(verb="approve", by=nurse.id, version=item.version, rights=LOCAL, asked=item.ask)
            signed = decide(item, command, when)
            if isinstance(signed, Decision):
                repo_advice.decide(connection, signed, rank(signed.item, when), os_user="test")
    later = when + HOLD + timedelta(minutes=1)
    with write(town.engine) as connection:
        for advice in settle(connection, later):
            told = repo_advice.get(connection, advice)
            assert told is not None
            if told.state == "delivered":
                town.came("delivered", told.resident_id, later, ("advice", None, told.topic))
                repo_notices.owe(connection, told.resident_id, "advice", told.id, later)


def notices(town: Town, connection: Connection, when: datetime) -> None:
    """Notices of advice that were owed before: asked again for every try."""
    for notice in repo_notices.due(connection, when, limit=500):
        item = repo_advice.get(connection, notice.about)
        if item is not None and reach_of(connection, SEAL, notice, when).needless is None:
            town.came("notice", item.resident_id, when, ("advice", None, item.topic))


def keeps(town: Town, when: datetime) -> None:
    """A weighing of everybody at this moment: whose values are kept."""
    for number, who in enumerate(town.names):
        one = reading(number, when, Value("body-weight", "61.90", "kg"))
        with write(town.engine) as connection:
            hear(connection, number, when, one)
            row = connection.execute(select(READING.c.outcome).where(READING.c.id == one.id)).first()
        kept = row is not None and row.outcome == "accepted"
        assert kept is town.lets(who, "record", None, "body-weight", when), (town.seed, who)
        town.out["kept"] += kept


def counted(town: Town, connection: Connection) -> None:
    """Whom a release counts, and whose interests it joins, by words until the cut-off alone."""
    cutoff = PERIOD.cutoff(JAPAN)
    asked = Asked(unit="06", partition=PARTITION, period=PERIOD, zone=JAPAN, seal=SEAL)
    rows = rows_of(connection, asked, b"t" * 32)
    assert not isinstance(rows, Refusal), rows
    people = {token(b"t" * 32, who, asked.release): who for who in town.names}
    for row in rows:
        who = people[row.body.token]
        town.came("counted", who, cutoff, ("open-statistics", None, None))
        if row.interests:
            town.came("joined", who, cutoff, ("interest-link", OWN, None))
    everybody = {who for who in town.names if town.lets(who, "open-statistics", None, None, cutoff)}
    assert {people[row.body.token] for row in rows} == everybody


def refers(town: Town, when: datetime) -> None:
    """Everybody was sent to a doctor while they still wanted advice, whatever they said afterwards."""
    with write(town.engine) as connection:
        for number, who in enumerate(town.names):
            fields = {"resident_id": who, "topic": "blood-pressure", "state": "delivered", "updated_at": when}
            one = item("refer", "prompt", id=name("a", number), **fields)
            repo_advice.add(connection, one, rank(one, when), actor="test", os_user="test")
            assert repo_referrals.follow(connection, [one]) == [one.id]


def followed_up(town: Town, connection: Connection, when: datetime) -> None:
    """Whom nurses ask after, whom a machine reminds, and whom their page asks about a visit to the doctor."""
    for one in repo_silences.listed(connection, None, when):
        who = one.silence.resident
        town.came("silent", who, when, ("nurse-review", None, None))
        assert any(town.lets(who, "record", None, kind, when) for kind in KINDS), who
    for who in repo_silences.unreminded(connection, when):
        town.out["reminded"] += 1
        assert any(town.lets(who, "advice", None, kind, when) for kind in ("blood-pressure", *KINDS)), who
        assert any(town.lets(who, "record", None, kind, when) for kind in KINDS), who
    for who in town.names:
        person = repo_residents.get(connection, who)
        assert person is not None
        for asked in questions(connection, person, when):
            town.came("asked", who, when, ("advice", None, asked.topic))


def lived(engine: Engine, seed: int) -> Town:
    """A town at three moments, with everything that left it held against what was said."""
    town = furnished(engine, seed)
    for when in MOMENTS:
        with read(engine) as connection:
            nurses_and_people(town, connection, when)
            machines(town, connection, when)
            notices(town, connection, when)
        keeps(town, when)
        leaves(town, when)
        advises(town, when)
    refers(town, MOMENTS[0])
    with read(engine) as connection:
        counted(town, connection)
        followed_up(town, connection, MOMENTS[-1] + timedelta(days=45))
    return town


def test_everything_that_leaves_a_town_of_random_consents_was_allowed_when_it_left(engine: Engine) -> None:
    town = lived(engine, SEED)
    ways = (
        "nurse", "watch", "family", "family-group", "mirror", "program", "pull", "push", "draft", "queue", "delivered",
        "kept", "counted", "joined", "notice", "terminal", "silent", "reminded", "asked",
    )  # fmt: skip
    # A way out that let nobody through would prove nothing.
    assert {way: town.out[way] for way in ways if not town.out[way]} == {}
