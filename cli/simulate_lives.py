"""`phr simulate lives`: simulated lives that try the watching over: what it finds, when, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, result, say

if TYPE_CHECKING:
    from simulators.lives.rivals import Rival
    from simulators.lives.through_store import Agreement
    from simulators.lives.trial import Outcome
    from simulators.lives.truth import Found

_EVERY = 100


def lives(
    people: Annotated[int, typer.Option(min=1, max=100_000, help="How many people are watched over.")] = 1_000,
    days: Annotated[int, typer.Option(min=7, max=1_000, help="How many days, after 60 that teach the rhythm.")] = 365,
    seed: Annotated[int, typer.Option(min=0, help="Which town; from 1000 on none was tuned on.")] = 1_000,
    store: Annotated[
        int, typer.Option(min=0, max=200, help="So many of them through the real store, too; both ways must agree.")
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:  # fmt: skip
    """Let the watching over look at simulated lives with snow, trips, broken devices, hospital stays, falls, illness.

    Exit 11 if a device's silence was told as a person's, if somebody was told of who is known to be away, or if the
    store raises other alerts than the pure core.
    """
    import msgspec

    from simulators.lives.trial import trial

    def tell(done: int) -> None:
        if done % _EVERY == 0:
            say(f"{done} of {people} lives")

    found = trial(people, days, seed, tell=tell)
    agreed = _through_store(min(store, people), days, seed) if store else None
    if json:
        both = {} if agreed is None else {"store": msgspec.to_builtins(agreed) | {"agree": agreed.agree}}
        emit(msgspec.to_builtins(found) | {"sound": found.figures.sound} | both)
    else:
        _print(found)
        if agreed is not None:
            result(f"through the store: {agreed.homes} homes, {agreed.both} alerts alike, "
                   f"{len(agreed.core_only)} only in the core, {len(agreed.store_only)} only in the store")  # fmt: skip
    if not found.figures.sound or (agreed is not None and not agreed.agree):
        raise typer.Exit(Exit.DAMAGED)


def _through_store(homes: int, days: int, seed: int) -> Agreement:
    import tempfile
    from itertools import islice

    from engine.store.database import migrate, open_engine
    from simulators.lives.through_store import compare
    from simulators.lives.trial import homes_of, town_of

    say(f"{homes} of them through the store")
    town = town_of(days, seed)
    with tempfile.TemporaryDirectory(prefix="phr-lives-") as folder:
        engine = open_engine(f"sqlite:///{folder}/engine.sqlite")
        migrate(engine)
        try:
            return compare(engine, town, list(islice(homes_of(town, homes, seed), homes)))
        finally:
            engine.dispose()


def _print(one: Outcome) -> None:
    found, beside = one.figures, one.compared
    result(f"{found.people} people, {found.person_months:.0f} person-months, seed {one.seed} "
           f"({'held out' if one.held_out else 'TUNED ON'})")  # fmt: skip
    for sort in ("person-silent", "activity-drop"):
        said = ", ".join(f"{name} {count}" for name, count in found.false[sort].items())
        result(f"{sort}: {found.alerts.get(sort, 0)} alerts, {found.true[sort]} true, precision "
               f"{_share(found.precision[sort])}; false by {said or 'nothing'}")  # fmt: skip
    result(f"device-silent: {found.alerts.get('device-silent', 0)} alerts, {_share(found.device_right)} with a fault")
    result(f"per 100 person-months: {found.false_rate:.2f} false alerts, {found.nurse_minutes:.0f} nurse minutes, "
           f"{found.device_rate:.1f} about devices, {found.helpdesk_minutes:.0f} helpdesk minutes")  # fmt: skip
    for sort, events in found.found.items():
        result(f"{sort}: {_found(events)}")
    for words, rival in (
        ("silence: watching", beside.silence), ("36 hours for everybody", beside.silence_naive),
        ("equally loud", beside.silence_equal), ("steps: watching", beside.drop), ("equally loud", beside.drop_equal),
    ):  # fmt: skip
        result(f"  {words}: {_rival(rival)}")
    result(f"device silence told as a person's: {found.broken}; known to be away: {found.excused}; "
           f"without the checks that things work: {one.sabotaged}")  # fmt: skip


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _found(one: Found) -> str:
    delay = (
        "" if one.median_hours is None else f", after {one.median_hours:.0f} h (median), {one.most_hours:.0f} (90 %)"
    )
    return (
        f"{one.found} of {one.events} found in time{delay}; of those over two days {one.long_found} of {one.long}; "
        f"on a list of either sort {one.with_device}"
    )


def _rival(one: Rival) -> str:
    at = f" at {one.threshold:.0f}" if one.threshold else ""
    return f"{one.alerts} alerts{at}, {one.true} true, {one.found} of {one.events} found"
