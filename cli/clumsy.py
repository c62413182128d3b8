"""`phr simulate pairings`: what became of clumsy people, as a table or as JSON."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import typer

from cli.exits import Exit
from cli.output import emit, result, say
from cli.pair_words import word
from gateway.log import logged_to
from simulators.clumsy import Ending, Report, campaign
from simulators.clumsy_room import usual
from simulators.clumsy_scenes import SCENES


def run(count: int, seed: int, *, json: bool) -> None:
    """Play `count` of the scenarios (0: all) and print them; exit code 11 when one did not hold."""
    # Links that break on purpose are not worth bumble's words.
    logging.getLogger("bumble").setLevel(logging.CRITICAL)
    chosen = Random(seed).sample(SCENES, min(count or len(SCENES), len(SCENES)))  # noqa: S311 - which stories are told
    with logged_to(Path(os.devnull)):
        report = asyncio.run(campaign(chosen, usual, seed, _tell))
    for bug in report.bugs:
        say(f"bug: {bug}")
    if json:
        emit(as_json(report))
    else:
        for line in lines(report):
            result(line)
    if report.held < len(report.endings) or report.bugs:
        raise typer.Exit(Exit.DAMAGED)


def _tell(ending: Ending) -> None:
    say(f"{'no' if ending.problems else 'ok'}  {ending.name}  {ending.seconds} s  {'; '.join(ending.problems)}")


def lines(report: Report) -> list[str]:
    """One line for each pairing, with the one next action that was shown last; then the count."""
    rows = [
        f"{'no' if ending.problems else 'ok'}  {ending.name:26} {ending.ended:17} {_shown(ending)}".rstrip()
        for ending in sorted(report.endings, key=lambda ending: ending.name)
    ]
    return [*rows, f"{report.held} of {len(report.endings)} ended paired or with the one next action shown"]


def _shown(ending: Ending) -> str:
    code = ending.seen[-1] if ending.seen else ""
    return word("en", f"do.{code}", resident="r-…") if code else ""


def as_json(report: Report) -> dict[str, Any]:
    """The report without the screens."""
    kept = [
        {name: value for name, value in msgspec.to_builtins(ending).items() if name != "screens"}
        for ending in report.endings
    ]
    return {"held": report.held, "of": len(report.endings), "bugs": list(report.bugs), "pairings": kept}
