"""Lending and taking back in the store: what must hold before, and what follows for slots and gateways."""

from __future__ import annotations

import secrets
from datetime import date, datetime

import msgspec

from engine.contract.ids import device_id, is_id
from engine.loans import Ended, Loan, Order, Sort, hinders, read_due, rules
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.situation import gone
from engine.store import audit, repo_device_desk, repo_devices, repo_life, repo_loans, repo_places, repo_residents
from engine.store.database import Connection
from engine.store.repo_devices import WHOLE
from engine.store.repo_facts import By

_CHANGED = Refusal("changed", "somebody else changed this loan in the meantime")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is lent to whom; `device` is named only where it is in the home already, `due` None is the usual time."""

    asset: str
    sort: Sort
    resident: str
    due: date | None = None
    address: str | None = None
    device: str | None = None
    gateway: str | None = None
    remark: str | None = None


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """How a thing comes back: `cleared` says that somebody cleared its memory, `unused` that it never measured.

    `device` or `gateway` name it where the loan does not know yet which it is.
    """

    ended: Ended = "returned"
    cleared: bool = False
    unused: bool = False
    device: str | None = None
    gateway: str | None = None
    remark: str | None = None


def lend(connection: Connection, wish: Wish, now: datetime, by: By) -> Loan | Refusal:
    """Lends a thing; refused already-out, other-sort, not-wiped, not-cleared, due, inactive, unknown-resident.

    Refused also not-in-household, device-taken and elsewhere for a device or gateway that cannot be it.
    """
    # Of two who lend the same thing at once the second sees that it is out.
    audit.take_turn(connection)
    person = repo_residents.get(connection, wish.resident)
    if person is None:
        return Refusal("unknown-resident", f"there is no resident {wish.resident}", "resident")
    left, last = gone(repo_life.situation(connection, person.id), now), repo_loans.newest(connection, wish.asset)
    refused = left or hinders(last, wish.sort)
    due = read_due(wish.due, wish.sort, now.astimezone(zone_of(connection, person)).date())
    if refused is not None or isinstance(due, Refusal):
        return refused or due  # type: ignore[return-value] # one of the two is a refusal
    address = wish.address or (last.address if last else None)
    device = wish.device or _by_address(person, address)
    refused = _taken(connection, device) or _unfit(connection, person, wish.device, wish.gateway)
    if refused is not None:
        return refused
    repo_loans.let_be(connection, wish.asset)
    loan = Loan(
        seq=0, asset=wish.asset, sort=wish.sort, resident=person.id, municipality=person.municipality_code,
        lent_at=now, lent_by=by.actor, due_on=due, address=address, remark=wish.remark,
        device=device if rules().of(wish.sort).measures else None,
        gateway=wish.gateway if wish.sort == "gateway" else None,
    )  # fmt: skip
    return repo_loans.add(connection, loan, by)


def extend(connection: Connection, loan: Loan, due: date, now: datetime, by: By) -> Loan | Refusal:
    """Gives a thing for longer, or for less long; refused not-out, due or changed."""
    if loan.returned_at is not None:
        return Refusal("not-out", f"{loan.asset} is not out")
    person = repo_residents.get(connection, loan.resident)
    today = now.astimezone(zone_of(connection, person)).date() if person else now.date()
    read = read_due(due, loan.sort, today)
    if isinstance(read, Refusal):
        return read
    return repo_loans.change(connection, loan, "loan-extend", by, now, due_on=read) or _CHANGED


def name(connection: Connection, loan: Loan, device: str | None, gateway: str | None, now: datetime, by: By) -> (
    Loan | Refusal
):  # fmt: skip
    """Says which device or gateway of the borrower's home the lent thing is."""
    person = repo_residents.get(connection, loan.resident)
    if person is None or loan.returned_at is not None:
        return Refusal("not-out", f"{loan.asset} is not out")
    refused = _unfit(connection, person, device, gateway, loan)
    if refused is not None:
        return refused
    values = {"device": device} if device else {"gateway": gateway}
    return repo_loans.change(connection, loan, "loan-name", by, now, **values) or _CHANGED


def take_back(connection: Connection, loan: Loan, back: Back, now: datetime, by: By) -> Loan | Refusal:
    """Takes a thing back, or notes that it is lost or broken: from now on what it measures is nobody's.

    Its slots end, what is still to come from before stays their holders', and every gateway of the home is told to
    give it up. Refused not-out, changed, and which-device or which-gateway where nobody said which one it is.
    """
    audit.take_turn(connection)
    if loan.returned_at is not None:
        return Refusal("not-out", f"{loan.asset} is not out")
    if repo_loans.get(connection, loan.seq) != loan:
        return _CHANGED
    if back.device or back.gateway:
        named = name(connection, loan, back.device, back.gateway, now, by)
        if isinstance(named, Refusal):
            return named
        loan = named
    homes = _homes(connection, loan)
    if homes:
        loan = msgspec.structs.replace(loan, device=homes[-1])
    refused = None if back.unused else _unnamed(connection, loan)
    if refused is not None:
        return refused
    _unbind(connection, loan, homes, now, by)
    orders = _orders(connection, loan, homes)
    return repo_loans.change(
        connection, loan, "loan-return", by, now, returned_at=now, returned_by=by.actor, ended=back.ended,
        orders=orders, tell_at=now if orders else None, wiped_at=None if orders else now,
        cleared_at=now if back.cleared else None, remark=back.remark or loan.remark,
    ) or _CHANGED  # fmt: skip


