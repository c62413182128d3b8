"""The help desk: devices, batteries and last contact; never a value, and of people only the reading of a name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.contract.ids import is_id
from engine.contract.wire import Binding
from engine.refusal import Refusal
from engine.store import audit, repo_device_desk, repo_devices, repo_residents
from engine.store.database import Connection, write
from engine.store.instants import to_micros
from engine.store.repo_devices import Device
from engine.store.repo_facts import By
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import people_rows
from engine.web.desk.people_rows import LOW_BATTERY, SILENCE
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
PAGE: Final = 50
VIEWS: Final = ("all", "silent", "low", "unbound")
LAST_SLOT: Final = 254


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What the list is asked for."""

    view: str = "all"
    q: str = ""
    after: str = ""

    def next(self, after: str) -> str:
        """The address of the next page."""
        told = {"view": self.view, "q": self.q, "after": after}
        return f"/devices?{urlencode({name: value for name, value in told.items() if value})}"


@door.page("/devices", "devices.see")
def listed(desk: TheDesk, session: Signed, view: str = "all", q: str = "", after: str = "") -> Response:
    """The devices of my towns, the longest silent first."""
    now = desk.now()
    wish = Search(
        view=view if view in VIEWS else "all", q=" ".join(q.split())[:60], after=after if is_id(after, "d") else ""
    )  # fmt: skip
    with write(desk.engine) as connection:
        if wish.after and repo_device_desk.get(connection, wish.after, session.who.municipalities) is None:
            wish = msgspec.structs.replace(wish, after="")
        found = repo_device_desk.page(
            connection, session.who.municipalities, text=wish.q, after=wish.after or None, limit=PAGE + 1,
            silent_since=now - SILENCE if wish.view == "silent" else None, now=now,
            battery=LOW_BATTERY if wish.view == "low" else None, unbound=wish.view == "unbound",
        )  # fmt: skip
        people = _readings(connection, found[:PAGE])
        note(connection, desk, session, "devices-view", now, detail=[one.id for one in found[:PAGE]])
    rows = [(people_rows.device(one, session.lang, now), _users(one, people)) for one in found[:PAGE]]
    context: dict[str, Any] = {
        "rows": rows, "wish": wish, "views": VIEWS, "next": wish.next(found[PAGE - 1].id) if len(found) > PAGE else "",
    }  # fmt: skip
    return desk.page("devices/devices.html", session.lang, session, here="/devices", **context)


@door.page("/devices/{device}", "devices.see")
def look(device: str, desk: TheDesk, session: Signed) -> Response:
    """One device: what it is, and whose slots it has."""
    return _show(desk, session, device, None)


@door.form("/devices/{device}/bind", "devices.edit")
def bind(
    device: str, desk: TheDesk, session: Trusted, resident: Annotated[str, Form()] = "",
    slot: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Gives a slot, or the whole device, to somebody who lives there."""
    now, number = desk.now(), _slot(slot)
    if isinstance(number, Refusal):
        return _show(desk, session, device, number.code)
    with write(desk.engine) as connection:
        one = _device(connection, session, device)
        refused = repo_devices.bind(connection, one.household_id, one.id, [Binding(number, resident)], now)
        if refused:
            raise SorryError(404, "not-found", back=f"/devices/{one.id}")
        _record(connection, desk, session, one.id, [number, resident], now)
    return RedirectResponse(f"/devices/{device}", 303)


@door.form("/devices/{device}/unbind", "devices.edit")
def unbind(device: str, desk: TheDesk, session: Trusted, slot: Annotated[str, Form()] = "") -> Response:
    """Takes a slot away: what the device says from now on is asked about."""
    now, number = desk.now(), _slot(slot)
    if isinstance(number, Refusal):
        return _show(desk, session, device, number.code)
    with write(desk.engine) as connection:
        one = _device(connection, session, device)
        if not repo_device_desk.unbind(connection, one.id, number, By(session.by, desk.os_user), now):
            raise SorryError(409, "conflict", back=f"/devices/{one.id}")
    return RedirectResponse(f"/devices/{device}", 303)


def _slot(text: str) -> int | Refusal | None:
    """The number of a slot, None for the whole device; refused as slot where it is neither."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain:
        return None
    good = plain.isascii() and plain.isdigit() and len(plain) <= len(str(LAST_SLOT)) and int(plain) <= LAST_SLOT
    return int(plain) if good else Refusal("slot", f"slots are 0 to {LAST_SLOT}", "slot")


def _device(connection: Connection, session: Session, name: str) -> Device:
    towns = session.who.municipalities
    found = repo_device_desk.get(connection, name, towns) if is_id(name, "d") else None
    if found is None:
        raise SorryError(404, "not-found", back="/devices")
    return found


def _record(
    connection: Connection, desk: Desk, session: Session, device: str, detail: list[Any], now: datetime
) -> None:
    entry = audit.Entry(
        at=to_micros(now), actor=session.by, os_user=desk.os_user, action="device-bind", subject=device,
        detail_hash=audit.detail_hash(detail),
    )  # fmt: skip
    audit.append(connection, entry)


def _readings(connection: Connection, found: Iterable[Device]) -> dict[str, str]:
    """How the names of those who use these devices are read: enough to ask on the telephone."""
    wanted = {binding.resident for one in found for binding in one.bindings}
    return {person.id: people_rows.kana(person) for person in repo_residents.get_many(connection, wanted)}


def _users(one: Device, people: dict[str, str]) -> list[tuple[int | None, str, str]]:
    return [(binding.slot, binding.resident, people.get(binding.resident, "")) for binding in one.bindings]


def _show(desk: Desk, session: Session, device: str, refused: str | None) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        one = _device(connection, session, device)
        people = _readings(connection, [one])
        home = repo_residents.listed(connection, household=one.household_id, status="active")
        note(connection, desk, session, "device-view", now, subject=one.id)
    context: dict[str, Any] = {
        "row": people_rows.device(one, session.lang, now), "users": _users(one, people), "home": one.household_id,
        "people": [(person.id, people_rows.kana(person)) for person in home], "refused": refused, "error": refused,
    }  # fmt: skip
    here, status = f"/devices/{one.id}", 422 if refused else 200
    return desk.page("devices/device.html", session.lang, session, status=status, here=here, **context)
