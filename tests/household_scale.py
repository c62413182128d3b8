"""The two shared scales of tests/golden/households, answered as at the time, and what the answers are worth."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from statistics import median

import msgspec

from engine.assignment import likeliest
from engine.likelihood_home import Sighting, guessed, nobody_enrolled, told

FILE = Path(__file__).parent / "golden" / "households" / "household_scale.csv"
THRESHOLDS = (0.0, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class Row(msgspec.Struct, frozen=True):
    """One weighing of a household; `person` is the truth."""

    household: str
    reading: str
    day: int
    person: str
    kilograms: str


class Guess(msgspec.Struct, frozen=True):
    """The likeliest person of a weighing that enrolled nobody."""

    row: Row
    person: str
    posterior: float

    @property
    def right(self) -> bool:
        return self.person == self.row.person


def rows(household: str | None = None) -> list[Row]:
    with FILE.open(encoding="utf-8", newline="") as file:
        found = [
            Row(r["household"], r["reading"], int(r["day"]), r["person"], r["weight_kg"]) for r in csv.DictReader(file)
        ]
    return [row for row in found if household in {None, row.household}]


def guesses(history: list[Row]) -> list[Guess]:
    """What the model says of one household's rows, in order; the first of each person enrols them."""
    belief, found = nobody_enrolled(()), []
    for row in history:
        seen = Sighting(row.day, row.day, float(row.kilograms))
        if row.person not in belief.members:
            belief = told(belief, seen, row.person)
            continue
        shares, belief = guessed(belief, seen)
        name, share = likeliest(shares)
        assert name is not None
        found.append(Guess(row, name, share))
    return found


def risk_coverage() -> str:
    """The table of the documentation: of the readings that enrolled nobody, how many are filed and how many wrongly."""
    lines = ["| household | filed from | filed | coverage | wrong | error |", "|---|---|---|---|---|---|"]
    mistakes = []
    for household in sorted({row.household for row in rows()}):
        found = guesses(rows(household))
        for threshold in THRESHOLDS:
            filed = [guess for guess in found if guess.posterior >= threshold]
            wrong = [guess for guess in filed if not guess.right]
            lines.append(
                f"| {household} | {threshold:.2f} | {len(filed)} of {len(found)} | {len(filed) / len(found):.3f} "
                f"| {len(wrong)} | {len(wrong) / len(filed):.3f} |"
            )
        mistakes += [guess for guess in found if guess.posterior >= 0.9 and not guess.right]
    told_of = [
        f"- {g.row.household} reading {g.row.reading}, day {g.row.day}: {g.row.kilograms} kg of person {g.row.person} "
        f"filed under {g.person} at {g.posterior:.3f} ({'sure' if g.posterior >= 0.99 else 'assumed'})"
        for g in mistakes
    ]
    return "\n".join([*lines, "", "Every confident mistake (0.9 and more):", "", *(told_of or ["- none"])]) + "\n"


def mixed(apart: float, seed: int) -> list[Row]:
    """Two or three people of the file as one household: moved to be `apart` kg from each other, some run backwards."""
    rng = random.Random(seed)
    people = sorted({row.person for row in rows()})
    found: list[tuple[int, float, Row]] = []
    for place, person in enumerate(rng.sample(people, rng.choice([2, 3]))):
        theirs = [row for row in rows() if row.person == person]
        move = 65 + apart * place - median(float(row.kilograms) for row in theirs)
        backwards = rng.random() < 0.5
        for row in theirs:
            day = 62 - row.day if backwards else row.day
            kilograms = f"{float(row.kilograms) + move:.2f}"
            found.append((day, rng.random(), Row("M", row.reading, day, person, kilograms)))
    return [row for _, _, row in sorted(found, key=lambda item: item[:2])]
