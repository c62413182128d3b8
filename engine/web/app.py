"""The desk and the resident's page as one application: nothing from elsewhere, nothing for who is not signed in."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from engine.notify.outlets import Outlets
from engine.standing import OFF, Automatic
from engine.store.database import Engine, StoreError
from engine.takeout_store import Bundle
from engine.web import static
from engine.web.account import (
    codes,
    emergency,
    enrol,
    glass,
    log,
    one_id_enrol,
    one_id_mine,
    own,
    signin,
    staff,
)
from engine.web.account import one_id as city_id
from engine.web.context import Desk, SorryError, desk_of, visitor, wished
from engine.web.desk import acting as desk_acting
from engine.web.desk import (
    appointments,
    appointments_class,
    caseload,
    cases,
    cases_one,
    class_sessions,
    devices,
    enrol_paper,
    exchange_links,
    facts,
    item,
    letters,
    links,
    live,
    loans,
    phone,
    queue,
    record,
    referrals,
    requests,
    rules,
    silent,
    standing,
    teams,
    values,
    watch,
    watch_alerts,
    workload,
)
from engine.web.desk import closing as desk_closing
from engine.web.desk import emergency as desk_emergency
from engine.web.desk import exchange as desk_exchange
from engine.web.desk import life as desk_life
from engine.web.desk import one_id as desk_one_id
from engine.web.desk import points as desk_points
from engine.web.desk import protect as desk_protect
from engine.web.door import Door
from engine.web.guard import Guard
from engine.web.links import Links
from engine.web.me import acting as my_acting
from engine.web.me import (
    advice,
    apps,
    cards,
    closing,
    consents,
    contact,
    doctor_visit,
    entry,
    export,
    family,
    family_consents,
    interests,
    notices,
    records,
    say,
    seen,
    today,
    trends,
)
from engine.web.me import appointments as my_appointments
from engine.web.me import away as my_away
from engine.web.me import before_after as my_sessions
from engine.web.me import devices as my_devices
from engine.web.me import goal as my_goal
from engine.web.me import points as my_points
from engine.web.me import watching as my_watching
from engine.web.oidc import OneId

_COLLECT: Final = (10_000, 20, 20)
_KEYS = {400: "bad-request", 403: "forbidden", 404: "not-found", 405: "bad-request", 413: "too-large"}
DOORS: Final[tuple[Door, ...]] = (
    signin.door, enrol.door, own.door, codes.door, glass.door, log.door, staff.door,
    queue.door, live.door, item.door, standing.door, rules.door, caseload.door, record.door, requests.door,
    cases.door, cases_one.door, my_goal.door,
    watch_alerts.door, watch.door, devices.door, phone.door, values.door, facts.door, teams.door, workload.door,
    today.door, trends.door, advice.door, records.door, consents.door, say.door, export.door, family.door,
    notices.door, seen.door, entry.door, contact.door, my_devices.door, family_consents.door, interests.door,
    enrol_paper.door, links.door, apps.door, cards.door, emergency.door, desk_emergency.door,
    city_id.door, one_id_mine.door, one_id_enrol.door, desk_one_id.door,
    closing.door, desk_closing.door, desk_life.door, desk_acting.door, desk_protect.door, my_acting.door,
    appointments.door, appointments_class.door, class_sessions.door, my_appointments.door,
    silent.door, referrals.door, doctor_visit.door, exchange_links.door, desk_exchange.door,
    loans.door, letters.door, my_points.door, my_watching.door, desk_points.door, my_away.door, my_sessions.door,
)  # fmt: skip


def create_app(
    engine: Engine,
    tokens: Links,
    now: Callable[[], datetime],
    *,
    hosts: Collection[str] = (),
    os_user: str = "unknown",
    home: Path | None = None,
    secure: bool = False,
    city: bool = False,
    outlets: Outlets | None = None,
    automatic: Automatic = OFF,
    one_id: OneId | None = None,
    bundle: Bundle | None = None,
    extras: Sequence[APIRouter] = (),
    apart: Mapping[str, Callable[[int], Response]] | None = None,
) -> FastAPI:
    """The pages on a migrated store; `tokens` are sign-in links, `hosts` more names they may be called by.

    `home` is the PHR_HOME with keys and the model of the queue's order; `secure` and `city` are the desk's; `extras`
    are doors of other houses, which let nobody in by a browser's session, and `apart` what the guard answers there
    instead of a page, by how their paths begin; `one_id` is the city's identity provider.
    """
    app = FastAPI(title="Minato PHR", docs_url=None, redoc_url=None, openapi_url=None)
    desk = Desk(
        engine=engine, links=tokens, now=now, os_user=os_user, home=home, secure=secure, city=city, outlets=outlets,
        automatic=automatic, one_id=one_id, bundle=bundle,
    )  # fmt: skip
    app.state.desk = desk
    app.include_router(static.router)
    for door in DOORS:
        app.include_router(door.router)
    for router in extras:
        app.include_router(router)
    app.add_middleware(
        Guard, hosts=hosts, secure=secure, apart=apart,
        sorry=lambda status: desk.sorry("ja", None, status, _key(status)),
    )  # fmt: skip
    app.add_exception_handler(SorryError, _sorry)
    app.add_exception_handler(HTTPException, _sorry)
    app.add_exception_handler(RequestValidationError, _sorry)
    app.add_exception_handler(StoreError, _sorry)
    return app


def settle() -> None:
    """Spares the garbage collector what lives as long as the program; for the process that serves, once all is loaded.

    Without it a page of many small objects walks every class and rule of the program a few times.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


def _key(status: int) -> str:
    return _KEYS.get(status, "broken")


def _sorry(request: Request, error: Exception) -> Response:
    """A refusal as a page in the visitor's language."""
    desk = desk_of(request)
    status, key, back = 400, "bad-request", "/"
    if isinstance(error, SorryError):
        status, key, back = error.status, error.key, error.back
    elif isinstance(error, HTTPException):
        status, key = error.status_code, _key(error.status_code)
    elif isinstance(error, StoreError):
        status, key = 503, "store"
    session = None if isinstance(error, StoreError) else visitor(request, desk)
    lang = session.lang if session else wished(request) or "ja"
    return HTMLResponse(desk.sorry(lang, session, status, key, back), status)
