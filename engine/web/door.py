"""Pages and forms behind rights: a route cannot be made without saying who may use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from engine.access import Right
from engine.web.context import Session, SorryError, signed_in

# Routes that are open on purpose: whoever is not signed in must be able to sign in.
OPEN: Final = "open"
_MARK: Final = "x-right"


class Door:
    """A set of routes; `page` answers GET, `form` answers POST, each with the right it needs or `OPEN`."""

    def __init__(self) -> None:
        self.router = APIRouter(default_response_class=HTMLResponse)

    def page(self, path: str, right: Right | str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A page at `path`."""
        return self._route("GET", path, right)

    def form(self, path: str, right: Right | str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """What a form at `path` does."""
        return self._route("POST", path, right)

    def _route(self, method: str, path: str, right: Right | str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        needed = [] if right == OPEN else [Depends(_needs(right))]
        return self.router.api_route(path, methods=[method], dependencies=needed, openapi_extra={_MARK: right})


def right_of(route: APIRoute) -> str | None:
    """The right a route was made with; None for one that was not made by a Door."""
    return (route.openapi_extra or {}).get(_MARK)


def _needs(right: str) -> Callable[[Session], None]:
    def check(session: Annotated[Session, Depends(signed_in)]) -> None:
        if not session.who.may(right):  # type: ignore[arg-type] # a misspelt right is nobody's
            raise SorryError(403, "not-yours")

    return check
