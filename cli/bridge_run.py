"""The bridge as a process: until SIGTERM, told to the service manager."""

from __future__ import annotations

import signal
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cli.bridge import pull_once, reconcile_once
from cli.bridge_wiring import open_pusher
from cli.output import say
from cli.wiring import Settings

if TYPE_CHECKING:
    from fhir_bridge.push import Pusher

_LOOK_SECONDS = 3600.0


def serve_bridge(config: Settings, pull_every: float) -> None:
    """Push as soon as something is owed, pull every `pull_every` seconds, reconcile yesterday once a day."""
    from fhir_bridge.sync import Chore, serve
    from gateway.notify import notify

    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    def pull(pusher: Pusher) -> str:
        found = pull_once(config, pusher)
        return found["stopped"] or f"{found['people']} people"

    with open_pusher(config) as pusher:
        chores = [
            Chore(name="pull", every=pull_every, work=lambda: pull(pusher)),
            Chore(name="reconcile", every=_LOOK_SECONDS, work=lambda: _reconcile(pusher)),
        ]
        say("bridge: ready")
        notify("READY=1")
        serve(pusher, chores, lambda: bool(stopping), lambda text: say(f"bridge: {text}"),
              beat=lambda: notify("WATCHDOG=1"))  # fmt: skip
        notify("STOPPING=1")
    say("bridge: stopped")


def _reconcile(pusher: Pusher) -> str:
    """Yesterday's balance, once a day."""
    from engine.store import repo_networks
    from engine.store.database import read

    yesterday = (pusher.clock().astimezone(ZoneInfo("Asia/Tokyo")) - timedelta(days=1)).date()
    with read(pusher.engine) as connection:
        last = repo_networks.known(connection, pusher.scope.network).said.get("last", {}).get("reconcile")
    if last is not None and last["outcome"].startswith(yesterday.isoformat()) and "failed" not in last["outcome"]:
        return "done"
    balance = reconcile_once(pusher, yesterday)
    return "even" if balance.even else f"{len(balance.differences)} differ, {len(balance.failed)} failed"
