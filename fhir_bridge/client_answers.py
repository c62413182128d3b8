"""What a FHIR server said to us, as values: nothing that the other side does is ever an exception."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

FailureKind = Literal["retry", "offline", "breaker", "auth", "refused", "gone", "conflict", "too-large"]

# Kinds after which the same request may succeed later without anybody changing it.
_LATER: Final = frozenset({"retry", "offline", "breaker", "auth"})
_LONGEST_TEXT: Final = 500
_VERSION: Final = re.compile(r'(?:W/)?"?([A-Za-z0-9\-.]{1,64})"?')
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_PLACE: Final = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?\Z")
_STATUS: Final[dict[int, tuple[FailureKind, str]]] = {
    401: ("auth", "unauthorized"), 403: ("refused", "forbidden"), 404: ("gone", "not-found"),
    405: ("refused", "unsupported"), 408: ("retry", "timeout"), 409: ("conflict", "version"), 410: ("gone", "gone"),
    412: ("conflict", "version"), 413: ("too-large", "too-large"), 422: ("refused", "unprocessable"),
    425: ("retry", "too-early"), 429: ("retry", "throttled"), 501: ("refused", "unsupported"),
}  # fmt: skip
_BROKEN: Final = 500
_SEVERAL: Final = 412


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was carried out: what it concerned (`kind`, `id`, `version`) and the resource where one came.

    `body` keeps decimals as `Decimal`, `raw` every byte. `outcome` is what an OperationOutcome beside it said.
    """

    status: int
    kind: str = ""
    id: str | None = None
    version: str | None = None
    last_modified: str | None = None
    body: dict[str, Any] | None = None
    raw: bytes = b""
    outcome: str = ""
    request: str = ""

    @property
    def created(self) -> bool:
        """Whether it was not there before."""
        return self.status == 201  # noqa: PLR2004 - HTTP's own number


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was not carried out, or of which nobody knows (`unsure`): stable `code`, never an exception.

    Codes: connect, tls, timeout, cut, garbage, redirect, server, throttled, breaker, unauthorized, forbidden,
    not-found, gone, version, several, too-large, unsupported, unprocessable, refused, bad-id, bad-url, foreign-next,
    foreign-url, loop, too-many, fhir-version, bad-capability, and those of the token endpoint. `retry_after` counts
    seconds; `outcome` is the server's own text, cut, for operators and never for logs; `request` the X-Request-Id.
    """

    kind: FailureKind
    code: str
    status: int | None = None
    retry_after: float | None = None
    outcome: str = ""
    unsure: bool = False
    request: str = ""

    @property
    def again(self) -> bool:
        """Whether the same request may succeed later without anybody changing it."""
        return self.kind in _LATER


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of a search result: `raw` is it byte for byte, `mode` match or include."""

    kind: str
    id: str
    version: str | None
    last_updated: str | None
    body: dict[str, Any]
    raw: bytes
    mode: str = "match"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a search; `odd` entries, as they came, held no resource with type and id.

    `last` says that no page is behind it.
    """

    found: tuple[Found, ...]
    total: int | None
    odd: tuple[bytes, ...]
    last: bool


class Blob(msgspec.Struct, frozen=True):
    """An attachment as it came."""

    content_type: str
    data: bytes


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One resource to store: PUT where it has an `id`, else POST; `body` is its JSON as it shall stand there.

    `if_match` is a version (`3`), `if_none_exist` a search (see `criteria`), `full_url` the name by which entries of
    one transaction refer to each other (`urn:uuid:…`).
    """

    kind: str
    body: bytes
    id: str | None = None
    if_match: str | None = None
    if_none_exist: str = ""
    full_url: str = ""


def failure_of(
    status: int, *, outcome: str = "", retry_after: float | None = None, conditional: bool = False, request: str = ""
) -> Failure:
    """The failure that an HTTP status other than 2xx stands for; `conditional`: of a conditional create."""
    kind, code = _STATUS.get(status, ("retry", "server") if status >= _BROKEN else ("refused", "refused"))
    if status == _SEVERAL and conditional:
        code = "several"
    unsure = status >= _BROKEN or code == "timeout"
    return Failure(
        kind=kind, code=code, status=status, retry_after=retry_after, outcome=outcome, unsure=unsure, request=request
    )


def outcome_text(resource: object) -> str:
    """What an OperationOutcome says, in one line of at most 500 characters; '' where it is none."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "OperationOutcome":
        return ""
    issues = resource.get("issue")
    said = [_issue(one) for one in issues if isinstance(one, dict)] if isinstance(issues, list) else []
    return "; ".join(text for text in said if text)[:_LONGEST_TEXT]


def _issue(issue: dict[str, Any]) -> str:
    details = issue.get("details")
    spoken = details.get("text") if isinstance(details, dict) else None
    words = [issue.get("code"), issue.get("diagnostics") or spoken]
    place = issue.get("expression") or issue.get("location")
    if isinstance(place, list) and place:
        words.append(f"@{place[0]}")
    return " ".join(" ".join(str(word).split()) for word in words if word)


def version_of(etag: str | None) -> str | None:
    """The version in an ETag (`W/"3"`), None where there is none."""
    found = _VERSION.fullmatch(etag.strip()) if etag else None
    return found[1] if found else None


def version_in(body: dict[str, Any] | None) -> str | None:
    """The `meta.versionId` of a resource where it is one: it becomes a header when we correct what it is of."""
    meta = body.get("meta") if body else None
    said = meta.get("versionId") if isinstance(meta, dict) else None
    return said if isinstance(said, str) and _ID.fullmatch(said) else None


def place_of(location: str | None) -> tuple[str, str, str | None] | None:
    """Type, id and version in the address of a resource, absolute or not; None where it is no such address."""
    found = _PLACE.search(location) if location else None
    return (found[1], found[2], found[3]) if found else None
