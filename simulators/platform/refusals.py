"""What the broker says when it does not do what was asked: a status, an error name, and why."""

from __future__ import annotations


class RefusedError(Exception):
    """A request that is not done; the wording of `why` is no contract, `status` and `error` are."""

    def __init__(self, status: int, error: str, why: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(why)
        self.status, self.error, self.why, self.headers = status, error, why, headers or {}

    def body(self) -> dict[str, str]:
        """The error as NGSIv2 tells it."""
        return {"error": self.error, "description": self.why}


def bad_request(why: str) -> RefusedError:
    """400, for whatever the request alone makes wrong."""
    return RefusedError(400, "BadRequest", why)


def not_found(why: str) -> RefusedError:
    """404, for an entity or attribute that is not there."""
    return RefusedError(404, "NotFound", why)


def unprocessable(why: str) -> RefusedError:
    """422, for a request that does not fit what is stored."""
    return RefusedError(422, "Unprocessable", why)


def too_many(why: str) -> RefusedError:
    """409, for a name that several entities have."""
    return RefusedError(409, "TooManyResults", why)
