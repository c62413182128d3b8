"""What the engine asks of a gateway: the household's people and commands; every answer carries the asker's id."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from engine.contract.reading import ResidentId
from engine.contract.topics import ROOT
from engine.contract.wire import Roster
from gateway.devices import DeviceError, Devices, write_private
from gateway.log import log
from gateway.mirror_maps import Maps

ROSTER_FILE: Final = "roster.json"
Correlation = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Result = Literal["done", "unknown-verb", "malformed", "failed"]


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command; `forget` erases what the gateway knows of a person."""

    v: Literal[1] = 1
    correlation: Correlation
    resident: ResidentId | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to the order with the same correlation id; `count` is the number of devices and maps changed."""

    v: Literal[1] = 1
    correlation: str
    verb: str
    result: Result
    count: int = 0


def follow(topic: str, payload: bytes, gateway: str, home: Path) -> bytes | None:
    """Do what the message on `topic` asks; the reply to send, None when none is due. Never raises for bad input."""
    leaf = topic.removeprefix(f"{ROOT}/{gateway}/down/")
    if leaf == "roster":
        _keep_roster(payload, home)
        return None
    if not leaf.startswith("cmd/"):
        return None
    verb = leaf.removeprefix("cmd/")[:32]
    try:
        order = msgspec.json.decode(payload, type=Order)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.encode(Reply(correlation="", verb=verb, result="malformed"))
    return msgspec.json.encode(_obey(order, verb, home))


def _obey(order: Order, verb: str, home: Path) -> Reply:
    if verb != "forget" or order.resident is None:
        result: Result = "malformed" if verb == "forget" else "unknown-verb"
        return Reply(correlation=order.correlation, verb=verb, result=result)
    try:
        count = Devices(home).forget_resident(order.resident) + Maps(home).forget_resident(order.resident)
    except (DeviceError, OSError):
        return Reply(correlation=order.correlation, verb=verb, result="failed")
    return Reply(correlation=order.correlation, verb=verb, result="done", count=count)


def _keep_roster(payload: bytes, home: Path) -> None:
    try:
        msgspec.json.decode(payload, type=Roster)
        write_private(home / ROSTER_FILE, payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        log("roster_refused", kind=type(error).__name__)
