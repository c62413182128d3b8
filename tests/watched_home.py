"""A home whose people are watched over: a band, a cuff and two gateways that listen, and then silence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Final

from sqlalchemy import Engine, insert

from engine.contract.wire import Binding, DeviceNote, Health, State
from engine.store import filing, repo_devices, repo_family, repo_gateways, repo_staff, repo_watch_ears
from engine.store.database import write
from engine.store.instants import to_micros
from engine.store.repo_facts import By
from engine.store.repo_staff import Member
from engine.store.tables import MEASUREMENT, READING
from tests.homes import GATEWAY, HANAKO, HOUSEHOLD, OTHER_GATEWAY
from tests.web.care import watched_by

BAND, CUFF = "d-bandbandbandb", "d-cuffcuffcuffc"
WATCHER, NURSE = "s-watcherwatche", "s-nursenursenur"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BY: Final = By(NURSE, "test")
_NUMBERS = count(1)


def accounts(engine: Engine, now: datetime) -> str:
    """A watcher of Sakata has an account, and so has a daughter, whose id is given."""
    member = Member(
        id=WATCHER, login="watcher", name="本間 民子", roles=frozenset({"watcher"}),
        municipalities=frozenset({"062049"}), created_at=now,
    )  # fmt: skip
    with write(engine) as connection:
        if repo_staff.get(connection, WATCHER) is None:
            assert not hasattr(repo_staff.add(connection, member, filing.By(NURSE, "test")), "code")
        return repo_family.add(connection, "山田 夏子", "child", "ja", now, Random(8)).id


def watched_home(
    engine: Engine, now: datetime, quiet: timedelta = 60 * HOUR, name: str = HANAKO, *, lies: bool = True
) -> str:
    """Somebody measured twice a day by two devices of their own until `quiet` ago, since then the band `lies`; watcher and daughter watch over them."""
    daughter = accounts(engine, now - 90 * DAY)
    with write(engine) as connection:
        for device, profile in ((BAND, "sig-steps"), (CUFF, "sig-bp")):
            note = DeviceNote(device=device, profile=profile, battery=80, bindings=(Binding(None, name),))
            repo_devices.note(connection, HOUSEHOLD, note, now - 90 * DAY)
    last = now - quiet
    hears(engine, BAND, "steps-day", [(last - n * DAY, "4000") for n in range(60)], name)
    # It speaks all the same: without it nobody could tell a silent person from silent devices.
    speaks = range(6, int(quiet / HOUR), 6)
    if lies and speaks:
        hears(engine, BAND, "steps-day", [(last + hours * HOUR, "0") for hours in speaks], name)
    hears(engine, CUFF, "systolic", [(last - 3 * HOUR - n * DAY, "128") for n in range(60)], name)
    listens(engine, now)
    for recipient in (WATCHER, daughter):
        watched_by(engine, name, recipient, now - 80 * DAY)
    return daughter


def hears(engine: Engine, device: str, kind: str, told: Iterable[tuple[datetime, str]], name: str = HANAKO) -> None:
    """Readings of that person as the store keeps them."""
    readings, values = [], []
    for at, value in told:
        when, number = to_micros(at), f"reading-{device}-{next(_NUMBERS)}"
        shared = {"household_id": HOUSEHOLD, "device_id": device, "resident_id": name, "measured_at": when}
        readings.append(shared | {
            "id": number, "gateway_id": GATEWAY, "certainty": "sure", "outcome": "accepted", "profile": "sig",
            "source": "radio", "provenance": "bonded", "time_quality": "device", "received_at": when,
            "stored_at": when, "digest": number, "experimental": False,
        })  # fmt: skip
        values.append(shared | {
            "reading_id": number, "kind": kind, "value": value, "unit": "1", "device_value": value, "device_unit": "1",
        })  # fmt: skip
    with write(engine) as connection:
        connection.execute(insert(READING), readings)
        connection.execute(insert(MEASUREMENT), values)


def listens(engine: Engine, until: datetime, days: int = 9, gateways: Iterable[str] = (GATEWAY, OTHER_GATEWAY)) -> None:
    """The gateways hear the neighbours' radios all the time, and we look at them every eight hours."""
    looks = days * 3
    with write(engine) as connection:
        for n in range(looks + 1):
            at = until - (looks - n) * 8 * HOUR
            for gateway in gateways:
                said = Health(version="1", at=at, uptime=9e6 + n * 8 * 3600.0, journal=0, adverts=1000 + n)
                repo_gateways.note(connection, gateway, State(state="ready"), at)
                repo_gateways.note(connection, gateway, said, at)
            repo_watch_ears.look(connection, [HOUSEHOLD], at)
