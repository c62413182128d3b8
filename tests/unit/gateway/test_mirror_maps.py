"""Maps of mirrors and sensors: what may be one, what each reads, and whose a reading is."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.kinds import KINDS
from engine.contract.reading import Value
from gateway.mirror import MapError, Told, Untold, identity, look_up, map_of, matched, read_message
from gateway.mirror_maps import Maps, read_map

HANAKO, TARO = "r-aaaaaaaaaaaaa", "r-bbbbbbbbbbbbb"
MAP: dict[str, Any] = {
    "name": "washstand", "topic": "home/+/mirror", "quality": "/q", "person": "/face/name",
    "confidence": "/face/sure", "people": {"hanako": HANAKO}, "time": "/at", "display": "home/display",
    "values": [
        {"pointer": "/hr", "kind": "heart-rate", "unit": "/min"},
        {"pointer": "/t/0", "kind": "body-temperature", "unit": "[degF]", "camera": False},
        {"pointer": "/room", "kind": "room-temperature", "unit": "Cel"},
    ],
}  # fmt: skip


def read(payload: object, **more: Any) -> Told | Untold:
    raw = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
    return read_message(map_of(MAP | more), raw)


def test_one_message_is_told_apart_into_camera_sensor_and_room() -> None:
    told = read(b'{"hr": 62.30, "t": ["97.9"], "room": 21, "q": 0.93, "at": "2026-11-21T07:00:00+09:00"}')
    assert isinstance(told, Told)
    assert [(p.part, p.values, p.quality) for p in told.portions] == [
        ("body", (Value("body-temperature", "97.9", "[degF]"),), None),
        ("camera", (Value("heart-rate", "62.30", "/min"),), 0.93),
        ("room", (Value("room-temperature", "21", "Cel"),), None),
    ]
    assert told.time == datetime(2026, 11, 20, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "camera", "sensor"),
    [(None, 0.0, None), (0.95, 0.95, None), (0.5, 0.5, 0.5), (1, 1.0, None), (93, 0.0, 0.0), ("bad", 0.0, 0.0)],
)
def test_a_cameras_value_always_has_a_quality_and_a_sensors_only_a_poor_one(
    said: object, camera: float, sensor: float | None
) -> None:
    """On the wire a quality means preliminary, so nothing of a camera's ever passes for a measurement."""
    told = read({"hr": 60, "t": [98], "q": said})
    assert isinstance(told, Told)
    assert {p.part: p.quality for p in told.portions} == {"camera": camera, "body": sensor}


@pytest.mark.parametrize(
    ("face", "whose"),
    [
        ({"name": "hanako", "sure": 0.995}, HANAKO),
        ({"name": "hanako", "sure": 0.99}, HANAKO),
        ({"name": "hanako", "sure": 0.98}, None),
        ({"name": "hanako"}, None),
        ({"name": "hanako", "sure": True}, None),
        ({"name": "Hanako", "sure": 1}, None),
        ({"name": "taro", "sure": 1}, None),
        ({"name": None, "sure": 1}, None),
        (None, None),
        (["hanako"], None),
    ],
)
def test_nobody_is_guessed(face: object, whose: str | None) -> None:
    told = read({"hr": 60, "face": face})
    assert isinstance(told, Told)
    assert told.person == whose


