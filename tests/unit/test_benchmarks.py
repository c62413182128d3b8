"""Each benchmark runs and gives numbers; how large they are is for people to read, never for a test to judge."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.__main__ import BENCHMARKS, main
from tests.brokers import mosquitto_program

pytestmark = [pytest.mark.flow, pytest.mark.needs_mosquitto]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_gives_a_number_a_limit_and_their_ratio(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    mosquitto_program()
    assert main(["--quick", "--json", "--only", name]) == 0
    figures = json.loads(capsys.readouterr().out)[name]
    assert figures
    for figure in figures:
        assert figure["product"] > 0
        assert figure["limit"] > 0
        assert figure["ratio"] > 0
        assert figure["better"] in {"higher", "lower"}
