"""A gateway as a process: stops on SIGTERM and SIGINT, answers pairing requests on real BlueZ."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from gateway.link import Radio, RadioFailure
from gateway.lock import HomeLock
from gateway.log import log
from gateway.service import run
from gateway.settings import GatewaySettings
from gateway.spot_run import Spot


async def run_until_signalled(
    settings: GatewaySettings,
    radio: Radio,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    spot: Spot | None = None,
) -> None:
    """`gateway.service.run` until a signal comes; raises what it raises, and HomeTaken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        stack.enter_context(HomeLock(settings.home).take("gateway"))
        if settings.pairing_agent and sys.platform == "linux":
            from gateway.radio_agent import PairingAgent

            try:
                await stack.enter_async_context(PairingAgent())
            except RadioFailure as failure:
                # Devices that need no bond work without an agent; the others will say so when they are visited.
                log("agent_missing", code=failure.code)
        await run(settings, stop, radio=radio, now=now, spot=spot)
