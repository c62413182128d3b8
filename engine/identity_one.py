"""Residents and family prove themselves by the city's ID: the way to its provider, back, and the first time.

Whoever the provider vouches for is known here by the pairwise subject alone. The first time it is nobody's: then a
code from the desk says whose record it is, once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

import msgspec

from engine.access import Identity
from engine.contract.ids import is_id
from engine.identity_codes import CodeProof
from engine.locale import Language
from engine.one_id import OLDEST_LOGIN, Asking, Client, Provider, read_answer, way_there
from engine.one_id_tokens import Claims, Expected
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.situation import signs_in
from engine.store import repo_family, repo_life, repo_notices, repo_one_id, repo_one_id_ways, repo_residents
from engine.store.database import Connection, Engine, read, write
from engine.store.filing import By
from engine.store.repo_one_id import Subject
from engine.store.repo_one_id_ways import Came, Flow, Purpose

FLOW_LIFE: Final = timedelta(minutes=10)
TICKET_LIFE: Final = timedelta(minutes=10)
# How long a sign-in with the card counts as one: whoever changes consents held it a moment ago.
CARD_HOLDS: Final = timedelta(minutes=15)
_BITS: Final = 32
_SECRET, _NONCE, _TICKET = "one-id way", "one-id nonce", "one-id ticket"
_LOST: Final = Refusal("no-way", "this sign-in was begun elsewhere, is used up or too old")
# A provider that is silent, and a person who did not finish, are no attack.
_HARMLESS: Final = frozenset({"provider-down", "provider-busy", "not-done", "code-spent", "stale-login", "no-card"})


class Vouching(Protocol):
    """The provider as these functions need it (`engine.web.oidc.OneId`)."""

    client: Client

    def provider(self, now: datetime) -> Provider | Refusal:
        """What it says of itself."""
        ...

    def claims(self, code: str, asking: Asking, expected: Expected, now: datetime) -> Claims | Refusal:
        """Who came back with a code."""
        ...


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody is sent to the provider: `browser` is the cookie they are known by, `redirect` where they return.

    `holder` is who they are already, `before` the hash of the session that ends when the new one begins, `kept` what
    they had typed (`engine.web.account.resume`), `onward` where they wanted to go.
    """

    purpose: Purpose
    browser: str
    redirect: str
    lang: Language
    onward: str = "/"
    holder: str | None = None
    before: str | None = None
    kept: str = ""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody back from the provider: what they had wished, and the ticket that says who the provider vouched for."""

    wish: Wish
    ticket: str


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Who the provider vouched for just now; `fresh` when they proved themselves there since they left us."""

    who: Subject
    came: Came
    fresh: bool
    at: datetime


class _Secret(msgspec.Struct, frozen=True):
    verifier: str
    wish: Wish


def depart(engine: Engine, seal: Seal, one_id: Vouching, wish: Wish, now: datetime) -> str | Refusal:
    """The address of the provider for somebody who sets out now; good for ten minutes and for their browser alone."""
    provider = one_id.provider(now)
    if isinstance(provider, Refusal):
        return provider
    state, nonce, verifier = (secrets.token_urlsafe(_BITS) for _ in range(3))
    secret = msgspec.json.encode(_Secret(verifier, msgspec.structs.replace(wish, browser=""))).decode()
    flow = Flow(
        hash=_hash(state), purpose=wish.purpose, holder=wish.holder, nonce=seal.seal(nonce, _NONCE),
        verifier=seal.seal(secret, _SECRET), browser=_hash(wish.browser), onward=wish.onward, at=now,
        until=now + FLOW_LIFE,
    )  # fmt: skip
    with write(engine) as connection:
        if not repo_one_id_ways.depart(connection, flow, now):
            return Refusal("slow-down", "too many sign-ins at once; wait a minute")
    return way_there(provider, one_id.client, _asking(wish, state, nonce, verifier))


def arrive(
    engine: Engine, seal: Seal, one_id: Vouching, given: Mapping[str, str], browser: str, now: datetime, os_user: str
) -> Arrival | Refusal:
    """Who came back by `given` (the query of the redirect); a refusal that may be an attack stands in the audit."""
    state = given.get("state", "")
    with write(engine) as connection:
        flow = repo_one_id_ways.arrive(connection, _hash(state), _hash(browser), now)
    nonce = None if flow is None else seal.open(flow.nonce, _NONCE)
    packed = None if flow is None else seal.open(flow.verifier, _SECRET)
    if flow is None or nonce is None or packed is None:
        return _LOST
    secret = msgspec.json.decode(packed, type=_Secret)
    wish = msgspec.structs.replace(secret.wish, browser=browser)
    asking = _asking(wish, state, nonce, secret.verifier)
    claims = _vouched(one_id, flow, asking, given, now)
    if isinstance(claims, Refusal):
        if claims.code not in _HARMLESS:
            with write(engine) as connection:
                repo_one_id.note_refused(connection, flow.holder or "one-id", now, os_user)
        return claims
    client = one_id.client
    ticket = Ticket(
        who=Subject(client.issuer, client.client_id, claims.subject), fresh=claims.at >= flow.at.replace(microsecond=0),
        came=Came(
            issuer=client.issuer, subject=claims.subject, sid=claims.sid, acr=claims.acr, at=min(claims.at, now)
        ), at=now,
    )  # fmt: skip
    return Arrival(wish=wish, ticket=seal.seal(msgspec.json.encode(ticket).decode(), _about(browser)))


