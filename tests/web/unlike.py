"""Hanako of the town is unlike herself: an alert that a nurse has to decide, which her son was told."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from engine.store import repo_watch_alerts
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.watching import Alert
from engine.watching_telling import Told, tell
from tests.homes import HANAKO
from tests.web import town
from tests.web.care import watched_by


def unlike(engine: Engine) -> str:
    """The number of the alert."""
    with read(engine) as connection:
        held = repo_watch_alerts.of_resident(connection, HANAKO)
    if not held:
        son = town.family(engine)
        for name in (son, town.WATCHER):
            watched_by(engine, HANAKO, name, town.NOW)
        alert = Alert(resident=HANAKO, sort="person-silent", since=town.NOW - timedelta(hours=60), cause="silence")
        with write(engine) as connection:
            repo_watch_alerts.add(connection, alert, town.SAKATA, town.NOW)
            held = repo_watch_alerts.of_resident(connection, HANAKO)
            assert isinstance(tell(connection, held[0].seq, [son], By(town.NURSE, "test"), town.NOW), Told)
    return f"{held[0].seq}"
