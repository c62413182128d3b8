"""What goes in and out of the read API, before and after HTTP: a question, a reply, a refusal. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

FHIR_JSON: Final = "application/fhir+json; charset=utf-8"
_FORMATS: Final = frozenset({"json", "application/json", "application/fhir+json", "text/json"})
# What an Accept header may say to be answered in JSON, with FHIR's own parameter for the version.
_ACCEPTED: Final = frozenset({"*/*", "application/*", "application/json", "application/fhir+json", "text/json"})
_VERSIONS: Final = frozenset({"4.0", "4.0.1"})

Query = Sequence[tuple[str, str]]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request: `path` in parts below the base, `query` of the address and of a form, headers in lower case."""

    method: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    base: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered: a FHIR resource or another JSON object, already written; b"" where there is none."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    media: str = FHIR_JSON


class RefusedError(Exception):
    """A request that is not answered: HTTP status, the code of an OperationOutcome's issue, and words for people."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    @property
    def reply(self) -> Reply:
        """The refusal as an OperationOutcome."""
        return Reply(status=self.status, body=msgspec.json.encode(outcome(self.code, self.message)),
                     headers=self.headers)  # fmt: skip


def outcome(code: str, message: str, severity: str = "error") -> dict[str, Any]:
    """An OperationOutcome with one issue; `code` is of FHIR's value set issue-type."""
    issue = {"severity": severity, "code": code, "diagnostics": message}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def check_format(ask: Ask) -> None:
    """Raises RefusedError (406) where JSON of FHIR R4 is not what is wanted."""
    named = [value for name, value in ask.query if name == "_format"]
    for value in named:
        # The plus of fhir+json is a space in an address that was not quoted.
        if value.split(";")[0].strip().replace(" ", "+").lower() not in _FORMATS:
            raise RefusedError(406, "not-supported", "resources are given as application/fhir+json only")
    accept = ask.headers.get("accept", "")
    if not named and accept and not any(_fits(part) for part in accept.split(",")):
        raise RefusedError(406, "not-supported", "resources are given as application/fhir+json of FHIR R4 only")


def _fits(part: str) -> bool:
    kind, *rest = (piece.strip().lower() for piece in part.split(";"))
    said = dict(piece.partition("=")[::2] for piece in rest)
    quality = said.get("q", "1").strip()
    return (
        kind in _ACCEPTED and quality not in {"0", "0.0", "0.00", "0.000"}
        and said.get("fhirversion", "4.0").strip('" ') in _VERSIONS
    )  # fmt: skip