def test_a_face_number_is_a_name_too() -> None:
    told = read({"hr": 60, "face": {"name": 7}}, confidence=None, people={"7": TARO})
    assert isinstance(told, Told)
    assert told.person == TARO


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "unavailable"), (b"unavailable", "unavailable"), (b"\xff\xfe", "message-shape"), (b"{", "message-shape"),
        (b"[" * 60_000, "message-shape"), (b"9" * 70_000, "message-size"), (b"{}", "no-values"), (b"[1,2]", "no-values"),
        (b'{"hr": NaN}', "message-shape"), (b'{"hr": true}', "not-a-number"), (b'{"hr": "6 0"}', "not-a-number"),
        (b'{"hr": 1e400}', "not-a-number"), (b'{"hr": null}', "no-values"), (b'{"hr": "unavailable"}', "no-values"),
        (b'{"hr": {"v": 60}}', "not-a-number"), (b'{"hr": "\\u0666\\u0660"}', "not-a-number"),
        (b'{"hr": true, "room": []}', "no-values"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_has_a_code(payload: bytes, code: str) -> None:
    found = read(payload)
    assert isinstance(found, Untold)
    assert found.code == code


def test_one_bad_value_does_not_spoil_its_companions() -> None:
    told = read({"hr": "sixty", "room": 21.5})
    assert isinstance(told, Told)
    assert told.dropped == (("/hr", "not-a-number"),)
    assert [value.kind for portion in told.portions for value in portion.values] == ["room-temperature"]


@pytest.mark.parametrize(
    ("spelt", "time"),
    [
        (1_790_000_000, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        (1_790_000_000_500, datetime(2026, 9, 21, 14, 13, 20, 500_000, tzinfo=UTC)),
        ("2026-11-21T07:00:00Z", datetime(2026, 11, 21, 7, tzinfo=UTC)),
        ("2026-11-21 07:00:00", datetime(2026, 11, 21, 7)),  # noqa: DTZ001 - a wall clock without a zone
        ("today", None), (1e300, None), (True, None), ([], None),
    ],
)  # fmt: skip
def test_time_is_an_instant_or_nothing(spelt: object, time: datetime | None) -> None:
    told = read({"hr": 60, "at": spelt})
    assert isinstance(told, Told)
    assert told.time == time


# RFC 6901, section 5: the document and every pointer of the example, with "/" and the empty key.
RFC = msgspec.json.decode(
    b'{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}'
)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", RFC), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3),
        ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6), ("/ ", 7), ("/m~0n", 8), ("/foo/2", None), ("/foo/01", None),
        ("/foo/-", None), ("/foo/bar", None), ("/foo/0/1", None), ("/nothing/at/all", None),
    ],
)  # fmt: skip
def test_pointers_are_those_of_the_rfc(pointer: str, value: object) -> None:
    assert look_up(RFC, pointer) == value


@pytest.mark.parametrize(
    ("topic_filter", "topic", "found"),
    [
        ("a/b", "a/b", ()), ("a/+/c", "a/b/c", ("b",)), ("a/#", "a/b/c", ("b", "c")), ("a/#", "a", ()),
        ("+", "a/b", None), ("a/b", "a/b/c", None), ("a/+", "a", None), ("#", "$SYS/x", None), ("+/x", "$SYS/x", None),
        ("a//b", "a//b", ()), ("a/+/b", "a//b", ("",)),
    ],
)  # fmt: skip
def test_filters_match_as_mqtt_has_it(topic_filter: str, topic: str, found: tuple[str, ...] | None) -> None:
    assert matched(topic_filter, topic) == found


def test_two_mirrors_of_one_map_are_two_devices_and_two_maps_may_be_one() -> None:
    one, other = map_of(MAP), map_of(MAP | {"name": "other", "device": "washstand"})
    assert identity(one, "home/bath/mirror") != identity(one, "home/hall/mirror")
    assert identity(one, "home/bath/mirror") == identity(other, "home/bath/mirror")


def spot(**more: object) -> dict[str, Any]:
    return {"values": [{"pointer": "/hr", "kind": "heart-rate", "unit": "/min"} | more]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"surprise": 1}, "map-shape"), ({"name": "Wash Stand"}, "map-shape"), ({"people": {"x": "taro"}}, "map-shape"),
        ({"values": [], "person": None}, "map-shape"), ({"threshold": 2}, "map-shape"), ({"topic": "a/b+"}, "map-topic"),
        ({"topic": "#/a"}, "map-topic"), ({"display": "home/x/mirror"}, "map-display"),
        ({"display": "home/+"}, "map-display"), ({"quality": "q"}, "map-pointer"), (spot(pointer="/a~2"), "map-pointer"),
        (spot(kind="aura"), "map-kind"), (spot(unit="kg"), "map-unit"),
        ({"values": MAP["values"] + MAP["values"]}, "map-double"),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_is_refused_with_its_reason(change: dict[str, Any], code: str) -> None:
    with pytest.raises(MapError) as refused:
        map_of(MAP | change)
    assert refused.value.code == code


