"""What whoever treats a person has to know first, on one page: pure, from facts, entries of other houses and signals.

What nobody asked, what was answered with no and what may not be shown yet are three things and stay three things.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import msgspec

from engine.care_entries import FILES, Coding, Entry, ongoing
from engine.care_entries import Sort as EntrySort
from engine.clinical import Fact, Source, answered, standing
from engine.clinical_codes import catalogue
from engine.clinical_values import day_of
from engine.explained import MEASURED, Group, explanations, spoken
from engine.locale import Language
from engine.people import Resident
from engine.records import documents_of
from engine.signals import Signal

State = Literal["some", "none", "partly", "silent"]
Doubt = Literal["", "contradiction", "stale", "unknown"]
Answer = Literal["yes", "no", "open"]
# Told before everything else: what decides in the first minutes whether a scan, a drug or a drip does harm.
CAUTIONS: Final = (
    "has.implant", "has.dialysis", "med.insulin", "med.sulfonylurea", "has.heart-failure", "answer.pregnant",
)  # fmt: skip
# Answers about allergies cover every sort there is; those about medicines and conditions name only some of them, so
# that a no to all of them is never "takes nothing" or "has nothing".
_WHOLE: Final[frozenset[Group]] = frozenset({"allergy"})
# As long as an answer about a medicine holds (engine/clinical_codes.toml).
_ASKED_AGAIN: Final = timedelta(days=180)
_ENTRIES: Final[Mapping[Group, EntrySort]] = {
    "allergy": "allergy", "medicine": "medication", "condition": "condition",
}  # fmt: skip


# So much of the code and name it was made of a fact keeps.
RAW_SHOWN: Final = 60


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is there, or was denied: its name in both languages, since when, who says so.

    `house` is the network an entry came by ("" for what was told to us or stood in a file), `codes` its official
    codes, `detail` the dose or reaction in the house's words, `doubt` why it needs a question, `ids` the facts or the
    entry that say so.
    """

    name_ja: str
    name_en: str
    detail: str = ""
    day: date | None = None
    source: Source
    house: str = ""
    doubt: Doubt = ""
    code: str = ""
    codes: tuple[Coding, ...] = ()
    ids: tuple[str, ...] = ()

    def name(self, lang: Language) -> str:
        """What it is called."""
        return self.name_ja if lang == "ja" else self.name_en


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One section: what is there, what was denied, what nobody knows (by name); `whole` if the answers cover it all."""

    lines: tuple[Line, ...] = ()
    denied: tuple[Line, ...] = ()
    unasked: tuple[Line, ...] = ()
    whole: bool = False

    @property
    def state(self) -> State:
        """`none` only where every question of a section that covers everything was answered with no."""
        if self.lines:
            return "some"
        if not self.denied:
            return "silent"
        return "partly" if self.unasked or not self.whole else "none"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The newest value of one item and the one before it; values in words of the language it was made for."""

    code: str
    name_ja: str
    name_en: str
    value: str
    unit: str
    day: date
    source: Source
    before: str = ""
    before_day: date | None = None
    ids: tuple[str, ...] = ()

    def name(self, lang: Language) -> str:
        """What it is called."""
        return self.name_ja if lang == "ja" else self.name_en


class Pressure(msgspec.Struct, frozen=True):
    """The mean of the home pressures of a time of day in 7 days, and on how many of them it was measured."""

    high: Decimal
    low: Decimal
    days: int


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured at home; None where there is too little to say it."""

    morning: Pressure | None = None
    evening: Pressure | None = None
    weight: Decimal | None = None
    weight_half_year: Decimal | None = None
    bmi: Decimal | None = None
    steps: Decimal | None = None
    step_days: int = 0
    pulse: Decimal | None = None


class Origin(msgspec.Struct, frozen=True):
    """Where something of this comes from: the source or house, how much, and the day it came in last."""

    source: Source
    house: str
    count: int
    day: date


class Hidden(msgspec.Struct, frozen=True):
    """How much is recorded that this version may not show: coming on a day, or waiting for a doctor's word."""

    later: int = 0
    waiting: int = 0

    @property
    def count(self) -> int:
        """Everything that is left out."""
        return self.later + self.waiting


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around the record: the devices in use, who looks after the person, the town."""

    devices: tuple[str, ...] = ()
    team: str = ""
    keeper: str = ""
    town: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The page; `whole` is the version for whoever treats the person, without it what they may see themselves."""

    person: Resident
    as_of: datetime
    whole: bool
    cautions: tuple[Line, ...]
    allergies: Part
    medicines: Part
    conditions: Part
    results: tuple[Result, ...]
    home: Home
    around: Around
    origins: tuple[Origin, ...]
    hidden: Hidden


