"""What a piece of advice rests on, as references to the resources that tell it."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from engine.contract.kinds import KINDS
from engine.observation_values import fhir_id
from engine.observations import observable
from engine.review_model import Item
from fhir_bridge.holdings import Holdings
from fhir_bridge.resources.answers import response_of
from fhir_bridge.resources.entries import name_of, type_of_entry
from fhir_bridge.resources.facts import Told, observations, own_resource, told, type_of
from fhir_bridge.resources.made import Body, reference

# By the beginning of a signal's name: the kinds it is computed from. Of a reading that measured more, only these count.
_KINDS: Final = {
    "weight.": {"body-weight"}, "bmi": {"body-weight"}, "bp.": {"blood-pressure"}, "steps.": {"steps-day"},
    "heart.": {"pulse-rate", "resting-heart-rate", "heart-rate"}, "waist": {"waist"},
}  # fmt: skip
# A day's steps stand in one summary, whatever running totals told of it.
_TOTALS: Final = frozenset({"steps-total", "steps-day", "steps-interval"})


class Grounds:
    """The references of every input of a resident's advice; made once for all of it."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._facts: dict[str, Told] = {one.fact.id: one for one in told(holdings)}
        self._panels = {one.id for one in observations(holdings)}

    def of(self, item: Item) -> list[Body]:
        """What the evidence of one item names, each resource once, in the order of its signals."""
        found: dict[str, Body] = {}
        for signal, frozen in item.evidence.get("signals", {}).items():
            for name in frozen.get("inputs", ()):
                for one in self._one(signal, name):
                    found.setdefault(one["reference"], one)
        return list(found.values())

    def _one(self, signal: str, name: str) -> list[Body]:
        if name.startswith("f-"):
            known = self._facts.get(name)
            return [] if known is None or known.wrong else self._fact(known)
        return self._reading(signal, name)

    def _fact(self, known: Told) -> list[Body]:
        name, kind = known.fact.id, type_of(known.fact)
        if kind == "Observation":
            # The lower value of a blood pressure stands in the panel of the upper one.
            return [reference(kind, name)] if name in self._panels else []
        if kind == "QuestionnaireResponse":
            return [reference(kind, response_of(known.fact))]
        if own_resource(known, self._holdings):
            return [reference(kind, name)]
        where = self._holdings.origins.get(name)
        whole = (one for one in self._holdings.entries if (one.origin, one.remote) == where)
        return [reference(type_of_entry(one), name_of(one)) for one in whole]

    def _reading(self, signal: str, name: str) -> list[Body]:
        start = next((start for start in _KINDS if signal.startswith(start)), None)
        wanted = _KINDS[start] if start is not None else None
        measured: dict[str, None] = {}
        for kind, at in self._holdings.inputs.get(name, ()):
            known = KINDS.get(kind)
            whole = "steps-day" if kind in _TOTALS else known.panel or kind if known is not None else kind
            if observable(whole) and (wanted is None or whole in wanted):
                zone: ZoneInfo = self._holdings.zone
                day = f"{self._holdings.person.id}.{whole}.{at.astimezone(zone).date().isoformat()}"
                measured[fhir_id(day if whole == "steps-day" else f"{name}.{whole}")] = None
        return [reference("Observation", one) for one in measured]
