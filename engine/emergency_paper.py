"""Printing an emergency card: the paper first, then the card behind it, so that no card exists without its paper."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Final, Literal

import msgspec

from engine import emergency_sheets
from engine.emergency import Card, Sort, address_of, mint
from engine.locale import Language
from engine.people import Resident
from engine.refusal import Refusal
from engine.report_file import pdf
from engine.store import repo_emergency
from engine.store.database import Engine, read, write
from engine.store.filing import By
from engine.summary_store import stored_summary

Form = Literal["pdf", "html"]
TYPES: Final[dict[Form, str]] = {"pdf": "application/pdf", "html": "text/html; charset=utf-8"}


class Paper(msgspec.Struct, frozen=True):
    """A printed card: its bytes, the name of its file, and the card whose secret is nowhere but on it."""

    card: Card
    content: bytes
    name: str


def paper(
    engine: Engine, person: Resident, sort: Sort, form: Form, *, base: str, by: By, now: datetime, lang: Language,
    rng: Random,
) -> Paper | Refusal:  # fmt: skip
    """A new card of `person` with what is disclosed to them; the old one of the same sort ends.

    `base` is where the pages are reached from outside, without a last slash. Refused as inactive, or as pdf-library
    where no PDF can be made; then the old card stays good.
    """
    if person.status != "active":
        return Refusal("inactive", f"{person.id} is {person.status}")
    with read(engine) as connection:
        summary = stored_summary(connection, person, now, lang=lang, whole=False)
    made = mint(person.id, sort, by.actor, now, rng)
    page = emergency_sheets.html(summary, made.card, address_of(base, made.secret), lang)
    content = pdf(page) if form == "pdf" else page.encode()
    if isinstance(content, Refusal):
        return content
    with write(engine) as connection:
        repo_emergency.issue(connection, made, by)
    return Paper(made.card, content, f"minato-{sort}-{made.card.id}.{form}")
