"""The pairing flow as a large-type page: one question and big buttons, for whoever holds the phone.

It knows nothing of devices: it shows the moments it is given and hands the answers back. The address holds a random
path and works for the first browser that opens it; nothing else on the network learns anything.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from fastapi import FastAPI, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from engine.locale import LANGUAGES, Language
from engine.web.guard import Guard

HERE: Final = Path(__file__).parent
COOKIE: Final = "phr_pairing"
# A page that waits for a body action looks again this often; one that asks leaves the person alone for longer.
LOOK, REST = 2, 8
LONGEST: Final = 200
_CSS: Final = (HERE / "static" / "pairing.css").read_bytes()
Tone = Literal["ask", "wait", "trouble", "done"]


class Button(msgspec.Struct, frozen=True):
    """What can be pressed; `key` is what comes back, `quiet` is a way out and not an answer."""

    key: str
    text: str
    quiet: bool = False


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One screen in words. `version` changes with every question, so that a late tap answers no other one.

    `lead`: the first line is what matters, not an explanation of the title.
    """

    version: str
    step: int
    title: str
    lines: tuple[str, ...]
    buttons: tuple[Button, ...] = ()
    ask: str | None = None
    found: tuple[str, ...] = ()
    seconds: str | None = None
    tone: Tone = "ask"
    over: bool = False
    lead: bool = True


Look = Callable[[Language], Moment]
Answer = Callable[[str, str], bool]
"""(version, the button's key or the typed text) -> whether it was an answer to what is asked now."""


@dataclass(kw_only=True)
class Page:
    """The page of one pairing; `secret` stands in its address, `owner` is the first browser that opened it."""

    look: Look
    answer: Answer
    lang: Language
    secret: str
    owner: str | None = None

    def admits(self, request: Request) -> bool:
        """Whether this is the browser that came first."""
        return self.owner is not None and hmac.compare_digest(
            request.cookies.get(COOKIE, "").encode(), self.owner.encode()
        )

    def csrf(self) -> str:
        """What a form of the owner's carries; derived, so that nothing more has to be kept."""
        return hmac.new((self.owner or "").encode(), b"form", "sha256").hexdigest()


def new_secret() -> str:
    """The random part of an address: nobody guesses it in the minutes it lives."""
    return secrets.token_urlsafe(16)


def create_page(look: Look, answer: Answer, *, secret: str, lang: Language, hosts: Collection[str]) -> FastAPI:
    """The page behind `/<secret>`; every other path is nothing, and so is this one for a second browser."""
    app = FastAPI(title="Minato PHR", docs_url=None, redoc_url=None, openapi_url=None)
    page = app.state.page = Page(look=look, answer=answer, lang=lang, secret=secret)
    _add_routes(app, page)
    # Everything happens in the loop of the pairing: a thread would see it half done.
    app.add_middleware(Guard, hosts=hosts, sorry=lambda _: _sorry(page.lang, "nothing"))

    async def nothing(_: Request, error: Exception) -> Response:
        return HTMLResponse(
            _sorry(page.lang, "nothing"), error.status_code if isinstance(error, HTTPException) else 400
        )

    app.add_exception_handler(HTTPException, nothing)
    app.add_exception_handler(RequestValidationError, nothing)
    return app


def _add_routes(app: FastAPI, page: Page) -> None:
    where = f"/{page.secret}"

    @app.get("/pairing.css")
    async def stylesheet() -> Response:
        return Response(_CSS, media_type="text/css")

    @app.get(where)
    async def show(request: Request) -> Response:
        fresh = page.owner is None
        if fresh:
            page.owner = secrets.token_urlsafe(24)
        elif not page.admits(request):
            return HTMLResponse(_sorry(page.lang, "elsewhere"), 403)
        wish = request.query_params.get("lang")
        page.lang = next((lang for lang in LANGUAGES if lang == wish), page.lang)
        shown = HTMLResponse(_render(page, where, wrong="wrong" in request.query_params))
        if fresh:
            shown.set_cookie(COOKIE, page.owner or "", path=where, httponly=True, samesite="strict", max_age=3600)
        return shown

    @app.post(where)
    async def tell(
        request: Request,
        csrf: Annotated[str, Form(max_length=LONGEST)] = "",
        version: Annotated[str, Form(max_length=LONGEST)] = "",
        key: Annotated[str, Form(max_length=LONGEST)] = "",
        text: Annotated[str, Form(max_length=LONGEST)] = "",
    ) -> Response:
        if not page.admits(request) or not hmac.compare_digest(csrf.encode(), page.csrf().encode()):
            return HTMLResponse(_sorry(page.lang, "elsewhere"), 403)
        now = page.look(page.lang)
        # A tap on a screen that is gone answers nothing: the page shows what is asked now.
        said = f"button:{key}" if key else f"text:{text.strip()}"
        right = now.version != version or page.answer(version, said)
        return RedirectResponse(where if right else f"{where}?wrong=1", 303)


def _render(page: Page, where: str, *, wrong: bool) -> str:
    now = page.look(page.lang)
    other: Language = "en" if page.lang == "ja" else "ja"
    # Somebody who types must not lose half a number to a page that looks again.
    again = None if now.over or now.ask else LOOK if now.tone == "wait" else REST
    return _TEMPLATES.get_template("pairing.html").render(
        now=now, where=where, csrf=page.csrf(), again=again, wrong=wrong, lang=page.lang, other=other,
        steps=range(1, 5), say=_WORDS[page.lang], language=_WORDS[other]["language"],
    )  # fmt: skip


def _sorry(lang: Language, key: str) -> str:
    return _TEMPLATES.get_template("pairing_sorry.html").render(lang=lang, text=_WORDS[lang][key])


_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
_WORDS: Final[dict[Language, dict[str, str]]] = {
    "ja": {
        "title": "機器を つなぐ", "step": "{step} / 4", "send": "これで いい", "found": "きこえる 機器",
        "wrong": "その答えは つかえません。もういちど おねがいします。", "language": "日本語",
        "again": "いまの ようすを 見る", "close": "この画面は とじて かまいません。",
        "elsewhere": "この画面は ほかの 電話で ひらいています。そちらで つづけてください。",
        "nothing": "この画面は もう ありません。phr pair --qr を もういちど うごかしてください。",
    },
    "en": {
        "title": "Pair a device", "step": "{step} of 4", "send": "That is it", "found": "Heard",
        "wrong": "That cannot be. Once more, please.", "language": "English",
        "again": "Look again", "close": "You can close this page.",
        "elsewhere": "This page is open on another phone. Go on there.",
        "nothing": "This page is gone. Run phr pair --qr again.",
    },
}  # fmt: skip
