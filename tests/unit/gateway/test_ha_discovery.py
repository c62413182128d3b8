"""Home Assistant's discovery: what others say of themselves is read, never run; what we say is golden."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import Reading, Value
from engine.contract.wire import DeviceNote, Health, Show, Shown
from gateway.discovery import Discovered, Entity, discover, pointer_of, propose
from gateway.mirror import map_of
from gateway.voice import ANNOUNCED, Voice

NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
GATEWAY, SCALE, HANAKO = "g-aaaaaaaaaaaaa", "d-aaaaaaaaaaaaa", "r-aaaaaaaaaaaaa"
TOPIC = "homeassistant/sensor/mirror1/hr/config"
SENSOR: dict[str, Any] = {
    "name": "Heart rate", "~": "mirror/hall", "stat_t": "~/state", "val_tpl": "{{ value_json.vitals.hr | round(1) }}",
    "unit_of_meas": "bpm", "dev": {"ids": ["m-1"], "mf": "Acme", "mdl": "Mirror 3"},
}  # fmt: skip


def said(config: dict[str, Any], topic: str = TOPIC) -> Discovered:
    return discover(topic, json.dumps(config).encode())


def test_one_sensor_in_abbreviations_becomes_a_proposal() -> None:
    found = said(SENSOR)
    assert found.refused == ()
    assert found.entities == (
        Entity(
            device="m-1", name="hr", topic="mirror/hall/state", pointer="/vitals/hr", role="value", kind="heart-rate",
            unit="/min", maker="Acme", model="Mirror 3",
        ),
    )  # fmt: skip
    long = {
        "name": "Heart rate", "state_topic": "mirror/hall/state", "value_template": "{{ value_json.vitals.hr }}",
        "unit_of_measurement": "bpm", "device": {"identifiers": "m-1", "manufacturer": "Acme", "model": "Mirror 3"},
    }  # fmt: skip
    assert said(long) == found


def test_a_whole_device_in_one_message_and_sensors_one_by_one_give_the_same_map() -> None:
    device = {
        "dev": {"ids": ["m-1"], "mf": "Acme", "mdl": "Mirror 3"}, "o": {"name": "acme"}, "stat_t": "mirror/hall/state",
        "cmps": {
            "hr": {"p": "sensor", "name": "Heart rate", "unit_of_meas": "bpm", "val_tpl": "{{ value_json.vitals.hr }}"},
            "q": {"p": "sensor", "name": "Quality", "val_tpl": "{{ value_json['q'] }}"},
            "who": {"p": "sensor", "name": "Person", "val_tpl": "{{ value_json.face[0].name }}"},
            "lamp": {"p": "light", "cmd_t": "x"},
        },
    }  # fmt: skip
    found = said(device, "homeassistant/device/mirror1/config")
    assert found.refused == (("lamp", "component"),)
    (made,) = propose(found.entities)
    assert (made.topic, made.quality, made.person, made.people, made.camera) == (
        "mirror/hall/state", "/q", "/face/0/name", {}, True,
    )  # fmt: skip
    (alone,) = propose(said(SENSOR).entities)
    assert (alone.name, alone.device, alone.values) == (made.name, made.device, made.values)


@pytest.mark.parametrize(
    ("template", "pointer"),
    [
        (None, ""), ("{{ value }}", ""), ("{{value|float}}", ""), ("{{- value | int -}}", ""),
        ("{{ value_json.a }}", "/a"), ("{{ value_json.a.b_2 | float(0) | round(1) }}", "/a/b_2"),
        ("{{ value_json['a b']['c/d'] }}", "/a b/c~1d"), ('{{ value_json["~"] }}', "/~0"),
        ("{{ value_json.list[3].x }}", "/list/3/x"),
        ("{{ value_json }}", None), ("{{ value.x }}", None), ("{{ value_json.a + 1 }}", None), ("", None), (7, None),
        ("{{ value_json.a | default(3) }}", None), ("{{ states('sensor.a') }}", None), ("{% if 1 %}", None),
        ("{{ value_json.a }} {{ value_json.b }}", None), ("{{ value_json.a.__class__() }}", None),
        ("{{ value_json[a] }}", None), ("{{ value_json.a * 0.1 | round(1) }}", None), ("x{{ value }}", None),
    ],
)  # fmt: skip
def test_a_template_is_a_path_or_it_is_refused(template: object, pointer: str | None) -> None:
    assert pointer_of(template) == pointer


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"val_tpl": "{{ value_json.hr * 2 }}"}, "template"), ({"stat_t": None}, "no-state-topic"),
        ({"stat_t": "a/#"}, "no-state-topic"), ({"unit_of_meas": "parsec"}, "unit"), ({"unit_of_meas": 3}, "unit"),
        ({"unit_of_meas": "kPa", "name": "Heart"}, "no-kind"), ({"unit_of_meas": None, "name": "Mood"}, "no-kind"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(change: dict[str, Any], code: str) -> None:
    found = said({**{key: value for key, value in SENSOR.items() if key != "name"}, **change}, TOPIC.replace("hr", "x"))
    assert found == Discovered(refused=(("x", code),))


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("a/b", b"{}", "not-discovery"), (TOPIC, b"", "removed"), (TOPIC, b"[]", "message-shape"),
        (TOPIC, b"{", "message-shape"), (TOPIC, b"\xff", "message-shape"), (TOPIC, b"[" * 90_000, "message-shape"),
        (TOPIC, b" " * 300_000, "message-shape"),
    ],
)  # fmt: skip
def test_a_message_that_is_none_is_refused_as_a_whole(topic: str, payload: bytes, code: str) -> None:
    assert discover(topic, payload) == Discovered(refused=(("", code),))


@pytest.mark.parametrize(
    ("name", "unit", "device_class", "kind"),
    [
        ("Bathroom", "°C", "temperature", "room-temperature"), ("Body temperature", "°F", "temperature", "body-temperature"),
        ("Forehead", "°C", "temperature", "skin-temperature"), ("Respiration", "br/min", None, "respiratory-rate"),
        ("Living room", "%", "humidity", "room-humidity"), ("CO2", "ppm", "carbon_dioxide", "co2"),
        ("Battery", "%", "battery", "battery"), ("Weight", "lb", "weight", "body-weight"), ("SpO2", "%", None, "spo2"),
        ("体温", "°C", None, "body-temperature"), ("Pressure", "hPa", "atmospheric_pressure", "air-pressure"),
    ],
)  # fmt: skip
def test_names_units_and_classes_say_what_is_measured(
    name: str, unit: str, device_class: str | None, kind: str
) -> None:
    found = said(
        {"name": name, "stat_t": "a/b", "unit_of_meas": unit, "dev_cla": device_class}, TOPIC.replace("hr", "x")
    )
    assert [entity.kind for entity in found.entities] == [kind]
    assert propose(found.entities)


FIELDS = ["name", "stat_t", "state_topic", "val_tpl", "unit_of_meas", "dev", "ids", "~", "cmps", "p", "platform", "mdl"]
WILD = st.recursive(
    st.none() | st.integers() | st.text(max_size=10)
    | st.sampled_from(["sensor", "bpm", "°C", "{{ value_json.a }}", "~/x", "a/b", "heart"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), WILD, max_size=10), st.booleans())
def test_any_message_is_answered_and_every_proposal_is_a_map(config: dict[str, Any], whole: bool) -> None:
    found = said(config, "homeassistant/device/x/config" if whole else TOPIC)
    for made in propose(found.entities):
        assert map_of(json.loads(json.dumps(__import__("msgspec").to_builtins(made)))) == made


# -- our own

NOTE = DeviceNote(device=SCALE, profile="bthome-v2", maker="Minato", model="Room sensor", battery=87)
SHOW = Show(
    resident=HANAKO, until=datetime(2026, 11, 22, tzinfo=UTC), ja=("a",), en=("a",),
    values=(Shown(kind="body-weight", value="62.30", unit="kg", at=NOW),),
)  # fmt: skip


def voice(home: Path) -> Voice:
    return Voice(home, GATEWAY, "0.1.0", lambda: Health(version="0.1.0", at=NOW, uptime=1.0, journal=3))


def climate(**values: str) -> Reading:
    units = {"room_temperature": "Cel", "co2": "[ppm]", "body_weight": "kg"}
    said = tuple(Value(kind.replace("_", "-"), value, units[kind]) for kind, value in values.items())
    return Reading(
        id="a" * 26, device=SCALE, profile="bthome-v2", measured_at=NOW, time_quality="received", received_at=NOW,
        values=said,
    )  # fmt: skip


def test_what_we_announce(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    speaker = voice(tmp_path)
    speaker.note(NOTE)
    speaker.room(climate(room_temperature="21.50", co2="640", body_weight="62.3"))
    lines = []
    for title, shows in (("the home", ()), ("with a consent to mirror-display", (SHOW,)), ("withdrawn", ())):
        lines.append(f"# {title}")
        for out in speaker.turn(shows, NOW, fresh=title == "the home"):
            lines.append(f"{out.topic}{' (retained)' if out.retain else ''}")
            lines.append(f"  {out.payload.decode() or '(removed)'}")
    golden("gateway/announcements.txt", "\n".join(lines) + "\n")


def test_nobodys_value_is_announced_without_a_show_and_none_of_a_person_is_retained(tmp_path: Path) -> None:
    speaker = voice(tmp_path)
    speaker.note(NOTE)
    speaker.room(climate(room_temperature="21.5", body_weight="62.3"))
    assert not any(b"62.3" in out.payload or HANAKO in out.topic for out in speaker.turn((), NOW, fresh=True))
    shown = [out for out in speaker.turn((SHOW,), NOW, fresh=False) if b"62.30" in out.payload]
    assert [(out.topic, out.retain) for out in shown] == [(f"phr-home/{GATEWAY}/{HANAKO}", False)]


def test_a_show_that_has_ended_is_taken_away_though_nobody_said_so(tmp_path: Path) -> None:
    speaker = voice(tmp_path)
    speaker.turn((SHOW,), NOW, fresh=True)
    gone = [out.topic for out in speaker.turn((SHOW,), SHOW.until, fresh=False) if not out.payload]
    assert gone == [f"homeassistant/sensor/{GATEWAY}/phr_{HANAKO}_body-weight/config"]


def test_a_restarted_gateway_takes_away_what_it_announced_before(tmp_path: Path) -> None:
    voice(tmp_path).turn((SHOW,), NOW, fresh=True)
    assert (tmp_path / ANNOUNCED).stat().st_mode & 0o077 == 0
    again = voice(tmp_path).turn((), NOW, fresh=True)
    assert [out.topic for out in again if out.retain and not out.payload] == [
        f"homeassistant/sensor/{GATEWAY}/phr_{HANAKO}_body-weight/config"
    ]


def test_what_we_announce_is_understood_by_whoever_understands_discovery(tmp_path: Path) -> None:
    speaker = voice(tmp_path)
    speaker.note(NOTE)
    speaker.room(climate(room_temperature="21.5", co2="640"))
    configs = [out for out in speaker.turn((SHOW,), NOW, fresh=True) if out.topic.endswith("/config")]
    found = [discover(out.topic, out.payload) for out in configs]
    assert {entity.kind for one in found for entity in one.entities} == {
        "battery", "room-temperature", "co2", "body-weight",
    }  # fmt: skip
