"""Representatives who go too far: against the resident's own no, on a paper that was false, by whom they let in."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from engine.acting import Draft
from engine.consent import permits
from engine.consent_texts import Purpose
from engine.store import repo_acting, repo_consents, repo_notices, repo_residents
from engine.store.acting_entry import Wanted, enter
from engine.store.database import read, write
from tests.homes import HANAKO, consent
from tests.web.desks import NOW, Desk, Page, desk
from tests.web.test_acting import BY, let, sit

__all__ = ["desk"]
pytestmark = pytest.mark.flow
PAGE = f"/family/{HANAKO}/consents"
HOSPITAL = "日本海総合病院"


def own(desk: Desk, purpose: str, *, granted: bool, days: int = 9, **more: Any) -> None:
    """What HANAKO said herself, so many days ago."""
    said = msgspec.structs.replace(
        consent(HANAKO, purpose, granted=granted), at=NOW - timedelta(days=days), channel="page", **more
    )
    with write(desk.engine) as connection:
        repo_consents.append(connection, said, os_user="test")


def held(desk: Desk, purpose: Purpose, recipient: str | None = None) -> bool:
    with read(desk.engine) as connection:
        said = repo_consents.history(connection, HANAKO)
    return permits(said, purpose, recipient, None, desk.clock[0]).granted


async def test_a_guardian_does_not_send_to_the_hospital_whom_the_resident_refused(desk: Desk) -> None:
    own(desk, "care-share", granted=False, recipient=HOSPITAL)
    own(desk, "advice", granted=False, days=0)
    browser = sit(desk, let(desk))
    shown = (await browser.get(PAGE)).text
    sent = {"csrf": Page(shown).forms[PAGE]["csrf"], "granted": "yes"}
    panel = shown.split('id="advice"')[1].split("</section>")[0]
    assert 'value="yes"' not in panel, "no button that is refused"
    for more in ({"purpose": "care-share", "recipient": HOSPITAL}, {"purpose": "advice"}):
        refused = await browser.post(PAGE, data=sent | more)
        assert (refused.status_code, "本人の「いいえ」は 窓口で かえます。" in refused.text) == (422, True)
    assert not held(desk, "care-share", HOSPITAL)
    assert (await browser.post(PAGE, data=sent | {"purpose": "care-share", "recipient": "別の医院"})).status_code == 303
    # Taken back on paper at the desk it is the resident's own yes.
    own(desk, "advice", granted=True, days=-1)
    desk.wait(timedelta(days=2))
    assert held(desk, "advice")
    await browser.aclose()


async def test_what_a_false_guardian_opened_is_closed_when_the_desk_finds_out(desk: Desk) -> None:
    false = let(desk)
    browser = sit(desk, false)
    csrf = Page((await browser.get(PAGE)).text).forms[PAGE]["csrf"]
    for purpose, recipient in (("care-share", "甲医院"), ("advice", "")):
        sent = {"csrf": csrf, "granted": "yes", "purpose": purpose, "recipient": recipient}
        assert (await browser.post(PAGE, data=sent)).status_code == 303
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        friend = Draft(basis="agent", scope=("see",), seen="委任状 第1号", agreed_by="guardian")
        agent = enter(connection, person, Wanted(draft=friend, name="乙"), desk.clock[0], BY, Random(4))
    assert not hasattr(agent, "code")
    desk.wait(timedelta(minutes=1))
    desk.enter_as("nurse")
    page = f"/residents/{HANAKO}/acting"
    form = Page((await desk.browser.get(page)).text).forms[f"{page}/end"]
    ended = await desk.browser.post(f"{page}/end", data=form | {"acting": false.id, "why": "mistake"})
    assert ended.status_code == 303
    desk.wait(timedelta(minutes=1))
    assert not held(desk, "care-share", "甲医院")
    assert held(desk, "advice"), "HANAKO had said yes to it herself"
    with read(desk.engine) as connection:
        told = {(one.kind, one.about) for one in repo_notices.of(connection, HANAKO)}
        assert ("acting", false.id) in told, "HANAKO was the first who could say so"
        every = repo_acting.of_resident(connection, HANAKO)
        assert {(one.basis, one.reason) for one in every} == {("guardian", "mistake"), ("agent", "mistake")}
    # The true guardian is not held to a no that nobody meant.
    true = sit(desk, let(desk, scope=("see", "consents")))
    sent = {"csrf": Page((await true.get(PAGE)).text).forms[PAGE]["csrf"], "granted": "yes"}
    assert (await true.post(PAGE, data=sent | {"purpose": "care-share", "recipient": "甲医院"})).status_code == 303
    await browser.aclose()
    await true.aclose()


async def test_what_a_guardian_did_stands_when_their_office_is_simply_over(desk: Desk) -> None:
    one = let(desk)
    browser = sit(desk, one)
    sent = {"csrf": Page((await browser.get(PAGE)).text).forms[PAGE]["csrf"], "granted": "yes"}
    assert (await browser.post(PAGE, data=sent | {"purpose": "care-share", "recipient": "甲医院"})).status_code == 303
    desk.wait(timedelta(minutes=1))
    desk.enter_as("nurse")
    page = f"/residents/{HANAKO}/acting"
    form = Page((await desk.browser.get(page)).text).forms[f"{page}/end"]
    assert (await desk.browser.post(f"{page}/end", data=form | {"acting": one.id, "why": "over"})).status_code == 303
    assert held(desk, "care-share", "甲医院")
    await browser.aclose()


@pytest.mark.parametrize("until", ["9999-12-31", "0001-01-01"])
async def test_a_day_no_calendar_goes_on_from_is_told_and_breaks_nothing(desk: Desk, until: str) -> None:
    desk.enter_as("nurse")
    for path, more in (
        (f"/residents/{HANAKO}/acting", {"basis": "guardian", "scope": "see", "name": "甲"}),
        (f"/residents/{HANAKO}/protect", {"contacts": "keep"}),
    ):
        form = Page((await desk.browser.get(path)).text).forms[path]
        answer = await desk.browser.post(path, data=form | more | {"seen": "書類 第1号", "until": until})
        assert answer.status_code == 422
