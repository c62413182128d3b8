"""Loans in the real service: a device that goes on to the next borrower takes nobody's readings along."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from cli.exits import Exit
from cli.loan import app
from engine.closing_store import ask_to_close, take_it_back
from engine.contract import topics, wire
from engine.contract.ids import device_id
from engine.contract.reading import Reading
from engine.contract.wire import Binding, DeviceNote
from engine.life_store import Done, record
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.loans import Loan
from engine.loans_due import KIND, is_withdrawn, remind_all
from engine.loans_orders import tell
from engine.loans_store import Back, Wish, clear, extend, lend, take_back, wipe_by_hand
from engine.loans_view import overdue, unsettled
from engine.refusal import Refusal
from engine.rosters import messages_of
from engine.sealing import Seal
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import audit, repo_devices, repo_forget, repo_loans, repo_notices, repo_places, repo_residents
from engine.store.database import read, write
from engine.store.erasing import erase_rows, scope_of
from engine.store.repo_facts import By
from engine.store.tables import BINDING, READING
from engine.store.tables_loans import LOAN, LOAN_SLOT
from tests.flow.commands import refused, told
from tests.flow.furnished import engine, store
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, NOW, OTHER_GATEWAY, TARO, weighing

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow
RUN, WHO = CliRunner(), By("s-helpdeskhelpd", "test")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ADDRESS = "C0:26:DF:01:E2:3A"


def good(done: Loan | Refusal) -> Loan:
    assert isinstance(done, Loan), done
    return done


def borrow(store: Engine, resident: str = HANAKO, at: datetime = NOW - 10 * DAY, **more: Any) -> Loan:
    with write(store) as connection:
        wish = {"asset": "KG-001", "sort": "scale", "resident": resident, "device": DEVICE} | more
        return good(lend(connection, Wish(**wish), at, WHO))


def do(
    store: Engine, act: Callable[..., Loan | Refusal], *words: Any, asset: str = "KG-001", at: datetime = NOW
) -> Any:
    with write(store) as connection:
        loan = repo_loans.newest(connection, asset)
        assert loan is not None
        return act(connection, loan, *words, at, WHO)


def say(store: Engine, leaf: Any, payload: bytes, at: datetime, gateway: str = GATEWAY) -> None:
    with write(store) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, topics.up(gateway, leaf), payload)], at)


def hear(store: Engine, *readings: Reading, at: datetime = NOW + 9 * DAY, gateway: str = GATEWAY) -> list[str | None]:
    """Whose each of these readings became."""
    say(store, "reading", wire.encode_batch([wire.encode_reading(one) for one in readings]), at, gateway)
    with read(store) as connection:
        owners = {row.id: row.resident_id for row in connection.execute(select(READING))}
    return [owners[one.id] for one in readings]


def measured(number: int, at: datetime, received: datetime | None = None, **more: Any) -> Reading:
    return weighing(number, f"62.3{number}", measured_at=at, received_at=received or at, **more)


def answer(
    store: Engine, result: str, at: datetime = NOW, gateways: tuple[str, ...] = (GATEWAY, OTHER_GATEWAY), **more: Any
) -> None:
    with read(store) as connection:
        loan = repo_loans.get(connection, 1)
    assert loan is not None
    for order in loan.orders:
        if order.gateway in gateways:
            said = {"v": 1, "correlation": order.correlation, "verb": "release", "result": result} | more
            say(store, "reply", json.dumps(said).encode(), at, order.gateway)


def test_after_the_return_nothing_is_filed_under_the_former_borrower_and_nothing_from_before_is_lost(
    store: Engine,
) -> None:
    borrow(store)
    assert hear(store, measured(1, NOW - DAY), at=NOW) == [HANAKO]
    good(do(store, take_back, Back(cleared=True)))
    late, next_day = measured(2, NOW - HOUR, NOW - HOUR), measured(3, NOW + DAY)
    undated = measured(4, NOW - 2 * HOUR, time_quality="unknown")
    before = measured(5, NOW - 20 * DAY, NOW - HOUR)
    hinted = measured(6, NOW + DAY, person_hint=HANAKO)
    assert hear(store, late, next_day, undated, before, hinted) == [HANAKO, None, None, None, None]
    assert hear(store, measured(7, NOW - HOUR / 2, slot=2)) == [TARO], "Taro's slot was his, too"


def test_in_the_same_home_the_next_borrower_has_what_is_measured_from_the_new_loan_on(engine: Engine) -> None:
    borrow(engine)
    good(do(engine, take_back, Back(cleared=True)))
    answer(engine, "done")
    borrow(engine, TARO, NOW + DAY)
    note = DeviceNote(device=DEVICE, profile="sig-weight", bindings=(Binding(1, TARO),))
    say(engine, "device", wire.encode(note), NOW + DAY)
    memory = [measured(1, NOW - DAY), measured(2, NOW + HOUR), measured(3, NOW + 2 * DAY)]
    heard = [msgspec.structs.replace(one, received_at=NOW + 3 * DAY) for one in memory]
    assert hear(engine, *heard) == [HANAKO, None, TARO]


def test_a_stale_note_gives_nobody_a_slot_back_while_its_gateway_has_not_answered(engine: Engine) -> None:
    borrow(engine)
    good(do(engine, take_back, Back(cleared=True)))
    stale = DeviceNote(device=DEVICE, profile="sig-weight", bindings=(Binding(1, HANAKO),))
    say(engine, "device", wire.encode(stale), NOW + HOUR)
    with read(engine) as connection:
        assert connection.execute(select(BINDING).where(BINDING.c.device_id == DEVICE)).all() == []
    assert hear(engine, measured(1, NOW + 2 * HOUR)) == [None]


def test_the_device_follows_from_the_address_on_the_label_and_the_label_is_remembered(engine: Engine) -> None:
    loan = borrow(engine, device=None, address=ADDRESS)
    assert loan.device == device_id(HOUSEHOLD, ADDRESS)
    good(do(engine, take_back, Back(cleared=True, unused=True)))
    assert borrow(engine, TARO, NOW + DAY, device=None).device == loan.device


def test_as_long_as_nobody_said_which_device_it_is_no_new_one_brings_old_readings(store: Engine) -> None:
    borrow(store, device=None, at=NOW + HOUR / 60)
    new = "d-newnewnewnewn"
    early = measured(1, NOW - DAY, NOW + HOUR, device=new, slot=None)
    assert hear(store, early, at=NOW + HOUR) == [None]
    note = DeviceNote(device=new, profile="sig-weight", bindings=(Binding(None, HANAKO),))
    say(store, "device", wire.encode(note), NOW + HOUR)
    owners = hear(store, early, measured(2, NOW - 2 * DAY, NOW + HOUR, device=new, slot=None),
                  measured(3, NOW + 2 * HOUR, device=new, slot=None), measured(4, NOW - DAY))  # fmt: skip
    assert owners == [None, None, HANAKO, HANAKO], "the home's older scale is no candidate"
    assert do(store, take_back, Back(), at=NOW + DAY).code == "which-device"
    done = good(do(store, take_back, Back(device=new), at=NOW + DAY))
    assert (done.device, done.state) == (new, "wiping")
    assert hear(store, measured(5, NOW + 2 * DAY, device=new, slot=None)) == [None]


def test_an_address_that_was_mistyped_protects_as_if_none_had_been_said(engine: Engine) -> None:
    borrow(engine, device=None, address="C0:26:DF:00:00:00", at=NOW + HOUR / 60)
    new = "d-newnewnewnewn"
    note = DeviceNote(device=new, profile="sig-weight", bindings=(Binding(None, HANAKO),))
    say(engine, "device", wire.encode(note), NOW + HOUR)
    old, fresh = (measured(n, at, NOW + 2 * HOUR, device=new, slot=None) for n, at in ((1, NOW - DAY), (2, NOW + HOUR)))
    assert hear(engine, old, fresh) == [None, HANAKO]
    assert do(engine, take_back, Back(), at=NOW + DAY).code == "which-device"
    assert good(do(engine, take_back, Back(device=new), at=NOW + DAY)).device == new


def test_gateways_are_told_until_all_of_them_answered_and_only_then_it_may_go_out_again(store: Engine) -> None:
    borrow(store)
    good(do(store, take_back, Back()))
    said: list[tuple[str, Any]] = []

    def round_(at: datetime) -> list[str]:
        said.clear()
        tell(store, at, lambda topic, payload: said.append((topic, json.loads(payload))))
        return sorted(topic for topic, _ in said)

    both = [topics.command(one, "release") for one in (GATEWAY, OTHER_GATEWAY)]
    assert round_(NOW) == both
    assert {one["device"] for _, one in said} == {DEVICE}
    assert round_(NOW + timedelta(seconds=30)) == []
    answer(store, "waiting", NOW + HOUR, (GATEWAY,), count=12)
    answer(store, "done", NOW + HOUR, (OTHER_GATEWAY,))
    with read(store) as connection:
        [held] = unsettled(connection, None, NOW)
    assert {one.gateway: (one.state, one.left) for one in held.loan.orders} == {
        GATEWAY: ("waiting", 12), OTHER_GATEWAY: ("done", 0)
    }  # fmt: skip
    assert round_(NOW + 2 * HOUR) == both[:1]
    with read(store) as connection:
        written = len(audit.entries(connection, limit=500))
    answer(store, "waiting", NOW + 2 * HOUR, (GATEWAY,), count=12)
    with read(store) as connection:
        assert len(audit.entries(connection, limit=500)) == written, "the same answer is no news"
    say(store, "state", wire.encode(wire.State(state="ready")), NOW + 2 * HOUR)
    assert round_(NOW + 2 * HOUR) == both[:1], "it came back"
    with write(store) as connection:
        again = lend(connection, Wish(asset="KG-001", sort="scale", resident=TARO), NOW + HOUR, WHO)
    assert isinstance(again, Refusal)
    assert again.code == "not-wiped"
    answer(store, "done", NOW + 3 * HOUR)
    assert round_(NOW + 90 * DAY) == []
    assert do(store, wipe_by_hand, "reset").code == "already-wiped"
    with write(store) as connection:
        again = lend(connection, Wish(asset="KG-001", sort="scale", resident=TARO), NOW + HOUR, WHO)
    assert isinstance(again, Refusal)
    assert again.code == "not-cleared"
    assert good(do(store, clear)).state == "free"
    borrow(store, TARO, NOW + 4 * HOUR)


def test_a_gateway_that_does_not_know_the_order_is_for_people_to_see(engine: Engine) -> None:
    borrow(engine)
    good(do(engine, take_back, Back(cleared=True)))
    answer(engine, "unknown-verb")
    with read(engine) as connection:
        [held] = unsettled(connection, None, NOW)
    assert {one.state for one in held.loan.orders} == {"stuck"}
    assert (held.loan.wiped_at, held.loan.tell_at) == (None, None)
    assert good(do(engine, wipe_by_hand, "工場出荷時に戻した")).state == "free"


def test_a_lent_gateway_hands_everything_over_before_it_ends_and_is_no_gateway_of_ours_afterwards(
    store: Engine,
) -> None:
    borrow(store, asset="GW-1", sort="gateway", device=None, gateway=GATEWAY)
    good(do(store, take_back, Back(), asset="GW-1"))
    with write(store) as connection:
        repo_forget.order(connection, TARO, [GATEWAY], NOW)
        assert [topic for topic, _ in messages_of(connection, HOUSEHOLD, NOW)] == [topics.down(OTHER_GATEWAY, "roster")]
    assert hear(store, measured(1, NOW - HOUR, NOW - HOUR), measured(2, NOW + HOUR)) == [HANAKO, None]
    assert hear(store, measured(3, NOW + HOUR), gateway=OTHER_GATEWAY) == [HANAKO], "the home's other ears go on"
    told_: list[str] = []
    tell(store, NOW + HOUR, lambda topic, _payload: told_.append(topic))
    assert topics.command(GATEWAY, "wipe") in told_
    answer(store, "done", NOW + HOUR)
    with read(store) as connection:
        assert [one.id for one in repo_places.gateways(connection)] == [OTHER_GATEWAY]
        assert repo_forget.of(connection, TARO)[0].state == "done"
    say(store, "reading", wire.encode_batch([wire.encode_reading(measured(4, NOW + DAY))]), NOW + DAY)
    with read(store) as connection:
        assert connection.execute(select(READING).where(READING.c.id == measured(4, NOW + DAY).id)).first() is None


def test_two_loans_of_one_thing_and_things_of_other_homes_are_refused(engine: Engine) -> None:
    borrow(engine)
    with write(engine) as connection:
        codes = [
            done.code if isinstance(done := lend(connection, wish, NOW, WHO), Refusal) else done.asset
            for wish in (
                Wish(asset="KG-001", sort="scale", resident=TARO),
                Wish(asset="KG-002", sort="scale", resident=TARO, device=DEVICE),
                Wish(asset="KG-002", sort="scale", resident=TARO, device="d-nowherenowher"),
                Wish(asset="GW-2", sort="gateway", resident=TARO, gateway="g-bad"),
                Wish(asset="KG-002", sort="scale", resident="r-nobodynobody2"),
                Wish(asset="KG-002", sort="scale", resident=TARO, due=(NOW - DAY).date()),
            )
        ]
    assert codes == ["already-out", "device-taken", "not-in-household", "elsewhere", "unknown-resident", "due"]


def test_somebody_who_died_is_lent_nothing_and_what_they_had_is_to_be_collected(engine: Engine) -> None:
    borrow(engine)
    borrow(engine, TARO, asset="PM-1", sort="pedometer", device=None, due=(NOW + DAY).date())
    with write(engine) as connection:
        person, rng = repo_residents.get(connection, HANAKO), SystemRandom()
        assert person is not None
        typed = read_typed(connection, person, Typed(sort="death", since="2026-11-20"), WHO.actor, NOW, rng)
        assert not isinstance(typed, Refusal), typed
        assert isinstance(record(connection, person, typed, WHO, NOW, rng), Done)
        held = unsettled(connection, None, NOW)
        refusal = lend(connection, Wish(asset="KG-3", sort="scale", resident=HANAKO), NOW, WHO)
    assert [(one.loan.asset, one.when, one.collect) for one in held] == [
        ("KG-001", "collect", "death"), ("PM-1", "soon", ""),
    ]  # fmt: skip
    assert isinstance(refusal, Refusal)
    assert refusal.code == "inactive"
    assert good(do(engine, take_back, Back(cleared=True))).returned_at == NOW
    assert hear(engine, measured(1, NOW - 5 * DAY, NOW - 5 * DAY)) == [HANAKO], "of a life that was"


def test_what_somebody_has_who_closes_their_account_is_collected_before_nobody_knows(engine: Engine) -> None:
    borrow(engine)
    borrow(engine, TARO, asset="PM-1", sort="pedometer", device=None)
    with write(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert not isinstance(ask_to_close(connection, person, NOW, WHO, Seal(b"k" * 32)), Refusal)
        assert [(one.loan.asset, one.collect) for one in overdue(connection, None, NOW)] == [("KG-001", "closing")]
        assert not isinstance(take_it_back(connection, HANAKO, NOW, WHO), Refusal)
        assert overdue(connection, None, NOW) == []


def test_a_borrower_is_told_once_a_due_day_and_not_of_what_came_back(engine: Engine) -> None:
    loan = borrow(engine, due=(NOW + 5 * DAY).date())
    assert [remind_all(engine, at) for at in (NOW - 5 * DAY, NOW, NOW + DAY)] == [0, 1, 0]
    good(do(engine, extend, (NOW + 30 * DAY).date()))
    assert [remind_all(engine, at) for at in (NOW + 20 * DAY, NOW + 28 * DAY, NOW + 29 * DAY)] == [0, 1, 0]
    with read(engine) as connection:
        notices = [one for one in repo_notices.of(connection, HANAKO) if one.kind == KIND]
        assert [is_withdrawn(connection, HANAKO, one.about) for one in notices] == [False, True]
        assert all(loan.asset not in one.about for one in notices)
    good(do(engine, take_back, Back(cleared=True), at=NOW + 29 * DAY))
    with read(engine) as connection:
        assert is_withdrawn(connection, HANAKO, notices[0].about)


def test_erasing_the_borrower_leaves_no_loan_and_erasing_a_member_no_slot_of_theirs(engine: Engine) -> None:
    borrow(engine)
    good(do(engine, take_back, Back(cleared=True)))
    for name, loans in ((TARO, 1), (HANAKO, 0)):
        with write(engine) as connection:
            erase_rows(connection, scope_of(connection, name, Seal(b"k" * 32)))
            assert len(connection.execute(select(LOAN)).all()) == loans
            assert {row.resident_id for row in connection.execute(select(LOAN_SLOT))} == ({HANAKO} if loans else set())


def test_from_the_command_out_to_the_inventory(engine: Engine, tmp_path: Path) -> None:
    words = ["out", " *bp-7*", "--to", HANAKO, "--sort", "pressure", "--device", DEVICE, "--remark", "=1+1", "--json"]
    made = told(RUN.invoke(app, words))
    assert (made["asset"], made["state"], made["device"]) == ("BP-7", "out", DEVICE)
    assert refused(RUN.invoke(app, words)) == (Exit.ALREADY, "already-out")
    assert refused(RUN.invoke(app, [*words[:1], "B/P", *words[2:]])) == (Exit.USAGE, "asset")
    assert refused(RUN.invoke(app, [*words[:1], "BP-8", *words[2:], "--due", "2020-01-01"])) == (Exit.USAGE, "due")
    assert refused(RUN.invoke(app, ["show", "BP-9"])) == (Exit.NOT_FOUND, "unknown-asset")
    assert refused(RUN.invoke(app, ["name", "BP-7"])) == (Exit.USAGE, "nothing-named")
    assert [one["asset"] for one in told(RUN.invoke(app, ["list", "--json"]))["loans"]] == ["BP-7"]
    assert told(RUN.invoke(app, ["overdue", "--json"])) == {"loans": []}
    due = (datetime.now(UTC) + 20 * DAY).date().isoformat()
    assert told(RUN.invoke(app, ["extend", "BP-7", due, "--json"]))["due_on"] == due

    back = RUN.invoke(app, ["return", "BP-7", "--as", "broken"])
    assert back.exit_code == 0
    assert "紛失・故障" not in back.output, "it is not wiped yet"
    assert "本体の記録も消します" in back.output
    assert GATEWAY in back.output
    assert refused(RUN.invoke(app, ["return", "BP-7"])) == (Exit.ALREADY, "not-out")
    assert told(RUN.invoke(app, ["wiped", "BP-7", "--remark", "分解した", "--json"]))["state"] == "gone"
    assert told(RUN.invoke(app, ["clear", "BP-7", "--json"]))["cleared"] is True
    assert "BP-7" in RUN.invoke(app, ["show", "BP-7"]).output

    told(RUN.invoke(app, ["out", "KG-001", "--to", TARO, "--sort", "scale", "--json",
                          "--remark", "=cmd()"]))  # fmt: skip
    file = tmp_path / "loans.csv"
    assert told(RUN.invoke(app, ["export", str(file), "--json"]))["things"] == 2
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = {row["asset"]: row for row in csv.DictReader(opened)}
    assert (rows["BP-7"]["borrower"], rows["KG-001"]["borrower"]) == ("", TARO)
    assert rows["KG-001"]["remark"] == "'=cmd()"
    assert refused(RUN.invoke(app, ["export", str(file)])) == (Exit.ALREADY, "file-exists")
    with read(engine) as connection:
        acts = {link.action for link in audit.entries(connection, limit=200)}
        assert repo_devices.devices(connection, HOUSEHOLD)[0].bindings == ()
    assert {"loan-out", "loan-return", "loan-extend", "loan-clear", "loan-wiped-by-hand", "export-loans"} <= acts
