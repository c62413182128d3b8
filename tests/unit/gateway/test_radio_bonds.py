"""What counts as proof that a device has lost its bond: a good bond given up by mistake costs a person a walk."""

from typing import Any

import pytest
from dbus_fast import Message, Variant

from gateway.radio_bonds import Bonds
from gateway.radio_bus import DEVICE, PROPERTIES, BluezBus, Flaps

ADDRESS = "F0:00:00:00:00:21"
PATH = "/org/bluez/hci0/dev_F0_00_00_00_00_21"


def changed(**properties: bool) -> Message:
    body: list[Any] = [DEVICE, {name: Variant("b", value) for name, value in properties.items()}, []]
    return Message.new_signal(PATH, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)


def said(*words: Message) -> Flaps:
    flaps = Flaps()
    for word in words:
        flaps.hear(word)
    return flaps


DROPPED = (changed(Connected=True), changed(Connected=False))
REFUSED = Message.new_signal(
    PATH, DEVICE, "Disconnected", "ss", ["org.bluez.Reason.Authentication", "Connection terminated by local host"]
)
HUNG_UP = Message.new_signal(PATH, DEVICE, "Disconnected", "ss", ["org.bluez.Reason.Remote", "by the remote user"])


def vanished() -> Flaps:
    flaps = said(changed(Connected=True))
    flaps.lose_bluez()
    return flaps


@pytest.mark.parametrize(
    ("visits", "lost"),
    [
        ([said(*DROPPED)], False),
        ([said(*DROPPED * 50)], False),
        ([said(*DROPPED * 3), said(*DROPPED * 3)], True),
        ([said(*DROPPED), said(*DROPPED), said()], False),
        ([said(REFUSED)], True),
        ([said(HUNG_UP)], False),
        ([vanished()], False),
        ([vanished(), vanished()], True),
        ([said(changed(Connected=True), changed(ServicesResolved=True), changed(Connected=False))] * 9, False),
        ([said(changed(Connected=False))] * 9, False),
        ([said()] * 9, False),
    ],
)
def test_two_visits_or_bluez_s_own_word_prove_a_lost_bond_and_nothing_less(visits: list[Flaps], lost: bool) -> None:
    bonds = Bonds(BluezBus(lambda _: None))
    assert [bonds.doubt(ADDRESS, flaps) for flaps in visits][-1] is lost


def test_a_device_that_is_reached_once_is_trusted_again() -> None:
    bonds = Bonds(BluezBus(lambda _: None))
    assert not bonds.doubt(ADDRESS, said(*DROPPED * 3))
    bonds.trust(ADDRESS)
    assert not bonds.doubt(ADDRESS, said(*DROPPED * 3))
    assert bonds.doubt(ADDRESS, said(*DROPPED * 3))
