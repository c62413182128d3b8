"""`phr release attack`: everything an attacker would try on the statistics, at the size asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.exits import Exit
from cli.output import emit, result, say


def attack(
    populations: Annotated[int, typer.Option(min=1, max=100_000, help="Random populations of attack A1.")] = 200,
    releases: Annotated[int, typer.Option(min=100, max=1_000_000, help="Releases a person in attack A3.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Which made-up cities are attacked.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Attack the method with made-up cities; exit 11 if one attack finds more than it may, or misses a broken method.

    No resident's data are read. A1 to A10 are the attacks of the method note.
    """
    import msgspec

    from simulators.attack.campaign import Size, attacks

    found = []
    for one in attacks(Size(populations=populations, releases=releases, seed=seed), say):
        found.append(one)
        if not json:
            word = ("caught" if one.control else "withstood") if one.withstood else "FAILED"
            result(f"{one.attack:4} {word:10} {one.what}: {one.measured} (mark: {one.mark})")
    sound = all(one.withstood for one in found)
    if json:
        emit({"sound": sound, "attacks": msgspec.to_builtins(found)})
    if not sound:
        raise typer.Exit(Exit.DAMAGED)
