"""Every page in a real Chromium: axe finds nothing, nothing must be scrolled sideways on a phone or at 200 % zoom.

A route that is new is in it by being there; one whose address names something new fails until PARTS says what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from engine.access import rights_of
from engine.acting import Acting, Draft
from engine.appointments import Appointment, GroupClass, When
from engine.appointments_classes import join, make
from engine.appointments_store import book
from engine.exchange_rows import Said
from engine.letters_batch import gather
from engine.letters_store import Wish
from engine.people import Resident
from engine.store import repo_advice, repo_appointments, repo_cases, repo_exchange, repo_letters, repo_residents
from engine.store.acting_entry import Wanted, enter
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.repo_facts import By as Who
from engine.store.repo_letters import Batch
from engine.store.tables_desk import REQUEST
from engine.web.door import OPEN, right_of
from tests.homes import DEVICE, HANAKO
from tests.web import town
from tests.web.browsing import Site, axe_source, sideways, town_site, violations
from tests.web.followed import IGARASHI, follow
from tests.web.lent import lent
from tests.web.unlike import unlike

pytestmark = [pytest.mark.flow, pytest.mark.needs_chromium, pytest.mark.xdist_group("chromium")]

# What answers with something else than a page: pictures, files, streams, JSON, and what only sends one on.
NO_PAGE: Final = frozenset(
    {"/static/{mark}/{name}", "/live", "/advice/{advice}/now", "/me/push.js", "/", "/residents", "/unlock"}
)
# What an address alone is not enough for: an invitation, and what was chosen in the queue.
# The emergency page behind a card is read in test_emergency_browser.
# Without a city's ID nobody comes back from it.
BARE: Final = {"/enrol": 403, "/e/none": 404, "/queue/batch": 422, "/one-id/back": 404}
# What is folded away is part of the page.
OPENED: Final = "document.querySelectorAll('details').forEach(one => { one.open = true; })"
# Whoever comes first in this order and may see a page, sees it.
WHO: Final = (town.NURSE, town.PHYSICIAN, town.HELPDESK, town.ADMIN, town.AUDITOR, town.WATCHER)


def parts(made: Site) -> dict[str, str]:
    """What stands for each part of an address: something there is."""
    with read(made.engine) as connection:
        asked = connection.execute(select(REQUEST.c.desk, REQUEST.c.id)).all()
        letters = repo_advice.listed(connection, resident=HANAKO, states=("delivered",), limit=10)
        waiting = repo_advice.listed(connection, resident=HANAKO, states=("open",), limit=10)
    of = {row.desk: row.id for row in asked}
    return {
        "resident": HANAKO, "device": DEVICE, "approval": "p-standingstand", "member": town.SECOND, "course": "weight",
        "request": of["health"], "/devices/requests/{request}": of["devices"], "advice": waiting[0].id,
        "/me/advice/{advice}": letters[0].id, "code": "lab.hba1c", "secret": "none", "letter": write_to(made),
        "appointment": expect(made), "group": "1", "case": followed(made), "proposal": asked_about(made),
        "alert": unlike(made.engine), "asset": lent(made.engine),
    }  # fmt: skip


def asked_about(made: Site) -> str:
    """The number of what the city's list says of Hanako: that she moved, which needs every field of the form."""
    said = Said(
        number="1001", family="山田", given="花子", family_kana="ヤマダ", given_kana="ハナコ", birth=date(1951, 5, 5),
        sex="female", state="lives", address="酒田市中町2-2",
    )  # fmt: skip
    with write(made.engine) as connection:
        repo_exchange.propose(connection, "062049", HANAKO, said, "move", "household", town.NOW)
        return str(repo_exchange.proposals(connection, None)[0].seq)


def write_to(made: Site) -> str:
    """The code of a letter to Hanako about October."""
    with write(made.engine) as connection:
        if written := repo_letters.of_resident(connection, HANAKO):
            return written[0].code
        found = repo_residents.get(connection, HANAKO)
        assert found is not None
        changed = msgspec.structs.replace(found, channel="letter", version=found.version + 1)
        person = repo_residents.edit(connection, changed, town.NOW, actor="test", os_user="test")
        assert isinstance(person, Resident)
        wish = Wish(town=person.municipality_code, sort="month", month=date(2026, 10, 1))
        [letter], _ = gather(connection, wish, town.NOW, None, Random(1))
        batch = Batch(
            seq=0, municipality_code=person.municipality_code, sort="month", period="2026-10", letters=1, pages=0,
            sha256="", by=town.NURSE, at=town.NOW,
        )  # fmt: skip
        assert repo_letters.keep(connection, [letter], batch, By(town.NURSE, "test")) is not None
    return letter.code


