"""Pages and forms behind rights: a route cannot be made without saying who may use it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from engine.access import Right
from engine.web.account.resume import AWAY, come_back
from engine.web.context import SorryError, signed_in
from engine.web.sessions import Session

# Routes that are open on purpose: whoever is not signed in must be able to sign in.
OPEN: Final = "open"
_MARK: Final = "x-right"


class _Route(APIRoute):
    """A route that shows whoever is not signed in (any more) the way in, and keeps what they typed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_or_ask(request: Request) -> Response:
            try:
                return await answer(request)
            except SorryError as error:
                if error.key not in AWAY:
                    raise
                return await come_back(request, error)

        return answer_or_ask


class Door:
    """A set of routes; `page` answers GET, `form` answers POST, each with the right it needs or `OPEN`."""

    def __init__(self) -> None:
        self.router = APIRouter(default_response_class=HTMLResponse, route_class=_Route)

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


def _needs(right: str) -> Callable[[Session], Coroutine[Any, Any, None]]:
    async def check(session: Annotated[Session, Depends(signed_in)]) -> None:
        if not session.who.may(right):  # type: ignore[arg-type] # a misspelt right is nobody's
            raise SorryError(403, "not-yours")

    return check
