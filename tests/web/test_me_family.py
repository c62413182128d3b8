"""What family sees: exactly what the resident ticked, and that they looked is told to the resident."""

from __future__ import annotations

from datetime import timedelta

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.consent import Event
from engine.refusal import Refusal
from engine.web.me.family_scope import GROUPS, grants, scope_events
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, TARO, Desk, desk
from tests.web.test_me_consents import add, send, sit

__all__ = ["desk"]
pytestmark = pytest.mark.flow
MEMBER, OTHER = "m-aaaaaaaaaaaaa", "m-bbbbbbbbbbbbb"


async def visit(desk: Desk, member: str) -> httpx.AsyncClient:
    family = desk.another()
    desk.enter_as("family", by=member, name="山田 一郎", towns=(), browser=family)
    return family


async def test_family_sees_the_kinds_that_were_ticked_and_no_page_of_any_other(desk: Desk) -> None:
    member = await add(desk, sit(desk), see=["steps"])
    family = await visit(desk, member)
    assert "山田 花子" in (await family.get("/family")).text
    assert (await family.get(f"/family/{HANAKO}/trends/steps")).status_code == 200
    for closed in ("trends/weight", "trends/pressure", "trends/weight/chart.svg", "trends/wisdom"):
        assert (await family.get(f"/family/{HANAKO}/{closed}")).status_code == 404, closed
    page = (await family.get(f"/family/{HANAKO}")).text
    assert "とどいた助言" not in page
    await family.aclose()


async def test_family_never_opens_a_page_of_the_resident_nor_another_resident(desk: Desk) -> None:
    member = await add(desk, sit(desk))
    family = await visit(desk, member)
    for path in ("/me", "/me/records", "/me/consents", "/me/seen", "/me/questions", "/me/export", "/queue"):
        assert (await family.get(path)).status_code == 403, path
    for swapped in (TARO, MEMBER, "r-nobodynobodyn", "../me"):
        assert (await family.get(f"/family/{swapped}")).status_code in {403, 404}, swapped
    await family.aclose()


async def test_the_end_of_a_consent_is_the_end_of_the_view_and_of_the_name(desk: Desk) -> None:
    member = await add(desk, sit(desk), days="31")
    family = await visit(desk, member)
    assert (await family.get(f"/family/{HANAKO}")).status_code == 200
    desk.wait(timedelta(days=32))
    assert (await family.get(f"/family/{HANAKO}")).status_code == 404
    assert "花子" not in (await family.get("/family")).text
    await family.aclose()


async def test_the_resident_reads_that_family_looked(desk: Desk) -> None:
    session = sit(desk)
    member = await add(desk, session)
    family = await visit(desk, member)
    await family.get(f"/family/{HANAKO}")
    await family.aclose()
    page = (await desk.browser.get("/me/seen")).text
    assert "山田 一郎" in page
    assert "記録を 見ました。" in page
    assert (await send(desk, session, "/family/end", {"member": member})).status_code == 303


chosen = st.sets(st.sampled_from(["all", *GROUPS]), min_size=1)


@given(before=st.lists(chosen, max_size=3), wish=chosen, general=st.booleans())
def test_after_a_choice_family_sees_exactly_that_choice_whatever_was_said_before(
    before: list[set[str]], wish: set[str], general: bool
) -> None:
    events: list[Event] = [consent(HANAKO, "family-view", at=NOW - timedelta(days=1))] if general else []
    for step, one in enumerate([*before, wish]):
        found = scope_events(events, HANAKO, MEMBER, one, 0, NOW + timedelta(minutes=step))
        assert not isinstance(found, Refusal)
        events += [_placed(event, len(events) + at) for at, event in enumerate(found)]
    held = grants(events, MEMBER, NOW + timedelta(days=1))
    assert held.everything is ("all" in wish)
    assert set(held.groups) == (set(GROUPS) if "all" in wish else wish)
    assert grants(events, OTHER, NOW + timedelta(days=1)).groups == ()


def test_the_end_that_is_told_is_of_what_holds_now_and_not_of_what_was_said_before() -> None:
    found: list[Event] = []
    for step, (wish, days) in enumerate([({"all"}, 31), ({"weight"}, 0), ({"steps"}, 183)]):
        now = NOW + timedelta(minutes=step)
        said = scope_events(found, HANAKO, MEMBER, wish, days, now)
        assert not isinstance(said, Refusal)
        found += [_placed(event, len(found) + at) for at, event in enumerate(said)]
        assert grants(found, MEMBER, now).until == (now + timedelta(days=days) if days else None)


def _placed(event: Event, seq: int) -> Event:
    return msgspec.structs.replace(event, seq=seq + 1)


def test_to_show_nothing_is_refused_because_there_is_a_button_to_end_it() -> None:
    found = scope_events([], HANAKO, MEMBER, {"wisdom"}, 0, NOW)
    assert isinstance(found, Refusal)
    assert found.code == "nothing-chosen"


async def test_everything_means_today_the_advice_and_every_kind(desk: Desk) -> None:
    member = await add(desk, sit(desk))
    family = await visit(desk, member)
    page = (await family.get(f"/family/{HANAKO}")).text
    assert "とどいた助言" in page
    assert 'class="panel today"' in page
    await family.aclose()