def summary_of(
    person: Resident,
    facts: Iterable[Fact],
    entries: Sequence[Entry],
    signals: Mapping[str, Signal],
    as_of: datetime,
    *,
    lang: Language = "ja",
    around: Around | None = None,
    hidden: Hidden | None = None,
) -> Summary:
    """The summary of `person` at `as_of` from what may be shown; `hidden` is what may not, None for the whole version.

    `signals` are those of `engine.picture`; with something hidden a "no" to everything is never told as "none".
    """
    rows, left_out = list(facts), hidden or Hidden()
    known = standing(rows, as_of)
    parts = {group: _part(group, known, entries, as_of, sure=not left_out.count) for group in _ENTRIES}
    found = [_answer(code, known, as_of) for code in CAUTIONS]
    return Summary(
        person=person, as_of=as_of, whole=hidden is None,
        cautions=tuple(line for sort, line in found if sort == "yes"), allergies=parts["allergy"],
        medicines=parts["medicine"], conditions=parts["condition"], results=_results(known, lang),
        home=home_of(signals), around=around or Around(), origins=_origins(rows, entries, as_of), hidden=left_out,
    )  # fmt: skip


def home_of(signals: Mapping[str, Signal]) -> Home:
    """The home measurements that `signals` tell."""

    def value(name: str) -> Decimal | None:
        return signals[name].value if name in signals else None

    return Home(
        morning=_pressure(signals, "morning"), evening=_pressure(signals, "evening"), weight=value("weight.level"),
        weight_half_year=value("weight.change_180d"), bmi=value("bmi"), steps=value("steps.mean_7d"),
        step_days=int(value("steps.valid_days_7d") or 0), pulse=value("heart.resting"),
    )  # fmt: skip


def _pressure(signals: Mapping[str, Signal], time: str) -> Pressure | None:
    high, low = (signals.get(f"bp.home.{side}_{time}") for side in ("systolic", "diastolic"))
    if high is None or low is None or high.value is None or low.value is None:
        return None
    return Pressure(high.value, low.value, min(high.count, low.count))


def _part(
    group: Group, known: Mapping[str, Sequence[Fact]], entries: Sequence[Entry], as_of: datetime, *, sure: bool
) -> Part:
    """What other houses told first: they name a substance where an answer names a sort, and it is not said twice."""
    live = ongoing(entries, _ENTRIES[group], as_of)
    codes = [code for code, one in explanations().items() if one.group == group]
    found = [_answer(code, known, as_of) for code in codes]
    raws, named = {fact.id: fact.raw for code in codes for fact in known.get(code, ())}, {_raw(entry) for entry in live}
    said = (line for sort, line in found if sort == "yes")
    mine = (line for line in said if line.doubt or not line.ids or any(raws[name] not in named for name in line.ids))
    return Part(
        lines=(*(_of_entry(entry, as_of) for entry in live), *mine),
        denied=tuple(line for sort, line in found if sort == "no"),
        unasked=tuple(line for sort, line in found if sort == "open"), whole=sure and group in _WHOLE,
    )  # fmt: skip


