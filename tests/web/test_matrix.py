"""Role x route x ownership x municipality: every route of the application, asked by everybody, for everybody's things.

A route that is new is in it by being there. One whose path parameter is not known here fails: say in matrix_world
whose such a thing is.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import Engine, select

from engine.access import RIGHTS, ROLES, STAFF, Role, rights_of
from engine.access import Identity as Who
from engine.store.database import open_engine, read
from engine.store.rows import Row
from engine.store.tables import AUDIT
from engine.web.door import OPEN, right_of
from engine.web.links import Links
from engine.web.sessions import Session, Sessions
from tests.stores import migrated_file
from tests.web.desks import NOW, opened
from tests.web.matrix_world import ALL, CLOSED, FAR, MIKAWA, NEAR, NOBODY, OWN, SAKATA, Owner, furnish

COOKIE: Final = "phr_desk"
# Parameters that name no thing of anybody, with a value that is one.
FREE: Final = {"signal": "bmi", "course": "weight", "kind": "body-weight", "mark": "0", "name": "desk.css"}
# Codes are something else on one's own pages: which value of a check-up, not which code to sign in with.
CLINICAL: Final = {"/me/records/{code}": "lab.hba1c", "/family/{resident}/records/{code}": "lab.hba1c"}
HOMELY: Final = ("/me/", "/family/")
# Served without signing in and the same for everybody: files of the program.
PUBLIC: Final = {"/static/{mark}/{name}"}
# Answers that do not end; what goes over them is looked at in the tests of the queue.
ENDLESS: Final = {"/live"}
# Words of a form that make it plausible, so that it gets as far as asking whose things these are.
WORDS: Final = {
    "reason": "長い理由をここに書きます。", "text": "本文です。", "text_ja": "歩きましょう。", "text_en": "Walk.",
    "version": "1", "note": "メモです。", "answer": "ご連絡します。", "outcome": "reached", "how": "phone",
    "kind": "code", "name": "名前", "verb": "approve", "days": "1", "until": "2026-12-01", "desk": "devices",
    "granted": "yes", "purpose": "record", "value": "62.0", "roles": "nurse", "towns": "064262", "said": "useful",
}  # fmt: skip
WHOSE: Final = {"b": "their own", "c": "a neighbour", "e": "who did not agree", "f": "another town", "z": "nobody"}
# What is one's own and yet not there: it lies on another desk, or its rule does not say it any more.
ELSEWHERE: Final = frozenset({("helpdesk", "/devices/requests/{request}"), ("resident", "/me/advice/{advice}")})
# A resident may act for others there, and never for themselves.
FOR_OTHERS: Final = "/family/{resident}"
# Pages that say nothing of any resident: links, settings, keys, accounts of staff, blank forms.
NOBODYS: Final = frozenset(
    {
        "/", "/account", "/staff", "/staff/{member}", "/keys", "/standing/new", "/me/more", "/me/settings", "/me/export",
        "/me/notices/line", "/me/entry", "/account/one-id", "/one-id/card", "/enrolment",
        # Version and state of an item whose view is written down already.
        "/advice/{advice}/now",
    }
)  # fmt: skip
MINE: Final = {"resident": OWN.resident, "family": OWN.id("m")}


class Asked:
    """One route: its method, path, the right it needs, and the fields its form takes."""

    def __init__(self, route: APIRoute, method: str) -> None:
        self.method = method
        self.path = route.path
        self.right = right_of(route)
        # Also what its dependencies read: the version of an item, the mark of a form.
        parts = list(parts_of(route.dependant))
        self.fields = list(dict.fromkeys(field.alias for part in parts for field in part.body_params))
        self.queries = list(dict.fromkeys(field.alias for part in parts for field in part.query_params))
        self.needs = re.findall(r"{(\w+)", route.path)

    def at(self, owner: Owner) -> str:
        """The address of `owner`'s thing."""
        filled = self.path
        for name in self.needs:
            value = CLINICAL.get(self.path) if name == "code" and self.path in CLINICAL else None
            # Who was given advice reads what was delivered; what waits is not theirs to read yet.
            value = value or (owner.id("a", "y") if name == "advice" and self.path.startswith(HOMELY) else None)
            value = value or owner.holds().get(name) or FREE.get(name)
            assert value is not None, f"{self.path}: say in matrix_world what {{{name}}} is, and whose"
            filled = re.sub(rf"{{{name}(:\w+)?}}", value, filled)
        return filled

    @property
    def is_owned(self) -> bool:
        """Whether its address names a thing of somebody."""
        return self.path not in CLINICAL and any(name in OWN.holds() for name in self.needs)

    def swapped(self, owner: Owner) -> list[str]:
        """The addresses at which a form can name `owner`'s things: theirs, or one's own with theirs in a field."""
        found = [self.at(owner)] if self.is_owned else []
        if any(name in owner.holds() and name not in WORDS for name in self.fields):
            found.append(self.at(OWN))
        return list(dict.fromkeys(found))

    def form(self, owner: Owner, csrf: str) -> dict[str, Any]:
        """A form that names `owner`'s things wherever it names any."""
        held = owner.holds()
        return {name: WORDS.get(name) or held.get(name, "1") for name in self.fields} | {"csrf": csrf}


