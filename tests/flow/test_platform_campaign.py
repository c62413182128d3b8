"""A slice of the campaign of releases, and what it says when something is wrong after all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.store.database import read
from engine.store.repo_statistics import releases
from fhir_bridge.platform_look import Look
from simulators.hospital.faults import KINDS
from simulators.platform.faults import BrokerFault
from simulators.platform_campaign import campaign
from simulators.platform_count import Counted, count, strangers
from tests.bridge.platform_world import keep_trial
from tests.stores import migrated_file

pytestmark = [pytest.mark.flow, pytest.mark.timeout(240)]
# Each half-year's third of the faults is enough that every kind of them strikes.
KILLS, FAULTS = 4, 24


def test_killed_bridges_and_a_bad_platform_leave_six_releases_there_whole_and_nothing_else(tmp_path: Path) -> None:
    found = campaign(tmp_path, faults=FAULTS, kills=KILLS, seed=11, people=330, cells=120)
    assert found.sound, found
    assert found.kills == KILLS
    assert sum(found.faults.values()) >= FAULTS
    assert {name.split("-")[0] for name in found.faults} >= {*KINDS} - {"slow"}
    assert [one.cells for one in found.releases if one.id.startswith("trial")] == [120] * 3
    assert len(found.releases) == 6
    assert found.tokens >= 3
    assert found.personal_texts > 600
    assert found.caught_up_seconds < 60


def test_a_bridge_that_believes_every_204_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The bridges are forked: they are as wrong as this process.
    monkeypatch.setattr("fhir_bridge.platform.look", lambda *_, **__: Look(ours="", theirs="", count=0))
    lie = BrokerFault(kind="slow", seconds=0.0, after=True, only=5, where="op/update")
    # Five a half-year: some of them strike cells, whatever the order of two releases of three batches.
    found = campaign(tmp_path, faults=15, kills=1, seed=5, people=330, cells=30, weather=((1.0, lie),))
    assert not found.sound
    assert found.early > 0


@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        ("missing", "missing"), ("extra", "extra"), ("other number", "changed"), ("number for suppressed", "changed"),
        ("loading", "status"), ("other hash", "sealed"),
    ],
)  # fmt: skip
def test_a_count_that_is_off_by_one_thing_is_seen(tmp_path: Path, spoil: str, wrong: str) -> None:
    kept, there = standing(tmp_path)
    assert count(kept, there)[0].sound
    cells, release = [one for one in there if one["type"] == "PhrAggregateCell"], there[-1]
    if spoil == "missing":
        there.remove(cells[3])
    elif spoil == "extra":
        there.append({**cells[3], "id": f"{cells[3]['id']}:more"})
    elif spoil == "other number":
        next(one for one in cells if one["attributes"]["status"] == "published")["attributes"]["personCount"] += 5
    elif spoil == "number for suppressed":
        next(one for one in cells if one["attributes"]["status"] == "suppressed")["attributes"]["personCount"] = 5
    elif spoil == "loading":
        release["attributes"]["releaseStatus"] = "loading"
    else:
        release["attributes"]["contentSha256"] = "0" * 64
    [found] = count(kept, there)
    assert not found.sound
    assert msgspec.to_builtins(found)[wrong] in {1, "loading", False}


def test_an_entity_of_nothing_we_stored_is_a_stranger(tmp_path: Path) -> None:
    kept, there = standing(tmp_path)
    assert strangers(kept, there) == 0
    assert strangers(kept, [*there, {**there[0], "path": "/elsewhere"}]) == 1
    assert strangers(kept, [*there, {**there[0], "id": "urn:ngsi-ld:PhrAggregateCell:else:2026H1:T1:x"}]) == 1


def standing(folder: Path) -> tuple[Any, list[dict[str, Any]]]:
    """A stored release, and a platform's entities as they should be, written here by hand."""
    store = migrated_file(folder / "engine.sqlite")
    kept = keep_trial(store, cells=12)
    with read(store) as connection:
        known = releases(connection)
    store.dispose()
    said = msgspec.json.decode(kept.content)
    place = {"tenant": "sakata", "path": "/phr/stats"}
    head = "urn:ngsi-ld:PhrAggregateRelease:region-062049:2026H1"
    cells = [
        {
            **place, "id": f"urn:ngsi-ld:PhrAggregateCell:region-062049:2026H1:TEST-1:{':'.join(cell['at'])}",
            "type": "PhrAggregateCell",
            "attributes": {"personCount": cell["count"], "status": cell["status"], "refRelease": head},
        }
        for cell in said["tables"][0]["cells"]
    ]  # fmt: skip
    shown = {"releaseStatus": "complete", "contentSha256": kept.sha256, "cellCount": 12}
    return known, [*cells, {**place, "id": head, "type": "PhrAggregateRelease", "attributes": shown}]


def test_a_counted_release_says_what_it_is() -> None:
    good = Counted(
        id="x", cells=1, ours="a", theirs="a", missing=0, extra=0, changed=0, status="complete", sealed=True
    )  # fmt: skip
    assert good.sound
    assert not msgspec.structs.replace(good, theirs="b").sound
