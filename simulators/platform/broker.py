"""The broker itself: entities, tokens, faults and ledger, and the way a request takes through them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import msgspec

from simulators.hospital.faults import Faults
from simulators.hospital.journal import Journal
from simulators.hospital.tokens import OAuthError
from simulators.hospital.words import write_json
from simulators.platform.batches import carry_out, read_batch, verdict
from simulators.platform.entities import Entities, Key
from simulators.platform.lines import BrokerLedger
from simulators.platform.linked import answer_linked, is_linked
from simulators.platform.reading import meets, page, read_query
from simulators.platform.refusals import RefusedError, bad_request, not_found, too_many, unprocessable
from simulators.platform.scopes import place_to_write, places_to_read, tenant_of
from simulators.platform.syntax import check_name
from simulators.platform.tokens import Client, Tokens
from simulators.wire import Call, Said

TOKEN = "/oauth2/token"  # noqa: S105 - an address
UPDATE, ENTITIES = "/v2/op/update", "/v2/entities"
_JSON = {"Content-Type": "application/json"}
_NO_STORE = _JSON | {"Cache-Control": "no-store"}
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """The make of a broker and its gateway.

    `largest` bytes of a body are taken; with `hangs_up` a larger one is not even read: the answer may be lost.
    `token_seconds` is how long a token lasts; `refresh` gives refresh tokens too, which RFC 6749 4.4.3 advises against.
    """

    largest: int = 1_048_576
    hangs_up: bool = False
    token_seconds: int = 300
    refresh: bool = False


def _clock() -> datetime:
    return datetime.now(UTC)


class Platform:
    """A broker's whole state; with a `journal` file it comes back as it was after a kill, tokens excepted.

    Without `clients` no token is needed. `origin` is set by whoever serves it.
    """

    def __init__(
        self, abilities: Abilities | None = None, *, clients: tuple[Client, ...] = (), journal: Path | None = None,
        faults: Faults | None = None, now: Callable[[], datetime] = _clock,
    ) -> None:  # fmt: skip
        self.abilities = abilities or Abilities()
        self.now, self.origin = now, ""
        self._journal = Journal(journal)
        self.ledger = BrokerLedger(self._journal)
        self.faults = faults or Faults()
        self.tokens = Tokens(clients, now, seconds=self.abilities.token_seconds, refresh=self.abilities.refresh)
        self.entities = Entities(self._journal, now)

    def answer(self, call: Call, *, largest: int | None = None, only: int | None = None) -> Said:
        """What a request gets; never raises for what a client sends.

        `largest` bytes are taken this time (None: as always), `only` so many entities of a batch applied (None: all).
        """
        try:
            return self._route(call, self.abilities.largest if largest is None else largest, only)
        except OAuthError as refused:
            more = {"WWW-Authenticate": "Basic"} if refused.status == 401 else {}  # noqa: PLR2004 - HTTP
            said = {"error": refused.error, "error_description": refused.why}
            return Said(refused.status, write_json(said), _NO_STORE | more)
        except RefusedError as refused:
            return refusal(refused)

    def close(self) -> None:
        """Release the journal."""
        self._journal.close()

    def _route(self, call: Call, largest: int, only: int | None) -> Said:
        _check_size(call, largest)
        try:
            split = urlsplit(call.target)
        except ValueError:
            raise bad_request("this is no address") from None
        if split.path == TOKEN:
            if call.method != "POST":
                raise _not_allowed("a token is asked for with POST")
            return Said(200, write_json(self.tokens.grant(call.headers, call.body)), _NO_STORE)
        self.tokens.check(call.headers.get("authorization", ""))
        parameters = dict(parse_qsl(split.query, keep_blank_values=True))
        if is_linked(split.path):
            said = _object(call.body) if call.method == "POST" else None
            return answer_linked(self.entities, call, split.path, parameters, said)
        _check_form(call)
        tenant = tenant_of(call.headers)
        if split.path == UPDATE and call.method == "POST":
            return self._update(call, tenant, parameters, only)
        if split.path == ENTITIES and call.method == "GET":
            return self._list(call, tenant, parameters)
        if split.path == ENTITIES and call.method == "POST":
            return self._create(call, tenant, parameters)
        if (found := re.fullmatch(r"/v2/entities/([^/]+)", split.path)) and call.method in {"GET", "DELETE"}:
            return self._one(call, tenant, unquote(found[1]), parameters)
        if split.path in {UPDATE, ENTITIES} or found:
            raise _not_allowed("not with this method")
        raise not_found("this address leads nowhere")

    def _update(self, call: Call, tenant: str, parameters: Mapping[str, str], only: int | None) -> Said:
        path = place_to_write(call.headers)
        batch = read_batch(_object(call.body), bare=_bare(parameters, {"keyValues"}))
        outcomes = carry_out(self.entities, batch, request=call.number, tenant=tenant, path=path, most=only)
        stored = tuple(one.id for one in outcomes if one.done)
        refused = verdict(outcomes)
        return refusal(refused, stored) if refused else Said(204, stored=stored)

    def _create(self, call: Call, tenant: str, parameters: Mapping[str, str]) -> Said:
        path = place_to_write(call.headers)
        bare = _bare(parameters, {"keyValues", "upsert"})
        one = _object(call.body)
        batch = read_batch({"actionType": "append", "entities": [one]}, bare=bare)
        [entity] = batch.entities
        there = bool(self.entities.named(tenant, entity.id, kind=entity.type, paths=(path,)))
        if there and "upsert" not in parameters.get("options", ""):
            raise unprocessable(f"{entity.id} exists")
        outcomes = carry_out(self.entities, batch, request=call.number, tenant=tenant, path=path)
        if refused := verdict(outcomes):
            raise refused
        where = f"{ENTITIES}/{entity.id}?{urlencode({'type': entity.type or 'Thing'})}"
        return Said(204 if there else 201, headers={"Location": where}, stored=(entity.id,))

    def _list(self, call: Call, tenant: str, parameters: Mapping[str, str]) -> Said:
        asked = read_query(parameters)
        found = [one for one in self.entities.all(tenant, places_to_read(call.headers)) if meets(asked, one)]
        told, headers = page(asked, found)
        return Said(200, write_json(told), _JSON | headers)

    def _one(self, call: Call, tenant: str, id_: str, parameters: Mapping[str, str]) -> Said:
        check_name("an entity id", id_)
        kind = parameters.get("type", "")
        if call.method == "DELETE":
            key = self._only(tenant, id_, kind, (place_to_write(call.headers),))
            self.entities.change(call.number, key, None)
            return Said(204, stored=(id_,))
        asked = read_query({name: value for name, value in parameters.items() if name != "type"})
        key = self._only(tenant, id_, kind, places_to_read(call.headers))
        [kept] = [one for one in self.entities.all(tenant) if one.key == key]
        told, _ = page(asked, [kept])
        return Said(200, write_json(told[0]), _JSON)

    def _only(self, tenant: str, id_: str, kind: str, paths: tuple[str, ...]) -> Key:
        found = self.entities.named(tenant, id_, kind=kind, paths=paths)
        if not found:
            raise not_found(f"there is no entity {id_}")
        if len(found) > 1:
            raise too_many(f"several entities are called {id_}")
        return found[0]


def refusal(refused: RefusedError, stored: tuple[str, ...] = ()) -> Said:
    """A refusal as it goes out; after a 413 the connection is not used again."""
    hang_up = refused.error == "RequestEntityTooLarge"
    return Said(refused.status, write_json(refused.body()), _JSON | refused.headers, stored, hang_up)


def hidden(target: str, body: bytes) -> bytes:
    """A body as the ledger may keep it: a token request without what is secret in it."""
    if urlsplit(target).path != TOKEN:
        return body
    said = parse_qs(body.decode("utf-8", "replace"))
    secret = {"client_secret", "refresh_token", "client_assertion", "password"}
    return urlencode(
        [(name, "…" if name in secret else value) for name, values in said.items() for value in values]
    ).encode()


def measured(length: str) -> bool:
    """Whether a Content-Length is a number."""
    return re.fullmatch(r"[0-9]{1,15}", length) is not None


def _not_allowed(why: str) -> RefusedError:
    # The specification spells it so.
    return RefusedError(405, "MethodNotAlowed", why)


def _check_size(call: Call, largest: int) -> None:
    if call.method in {"GET", "DELETE"}:
        return
    said = call.headers.get("content-length", "0")
    if not measured(said):
        raise bad_request("Content-Length is a number")
    if int(said) > largest:
        raise RefusedError(413, "RequestEntityTooLarge", f"at most {largest} bytes are taken")
    if int(said) == 0:
        raise RefusedError(411, "ContentLengthRequired", "a body is needed")


def _check_form(call: Call) -> None:
    kind = call.headers.get("content-type")
    if call.method in {"GET", "DELETE"}:
        if kind is not None:
            raise bad_request("a request without a body has no Content-Type")
    elif (kind or "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "UnsupportedMediaType", "a body is application/json")
    accept = call.headers.get("accept", "*/*")
    if not any(word in accept for word in ("application/json", "*/*", "application/*")):
        raise RefusedError(406, "NotAcceptable", "answers are application/json")


def _bare(parameters: Mapping[str, str], options: set[str]) -> bool:
    said = set(filter(None, parameters.get("options", "").split(",")))
    if not said <= options or not parameters.keys() <= {"options"}:
        raise bad_request(f"the only parameter is options, of {sorted(options)}")
    return "keyValues" in said


def _object(body: bytes) -> Any:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, "ParseError", f"the body is not JSON: {error}") from None