def ticket_of(seal: Seal, sealed: str, browser: str, now: datetime) -> Ticket | None:
    """The ticket that was given to this browser within ten minutes."""
    packed = seal.open(sealed, _about(browser)) if sealed and browser else None
    ticket = None if packed is None else msgspec.json.decode(packed, type=Ticket)
    return ticket if ticket is not None and ticket.at <= now < ticket.at + TICKET_LIFE else None


class OneIdProof:
    """The city's ID: a `ticket` of this `browser`; for the first time also a `code` of the desk, `month` and `day`."""

    def __init__(self, engine: Engine, seal: Seal, os_user: str) -> None:
        self._engine = engine
        self._seal = seal
        self._os_user = os_user

    def prove(self, given: Mapping[str, str], now: datetime) -> Identity | Refusal:
        """Whose ID it is; `not-linked` when it is nobody's yet, and of two IDs and one record never more than one."""
        ticket = ticket_of(self._seal, given.get("ticket", ""), given.get("browser", ""), now)
        if ticket is None:
            return _LOST
        with read(self._engine) as connection:
            # Whoever stood up and signed out at the provider leaves no page behind that the next one can go on with.
            left = repo_one_id_ways.left_until(connection, ticket.came)
            if left is not None and ticket.at <= left - TICKET_LIFE:
                return _LOST
            holder = repo_one_id.holder_of(connection, ticket.who)
            known = identity_of(connection, holder, now) if holder else None
        if holder is not None:
            return known or Refusal("closed", "this record is closed")
        if "code" not in given:
            return Refusal("not-linked", "this ID is not linked to a record yet")
        return self._link(ticket, given, now)

    def _link(self, ticket: Ticket, given: Mapping[str, str], now: datetime) -> Identity | Refusal:
        # Whoever sat at this computer before may still be signed in at the provider: their ID must not get this record.
        if not ticket.fresh:
            return Refusal("not-fresh", "sign in at the provider anew before linking")
        who = CodeProof(self._engine, self._os_user).prove(given, now)
        if isinstance(who, Refusal):
            return who
        with write(self._engine) as connection:
            made = repo_one_id.link(connection, ticket.who, who.id, "code", now, By(who.id, self._os_user))
            if not isinstance(made, Refusal) and is_id(who.id, "r"):
                # A code left on a table lets anybody in who knows the birthday: its owner hears of it.
                repo_notices.owe(connection, who.id, "one-id", str(made.seq), now)
        return made if isinstance(made, Refusal) else who


def identity_of(connection: Connection, holder: str, now: datetime) -> Identity | None:
    """Who a linked resident or family member is; None when their record or account is closed."""
    if is_id(holder, "m"):
        member = repo_family.get(connection, holder)
        return None if member is None or member.ended_at is not None else member.identity
    person = repo_residents.get(connection, holder)
    if person is None or not signs_in(repo_life.situation(connection, holder), now):
        return None
    name = f"{person.family_name} {person.given_name}".strip()
    return Identity(id=person.id, name=name, roles=frozenset({"resident"}))


def _vouched(one_id: Vouching, flow: Flow, asking: Asking, given: Mapping[str, str], now: datetime) -> Claims | Refusal:
    """Who the provider says this is, in answer to the very question of this way."""
    provider = one_id.provider(now)
    if isinstance(provider, Refusal):
        return provider
    code = read_answer(given, provider)
    if isinstance(code, Refusal):
        return code
    client = one_id.client
    expected = Expected(
        issuer=client.issuer, client_id=client.client_id, nonce=asking.nonce,
        since=flow.at if asking.fresh else flow.at - OLDEST_LOGIN, acr=client.card if asking.card else None,
    )  # fmt: skip
    return one_id.claims(code, asking, expected, now)


def _asking(wish: Wish, state: str, nonce: str, verifier: str) -> Asking:
    return Asking(
        state=state, nonce=nonce, verifier=verifier, redirect=wish.redirect, fresh=wish.purpose != "sign-in",
        card=wish.purpose == "card",
    )  # fmt: skip


def _about(browser: str) -> str:
    return f"{_TICKET} {_hash(browser)}"


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()
