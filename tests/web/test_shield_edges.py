"""Ways round a measure of support: the linked ID, the telephone on the record, the card in the purse, the child."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

import msgspec
import pytest
from sqlalchemy import Connection

from engine.acting import Acting, Draft
from engine.emergency import mint
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import (
    protecting,
    repo_acting,
    repo_consents,
    repo_emergency,
    repo_one_id,
    repo_protection,
    repo_residents,
    repo_watch,
)
from engine.store.acting_entry import Wanted, enter
from engine.store.database import read, write
from engine.store.repo_one_id import Subject
from engine.summary_store import stored_summary
from tests.homes import consent
from tests.web.desks import NOW, Page
from tests.web.matrix_world import NEAR, OWN, WATCHER
from tests.web.test_shield import BY, LATER, PHONE, Town, hide, measure, towns, two

__all__ = ["towns", "two"]
pytestmark = pytest.mark.flow
Two = Callable[..., tuple[Town, Town]]
PAGE = f"/residents/{OWN.resident}/protect"


def test_an_id_that_was_linked_to_the_record_opens_it_no_more(two: Two) -> None:
    """Who lived with them knew the birthday and may have found the code: the linked ID need not be their own."""
    who = Subject("https://id.example", "phr", "sub-1")

    def link_and_hide(connection: Connection) -> None:
        repo_one_id.link(connection, who, OWN.resident, "code", NOW - timedelta(days=9), BY)
        repo_one_id.link(connection, msgspec.structs.replace(who, subject="sub-2"), NEAR.resident, "code", NOW, BY)
        hide(connection)

    town, _ = two(link_and_hide, lambda _: None)
    with write(town.engine) as connection:
        assert repo_one_id.holder_of(connection, who) is None
        [ended] = repo_one_id.links_of(connection, OWN.resident)
        assert (ended.reason, ended.ended_at) == ("lost", NOW)
        assert len(repo_one_id.living(connection)) == 1, "nobody else's ends"
        # Their own card is linked anew by a code of the desk.
        assert not isinstance(repo_one_id.link(connection, who, OWN.resident, "code", LATER, BY), Refusal)


@pytest.mark.parametrize(
    ("contacts", "left"), [("keep", (f"{OWN.name} 1-2", PHONE, f"{OWN.name} 長女")), ("clear", ())]
)
async def test_nothing_begins_before_the_desk_said_whom_telephone_and_mail_reach(
    two: Two, contacts: str, left: tuple[str, ...]
) -> None:
    town, _ = two(lambda _: None, lambda _: None)
    async with town.visit("nurse", "s-nursexxxxxxxx") as nurse:
        shown = (await nurse.get(PAGE)).text
        assert all(word in shown for word in (f"{OWN.name} 1-2", PHONE, f"{OWN.name} 長女", "知らせのメール"))
        chosen = [held for tag, held in Page(shown).tags if tag == "input" and held.get("name") == "contacts"]
        assert [(held["value"], "checked" in held) for held in chosen] == [("keep", False), ("clear", False)]
        form = Page(shown).forms[PAGE] | {"seen": "申出書 第12号"}
        for undecided in ({}, {"contacts": "perhaps"}):
            refused = await nurse.post(PAGE, data=form | undecided)
            assert (refused.status_code, "連絡先を残すか消すか" in refused.text) == (422, True)
        with read(town.engine) as connection:
            assert protecting.reaching(connection, msgspec.structs.replace(person(connection), phone=None)) == (
                "address", "emergency", "mail",
            )  # fmt: skip
        assert (await nurse.post(PAGE, data=form | {"contacts": contacts})).status_code == 303
    with read(town.engine) as connection:
        one = person(connection)
        told = (one.address, one.phone, one.emergency_contact)
        assert tuple(word for word in told if word) == left
        assert protecting.reaching(connection, one) == (("address", "phone", "emergency", "mail") if left else ())


def person(connection: Connection, name: str = OWN.resident) -> Resident:
    found = repo_residents.get(connection, name)
    assert found is not None
    return found


def test_a_neighbour_does_not_watch_again_because_nobody_renewed_the_measure(two: Two) -> None:
    town, _ = two(hide, lambda _: None)
    later = NOW + timedelta(days=400)
    with write(town.engine) as connection:
        assert repo_protection.shielded(connection, [OWN.resident], later) == frozenset()
        assert [repo_watch.watched(connection, WATCHER, at) for at in (LATER, later)] == [frozenset()] * 2
        again = msgspec.structs.replace(consent(OWN.resident, "watch-over"), at=later, recipient=WATCHER)
        repo_consents.append(connection, again, os_user="test")
        assert repo_watch.watched(connection, WATCHER, later) == {OWN.resident}


async def test_a_card_made_under_the_measure_tells_its_finder_neither_number_nor_contact(two: Two) -> None:
    made = mint(OWN.resident, "wallet", BY.actor, NOW, Random(6))
    told, printed = [], []
    for town in two(hide, lambda _: None):
        with write(town.engine) as connection:
            repo_emergency.issue(connection, made, BY)
        async with town.visit("family", NEAR.id("m")) as finder:
            path = f"/e/{made.secret}"
            form = Page((await finder.get(path)).text).forms[path]
            sent = form | {"name": "佐藤 救急", "place": "酒田消防署", "reason": "unconscious"}
            told.append((await finder.post(path, data=sent, follow_redirects=True)).text)
        with read(town.engine) as connection:
            printed.append(stored_summary(connection, person(connection), LATER, lang="ja", whole=False).person.phone)
    assert printed == [None, PHONE]
    assert [OWN.name in page for page in told] == [True, True]
    assert [PHONE in page for page in told] == [False, True]
    assert [f"{OWN.name} 長女" in page for page in told] == [False, True]


async def test_the_other_parent_is_not_let_in_through_the_child(two: Two) -> None:
    """The mother hides; for her child, who does not stand under a measure, the father asks to act."""

    def with_child(connection: Connection) -> None:
        child = person(connection, NEAR.resident)
        young = msgspec.structs.replace(
            child, birth_date=date(2016, 5, 5), household_id=OWN.id("h"), version=child.version + 1
        )
        repo_residents.edit(connection, young, NOW, actor="test", os_user="test")
        mother = Draft(basis="parent", scope=("see", "enter"), seen="戸籍 第1号")
        made = enter(connection, young, Wanted(draft=mother, actor=OWN.resident), NOW, BY, Random(1))
        assert isinstance(made, Acting)

    town, _ = two(with_child, lambda _: None)
    async with town.visit("nurse", "s-nursexxxxxxxx") as nurse:
        assert f'href="/residents/{NEAR.resident}/protect"' in (await nurse.get(PAGE)).text
        with write(town.engine) as connection:
            father = Wanted(draft=Draft(basis="parent", scope=("see",), seen="戸籍 第1号"), name="甲")
            protecting.begin(connection, measure(), BY, NOW, leave_home=True)
            refused = enter(connection, person(connection, NEAR.resident), father, NOW, BY, Random(2))
            assert isinstance(refused, Refusal)
            assert refused.code == "protected"
            acting = repo_acting.live(connection, person(connection, NEAR.resident), LATER)
            assert {one.actor for one in acting} == {NEAR.id("m"), OWN.resident}
        shown = (await nurse.get(PAGE)).text
        # She lives there no more, and the child is still named, with who acts for it.
        assert f'href="/residents/{NEAR.resident}/acting"' in shown
        assert "代わりに行う人 2人" in shown
        assert 'name="confirmed"' in (await nurse.get(f"/residents/{NEAR.resident}/acting")).text
