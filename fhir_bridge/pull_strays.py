"""What a network filed under one of its patients and then under another: the first one's record keeps nothing of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from engine.care_links import Link
from engine.store import repo_entries, repo_links, repo_pulled
from engine.store.database import Connection
from engine.store.repo_pulled import Kept
from fhir_bridge.client_answers import Found
from fhir_bridge.imports.json_parts import mapping, word
from fhir_bridge.matching import patient_id
from fhir_bridge.pull_derive import Changes, Hand, reconcile
from fhir_bridge.pull_take import edition_of, is_name, why_left

MOVED: Final = "moved-there"


def give_up(connection: Connection, link: Link, kind: str, base: str, matched: Iterable[Found], hand: Hand) -> Changes:
    """Takes back, of everybody, what these newer editions say is another patient's; what was taken back in all."""
    losers: dict[str, list[Kept]] = {}
    for found in matched:
        if found.kind != kind or not is_name(found.id):
            continue
        for row in _older(connection, link, found, kind, base, hand):
            losers.setdefault(row.resident, []).append(row)
    done = Changes()
    for resident, rows in losers.items():
        theirs = repo_links.get(connection, resident, link.network)
        if theirs is not None:
            changes = _void(connection, theirs, rows, hand)
            done = msgspec.structs.replace(
                done, taken_back=done.taken_back + changes.taken_back, entries=done.entries + changes.entries
            )
    return done


def _older(connection: Connection, link: Link, found: Found, kind: str, base: str, hand: Hand) -> list[Kept]:
    """The editions kept before this one under whoever it is not of."""
    reason = why_left(found, kind, link, base)
    if reason not in {None, "other-patient"}:
        return []
    this = edition_of(found, link, None, hand.now)
    owner = link.resident if reason is None else _owner(connection, link.network, found, base)
    rows = repo_pulled.editions(connection, link.network, kind, found.id)
    return [
        row
        for row in rows
        if row.resident != owner and row.state is None and row.version != this.version and row.age < this.age
    ]


def _owner(connection: Connection, network: str, found: Found, base: str) -> str | None:
    """The resident whose patient a resource names, None where it is nobody of ours."""
    named = mapping(found.body, "subject") or mapping(found.body, "patient")
    remote = patient_id(word(named, "reference"), base)
    return None if remote is None else repo_links.holder(connection, network, remote)


def _void(connection: Connection, link: Link, rows: Iterable[Kept], hand: Hand) -> Changes:
    names = {row.remote for row in rows}
    for row in rows:
        repo_pulled.restate(connection, row, MOVED)
    changes = reconcile(connection, link, hand)
    newest = {
        entry.remote: entry
        for entry in repo_entries.of(connection, link.resident)
        if entry.origin == link.network and entry.remote in names
    }
    wrong = [
        msgspec.structs.replace(
            entry, id="", status="wrong", version=f"{entry.version} {MOVED}", recorded_at=hand.now
        )
        for entry in newest.values()
        if entry.status != "wrong"
    ]  # fmt: skip
    told = repo_entries.append(connection, wrong, hand.by, hand.now, hand.rng)
    return msgspec.structs.replace(changes, entries=changes.entries + len(told))
