"""What devices have in common that say nothing by themselves: the gateway asks, they answer, then they hang up."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import suppress
from typing import Any

from bumble.core import BaseBumbleError

from simulators.devices.peripheral import Peripheral
from simulators.devices.storing import PATIENCE


class AskedPeripheral(Peripheral):
    """Waits to be asked; `cut` counts down to the link that is to be lost in the middle of a transfer."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.cut: int | None = None

    @abstractmethod
    def is_over(self) -> bool:
        """Whether all is said in this connection."""

    def begin(self) -> None:
        """A new connection: forget what the last one left open."""

    def wants_to_talk(self) -> bool:
        """Whether records are left."""
        return bool(self.ledger.pending())

    def drop_link(self, after: int | None) -> dict[str, Any]:
        """Cut the link now, or in the middle of a transfer after `after` further pieces of it."""
        if after is None:
            return super().drop_link(None)
        self.cut = after
        return {"dropped": 0}

    def is_cut(self, pieces: int = 1) -> bool:
        """Whether the link was lost before these `pieces`; counts them otherwise."""
        if self.cut is None or not pieces:
            return False
        if self.cut > 0:
            self.cut = max(0, self.cut - pieces)
            return False
        self.cut = None
        self.room.air.lose(self.controller)
        return True

    async def serve(self, link: Any) -> None:
        """One connection: hang up when all is said, or nobody asks."""
        self.begin()
        patience = PATIENCE
        while True:
            self.news.clear()
            try:
                async with asyncio.timeout(patience):
                    await self.news.wait()
            except TimeoutError:
                break
            patience = self.spec.quiet if self.is_over() else PATIENCE
        with suppress(BaseBumbleError):
            await link.disconnect()
