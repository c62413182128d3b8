"""A spot's questions answered: who stands there, and whose its readings are.

An unknown card, an unknown number, a wrong birth date and a person who is no longer here get the same answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from engine.contract.reading import Reading
from engine.contract.wire import LONGEST_VISIT, MAX_MESSAGE, Known, Left, Who, decode
from engine.household import DeviceFacts, Household
from engine.people import Resident
from engine.review import ENGINE
from engine.situation import gone
from engine.spots import CLOCKS_APART, Visit, covers, name_on_screen, paused_until
from engine.store import repo_cards, repo_life, repo_protection, repo_residents, repo_spots, tallies
from engine.store.database import Connection
from engine.store.filing import By
from engine.store.households import person_alone

LEAVES: Final = frozenset({"who", "left"})


def hear(connection: Connection, gateway: str, leaf: str, payload: bytes, now: datetime) -> Known | None:
    """Take what a gateway says on `up/who` or `up/left`; the answer to send, None when none is due. Total."""
    said = _read(leaf, payload)
    if said is None:
        tallies.add(connection, {("bad-message", f"bad-{leaf}"): 1})
        return None
    spot = repo_spots.spot_of(connection, gateway)
    if isinstance(said, Left):
        if spot is not None:
            repo_spots.close_visits(connection, gateway, said.at, said.visit)
        return None
    if spot is None:
        answer = Known(visit=said.visit, code="not-a-spot")
    else:
        answer = _identify(connection, spot, gateway, said, now)
    tallies.add(connection, {("visit", answer.code or ("card" if said.card else "number")): 1})
    return answer


def _read(leaf: str, payload: bytes) -> Who | Left | None:
    if len(payload) > MAX_MESSAGE:
        return None
    try:
        return decode(payload, Who) if leaf == "who" else decode(payload, Left)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _identify(connection: Connection, spot: str, gateway: str, said: Who, now: datetime) -> Known:
    known = repo_spots.visit(connection, said.visit)
    if known is not None:
        # The question came twice; somebody else's visit is nobody's.
        return _welcome(known) if known.gateway_id == gateway else Known(visit=said.visit, code="unknown")
    # Whoever identified before has made room.
    repo_spots.close_visits(connection, gateway, said.at)
    if abs(now - said.at) > CLOCKS_APART:
        return Known(visit=said.visit, code="clock")
    found = _by_card(connection, said.card, now) if said.card else _by_number(connection, spot, said, now)
    if isinstance(found, str):
        return Known(visit=said.visit, code=found)
    person, name = found
    if person.id not in person_alone(connection, person.id, person.household_id, now).recording:
        return Known(visit=said.visit, code="no-consent")
    made = Visit(
        id=said.visit, gateway_id=gateway, resident_id=person.id, name=name_on_screen(person, name), opened_at=said.at,
        closes_at=said.at + LONGEST_VISIT,
    )  # fmt: skip
    repo_spots.open_visit(connection, made, now, By(gateway, ENGINE))
    return _welcome(made)


def _welcome(visit: Visit) -> Known:
    return Known(visit=visit.id, resident=visit.resident_id, call=visit.name, until=visit.closes_at)


def _takes_part(connection: Connection, resident: str, when: datetime) -> bool:
    return gone(repo_life.situation(connection, resident), when) is None


def _by_card(connection: Connection, secret: str, now: datetime) -> tuple[Resident, str | None] | str:
    """The card's holder and chosen name; a secret of 130 bits is not guessed, so that wrong ones pause nothing."""
    card = repo_cards.by_secret(connection, secret)
    person = repo_residents.get(connection, card.resident_id) if card else None
    return (person, card.name) if card and person and _takes_part(connection, person.id, now) else "unknown"


def _by_number(connection: Connection, spot: str, said: Who, now: datetime) -> tuple[Resident, str | None] | str:
    if said.number is None or said.birth is None:
        return "unknown"
    wrong = repo_spots.wrong(connection, spot)
    if paused_until(wrong, now) is not None:
        return "paused"
    found = repo_spots.numbered(connection, said.number, said.birth)
    # Whoever lived with somebody knows number and birth date: who hides is known here by their card alone.
    hidden = repo_protection.shielded(connection, found, now)
    person = repo_residents.get(connection, found[0]) if len(found) == 1 and not hidden else None
    if person is None or not _takes_part(connection, person.id, now):
        repo_spots.note_wrong(connection, spot, now)
        if paused_until([*wrong, now], now) is not None:
            repo_spots.record(connection, "spot-pause", spot, now, By(ENGINE, ENGINE))
        return "unknown"
    return person, None


class Guests:
    """Whose the readings of one batch are that spots heard."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection, self._now = connection, now
        self._visits: dict[tuple[str, str], list[Visit]] = {}
        self._homes: dict[str, Household | None] = {}

    def home_of(self, gateway: str, spot: Household, reading: Reading) -> Household | None:
        """The visitor alone, with what is known of the spot's devices, if `reading` belongs to a visit, else None."""
        person = reading.person_hint
        if person is None:
            return None
        key = gateway, person
        if key not in self._visits:
            self._visits[key] = repo_spots.visits(self._connection, *key)
        if not any(covers(visit, gateway, reading) for visit in self._visits[key]):
            return None
        if person not in self._homes:
            self._homes[person] = self._home(person)
        home, facts = self._homes[person], spot.devices.get(reading.device, DeviceFacts())
        # Nobody owns a spot's device, whatever its list says; that it is unproven holds for everybody.
        bare = {reading.device: DeviceFacts(experimental=facts.experimental)}
        return None if home is None else msgspec.structs.replace(home, devices=bare)

    def _home(self, person: str) -> Household | None:
        found = repo_residents.get(self._connection, person)
        if found is None or not _takes_part(self._connection, person, self._now):
            return None
        return person_alone(self._connection, person, found.household_id, self._now)
