"""The order of the queue from a real store: who was reached, what was decided, what came of it, and who agreed."""

from __future__ import annotations

import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from engine import ranking_store
from engine.contract import wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.topics import up
from engine.ranking import Person, Reached, Standing, rank
from engine.ranking_model import FEATURES, Model, Past
from engine.refusal import Refusal
from engine.review import ENGINE, HOLD, LOCAL, Command, Decision, Item, Verb, decide
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import audit, repo_advice, repo_consents, repo_places, repo_residents
from engine.store.database import Connection, check, read, write
from tests import homes
from tests.flow.stores import HANAKO, TARO, home, store
from tests.homes import consent, furnish
from tests.stores import migrated_file

__all__ = ["home", "store"]
pytestmark = [pytest.mark.flow]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
AT = FEATURES.index


def item(number: int, resident: str, at: datetime, **more: Any) -> Item:
    fields: dict[str, Any] = {
        "id": f"a-{number:013d}", "resident_id": resident, "topic": "meals", "rule_id": "a-rule", "rule_version": 1,
        "text_version": 1, "state": "open", "version": 1, "severity": "routine", "text_ja": "野菜を 食べましょう。",
        "text_en": "Please eat vegetables.", "evidence": {"ask": [], "signals": {}}, "snapshot_hash": "0" * 64,
        "created_at": at, "updated_at": at,
    }  # fmt: skip
    return Item(**(fields | more))


def lived(connection: Connection, one: Item, *verbs: Verb, late: timedelta = timedelta(hours=1)) -> Item:
    """`one` in the store with what a nurse and the engine did to it, an hour after it came."""
    repo_advice.add(connection, one, rank(one, one.created_at), actor=ENGINE, os_user="test")
    at = one.created_at + late
    for verb in verbs:
        at += HOLD if verb == "deliver" else timedelta(minutes=1)
        by = ENGINE if verb in {"deliver", "open"} else "suzuki"
        command = Command(
            verb=verb,
            by=by,
            version=one.version,
            rights=LOCAL,
            reason="not now",
            text_ja=one.text_ja,
            text_en=one.text_en,
        )
        found = decide(one, command, at)
        assert isinstance(found, Decision), found
        stored = repo_advice.decide(connection, found, rank(found.item, at), os_user="test")
        assert isinstance(stored, Item)
        one = stored
    return one


def test_the_store_tells_who_was_reached_and_what_was_decided(home: Engine) -> None:
    waiting = [item(8, HANAKO.id, NOW - 2 * DAY), item(9, TARO.id, NOW - 2 * DAY + timedelta(hours=6))]
    with write(home) as connection:
        lived(connection, item(1, HANAKO.id, NOW - 100 * DAY), "approve", "deliver")
        lived(connection, item(2, HANAKO.id, NOW - 90 * DAY), "reject")
        lived(connection, item(3, HANAKO.id, NOW - 80 * DAY), "reject", "undo")
        lived(connection, item(4, HANAKO.id, NOW - 70 * DAY, topic="weight"), "edit", "approve")
        lived(connection, item(5, TARO.id, NOW - 300 * DAY), "approve", "deliver")
        gone = msgspec.structs.replace(TARO, id="r-ccccccccccccc", status="moved")
        repo_residents.add(connection, gone, NOW, actor="test", os_user="test")
        lived(connection, item(6, gone.id, NOW - 10 * DAY), "approve", "deliver")
        for one in waiting:
            lived(connection, one)
    with read(home) as connection:
        known = ranking_store.standing(connection, waiting, NOW)
    contact = NOW - 100 * DAY + timedelta(hours=1, minutes=1) + HOLD
    long_ago = NOW - 300 * DAY + timedelta(hours=1, minutes=1) + HOLD
    hanako, taro = known.people[HANAKO.id], known.people[TARO.id]
    assert (hanako.municipality, hanako.band, hanako.device_poor, hanako.contact) == (
        "062049",
        "75-over",
        True,
        contact,
    )
    assert hanako.past["meals"] == Past(rejected=1, delivered=1, contact=contact)
    assert hanako.past["weight"] == Past(contact=contact)
    assert (taro.municipality, taro.contact, taro.past["meals"].delivered) == ("064611", long_ago, 1)
    assert known.everybody == Reached(2, 1)
    assert known.groups == {"062049": Reached(1, 1), "064611": Reached(1, 0), "75-over": Reached(2, 1)}
    order = sorted(waiting, key=lambda one: (*rank(one, NOW, known).key, one.id))
    assert [one.resident_id for one in order] == [TARO.id, HANAKO.id]
    assert [one.resident_id for one in sorted(waiting, key=lambda one: rank(one, NOW).key)] == [HANAKO.id, TARO.id]
    assert rank(waiting[1], NOW, known).reasons == (
        "severity:routine", "no-contact", "few-reached-here", "device-poor", "waiting:2520min",
    )  # fmt: skip
    with read(home) as connection:
        assert ranking_store.standing(connection, [], NOW) == Standing()


