"""Whatever another house writes, and whatever is held of a person: what we make of it is a resource that can be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.care_entries import SORTS, Coding, Entry
from engine.clinical import SOURCES, Fact
from engine.clinical_codes import catalogue
from engine.imports.numbers import exact_json
from fhir_bridge.bundle import encode
from fhir_bridge.holdings import TYPES, Holdings
from fhir_bridge.resources import Resource, resources_of
from tests.bridge.held import NOW, ZONE, name, person
from tests.homes import HANAKO

# A name under which a thing is kept, which no database holds with half a character or a NUL in it.
remotes = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
words = st.text(max_size=40) | st.sampled_from(["\x00", "\ud800", "  ", "E11.9", "a  b", "\t", "正常\n"])
instants = st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
past = st.integers(0, 10_000).map(lambda hours: NOW - timedelta(hours=hours))


def read(one: Resource) -> None:
    """Reads a resource with the models of R4, and its bytes as JSON with every digit."""
    text = encode(one.body)
    model = getattr(import_module(f"fhir.resources.R4B.{one.type.lower()}"), one.type)
    assert model.model_validate_json(text).id == one.id
    assert encode(exact_json(text)) == text


def made(holdings: Holdings) -> list[Resource]:
    found = [one for type_ in TYPES for one in resources_of(type_, holdings)]
    assert len({(one.type, one.id) for one in found}) == len(found)
    return found


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    return Entry(
        id=name("e", draw(st.integers(0, 99))), resident=HANAKO, sort=draw(st.sampled_from(SORTS)),
        name=draw(words.filter(str.strip)), detail=draw(words), status=draw(st.sampled_from(["active", "past", "wrong"])),
        codes=tuple(
            Coding(system=draw(words), code=draw(words), display=draw(words)) for _ in range(draw(st.integers(0, 2)))
        ),
        at=draw(st.none() | instants), until=draw(st.none() | instants), source=draw(st.sampled_from(SOURCES)),
        origin=draw(st.sampled_from(["choukai-net", "hl7v2"])), remote=draw(remotes), version=draw(words),
        recorded_at=draw(past),
    )  # fmt: skip


@given(held=st.lists(entries(), max_size=3, unique_by=lambda one: (one.origin, one.remote)))
def test_whatever_another_house_wrote_becomes_resources_that_can_be_read(held: list[Entry]) -> None:
    once = {one.id: one for one in held}
    holdings = Holdings(
        person=person(), zone=ZONE, now=NOW, disclosed=False, changed=NOW, entries=tuple(once.values())
    )  # fmt: skip
    for one in made(holdings):
        if one.type not in {"Patient", "Device"}:
            read(one)


@st.composite
def facts(draw: st.DrawFn) -> list[Fact]:
    """Facts of any code with values that it can have, some of them taken back."""
    found = []
    for number in range(draw(st.integers(0, 4))):
        code = catalogue()[draw(st.sampled_from(sorted(catalogue())))]
        values = {"answer": ["1", "0", "unknown"], "grade": ["0", "2", "4"], "choice": sorted(set(code.words.values()))}
        number_ = st.decimals(code.low, code.high, places=code.decimals, allow_nan=False)
        value = draw(st.sampled_from(values[code.sort])) if code.sort in values else str(draw(number_))
        at = draw(past)
        fact = Fact(
            id=name("f", number), resident=HANAKO, code=code.code, value=value, unit=code.unit or None, at=at,
            until=draw(st.none() | instants.filter(at.__lt__)), source=draw(st.sampled_from(SOURCES)),
            recorded_at=at, actor=draw(words),
        )  # fmt: skip
        found.append(fact)
        if draw(st.booleans()):
            found.append(msgspec.structs.replace(fact, id=name("f", 100 + number), retracts=fact.id, recorded_at=NOW))
    return found


@given(held=facts())
def test_every_fact_stands_in_exactly_one_resource_of_its_own_and_keeps_its_digits(held: list[Fact]) -> None:
    holdings = Holdings(person=person(), zone=ZONE, now=NOW, disclosed=False, changed=NOW, facts=tuple(held))
    found = made(holdings)
    texts = {one: encode(one.body).decode() for one in found if one.type not in {"Provenance", "AuditEvent"}}
    for one in texts:
        read(one)
    asked, back = ("standard22.", "older75."), {fact.retracts for fact in held}
    for fact in held:
        if fact.retracts is None and not fact.code.startswith(asked):
            mine = [one for one, text in texts.items() if f'"value":"{fact.id}"' in text]
            assert len(mine) == 1
            if catalogue()[fact.code].sort == "number":
                assert (f'"value":{Decimal(fact.value)},' in texts[mine[0]]) is (fact.id not in back)
