"""What the engine asks of a gateway: the household's people and commands; every answer carries the asker's id."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from engine.contract.reading import DeviceId, ResidentId
from engine.contract.topics import ROOT
from engine.contract.wire import Roster
from gateway.devices import DeviceError, Devices, Entry, write_private
from gateway.journal_erasing import Traces, erase
from gateway.journal_rows import JournalError
from gateway.link import RadioFailure
from gateway.log import log
from gateway.mirror_maps import Maps
from gateway.returning import release, wipe

ROSTER_FILE: Final = "roster.json"
JOURNAL_FILE: Final = "journal.sqlite"
Correlation = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Result = Literal["done", "waiting", "unknown-verb", "malformed", "failed"]


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command; `forget` erases what the gateway knows of a person, `release` a device, `wipe` everything.

    `release` and `wipe` are for what was lent: they are `waiting` until everything that was heard is handed over.
    `alone` says that nobody else is registered in the home: all that was heard and not handed over yet is theirs,
    unless somebody else is known here.
    """

    v: Literal[1] = 1
    correlation: Correlation
    resident: ResidentId | None = None
    alone: bool = False
    device: DeviceId | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to the order with the same correlation id; `count` is how many devices, maps and rows changed.

    Where it is `waiting`, `count` rows are not handed over yet.
    """

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
    complete = {"forget": order.resident is not None, "release": order.device is not None, "wipe": True}
    if not complete.get(verb, False):
        result: Result = "malformed" if verb in complete else "unknown-verb"
        return Reply(correlation=order.correlation, verb=verb, result=result)
    try:
        count, left = _follow(order, verb, home)
    except (DeviceError, JournalError, RadioFailure, OSError) as error:
        log(f"{verb}_failed", kind=type(error).__name__)
        return Reply(correlation=order.correlation, verb=verb, result="failed")
    if left:
        return Reply(correlation=order.correlation, verb=verb, result="waiting", count=left)
    return Reply(correlation=order.correlation, verb=verb, result="done", count=count)


def _follow(order: Order, verb: str, home: Path) -> tuple[int, int]:
    """How much was changed, and how much is still to be handed over before anything is."""
    if verb == "forget" and order.resident is not None:
        return _forget(order.resident, home, alone=order.alone), 0
    if verb == "release" and order.device is not None:
        return release(order.device, home)
    return wipe(home)


def _forget(resident: str, home: Path, *, alone: bool) -> int:
    """Journal, devices, maps and roster without the person; raises where one of them cannot be changed.

    The journal goes first: once the bindings are gone nobody knows which of its rows were theirs. It goes again at the
    end, for what was decoded in between.
    """
    devices, journal = Devices(home), home / JOURNAL_FILE
    # An order may have waited for this gateway for weeks, and whoever moved in meanwhile is known here.
    alone = alone and not _others(devices.load(), resident, home)
    traces = _traces(devices.load(), resident, everything=alone)
    count = erase(journal, traces)
    count += devices.forget_resident(resident) + Maps(home).forget_resident(resident)
    for item in devices.load():
        # 花子の体重計 is a name, and nobody is left whose scale it is.
        if item.name is not None and (alone or item.id in traces.devices):
            devices.change(item.id, _nameless)
    _strike(resident, home)
    return count + erase(journal, traces)


def _traces(listed: tuple[Entry, ...], resident: str, *, everything: bool) -> Traces:
    slots = {
        (item.id, -1 if bound.slot is None else bound.slot)
        for item in listed
        for bound in item.bindings
        if bound.resident == resident
    }
    theirs = {
        item.id
        for item in listed
        if item.bindings and all(bound.resident == resident for bound in item.bindings)
        and all(newcomer.resident == resident for newcomer in item.waiting)
    }  # fmt: skip
    return Traces(resident=resident, slots=frozenset(slots), devices=frozenset(theirs), everything=everything)


def _others(listed: tuple[Entry, ...], resident: str, home: Path) -> bool:
    """Whether anybody else has a slot here or is on the household's list."""
    bound = {one.resident for item in listed for one in item.bindings}
    bound.update(one.resident for item in listed for one in item.waiting)
    with suppress(FileNotFoundError, msgspec.MsgspecError):
        bound.update(msgspec.json.decode((home / ROSTER_FILE).read_bytes(), type=Roster).residents)
    return bool(bound - {resident})


def _nameless(item: Entry) -> Entry:
    return msgspec.structs.replace(item, name=None)


def _strike(resident: str, home: Path) -> None:
    """The household's list of people without this one; one that cannot be read is sent again by the engine."""
    path = home / ROSTER_FILE
    try:
        listed = msgspec.json.decode(path.read_bytes(), type=Roster)
    except FileNotFoundError:
        return
    except msgspec.MsgspecError:
        path.unlink()
        return
    if resident in listed.residents:
        kept = tuple(one for one in listed.residents if one != resident)
        write_private(path, msgspec.json.encode(msgspec.structs.replace(listed, residents=kept)))


def _keep_roster(payload: bytes, home: Path) -> None:
    try:
        msgspec.json.decode(payload, type=Roster)
        write_private(home / ROSTER_FILE, payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        log("roster_refused", kind=type(error).__name__)
