"""The pages before signing in: the ways in side by side, and the lock of an idle screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import Response

from engine.contract.ids import is_id
from engine.identity import Proof
from engine.identity_codes import CardProof, CodeProof
from engine.identity_staff import StaffProof
from engine.locale import Language
from engine.sealing import seal_of
from engine.web.context import Desk
from engine.web.links import LinkProof
from engine.web.sessions import Session

STAFF_WAY: Final = "staff"
CODE_WAY: Final = "code"
CARD_WAY: Final = "card"
LINK_WAY: Final = "link"


def proofs(desk: Desk) -> Mapping[str, Proof]:
    """The ways to prove oneself here; where staff have accounts, no link opens anything."""
    found: dict[str, Proof] = {
        STAFF_WAY: staff_proof(desk), CODE_WAY: CodeProof(desk.engine, desk.os_user),
        CARD_WAY: CardProof(desk.engine, desk.os_user),
    }  # fmt: skip
    return found if desk.city else found | {LINK_WAY: LinkProof(desk.links)}


def staff_proof(desk: Desk) -> StaffProof:
    """Password and second factor."""
    return StaffProof(desk.engine, seal_of(desk.home), desk.os_user)


def sign_in_page(
    desk: Desk,
    lang: Language,
    *,
    maker: Session | None = None,
    kept: str = "",
    next_: str = "/",
    way: str = "",
    given: Mapping[str, str] | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    """Every way in; `maker` is whose form waits in `kept`, `way` and `given` what was tried just now."""
    way = way or _way_of(maker)
    ways = [STAFF_WAY, *([] if desk.city else [LINK_WAY])]
    # Whoever was here comes back by the way they came; a resident finds theirs first.
    ways = sorted([CODE_WAY, *ways], key=lambda one: one != way)
    more = {"kept": kept, "next": next_, "way": way, "ways_in": ways, "given": dict(given or {}), "error": error}
    return desk.page("signin.html", lang, None, status=status, here="/signin", **more)


def card_page(
    desk: Desk,
    lang: Language,
    card: str,
    *,
    given: Mapping[str, str] | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    """What opens when a card is held before a camera: two numbers to type."""
    more = {"card": card, "given": dict(given or {}), "error": error}
    return desk.page("account/card.html", lang, None, status=status, here="/signin", **more)


def link_page(
    desk: Desk, lang: Language, token: str, *, name: str = "", error: str | None = None, status: int = 200
) -> Response:
    """The page behind a link of this machine's operator: only its button uses the link up."""
    more = {"token": token, "name": name, "error": error}
    return desk.page("account/link.html", lang, None, status=status, here="/signin", **more)


def locked_page(
    desk: Desk, session: Session, *, kept: str = "", next_: str = "/", error: str | None = None, status: int = 200
) -> Response:
    """The lock: whose screen this is, and their proof."""
    more = {"kept": kept, "next": next_, "error": error, "by_link": not is_id(session.who.id, "s")}
    return desk.page("account/locked.html", session.lang, session, status=status, here="/unlock", **more)


def token_of(text: str) -> str:
    """The token somebody pasted, alone or in the whole link."""
    plain = text.strip()
    return next(iter(parse_qs(urlsplit(plain).query).get("token", [])), plain)


def _way_of(maker: Session | None) -> str:
    if maker is None or {"resident", "family"} & maker.who.roles:
        return CODE_WAY
    return STAFF_WAY if is_id(maker.who.id, "s") else LINK_WAY