def test_without_consent_to_learning_nothing_is_learnt_from_a_person(home: Engine) -> None:
    with write(home) as connection:
        for number, person in enumerate((HANAKO, TARO), 1):
            lived(connection, item(number, person.id, NOW - 90 * DAY), "edit", "approve", "deliver")
        repo_consents.append(connection, consent(HANAKO.id, "learning"), os_user="test")
        repo_consents.append(connection, consent(TARO.id, "learning"), os_user="test")
        repo_consents.append(connection, consent(TARO.id, "learning", granted=False, at=NOW), os_user="test")
    with read(home) as connection:
        [one] = ranking_store.decided(connection, NOW)
    assert (one.resident, one.accepted, one.delivered, one.improved) == (HANAKO.id, 0.5, True, None)
    found = ranking_store.train(home, NOW)
    assert isinstance(found, Refusal)
    assert found.code == "too-few"


@pytest.fixture
def weighed(tmp_path: Path) -> Engine:
    """A home whose Taro (172 cm) weighed 84 kg for a month, got advice, and weighed 80 kg a month later."""
    engine = migrated_file(tmp_path / "engine.sqlite")
    furnish(engine, ("record", "advice", "nurse-review", "learning"))
    weights = {day: "84.00" if day > 40 else "80.00" for day in range(12, 70) if not 36 < day < 44}
    payload = wire.encode_batch([wire.encode_reading(_weight(NOW - day * DAY, kg)) for day, kg in weights.items()])
    with write(engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(homes.GATEWAY, "reading"), payload)], NOW)
    return engine


def _weight(at: datetime, kg: str) -> Reading:
    return Reading(
        id=reading_id(homes.DEVICE, 2, at.isoformat(), kg.encode()), device=homes.DEVICE, profile="sig-weight",
        provenance="bonded", user_slot=2, measured_at=at, time_quality="device", received_at=at,
        values=(Value("body-weight", kg, "kg"),),
    )  # fmt: skip


def test_what_came_of_advice_is_looked_up_a_month_later_in_the_readings(weighed: Engine) -> None:
    def told(number: int, ago: int, bmi: str, *verbs: Verb) -> None:
        evidence = {"ask": [], "signals": {"bmi": {"value": bmi, "inputs_total": 28}}}
        lived(connection, item(number, homes.TARO, NOW - ago * DAY, topic="weight", evidence=evidence), *verbs)

    with write(weighed) as connection:
        told(1, 42, "28.4", "approve", "deliver")
        told(2, 27, "27.0", "reject")
    with read(weighed) as connection:
        lost, soon = ranking_store.decided(connection, NOW)
    assert (lost.delivered, lost.improved) == (True, True)
    assert (soon.delivered, soon.improved) == (False, None), "28 days have not gone by, and advice was out before"
    assert (lost.row[AT("bmi")], soon.row[AT("delivered")]) == (28.4, 1)
    with read(weighed) as connection:
        early = ranking_store.decided(connection, NOW - 20 * DAY)
    assert [one.improved for one in early] == [None, None]


