"""A measure of support: every page of family and household answers, to the byte, as if there had been no consent.

Two towns are alike but for one thing. In one OWN stands under a measure; in the other OWN simply told the family no and
moved out of the home, long before. Whoever asks in both must not find out which one they are in.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, Engine, update

from engine import protection
from engine.access import Identity, Role, rights_of
from engine.acting import Acting, Draft
from engine.emergency import Issued, mint
from engine.protection import Protection
from engine.refusal import Refusal
from engine.store import (
    protecting,
    repo_acting,
    repo_codes,
    repo_consents,
    repo_emergency,
    repo_family,
    repo_grants,
    repo_protection,
    repo_residents,
)
from engine.store.acting_entry import Wanted, enter
from engine.store.database import open_engine, read, write
from engine.store.filing import By
from engine.store.tables import RESIDENT
from engine.web.links import Links
from engine.web.sessions import Sessions
from tests.homes import consent
from tests.stores import migrated_file
from tests.web.desks import NOW, opened
from tests.web.matrix_world import CLOSED, NEAR, OWN, SAKATA, WATCHER, furnish
from tests.web.test_matrix import COOKIE, ENDLESS, Asked, routes_of

pytestmark = pytest.mark.flow
BY = By("s-nursenursenur", "test")
MEMBER = OWN.id("m")
LATER = NOW + timedelta(minutes=5)


@dataclass(frozen=True)
class Town:
    """One of the two, with its clock."""

    engine: Engine
    app: FastAPI
    clock: list[object]

    def visit(self, role: Role, name: str) -> httpx.AsyncClient:
        who = Identity(id=name, name="鈴木", roles=frozenset({role}), municipalities=frozenset({SAKATA}))
        cookie, _ = Sessions(self.engine).start(who, "ja", NOW)
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://127.0.0.1")
        browser.cookies.set(COOKIE, cookie)
        return browser


def say_no(connection: Connection) -> None:
    """What somebody does who changed their mind and moved out: the answers everybody knows."""
    for purpose in ("family-view", "mirror-display"):
        said = msgspec.structs.replace(
            consent(OWN.resident, purpose, granted=False),
            at=NOW,
            recipient=MEMBER if purpose == "family-view" else None,
        )
        repo_consents.append(connection, said, os_user="test")
    repo_acting.end_of(connection, OWN.resident, BY, "over", NOW)
    leave(connection)


def leave(connection: Connection) -> None:
    person = repo_residents.get(connection, OWN.resident)
    assert person is not None
    gone = msgspec.structs.replace(person, household_id=None, version=person.version + 1)
    repo_residents.edit(connection, gone, NOW, actor="test", os_user="test")


def measure(until: timedelta = timedelta(days=90)) -> Protection:
    found = protection.drafted(
        id="l-aaaaaaaaaaaaa",
        resident=OWN.resident,
        seen="申出書 第1号",
        until=(NOW + until).date(),
        by=BY.actor,
        now=NOW,
    )
    assert isinstance(found, Protection)
    return found


def hide(connection: Connection) -> None:
    protecting.begin(connection, measure(), BY, NOW, leave_home=True)


def hide_at_home(connection: Connection) -> None:
    protecting.begin(connection, measure(), BY, NOW, leave_home=False)


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The towns before anything happened: NEAR lives with OWN, and OWN lets family look and the mirror show."""
    place = tmp_path_factory.mktemp("shield") / "engine.sqlite"
    engine = migrated_file(place)
    furnish(engine, NOW)
    with write(engine) as connection:
        home = update(RESIDENT).where(RESIDENT.c.id == NEAR.resident).values(household_id=OWN.id("h"))
        connection.execute(home)
        said = msgspec.structs.replace(consent(OWN.resident, "mirror-display"), at=NOW - timedelta(days=90))
        repo_consents.append(connection, said, os_user="test")
        repo_emergency.issue(connection, card(), BY)
    engine.dispose()
    return place


def card() -> Issued:
    return mint(OWN.resident, "sheet", BY.actor, NOW - timedelta(days=3), Random(5))