def expect(made: Site) -> str:
    """The number of an appointment of Hanako; beside it there is a class she goes to."""
    with write(made.engine) as connection:
        if known := repo_appointments.of(connection, HANAKO):
            return f"{min(one.seq for one in known)}"
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        by, begins = Who(town.NURSE, "test"), town.NOW + timedelta(days=1)
        when = When(starts_at=begins, ends_at=begins + timedelta(hours=1), place="保健センター", staff=town.NURSE)
        one = book(connection, person, "interview", when, by, town.NOW)
        later = msgspec.structs.replace(when, starts_at=when.ends_at, ends_at=when.ends_at + timedelta(hours=1))
        group = make(connection, person.municipality_code, "運動教室", later, 20, by, town.NOW)
        assert isinstance(one, Appointment)
        assert isinstance(group, GroupClass)
        assert isinstance(join(connection, group.seq, person, by, town.NOW), Appointment)
    return f"{one.seq}"


def followed(made: Site) -> str:
    """The case in which the most was done, of the residents who are followed."""
    with read(made.engine) as connection:
        known = repo_cases.open_of(connection, IGARASHI)
    return known[0].id if known else follow(made.engine)


def let_act(made: Site) -> None:
    """Hanako's son is her guardian, too: the pages of whoever acts for somebody are his."""
    wanted = Wanted(
        draft=Draft(basis="guardian", scope=("see", "enter", "consents", "requests"), seen="登記事項証明書 第1号"),
        actor=town.family(made.engine),
    )  # fmt: skip
    with write(made.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        made_ = enter(connection, person, wanted, town.NOW - timedelta(days=1), By(town.NURSE, "test"), Random(1))
    assert isinstance(made_, Acting)


def places(made: Site) -> Iterator[tuple[str, str]]:
    """Every page there is, with who looks at it: one of the staff, a resident, family, or nobody yet."""
    known, son = parts(made), town.family(made.engine)
    for found in iter_route_contexts(made.app.routes):
        route = found.original_route
        assert isinstance(route, APIRoute)
        if "GET" not in (route.methods or ()) or route.path in NO_PAGE or route.path.endswith((".svg", ".ics", ".csv")):
            continue
        yield who_sees(right_of(route) or OPEN, son), filled(route.path, known)


def filled(path: str, known: Mapping[str, str]) -> str:
    """An address with every part in it."""
    for name in re.findall(r"{(\w+)}", path):
        value = known.get(path) or known.get(name)
        assert value, f"{path}: say in parts() what {{{name}}} is"
        path = path.replace(f"{{{name}}}", value)
    return path


def who_sees(right: str, son: str) -> str:
    """Somebody who has this right; nobody for what is open."""
    if right == OPEN:
        return ""
    # A resident may act for others, and never for themselves.
    for name in (*WHO, HANAKO, son) if right.startswith("mine.") else (*WHO, son, HANAKO):
        roles = town.STAFF[name][1] if name in town.STAFF else "resident" if name == HANAKO else "family"
        if right in rights_of([roles]):
            return name
    raise AssertionError(f"nobody may {right}")


class Eyes:
    """One page for everybody of the town, and what is wrong with what they saw."""

    def __init__(self, made: Site, browser: Browser) -> None:
        self._made, self._browser, self._axe = made, browser, axe_source()
        self._pages: dict[str, Page] = {}
        self.wrong: list[str] = []

    def of(self, who: str) -> Page:
        """The browser of that person."""
        if who not in self._pages:
            shown: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
            made = self._made
            if not who:
                self._pages[who] = made.visit(self._browser, **shown)
            elif who in town.STAFF:
                self._pages[who] = made.enter_as(self._browser, who, **shown)
            else:
                self._pages[who] = made.at_home(self._browser, who, **shown)
            # Given once to the browser: half a megabyte a page is a long way through the driver.
            self._pages[who].context.add_init_script(self._axe)
        return self._pages[who]

    def open(self, who: str, path: str, status: int = 200) -> Page:
        """Goes there; the page answers as it should and shows a main heading."""
        page = self.of(who)
        answer = page.goto(path, wait_until="load")
        got = answer.status if answer else 0
        if got != status:
            self.wrong.append(f"{who} {path} answers {got}")
        page.evaluate(OPENED)
        return page

    def judge(self, who: str, what: str) -> None:
        """Reads what is shown with axe, and measures it at 640 and 320 px: 200 % and 400 % of 1280."""
        page = self.of(who)
        self.wrong += [f"{who} {what}: {found}" for found in violations(page, "")]
        if page.locator("h1").count() != 1:
            self.wrong.append(f"{who} {what}: {page.locator('h1').count()} main headings")
        for width in (640, 320):
            page.set_viewport_size({"width": width, "height": 800})
            if (more := sideways(page)) > 0:
                self.wrong.append(f"{who} {what}: {more} px sideways at {width}: {widest(page)}")
        page.set_viewport_size({"width": 1280, "height": 900})


def widest(page: Page) -> str:
    """What sticks out furthest, for whoever mends it."""
    found: str = page.evaluate(
        """() => { const wide = document.documentElement.clientWidth; let most = wide, name = "";
        for (const one of document.querySelectorAll("body *")) {
          const right = one.getBoundingClientRect().right + scrollX;
          if (right > most + 0.5) { most = right; name = one.tagName + "." + one.className + "#" + one.id; } }
        return name + " " + Math.round(most); }"""
    )
    return found


def test_every_page_is_sound_at_every_width(tmp_path: Path, chromium: Browser) -> None:
    with town_site(tmp_path) as made:
        let_act(made)
        eyes = Eyes(made, chromium)
        seen = 0
        for who, path in places(made):
            eyes.open(who, path, BARE.get(path, 200))
            eyes.judge(who, path)
            seen += 1
        assert seen > 50
        assert not eyes.wrong, "\n".join(eyes.wrong)


def test_what_was_refused_or_is_in_the_way_is_as_sound_as_the_rest(tmp_path: Path, chromium: Browser) -> None:
    with town_site(tmp_path) as made:
        eyes, known = Eyes(made, chromium), parts(made)
        for who, path, form, typed in refusals(known):
            page = eyes.open(who, path)
            for name, value in typed.items():
                page.locator(f"form[action='{form}'] [name='{name}']").first.fill(value)
            # The browser's own checks come first; what the desk says to whoever has none is looked at here.
            page.evaluate("document.querySelectorAll('form').forEach(one => { one.noValidate = true; })")
            with page.expect_navigation() as answer:
                page.locator(f"form[action='{form}']").first.evaluate("one => one.requestSubmit()")
            assert answer.value.status in {403, 409, 422}, f"{path} {form}: {answer.value.status}"
            eyes.judge(who, f"{form} refused")
        for who, path, status in strange(known):
            eyes.open(who, path, status)
            eyes.judge(who, path)
        in_the_way(made, eyes, known)
        assert not eyes.wrong, "\n".join(eyes.wrong)


def in_the_way(made: Site, eyes: Eyes, known: Mapping[str, str]) -> None:
    """Keys shown over a page, two texts that collide, and a screen that locked itself."""
    page = eyes.open(town.NURSE, "/queue")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    eyes.judge(town.NURSE, "keys")
    page = eyes.open(town.NURSE, f"/advice/{known['advice']}")
    page.locator("form.edit").evaluate("one => { one.noValidate = true; one.elements.version.value = '0'; }")
    with page.expect_navigation() as answer:
        page.locator("form.edit").evaluate("one => one.requestSubmit()")
    assert answer.value.status == 409
    eyes.judge(town.NURSE, "collided")
    made.clock[0] += timedelta(minutes=16)
    page = eyes.open(town.NURSE, "/queue")
    assert "/unlock" in page.url
    eyes.judge(town.NURSE, "locked")


def refusals(known: Mapping[str, str]) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Forms that are not to be taken: who sends them, where they stand, where they go, and what is typed."""
    one, them = f"/advice/{known['advice']}", f"/residents/{HANAKO}"
    yield "", "/signin", "/signin", {"code": "AAAA-BBBB"}
    yield town.NURSE, one, f"{one}/reject", {}
    yield town.NURSE, one, f"{one}/edit", {"text_ja": "あなたは糖尿病です。"}
    yield town.NURSE, one, f"{one}/escalate", {}
    yield town.NURSE, f"{them}/entry", f"{them}/entry", {}
    yield town.NURSE, f"/residents/{town.CLOSED}/glass", f"/residents/{town.CLOSED}/glass", {"reason": "見る"}
    yield town.NURSE, "/standing/p-standingstand", "/standing/p-standingstand/suspend", {}
    yield town.NURSE, f"{them}/appointments", f"{them}/appointments", {"clock": "99"}
    yield town.NURSE, "/appointments", "/appointments/class", {"title": "運動教室"}
    yield town.ADMIN, "/staff", "/staff/add", {}
    yield HANAKO, "/me/entry", "/me/entry", {"weight": "六十"}
    yield HANAKO, "/me/contact?kind=ask", "/me/contact", {}
    yield HANAKO, "/me/consents", "/me/consents/family", {}


def strange(known: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    """Pages that say that there is nothing to see, or not for this person."""
    yield town.NURSE, "/advice/a-zzzzzzzzzzzzz", 404
    yield town.NURSE, f"/residents/{town.CLOSED}", 403
    yield town.HELPDESK, f"/advice/{known['advice']}", 403
    yield HANAKO, "/queue", 403
    yield HANAKO, "/me/advice/a-zzzzzzzzzzzzz", 404
