"""How long `phr --help` takes from nothing, beside an empty Python and beside the smallest Typer program."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.benchmarks.figures import Figure, Run, figure, pair

PHR = "from cli.main import main; main()"
TYPER = """
import typer
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
@app.command()
def hello() -> None:
    print("hello")
app()
"""


def starts(*, quick: bool) -> list[Figure]:
    """Ten alternating runs each."""
    rounds = 1 if quick else 10
    _run(PHR, "--help")
    empty = pair(lambda: _run(PHR, "--help"), lambda: _run("pass"), rounds)[0]
    typer = pair(lambda: _run(PHR, "--help"), lambda: _run(TYPER, "--help"), rounds)[0]
    return [
        figure("phr --help beside python -c pass", "ms", "lower", empty, f"{rounds} alternating runs"),
        figure("phr --help beside one bare Typer command", "ms", "lower", typer, f"{rounds} alternating runs"),
    ]


def _run(code: str, *words: str) -> Sequence[Run]:
    before, began = _children(), time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *words], check=True, stdout=subprocess.DEVNULL)
    return (Run((time.perf_counter() - began) * 1000, (_children() - before) * 1e6),)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
