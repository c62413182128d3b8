"""Simulated lives through the real store: messages, the hourly round and life events raise what the pure core raises."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from simulators.lives.frozen import frozen
from simulators.lives.through_store import compare
from simulators.lives.town import draw_town
from simulators.lives.trial import Walked, Watch, homes_of
from tests.stores import migrated_file

pytestmark = pytest.mark.flow
DAYS = 8
SEED = 11
# The engine looks every hour; of the same lives fewer looks show the same, in a third of the time.
EVERY = 6
WANTED: tuple[set[str], ...] = ({"person-silent"}, {"device-silent"})


def test_the_store_raises_alert_for_alert_what_the_pure_core_raises(tmp_path: Path) -> None:
    base = frozen()
    eventful = msgspec.structs.replace(
        base,
        events=msgspec.structs.replace(base.events, sudden=25.0),
        home=msgspec.structs.replace(base.home, unplugged=4.0),
        hospital=msgspec.structs.replace(base.hospital, stays=3.0),
    )
    town = draw_town(eventful, DAYS, np.random.default_rng([SEED, 1]))
    # Of many lives those of which something is to be told, and one each of which nothing is.
    many = list(homes_of(town, 60, SEED))
    told = {home.number: {one.sort for one in Watch(town, home, Walked(), every=EVERY).run()} for home in many}
    chosen = [next(number for number, sorts in told.items() if want <= sorts) for want in WANTED]
    chosen.append(next(number for number, sorts in told.items() if not sorts))
    store = migrated_file(tmp_path / "engine.sqlite")
    found = compare(store, town, [many[number] for number in sorted(set(chosen))], EVERY)
    store.dispose()
    assert found.agree, (found.core_only, found.store_only)
    assert found.both >= len(WANTED)
