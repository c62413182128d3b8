"""The summary of a person as a FHIR document in the manner of the International Patient Summary. Pure.

Sections, their codes and their order are those of the IPS; its profiles are not claimed, because ours are Japan's. A
section without entries says why: nobody has it only where somebody answered so, and what was not asked stays that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from html import escape
from typing import Any, Final

import msgspec

from engine.locale import Language, text
from engine.observation_derived import STEP_TOTALS
from engine.observation_devices import ENGINE_ID
from engine.observation_names import LOINC
from engine.observation_values import Measured
from engine.summary import Part, Summary
from engine.summary_page import about, day_words, house_words
from fhir_bridge.bundle import document
from fhir_bridge.holdings import Holdings
from fhir_bridge.resources import Resource, resources_of
from fhir_bridge.resources.made import coding, concept, hl7, identifier, moment, patient, pruned, reference

Body = dict[str, Any]
# What `holdings_of` has to read for it.
TYPES: Final = (
    "Patient", "AllergyIntolerance", "MedicationRequest", "MedicationStatement", "Condition", "Observation", "Device",
)  # fmt: skip
_WEEK: Final = timedelta(days=7)
_MONTH: Final = timedelta(days=28)
# A running total says nothing without the one before it.
_BEFORE: Final = timedelta(days=3)
_SITTING: Final = frozenset({"systolic", "diastolic", "mean-arterial-pressure", "pulse-rate"})
_EMPTY: Final = {"none": "nilknown", "silent": "notasked", "partly": "unavailable", "some": "unavailable"}
_CODES: Final = {
    "allergies": ("48765-2", "Allergies and adverse reactions Document"),
    "medicines": ("10160-0", "History of Medication use Narrative"),
    "conditions": ("11450-4", "Problem list - Reported"),
    "results": ("30954-2", "Relevant diagnostic tests/laboratory data Narrative"),
    "home": ("8716-3", "Vital signs"),
}


def summary_document(holdings: Holdings, summary: Summary, lang: Language) -> Body:
    """The document Bundle: the Composition first, then everything it names, each once.

    `holdings` must be of the same person, instant and version (`disclosed` is not `whole`) as `summary`.
    """
    if holdings.person.id != summary.person.id or holdings.disclosed == summary.whole:
        raise ValueError("the holdings and the summary are not of one version")
    chosen = _chosen(holdings, summary)
    made = {name: list(resources_of(name, chosen)) for name in TYPES}
    labs, vitals = _parted(made["Observation"], summary)
    told = {
        "allergies": made["AllergyIntolerance"],
        "medicines": made["MedicationRequest"] + made["MedicationStatement"],
        "conditions": made["Condition"], "results": labs, "home": vitals,
    }  # fmt: skip
    composition = _composition(holdings, summary, told, lang)
    bodies = [made["Patient"][0].body, *_inside(one for part in told.values() for one in part)]
    devices = {one.id: one.body for one in made["Device"]}
    named = [devices[name] for name in dict.fromkeys((ENGINE_ID, *_devices(bodies))) if name in devices]
    return document(composition, [*bodies, *named], summary.as_of, composition["identifier"]["value"])


def _chosen(holdings: Holdings, summary: Summary) -> Holdings:
    """Of everything the page's facts and entries, and of the home the values its means are made of."""
    parts = (summary.allergies, summary.medicines, summary.conditions)
    ids = {name for part in parts for line in part.lines for name in line.ids}
    ids |= {name for one in summary.results for name in one.ids}
    return msgspec.structs.replace(
        holdings, facts=tuple(fact for fact in holdings.facts if fact.id in ids),
        entries=tuple(entry for entry in holdings.entries if entry.id in ids),
        measured=tuple(_recent(holdings.measured, summary)),
    )  # fmt: skip


def _recent(rows: Iterable[Measured], summary: Summary) -> Iterator[Measured]:
    """A week of pressures and steps and the newest weighing, as far as the page shows their kind."""
    home, now = summary.home, summary.as_of
    sitting = home.morning is not None or home.evening is not None
    last = None
    for row in rows:
        age = now - row.measured_at
        if row.kind == "body-weight" and home.weight is not None and timedelta() <= age <= _MONTH:
            last = row
        elif (row.kind in _SITTING and sitting and timedelta() <= age <= _WEEK) or (
            row.kind in STEP_TOTALS and home.steps is not None and timedelta() <= age <= _WEEK + _BEFORE
        ):
            yield row
    if last is not None:
        yield last


def _parted(observations: Iterable[Resource], summary: Summary) -> tuple[list[Resource], list[Resource]]:
    """Results of laboratories and check-ups; vital signs of the home. A day the page does not look at is left out."""
    told = {name for one in summary.results for name in one.ids}
    first = (summary.as_of - _WEEK).date()
    labs, vitals = [], []
    for one in observations:
        if one.id in told:
            labs.append(one)
        elif _day(one) >= first:
            vitals.append(one)
    return labs, sorted(vitals, key=lambda one: (_day(one), one.id))


def _day(one: Resource) -> date:
    """The civil day of an Observation; of a weighing of the last weeks the day after all others, so that it stays."""
    if "effectivePeriod" in one.body:
        return date.fromisoformat(one.body["effectivePeriod"]["start"][:10])
    return date.max


