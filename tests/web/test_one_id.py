"""Signing in by the city's ID at a real provider (npm oidc-provider): there and back over real HTTP, both programs whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import httpx
import pytest

from engine.store import repo_one_id
from engine.store.database import read, write
from engine.store.filing import By
from tests.homes import HANAKO, TARO
from tests.identity_provider import visit_provider, way_in
from tests.web.accounts import hand_over, relative
from tests.web.desks import Page, heading
from tests.web.one_id_site import CARD, City, city

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("node")]
SEEDS = count(1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with city(tmp_path_factory.mktemp("one-id"), card=CARD) as made:
        yield made


@pytest.fixture
def town(whole: City) -> City:
    """Nobody is linked."""
    with write(whole.site.engine) as connection:
        for one in repo_one_id.living(connection):
            repo_one_id.unlink(connection, one.seq, one.holder, "asked", whole.now(), By("test", "test"))
    return whole


def code_for(town: City, holder: str) -> str:
    return hand_over(town.site.engine, holder, town.now(), seed=next(SEEDS)).secret


def enter(town: City, browser: httpx.Client, login: str, holder: str) -> None:
    """Sign in, with a code of the desk the first time."""
    asked = town.sign_in(browser, login)
    form = Page(asked.text).forms.get("/one-id/link")
    if form is not None:
        browser.post("/one-id/link", data=form | {"code": code_for(town, holder), "month": "5", "day": "5"})
    assert "phr_desk" in browser.cookies


def test_the_first_time_takes_a_code_of_the_desk_and_after_that_the_id_alone(town: City) -> None:
    code = code_for(town, HANAKO)
    with town.browser() as browser:
        asked = town.sign_in(browser, "hanako")
        assert heading(asked.text) == "この IDは まだ つながっていません"
        assert "phr_desk" not in browser.cookies, "nobody is signed in yet"
        form = Page(asked.text).forms["/one-id/link"]
        wrong = browser.post("/one-id/link", data=form | {"code": code, "month": "1", "day": "1"})
        assert (wrong.status_code, "phr_desk" in browser.cookies) == (422, False)
        linked = browser.post("/one-id/link", data=form | {"code": code, "month": "5", "day": "5"})
        assert heading(linked.text) == "つながりました"
        assert browser.get("/me").status_code == 200
    with town.browser() as another:
        entered = town.sign_in(another, "hanako", next="/me/advice")
        assert way_in(entered.text) == "/me/advice"
        assert "山田 花子" in another.get("/me").text
    with read(town.site.engine) as connection:
        link = repo_one_id.links_of(connection, HANAKO)[0]
    assert (link.how, link.by, link.ended_at) == ("code", HANAKO, None)
    assert "hanako" not in link.who.subject, "pairwise: the provider's name of the person is not told"


def test_a_second_id_never_takes_over_a_linked_record_and_the_desk_sees_the_try(town: City) -> None:
    with town.browser() as first:
        enter(town, first, "taro", TARO)
        assert first.get("/me").status_code == 200
    with town.browser() as second:
        refused = town.link(second, "somebody else", code_for(town, TARO))
        assert refused.status_code == 403
        assert 'data-sorry="another-subject"' in refused.text
        assert "phr_desk" not in second.cookies
    with read(town.site.engine) as connection:
        assert len(repo_one_id.refused_of(connection, TARO)) == 1
        link = repo_one_id.links_of(connection, TARO)[0]
    # The desk ends the old link, with its reason; the new card is linked by a new code. Both stay told.
    with write(town.site.engine) as connection:
        by = By("s-nursenursenur", "test")
        assert repo_one_id.unlink(connection, link.seq, TARO, "reissued", town.now(), by) is not None
    with town.browser() as again:
        assert heading(town.link(again, "somebody else", code_for(town, TARO)).text) == "つながりました"
    with read(town.site.engine) as connection:
        ended = [one.reason for one in repo_one_id.links_of(connection, TARO)]
    assert ended[:2] == [None, "reissued"]


def test_family_links_an_id_of_their_own_with_a_code_and_no_birthday(town: City) -> None:
    member = relative(town.site.engine, town.now())
    with town.browser() as browser:
        town.link(browser, "jiro", code_for(town, member.id), month="", day="")
        assert browser.get("/family").status_code == 200
        assert browser.get("/me").status_code == 403


def test_a_logout_at_the_provider_ends_the_session_here_at_once(town: City) -> None:
    with town.browser() as browser, town.browser() as other:
        enter(town, browser, "hanako", HANAKO)
        enter(town, other, "hanako", HANAKO)
        assert (browser.get("/me").status_code, other.get("/me").status_code) == (200, 200)
        end = town.site.app.state.desk.one_id.provider(town.now()).end_session
        asked = browser.get(end, params={"client_id": "phr"})
        confirm = f"{town.provider.issuer}/session/end/confirm"
        browser.post(confirm, data=Page(asked.text).forms[confirm] | {"logout": "yes"})
        assert browser.get("/me", follow_redirects=False).status_code == 303, "signed out by the provider's word"
        assert other.get("/me").status_code == 200, "another session of the provider goes on"


def test_signing_out_here_offers_to_sign_out_there(town: City) -> None:
    with town.browser() as browser:
        enter(town, browser, "hanako", HANAKO)
        csrf = Page(browser.get("/account").text).forms["/signout"]["csrf"]
        left = browser.post("/signout", data={"csrf": csrf})
        assert f"{town.provider.issuer}/session/end?client_id=phr" in left.text
        assert browser.get("/me", follow_redirects=False).status_code == 303


def test_keys_changed_between_leaving_and_returning_are_fetched_anew(town: City) -> None:
    with town.browser() as before:
        enter(town, before, "hanako", HANAKO)
    with town.browser() as browser:
        address = town.start(browser)
        assert town.site.app.state.desk.one_id.keys(town.now())
        town.provider.rotate()
        returned = visit_provider(browser, address, "hanako")
        town.site.clock[0] = town.now() + timedelta(seconds=20)
        browser.get(returned)
        assert browser.get("/me").status_code == 200


def test_whoever_gives_up_at_the_provider_is_told_so_and_nothing_else(town: City) -> None:
    with town.browser() as browser:
        returned = visit_provider(browser, town.start(browser), "", stop=True)
        told = browser.get(returned)
        assert heading(told.text) == "さいごまで 終わっていません"
        again = browser.get(returned)
        assert 'data-sorry="no-way"' in again.text, "the way is used up"


def test_the_card_is_held_for_more_consent_and_by_its_owner_alone(town: City) -> None:
    with town.browser() as browser:
        enter(town, browser, "hanako", HANAKO)
        form = Page(browser.get("/one-id/card?next=/me/consents").text).forms["/one-id/card"]

        def hold(login: str, *, card: bool) -> str:
            town.now()
            answer = browser.post("/one-id/card", data=form)
            returned = visit_provider(browser, way_in(answer.text), login, card=card)
            town.now()
            return browser.get(returned).text

        assert 'data-sorry="no-card"' in hold("hanako", card=False)
        assert way_in(hold("hanako", card=True)) == "/me/consents"
        assert browser.get("/me/consents").status_code == 200
        form = Page(browser.get("/one-id/card?next=/me/consents").text).forms["/one-id/card"]
        assert 'data-sorry="another-person"' in hold("jiro", card=True)
        # There somebody else is signed in now, which the provider told us: the session it had vouched for is over.
        assert browser.get("/me", follow_redirects=False).status_code == 303
