"""From the command that closes an account to a gateway that was off for weeks: in the end nobody holds anything."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update
from typer.testing import CliRunner

from cli.account import app
from cli.account_due import due
from cli.exits import Exit
from cli.wiring import settings
from engine.closing_files import FOLDERS
from engine.contract import topics, wire
from engine.contract.wire import Binding
from engine.service import Facts, Service, handle
from engine.service_forgetting import tell
from engine.service_link import Broker, Delivery, Link
from engine.store import repo_closing, repo_consents, repo_forget, repo_residents, tallies
from engine.store.database import read, write
from engine.store.instants import to_micros
from engine.store.tables import CONSENT, RESIDENT
from fhir_bridge.outbound.message import Letterhead
from fhir_bridge.outbound.tree import Outbox
from gateway.devices import Devices, Entry
from gateway.journal import Journal
from gateway.mqtt import Uplink
from gateway.orders import follow
from gateway.settings import broker_address
from tests.brokers import mosquitto
from tests.flow.commands import refused, told
from tests.flow.furnished import engine
from tests.homes import DEVICE, GATEWAY, HANAKO, OTHER_GATEWAY, TARO, weighing
from tests.planted import found_in

__all__ = ["engine"]
pytestmark = [pytest.mark.flow]
RUN = CliRunner()
DAY = timedelta(days=1)


def _home() -> Path:
    return Path(os.environ["PHR_HOME"])


def _weigh(engine: Engine, *values: str, slot: int = 1) -> None:
    now = datetime.now(UTC)
    said = [wire.encode_reading(weighing(number, value, slot, received_at=now)) for number, value in enumerate(values)]
    with write(engine) as connection:
        delivery = Delivery(1, 1, 1, topics.up(GATEWAY, "reading"), wire.encode_batch(said))
        handle(connection, Facts(), [delivery], now)


def test_closing_ends_what_was_agreed_to_and_may_be_taken_back_for_two_weeks(engine: Engine) -> None:
    asked = told(RUN.invoke(app, ["close", "--resident", HANAKO, "--by", "nurse", "--json"]))
    assert asked["state"] == "asked"
    assert datetime.fromisoformat(asked["due_at"]) - datetime.fromisoformat(asked["asked_at"]) == 14 * DAY
    with read(engine) as connection:
        newest = {event.purpose: event.granted for event in repo_consents.history(connection, HANAKO)}
        others = {event.purpose: event.granted for event in repo_consents.history(connection, TARO)}
    assert set(newest.values()) == {False}
    assert set(others.values()) == {True}
    assert refused(RUN.invoke(app, ["close", "--resident", HANAKO])) == (Exit.ALREADY, "already-asked")
    assert told(RUN.invoke(app, ["erase", "--json"])) == {"erased": [], "scrubbed": True}

    assert told(RUN.invoke(app, ["take-back", "--resident", HANAKO, "--json"]))["state"] == "taken-back"
    assert refused(RUN.invoke(app, ["take-back", "--resident", HANAKO])) == (Exit.NOT_FOUND, "not-asked")
    assert due(engine, settings(), datetime.now(UTC) + 30 * DAY) == 0
    with read(engine) as connection:
        assert repo_residents.get(connection, HANAKO) is not None


def test_when_the_days_are_over_the_engine_erases_by_itself_and_clears_the_files_at_night(engine: Engine) -> None:
    _weigh(engine, "62.31313131")
    told(RUN.invoke(app, ["close", "--resident", HANAKO, "--days", "3", "--json"]))
    for folder in FOLDERS:
        place = _home() / folder / HANAKO / "document-1"
        place.mkdir(parents=True)
        (place / "0-scan").write_text("62.31313131", encoding="utf-8")
    noon = datetime.now(UTC).replace(hour=3, minute=0) + 4 * DAY
    assert due(engine, settings(), noon - 3 * DAY) == 0
    assert due(engine, settings(), noon) == 1
    with read(engine) as connection:
        assert [one.resident for one in repo_closing.unscrubbed(connection)] == [HANAKO]
    assert due(engine, settings(), noon.replace(hour=17, minute=30)) == 0, "half past two in Japan"
    with read(engine) as connection:
        assert repo_closing.unscrubbed(connection) == []
    assert found_in(_home(), ["62.31313131"]) == {}


def test_at_once_needs_a_reason_and_leaves_nothing_behind(engine: Engine) -> None:
    _weigh(engine, "62.41414141")
    assert refused(RUN.invoke(app, ["close", "--resident", HANAKO, "--at-once"])) == (Exit.USAGE, "reason")
    words = ["close", "--resident", HANAKO, "--at-once", "--reason", "asked-at-desk", "--json"]
    closed = told(RUN.invoke(app, words))
    assert (closed["state"], closed["counts"]["measurement"], closed["scrubbed_at"] is None) == ("erased", 1, False)
    assert found_in(_home(), ["62.41414141"]) == {}
    assert refused(RUN.invoke(app, words)) == (Exit.NOT_FOUND, "unknown-resident")
    listed = told(RUN.invoke(app, ["list", "--json"]))["closings"]
    assert [(one["resident"], one["gateways"]) for one in listed] == [
        (HANAKO, {GATEWAY: "open", OTHER_GATEWAY: "open"})
    ]


def test_messages_to_members_without_fhir_are_erased_with_their_lines_of_the_index(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from decimal import Decimal
    from zoneinfo import ZoneInfo

    from engine.observation_values import Measured
    from fhir_bridge.outbound.message import Said

    root = tmp_path / "outbox"
    monkeypatch.setenv("PHR_BRIDGE_OUTBOX", str(root))
    head = Letterhead(network="choukai-net", zone=ZoneInfo("Asia/Tokyo"))
    at = datetime(2026, 11, 1, tzinfo=UTC)
    with Outbox(root).opened() as tree:
        for who, patient, value in ((HANAKO, "7171717171", "62.51"), (TARO, "8181818181", "84.52")):
            measured = Measured(
                reading_id="a" * 26, resident_id=who, device_id=None, gateway_id=None, kind="body-weight",
                value=Decimal(value), unit="kg", measured_at=at, period_start=None, time_quality="device",
                experimental=False, preliminary=False,
            )  # fmt: skip
            with read(engine) as connection:
                person = repo_residents.get(connection, who)
            assert person is not None
            said = Said(key=f"key{patient}", identifier=f"{who}.body-weight", patient=patient, person=person,
                        value=measured)  # fmt: skip
            tree.put(said, who, head, at)
    assert found_in(root, ["7171717171"])
    told(RUN.invoke(app, ["close", "--resident", HANAKO, "--at-once", "--reason", "test-person", "--json"]))
    assert found_in(root, ["7171717171", HANAKO]) == {}
    assert not [path for path in root.rglob("*") if "7171717171" in path.as_posix()]
    assert found_in(root, ["8181818181"])


def test_a_take_out_by_command_comes_into_an_empty_house_by_command(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _weigh(engine, "62.61", "62.62")
    out, again = tmp_path / "hanako.zip", tmp_path / "again.zip"
    assert (
        told(RUN.invoke(app, ["take-out", "--resident", HANAKO, "--out", str(out), "--json"]))["records"][
            "rows/reading.ndjson"
        ]
        == 2
    )
    assert out.stat().st_mode & 0o077 == 0
    assert refused(RUN.invoke(app, ["import", str(out)])) == (Exit.ALREADY, "id-taken")

    monkeypatch.setenv("PHR_HOME", str(tmp_path / "there"))
    assert told(RUN.invoke(app, ["import", str(out), "--keep-consents", "--json"]))["counts"]["measurement"] == 2
    told(RUN.invoke(app, ["take-out", "--resident", HANAKO, "--out", str(again), "--json"]))
    first, second = (_rows(path) for path in (out, again))
    assert first == second

    bad = tmp_path / "bad.zip"
    bad.write_bytes(out.read_bytes()[:-200])
    assert refused(RUN.invoke(app, ["import", str(bad)])) == (Exit.DAMAGED, "damaged-zip")
    assert refused(RUN.invoke(app, ["import", str(tmp_path / "none.zip")])) == (Exit.NOT_FOUND, "cannot-read")
    assert refused(RUN.invoke(app, ["take-out", "--resident", HANAKO, "--out", "/nowhere/x.zip"])) == (
        Exit.USAGE,
        "cannot-write",
    )


def _rows(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.startswith("rows/")}


def test_an_erased_person_does_not_come_back_by_file(engine: Engine, tmp_path: Path) -> None:
    out = tmp_path / "hanako.zip"
    told(RUN.invoke(app, ["take-out", "--resident", HANAKO, "--out", str(out), "--json"]))
    told(RUN.invoke(app, ["close", "--resident", HANAKO, "--at-once", "--reason", "asked-at-desk", "--json"]))
    assert refused(RUN.invoke(app, ["import", str(out)])) == (Exit.REFUSED, "erased-here")


def test_who_was_not_heard_of_for_years_is_listed_and_closed_only_where_a_policy_says_so(engine: Engine) -> None:
    _weigh(engine, "84.1", slot=2)
    long_ago = to_micros(datetime.now(UTC) - 1_100 * DAY)
    with write(engine) as connection:
        connection.execute(update(RESIDENT).values(created_at=long_ago))
        # What was said is never changed; here nobody had said anything for years.
        connection.execute(delete(CONSENT))
    listed = told(RUN.invoke(app, ["inactive", "--json"]))
    assert [(one["resident"], one["step"]) for one in listed["inactive"]] == [(HANAKO, "notice")]
    assert refused(RUN.invoke(app, ["inactive", "--close"])) == (Exit.USAGE, "no-policy")
    assert told(RUN.invoke(app, ["inactive", "--months", "48", "--close", "--json"]))["closed"] == []
    assert told(RUN.invoke(app, ["inactive", "--months", "36", "--close", "--json"]))["closed"] == [HANAKO]
    with read(engine) as connection:
        closing = repo_closing.get(connection, HANAKO)
    assert closing is not None
    assert (closing.state, closing.channel) == ("asked", "inactive")
    assert told(RUN.invoke(app, ["inactive", "--months", "36", "--close", "--json"]))["inactive"] == []


@pytest.mark.needs_mosquitto
def test_a_gateway_that_was_away_forgets_when_it_is_back_and_only_then_the_order_is_done(
    engine: Engine, tmp_path: Path
) -> None:
    home, clock = tmp_path / "gateway", [datetime.now(UTC)]
    home.mkdir()
    Devices(home).add(
        Entry(id=DEVICE, address="C0:26:DF:01:E2:3A", profile="sig-weight", bindings=(Binding(1, HANAKO),))
    )
    journal = Journal(home / "journal.sqlite")
    told(RUN.invoke(app, ["close", "--resident", HANAKO, "--at-once", "--reason", "asked-at-desk", "--json"]))
    with mosquitto() as broker:
        service = Service(engine, Link(Broker(broker.url)), lambda: clock[0])
        for _ in range(30):
            service.step(0.02)
        service._busy_at = 0.0
        service.step(0.02)
        assert _states(engine) == {"open"}, "nobody is there to hear it"

        clock[0] += 21 * DAY
        uplink: list[Uplink] = []

        def hear(topic: str, payload: bytes) -> None:
            answer = follow(topic, payload, GATEWAY, home)
            if answer is not None:
                uplink[0].reply(answer)

        uplink.append(Uplink(broker_address(broker.url, username=GATEWAY), GATEWAY, journal, hear=hear, retry=1.0))
        uplink[0].start()
        end = time.monotonic() + 20
        while _states(engine, GATEWAY) != {"done"} and time.monotonic() < end:
            service.step(0.05)
        uplink[0].stop()
        service._link.close()
    assert _states(engine, GATEWAY) == {"done"}
    assert _states(engine, OTHER_GATEWAY) == {"open"}
    assert found_in(home, [HANAKO]) == {}
    journal.close()


def _states(engine: Engine, gateway: str | None = None) -> set[str]:
    with read(engine) as connection:
        return {one.state for one in repo_forget.of(connection, HANAKO) if gateway in {None, one.gateway}}


def test_an_order_is_said_again_and_again_and_a_strange_answer_settles_nothing(engine: Engine) -> None:
    told(RUN.invoke(app, ["close", "--resident", HANAKO, "--at-once", "--reason", "asked-at-desk", "--json"]))
    now, said = datetime.now(UTC), []
    for _ in range(12):
        now += timedelta(hours=6)
        tell(engine, now, lambda topic, payload: said.append((topic, json.loads(payload))))
    mine = [order for topic, order in said if topic == topics.command(GATEWAY, "forget")]
    assert len(mine) == 12
    assert {order["resident"] for order in mine} == {HANAKO}
    correlation = mine[0]["correlation"]

    def answer(gateway: str, **words: object) -> None:
        payload = json.dumps({"v": 1, "correlation": correlation, "verb": "forget", "result": "done"} | words).encode()
        with write(engine) as connection:
            handle(connection, Facts(), [Delivery(1, 1, 1, topics.up(gateway, "reply"), payload)], now)

    answer(GATEWAY, correlation="another")
    answer(OTHER_GATEWAY)
    answer(GATEWAY, result="failed")
    answer(GATEWAY, result="nonsense")
    assert _states(engine, GATEWAY) == {"open"}
    with read(engine) as connection:
        counted = tallies.counts(connection)
    assert (counted["bad-message", "unasked-reply"], counted["bad-message", "bad-reply"]) == (2, 1)
    answer(GATEWAY)
    assert _states(engine, GATEWAY) == {"done"}
    answer(GATEWAY, result="unknown-verb")
    assert _states(engine, GATEWAY) == {"done"}
