"""The help desk: devices of my towns, whose slots they have, and never a value or the name of a town's neighbour."""

from __future__ import annotations

from datetime import timedelta

from engine.contract.wire import DeviceNote
from engine.store import audit, repo_devices, repo_places
from engine.store.database import read, write
from tests.homes import DEVICE, HOUSEHOLD
from tests.web.care import YUZA, weighed
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
AWAY, THEIRS = "h-yuzahomeyuzaa", "d-yuzahomeyuzaa"
PAGE = f"/devices/{DEVICE}"


def elsewhere(desk: Desk) -> None:
    """A device of another town."""
    with write(desk.engine) as connection:
        repo_places.add_household(connection, repo_places.Household(id=AWAY, municipality_code=YUZA), NOW)
        repo_devices.note(connection, AWAY, DeviceNote(device=THEIRS, profile="sig-weight", model="よその体重計"), NOW)


def slots(desk: Desk) -> dict[int | None, str]:
    with read(desk.engine) as connection:
        [one] = repo_devices.devices(connection, HOUSEHOLD)
    return {binding.slot: binding.resident for binding in one.bindings}


async def test_devices_of_my_towns_are_listed_without_a_value_or_a_written_name(desk: Desk) -> None:
    elsewhere(desk)
    weighed(desk.engine, TARO, NOW, ["84.25"])
    with write(desk.engine) as connection:
        note = DeviceNote(device=DEVICE, profile="sig-weight", model="体重計X", firmware="1.2", battery=15)
        repo_devices.note(connection, HOUSEHOLD, note, NOW - timedelta(days=20))
    desk.enter_as("helpdesk", by="s-helpdeskhelpd")
    for page in ("/devices", "/devices?view=low", "/devices?view=silent", "/devices?q=やまだ"):
        text = (await desk.browser.get(page)).text
        assert DEVICE in text, page
        assert "15 %" in text
        assert "電池が少ない" in text
        assert "ヤマダ ハナコ" in text
        for secret in ("84.25", "山田", THEIRS, "よその体重計"):
            assert secret not in text
    for empty in ("/devices?view=unbound", "/devices?q=さとう"):
        assert "あてはまる機器はありません" in (await desk.browser.get(empty)).text
    assert (await desk.browser.get(f"/devices/{THEIRS}")).status_code == 404


async def test_a_slot_is_given_and_taken_with_an_audit_entry_and_only_within_the_home(desk: Desk) -> None:
    elsewhere(desk)
    session = desk.enter_as("helpdesk", by="s-helpdeskhelpd")
    form = Page((await desk.browser.get(PAGE)).text).forms
    gone = await desk.browser.post(f"{PAGE}/unbind", data=form[f"{PAGE}/unbind"] | {"slot": "2"})
    assert gone.status_code == 303
    assert slots(desk) == {1: HANAKO}
    back = await desk.browser.post(f"{PAGE}/bind", data=form[f"{PAGE}/bind"] | {"slot": "３", "resident": TARO})
    assert back.status_code == 303
    assert slots(desk) == {1: HANAKO, 3: TARO}
    stranger = await desk.browser.post(
        f"{PAGE}/bind", data=form[f"{PAGE}/bind"] | {"slot": "4", "resident": "r-nobodynobody2"}
    )
    assert stranger.status_code == 404
    for verb in ("bind", "unbind"):
        odd = await desk.browser.post(f"{PAGE}/{verb}", data={"csrf": session.csrf, "slot": "x", "resident": TARO})
        assert odd.status_code == 422
        away = await desk.browser.post(f"/devices/{THEIRS}/{verb}", data={"csrf": session.csrf, "slot": "1"})
        assert away.status_code == 404
    assert slots(desk) == {1: HANAKO, 3: TARO}
    with read(desk.engine) as connection:
        done = [link.action for link in audit.entries(connection, limit=100) if link.subject == DEVICE]
    assert [action for action in done if action != "device-view"] == ["device-unbind", "device-bind"]


async def test_a_nurse_looks_at_devices_and_changes_none(desk: Desk) -> None:
    session = desk.enter_as("nurse")
    page = (await desk.browser.get(PAGE)).text
    assert f"{PAGE}/unbind" not in page
    sent = await desk.browser.post(f"{PAGE}/unbind", data={"csrf": session.csrf, "slot": "1"})
    assert sent.status_code == 403