def _answer(code: str, known: Mapping[str, Sequence[Fact]], as_of: datetime) -> tuple[Answer, Line]:
    """How one question stands; a yes that ran out is still told, with its day: it is no no."""
    said, spec = list(known.get(code, ())), catalogue()[code]
    signal = answered(said, as_of)
    used = [fact for fact in said if fact.id in signal.inputs]
    last = used[-1] if used else None
    line = Line(
        name_ja=spec.ja, name_en=spec.en, code=code, source=last.source if last else "resident",
        day=day_of(last.at) if last else None, ids=tuple(fact.id for fact in used),
    )  # fmt: skip
    if signal.value is not None:
        doubt: Doubt = "contradiction" if signal.note == "contradiction" else ""
        return "yes" if signal.value else "no", msgspec.structs.replace(line, doubt=doubt)
    if signal.note == "stale" and any(fact.value == "1" for fact in used):
        return "yes", msgspec.structs.replace(line, doubt="stale")
    return "open", msgspec.structs.replace(line, doubt="unknown" if signal.note == "unknown" else "")


def _of_entry(entry: Entry, as_of: datetime) -> Line:
    """A prescription whose end nobody told is not taken for ever: it is told, and to be asked about."""
    old = entry.sort == "medication" and as_of - (entry.at or entry.recorded_at) > _ASKED_AGAIN
    return Line(
        name_ja=entry.name, name_en=entry.name, detail=entry.detail, day=None if entry.at is None else day_of(entry.at),
        source=entry.source, house=_house(entry), codes=entry.codes, ids=(entry.id,),
        doubt="stale" if old else "",
    )  # fmt: skip


def _house(entry: Entry) -> str:
    return "" if entry.origin in FILES else entry.origin


def _raw(entry: Entry) -> str:
    """How a fact that was made of this entry remembers it (fhir_bridge.imports.facts)."""
    return f"{next((one.code for one in entry.codes if one.code), '')} {entry.name}"[:RAW_SHOWN]


def _results(known: Mapping[str, Sequence[Fact]], lang: Language) -> tuple[Result, ...]:
    """Every item a check-up or laboratory measured, in the order of the check-up: its newest value, the one before."""
    found = []
    for group in MEASURED:
        for code, one in explanations().items():
            if one.group == group and known.get(code):
                found.append(_result(code, known[code], lang))
    return tuple(found)


def _result(code: str, said: Sequence[Fact], lang: Language) -> Result:
    newest, spec = said[-1], catalogue()[code]
    before = next((fact for fact in reversed(said) if day_of(fact.at) < day_of(newest.at)), None)
    value, unit = spoken(newest, lang)
    return Result(
        code=code, name_ja=_plain(spec.ja), name_en=_plain(spec.en), value=value, unit=unit, day=day_of(newest.at),
        source=newest.source, before=spoken(before, lang)[0] if before else "",
        before_day=day_of(before.at) if before else None, ids=tuple(one.id for one in (newest, before) if one),
    )  # fmt: skip


def _plain(name: str) -> str:
    """A label without the key to its grades: the value is written as the strip shows it."""
    return name.split("(−0", maxsplit=1)[0].removesuffix(", graded")


def _origins(facts: Sequence[Fact], entries: Sequence[Entry], as_of: datetime) -> tuple[Origin, ...]:
    """Where it comes from, newest first: documents by day, what was said to us by whom, other houses by name."""
    documents = [Origin(one.source, "", one.count, one.recorded) for one in documents_of(facts, as_of)]
    papers = {one.source for one in documents}
    spoken_of: dict[Source, list[date]] = {}
    for said in standing(facts, as_of).values():
        for fact in said:
            if fact.source not in papers:
                spoken_of.setdefault(fact.source, []).append(day_of(fact.recorded_at))
    houses: dict[tuple[Source, str], list[date]] = {}
    for sort in _ENTRIES.values():
        for entry in ongoing(entries, sort, as_of):
            if house := _house(entry):
                houses.setdefault((entry.source, house), []).append(day_of(entry.recorded_at))
            else:
                spoken_of.setdefault(entry.source, []).append(day_of(entry.recorded_at))
    found = [
        *documents,
        *(Origin(source, "", len(days), max(days)) for source, days in spoken_of.items()),
        *(Origin(source, house, len(days), max(days)) for (source, house), days in houses.items()),
    ]
    counts: Counter[tuple[date, Source, str]] = Counter()
    for one in found:
        counts[one.day, one.source, one.house] += one.count
    return tuple(Origin(source, house, counts[day, source, house], day) for day, source, house in sorted(counts)[::-1])
