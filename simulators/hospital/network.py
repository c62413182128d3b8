"""The hospital itself: its records, consents, tokens, faults and ledger, and the way a request takes through them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from simulators.hospital.abilities import Abilities, capability
from simulators.hospital.bundles import run_bundle
from simulators.hospital.checks import check
from simulators.hospital.consents import Consents
from simulators.hospital.faults import Faults
from simulators.hospital.interactions import House, interact
from simulators.hospital.journal import Journal, Version
from simulators.hospital.ledger import Ledger
from simulators.hospital.outcomes import RefusedError
from simulators.hospital.paging import Pages
from simulators.hospital.records import Records, identifiers
from simulators.hospital.tokens import Client, OAuthError, Tokens
from simulators.hospital.words import Asked, Query, Resource, Told, read_json, split_target

BASE = "/fhir"
TOKEN = "/oauth/token"  # noqa: S105 - an address
_SMART = f"{BASE}/.well-known/smart-configuration"
_JSON = ("application/fhir+json", "application/json", "text/json")
_NO_STORE = {"Content-Type": "application/json", "Cache-Control": "no-store"}


def _clock() -> datetime:
    return datetime.now(UTC)


class Hospital:
    """A server's whole state; with a `journal` file it comes back as it was after a kill (tokens and pages excepted).

    Without `clients` no token is needed. `origin` is set by whoever serves it.
    """

    def __init__(
        self, abilities: Abilities | None = None, *, clients: tuple[Client, ...] = (), journal: Path | None = None,
        faults: Faults | None = None, now: Callable[[], datetime] = _clock,
    ) -> None:  # fmt: skip
        self.abilities = abilities or Abilities()
        self.now = now
        self._journal = Journal(journal)
        self.ledger = Ledger(self._journal)
        self.faults = faults or Faults()
        self.tokens = Tokens(clients, self._journal, now, seconds=self.abilities.token_seconds)
        self.records = Records(self._journal, now)
        self.consents = Consents(self._journal, self.records)
        self._house = House(self.abilities, self.records, self.consents, Pages(self.consents))
        self._origin = ""

    @property
    def origin(self) -> str:
        """Where it is served: scheme, host and port."""
        return self._origin

    @origin.setter
    def origin(self, value: str) -> None:
        self._origin = value
        self._house.base = f"{value}{BASE}"

    @property
    def base(self) -> str:
        """The address of the FHIR interface."""
        return self._house.base

    def admit(self, patient: Resource, *, agreed: bool = True) -> str:
        """Register a patient of the hospital's own; the id, which is the one in the resource where it has one."""
        id_ = self.keep(patient).id
        if agreed:
            self.consents.change(id_, given=True)
        return id_

    def keep(self, body: Resource) -> Version:
        """Store a resource of the hospital's own, past scopes and consent; raises RefusedError when R4 refuses it."""
        kind = body["resourceType"]
        check(body, kind)
        return self.records.put(kind, body.get("id") or self.records.fresh_id(kind), body)

    def duplicates(self, kind: str) -> dict[tuple[str, str], list[str]]:
        """The identifiers that more than one resource of `kind` has now, with the ids of those."""
        ids: dict[tuple[str, str], list[str]] = defaultdict(list)
        for version in self.records.all(kind):
            for system, value in identifiers(version.body):
                ids[str(system), str(value)].append(version.id)
        return {name: several for name, several in ids.items() if len(several) > 1}

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes, *, most: int = 0) -> Told:
        """What a request gets (`most`: entries a Bundle may have this time); never raises for what a client sends."""
        try:
            return self._route(method, target, headers, body, most)
        except OAuthError as refused:
            said = {"error": refused.error, "error_description": refused.why}
            return Told(status=refused.status, resource=said, headers=_NO_STORE)
        except RefusedError as refused:
            return Told(status=refused.status, resource=refused.outcome(), headers=refused.headers)

    def close(self) -> None:
        """Release the journal."""
        self._journal.close()

    def _route(self, method: str, target: str, headers: dict[str, str], body: bytes, most: int) -> Told:
        split = split_target(target)
        if len(body) > self.abilities.largest:
            raise RefusedError(413, f"at most {self.abilities.largest} bytes are taken")
        if split.path == TOKEN and method == "POST":
            granted = self.tokens.grant(body, f"{self.origin}{TOKEN}")
            return Told(status=200, resource=granted, headers=_NO_STORE)
        if split.path == _SMART and method == "GET":
            return Told(status=200, resource=self._smart(), headers={"Content-Type": "application/json"})
        if split.path != BASE and not split.path.startswith(f"{BASE}/"):
            raise RefusedError(404, "nothing is here")
        parts = tuple(unquote(part) for part in split.path.removeprefix(BASE).split("/") if part)
        if parts == ("metadata",) and method == "GET":
            return Told(status=200, resource=capability(self.abilities, self.base, secured=self.tokens.needed))
        query = tuple(parse_qsl(split.query, keep_blank_values=True))
        _check_accept(headers, query)
        scopes = self.tokens.scopes(headers.get("authorization", ""))
        if method == "POST" and parts[1:] == ("_search",):
            form = tuple(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
            return interact(self._house, Asked(method=method, parts=parts, query=query + form, scopes=scopes))
        resource = _resource(headers, body) if method in {"POST", "PUT"} else None
        asked = Asked(
            method=method, parts=parts, query=query, headers=headers, resource=resource, scopes=scopes, most=most
        )
        if parts:
            return interact(self._house, asked)
        if method != "POST":
            raise RefusedError(405, "only Bundles are sent to the base")
        return run_bundle(self._house, asked)

    def _smart(self) -> Resource:
        return {
            "token_endpoint": f"{self.origin}{TOKEN}", "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
            "scopes_supported": [f"system/{kind}.cruds" for kind in self.abilities.types],
            "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
        }  # fmt: skip


def _resource(headers: dict[str, str], body: bytes) -> Resource:
    kind, _, parameters = headers.get("content-type", "").partition(";")
    if kind.strip().lower() not in _JSON:
        raise RefusedError(415, "a resource is sent as application/fhir+json")
    if "fhirversion=" in parameters.lower() and "4.0" not in parameters:
        raise RefusedError(415, "this server speaks FHIR R4 only")
    return read_json(body)


def _check_accept(headers: dict[str, str], query: Query) -> None:
    wanted = dict(query).get("_format") or headers.get("accept", "*/*")
    if not any(word in wanted for word in ("json", "*/*", "application/*")):
        raise RefusedError(406, "this server answers in application/fhir+json")