@pytest.fixture
def two(towns: Path, tmp_path: Path) -> Iterator[Callable[..., tuple[Town, Town]]]:
    """The two towns after what was done in each."""
    engines: list[Engine] = []

    def one(name: str, done: Callable[[Connection], None]) -> Town:
        place = tmp_path / name
        place.mkdir()
        for part in towns.parent.iterdir():
            shutil.copy(part, place / part.name)
        engine = open_engine(f"sqlite:///{place / towns.name}")
        engines.append(engine)
        with write(engine) as connection:
            done(connection)
        clock: list[object] = [LATER]
        return Town(engine, opened(engine, Links(place / "links"), lambda: clock[0]), clock)  # type: ignore[arg-type, return-value]

    yield lambda first, second: (one("a", first), one("b", second))
    for engine in engines:
        engine.dispose()


def plain(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    """Status, headers and body without what differs from session to session."""
    text = re.sub(r'name="csrf" value="[^"]+"', "", answer.text)
    headers = {name: value for name, value in answer.headers.items() if name not in {"content-length", "date"}}
    return answer.status_code, headers, text


def asked_by(app: FastAPI, role: Role) -> list[Asked]:
    may = rights_of([role])
    every = [one for one in routes_of(app) if one.right in may and one.path not in {*ENDLESS, "/signout"}]
    # Forms about one's own things say nothing of others: there are many, and what they answer is asked elsewhere.
    return [one for one in every if one.method == "GET" or one.is_owned]


async def differing(first: Town, second: Town, role: Role, name: str) -> list[str]:
    """Every route this role may use, asked for OWN's things in both towns: where the answers differ."""
    faults, count = [], 0
    async with first.visit(role, name) as one, second.visit(role, name) as other:
        for asked in asked_by(first.app, role):
            path = asked.at(OWN)
            answers = []
            for browser in (one, other):
                if asked.method == "GET":
                    answers.append(plain(await browser.get(path)))
                else:
                    page = await browser.get("/account")
                    [csrf, *_] = re.findall(r'name="csrf" value="([^"]+)"', page.text) or [""]
                    answers.append(plain(await browser.post(path, data=asked.form(OWN, csrf))))
            count += 1
            if answers[0] != answers[1]:
                faults.append(f"{asked.method} {path}: {answers[0][0]} / {answers[1][0]}")
    assert count > 10
    return faults


@pytest.mark.parametrize(
    ("hidden", "role", "name"),
    [(hide, "family", MEMBER), (hide_at_home, "family", MEMBER), (hide_at_home, "resident", NEAR.resident)],
)
async def test_family_and_household_cannot_tell_a_measure_from_a_no(
    two: Callable[..., tuple[Town, Town]], hidden: Callable[[Connection], None], role: Role, name: str
) -> None:
    first, second = two(hidden, say_no)
    assert await differing(first, second, role, name) == []


async def test_the_comparison_would_see_a_consent_that_still_holds(two: Callable[..., tuple[Town, Town]]) -> None:
    first, second = two(lambda _: None, say_no)
    assert f"GET /family/{OWN.resident}: 200 / 404" in await differing(first, second, "family", MEMBER)


async def test_the_sheet_on_the_fridge_opens_like_a_secret_that_never_was(
    two: Callable[..., tuple[Town, Town]],
) -> None:
    first, second = two(hide, lambda _: None)
    async with first.visit("family", MEMBER) as browser, second.visit("family", MEMBER) as other:
        assert (await other.get(f"/e/{card().secret}")).status_code == 200
        gone = plain(await browser.get(f"/e/{card().secret}"))
        never = plain(await browser.get(f"/e/{'a' * 26}"))
    assert gone[0] == never[0] == 404
    assert gone[2].replace(card().secret, "") == never[2].replace("a" * 26, "")


async def test_what_opened_the_record_without_the_person_is_ended_and_stays_ended(
    two: Callable[..., tuple[Town, Town]],
) -> None:
    def let_and_hide(connection: Connection) -> None:
        person = repo_residents.get(connection, OWN.resident)
        assert person is not None
        for name, basis in (("甲", "guardian"), ("乙", "agent")):
            draft = Draft(basis=basis, scope=("see",), seen="書類", agreed_by="resident" if basis == "agent" else None)
            enter(connection, person, Wanted(draft=draft, name=name), NOW - timedelta(days=1), BY, Random(len(basis)))
        repo_codes.issue(connection, OWN.resident, "card", NOW, BY, Random(3))
        hide(connection)

    town, _ = two(let_and_hide, say_no)
    with write(town.engine) as connection:
        acting = repo_acting.of_resident(connection, OWN.resident)
        assert {(one.reason, one.ended_at) for one in acting} == {("protected", NOW)}
        assert {one.basis for one in acting} == {"guardian", "agent"}
        assert all(one.state(LATER) != "good" for one in repo_codes.of(connection, OWN.resident))
        assert all(one.revoked_at is not None for one in repo_emergency.of(connection, OWN.resident))
        assert all(one.revoked_at is not None for one in repo_grants.of(connection, OWN.resident))
        assert repo_protection.shielded(connection, [OWN.resident, NEAR.resident], LATER) == {OWN.resident}
        # Long after the measure ran out unnoticed nothing of it has come back.
        later = NOW + timedelta(days=400)
        assert repo_protection.shielded(connection, [OWN.resident], later) == frozenset()
        assert not repo_family.may_look(connection, MEMBER, OWN.resident, None, later)
        assert all(repo_acting.may_act(connection, one.actor, OWN.resident, "see", later) is None for one in acting)
        # Only what is said after it opens anything again; what was said during it was perhaps forced.
        for at in (LATER, later):
            said = msgspec.structs.replace(consent(OWN.resident, "family-view"), at=at, recipient=MEMBER)
            repo_consents.append(connection, said, os_user="test")
            looks = repo_family.may_look(connection, MEMBER, OWN.resident, None, later + timedelta(minutes=1))
            assert looks is (at == later)


async def test_who_was_confirmed_anew_at_the_desk_acts_also_under_the_measure(
    two: Callable[..., tuple[Town, Town]],
) -> None:
    town, _ = two(hide, say_no)
    with write(town.engine) as connection:
        person = repo_residents.get(connection, OWN.resident)
        assert person is not None
        draft = Draft(basis="guardian", scope=("see",), seen="審判書 第9号")
        unsure = enter(connection, person, Wanted(draft=draft, name="弁護士 丙"), NOW, BY, Random(8))
        assert isinstance(unsure, Refusal)
        assert unsure.code == "protected"
        sure = Wanted(draft=draft, name="弁護士 丙", confirmed=True)
        acting = enter(connection, person, sure, NOW, BY, Random(8))
        assert isinstance(acting, Acting)
        assert repo_acting.may_act(connection, acting.actor, OWN.resident, "see", LATER) == acting
    async with town.visit("family", acting.actor) as browser:
        assert (await browser.get(f"/family/{OWN.resident}")).status_code == 200


STREET, PHONE = f"{OWN.name} 1-2", "0234-26-1111"


@pytest.mark.parametrize(("role", "sees"), [("nurse", True), ("dietitian", False)])
async def test_staff_without_the_right_read_neither_street_nor_telephone(
    two: Callable[..., tuple[Town, Town]], role: Role, sees: bool
) -> None:
    first, second = two(hide, lambda _: None)
    paths = [f"/residents/{OWN.resident}", f"/residents/{OWN.resident}/facts", f"/advice/{OWN.id('a')}"]
    paths += [f"/requests/{OWN.id('q')}", f"/residents/{OWN.resident}/ask", "/caseload"]
    async with first.visit(role, f"s-{role[:6]:x<13}") as hidden, second.visit(role, f"s-{role[:6]:x<13}") as open_:
        told = [(await hidden.get(path)).text for path in paths]
        before = [(await open_.get(path)).text for path in paths]
    assert any(PHONE in page for page in before), "the pages have something to hide"
    assert any(STREET in page or PHONE in page for page in told) is sees


async def test_the_page_for_whoever_treats_them_has_no_telephone_whoever_prints_it(
    two: Callable[..., tuple[Town, Town]],
) -> None:
    told = []
    for town in two(hide, lambda _: None):
        async with town.visit("nurse", "s-nursexxxxxxxx") as nurse:
            shown = (await nurse.get(f"/residents/{OWN.resident}")).text
            [csrf, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown)
            sent = {"csrf": csrf, "form": "html"}
            told.append((await nurse.post(f"/residents/{OWN.resident}/summary", data=sent)).text)
    assert [PHONE in page for page in told] == [False, True]
    assert all(OWN.name in page for page in told)


async def test_the_desk_protects_somebody_whose_record_it_may_not_open(two: Callable[..., tuple[Town, Town]]) -> None:
    town, _ = two(lambda _: None, lambda _: None)
    async with town.visit("nurse", "s-nursexxxxxxxx") as nurse:
        assert (await nurse.get(f"/residents/{CLOSED.resident}")).status_code == 403
        glass = (await nurse.get(f"/residents/{CLOSED.resident}/glass")).text
        assert f'href="/residents/{CLOSED.resident}/protect"' in glass
        assert (await nurse.get(f"/residents/{CLOSED.resident}/protect")).status_code == 200


async def test_neighbours_who_watch_over_people_do_not_find_them(two: Callable[..., tuple[Town, Town]]) -> None:
    first, second = two(hide, lambda _: None)
    async with first.visit("watcher", WATCHER) as hidden, second.visit("watcher", WATCHER) as open_:
        assert OWN.name in (await open_.get("/watch")).text
        assert OWN.name not in (await hidden.get("/watch")).text
        gone, never = await hidden.get(f"/watch/{OWN.resident}"), await hidden.get("/watch/r-nobodynobodyn")
        assert plain(gone) == plain(never)


async def test_the_desk_sets_renews_and_ends_it_and_the_resident_s_own_page_is_silent(
    two: Callable[..., tuple[Town, Town]],
) -> None:
    town, _ = two(lambda _: None, lambda _: None)
    page = f"/residents/{OWN.resident}/protect"
    async with town.visit("nurse", "s-nursexxxxxxxx") as nurse, town.visit("resident", OWN.resident) as own:
        assert (await own.get("/me")).status_code == 200
        shown = (await nurse.get(page)).text
        csrf = re.search(r'name="csrf" value="([^"]+)"', shown)
        assert csrf is not None
        sent = {"csrf": csrf[1], "seen": "", "home": "left"}
        assert (await nurse.post(page, data=sent)).status_code == 422
        sent |= {"seen": "申出書 第12号", "contacts": "keep"}
        assert (await nurse.post(page, data=sent | {"until": "2030-01-01"})).status_code == 422
        assert (await nurse.post(page, data=sent)).status_code == 303
        assert OWN.name in (await nurse.get("/protections")).text
        # The tablet in the kitchen was signed in.
        assert (await own.get("/me")).status_code == 303
        async with town.visit("resident", OWN.resident) as again:
            told = "".join([(await again.get(path)).text for path in ("/me", "/me/more", "/me/seen", "/me/consents")])
        assert "支援" not in told
        assert "l-" not in re.findall(r"\bl-[a-z2-7]{13}\b", told)
        with read(town.engine) as connection:
            [held] = repo_protection.of(connection, OWN.resident)
            person = repo_residents.get(connection, OWN.resident)
        assert person is not None
        assert (person.household_id, held.seen) == (None, "申出書 第12号")
        assert (await nurse.post(page, data=sent | {"seen": "申出書 第13号", "until": "2027-10-31"})).status_code == 303
        with read(town.engine) as connection:
            [held] = repo_protection.of(connection, OWN.resident)
        assert (held.version, held.seen, protection.last_day(held).isoformat()) == (2, "申出書 第13号", "2027-10-31")
        assert (await nurse.post(f"{page}/end", data={"csrf": csrf[1]})).status_code == 303
        assert (await nurse.post(f"{page}/end", data={"csrf": csrf[1]})).status_code == 409
        assert OWN.name not in (await nurse.get("/protections")).text
    for role in ("dietitian", "physician", "helpdesk", "watcher"):
        async with town.visit(role, f"s-{role[:6]:x<13}") as other:
            assert (await other.get(page)).status_code == 403
