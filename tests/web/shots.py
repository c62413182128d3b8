"""Pictures of the desk as a nurse sees it: `python -m tests.web.shots [folder]`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import Engine

from engine.contract import wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.topics import up
from engine.evaluate import evaluate
from engine.review import HOLD
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store.database import migrate, open_engine, write
from engine.web.app import create_app
from engine.web.context import HERE
from engine.web.links import Links
from tests.homes import DEVICE, GATEWAY, HANAKO, TARO, furnish
from tests.web.desks import Page

CHROMIUM = Path("/usr/bin/chromium")
INSTALL = "apt-get install -y --no-install-recommends chromium fonts-noto-cjk"
DAY = timedelta(days=1)


def seed(engine: Engine, now: datetime) -> None:
    """Two residents with four weeks of readings, evaluated by the real rules."""
    furnish(engine)
    readings = [
        *[_reading(2, now - HOLD - ago * DAY, body_weight=(f"{84 + ago * 0.1:.2f}", "kg")) for ago in range(28)],
        *[_reading(1, now - HOLD - ago * DAY, body_weight=(f"{60 + ago * 0.05:.2f}", "kg")) for ago in range(28)],
        *[_reading(1, now - HOLD - ago * DAY, systolic=("152", "mm[Hg]"), diastolic=("93", "mm[Hg]")) for ago in range(7)],
        *[_reading(2, now - HOLD - ago * DAY, steps_day=("3120", "{steps}")) for ago in range(1, 9)],
    ]  # fmt: skip
    payload = wire.encode_batch([wire.encode_reading(one) for one in readings])
    with write(engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], now)
        for person in (HANAKO, TARO):
            evaluate(connection, person, now)


def _reading(slot: int, at: datetime, **values: tuple[str, str]) -> Reading:
    parts = tuple(Value(kind.replace("_", "-"), number, unit) for kind, (number, unit) in values.items())
    name = reading_id(DEVICE, slot, at.isoformat(), repr(values).encode())
    return Reading(
        id=name, device=DEVICE, profile="sig-weight", provenance="bonded", user_slot=slot, measured_at=at,
        time_quality="device", received_at=at, values=parts,
    )  # fmt: skip


async def pages(engine: Engine, folder: Path, now: datetime) -> dict[str, str]:
    """The text of every kind of page, by the name of its picture."""
    links = Links(folder / "links")
    transport = httpx.ASGITransport(create_app(engine, links, lambda: now))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", follow_redirects=True) as browser:
        token = links.issue(now)
        found = {"locked": (await browser.get("/")).text}
        found["signin"] = (await browser.get("/signin", params={"token": token})).text
        await browser.post("/signin", data={"token": token, "name": "鈴木 保健師"})
        found["queue"] = queue = (await browser.get("/")).text
        ways = [held["href"] or "" for tag, held in Page(queue).tags if tag == "a" and held.get("class") == "open"]
        for number, way in enumerate(ways):
            found[f"item-{number}"] = (await browser.get(way)).text
        way = ways[-1]
        form = Page(found[f"item-{len(ways) - 1}"]).forms
        found["refused"] = (await browser.post(f"{way}/approve", data=form[f"{way}/approve"])).text
        found["item-en"] = (await browser.get(way, params={"lang": "en"})).text
        found["queue-en"] = (await browser.get("/")).text
        await browser.get("/", params={"lang": "ja"})
        done = form[f"{way}/reject"] | {"reason": "治療中のため、主治医の指示を優先します。"}
        found["rejected"] = (await browser.post(f"{way}/reject", data=done)).text
        found["conflict"] = (await browser.post(f"{way}/reject", data=done)).text
    return found


def shoot(text: str, picture: Path, profile: Path, size: str) -> None:
    """A picture of `text`; the stylesheet is written into it, because a file has no server."""
    css = (HERE / "static" / "desk.css").read_text(encoding="utf-8")
    page = picture.with_suffix(".html")
    page.write_text(text.replace('<link rel="stylesheet" href="/desk.css">', f"<style>{css}</style>"), encoding="utf-8")
    words = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars",
        f"--user-data-dir={profile}", f"--window-size={size}", f"--screenshot={picture}", page.as_uri(),
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    page.unlink()


def main() -> int:
    """Take the pictures; exit code 1 when there is no browser."""
    if not CHROMIUM.exists():
        print(f"no browser: {INSTALL}", file=sys.stderr)
        return 1
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="phr-shots-"))
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as place:
        engine = open_engine(f"sqlite:///{Path(place) / 'engine.sqlite'}")
        migrate(engine)
        seed(engine, now)
        for name, text in asyncio.run(pages(engine, Path(place), now)).items():
            shoot(text, folder / f"{name}.png", Path(place) / "profile", "1280,1500")
            if name in {"queue", "item-0"}:
                shoot(text, folder / f"{name}-narrow.png", Path(place) / "profile", "500,2400")
        engine.dispose()
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
