"""The platform's client: what it is configured with, what counts as success, and that there is no other way out."""

from __future__ import annotations

import ast
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.refusal import Refusal
from fhir_bridge.client_answers import Failure
from fhir_bridge.client_network import Network
from fhir_bridge.client_wire import Received
from fhir_bridge.platform_client import Platform
from fhir_bridge.platform_entities import (
    About,
    batches_of,
    cell_entities,
    instant,
    release_entity,
    release_id,
)  # fmt: skip
from fhir_bridge.platform_reading import plain, release_fault
from fhir_bridge.platform_session import Credentials, PlatformError, Where, read_token, where_refusal
from fhir_bridge.platform_trial import Trial, TrialTable, read_stored, sealed
from fhir_bridge.privacy_ledger import Ledger
from fhir_bridge.privacy_release import Cell, Release
from simulators.city.rows import rows as residents
from simulators.platform_trials import UNIT, trial
from tests.privacy_city import drawn_of

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ABOUT = About(issued=NOW, note="説明", labels={"walking": "ウォーキング"})
NETWORK = Network(name="platform", base="https://platform.example.jp")
KNOWN = Credentials(token_url="https://platform.example.jp/oauth2/token", client_id="phr", secret="s")


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (Where(network=NETWORK), None),
        (Where(network=NETWORK, credentials=KNOWN), None),
        (Where(network=Network(name="p", base="http://platform.example.jp")), "not-https"),
        (Where(network=NETWORK, tenant="Sakata"), "bad-tenant"),
        (Where(network=NETWORK, tenant="sakata-city"), "bad-tenant"),
        (Where(network=NETWORK, tenant=""), "bad-tenant"),
        (Where(network=NETWORK, path="/phr-stats"), "bad-path"),
        (Where(network=NETWORK, path="/phr/#"), "bad-path"),
        (Where(network=NETWORK, path="/#"), "bad-path"),
        (Where(network=NETWORK, path="/phr,/other"), "bad-path"),
        (Where(network=NETWORK, path="phr"), "bad-path"),
        (Where(network=NETWORK, path="/"), "bad-path"),
        (Where(network=NETWORK, path="/a" * 11), "bad-path"),
        (Where(network=NETWORK, credentials=msgspec.structs.replace(KNOWN, secret="")), "no-client-id"),
        (
            Where(network=NETWORK, credentials=msgspec.structs.replace(KNOWN, token_url="http://127.0.0.1/t")),
            "not-https",
        ),
    ],
)
def test_a_platform_is_checked_before_anything_is_sent(where: Where, code: str | None) -> None:
    refusal = where_refusal(where)
    assert (refusal.code if refusal else None) == code
    if code:
        with pytest.raises(PlatformError):
            Platform(where)
    assert "secret" not in repr(where)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"access_token": "ey-5ecret", "token_type": "Bearer", "expires_in": 100}, 80.0),
        ({"access_token": "ey-5ecret", "token_type": "bearer", "expires_in": "100"}, 80.0),
        ({"access_token": "ey-5ecret", "token_type": "Bearer"}, 240.0),
        ({"access_token": "ey-5ecret", "token_type": "Bearer", "expires_in": 0}, 1.6),
        ({"access_token": "ey-5ecret", "token_type": "Bearer", "expires_in": "soon"}, 240.0),
        ({"access_token": "t t", "token_type": "Bearer", "expires_in": 100}, "bad-token"),
        ({"access_token": "ey-5ecret", "token_type": "MAC", "expires_in": 100}, "bad-token"),
        ({"token_type": "Bearer"}, "bad-token"),
        ("<!DOCTYPE html>", "garbage"),
    ],
)
def test_a_token_is_used_for_four_fifths_of_its_life(body: Any, seconds: float | str) -> None:
    told = Received(200, {"content-type": "application/json"}, msgspec.json.encode(body), "")
    token = read_token(told, NOW)
    if isinstance(token, Failure):
        assert token.code == seconds
    else:
        assert (token.until - NOW).total_seconds() == seconds
        assert "ey-5ecret" not in repr(token)


