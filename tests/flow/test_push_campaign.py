"""A slice of the bridge campaign: bridges killed while the hospital drops, delays and garbles; then everything counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.bridge_crash import campaign
from simulators.hospital.faults import KINDS

pytestmark = [pytest.mark.flow, pytest.mark.timeout(180)]
KILLS, FAULTS = 10, 50


def test_killed_bridges_and_a_bad_line_leave_every_value_there_once_and_nothing_after_a_no(tmp_path: Path) -> None:
    found = campaign(tmp_path, readings=120, faults=FAULTS, kills=KILLS, seed=11, homes=8)
    assert found.sound, found
    assert found.kills == KILLS
    assert sum(found.faults.values()) >= FAULTS
    # Not a calm day by chance: most kinds of faults struck.
    assert len({name.split("-")[0] for name in found.faults}) >= len(KINDS) - 3
    assert found.moves >= 1
    assert found.withdrawals == 3
    assert found.counted.expected > 80