def parts_of(whole: Dependant) -> Iterator[Dependant]:
    """A route's parameters and those of everything it depends on."""
    yield whole
    for part in whole.dependencies:
        yield from parts_of(part)


def routes_of(app: FastAPI) -> Iterator[Asked]:
    """Every route there is; one that was not made by a Door is not let through."""
    for found in iter_route_contexts(app.routes):
        route = found.original_route
        assert isinstance(route, APIRoute), f"{route} is no route of a Door"
        for method in sorted(route.methods or ()):
            asked = Asked(route, method)
            if asked.path not in PUBLIC:
                yield asked


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("towns") / "engine.sqlite"
    engine = migrated_file(place)
    furnish(engine, NOW)
    engine.dispose()
    return place


@pytest.fixture
def engine(furnished: Path, tmp_path: Path) -> Iterator[Engine]:
    for part in furnished.parent.iterdir():
        shutil.copy(part, tmp_path / part.name)
    made = open_engine(f"sqlite:///{tmp_path / furnished.name}")
    yield made
    made.dispose()


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> FastAPI:
    return opened(engine, Links(tmp_path / "links"), lambda: NOW)


def visit(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


def enter(engine: Engine, browser: httpx.AsyncClient, role: Role, towns: Sequence[str] = (SAKATA,)) -> Session:
    """Sit down as somebody of that role: staff of Sakata, the resident OWN, or the family OWN named."""
    name = MINE.get(role, f"s-{role[:6]:x<13}")
    who = Who(id=name, name="鈴木", roles=frozenset({role}), municipalities=frozenset(towns if role in STAFF else ()))
    cookie, session = Sessions(engine).start(who, "ja", NOW)
    browser.cookies.set(COOKIE, cookie)
    return session


def secrets_from(role: Role) -> set[str]:
    """The words that must not reach this role, whatever it asks for."""
    words = {FAR.name, FAR.health, FAR.asked, FAR.weight, CLOSED.health, CLOSED.weight}
    if role in {"watcher", "helpdesk", "admin", "auditor"}:
        words |= {word for owner in ALL for word in (owner.health, owner.asked, owner.weight)}
    if role == "admin":
        words |= {owner.name for owner in ALL}
    if role in {"resident", "family"}:
        words |= {word for owner in (NEAR, CLOSED) for word in (owner.name, owner.health, owner.asked, owner.weight)}
    return words


def leaks(role: Role, answer: httpx.Response) -> set[str]:
    """What came through, in the page or in where it sends one."""
    told = answer.text + str(answer.headers.get("location", ""))
    return {word for word in secrets_from(role) if word in told}


def rows_about(engine: Engine, owner: Owner) -> dict[str, list[str]]:
    """Every row of the store that names one of the owner's things, except who looked at what and who is signed in."""
    names = {value for value in owner.holds().values() if value not in {owner.town, "1"}}
    found: dict[str, list[str]] = {}
    with read(engine) as connection:
        for table in Row.metadata.sorted_tables:
            if table.name in {"audit", "web_session"}:
                continue
            rows = [tuple(row) for row in connection.execute(select(table))]
            found[table.name] = sorted(repr(row) for row in rows if names & {str(cell) for cell in row})
    return found


def refused_for(answer: httpx.Response) -> str:
    """The reason a page gives for showing nothing else."""
    found = re.search(r"\b\d{3} · ([a-z-]+)", answer.text)
    return found[1] if found else ""


def test_every_route_says_who_may_use_it_and_what_it_names(app: FastAPI) -> None:
    found = list(routes_of(app))
    assert len(found) > 100
    for asked in found:
        assert asked.right in {*RIGHTS, OPEN}, f"{asked.method} {asked.path} needs a right there is, not {asked.right}"
        assert asked.at(OWN) != asked.path or not asked.needs


async def test_who_is_not_signed_in_is_sent_to_do_so_and_sees_nothing(app: FastAPI) -> None:
    words = {word for owner in ALL for word in (owner.name, owner.health, owner.asked, owner.weight)}
    faults = []
    async with visit(app) as browser:
        for asked in routes_of(app):
            for owner in (OWN, FAR) if asked.is_owned else (OWN,):
                path = asked.at(owner)
                if asked.method == "GET":
                    answer = await browser.get(path)
                    sent = answer.status_code == 303 and answer.headers["location"].startswith("/signin?next=")
                else:
                    answer = await browser.post(path, data=asked.form(owner, ""))
                    sent = answer.status_code == 403
                if answer.status_code >= 500 or not (sent or asked.right == OPEN):
                    faults.append(f"{asked.method} {path} answers {answer.status_code} to a stranger")
                if any(word in answer.text for word in words):
                    faults.append(f"{asked.method} {path} tells a stranger something")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_what_is_its_own_and_nothing_else(app: FastAPI, engine: Engine, role: Role) -> None:
    may, faults = rights_of([role]), []
    async with visit(app) as browser:
        csrf = enter(engine, browser, role).csrf
        for asked in routes_of(app):
            elsewhere = []
            for owner in owners_of(asked, may):
                path = asked.at(owner)
                if asked.right not in may:
                    form = asked.form(owner, csrf)
                    answer = await (browser.get(path) if asked.method == "GET" else browser.post(path, data=form))
                    right = (answer.status_code, refused_for(answer)) == (403, "not-yours")
                elif asked.method == "POST":
                    answer = await browser.post(path, data=asked.form(owner, ""))
                    right = (answer.status_code, refused_for(answer)) == (403, "csrf")
                else:
                    answer = await browser.get(path)
                    right = is_right(role, asked, owner, answer)
                if not right:
                    told = f"{answer.status_code} {refused_for(answer)}"
                    faults.append(f"{role}: {asked.method} {path} of {WHOSE[owner.letter]} answers {told}")
                if leaks(role, answer):
                    faults.append(f"{role}: {asked.method} {path} of {WHOSE[owner.letter]} leaks {leaks(role, answer)}")
                if owner in {FAR, NOBODY}:
                    elsewhere.append((answer.status_code, answer.text.replace(owner.letter * 6, "")))
            # What lies in another town answers like what was never given.
            if elsewhere[1:] != elsewhere[:1]:
                faults.append(f"{role}: {asked.method} {asked.path} tells what there is in another town")
    assert not faults, "\n".join(faults)


def owners_of(asked: Asked, may: frozenset[str]) -> tuple[Owner, ...]:
    """For whose things a route is asked: everybody's, if it names one and the role may use it at all."""
    if asked.right == OPEN or (asked.path in ENDLESS and asked.right in may):
        return ()
    if not asked.is_owned:
        return (OWN,)
    # Rights are asked for before anything is looked up, whosever it is.
    return (*ALL, NOBODY) if asked.right in may else (OWN,)


def is_right(role: Role, asked: Asked, owner: Owner, answer: httpx.Response) -> bool:
    """What looking must answer: one's own opens, what lies elsewhere does not exist, what is closed stays so."""
    status = answer.status_code
    if not asked.is_owned:
        # 422: a page that needs more than its address.
        return status in {200, 303, 422}
    if owner in {FAR, NOBODY} or (owner is not OWN and role in {"resident", "family"}):
        return status in {403, 404}
    if owner is CLOSED and asked.right in {"advice.see", "person.see", "person.enter"}:
        return (status, refused_for(answer)) == (403, "no-consent")
    elsewhere = (role, asked.path) in ELSEWHERE or (role == "resident" and asked.path.startswith(FOR_OTHERS))
    return status in {200, 303} or (status == 404 and elsewhere) or owner is not OWN


@pytest.mark.parametrize("role", ROLES)
async def test_swapped_ids_in_an_address_or_a_form_change_nothing_of_anybody_else(
    app: FastAPI, engine: Engine, role: Role
) -> None:
    may, faults = rights_of([role]), []
    others = (NEAR, CLOSED, FAR) if role in {"resident", "family"} else (FAR,)
    before = {owner: rows_about(engine, owner) for owner in others}
    async with visit(app) as browser:
        csrf = enter(engine, browser, role).csrf
        for asked in routes_of(app):
            if asked.method != "POST" or asked.right not in may or asked.path == "/account/others":
                continue
            for owner in others:
                for path in asked.swapped(owner):
                    answer = await browser.post(path, data=asked.form(owner, csrf))
                    where = f"{role}: POST {path} with what is of {WHOSE[owner.letter]}"
                    there = asked.is_owned and path == asked.at(owner)
                    if answer.status_code >= 500 or (there and answer.status_code not in {400, 403, 404, 409, 422}):
                        faults.append(f"{where} answers {answer.status_code}")
                    if leaks(role, answer):
                        faults.append(f"{where} leaks {leaks(role, answer)}")
    for owner in others:
        after = rows_about(engine, owner)
        changed = {table for table, rows in before[owner].items() if after[table] != rows}
        if changed:
            faults.append(f"{role} changed {changed} of {WHOSE[owner.letter]}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("town", "owner"), [(SAKATA, FAR), (MIKAWA, OWN)])
async def test_a_place_in_a_list_is_no_question_about_another_town(
    app: FastAPI, engine: Engine, town: str, owner: Owner
) -> None:
    async with visit(app) as browser:
        enter(engine, browser, "nurse", [town])
        for path, letter in (("/queue", "a"), ("/requests", "q"), ("/devices", "d"), ("/caseload", "r")):
            for side in ("after", "before") if letter == "a" else ("after",):
                seen = [
                    (await browser.get(path, params={side: one.id(letter)})).text.replace(one.letter * 6, "")
                    for one in (owner, NOBODY)
                ]
                assert seen[0] == seen[1], f"{path} {side}"


async def test_every_page_about_somebody_is_written_down(app: FastAPI, engine: Engine) -> None:
    for asked in routes_of(app):
        role = next((role for role in ROLES if asked.right in rights_of([role])), None)
        if asked.method == "POST" or role is None or asked.path in {*ENDLESS, *NOBODYS}:
            continue
        async with visit(app) as browser:
            enter(engine, browser, role)
            before = entries(engine)
            answer = await browser.get(asked.at(OWN))
            assert entries(engine) > before or answer.status_code == 404, f"{asked.path} is looked at in secret"


def entries(engine: Engine) -> int:
    """How long the audit chain is."""
    with read(engine) as connection:
        return len(connection.execute(select(AUDIT.c.seq)).all())