def test_a_cell_is_told_as_the_contract_says() -> None:
    prepared = drawn_of(residents(1000, 3))
    release = read_stored(prepared.content, prepared.sha256, test=False)
    assert isinstance(release, Release)
    whole = cell_entities(release, {"walking": "ウォーキング"})
    assert len(whole) == sum(len(table.cells) for table in release.tables)
    told = next(
        one
        for one in whole
        if one.get("interest", {}).get("value") == "walking" and one["status"]["value"] == "published"
    )
    assert told["id"].startswith("urn:ngsi-ld:PhrAggregateCell:region-062049:2026H1:T2:")
    assert told["refRelease"] == {"type": "Relationship", "value": release_id(release)}
    assert told["interestLabel"] == {"type": "Text", "value": "ウォーキング"}
    assert told["periodStart"] == {"type": "DateTime", "value": "2026-04-01T00:00:00.000Z"}
    assert told["personCount"]["metadata"] == {"unitCode": {"type": "Text", "value": "IE"}}
    silent = next(one for one in whole if one["status"]["value"] == "suppressed")
    assert silent["personCount"]["value"] is None
    head = release_entity(release, prepared.sha256, ABOUT, "complete")
    assert head["contentSha256"]["value"] == prepared.sha256
    assert head["cellCount"]["value"] == len(whole)
    assert not {"people", "personCount", "population", "registrants"} & head.keys(), (
        "no count of people beside the cells"
    )
    assert release_fault(head, release, prepared.sha256, "complete") is None
    fault = release_fault(head, release, prepared.sha256, "withdrawn")
    assert fault is not None
    assert fault.code == "other-release"
    missing = release_fault(None, release, prepared.sha256, "complete")
    assert missing is not None
    assert missing.code == "no-release"


def test_instants_are_told_in_utc_to_the_thousandth() -> None:
    assert instant(date(2026, 4, 1)) == "2026-04-01T00:00:00.000Z"
    assert instant(datetime.fromisoformat("2026-04-01T08:30:00.123456+09:00")) == "2026-03-31T23:30:00.123Z"


@pytest.mark.parametrize(
    ("tables", "code"),
    [
        ((TrialTable(id="TEST-1", axes=("town",), cells=(Cell(("a",), 20, "published"),)),), "foreign-axis"),
        ((TrialTable(id="TEST-1", axes=("age", "bmi"), cells=(Cell(("a",), 20, "published"),)),), "foreign-axis"),
        ((TrialTable(id="TEST-1", axes=("age",), cells=()),), "no-cells"),
        ((TrialTable(id="TEST-1", axes=("age",), cells=(Cell(("a",), 20, "published"),) * 2),), "same-cell"),
        ((TrialTable(id="TEST-1", axes=("age",), cells=(Cell(("年",), 20, "published"),)),), "bad-name"),
        ((TrialTable(id="TEST-1", axes=("age",), cells=(Cell(("a#b",), 20, "published"),)),), "bad-name"),
        ((TrialTable(id="TEST-1", axes=("age",), cells=(Cell(("a" * 300,), 20, "published"),)),), "bad-name"),
    ],
)
def test_what_cannot_be_said_to_a_platform_is_refused_as_a_value(tables: tuple[TrialTable, ...], code: str) -> None:
    made = Trial(unit=UNIT, period="2026H1", start=date(2026, 4, 1), end=date(2026, 9, 30), tables=tables)
    refusal = batches_of(made, "0" * 64, ABOUT)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_a_text_that_is_too_long_for_any_request_is_refused() -> None:
    about = msgspec.structs.replace(ABOUT, note="あ" * 600_000)
    refusal = batches_of(trial("2026H1", 3), "0" * 64, about)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "too-large"


