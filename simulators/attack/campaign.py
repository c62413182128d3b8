"""The attacks on the mechanism, one after the other, at the size asked for; all but the noise of A3 comes of a seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from engine.refusal import Refusal
from fhir_bridge.privacy import STANDARD
from fhir_bridge.privacy_noise import ExactLaplace
from fhir_bridge.privacy_release import Release, faults, planned, prepare, read
from simulators.attack.audit import TARGETS, advantage, leak
from simulators.attack.findings import Finding
from simulators.attack.populations import populations, utility
from simulators.attack.recovery import NARROW, Known, learned, narrowest
from simulators.attack.stored import attacks_on_a_store
from simulators.attack.world import FIRST, TURNS, UNIT, SeededLaplace, day_after, ledger, series, tally_of
from simulators.city.rows import CODES, INTERESTS, rows

_LOSS: Final = 0.5
_DELTA: Final = 0.005
_BOUND: Final = (math.exp(2) - 1) / (math.exp(2) + 1) + _DELTA
_SINGLE: Final = 0.25
_WEAK: Final = 0.5
_CITY: Final = 5_000
_SMALL_CITY: Final = 1_000
# Where a cell is cut: the places at which one release says most.
_EDGES: Final = (9, 17, 19, 22, 24, 27, 47)


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How hard the attacker tries: populations of A1, cities of A2, releases a target of A3, and the seed of it all."""

    populations: int = 200
    cities: tuple[int, ...] = (400, 1_000, 2_500)
    releases: int = 2_000
    seed: int = 1


def attacks(size: Size, tell: Callable[[str], None] = lambda _text: None) -> Iterator[Finding]:
    """What came of each attack, as it ends."""
    for name, attack in _ATTACKS.items():
        tell(f"{name} ...")
        yield from attack(size)


def _populations(size: Size) -> Iterator[Finding]:
    shown = wrong = small = 0
    for number, tally in enumerate(populations(size.populations, size.seed)):
        made = prepare(ledger(), tally, SeededLaplace(number), day_after(tally.plan.period))
        release = Refusal("none", "") if isinstance(made, Refusal) else read(made.content, made.sha256)
        if not isinstance(release, Release):
            wrong += 1
            continue
        wrong += len(faults(release))
        for table, counts in zip(release.tables, tally.counts, strict=True):
            seen = [true for cell, true in zip(table.cells, counts, strict=True) if cell.count is not None]
            shown, small = shown + len(seen), small + sum(true < STANDARD.least for true in seen)
    yield Finding(
        attack="A1", what=f"{size.populations} populations, {shown} published cells",
        measured=f"{wrong} faults, {small} cells under {STANDARD.least} people", mark="0 and 0",
        withstood=not wrong and not small and shown > 0,
    )  # fmt: skip


def _recovery(size: Size) -> Iterator[Finding]:
    for people in size.cities:
        told = series(rows(people, size.seed + people), SeededLaplace(size.seed + people))
        known, kept = learned(told.releases)
        width, cell = narrowest(known, kept)
        where = "" if cell is None else f" ({' '.join((cell[0], *cell[1]))})"
        yield Finding(
            attack="A2", what=f"linear programmes over 3 releases of {people} people, {len(kept)} suppressed cells",
            measured=f"narrowest interval {_whole(width)}{where}", mark=f"not under {NARROW}",
            withstood=width >= NARROW,
        )  # fmt: skip
    yield _exact_totals(size)


def _exact_totals(size: Size) -> Finding:
    """Small cells hidden, the others and all totals exact: what this house never publishes."""
    tally = tally_of(rows(1_500, size.seed))
    [table, *_] = tally.plan.tables
    true = dict(zip(table.cells, tally.counts[0], strict=True))
    known = Known(INTERESTS)
    kept = [at for at, count in true.items() if count < STANDARD.least]
    for at, count in true.items():
        known.between([("T1", at)], 0 if at in kept else count, STANDARD.least - 1 if at in kept else count)
    for axis in (0, 1):
        for code in dict.fromkeys(at[axis] for at in true):
            cells = [at for at in true if at[axis] == code]
            total = sum(true[at] for at in cells)
            known.between([("T1", at) for at in cells], total, total)
    width, _ = narrowest(known, [("T1", at) for at in kept])
    return Finding(
        attack="A2", what="exact totals beside suppressed cells", measured=f"narrowest interval {_whole(width)}",
        mark=f"under {NARROW}", withstood=width < NARROW, control=True,
    )  # fmt: skip


