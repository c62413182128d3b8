"""My devices: what they are, how full the battery is, and when they last measured me."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

from fastapi.responses import HTMLResponse

from engine.locale import Language
from engine.people import Resident
from engine.picture import zone_of
from engine.store import repo_devices, repo_loans, repo_readings_of
from engine.store.database import Connection, write
from engine.store.repo_devices import Device
from engine.web.context import Signed, TheDesk, note
from engine.web.door import Door
from engine.web.me.mine import day_words, me_of, time_words
from engine.web.me.sheet import TheSheet

door = Door()
# Percent from which a battery is called low, and empty: a cell of a scale lasts weeks below the first.
_LOW: Final = 25
_EMPTY: Final = 10
# What a device is called by what it measured; who measures pressure is a monitor even if it weighs as well.
_SORTS: Final = (
    ("pressure", {"systolic"}),
    ("scale", {"body-weight"}),
    ("oximeter", {"spo2"}),
    ("thermometer", {"body-temperature"}),
    ("band", {"steps-total", "steps-day", "steps-interval", "heart-rate"}),
)
Battery = Literal["full", "low", "empty", "unknown"]


@door.page("/me/devices", "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """The devices that measure me, and how to add one."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        home = repo_devices.devices(connection, person.household_id) if person.household_id else []
        kinds = repo_readings_of.by_device(connection, person.id)
        rows = [
            {
                "id": one.id, "name": " ".join(filter(None, (one.maker, one.model))),
                "sort": sort_of(kinds.get(one.id, {})), "battery": battery_of(one.battery),
                "last": time_words(session.lang, max(kinds[one.id].values()), connection, person)
                if one.id in kinds else "",
            }
            for one in home
            if is_mine(one, person) or one.id in kinds
        ]  # fmt: skip
        lent = _loans(connection, person, now, session.lang)
        note(connection, desk, session, "devices-view", now, subject=person.id)
    return sheet.page("me/devices.html", here="/me/devices", devices=rows, loans=lent)


def _loans(connection: Connection, person: Resident, now: datetime, lang: Language) -> list[dict[str, object]]:
    """What this person has on loan, the next due first."""
    today = now.astimezone(zone_of(connection, person)).date()
    return [
        {"asset": one.asset, "sort": one.sort, "day": day_words(lang, one.due_on), "over": one.due_on < today}
        for one in repo_loans.of_resident(connection, person.id)
    ]


def is_mine(device: Device, person: Resident) -> bool:
    """Whether the device, or one of its slots, is this person's."""
    return any(binding.resident == person.id for binding in device.bindings)


def battery_of(percent: int | None) -> Battery:
    """How full a battery is, in a word."""
    if percent is None:
        return "unknown"
    return "empty" if percent <= _EMPTY else "low" if percent <= _LOW else "full"


def sort_of(kinds: Iterable[str]) -> str:
    """What kind of thing measured these kinds; where it measured nothing yet, a device."""
    measured = set(kinds)
    return next((sort for sort, signs in _SORTS if measured & signs), "other")
