"""My devices: what they are, how full the battery is, and when they last measured me."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from fastapi.responses import HTMLResponse

from engine.people import Resident
from engine.store import repo_devices, repo_readings_of
from engine.store.database import write
from engine.store.repo_devices import Device
from engine.web.context import Signed, TheDesk, note
from engine.web.door import Door
from engine.web.me.mine import me_of, time_words
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
        note(connection, desk, session, "devices-view", now, subject=person.id)
    return sheet.page("me/devices.html", here="/me/devices", devices=rows)


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
