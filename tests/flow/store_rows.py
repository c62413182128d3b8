"""Ready-made rows of the store for tests that are about something else."""

from __future__ import annotations

from datetime import timedelta

from engine.consent import Event
from engine.review import Item, rank
from engine.store import repo_advice, repo_consents
from engine.store.database import Connection
from tests.flow.stores import HANAKO, NOW

ITEM = Item(
    id="a-aaaaaaaaaaaaa", resident_id=HANAKO.id, topic="steps", rule_id="steps-below-target", rule_version=1,
    text_version=1, state="open", version=1, severity="routine", text_ja="あと1,000歩 歩きましょう。",
    text_en="Walk 1,000 more steps.", evidence={"signals": {"steps.mean_7d": {"value": "4210"}}, "ask": []},
    snapshot_hash="f" * 64, created_at=NOW, updated_at=NOW,
)  # fmt: skip
YES = Event(
    resident=HANAKO.id, purpose="record", granted=True, at=NOW, until=NOW + timedelta(days=365), kind="body-weight",
    actor="desk", channel="paper", text_hash="0" * 64,
)  # fmt: skip


def append_one_of_each(connection: Connection) -> None:
    """One consent, and one piece of advice with its event."""
    repo_consents.append(connection, YES, os_user="tester")
    repo_advice.add(connection, ITEM, rank(ITEM, NOW), actor="engine", os_user="tester")
