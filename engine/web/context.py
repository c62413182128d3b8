"""What every page shares: the store, who is signed in, the templates, the audit, and how a refusal is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from fastapi import Depends, Form, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine.locale import LANGUAGES, Language
from engine.notify.outlets import Outlets
from engine.standing import OFF, Automatic
from engine.store import audit
from engine.store.database import Connection, Engine
from engine.store.instants import to_micros
from engine.web.links import Links
from engine.web.navigation import ways
from engine.web.sessions import Session, Sessions, cookie_name
from engine.web.static import address
from engine.web.view import resident_speaker, speaker, word

if TYPE_CHECKING:
    from engine.takeout_store import Bundle
    from engine.web.oidc import OneId

HERE: Final = Path(__file__).parent
COOKIE: Final = cookie_name(secure=False)
LIVE: Final = "/live"


class SorryError(Exception):
    """A page that cannot be shown: the status, and the key of its words."""

    def __init__(self, status: int, key: str, *, back: str = "/") -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.back = back


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
    made.trim_blocks = made.lstrip_blocks = True
    return made


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The pages of one running program; `now` is the clock, `os_user` who runs it.

    `secure` says that they are reached by HTTPS alone, so that cookies say so; `city` that staff have accounts and no
    link opens anything; `outlets` is how residents are told of messages, None where nothing is configured;
    `automatic` what the operator lets leave without a person each time; `one_id` is the city's identity provider, None
    where there is none; `bundle` makes the FHIR Bundle of a take-out, which is the bridge's to make.
    """

    engine: Engine
    links: Links
    now: Callable[[], datetime]
    os_user: str
    home: Path | None = None
    secure: bool = False
    city: bool = False
    outlets: Outlets | None = None
    automatic: Automatic = OFF
    one_id: OneId | None = None
    bundle: Bundle | None = None
    templates: Environment = field(default_factory=_templates)

    @property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        return Sessions(self.engine, city=self.city)

    def page(
        self,
        template: str,
        lang: Language,
        session: Session | None,
        /,
        *,
        status: int = 200,
        here: str = "/",
        **more: Any,
    ) -> HTMLResponse:
        """The page `template` in `lang`; `here` is where the other language is found."""
        return HTMLResponse(self.render(template, lang, session, here=here, **more), status)

    def render(self, template: str, lang: Language, session: Session | None, /, *, here: str = "/", **more: Any) -> str:
        """The text of a page."""
        other: Language = "en" if lang == "ja" else "ja"
        words = {
            "say": speaker(lang), "tell": resident_speaker(lang), "word": lambda kind, code: word(lang, kind, code),
            "both": speaker, "static": address,
        }  # fmt: skip
        shared = {
            "lang": lang, "other": other, "session": session, "here": here, "error": None, "ways": ways(session),
            "one_id": self.one_id is not None,
        }  # fmt: skip
        return self.templates.get_template(template).render(words | shared | more)

    def sorry(self, lang: Language, session: Session | None, status: int, key: str, back: str = "/") -> str:
        """The text of a page that says why there is nothing else to see."""
        return self.render("error.html", lang, session, here=back, status=status, key=key, back=back)


def wished(request: Request) -> Language | None:
    """The language asked for in the address."""
    wish = request.query_params.get("lang")
    return next((lang for lang in LANGUAGES if lang == wish), None)


def desk_of(request: Request) -> Desk:
    """The desk this request came to."""
    return cast("Desk", request.app.state.desk)


async def _at_the_desk(request: Request) -> Desk:
    # Without I/O a dependency is better off without a thread of its own.
    return desk_of(request)


TheDesk = Annotated[Desk, Depends(_at_the_desk)]


def visitor(request: Request, desk: TheDesk) -> Session | None:
    """Who is signed in, if anybody; what a page fetches by itself is not use of it."""
    cookie = request.cookies.get(cookie_name(desk.secure))
    by_itself = request.url.path == LIVE or request.url.path.endswith("/now")
    return desk.sessions.find(cookie, desk.now(), wished(request), touch=not by_itself)


async def signed_in(session: Annotated[Session | None, Depends(visitor)]) -> Session:
    """Who is signed in; everybody else is sent away before anything is looked up."""
    if session is None:
        raise SorryError(403, "not-signed-in")
    if session.locked:
        raise SorryError(403, "locked")
    return session


Signed = Annotated[Session, Depends(signed_in)]


async def trusted(session: Signed, csrf: Annotated[str, Form()] = "") -> Session:
    """Who sent this form, which must be one of their own session."""
    if not session.accepts(csrf):
        raise SorryError(403, "csrf")
    return session


Trusted = Annotated[Session, Depends(trusted)]


def note(
    connection: Connection,
    desk: Desk,
    session: Session,
    action: str,
    now: datetime,
    *,
    subject: str | None = None,
    detail: list[Any] | None = None,
) -> None:
    """Writes an act into the audit chain: `subject` an opaque id (else the session), of `detail` only a hash."""
    entry = audit.Entry(
        at=to_micros(now), actor=session.by, os_user=desk.os_user, action=action,
        subject=subject or f"session-{session.id}", detail_hash=audit.detail_hash(detail) if detail else "",
    )  # fmt: skip
    audit.append(connection, entry)