def _inside(resources: Iterable[Resource]) -> list[Body]:
    """The bodies, without references to what they were computed from where that is not in the document."""
    found = [one.body for one in resources]
    there = {f"{one['resourceType']}/{one['id']}" for one in found}
    return [
        pruned(one | {"derivedFrom": [link for link in one.get("derivedFrom", ()) if link["reference"] in there]})
        for one in found
    ]


def _devices(bodies: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The ids of the devices that these resources name, wherever in them."""
    for body in bodies:
        yield from _named(body)


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        link = value.get("reference")
        if isinstance(link, str) and link.startswith("Device/"):
            yield link.removeprefix("Device/")
        for one in value.values():
            yield from _named(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _named(one)


def _composition(holdings: Holdings, summary: Summary, told: Mapping[str, list[Resource]], lang: Language) -> Body:
    version = "whole" if summary.whole else "own"
    name = f"{summary.person.id}.{version}.{summary.as_of:%Y%m%dT%H%M%SZ}"
    return pruned({
        "resourceType": "Composition",
        "id": f"summary-{summary.person.id}",
        "language": lang,
        "text": _narrative([_say(lang, "caveat")]),
        "identifier": identifier("summary", name),
        "status": "final",
        "type": concept([coding(LOINC, "60591-5", "Patient summary Document")]),
        "subject": patient(summary.person.id),
        "date": moment(summary.as_of, holdings.zone),
        "author": [reference("Device", ENGINE_ID)],
        "title": _say(lang, "title"),
        "confidentiality": "R",
        "section": [*(_section(key, summary, told[key], lang) for key in _CODES), _remarks(summary, lang)],
    })  # fmt: skip


def _section(key: str, summary: Summary, resources: Iterable[Resource], lang: Language) -> Body:
    code, display = _CODES[key]
    entries = [reference(one.type, one.id) for one in resources]
    lines = _lines(key, summary, lang)
    part = getattr(summary, key) if key in {"allergies", "medicines", "conditions"} else None
    why = _EMPTY[part.state] if isinstance(part, Part) else "unavailable"
    if why == "notasked" and summary.hidden.count:
        why = "withheld"
    return {
        "title": _say(lang, f"h.{key}"),
        "code": concept([coding(LOINC, code, display)]),
        "text": _narrative(lines),
        "entry": entries,
        "emptyReason": None if entries else concept([hl7("list-empty-reason", why)], lines[0]),
    }


def _remarks(summary: Summary, lang: Language) -> Body:
    """What stands beside the record: who may be called, where it comes from, that something is left out."""
    person, around = summary.person, summary.around
    keeper = f"{around.team} {around.keeper}".strip()
    pairs = (("contact", person.emergency_contact), ("team", keeper))
    lines = [f"{_say(lang, key)}: {said}" for key, said in pairs if said]
    for one in summary.origins:
        house = house_words(one.house, lang) if one.house else _say(lang, f"source.{one.source}")
        lines.append(f"{house} {_say(lang, 'sources.count', count=one.count)} {day_words(one.day)}")
    if summary.hidden.count:
        lines.append(_say(lang, "hidden", count=summary.hidden.count))
    return {
        "title": _say(lang, "h.sources"), "text": _narrative([*lines, _say(lang, "caveat")]),
    }  # fmt: skip


def _lines(key: str, summary: Summary, lang: Language) -> list[str]:
    """The section in words, line by line; never empty."""
    if key == "results":
        found = [f"{one.name(lang)} {one.value} {one.unit} ({day_words(one.day)})" for one in summary.results]
    elif key == "home":
        found = _home_lines(summary, lang)
    else:
        found = _part_lines(key, getattr(summary, key), lang, _silent(summary))
    return found or [_say(lang, "home.few" if key == "home" else _silent(summary))]


def _silent(summary: Summary) -> str:
    return "withheld" if summary.hidden.count else "silent"


def _part_lines(key: str, part: Part, lang: Language, silent: str) -> list[str]:
    def tell(word: str, **values: object) -> str:
        return _say(lang, word, **values)

    found = []
    for line in part.lines:
        doubt = tell(f"doubt.{line.doubt}") if line.doubt else ""
        found.append(" ".join(one for one in (line.name(lang), line.detail, doubt, about(line, lang, tell)) if one))
    if not found:
        found = [tell(f"{key}.none") if part.state == "none" else tell(silent)] if part.state != "partly" else []
    for word, lines in (("denied", part.denied), ("unasked", () if silent == "withheld" else part.unasked)):
        if lines and part.state != "silent":
            found.append(f"{tell(word)} {tell('comma').join(line.name(lang) for line in lines)}")
    return found


def _home_lines(summary: Summary, lang: Language) -> list[str]:
    home, found = summary.home, []
    for key, one in (("morning", home.morning), ("evening", home.evening)):
        if one is not None:
            days = _say(lang, "home.days", days=one.days)
            found.append(f"{_say(lang, f'home.{key}')} {one.high:.0f}/{one.low:.0f} mmHg ({days})")
    if home.weight is not None:
        found.append(f"{_say(lang, 'home.weight')} {home.weight:.1f} kg")
    if home.steps is not None:
        found.append(f"{_say(lang, 'home.steps')} {home.steps:,.0f}")
    return found


def _narrative(lines: Iterable[str]) -> Body:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><ul>{items}</ul></div>'}


def _say(lang: Language, key: str, **values: object) -> str:
    return text(lang, "nurse", f"summary.{key}", **values)
