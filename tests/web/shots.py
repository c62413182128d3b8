"""Pictures of the pages as people see them: `./x shots [folder]`; the same town, the same morning, every time."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from engine.appointments import Appointment, When
from engine.appointments_store import book
from engine.emergency_paper import Paper, paper
from engine.store import repo_advice, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from tests.homes import HANAKO
from tests.needs import found
from tests.web import town
from tests.web.browsing import Site, town_site
from tests.web.followed import IGARASHI, follow

INSTALL: Final = "apt-get install -y --no-install-recommends chromium fonts-noto-cjk"
DESK: Final[dict[str, Any]] = {"viewport": {"width": 1440, "height": 900}}
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 412, "height": 915}, "is_mobile": True, "has_touch": True, "device_scale_factor": 1.5
}  # fmt: skip
# What the page of a morning begins with: whom to contact, and today's appointments.
MORNING: Final[Any] = {"x": 0, "y": 0, "width": 1440, "height": 975}
# As wide as A4, as high as what is printed on it.
PAPER: Final[dict[str, Any]] = {"viewport": {"width": 794, "height": 800}}
NOTE: Final = Path(__file__).parents[1] / "golden/open-data/2027H1_method.html"


class Shot(NamedTuple):
    """One picture: its name, who looks, where, and whether all of the page is on it or what a screen holds."""

    name: str
    who: str
    path: str
    whole: bool = False
    lang: str = "ja"


def shots(made: Site) -> Iterator[Shot]:
    """Every picture there is."""
    with read(made.engine) as connection:
        waiting = repo_advice.listed(connection, resident=HANAKO, states=("open",), limit=10)
        letters = repo_advice.listed(connection, resident=HANAKO, states=("delivered",), limit=10)
    shown = next(one for one in waiting if one.rule_id == "home-bp-high")
    letter = next(one for one in letters if one.rule_id == "frailty-weight-loss")
    nurse = town.NURSE
    yield Shot("queue", nurse, "/queue")
    yield Shot("queue-en", nurse, "/queue", lang="en")
    yield Shot("item", nurse, f"/advice/{shown.id}")
    yield Shot("item-whole", nurse, f"/advice/{shown.id}", whole=True)
    yield Shot("item-urgent", nurse, f"/advice/{town.RED}")
    yield Shot("caseload", nurse, "/caseload")
    yield Shot("record", nurse, f"/residents/{HANAKO}", whole=True)
    yield Shot("requests", nurse, "/requests")
    yield Shot("links", nurse, "/links", whole=True)
    yield Shot("consents", nurse, f"/residents/{HANAKO}/consents", whole=True)
    yield Shot("closing", nurse, f"/residents/{HANAKO}/closing", whole=True)
    yield Shot("enrolment", nurse, "/enrolment", whole=True)
    yield Shot("protections", nurse, "/protections")
    yield Shot("standing", nurse, "/standing", whole=True)
    yield Shot("rules", nurse, "/rules")
    yield Shot("workload", nurse, "/workload")
    yield Shot("devices", town.HELPDESK, "/devices")
    yield Shot("log", town.AUDITOR, "/log")
    yield Shot("staff", town.ADMIN, "/staff")
    yield Shot("signin", "", "/signin")
    yield Shot("me-today", HANAKO, "/me")
    yield Shot("me-trends", HANAKO, "/me/trends", whole=True)
    yield Shot("me-trend", HANAKO, "/me/trends/weight", whole=True)
    yield Shot("me-records", HANAKO, "/me/records", whole=True)
    yield Shot("me-record", HANAKO, "/me/records/lab.hba1c", whole=True)
    yield Shot("me-letter", HANAKO, f"/me/advice/{letter.id}", whole=True)
    yield Shot("me-contact", HANAKO, "/me/contact", whole=True)
    yield Shot("me-consents", HANAKO, "/me/consents", whole=True)
    yield Shot("me-interests", HANAKO, "/me/interests", whole=True)
    yield Shot("me-export", HANAKO, "/me/export", whole=True)
    yield Shot("me-closing", HANAKO, "/me/closing", whole=True)
    yield Shot("me-seen", HANAKO, "/me/seen", whole=True)
    yield Shot("me-cards", HANAKO, "/me/cards", whole=True)
    yield Shot("me-apps", HANAKO, "/me/apps", whole=True)
    yield Shot("me-today-en", HANAKO, "/me", lang="en")
    yield Shot("family", town.family(made.engine), f"/family/{HANAKO}", whole=True)


def shoot(made: Site, browser: Browser, folder: Path, wanted: str = "") -> None:
    """Takes the pictures whose name begins with `wanted`."""
    pages: dict[str, Page] = {}
    for shot in shots(made):
        if not shot.name.startswith(wanted):
            continue
        page = pages.get(shot.who) or _page(made, browser, shot.who)
        pages[shot.who] = page
        page.goto(shot.path if shot.lang == "ja" else f"{shot.path}?lang={shot.lang}")
        page.screenshot(path=folder / f"{shot.name}.png", full_page=shot.whole, animations="disabled")
        if shot.lang != "ja":
            page.goto(f"{shot.path}?lang=ja")
    if "me-today".startswith(wanted):
        _with_furigana(pages[HANAKO], folder)
    if "emergency-sheet".startswith(wanted):
        _printed(made, browser, folder / "emergency-sheet.png")
    if "release-note".startswith(wanted):
        _noted(browser, folder / "release-note.png")
    if "cases".startswith(wanted):
        _followed(made, pages.get(town.NURSE) or _page(made, browser, town.NURSE), folder)


def _with_furigana(page: Page, folder: Path) -> None:
    page.goto("/me")
    with page.expect_navigation():
        page.locator("form[action='/me/look'] button").first.click()
    page.screenshot(path=folder / "me-furigana.png", animations="disabled")


def _printed(made: Site, browser: Browser, file: Path) -> None:
    """The sheet for a refrigerator as it leaves the printer."""
    with read(made.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
    assert person is not None
    sheet = paper(
        made.engine, person, "sheet", "html", base="https://phr.example.jp", by=By("desk", "shots"), now=town.NOW,
        lang="ja", rng=Random(7),
    )  # fmt: skip
    assert isinstance(sheet, Paper)
    page = browser.new_page(**PAPER)
    page.set_content(sheet.content.decode())
    page.screenshot(path=file)
    page.close()


def _noted(browser: Browser, file: Path) -> None:
    """The first figures of the method note that goes with a release."""
    page = browser.new_page(**PAPER)
    page.set_content(NOTE.read_text(encoding="utf-8"))
    page.locator("svg").first.screenshot(path=file)
    page.close()


def _followed(made: Site, page: Page, folder: Path) -> None:
    """The morning of whoever follows up; last, because following changes what stands on the other pages."""
    follow(made.engine)
    with write(made.engine) as connection:
        person = repo_residents.get(connection, IGARASHI)
        assert person is not None
        begins = town.NOW + timedelta(hours=4)
        when = When(starts_at=begins, ends_at=begins + timedelta(minutes=45), place="本人宅", staff=town.NURSE)
        assert isinstance(book(connection, person, "visit", when, town.BY, town.NOW), Appointment)
    for lang, name in (("en", "cases-en.png"), ("ja", "cases.png")):
        page.goto(f"/cases?lang={lang}")
        page.screenshot(path=folder / name, full_page=True, animations="disabled", clip=MORNING)


def _page(made: Site, browser: Browser, who: str) -> Page:
    if not who:
        return made.visit(browser, **DESK)
    if who in town.STAFF:
        return made.enter_as(browser, who, **DESK)
    return made.at_home(browser, who, "山田 花子" if who == HANAKO else "山田 次郎", **PHONE)


def main() -> int:
    """Take the pictures; exit code 1 when there is no browser."""
    path = found("chromium")
    if path is None:
        print(f"no browser: {INSTALL}", file=sys.stderr)
        return 1
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="phr-shots-"))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(path), args=["--no-sandbox", "--disable-gpu"])
        with town_site(Path(place)) as made:
            shoot(made, browser, folder, *sys.argv[2:3])
        browser.close()
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
