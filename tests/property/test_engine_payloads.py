"""Whatever is published to the engine becomes counted outcomes; nothing raises and no acknowledged id is without a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from engine.contract import topics, wire
from engine.contract.reading import Reading
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store.database import write
from tests.homes import DEVICE, GATEWAY, NOW
from tests.stores import furnished_file
from tests.strategies import readings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
TOPICS = st.sampled_from(
    [topics.up(GATEWAY, leaf) for leaf in ("reading", "device", "state", "health", "reply")]
    + ["phr/v1/g-strangerstran/up/reading", "phr/v1//up/reading", "", "phr/v1/x/down/ack"]
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Bytes of every kind of trouble: noise, foreign JSON, and valid messages with one field changed or a byte flipped."""
    shape = draw(st.sampled_from(["noise", "json", "changed", "flipped", "valid", "batch"]))
    if shape == "noise":
        return draw(st.binary(max_size=200))
    if shape == "json":
        return json.dumps(draw(JSON)).encode()
    one = wire.encode_reading(draw(readings()))
    if shape == "changed":
        fields = json.loads(one)
        fields[draw(st.sampled_from(sorted(fields)))] = draw(JSON)
        return json.dumps(fields).encode()
    if shape == "flipped":
        body = bytearray(one)
        body[draw(st.integers(0, len(body) - 1))] ^= 1 << draw(st.integers(0, 7))
        return bytes(body)
    return one if shape == "valid" else wire.encode_batch([one, wire.encode_reading(draw(readings()))])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp("payloads")
    engine = furnished_file(folder / "engine.sqlite")
    yield engine
    engine.dispose()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TOPICS, payloads()), max_size=6))
def test_every_message_has_an_outcome_and_every_acknowledged_id_has_a_row(
    store: Engine, messages: list[tuple[str, bytes]]
) -> None:
    deliveries = [Delivery(1, number, 1, topic, payload) for number, (topic, payload) in enumerate(messages)]
    with write(store) as connection:
        done = handle(connection, Facts(), deliveries, NOW)
        acknowledged = {name for answer in done.answers for name in answer.ids}
        for name in acknowledged:
            query = (
                "SELECT (SELECT count(*) FROM reading WHERE id=:id) + (SELECT count(*) FROM refusal WHERE reading_id=:id)"
                " + (SELECT count(*) FROM alias WHERE reading_id=:id)"
            )
            assert connection.execute(text(query), {"id": name}).scalar_one() > 0, name


@given(readings())
def test_a_valid_reading_of_a_stranger_s_device_is_nobody_s_and_kept(store: Engine, reading: Reading) -> None:
    with write(store) as connection:
        payload = wire.encode_reading(reading)
        done = handle(connection, Facts(), [Delivery(1, 1, 1, topics.up(GATEWAY, "reading"), payload)], NOW)
        assert done.answers[0].ids == (reading.id,)
    assert reading.device != DEVICE
