"""Things other houses told of Hanako: one of every sort, what has ended, and a document of her own check-up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
from sqlalchemy import Connection

from engine.care_entries import Coding, Entry
from engine.store import repo_entries, repo_releases
from engine.store.repo_facts import By
from tests.homes import HANAKO

DAY = timedelta(days=1)
BY = By("import", "test")
SYSTEM = "urn:oid:1.2.392.100495.20.1.73"


def told(now: datetime, remote: str, name: str, sort: str = "medication", **more: object) -> Entry:
    """One thing that came two days before `now` and began three months before."""
    raw: dict[str, Any] = {
        "resident": HANAKO, "sort": sort, "name": name, "origin": "choukai-net", "remote": remote, "version": "1",
        "recorded_at": now - 2 * DAY, "at": now - 90 * DAY,
    }  # fmt: skip
    return msgspec.convert(raw | more, Entry)


def things(now: datetime) -> list[Entry]:
    """One of every sort."""
    amlodipine = Coding(system=SYSTEM, code="2171022F2", display="アムロジピン")
    return [
        told(now, "MedicationRequest/1", "アムロジピン錠5mg", detail="1回1錠 朝食後", codes=[amlodipine]),
        told(now, "MedicationRequest/2", "ロキソプロフェン錠", status="past", until=now - 60 * DAY),
        told(now, "Condition/1", "本態性高血圧症", "condition"),
        told(now, "AllergyIntolerance/1", "えび", "allergy", detail="じんましん"),
        told(now, "report/1", "腹部超音波検査", "report", origin="clins", detail="所見の記載"),
        told(now, "document/1", "診療情報提供書", "document", origin="hl7v2", at=None),
        told(now, "document/2", "健診結果報告書", "document", origin="echeckup", source="checkup"),
    ]


def bring(connection: Connection, now: datetime, hidden: Sequence[str] = ()) -> None:
    """All of them, released but those of the names in `hidden`."""
    for one in repo_entries.append(connection, things(now), BY, now - 2 * DAY, Random(7)):
        if one.name not in hidden:
            repo_releases.release(connection, one.id, BY, now - DAY)
