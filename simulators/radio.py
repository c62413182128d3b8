"""The gateway's production radio on simulated air: the same code, other bleak backends, and the replay's calendar."""

from __future__ import annotations

from gateway.radio import BleakRadio
from simulators.address import Place
from simulators.backend import client_backend, scanner_backend
from simulators.receiver import Receiver


class SimulatedRadio(BleakRadio):
    """`BleakRadio` on the air at `air`. Give the gateway's service `radio.now`: it is the replay's time of day."""

    def __init__(self, air: Place | str) -> None:
        self.receiver = Receiver(air)
        self.now = self.receiver.now
        super().__init__(None, scanner_backend(self.receiver), client_backend(self.receiver), now=self.now)

    async def close(self) -> None:
        """Stop scanning and leave the air."""
        await self.stop()
        await self.receiver.close()
