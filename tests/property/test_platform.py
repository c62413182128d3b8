"""Promises of the way to a platform, for any release: every cell once and in order, small requests, nothing forbidden."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.refusal import Refusal
from fhir_bridge.platform_entities import (
    MOST_BYTES,
    MOST_ENTITIES,
    About,
    Batch,
    batches_of,
    cell_entities,
    forbidden,
    halved,
    withdrawal_of,
)  # fmt: skip
from fhir_bridge.platform_ld import linked
from fhir_bridge.platform_reading import cells_in, compare, digest, plain
from fhir_bridge.platform_trial import Trial, TrialTable, read_stored, sealed
from fhir_bridge.privacy_release import Cell
from simulators.platform.refusals import RefusedError
from simulators.platform.syntax import check_name, check_value
from simulators.platform_trials import UNIT

CODE = st.text(string.ascii_letters + string.digits + ".-", min_size=1, max_size=8)
COUNT = st.none() | st.integers(4, 200).map(lambda count: count * 5)
LABEL = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=60)


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    tables = []
    for number in range(draw(st.integers(1, 2))):
        axes = draw(st.sampled_from([("age", "bmi"), ("age", "bmi", "interest"), ("service", "service-too"), ("sex",)]))
        places = draw(st.lists(st.tuples(*[CODE] * len(axes)), min_size=1, max_size=20, unique=True))
        cells = tuple(_cell(place, draw(COUNT)) for place in places)
        tables.append(TrialTable(id=f"TEST-{number}", axes=axes, cells=cells))
    return Trial(unit=UNIT, period="2026H1", start=date(2026, 4, 1), end=date(2026, 9, 30), tables=tuple(tables))


ABOUTS = st.builds(
    About, issued=st.datetimes(timezones=st.just(UTC)), note=LABEL, contact=st.none() | LABEL,
    labels=st.dictionaries(CODE, LABEL, max_size=3), context=st.none() | st.just("https://phr.example.jp/context.jsonld"),
)  # fmt: skip
CALM = About(issued=datetime(2026, 11, 1, tzinfo=UTC), note="x")


def _cell(at: tuple[str, ...], count: int | None) -> Cell:
    return Cell(at, count, "suppressed" if count is None else "published")


def entities(body: bytes) -> list[dict[str, Any]]:
    said = msgspec.json.decode(body)
    found: list[dict[str, Any]] = said if isinstance(said, list) else said["entities"]
    return found


def ids(batches: tuple[Batch, ...], part: str) -> list[str]:
    return [one["id"] for batch in batches if batch.part == part for one in entities(batch.body)]


@given(trials(), ABOUTS)
def test_every_cell_is_sent_once_in_its_order_between_opening_and_completing(trial: Trial, about: About) -> None:
    batches = batches_of(trial, "0" * 64, about)
    if isinstance(batches, Refusal):
        assert batches.code == "forbidden-character"
        return
    assert ids(batches, "cells") == [one["id"] for one in cell_entities(trial)]
    parts = [batch.part for batch in batches]
    opened = [] if about.context else ["open"]
    assert parts == [*opened, *["cells"] * (len(parts) - len(opened) - 1), "complete"]
    for batch in batches:
        assert len(batch.body) <= MOST_BYTES
        assert len(entities(batch.body)) <= MOST_ENTITIES
    again = batches_of(trial, "0" * 64, about)
    assert again == batches, "the same release is the same bytes"


@given(trials(), ABOUTS)
def test_nothing_leaves_that_a_broker_forbids(trial: Trial, about: About) -> None:
    for made in (batches_of(trial, "0" * 64, about), withdrawal_of(trial, "0" * 64, about)):
        if isinstance(made, Refusal) or about.context:
            continue
        for one in (entity for batch in made for entity in entities(batch.body)):
            for name in (one["id"], one["type"], *one):
                check_name("a name", name)
            for name, attribute in one.items():
                check_value(name, attribute)


@given(LABEL)
def test_a_text_is_refused_exactly_when_the_broker_would_refuse_it(text: str) -> None:
    try:
        check_value("text", {"value": text})
        taken = True
    except RefusedError:
        taken = False
    refusal = forbidden({"id": "a", "type": "b", "text": {"type": "Text", "value": text}})
    assert (refusal is None) == taken


@given(trials(), st.integers(0, 6))
def test_halves_are_the_whole_down_to_single_entities(trial: Trial, depth: int) -> None:
    batches = batches_of(trial, "0" * 64, CALM)
    assert not isinstance(batches, Refusal)
    [body] = [batch.body for batch in batches if batch.part == "cells"]
    pieces = [body]
    for _ in range(depth):
        pieces = [half for piece in pieces for half in (halved(piece) or (piece,))]
    assert [one for piece in pieces for one in entities(piece)] == entities(body)
    assert all(piece.startswith(b'{"actionType":"append","entities":[{') for piece in pieces)
    if depth > 5:
        assert {len(entities(piece)) for piece in pieces} == {1}
        assert halved(pieces[0]) is None


@given(trials())
def test_both_interfaces_tell_the_same_numbers(trial: Trial) -> None:
    whole = cell_entities(trial)
    other = [linked(one, "https://phr.example.jp/context.jsonld") for one in whole]
    assert [plain(one) for one in whole] == [plain(one) for one in other]
    assert compare(cells_in(trial), other).none
    assert "null" not in msgspec.json.encode(other).decode()


@given(trials(), st.data())
def test_one_cell_that_is_missing_more_or_other_is_found_and_the_hash_differs(
    trial: Trial, data: st.DataObject
) -> None:
    expected, found = cells_in(trial), cell_entities(trial)
    same = digest(expected)
    victim = data.draw(st.integers(0, len(found) - 1))
    how = data.draw(st.sampled_from(["missing", "extra", "twice", "count", "status", "band", "release", "attribute"]))
    if how == "missing":
        found.pop(victim)
    elif how == "extra":
        found.append({**found[victim], "id": f"{found[victim]['id']}:x"})
    elif how == "twice":
        found.append(dict(found[victim]))
    else:
        name = {"count": "personCount", "status": "status", "band": "tableId", "release": "refRelease"}.get(how, "more")
        value = 7 if how == "count" else "other"
        found[victim] = {**found[victim], name: {"type": "Text", "value": value}}
    difference = compare(expected, found)
    assert not difference.none
    assert difference.said
    if how != "twice":
        assert digest({one["id"]: plain(one) for one in found}) != same


@given(trials())
def test_a_stored_trial_is_read_as_it_was_and_any_changed_byte_is_refused(trial: Trial) -> None:
    made = sealed(trial)
    assert not isinstance(made, Refusal)
    content, sha256 = made
    assert read_stored(content, sha256, test=True) == trial
    refusal = read_stored(content.replace(b"TEST-0", b"TEST-9"), sha256, test=True)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "changed"
    real = read_stored(content, sha256, test=False)
    assert isinstance(real, Refusal), "the mechanism sees no made-up table"
    assert real.code == "unreadable"
