"""Every cell of the brand table is walked: a profile that decodes, a file that comes in, a value typed by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.add import add
from cli.imports import app
from cli.routes import BRANDS, BY_HAND, WHATS, Brand, Route, What, command, route_table, routes
from engine.contract.reading import Quantity, Sample
from engine.store.database import read
from firmware_profiles.captures import answer, long_uuid
from firmware_profiles.model import DecodeError, Profile
from firmware_profiles.registry import PROFILES
from tests.flow.import_files import apple_zip, fitbit_zip, health_connect_zip, sample
from tests.homes import HANAKO
from tests.stores import furnished_file

pytestmark = pytest.mark.flow
CAPTURES = (Path(__file__).parents[1] / "golden/captures/ble_vectors.jsonl").read_text(encoding="utf-8").splitlines()
NEEDED: dict[What, set[str]] = {
    "scale": {"body-weight"}, "blood-pressure": {"systolic", "diastolic"}, "steps": {"steps-day", "steps-total", "steps-interval"},
}  # fmt: skip
# The file each app writes, by app, format and thing.
FILES: dict[tuple[str, str, What], Callable[[Path], bytes]] = {
    ("OMRON connect", "csv", "scale"): lambda _: sample("omron-scale.csv").decode().encode("cp932"),
    ("OMRON connect", "csv", "blood-pressure"): lambda _: sample("omron-pressure.csv"),
    ("OMRON connect", "health-connect", "steps"): health_connect_zip,
    ("Zepp Life", "csv", "scale"): lambda _: sample("zepp-body.csv"),
    ("Zepp Life", "csv", "steps"): lambda _: sample("zepp-activity.csv"),
    ("Withings", "csv", "scale"): lambda _: sample("withings-weight.csv"),
    ("Withings", "csv", "blood-pressure"): lambda _: sample("withings-bp.csv"),
    ("Withings", "csv", "steps"): lambda _: sample("withings-steps.csv"),
    ("Google Takeout", "health-connect", "scale"): lambda _: fitbit_zip(),
    ("Google Takeout", "health-connect", "steps"): lambda _: fitbit_zip(),
    ("Health Connect", "health-connect", "blood-pressure"): health_connect_zip,
}
CELLS = [(brand, what, route) for brand in BRANDS for what in WHATS for route in brand.routes(what)]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    (tmp_path / "phr").mkdir()
    return furnished_file(tmp_path / "phr" / "engine.sqlite")


def kinds(engine: Engine) -> set[str]:
    with read(engine) as connection:
        query = f"SELECT DISTINCT kind FROM measurement WHERE resident_id = '{HANAKO}'"
        return set(connection.exec_driver_sql(query).scalars())


def decoded(profile: Profile) -> set[str]:
    """What this profile reads out of recorded payloads: of its devices, and of others that use its characteristics."""
    found: set[str] = set()
    for line in CAPTURES:
        told = answer(line, {profile.id: profile})
        if told.get("final"):
            found |= set(told["quantities"])
        capture = json.loads(line)
        codec = profile.codecs.get(long_uuid(capture.get("characteristic_uuid")))
        with suppress(DecodeError):
            found |= set(codec.decode(bytes.fromhex(capture["payload_hex"])).quantities) if codec else set()
    return found


def round_trip(profile: Profile, what: What) -> set[str]:
    """What an experimental family reads out of frames its own encoder wrote by the published layout."""
    amounts = {
        "scale": ("weight", "62.5", "kg"),
        "blood-pressure": ("systolic", "128", "mm[Hg]"),
        "steps": ("steps", "120", "{steps}"),
    }
    name, value, unit = amounts[what]
    sample = Sample(quantities={name: Quantity(Decimal(value), unit)}, time=datetime(2024, 11, 20, 7, 5), sequence=1)  # noqa: DTZ001
    found: set[str] = set()
    for codec in profile.codecs.values():
        with suppress(DecodeError, ValueError, KeyError):
            read_back = codec.decode(codec.encode(sample)) if codec.encode else sample
            found |= {key for key, quantity in read_back.quantities.items() if quantity == sample.quantities.get(key)}
    return found


@pytest.mark.parametrize(("brand", "what", "route"), CELLS, ids=lambda part: getattr(part, "name", str(part))[:40])
def test_every_route_works(engine: Engine, tmp_path: Path, brand: Brand, what: What, route: Route) -> None:
    if route.how == "ble":
        profile = PROFILES[route.by]
        assert NEEDED[what] & profile.provides, f"{brand.name}: {route.by} does not measure {what}"
        quantities = {"scale": {"weight"}, "blood-pressure": {"systolic"}, "steps": {"steps"}}[what]
        proof = decoded(profile) | (round_trip(profile, what) if profile.experimental else set())
        assert quantities <= proof, f"no recorded payload of {route.by}"
    elif route.how == "file":
        data = apple_zip(route.app) if route.by == "apple-health" else FILES[route.app, route.by, what](tmp_path)
        (tmp_path / "file").write_bytes(data)
        options = route.option.split()
        done = CliRunner().invoke(app, [route.by, str(tmp_path / "file"), "--resident", HANAKO, *options])
        assert done.exit_code == 0, (done.output, done.exception)
        assert kinds(engine) >= NEEDED[what] - {"steps-total", "steps-interval"}
    else:
        by_hand = typer.Typer()
        by_hand.command()(add)
        done = CliRunner().invoke(by_hand, [*BY_HAND[what].split(), "--resident", HANAKO])
        assert done.exit_code == 0, (done.output, done.exception)
        assert kinds(engine) >= NEEDED[what] - {"steps-total", "steps-interval"}


def test_every_brand_has_a_route_for_everything_and_the_hand_is_always_one() -> None:
    assert len(BRANDS) >= 10
    for brand in BRANDS:
        for what in WHATS:
            assert brand.routes(what)[-1].how == "manual"


def test_the_table_says_the_same_in_both_languages(golden: Callable[[str, str], None]) -> None:
    japanese, english = route_table("ja"), route_table("en")
    assert japanese.count("\n") == english.count("\n") == len(BRANDS) + 2
    golden("imports/routes.md", f"{japanese}\n{english}")


def test_the_command_gives_each_route_as_data() -> None:
    shown = typer.Typer()
    shown.command()(routes)
    found = json.loads(CliRunner().invoke(shown, ["--json"]).stdout)["routes"]
    assert len(found) == len(CELLS)
    assert {row["command"] for row in found} == {command(route, what) for _, what, route in CELLS}
