"""MQTT topic names: `phr/v1/<gateway>/up/...` from a home, `phr/v1/<gateway>/down/...` to it."""

from __future__ import annotations

import re
from typing import Final, Literal

ROOT: Final = "phr/v1"
Up = Literal["state", "health", "device", "reading", "reply", "who", "left"]
Down = Literal["ack", "roster", "who"]
ALL_UP: Final = f"{ROOT}/+/up/#"
_UP = re.compile(r"phr/v1/([A-Za-z0-9-]{1,64})/up/([a-z]+)")


def up(gateway: str, leaf: Up) -> str:
    """The topic on which `gateway` says `leaf`."""
    return f"{ROOT}/{gateway}/up/{leaf}"


def down(gateway: str, leaf: Down) -> str:
    """The topic on which the engine answers `gateway`."""
    return f"{ROOT}/{gateway}/down/{leaf}"


def show(gateway: str, resident: str) -> str:
    """The topic of what a mirror may show to `resident` once it identified that person."""
    return f"{ROOT}/{gateway}/down/show/{resident}"


def command(gateway: str, verb: str) -> str:
    """The topic of a command such as `forget`; the reply comes on `up/reply`."""
    return f"{ROOT}/{gateway}/down/cmd/{verb}"


def all_down(gateway: str) -> str:
    """The filter a gateway subscribes to."""
    return f"{ROOT}/{gateway}/down/#"


def split_up(topic: str) -> tuple[str, str] | None:
    """(gateway, leaf) of an upward topic, None for a foreign one."""
    found = _UP.fullmatch(topic)
    return (found[1], found[2]) if found else None
