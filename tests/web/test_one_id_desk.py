"""The city's ID at the desk: enrolment with and without a card, links and their end, and who may see what."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from engine.onetime import read_code
from engine.refusal import Refusal
from engine.store import audit, repo_one_id, repo_residents, repo_seen_by
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.repo_one_id import Subject
from engine.store.tables_desk import SIGN_IN_CODE
from tests.web.accounts import employ, light, relative
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, heading

__all__ = ["desk", "light"]
pytestmark = pytest.mark.usefixtures("light")
NEW = {
    "name": "阿部 トメ", "kana": "アベ トメ", "birth": "昭和13年1月5日", "sex": "female", "town": "062049",
    "address": "酒田市 本町 1-1", "phone": "0234-26-0000", "language": "ja",
}  # fmt: skip
ISSUER = "https://id.example.jp"


def helper(desk: Desk, *towns: str) -> str:
    member = employ(desk.engine, NOW, "helpdesk", login="madoguchi", name="窓口 一郎", towns=towns or ("062049",))
    desk.enter_as("helpdesk", by=member.id, name=member.name, towns=towns or ("062049",))
    return member.id


def linked(desk: Desk, holder: str, subject: str = "sub-1") -> repo_one_id.Link:
    with write(desk.engine) as connection:
        who = Subject(ISSUER, "phr", subject)
        made = repo_one_id.link(connection, who, holder, "code", desk.clock[0], By(holder, "test"))
    assert not isinstance(made, Refusal), made
    return made


def residents(desk: Desk) -> set[str]:
    with read(desk.engine) as connection:
        return {one.id for one in repo_residents.listed(connection)}


async def test_somebody_without_card_or_phone_is_enrolled_and_signs_in_by_the_printed_code(desk: Desk) -> None:
    staff = helper(desk)
    form = Page((await desk.browser.get("/enrolment")).text).forms["/enrolment"]
    before = residents(desk)
    handed = await desk.browser.post("/enrolment", data=form | NEW)
    assert handed.status_code == 200
    [new] = residents(desk) - before
    [code] = re.findall(r'class="secret"[^>]*>([^<]+)<', handed.text)
    assert read_code(code) is not None
    with read(desk.engine) as connection:
        person = repo_residents.get(connection, new)
        acts = [(one.action, one.actor) for one in audit.entries(connection, subject=new)]
    assert person is not None
    assert (person.family_name, person.municipality_code, str(person.birth_date)) == ("阿部", "062049", "1938-01-05")
    assert ("enrol", staff) in acts
    assert (await desk.browser.get(f"/residents/{new}/one-id")).status_code == 200
    async with desk.another() as theirs:
        entered = await theirs.post("/signin", data={"way": "code", "code": code, "month": "1", "day": "5"})
        assert entered.status_code == 303
        assert (await theirs.get("/me")).status_code == 200


async def test_a_card_may_be_printed_instead_and_is_held_before_a_camera(desk: Desk) -> None:
    helper(desk)
    form = Page((await desk.browser.get("/enrolment")).text).forms["/enrolment"]
    handed = await desk.browser.post("/enrolment", data=form | NEW | {"kind": "card"})
    assert handed.text.count("data:image/svg+xml") == 1
    with read(desk.engine) as connection:
        [kept] = [row.kind for row in connection.execute(SIGN_IN_CODE.select())]
    assert kept == "card"


async def test_the_same_form_sent_twice_enrols_once(desk: Desk) -> None:
    helper(desk)
    form = Page((await desk.browser.get("/enrolment")).text).forms["/enrolment"]
    before = residents(desk)
    await desk.browser.post("/enrolment", data=form | NEW)
    again = await desk.browser.post("/enrolment", data=form | NEW | {"another": "yes"})
    assert again.status_code == 303
    assert len(residents(desk) - before) == 1


@pytest.mark.parametrize(
    "same",
    [{}, {"name": "安部 とめ"}, {"birth": "1938-05-01"}, {"kana": "あべ とめ"}],
)  # fmt: skip
async def test_whoever_may_be_registered_already_is_shown_before_a_second_record_is_made(
    desk: Desk, same: dict[str, str]
) -> None:
    who = helper(desk)

    async def send(**more: str) -> int:
        form = Page((await desk.browser.get("/enrolment")).text).forms["/enrolment"]
        answer = await desk.browser.post("/enrolment", data=form | NEW | more)
        assert (answer.status_code == 409) == ("同じ方かもしれない" in answer.text)
        return answer.status_code

    assert await send() == 200
    assert await send(**same) == 409
    with read(desk.engine) as connection:
        looks = [(one.actor, one.subject) for one in audit.entries(connection) if one.action == "enrolment-view"]
        [shown] = repo_residents.search(connection, "アベトメ")
    assert looks == [(who, shown.id)], "whoever tries names reads who lives here, and the person reads who tried"
    assert await send(**same, another="yes") == 200, "two people may be alike"


async def test_nobody_is_warned_of_and_enrolled_into_another_town(desk: Desk) -> None:
    helper(desk)
    form = Page((await desk.browser.get("/enrolment")).text).forms["/enrolment"]
    before = residents(desk)
    refused = await desk.browser.post("/enrolment", data=form | NEW | {"town": "064262"})
    assert refused.status_code == 403
    assert (await desk.browser.post("/enrolment", data=form | NEW)).status_code == 200
    async with desk.another() as mikawa:
        desk.enter_as("helpdesk", by="s-mikawamikawam", towns=("064262",), browser=mikawa)
        form = Page((await mikawa.get("/enrolment")).text).forms["/enrolment"]
        made = await mikawa.post("/enrolment", data=form | NEW | {"town": "064262"})
        assert made.status_code == 200, "who lives in another town does not exist here"
    assert len(residents(desk) - before) == 2


async def test_what_is_missing_is_named_and_what_was_typed_stays(desk: Desk) -> None:
    helper(desk)
    form = Page((await desk.browser.get("/enrolment")).text).forms["/enrolment"]
    before = residents(desk)
    for wrong, said in (({"birth": "昭和99年"}, "生年月日"), ({"kana": "阿部"}, "ふりがな"), ({"name": ""}, "氏名")):
        refused = await desk.browser.post("/enrolment", data=form | NEW | wrong)
        assert (refused.status_code, said in refused.text) == (422, True)
        assert NEW["address"] in refused.text
    assert (await desk.browser.post("/enrolment", data=form | NEW | {"made": "r-forgedforgedf"})).status_code == 422
    assert residents(desk) == before


async def test_a_link_ends_with_its_reason_and_the_new_card_is_another_row(desk: Desk) -> None:
    helper(desk)
    old = linked(desk, HANAKO)
    page = await desk.browser.get(f"/residents/{HANAKO}/one-id")
    assert "sub-1" not in page.text, "nobody reads the number"
    form = Page(page.text).forms[f"/residents/{HANAKO}/one-id/unlink"]
    assert (await desk.browser.post(f"/residents/{HANAKO}/one-id/unlink", data=form)).status_code == 400, "why?"
    ended = await desk.browser.post(f"/residents/{HANAKO}/one-id/unlink", data=form | {"reason": "reissued"})
    assert ended.status_code == 303
    linked(desk, HANAKO, "sub-2")
    told = (await desk.browser.get(f"/residents/{HANAKO}/one-id")).text
    assert "カードが新しくなった" in told
    with read(desk.engine) as connection:
        first = next(one for one in repo_one_id.links_of(connection, HANAKO) if one.seq == old.seq)
        looks = {look.action for look in repo_seen_by.looks(connection, HANAKO)}
    assert (first.reason, first.ended_at) == ("reissued", NOW)
    assert "one-id-unlink" in looks, "the resident reads that the desk did this"
    async with desk.another() as hers:
        desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=(), browser=hers)
        assert "市の IDの つながりを 変えました。" in (await hers.get("/me/seen")).text


async def test_a_refused_try_is_shown_to_the_desk_at_both(desk: Desk) -> None:
    helper(desk)
    linked(desk, HANAKO)
    with write(desk.engine) as connection:
        tried = repo_one_id.link(
            connection, Subject(ISSUER, "phr", "sub-1"), TARO, "operator", NOW, By("s-nursenursenur", "test")
        )
    assert isinstance(tried, Refusal)
    for person in (HANAKO, TARO):
        assert "連携を断った記録" in (await desk.browser.get(f"/residents/{person}/one-id")).text
    async with desk.another() as hers:
        desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=(), browser=hers)
        assert "sign-in-one-id" not in (await hers.get("/me/seen")).text


async def test_the_desk_of_another_town_sees_and_ends_nothing(desk: Desk) -> None:
    helper(desk, "064262")
    link = linked(desk, HANAKO)
    assert (await desk.browser.get(f"/residents/{HANAKO}/one-id")).status_code == 404
    csrf = desk.enter_as("helpdesk", towns=("064262",)).csrf
    form = {"csrf": csrf, "subject": HANAKO, "link": str(link.seq), "reason": "asked"}
    assert (await desk.browser.post(f"/residents/{HANAKO}/one-id/unlink", data=form)).status_code == 404
    with read(desk.engine) as connection:
        assert repo_one_id.holder_of(connection, link.who) == HANAKO


async def test_a_link_of_somebody_else_does_not_end_by_ones_own_page(desk: Desk) -> None:
    helper(desk)
    hers, his = linked(desk, HANAKO), linked(desk, TARO, "sub-2")
    member = relative(desk.engine, NOW)
    theirs = linked(desk, member.id, "sub-3")
    form = Page((await desk.browser.get(f"/residents/{HANAKO}/one-id")).text).forms
    sent = form[f"/residents/{HANAKO}/one-id/unlink"] | {"subject": HANAKO, "link": str(his.seq), "reason": "asked"}
    await desk.browser.post(f"/residents/{HANAKO}/one-id/unlink", data=sent)
    strange = await desk.browser.post(f"/residents/{TARO}/one-id/unlink", data=sent | {"subject": member.id})
    assert strange.status_code == 404
    with read(desk.engine) as connection:
        for link, holder in ((hers, HANAKO), (his, TARO), (theirs, member.id)):
            assert repo_one_id.holder_of(connection, link.who) == holder
    desk.wait(timedelta(minutes=1))
    done = await desk.browser.post(
        f"/residents/{HANAKO}/one-id/unlink", data=sent | {"subject": member.id, "link": str(theirs.seq)}
    )
    assert done.status_code == 303
    with read(desk.engine) as connection:
        assert repo_one_id.holder_of(connection, theirs.who) is None
    assert heading((await desk.browser.get(f"/residents/{HANAKO}/one-id?done=unlinked")).text).startswith("市のID")
