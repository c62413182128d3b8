"""`phr simulate year`: a town's year before a few nurses, with standing approvals and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, result, say

if TYPE_CHECKING:
    from simulators.town_year.year import Year


def year(
    people: Annotated[int, typer.Option(min=50, max=200_000, help="How many residents.")] = 40_000,
    nurses: Annotated[int, typer.Option(min=1, max=200, help="How many nurses.")] = 6,
    hours: Annotated[float, typer.Option(min=0.1, max=8.75, help="Hours each has for this on an office day.")] = 2,
    reports: Annotated[
        int | None, typer.Option(min=0, help="Monthly reports a month at most; default: to whoever had no word.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Routine drafts wait until read; else unread for 10 office days: set aside.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Which town.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:  # fmt: skip
    """Run one year with standing approvals and the same year without; exit 11 if the promise to residents is not kept.

    Kept is: red flags all in time, nothing older than ten office days, 95 % of the eligible contacted in every month.
    """
    import msgspec

    from simulators.town_year.year import year as run

    found = []
    for standing in (True, False):
        say(f"a year {'with' if standing else 'without'} standing approvals")
        found.append(run(people, nurses, hours, seed, standing=standing, reports=reports, aside=not keep))
        if not json:
            _print(found[-1])
    if json:
        emit(
            {
                ("with_standing" if one.standing else "without"): msgspec.to_builtins(one) | {"met": one.met}
                for one in found
            }
        )
    if not all(one.met for one in found):
        raise typer.Exit(Exit.DAMAGED)


def _print(one: Year) -> None:
    read = sum(one.read.values())
    said = (
        f"{'with' if one.standing else 'without'} standing approvals: {'kept' if one.met else 'NOT KEPT'}",
        f"  red flags {one.red_flags}, in time {one.in_time}, told at once by a signed text {one.told_at_once}",
        f"  oldest: serious {one.oldest_serious}, routine {one.oldest_routine} office days",
        f"  contacted in the worst month {one.contacted:.1%} of {one.eligible} eligible residents",
        f"  by a text or call alone {one.contacted_by_person:.1%}; reports a month needed: {one.reports_needed}",
        f"  {one.texts_by_standing} texts by standing approvals, {read} drafts read, {one.calls} calls",
        f"  {one.reports} monthly reports, {one.letters} of them on paper",
        f"  {one.set_aside} routine drafts set aside unread; to read all a nurse needs {one.needed_hours:.1f} h a day",
        f"  {one.minutes_per_resident_month:.2f} nurse minutes per resident and month, nurses {one.busy:.0%} busy",
    )
    for line in said:
        result(line)