def clear(connection: Connection, loan: Loan, now: datetime, by: By) -> Loan | Refusal:
    """Notes that somebody cleared the thing's own memory; refused still-out, already-cleared or changed."""
    if loan.returned_at is None:
        return Refusal("still-out", f"{loan.asset} is out")
    if loan.is_cleared:
        return Refusal("already-cleared", f"{loan.asset} holds nothing")
    return repo_loans.change(connection, loan, "loan-clear", by, now, cleared_at=now) or _CHANGED


def wipe_by_hand(connection: Connection, loan: Loan, remark: str, now: datetime, by: By) -> Loan | Refusal:
    """Notes that nothing is left on a gateway that will never answer, and why; a device's gateway is told on.

    A lent gateway is told no more: it may be another home's by then. Refused still-out, already-wiped or changed.
    """
    if loan.returned_at is None:
        return Refusal("still-out", f"{loan.asset} is out")
    if loan.wiped_at is not None:
        return Refusal("already-wiped", f"{loan.asset} is wiped")
    if loan.sort == "gateway" and loan.gateway:
        repo_places.dismiss_gateway(connection, loan.gateway)
    tell_at = None if loan.sort == "gateway" else loan.tell_at
    values = {"wiped_at": now, "tell_at": tell_at, "remark": remark}
    return repo_loans.change(connection, loan, "loan-wiped-by-hand", by, now, **values) or _CHANGED


def _by_address(person: Resident, address: str | None) -> str | None:
    return device_id(person.household_id, address) if address and person.household_id else None


def _taken(connection: Connection, device: str | None, loan: Loan | None = None) -> Refusal | None:
    other = repo_loans.holding(connection, device) if device is not None else None
    if other is None or (loan is not None and other.seq == loan.seq):
        return None
    return Refusal("device-taken", f"{device} is out as {other.asset}", "device")


def _unfit(
    connection: Connection, person: Resident, device: str | None, gateway: str | None, loan: Loan | None = None
) -> Refusal | None:
    """Why the named device or gateway cannot be what is lent to this person."""
    if device is not None:
        known = repo_devices.of(connection, [device]).get(device) if is_id(device, "d") else None
        if known is None or known.household_id != person.household_id:
            return Refusal("not-in-household", f"{device} is no device of the borrower's home", "device")
        taken = _taken(connection, device, loan)
        if taken is not None:
            return taken
    if gateway is not None:
        homes = {one.id: one.household_id for one in repo_places.gateways(connection)}
        if not is_id(gateway, "g") or homes.get(gateway, person.household_id) != person.household_id:
            return Refusal("elsewhere", f"{gateway} is no gateway of the borrower's home", "gateway")
    return None


def _unnamed(connection: Connection, loan: Loan) -> Refusal | None:
    """That somebody must say which device or gateway it is, before its slots can end."""
    known = loan.device is not None and bool(repo_devices.of(connection, [loan.device]))
    if rules().of(loan.sort).measures and not known:
        found = repo_loans.candidates(connection, loan)
        return Refusal("which-device", ", ".join(found), "device") if found else None
    if loan.sort == "gateway" and loan.gateway is None:
        person = repo_residents.get(connection, loan.resident)
        home = person.household_id if person else None
        here = [one.id for one in repo_places.gateways(connection, home)] if home else []
        return Refusal("which-gateway", ", ".join(here), "gateway") if here else None
    return None


def _homes(connection: Connection, loan: Loan) -> list[str]:
    """The ids by which gateways know a lent device, of the borrower's home of now last: it may have moved with them."""
    person = repo_residents.get(connection, loan.resident)
    here = _by_address(person, loan.address) if person and rules().of(loan.sort).measures else None
    names = [one for one in (loan.device, here) if one is not None]
    known = repo_devices.of(connection, names)
    named = known.get(loan.device or "")
    if person is not None and named is not None and named.household_id == person.household_id:
        return [named.id]  # a label that says otherwise was mistyped
    return [one for one in names if one in known]


def _unbind(connection: Connection, loan: Loan, homes: list[str], now: datetime, by: By) -> None:
    """Ends every slot of it; those of the home it was in last are kept for what is still to come from before."""
    for device in homes:
        if device == loan.device:
            repo_loans.keep_slots(connection, loan, device)
        for slot in repo_loans.slots(connection, device):
            repo_device_desk.unbind(connection, device, None if slot == WHOLE else slot, by, now)


def _orders(connection: Connection, loan: Loan, homes: list[str]) -> tuple[Order, ...]:
    """Who has something of it to give up: every gateway of the homes it was in, or the lent gateway itself."""
    if loan.sort == "gateway":
        known = {one.id for one in repo_places.gateways(connection)}
        return (_order(loan.gateway, None),) if loan.gateway in known else ()
    places = {one.id: one.household_id for one in repo_devices.of(connection, homes).values()}
    return tuple(
        _order(gateway.id, device) for device in homes for gateway in repo_places.gateways(connection, places[device])
    )


def _order(gateway: str, device: str | None) -> Order:
    return Order(gateway=gateway, device=device, correlation=f"loan-{secrets.token_hex(16)}")
