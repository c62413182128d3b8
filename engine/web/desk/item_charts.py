"""The charts of an item: the stored readings its rule saw, marked, among those before and since; limits as zones.

Pure: from the frozen evidence and the stored points to charts. The evidence names readings; their values are stored.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.charts import LIMIT, Chart, Dot, Zone
from engine.charts_kinds import mark_of, unit_words
from engine.clinical import Fact
from engine.clinical_codes import catalogue
from engine.locale import Language, text
from engine.signals import Point, bmi, step_days
from engine.signals_rows import STEP_KINDS
from engine.vocabulary import VOCABULARY

MOST: Final = 3
# How far before the snapshot a chart begins, so that what triggered is seen among what was usual.
_SPANS: Final = {
    "body-weight": timedelta(days=60), "steps": timedelta(days=21), "systolic": timedelta(days=28),
    "diastolic": timedelta(days=28), "pulse": timedelta(days=28),
}  # fmt: skip
# A long change is drawn from where it begins.
_LONG: Final = {"weight.change_180d": timedelta(days=190), "weight.loss_percent_180d": timedelta(days=190)}
_STORED: Final = {
    "body-weight": ("body-weight",), "steps": STEP_KINDS, "systolic": ("systolic",), "diastolic": ("diastolic",),
    "pulse": ("resting-heart-rate", "pulse-rate"),
}  # fmt: skip
_STARTS: Final = (
    ("weight.", "body-weight"), ("bmi", "body-weight"), ("steps.", "steps"), ("bp.home.systolic", "systolic"),
    ("bp.home.diastolic", "diastolic"), ("heart.resting", "pulse"),
)  # fmt: skip
# Signals whose number stands on the scale of the chart, so that a limit on them can be drawn there.
_SAME_SCALE: Final = re.compile(
    r"bmi|weight\.level|steps\.mean_7d|bp\.home\.\w+_(mean|max|morning|evening)|heart\..*|lab\..*"
)
_REASON: Final = re.compile(r"(\S+) = (\S+) (>=|>|<=|<) (\S+)")


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """A chart that can be drawn of a signal: what it is made of, and the days it reads."""

    signal: str
    series: str
    inputs: frozenset[str]
    as_of: datetime
    first: datetime

    @property
    def stored(self) -> tuple[str, ...]:
        """The kinds of readings it needs; none for what is recorded as facts."""
        return _STORED.get(self.series, ())


def plots_of(evidence: Mapping[str, Any]) -> tuple[Plot, ...]:
    """At most three charts, one for each series, those first whose signals the rule's reasons name."""
    if not evidence.get("as_of"):
        return ()
    as_of = datetime.fromisoformat(evidence["as_of"])
    named = [hit[1] for reason in evidence.get("reasons", ()) if (hit := _REASON.match(reason))]
    signals: Mapping[str, Mapping[str, Any]] = evidence.get("signals", {})
    found: dict[str, Plot] = {}
    for name in sorted(signals, key=lambda one: (named.index(one) if one in named else len(named), one)):
        series, inputs = _series_of(name), frozenset(signals[name].get("inputs", ()))
        if series is None or not inputs or series in found:
            continue
        back = _LONG.get(name) or _SPANS.get(series, timedelta(days=3650))
        found[series] = Plot(signal=name, series=series, inputs=inputs, as_of=as_of, first=as_of - back)
    return tuple(found.values())[:MOST]


def draw_of(
    plot: Plot,
    evidence: Mapping[str, Any],
    history: Mapping[str, Sequence[Point]],
    facts: Sequence[Fact],
    height: Decimal | None,
    zone: ZoneInfo,
    lang: Language,
) -> Chart:
    """The chart of `plot`: triggers marked, what came after the snapshot lighter, the rule's limits as a zone.

    `history` holds `plot.stored` from `plot.first` on, `facts` everything recorded of the person, `height` in cm what
    a body mass index is reckoned with.
    """
    as_bmi = plot.signal == "bmi" and height is not None and height > 0
    unit = _unit(plot, as_bmi=as_bmi)
    if plot.series == "steps":
        dots = _steps(plot, history, zone)
    elif plot.stored:
        dots = tuple(_dot(plot, point, zone, height if as_bmi else None) for point in _points(plot, history))
    else:
        dots = _facts(plot, facts, zone)
    shown = unit_words(unit, lang)
    spec = VOCABULARY.get(plot.signal)
    label = plot.signal if spec is None else (spec.ja if lang == "ja" else spec.en)
    zones = _zones(plot, evidence, lang, shown) if as_bmi or plot.signal != "bmi" else ()
    triggers = sum(1 for dot in dots if dot.mark == "trigger")
    day = plot.as_of.astimezone(zone).date()
    told = text(lang, "nurse", "desk.chart.about", n=triggers, day=day.isoformat(), unit=shown)
    limits = "".join(f" {one.label}" for one in zones)
    return Chart(
        title=label, description=f"{told}{limits}", unit=unit, dots=dots,
        zones=zones, language=lang, shown=shown, first=plot.first.astimezone(zone).date() if plot.stored else None,
        last=day,
    )  # fmt: skip


