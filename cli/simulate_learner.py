"""`phr simulate learner`: the learner against policies that do not learn, in a cohort whose true effects are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.exits import Exit
from cli.output import emit, result, say

if TYPE_CHECKING:
    from simulators.cohort.trial import Contrast, Outcome


def learner(
    people: Annotated[int, typer.Option(min=10, max=100_000, help="How many residents in each cohort.")] = 600,
    days: Annotated[int, typer.Option(min=14, max=730, help="How many days each is watched.")] = 90,
    effect: Annotated[
        Literal["note", "zero"], typer.Option(help="What messages truly do: what trials found, or nothing.")
    ] = "note",
    seeds: Annotated[int, typer.Option(min=1, max=1_000, help="How many cohorts.")] = 5,
    first: Annotated[int, typer.Option(min=0, help="The first of their seeds.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Let the learner and three others tell the same residents as many messages; exit 11 if it told a forbidden one.

    With zero effect a win that is claimed too often is exit 11, too; with the note's, a mean that does not beat fixed
    and random. `hindsight` always tells what truly helps most: nobody can know that, and no win over it is expected.
    """
    import msgspec

    from simulators.cohort.trial import RIVALS, campaign, chance_claims

    def tell(one: Outcome) -> None:
        words = "  ".join(f"{name} {_words(one.against[name])}" for name in RIVALS)
        say(f"seed {one.seed}: {one.messages['learner']} messages each; learner minus {words}")

    found = campaign(people, days, effect, range(first, first + seeds), tell)
    limit = chance_claims(seeds)
    sound = found.crossed == 0 and found.equal_burden
    for name in ("fixed", "random"):
        sound &= found.claims[name] <= limit if effect == "zero" else found.pooled[name].value > 0
    if json:
        emit(msgspec.to_builtins(found) | {"sound": sound, "claims_by_chance": limit})
    else:
        for name in RIVALS:
            result(f"learner minus {name}: {_words(found.pooled[name])}, won in {found.claims[name]} of {seeds}")
        burden = "with" if found.equal_burden else "WITHOUT"
        result(f"{found.crossed} forbidden messages, {burden} equal burden, at most {found.most_kg_year:.2f} kg a year")
    if not sound:
        raise typer.Exit(Exit.DAMAGED)


def _words(one: Contrast) -> str:
    return f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f}; truly {one.true:+.3f})"
