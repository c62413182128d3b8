"""`phr card`: cards by which residents say who they are at a public spot."""

from __future__ import annotations

import io
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Annotated

import typer

from cli.card_sheets import emergency
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, plain, resident_of, transaction
from cli.wiring import language, settings
from cli.words_spot import word

app = typer.Typer(help="Cards for public measuring spots, and cards for an emergency.", no_args_is_help=True)
app.command()(emergency)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Svg = Annotated[Path | None, typer.Option(help="Write a printable card here instead of showing it.")]
Who = Annotated[str | None, typer.Option("--by", help="Who is answerable; default: the user of this computer.")]
LONGEST_NAME = 12


@app.command()
def issue(
    resident: Annotated[str, typer.Argument(help="Whose card, r-…")],
    call: Annotated[str | None, typer.Option(help="What the screen may call them; default: the first kana.")] = None,
    svg: Svg = None,
    by: Who = None,
    json: Json = False,
) -> None:
    """Make a card: a QR code of random bits, without name or number. Its code exists only on the card."""
    from engine.cards import Card, new_secret, text_of
    from engine.contract.ids import new_id
    from engine.store import repo_cards
    from engine.store.filing import By

    rng = SystemRandom()
    name = plain(call.strip(), "--call") if call is not None else None
    if name is not None and len(name) > LONGEST_NAME:
        fail(Exit.USAGE, "too-long", f"--call: at most {LONGEST_NAME} characters fit on the screen")
    secret, id_ = new_secret(rng), new_id("c", rng)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        if person.status != "active":
            fail(Exit.REFUSED, "not-active", f"resident {resident} is {person.status}")
        card = Card(id=id_, resident_id=person.id, name=name, issued_at=datetime.now(UTC))
        repo_cards.issue(connection, card, secret, By(actor(by), os_user()))
        # A card that cannot be written down does not exist: an error here undoes it.
        _hand_over(text_of(secret), id_, svg, json=json)
    say(word(language(settings()), "issued", card=id_))


@app.command("list")
def list_(
    resident: Annotated[str | None, typer.Option(help="Only this resident's.")] = None, json: Json = False
) -> None:
    """List the cards; their codes are known to nobody but their holders."""
    import msgspec

    from engine.store import repo_cards

    with transaction() as connection:
        found = repo_cards.listed(connection, resident_of(connection, resident).id if resident else None)
    if json:
        emit({"cards": [msgspec.to_builtins(card) for card in found]})
        return
    lang = language(settings())
    for card in found:
        state = word(lang, "gone" if card.revoked_at else "good")
        result(f"{card.id}  {card.resident_id}  {card.issued_at:%Y-%m-%d}  {state}  {card.name or '-'}")
    if not found:
        say(word(lang, "no-cards"))


@app.command()
def revoke(
    card: Annotated[str | None, typer.Argument(help="Card id, c-…")] = None,
    resident: Annotated[str | None, typer.Option(help="Every card of this resident.")] = None,
    by: Who = None,
    json: Json = False,
) -> None:
    """Make a lost card open nothing any more, at once and for good."""
    from engine.refusal import Refusal
    from engine.store import repo_cards
    from engine.store.filing import By

    if (card is None) == (resident is None):
        fail(Exit.USAGE, "which-card", "name one card, or a resident with --resident")
    now, who = datetime.now(UTC), By(actor(by), os_user())
    with transaction(writes=True) as connection:
        if resident is not None:
            gone = repo_cards.revoke_of(connection, resident_of(connection, resident).id, now, who)
        else:
            one = repo_cards.revoke(connection, card or "", now, who)
            if isinstance(one, Refusal):
                fail(Exit.NOT_FOUND if one.code == "unknown-card" else Exit.ALREADY, one.code, one.message)
            gone = [one]
    if json:
        emit({"revoked": [item.id for item in gone]})
        return
    for item in gone:
        result(word(language(settings()), "revoked", card=item.id))
    if not gone:
        say(word(language(settings()), "no-cards"))


@app.command("print")
def print_(
    code: Annotated[str | None, typer.Argument(help="What the old card says; default: scan it now.")] = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Print a worn card anew from its own code: scan it. Nothing is stored."""
    from engine.cards import hash_of, read_card, text_of
    from engine.store import repo_cards

    secret = read_card(code if code is not None else sys.stdin.readline())
    if secret is None:
        fail(Exit.USAGE, "not-a-card", "this is not the code of a card of ours")
    with transaction() as connection:
        known = repo_cards.by_secret(connection, secret)
    if known is None:
        fail(Exit.NOT_FOUND, "unknown-card", f"no good card has this code (hash {hash_of(secret)[:8]}…)")
    _hand_over(text_of(secret), known.id, svg, json=json)


def _hand_over(text: str, card: str, svg: Path | None, *, json: bool) -> None:
    """The card as a file, in the terminal, or as JSON."""
    if svg is not None:
        try:
            handle = os.open(svg, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(drawn(text, card, language(settings())))
        except OSError as error:
            fail(Exit.USAGE, "not-written", f"cannot write {svg.name}: {error.strerror}")
        say(word(language(settings()), "written", file=svg.name))
    if json:
        emit({"card": card, "code": text} | ({"svg": str(svg)} if svg else {}))
    elif svg is None:
        import segno

        out = io.StringIO()
        segno.make(text, error="q", micro=False).terminal(out, border=4, compact=True)
        result(out.getvalue().rstrip("\n"))


def drawn(text: str, card: str, lang: str) -> str:
    """A card of 85.6 x 54 mm as SVG: the QR code, the card's id for its revocation, and nothing about the person."""
    import segno

    code = segno.make(text, error="q", micro=False)
    side = code.symbol_size(border=4)[0]
    scale = 44 / side
    out = io.BytesIO()
    code.save(out, kind="svg", xmldecl=False, svgns=False, border=4, nl=False, omitsize=True, svgclass=None)
    inner = out.getvalue().decode()
    inner = inner[inner.index(">") + 1 : inner.rindex("</svg>")]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg" width="85.6mm" height="54mm" viewBox="0 0 85.6 54">\n'
        '<rect x="0.25" y="0.25" width="85.1" height="53.5" rx="3" fill="#fff" stroke="#000" stroke-width="0.5"/>\n'
        f'<g transform="translate(2 5) scale({scale:.5f})">{inner}</g>\n'
        f"{_text(20, 5, word(lang, 'title'))}{_text(36, 3.2, card)}{_text(48, 2, word(lang, 'found'))}</svg>\n"
    )


def _text(y: float, size: float, text: str) -> str:
    """A line of SVG in the right half of the card, at most `size` mm high and never wider than the space there."""
    width = sum(1.0 if ord(character) > 0x2000 else 0.6 for character in text)  # noqa: PLR2004 - from there on wide
    fitting = f'font-size="{min(size, 35 / width):.2f}" font-family="sans-serif" text-anchor="middle"'
    return f'<text x="66" y="{y}" {fitting}>{text}</text>\n'