def _series_of(name: str) -> str | None:
    """What a signal's chart is made of: a series of readings, or the code of a recorded number."""
    for start, series in _STARTS:
        if name.startswith(start):
            return series
    code = catalogue().get(name)
    return name if code is not None and code.sort == "number" else None


def _unit(plot: Plot, *, as_bmi: bool) -> str:
    if as_bmi:
        return "kg/m2"
    fixed = {"body-weight": "kg", "steps": "{steps}/d", "systolic": "mm[Hg]", "diastolic": "mm[Hg]", "pulse": "/min"}
    return fixed.get(plot.series) or catalogue()[plot.series].unit


def _points(plot: Plot, history: Mapping[str, Sequence[Point]]) -> list[Point]:
    """The readings of the series that were measured and are on any scale."""
    points = [point for kind in plot.stored for point in history.get(kind, ())]
    sound = (point for point in points if not point.experimental and not point.preliminary)
    return [point for point in sound if abs(point.value) <= LIMIT]


def _dot(plot: Plot, point: Point, zone: ZoneInfo, height: Decimal | None) -> Dot:
    value = point.value if height is None or point.value <= 0 else bmi(point.value, height)
    if point.reading_id in plot.inputs:
        return Dot(at=point.at.astimezone(zone), value=value, mark="trigger")
    mark = mark_of(point)
    late = point.at > plot.as_of and mark == "plain"
    return Dot(at=point.at.astimezone(zone), value=value, mark="later" if late else mark)


def _steps(plot: Plot, history: Mapping[str, Sequence[Point]], zone: ZoneInfo) -> tuple[Dot, ...]:
    """One dot a day: a day is marked where any of its readings was looked at."""
    looked: Collection[date] = {
        point.at.astimezone(zone).date()
        for points in history.values() for point in points if point.reading_id in plot.inputs
    }  # fmt: skip
    seen = plot.as_of.astimezone(zone).date()
    return tuple(
        Dot(
            at=datetime.combine(day, time(12), zone), value=steps,
            mark="trigger" if day in looked else "later" if day > seen else "plain",
        )
        for day, steps in step_days(history, zone).items()
        if day >= plot.first.astimezone(zone).date() and steps <= LIMIT
    )  # fmt: skip


def _facts(plot: Plot, facts: Sequence[Fact], zone: ZoneInfo) -> tuple[Dot, ...]:
    gone = {fact.retracts for fact in facts}
    kept = [fact for fact in facts if fact.code == plot.series and fact.id not in gone and fact.retracts is None]
    return tuple(
        Dot(
            at=fact.at.astimezone(zone), value=Decimal(fact.value),
            mark="trigger" if fact.id in plot.inputs else "later" if fact.recorded_at > plot.as_of else "plain",
        )
        for fact in kept
    )  # fmt: skip


def _zones(plot: Plot, evidence: Mapping[str, Any], lang: Language, shown: str) -> tuple[Zone, ...]:
    """What the rule asks for of this signal, as its reasons were written down: a part of the scale."""
    if not _SAME_SCALE.fullmatch(plot.signal):
        return ()
    low: Decimal | None = None
    high: Decimal | None = None
    for reason in evidence.get("reasons", ()):
        found = _REASON.match(reason)
        if found is None or found[1] != plot.signal:
            continue
        try:
            limit = Decimal(found[4])
        except InvalidOperation:
            continue
        if found[3].startswith(">"):
            low = limit if low is None else max(low, limit)
        else:
            high = limit if high is None else min(high, limit)
    if low is None and high is None:
        return ()
    key = "from" if high is None else "to" if low is None else "between"
    label = text(lang, "nurse", f"desk.chart.zone.{key}", low=low or "", high=high or "", unit=shown)
    return (Zone(low=low, high=high, label=label.strip()),)
