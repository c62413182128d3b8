"""Letters a second as one PDF, and what it needs of memory, beside the same pages with nothing but their words."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from tests.benchmarks.figures import Figure, Run, figure, pair

# A process of its own for each side: memory once taken is not given back.
PEAK = """
def peak():
    # Not ru_maxrss: that begins with the peak of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
"""
PRODUCT = """
import json, sys, time
from pathlib import Path
from datetime import UTC, datetime, timedelta
from random import Random
from engine.letters import Dots, Said, To, Told, new_code
from engine.letters_file import pages_of, pdf
from engine.letters_sender import Sender
from engine.letters_window import assumed

def said(rng):
    first = datetime(2026, 10, 1, 7, 5)
    pairs = [(rng.randint(105, 165), rng.randint(60, 95)) for _ in range(31)]
    dots = tuple(((first + timedelta(days=day)).isoformat(timespec="minutes"), str(high), str(low), "plain")
                 for day, (high, low) in enumerate(pairs))
    high, low = pairs[-1]
    blocks = (Told("体重", (f"いちばん 新しい 値は 10月31日の {rng.uniform(45, 95):.2f}kgです。", "体重に はっきりした 変化は ありません。")),
              Told("歩数", (f"いちばん 新しい 値は 10月31日の {rng.randint(900, 9999):,}歩です。", "1日の 平均は 5,210歩でした。")),
              Told("血圧", (f"いちばん 新しい 値は 10月31日の {high} / {low}mmHgです。", "平均は 上が 131、下が 76でした。")))
    chart = Dots(title="血圧", description="血圧。\\n十月。\\n31回 はかりました。\\n低い。\\n高い。", unit="mm[Hg]", shown="mmHg",
                 first="2026-10-01", last="2026-10-31", dots=dots)
    return Said(sort="month", about="2026-10", language="ja", resident="r-x", code=new_code(rng), made="2026年11月2日(月)",
                to=To(f"998-{rng.randint(0, 9999):04d}", f"山形県酒田市本町{rng.randint(1, 99)}", "山田 花子"),
                title="2026年10月の お便り", lead=("31日 はかりました。",), front=blocks,
                back=(Told("電話番号", ("救急車　119",)),), chart=chart, asks=("fine", "call", "moved", "stop"))

rng, count = Random(1), int(sys.argv[1])
letters = [said(rng) for _ in range(count)]
began, cpu = time.perf_counter(), time.process_time()
made = pdf(letters, Sender(name="酒田市"), assumed(), datetime(2026, 11, 2, tzinfo=UTC))
spent, cpu = time.perf_counter() - began, time.process_time() - cpu
assert isinstance(made, bytes) and pages_of(made) == 2 * count, made
print(json.dumps({"rate": count / spent, "cpu": cpu * 1e6 / count, "bytes": len(made),
                  "memory": peak()}))
"""
LIMIT = """
import json, sys, time
from pathlib import Path
import typst
from engine.letters_file import pages_of

count = int(sys.argv[1])
page = b'#set page(paper: "a4")\\n#set text(font: "Noto Sans CJK JP", size: 16pt)\\n' + b"".join(
    "#pagebreak(weak: true)\\n2026年10月の お便り {}\\n#pagebreak()\\n血圧\\n".format(one).encode() for one in range(count))
began, cpu = time.perf_counter(), time.process_time()
made = typst.compile(page, format="pdf", timestamp=0, pdf_tags=False)
spent, cpu = time.perf_counter() - began, time.process_time() - cpu
assert pages_of(made) == 2 * count
print(json.dumps({"rate": count / spent, "cpu": cpu * 1e6 / count,
                  "memory": peak()}))
"""


def letters(*, quick: bool) -> list[Figure]:
    """5,000 letters of two pages with a chart and a QR code each."""
    count, rounds = (50, 1) if quick else (5_000, 2)
    found = pair(lambda: _run(PRODUCT, count), lambda: _run(LIMIT, count), rounds)
    note = f"{count:,} letters, 2 pages each, chart, QR code; limit: as many pages of one line; {rounds} paired runs"
    return [
        figure("letters in one PDF", "letters/s", "higher", found[0], note),
        figure("memory for them", "MB", "lower", found[1], note),
    ]


def _run(code: str, count: int) -> Sequence[Run]:
    done = subprocess.run([sys.executable, "-c", PEAK + code, str(count)], check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    return (Run(told["rate"], told["cpu"]), Run(told["memory"]))
