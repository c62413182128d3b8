"""The bridge as a process: until SIGTERM, told to the service manager; with a medical network, a platform or both."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cli.bridge import pull_once, reconcile_once
from cli.bridge_wiring import open_pusher
from cli.chores import every
from cli.output import say
from cli.platform_wiring import open_publisher
from cli.wiring import Settings

if TYPE_CHECKING:
    from fhir_bridge.platform import Publisher
    from fhir_bridge.push import Pusher

_LOOK_SECONDS = 3600.0
_PUBLISH_SECONDS = 2.0
_TURN_SECONDS = 0.2


def serve_bridge(config: Settings, pull_every: float) -> None:
    """Send what is owed as soon as it is owed, pull every `pull_every` seconds, reconcile yesterday once a day."""
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with _platform(config, lambda: bool(stopping)):
        if config.bridge.url is None and config.platform.url is not None:
            _wait(lambda: bool(stopping))
        else:
            _exchange(config, pull_every, lambda: bool(stopping))
    say("bridge: stopped")


def _exchange(config: Settings, pull_every: float, stopping: Callable[[], bool]) -> None:
    """The medical network until `stopping`; exit code 10 when none is configured."""
    from fhir_bridge.sync import Chore, serve
    from gateway.notify import notify

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
        serve(pusher, chores, stopping, lambda text: say(f"bridge: {text}"), beat=lambda: notify("WATCHDOG=1"))
        notify("STOPPING=1")


def _wait(stopping: Callable[[], bool]) -> None:
    """Until `stopping`, for a bridge that has a platform only."""
    from gateway.notify import notify

    say("bridge: ready")
    notify("READY=1")
    while not stopping():
        notify("WATCHDOG=1")
        time.sleep(_TURN_SECONDS)
    notify("STOPPING=1")


@contextmanager
def _platform(config: Settings, stopping: Callable[[], bool]) -> Iterator[None]:
    """Publishes in a thread of its own, where a platform is configured: a slow one holds up no reading."""
    if config.platform.url is None:
        yield
        return
    with (
        open_publisher(config) as publisher,
        every(_PUBLISH_SECONDS, "platform", lambda: _publish(publisher, stopping)),
    ):
        yield


def _publish(publisher: Publisher, stopping: Callable[[], bool]) -> None:
    """All that may leave now; every word about a release but that a part of it was taken."""
    while not stopping():
        step = publisher.step()
        if step.became is not None and step.became != "taken":
            why = f" [{step.code}]" if step.code else ""
            alarm = "; somebody has to look: phr release publish says more" if step.is_alarm else ""
            say(f"bridge: platform: {step.release} {step.part} {step.became}{why}{alarm}")
        elif step.became is None and step.wait != 0:
            return


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