def test_made_up_tables_cannot_bear_a_real_name_and_real_ones_are_no_trial() -> None:
    cells = (Cell(("20-29", "U18.5"), 20, "published"),)
    made = Trial(
        unit=UNIT, period="2026H1", start=date(2026, 4, 1), end=date(2026, 9, 30),
        tables=(TrialTable(id="T1", axes=("age", "bmi"), cells=cells),),
    )  # fmt: skip
    refusal = sealed(made)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "real-table"
    prepared = drawn_of(residents(400, 3))
    other = read_stored(prepared.content, prepared.sha256, test=True)
    assert isinstance(other, Refusal)
    assert other.code == "unreadable"
    assert isinstance(prepared.ledger, Ledger)


def test_numbers_of_a_broker_that_keeps_doubles_are_the_same_numbers() -> None:
    said = msgspec.json.decode(b'{"personCount":{"type":"Integer","value":35.0}}')
    assert plain(said) == {"personCount": 35}


# -- R15: aggregates leave by the mechanism's release and by no other code path

_WORDS = ("/v2/op/", "entityOperations", "/v2/entities")
_CLIENT = {"fhir_bridge.platform_client", "fhir_bridge.platform_session"}
_MAY_SPEAK = {"fhir_bridge/platform_client.py", "fhir_bridge/platform_ld.py"}
_MAY_OPEN = {
    "fhir_bridge/platform.py", "fhir_bridge/platform_client.py", "fhir_bridge/platform_look.py",
    "cli/platform_wiring.py",
}  # fmt: skip


@cache
def sources() -> dict[str, str]:
    packages = ("engine", "firmware_profiles", "gateway", "fhir_bridge", "cli")
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for package in packages
        for path in (ROOT / package).rglob("*.py")
    }


def modules(*words: str) -> dict[str, ast.Module]:
    """The modules in which one of these words stands at all, read."""
    return {name: ast.parse(text) for name, text in sources().items() if any(word in text for word in words)}


def texts(tree: ast.Module) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for block in tree.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            block.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def calls(tree: ast.Module, *names: str) -> bool:
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) in names for node in ast.walk(tree))


def test_one_module_speaks_to_the_platform_and_only_the_bridge_has_it() -> None:
    trees = modules(*_WORDS)
    speaking = {name for name, tree in trees.items() if any(word in text for text in texts(tree) for word in _WORDS)}
    assert speaking == _MAY_SPEAK
    opening = {
        name for name, tree in modules("platform_client", "platform_session").items() if imported(tree) & _CLIENT
    }
    assert opening == _MAY_OPEN
    stores = {
        name for name, tree in modules("client.store").items() if calls(tree, "self.client.store", "client.store")
    }
    assert stores == {"fhir_bridge/platform.py"}, "what is sent is a row of the outbox"


def test_only_batches_of_a_stored_release_ever_reach_the_outbox() -> None:
    row = "engine.store.tables_statistics.RELEASE_BATCH"
    assert {name for name, tree in modules("RELEASE_BATCH").items() if row in imported(tree)} == {
        "engine/store/repo_batches.py"
    }
    owing = {name for name, tree in modules("repo_batches").items() if calls(tree, "repo_batches.put")}
    assert owing == {"fhir_bridge/platform_orders.py", "cli/platform_wiring.py"}
    trees = modules("batches_of", "withdrawal_of")
    making = {name for name, tree in trees.items() if calls(tree, "batches_of", "withdrawal_of")}
    assert making == {"cli/platform_wiring.py", "cli/release_platform.py"}
    # One is handed the release that was just sealed, the other reads the stored bytes against their hash.
    assert calls(trees["cli/release_platform.py"], "read_stored")
    [owe] = [
        node
        for node in ast.walk(trees["cli/platform_wiring.py"])
        if isinstance(node, ast.FunctionDef) and node.name == "owe"
    ]
    assert [one.arg for one in owe.args.args][2:4] == ["release", "sha256"]


def test_the_search_for_other_ways_out_would_find_one() -> None:
    tree = ast.parse(
        "from fhir_bridge.platform_client import Platform\nclient.store(b'{}', 'cells')\nx = '/v2/op/update'"
    )
    assert imported(tree) & _CLIENT
    assert calls(tree, "client.store")
    assert any(word in text for text in texts(tree) for word in _WORDS)
