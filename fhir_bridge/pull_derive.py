"""From all that a network sent of a resident to what is known of them: the newest editions decide, in any order.

What is known is made anew of what is kept after every change. So it does not matter in which order editions came, how
often, or how many times a pull broke off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from engine.care_entries import Entry
from engine.care_links import Link
from engine.clinical import Fact
from engine.imports.numbers import exact_json
from engine.refusal import Refusal
from engine.store import repo_entries, repo_facts, repo_pulled
from engine.store.database import Connection
from engine.store.repo_facts import By
from engine.store.repo_pulled import Kept
from fhir_bridge.imports.translate import Told, Translation, translate


class Hand(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes, when, and where ids come from."""

    by: By
    now: datetime
    rng: Random


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What was stored and taken back; `held_back` facts were taken back by a person before and stay so.

    `unreadable` are the codes of resources that turned out to say nothing that can be read.
    """

    stored: int = 0
    taken_back: int = 0
    entries: int = 0
    held_back: int = 0
    unreadable: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything changed."""
        return bool(self.stored or self.taken_back or self.entries)


def channel_of(network: str) -> str:
    """How facts of a network came."""
    return f"bridge.{network}"


def reconcile(connection: Connection, link: Link, hand: Hand) -> Changes:
    """Makes facts and entries of a resident say what the newest editions kept of them say; nothing where they do.

    A resource that turns out unreadable is marked with the reason and makes nothing.
    """
    kept = repo_pulled.newest(connection, link.network, link.resident)
    said: list[tuple[Kept, Translation]] = []
    unreadable: list[str] = []
    for one in kept:
        made = translated(one, link, hand)
        if isinstance(made, Refusal):
            repo_pulled.restate(connection, one, made.code)
            unreadable.append(made.code)
        else:
            said.append((one, made))
    stored, taken_back, held_back = _facts(connection, link, hand, said)
    return Changes(
        stored=stored, taken_back=taken_back, held_back=held_back, entries=_entries(connection, link, hand, said),
        unreadable=tuple(unreadable),
    )  # fmt: skip


def translated(one: Kept, link: Link, hand: Hand) -> Translation | Refusal:
    """What one edition says."""
    told = Told(
        resident=link.resident, actor=link.network, now=hand.now, origin=link.network, remote=one.remote,
        version=one.version, channel=channel_of(link.network), came=one.received_at,
    )  # fmt: skip
    return translate(body_of(one), told)


def body_of(one: Kept) -> Mapping[str, Any]:
    """A kept resource, its numbers as they were written."""
    found: Mapping[str, Any] = exact_json(one.raw.encode())
    return found


def _facts(
    connection: Connection, link: Link, hand: Hand, said: Iterable[tuple[Kept, Translation]]
) -> tuple[int, int, int]:
    rows = repo_facts.of_one(connection, link.resident)
    back = {row.retracts: row for row in rows if row.retracts is not None}
    stands = {sameness(row) for row in rows if row.retracts is None and row.id not in back}
    wanted: dict[tuple[Any, ...], tuple[Kept, Fact]] = {}
    for kept, made in said:
        for fact in made.facts:
            wanted.setdefault(sameness(fact), (kept, fact))
    mine = repo_pulled.origins(connection, link.network, link.resident)
    gone = [row for row in rows if row.id in mine and row.id not in back and sameness(row) not in wanted]
    for row in gone:
        repo_facts.retract(connection, row.id, hand.by, channel_of(link.network), hand.now, hand.rng)
    barred = _taken_back_by_people(rows, back, link.network)
    missing = [one for same, one in wanted.items() if same not in stands and same not in barred]
    held_back = sum(1 for same in wanted if same not in stands and same in barred)
    added = repo_facts.append(connection, [fact for _, fact in missing], hand.by, hand.now, hand.rng, again=True)
    for fact in added.stored:
        kept, _ = wanted[sameness(fact)]
        repo_entries.tie(connection, [fact.id], link.network, kept.remote, kept.version)
    return len(added.stored), len(gone), held_back


def _taken_back_by_people(
    rows: Sequence[Fact], back: Mapping[str, Fact], network: str
) -> set[tuple[Any, ...]]:  # fmt: skip
    """What somebody took back after the network told it, however often it tells it again."""
    last: dict[tuple[Any, ...], Fact] = {}
    for row in rows:
        undone = back.get(row.id)
        if row.retracts is None and undone is not None:
            before = last.get(sameness(row))
            if before is None or before.recorded_at <= undone.recorded_at:
                last[sameness(row)] = undone
    return {same for same, undone in last.items() if undone.channel != channel_of(network)}


def _entries(connection: Connection, link: Link, hand: Hand, said: Sequence[tuple[Kept, Translation]]) -> int:
    """Appends the editions that are not the last ones here; one that comes again after another is told as again.

    What a newer edition says nothing of any more (the house withholds it now) is taken back.
    """
    known: dict[str, list[Entry]] = {}
    for entry in repo_entries.of(connection, link.resident):
        if entry.origin == link.network:
            known.setdefault(entry.remote, []).append(entry)
    fresh: list[Entry] = []
    for kept, made in said:
        editions = known.get(kept.remote, [])
        for entry in made.entries:
            again = f"{entry.version} again-{link.version}"
            if editions and editions[-1].version in {entry.version, again}:
                continue
            if not editions and entry.status == "wrong":
                continue
            seen = any(one.version == entry.version for one in editions)
            fresh.append(msgspec.structs.replace(entry, version=again) if seen else entry)
        if editions and not made.entries and editions[-1].status != "wrong":
            gone = f"{kept.version} withheld"
            fresh.append(
                msgspec.structs.replace(editions[-1], status="wrong", version=gone, recorded_at=hand.now, id="")
            )
    return len(repo_entries.append(connection, fresh, hand.by, hand.now, hand.rng))


def sameness(fact: Fact) -> tuple[Any, ...]:
    """By what the store knows a fact again."""
    return fact.code, fact.value, fact.unit, fact.at, fact.source