@pytest.mark.xdist_group("ranking")
def test_a_town_of_decisions_teaches_a_model_that_is_kept_and_named_in_the_audit_trail(
    tmp_path: Path,
) -> None:
    engine = migrated_file(tmp_path / "engine.sqlite")
    people = [f"r-{'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}aaaaaaaaaaa" for n in range(60)]
    with write(engine) as connection:
        repo_places.add_household(
            connection, repo_places.Household(id=homes.HOUSEHOLD, municipality_code="062049"), NOW
        )
        for name in people:
            person = homes.resident(name, "花子", date(1950, 1, 1))
            repo_residents.add(connection, person, NOW, actor="test", os_user="test")
            repo_consents.append(connection, consent(name, "learning"), os_user="test")
        for number in range(240):
            asks = number // 60
            verbs: tuple[Verb, ...] = ("reject",) if asks > 1 else ("approve", "deliver")
            # Two nurses of ten think otherwise.
            verbs = verbs if number % 5 else (("approve", "deliver") if asks > 1 else ("reject",))
            _decided_with_questions(connection, number, people[number % 60], asks, verbs)
    found = ranking_store.train(engine, NOW)
    assert isinstance(found, Model)
    assert (found.decided, found.residents, set(found.heads)) == (240, 60, {"accept"})
    with read(engine) as connection:
        link = audit.entries(connection, limit=10_000)[-1]
    assert (link.action, link.subject, len(link.detail_hash)) == ("rank-train", "rank-model", 64)
    assert not check(engine)
    known = Standing(people={people[0]: Person(municipality="062049", band="75-over", contact=NOW)}, model=found)
    easy, hard = (item(900 + n, people[0], NOW, evidence={"ask": ["q"] * n, "signals": {}}) for n in (0, 3))
    told = {one.id: dict(r.split(":") for r in rank(one, NOW, known).reasons if "accept:" in r) for one in (easy, hard)}
    assert int(told[easy.id]["accept"][:-1]) > 50 > int(told[hard.id]["accept"][:-1])
    _is_kept(tmp_path, found)


def _decided_with_questions(connection: Connection, number: int, who: str, asks: int, verbs: tuple[Verb, ...]) -> None:
    """An item as it was asked: the questions stand in the evidence, their answers in the history."""
    questions = [f"question-{n}" for n in range(asks)]
    one = item(number, who, NOW - timedelta(hours=number + 900), evidence={"ask": questions, "signals": {}})
    repo_advice.add(connection, one, rank(one, one.created_at), actor=ENGINE, os_user="test")
    at = one.created_at
    for verb in verbs:
        at += HOLD
        by = ENGINE if verb == "deliver" else "suzuki"
        command = Command(verb=verb, by=by, version=one.version, rights=LOCAL, reason="no", asked=tuple(questions))
        found = decide(one, command, at)
        assert isinstance(found, Decision)
        assert isinstance(repo_advice.decide(connection, found, rank(found.item, at), os_user="test"), Item)
        one = found.item


def _is_kept(folder: Path, model: Model) -> None:
    assert ranking_store.load(folder) is None
    path = ranking_store.save(folder, model)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ranking_store.load(folder) == model
    newer = msgspec.structs.replace(model, decided=model.decided + 1)
    ranking_store.save(folder, newer)
    assert ranking_store.load(folder) == newer
    path.write_bytes(path.read_bytes()[:-20])
    spoilt = ranking_store.load(folder)
    assert isinstance(spoilt, Refusal)
    assert spoilt.code == "bad-model"
    assert [one.name for one in folder.iterdir() if one.name.startswith(".")] == []