@pytest.mark.parametrize("content", [None, [], "x", 7, {}, {"name": "x"}])
def test_what_is_no_map_at_all_is_refused(content: object) -> None:
    with pytest.raises(MapError) as refused:
        map_of(content)
    assert refused.value.code == "map-shape"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["hanako", "60", "1e3", "unavailable", "2026-11-21T07:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["hr", "t", "q", "face", "name", "sure", "at", "room"]), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(st.binary(max_size=300) | JSON.map(lambda said: __import__("json").dumps(said).encode()))
def test_any_payload_is_answered_and_what_is_read_can_be_sent(payload: bytes) -> None:
    found = read(payload)
    if isinstance(found, Untold):
        assert found.code
        return
    for portion in found.portions:
        msgspec.convert(msgspec.to_builtins(portion.values), tuple[Value, ...])
        assert portion.quality is None or 0 <= portion.quality <= 1
        assert portion.part != "camera" or portion.quality is not None
        assert all((KINDS[value.kind].observed is False) == (portion.part == "room") for value in portion.values)
    assert found.person in {None, HANAKO}


@given(st.decimals(min_value=-(10**11), max_value=10**11, allow_nan=False, places=3))
def test_digits_are_the_senders(number: Decimal) -> None:
    told = read(b'{"room": %s}' % format(number, "f").encode())
    assert isinstance(told, Told)
    assert told.portions[0].values[0].value in {format(number, "f"), format(abs(number), "f") if not number else ""}


def test_files_come_and_go_and_a_damaged_one_spoils_no_other(tmp_path: Path) -> None:
    maps = Maps(tmp_path)
    assert maps.load() == ((), ())
    first = maps.stamp()
    path = maps.add(map_of(MAP))
    assert path.stat().st_mode & 0o077 == 0
    assert maps.stamp() != first
    folder = tmp_path / "mirrors"
    (folder / "other.toml").write_text('name = "other"\ntopic = "a"\nperson = "/p"\n')
    (folder / "z-twin.toml").write_text('name = "washstand"\ntopic = "a"\nperson = "/p"\n')
    (folder / "bad.toml").write_text("name = ")
    (folder / "bad.json").write_text("[" * 100_000)
    found, bad = maps.load()
    assert {item.name for item in found} == {"washstand", "other"}
    assert dict(bad) == {"z-twin.toml": "taken", "bad.toml": "map-file", "bad.json": "map-file"}
    assert maps.forget("other")
    assert not maps.forget("other")


def test_a_forgotten_person_is_in_no_map(tmp_path: Path) -> None:
    maps = Maps(tmp_path)
    maps.add(map_of(MAP | {"people": {"hanako": HANAKO, "h": HANAKO, "taro": TARO}}))
    maps.add(map_of(MAP | {"name": "hall", "people": {"taro": TARO}}))
    assert maps.forget_resident(HANAKO) == 1
    assert {item.name: dict(item.people) for item in maps.load()[0]} == {
        "hall": {"taro": TARO}, "washstand": {"taro": TARO},
    }  # fmt: skip
    assert HANAKO not in (tmp_path / "mirrors" / "washstand.json").read_text()


def test_a_toml_map_that_became_ours_is_not_left_beside_it(tmp_path: Path) -> None:
    maps = Maps(tmp_path)
    (tmp_path / "mirrors").mkdir()
    text = 'name = "hall"\ntopic = "a"\nperson = "/p"\n[people]\nhanako = "r-aaaaaaaaaaaaa"\n'
    (tmp_path / "mirrors" / "by-hand.toml").write_text(text)
    assert maps.forget_resident(HANAKO) == 1
    assert [path.name for path in (tmp_path / "mirrors").iterdir()] == ["hall.json"]
    assert read_map(tmp_path / "mirrors" / "hall.json").people == {}
