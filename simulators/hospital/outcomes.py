"""What the server says when it does not do what was asked."""

from __future__ import annotations

from typing import Any

_CODES = {
    400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 406: "not-supported",
    409: "conflict", 410: "not-found", 412: "conflict", 413: "too-costly", 415: "not-supported", 422: "business-rule",
    429: "throttled", 500: "exception", 503: "transient",
}  # fmt: skip


class RefusedError(Exception):
    """A request that is not done: its HTTP `status`, why, the `place` in the resource, and more headers."""

    def __init__(self, status: int, why: str, *, place: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.place, self.headers = status, why, place, headers or {}

    def outcome(self) -> dict[str, Any]:
        """The OperationOutcome of it."""
        return outcome(self.status, self.why, self.place)


def outcome(status: int, why: str, place: str = "") -> dict[str, Any]:
    """An OperationOutcome with one issue; `place` is a path like `Observation.code`."""
    issue: dict[str, Any] = {"severity": "error", "code": _CODES.get(status, "processing"), "diagnostics": why}
    if place:
        issue["expression"] = [place]
    return {"resourceType": "OperationOutcome", "issue": [issue]}
