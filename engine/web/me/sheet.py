"""What every page of a resident shares: how it looks to this person, and the words in that look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse

from engine.store import repo_residents
from engine.store.database import read
from engine.web.context import Desk, Signed, TheDesk
from engine.web.sessions import Session

Size = Literal["normal", "large", "largest"]
SIZES: Final[tuple[Size, ...]] = ("normal", "large", "largest")
# How a page looks is this browser's matter: whoever shares a house shares a reading, not a pair of glasses.
COOKIE: Final = "phr_look"
_YEAR: Final = 365 * 24 * 60 * 60


class Look(msgspec.Struct, frozen=True):
    """How pages look in one browser: readings over the kanji, and how large the letters are."""

    furigana: bool = False
    size: Size = "normal"

    def written(self) -> str:
        """The look as its cookie holds it."""
        return f"{'on' if self.furigana else 'off'}.{self.size}"


def look_of(cookie: str | None) -> Look:
    """The look that a cookie holds; whatever else it holds is the plain look."""
    furigana, _, size = (cookie or "").partition(".")
    return Look(furigana == "on", next((one for one in SIZES if one == size), "normal"))


@dataclass(frozen=True)
class Sheet:
    """The pages of one signed-in person in their own look."""

    desk: Desk
    session: Session
    look: Look

    def page(self, template: str, *, here: str, status: int = 200, **more: Any) -> HTMLResponse:
        """The page `template`, which extends me/base.html; `here` is its own address."""
        return HTMLResponse(self.render(template, here=here, **more), status)

    def render(self, template: str, *, here: str, **more: Any) -> str:
        """The text of a page, with readings over the kanji where they are wished for."""
        shown = self.desk.render(
            template, self.session.lang, self.session, here=here, look=self.look, kana=self._kana(), **more
        )
        if not self.look.furigana or self.session.lang != "ja":
            return shown
        from engine.furigana import annotate

        return annotate(shown)

    def _kana(self) -> str:
        """The reading of this person's name, which only the register knows."""
        if not self.look.furigana or self.session.lang != "ja":
            return ""
        with read(self.desk.engine) as connection:
            person = repo_residents.get(connection, self.session.by)
        return f"{person.family_kana} {person.given_kana}".strip() if person else ""


def remember(answer: Response, look: Look, *, secure: bool) -> None:
    """Lets the browser keep the look."""
    answer.set_cookie(
        COOKIE, look.written(), max_age=_YEAR, path="/", httponly=True, samesite="strict", secure=secure
    )  # fmt: skip


def sheet_of(request: Request, desk: TheDesk, session: Signed) -> Sheet:
    """The sheet this request is answered on."""
    return Sheet(desk, session, look_of(request.cookies.get(COOKIE)))


TheSheet = Annotated[Sheet, Depends(sheet_of)]
