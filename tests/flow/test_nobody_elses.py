"""What would put a value under the wrong person, or keep one nobody agreed to: each once went wrong here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Engine, event, select

from engine.contract import topics, wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding, DeviceNote
from engine.decisions import carry_out
from engine.evaluate import evaluate, settle
from engine.intake import Accepted, Duplicate, OfRoom, Outcome, Refused, Unassigned
from engine.review import HOLD, LOCAL, Command, Item
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import filing, inbox, repo_advice, repo_consents, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.tables import MEASUREMENT, READING, REFUSAL
from tests.flow.stores import store
from tests.homes import DEVICE, GATEWAY, HANAKO, NOW, OTHER_GATEWAY, TARO, consent, furnish, weighing

__all__ = ["store"]
pytestmark = pytest.mark.flow
SHARED = "d-sharedshared2"
WHO = By("nurse", "test")
FAT = Value("body-fat", "24.1", "%")


@dataclass
class Home:
    """A furnished home and what its gateways say."""

    engine: Engine

    def says(self, *words: Reading | DeviceNote | bytes, gateway: str = GATEWAY) -> list[Outcome | wire.Malformed]:
        """What becomes of the readings among `words`, all said in one batch."""
        heard = []
        for number, word in enumerate(words):
            leaf: topics.Up = "device" if isinstance(word, DeviceNote) else "reading"
            payload = word if isinstance(word, bytes) else b""
            if isinstance(word, Reading):
                payload = wire.encode_reading(word)
            elif isinstance(word, DeviceNote):
                payload = wire.encode(word)
            heard.append(Delivery(1, number, 1, topics.up(gateway, leaf), payload))
        with write(self.engine) as connection:
            return [item.outcome for item in handle(connection, Facts(), heard, NOW).heard]

    def withholds(self, resident: str, *kinds: str) -> None:
        with write(self.engine) as connection:
            for kind in kinds:
                said = msgspec.structs.replace(consent(resident, "record", granted=False), kind=kind)
                repo_consents.append(connection, said, os_user="test")

    def rows(self, table: Any) -> list[Any]:
        with read(self.engine) as connection:
            return list(connection.execute(select(table)))

    def owner(self, reading: Reading) -> str | None:
        with read(self.engine) as connection:
            found: str | None = connection.execute(
                select(READING.c.resident_id).where(READING.c.id == reading.id)
            ).scalar_one()
            return found


@pytest.fixture
def home(store: Engine) -> Home:
    furnish(store)
    found = Home(store)
    found.says(DeviceNote(device=SHARED, profile="xiaomi-scale-v2"))
    return found


def known(home: Home) -> None:
    """Twenty mornings of both, told apart by their slots."""
    for slot, kg in ((1, 52.0), (2, 66.0)):
        days = [weighing(n * 1440 - 20 * 1440 + slot, f"{kg + 0.1 * (n % 3):.2f}", slot) for n in range(20)]
        home.says(*[msgspec.structs.replace(it, id=reading_id(DEVICE, slot, it.id, b"")) for it in days])


def anonymous(number: int, kg: str, *more: Value) -> Reading:
    values = (Value("body-weight", kg, "kg"), *more)
    made = weighing(number, kg, None, device=SHARED, values=values)
    return msgspec.structs.replace(made, id=reading_id(SHARED, None, str(number), str(values).encode()))


def test_what_is_sent_again_is_no_conflict_that_keeps_what_its_owner_withholds(home: Home) -> None:
    known(home)
    home.withholds(HANAKO, "body-fat")
    mine = anonymous(30, "52.10", FAT)
    (first,) = home.says(mine)
    assert isinstance(first, Accepted)
    assert (first.resident, [value.kind for value in first.values]) == (HANAKO, ["body-weight"])
    assert isinstance(home.says(mine)[0], Duplicate)
    assert isinstance(home.says(mine, mine, gateway=OTHER_GATEWAY)[1], Duplicate)
    assert home.rows(REFUSAL) == []


def test_a_kind_nobody_lets_us_record_is_not_kept_of_nobody_s_reading_either(home: Home) -> None:
    home.withholds(HANAKO, "body-fat")
    assert len(_values(home.says(anonymous(1, "60.00", FAT))[0])) == 2, "Taro lets us record it"
    home.withholds(TARO, "body-fat", "room-temperature")
    home.withholds(HANAKO, "room-temperature")
    (kept,) = home.says(anonymous(2, "60.00", FAT))
    assert isinstance(kept, Unassigned)
    assert _values(kept) == ["body-weight"]
    alone, room = (
        weighing(n, "1", 9, values=(value,)) for n, value in ((3, FAT), (4, Value("room-temperature", "21.5", "Cel")))
    )
    (refused, climate) = home.says(alone, room)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.keep) == ("no-consent", False)
    assert isinstance(climate, OfRoom), "a room's climate is nobody's to withhold"


def _values(outcome: Outcome | wire.Malformed) -> list[str]:
    assert isinstance(outcome, Accepted | Unassigned)
    return [value.kind for value in outcome.values]


def test_of_what_cannot_be_read_nothing_is_kept_where_nobody_lets_us_record(home: Home) -> None:
    broken = wire.encode_reading(weighing(1)).replace(b'"kg"', b"7")
    home.says(broken)
    (kept,) = home.rows(REFUSAL)
    assert "62.30" in kept.content
    with write(home.engine) as connection:
        for who in (HANAKO, TARO):
            repo_consents.append(connection, consent(who, "record", granted=False), os_user="test")
    home.says(broken.replace(b"62.30", b"63.40"))
    assert not any("63.40" in row.content for row in home.rows(REFUSAL))
    assert len(home.rows(REFUSAL)) == 2, "it is counted and answered all the same"


def test_a_slot_that_changed_hands_gives_its_new_owner_nothing_that_was_measured_before(home: Home) -> None:
    old, late = weighing(1), weighing(2)
    over = DeviceNote(device=DEVICE, profile="sig-weight", bindings=(Binding(1, TARO),))
    home.says(old, over)
    assert home.owner(old) == HANAKO, "said before the note, in the same batch"
    (found,) = home.says(late)
    assert isinstance(found, Unassigned), "the gateway was away from the broker when the slot changed hands"
    new = weighing(9, measured_at=NOW, received_at=NOW)
    home.says(new)
    assert home.owner(new) == TARO
    kept_since = weighing(8, measured_at=NOW + timedelta(hours=1), received_at=NOW - timedelta(hours=1))
    assert isinstance(home.says(kept_since)[0], Unassigned), "a clock that runs ahead does not make it newer"


def test_a_slot_nobody_had_was_always_its_first_owner_s(home: Home) -> None:
    waiting = weighing(5, slot=3)
    home.says(DeviceNote(device=DEVICE, profile="sig-weight", bindings=(Binding(3, TARO),)))
    home.says(waiting)
    assert home.owner(waiting) == TARO


def test_a_device_that_is_shared_by_now_gives_a_guest_s_reading_to_nobody(home: Home) -> None:
    home.says(DeviceNote(device=SHARED, profile="sig-weight", bindings=(Binding(None, HANAKO),)))
    home.says(alone := anonymous(1, "80.00"))
    assert home.owner(alone) == HANAKO
    # The gateway has forgotten that the whole was hers; a note cannot say that something is over.
    home.says(DeviceNote(device=SHARED, profile="sig-weight", bindings=(Binding(2, TARO),)))
    home.says(guest := msgspec.structs.replace(anonymous(2, "81.00"), user_slot=255))
    assert home.owner(guest) is None


def test_what_comes_after_a_weighing_is_whose_the_weighing_is(home: Home) -> None:
    known(home)
    weight, full = anonymous(30, "52.10"), anonymous(30, "52.10", Value("impedance", "512", "Ohm"))
    home.says(weight)
    with write(home.engine) as connection:
        assert isinstance(filing.assign(connection, weight.id, TARO, NOW, WHO), filing.Filed)
    (more,) = home.says(full)
    assert isinstance(more, Accepted)
    assert (more.resident, more.certainty, _values(more)) == (TARO, "sure", ["impedance"])
    with write(home.engine) as connection:
        for item in (weight, full):
            filing.release(connection, item.id, NOW, WHO)
    again = anonymous(30, "52.10", Value("impedance", "513", "Ohm"))
    assert isinstance(home.says(again)[0], Unassigned)


def test_what_its_new_owner_withholds_leaves_no_hash_to_guess_it_from(home: Home) -> None:
    home.withholds(TARO, "body-fat")
    item = weighing(1, slot=9, values=(Value("body-weight", "62.30", "kg"), FAT))
    home.says(item)
    before = home.rows(READING)[0].digest
    with write(home.engine) as connection:
        filing.assign(connection, item.id, TARO, NOW, WHO)
    assert home.rows(READING)[0].digest != before
    assert [row.kind for row in home.rows(MEASUREMENT)] == ["body-weight"]
    assert isinstance(home.says(item)[0], Duplicate)
    assert home.rows(REFUSAL) == []


def test_a_person_without_a_home_gets_their_reading_back_and_nobody_else_does(home: Home) -> None:
    home.says(item := weighing(1))
    with write(home.engine) as connection:
        connection.execute(READING.update().values(household_id=""))
        hanako = repo_residents.get(connection, HANAKO)
        assert hanako is not None
        away = msgspec.structs.replace(hanako, household_id=None, version=hanako.version + 1)
        repo_residents.edit(connection, away, NOW, actor="test", os_user="test")
        assert isinstance(filing.release(connection, item.id, NOW, WHO), filing.Filed)
        refused = filing.assign(connection, item.id, TARO, NOW, WHO)
        assert getattr(refused, "code", None) == "not-in-household"
        assert isinstance(filing.assign(connection, item.id, HANAKO, NOW, WHO), filing.Filed)
    assert home.owner(item) == HANAKO


def heavy(home: Home) -> tuple[list[Reading], Item]:
    """Three weeks that make advice, approved by a nurse."""
    found = [weighing(n * 1440 - 20 * 1440, "75.00") for n in range(20)]
    home.says(*found)
    with write(home.engine) as connection:
        (name,) = evaluate(connection, HANAKO, NOW).created
        item = _item(connection, name)
        command = Command(verb="approve", by="s-nurse", version=item.version, rights=LOCAL, asked=item.ask)
        done = carry_out(connection, item, command, NOW, os_user="test")
        assert isinstance(done, Item)
    return found, done


def _item(connection: Connection, name: str) -> Item:
    found = repo_advice.get(connection, name)
    assert found is not None
    return found


def test_advice_told_on_somebody_else_s_readings_is_not_told_again_and_holds_nothing_back(home: Home) -> None:
    found, item = heavy(home)
    later = NOW + HOLD
    with write(home.engine) as connection:
        assert settle(connection, later) == (item.id,)
        items = repo_advice.listed(connection, resident=HANAKO, states=None)
        assert [one.id for one in filing.unmistaken(connection, items)] == [item.id]
        assert evaluate(connection, HANAKO, later).created == (), "it was told a moment ago"
        filing.assign(connection, found[7].id, TARO, later, WHO)
        items = repo_advice.listed(connection, resident=HANAKO, states=None)
        assert filing.unmistaken(connection, items) == []
        serious = [msgspec.structs.replace(one, severity="prompt") for one in items]
        assert filing.unmistaken(connection, serious) == serious, "who is to see a doctor is not left without a word"
        (new,) = evaluate(connection, HANAKO, later).created
        assert not filing.built_on(_item(connection, new), found[7].id)


def test_nothing_goes_out_to_somebody_who_died_meanwhile(home: Home) -> None:
    _, item = heavy(home)
    with write(home.engine) as connection:
        hanako = repo_residents.get(connection, HANAKO)
        assert hanako is not None
        # Without a height no rule says yes or no: nothing else would withdraw it.
        gone = msgspec.structs.replace(hanako, status="deceased", height_cm=None, version=hanako.version + 1)
        repo_residents.edit(connection, gone, NOW, actor="test", os_user="test")
        settle(connection, NOW + HOLD)
        assert (_item(connection, item.id).state, _item(connection, item.id).reason) == (
            "superseded", "vetoed contraindication:deceased",
        )  # fmt: skip


# PostgreSQL's planner reads so small a table whole, and rightly.
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_the_inbox_reads_what_waits_and_not_everything(home: Home) -> None:
    with read(home.engine) as connection:
        seen: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda *said: seen.append(said[2]))
        inbox.waiting(connection)
        (query,) = [words for words in seen if "FROM reading" in words and "ORDER BY" in words]
        numbers = (1.0,) * query.count("?")
        plan = [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", numbers)]
    assert "ix_reading_waiting" in plan[0]