def _neighbours(size: Size) -> Iterator[Finding]:
    noise = ExactLaplace()
    proved = {true: leak(true, noise.add, STANDARD.scale, size.releases, _DELTA) for true in TARGETS}
    worst = max(proved, key=lambda true: proved[true])
    yield Finding(
        attack="A3", what=f"{size.releases} releases with and without each of {len(TARGETS)} people",
        measured=f"loss proved at most {max(0.0, proved[worst]):.2f} (cell of {worst})", mark=f"not over {_LOSS}",
        withstood=proved[worst] <= _LOSS,
    )  # fmt: skip
    weak = leak(19, noise.add, _WEAK, size.releases, _DELTA)
    yield Finding(
        attack="A3", what=f"the same with noise of scale {_WEAK}", measured=f"loss proved {weak:.2f}",
        mark=f"over {_LOSS}", withstood=weak > _LOSS, control=True,
    )  # fmt: skip


def _again(size: Size) -> Iterator[Finding]:
    people = rows(800, size.seed)
    made = prepare(ledger(), tally_of(people), SeededLaplace(size.seed), day_after(FIRST))
    taken = 0
    if not isinstance(made, Refusal):
        tries = ((people, 0), (people[1:], 1), (people, -20), (people, 400))
        for who, days in tries:
            again = prepare(made.ledger, tally_of(who), SeededLaplace(days), day_after(FIRST, 10 + days))
            taken += not isinstance(again, Refusal)
    yield Finding(
        attack="A4", what="the period again: at once, after one withdrew, with the clock back, a year later",
        measured=f"{taken} drawn again", mark="0", withstood=not taken and not isinstance(made, Refusal),
    )  # fmt: skip


def _membership(_size: Size) -> Iterator[Finding]:
    whole = max(advantage((true,) * 4) for true in _EDGES)
    single = max(advantage((true,)) for true in range(30, 60))
    yield Finding(
        attack="A5", what="a whole release, all others known", measured=f"advantage {whole:.3f}",
        mark=f"not over {_BOUND:.3f}", withstood=whole <= _BOUND,
    )  # fmt: skip
    yield Finding(
        attack="A5", what="one cell of 30 or more", measured=f"advantage {single:.3f}", mark=f"not over {_SINGLE}",
        withstood=single <= _SINGLE,
    )  # fmt: skip


def _contribution(size: Size) -> Iterator[Finding]:
    people = rows(600, size.seed)
    over = 0
    for period in TURNS:
        everyone = tally_of(people, period)
        for index in range(0, len(people), 40):
            others = tally_of([*people[:index], *people[index + 1 :]], period)
            for table, first, second in zip(everyone.plan.tables, everyone.counts, others.counts, strict=True):
                moved = [one - other for one, other in zip(first, second, strict=True)]
                over += sum(moved) > table.bound or not set(moved) <= {0, 1}
    yield Finding(
        attack="A7", what="one resident more, in every turn", measured=f"{over} tables moved beyond their bound",
        mark="0", withstood=not over,
    )  # fmt: skip


def _universe(_size: Size) -> Iterator[Finding]:
    refused = planned(ledger(), UNIT, FIRST, 299, CODES)
    code = refused.code if isinstance(refused, Refusal) else "a release"
    yield Finding(
        attack="A8", what="299 people", measured=code, mark="population-too-small",
        withstood=code == "population-too-small",
    )  # fmt: skip


def _budget(size: Size) -> Iterator[Finding]:
    book, people = ledger(), rows(400, size.seed)
    drawn = 0
    for period in (*TURNS, TURNS[-1].next):
        # All on the day the second period ended: two may be drawn within a year, no third.
        made = prepare(book, tally_of(people, period), SeededLaplace(drawn), day_after(TURNS[1]))
        if not isinstance(made, Refusal):
            book, drawn = made.ledger, drawn + 1
    yield Finding(
        attack="A9", what="four periods within 12 months", measured=f"{drawn} drawn", mark="not over 2",
        withstood=drawn <= 2,  # noqa: PLR2004 - the mark itself
    )  # fmt: skip


def _utility(size: Size) -> Iterator[Finding]:
    for people, least in ((_SMALL_CITY, 0.5), (_CITY, 0.95)):
        found = utility(rows(people, size.seed))
        yield Finding(
            attack="A10", what=f"{people} people: worth of T1 and T2",
            measured=f"{found.cells:.0%} of cells, {found.people:.0%} of people, mean error {found.error:.2f}",
            mark=f"{least:.0%} of cells, error 3", withstood=found.cells >= least and found.error <= 3,  # noqa: PLR2004
        )  # fmt: skip


def _whole(width: float) -> str:
    return "none" if math.isinf(width) else str(int(width))


_ATTACKS: Final[dict[str, Callable[[Size], Iterator[Finding]]]] = {
    "A1": _populations, "A2": _recovery, "A3": _neighbours, "A4": _again, "A5": _membership, "A7": _contribution,
    "A8": _universe, "A9": _budget, "A10": _utility, "a store": lambda size: attacks_on_a_store(size.seed),
}  # fmt: skip
