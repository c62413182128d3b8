"""The air of a simulated home: virtual devices and gateway radios hear each other through it, without an adapter.

The air lives in the devices' process. Each gateway process opens one HCI connection to it (a loopback TCP port or a
Unix socket) and gets a Bluetooth controller of its own, so two gateways of a home hear the same adverts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bumble import hci, ll
from bumble.controller import Controller
from bumble.link import LocalLink
from bumble.transport.common import PacketParser

from simulators.address import Place

if TYPE_CHECKING:
    from collections.abc import Iterable

LOST = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
MISSED = hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR
# A device on the same shelf, and one so far away that its link never comes about.
NEAR, OUT_OF_REACH = -50, -95
CANCELLED = hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR


class Air(LocalLink):  # type: ignore[misc]  # bumble is untyped here
    """The medium: carries packets between controllers and can lose a link as walls and empty batteries do."""

    def __init__(self) -> None:
        super().__init__()
        self.antennas: set[_Antenna] = set()
        # How strongly the devices are heard, in dBm by address.
        self.strength: dict[Any, int] = {}
        # How many links of a controller broke without a goodbye.
        self.lost: Counter[Any] = Counter()
        self._taken: set[Any] = set()
        self._server: asyncio.Server | None = None
        self.announcement = b""

    async def listen(self, place: Place) -> Place:
        """Accept gateways at `place` (port 0: any free one) and say where; raises OSError when it is taken."""
        loop = asyncio.get_running_loop()
        port = partial(_HciPort, self)
        if place.path is not None:
            remove_socket(place.path)
            self._server = await loop.create_unix_server(port, place.path)
            return place
        self._server = await loop.create_server(port, place.host, place.port)
        return Place(host=place.host, port=self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Accept no more gateways."""
        if self._server is not None:
            self._server.close()

    def announce(self, data: bytes) -> None:
        """Tell every gateway radio, now and when it begins to scan, in order with everything else it hears."""
        self.announcement = data
        for antenna in self.antennas:
            antenna.send_hci_packet(hci.HCI_Vendor_Event(data))

    def listening(self) -> frozenset[object]:
        """The gateway controllers that are scanning right now."""
        return frozenset(antenna for antenna in self.antennas if antenna.le_scan_enable)

    def lose(self, controller: Any) -> int:
        """Break every link of `controller` without a goodbye, on both sides; the number of links broken."""
        links = list(controller.le_connections.values())
        for link in links:
            self._break(controller, link)
        self.lost[controller] += len(links)
        return len(links)

    def leave(self, controller: Any) -> None:
        """Take `controller` off the air: its peers see a supervision timeout."""
        self.lose(controller)
        self.antennas.discard(controller)
        self.controllers.discard(controller)

    def _break(self, controller: Any, link: Any) -> None:
        peer = self.find_le_controller(link.peer_address)
        _end(controller, link, LOST)
        back = peer.le_connections.get(link.self_address) if peer is not None else None
        if peer is not None and back is not None:
            _end(peer, back, LOST)

    def send_advertising_pdu(self, sender_controller: Any, packet: Any) -> None:
        """Carry an advertising packet; a connection request reaches its advertiser only once, as on real air."""
        if isinstance(packet, ll.ConnectInd) and not (
            self.strength.get(packet.advertiser_address, NEAR) > OUT_OF_REACH and self._claim(packet.advertiser_address)
        ):
            # bumble's central believes itself connected at once: the loser of the race is told 0x3E as radios do.
            link = sender_controller.le_connections[packet.advertiser_address]
            asyncio.get_running_loop().call_soon(_end, sender_controller, link, MISSED)
            return
        super().send_advertising_pdu(sender_controller, packet)

    def send_ll_control_pdu(self, sender_address: Any, receiver_address: Any, packet: Any) -> None:
        """Carry a control packet; one to a peer that just left the air is lost."""
        if self.find_le_controller(receiver_address) is not None:
            super().send_ll_control_pdu(sender_address, receiver_address, packet)

    def _claim(self, address: Any) -> bool:
        if address in self._taken or not any(_advertises(c, address) for c in self.controllers):
            return False
        self._taken.add(address)
        asyncio.get_running_loop().call_soon(self._taken.discard, address)
        return True


def remove_socket(path: str) -> None:
    """Clear away the Unix socket a killed predecessor left."""
    Path(path).unlink(missing_ok=True)


def _end(controller: Any, link: Any, reason: int) -> None:
    if controller.le_connections.get(link.peer_address) is link:
        controller.on_le_disconnected(link, reason)


def _advertises(controller: Any, address: Any) -> bool:
    sets: Iterable[Any] = (controller.le_legacy_advertiser, *controller.advertising_sets.values())
    return any(one.enabled and one.address == address for one in sets)


class _Antenna(Controller):  # type: ignore[misc]  # bumble is untyped here
    """A gateway's controller, with the cancellation of a pending connection that bumble's lacks."""

    pending_le_connection: Any

    def on_hci_le_set_extended_scan_enable_command(self, command: Any) -> Any:
        # bumble's host drops events before its reset is over, so joining is too early.
        self.send_hci_packet(hci.HCI_Vendor_Event(self.link.announcement))
        return super().on_hci_le_set_extended_scan_enable_command(command)

    def send_hci_packet(self, packet: Any) -> None:
        # bumble hears everything equally well.
        if isinstance(packet, hci.HCI_LE_Extended_Advertising_Report_Event):
            for report in packet.reports:
                report.rssi = self.link.strength.get(report.address, NEAR)
        super().send_hci_packet(packet)

    def on_hci_le_create_connection_cancel_command(self, command: Any) -> Any:
        pending: Any = self.pending_le_connection
        self.pending_le_connection = None
        if pending is not None:
            self.send_hci_packet(
                hci.HCI_LE_Connection_Complete_Event(
                    status=CANCELLED,
                    connection_handle=0,
                    role=hci.Role.CENTRAL,
                    peer_address_type=pending.peer_address.address_type,
                    peer_address=pending.peer_address,
                    connection_interval=0,
                    peripheral_latency=0,
                    supervision_timeout=0,
                    central_clock_accuracy=0,
                )
            )
        return super().on_hci_le_create_connection_cancel_command(command)


class _HciPort(asyncio.Protocol):
    """One gateway's HCI connection: bytes in and out of its controller until the gateway goes or is killed."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self._parser = PacketParser()
        self._antenna: Any = None
        self._wire: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)
        self._antenna = _Antenna(f"gateway-{len(self._air.antennas)}", host_sink=self, link=self._air)
        self._parser.set_packet_sink(self._antenna)
        self._air.antennas.add(self._antenna)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_packet(self, packet: bytes) -> None:
        """What the controller says to its host (bumble's sink protocol)."""
        if self._wire is not None and not self._wire.is_closing():
            self._wire.write(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._wire = None
        self._air.leave(self._antenna)
