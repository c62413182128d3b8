"""The desk of a town: p95 of the server's time and bytes of the queue, an item and a decision, beside a bare route."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import count, cycle, islice, repeat
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from engine.access import Identity
from engine.store.database import migrate, open_engine
from engine.web.context import COOKIE
from engine.web.sessions import Sessions
from tests.benchmarks.bare_desk import CPU, TIMER
from tests.benchmarks.desk_town import ITEMS, MEASURED, RESIDENTS, furnish_town
from tests.benchmarks.figures import Figure, Run, figure
from tests.web.desks import Page

ROOT = Path(__file__).parents[2]
TIMES = 5.0
MOST_BYTES = 100_000
ROUNDS = 3
Ask = Callable[[], httpx.Response]


def desks(*, quick: bool) -> list[Figure]:
    """Real uvicorn on the loopback, one nurse at a time, product and limit in turns in the same process."""
    residents, items, each = (120, 60, 3) if quick else (RESIDENTS, ITEMS, 60)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        engine = open_engine(f"sqlite:///{folder / 'engine.sqlite'}")
        migrate(engine)
        opened = furnish_town(engine, residents, items, min(MEASURED, items))
        who = Identity(
            id="s-nursenursenur", name="鈴木 保健師", roles=frozenset({"nurse"}), municipalities=frozenset({"062049"})
        )
        cookie, _ = Sessions(engine).start(who, "ja", datetime.now(UTC))
        engine.dispose()
        with server(folder) as base, httpx.Client(base_url=base, cookies={COOKIE: cookie}, timeout=60) as browser:
            return measured(browser, opened, each, f"{residents:,} residents, {items:,} open items")


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The process that serves both, as long as it is needed."""
    command = [sys.executable, "-m", "tests.benchmarks.bare_desk", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def measured(browser: httpx.Client, opened: Sequence[str], each: int, town: str) -> list[Figure]:
    """Every figure: pages first, decisions last, because they change the queue."""
    items = cycle(opened)
    found = figures(browser, "queue page", leaves(browser), each, town)
    found += figures(browser, "queue search", searches(browser), each, town)
    found += figures(browser, "item page", (partial(browser.get, f"/advice/{name}") for name in items), each, town)
    forms = (partial(browser.post, way, data=fields) for way, fields in approvals(browser, opened))
    ahead = list(islice(forms, (ROUNDS + 1) * each))
    found += figures(browser, "decision", iter(ahead), (len(ahead)) // (ROUNDS + 1), town)
    hello = block((partial(browser.get, "/bare/hello") for _ in count()), each)
    return [
        *found,
        figure("desk, hello world", "ms p95", "lower", [(hello[0], hello[0])], "for information: no row, no page"),
    ]


def leaves(browser: httpx.Client) -> Iterator[Ask]:
    """The pages of the queue one after the other, as somebody leafs through all of it."""
    way = "/queue"
    while True:
        page = browser.get(way)
        assert page.status_code == 200
        yield partial(browser.get, way)
        links = [held for tag, held in Page(page.text).tags if tag == "a" and held.get("rel") == "next"]
        way = str(links[0]["href"]) if links else "/queue"


def searches(browser: httpx.Client) -> Iterator[Ask]:
    """What nurses look for: a name, what is late, one severity, what is theirs."""
    for query in cycle(("q=すずき", "due=over", "severity=prompt", "assigned=me", "topic=weight", "first=1")):
        yield partial(browser.get, f"/queue?{query}")


def approvals(browser: httpx.Client, names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The form that approves each item, filled in."""
    for name in names:
        way, text = f"/advice/{name}/approve", browser.get(f"/advice/{name}").text
        page = Page(text)
        asked = [held["value"] for tag, held in page.tags if tag == "input" and held.get("name") == "asked"]
        if way in page.forms:
            yield way, page.forms[way] | {"asked": asked}


def figures(browser: httpx.Client, name: str, asks: Iterator[Ask], each: int, town: str) -> list[Figure]:
    """Server time at p95 and bytes of one kind of answer, beside the bare route that answers as many."""
    block(asks, each)  # what is loaded once, templates and words, is not counted
    times: list[tuple[Run, Run]] = []
    sizes: list[int] = []
    for _ in range(ROUNDS):
        ours, most = block(asks, each)
        way = (
            partial(browser.get, f"/bare/page?size={most}")
            if most
            else partial(browser.post, "/bare/decide", data={"version": "1", "csrf": "x" * 43})
        )
        bare, _ = block(repeat(way), each)
        times.append((ours, bare))
        sizes.append(most)
    note = (
        f"{town}; limit: a bare route of the same framework and store that does the least of it; wanted <= {TIMES:.0f}"
    )
    found = [figure(f"desk, {name}", "ms p95", "lower", times, note)]
    if max(sizes):
        bytes_ = [(Run(float(size)), Run(float(MOST_BYTES))) for size in sizes]
        found.append(
            figure(f"desk, {name}", "bytes", "lower", bytes_, "the largest answer without pictures; limit 100 kB")
        )
    return found


def block(asks: Iterator[Ask], each: int) -> tuple[Run, int]:
    """p95 of the server's milliseconds over `each` answers with the CPU of the median one, and the largest's bytes."""
    answers = [ask() for ask in islice(asks, each)]
    assert all(answer.status_code in {200, 303} for answer in answers), {one.status_code for one in answers}
    took, cpu = ([int(answer.headers[name.decode()]) for answer in answers] for name in (TIMER, CPU))
    p95 = quantiles([micros / 1000 for micros in took], n=20, method="inclusive")[-1]
    return Run(p95, median(cpu)), max(len(answer.content) for answer in answers)
