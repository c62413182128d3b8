"""Killed while it draws: a release is there whole with its charge or not at all, and nobody ever sees two of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from engine.store import repo_statistics
from engine.store.database import write
from engine.store.tables_statistics import STATISTICS_RELEASE
from fhir_bridge.releasing import Made, prepared
from simulators.city.kills import Case, Fuse, FusedNoise, campaign
from simulators.city.stores import SMALL, drawn_case, fresh_file
from tests.city_stores import city_database


def _quiet(_text: str) -> None:
    """Says nothing."""


def test_processes_killed_at_any_point_leave_one_release_or_none(tmp_path: Path) -> None:
    found = campaign(fresh_file(tmp_path), drawn_case(), tmp_path, kills=8, seed=5, tell=_quiet)
    assert found.sound, found
    assert sum(found.phases.values()) == 8
    assert found.phases.keys() - {"commit", "done"}, "some died before the commit"
    assert found.stored_before < 8


@pytest.mark.needs_postgresql
def test_processes_killed_on_a_real_server_leave_one_release_or_none(postgres: str, tmp_path: Path) -> None:
    @contextmanager
    def fresh() -> Iterator[str]:
        with city_database(postgres, SMALL) as url:
            yield url

    found = campaign(fresh, drawn_case(), tmp_path, kills=3, seed=6, tell=_quiet)
    assert found.sound, found


def test_a_product_that_shows_its_numbers_before_they_are_committed_is_caught(tmp_path: Path) -> None:
    def hasty(engine: Engine, fuse: Fuse, case: Case) -> bytes | None:
        with write(engine) as connection:
            made = prepared(connection, case.job, FusedNoise(case.noise, fuse), case.now)
            assert isinstance(made, Made)
            (tmp_path / "out").write_bytes(made.kept.content)
            fuse.pass_("shown")
        return made.kept.content

    found = campaign(fresh_file(tmp_path), drawn_case(), tmp_path, kills=4, seed=7, work=hasty, tell=_quiet)
    assert not found.sound
    assert found.different > 0


def test_a_product_that_charges_in_a_transaction_of_its_own_is_caught(tmp_path: Path) -> None:
    def split(engine: Engine, fuse: Fuse, case: Case) -> bytes | None:
        with write(engine) as connection:
            made = prepared(connection, case.job, FusedNoise(case.noise, fuse), case.now)
            assert isinstance(made, Made)
            connection.execute(STATISTICS_RELEASE.delete())
        for _ in range(40):  # so that some die just here
            fuse.pass_("between")
        with write(engine) as connection:
            repo_statistics.keep(connection, made.kept)
        return made.kept.content

    found = campaign(fresh_file(tmp_path), drawn_case(), tmp_path, kills=6, seed=8, work=split, tell=_quiet)
    assert found.half > 0
