"""Life events on the desk: shown before they are saved, told beside the name, taken back; by nurses only."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import update

from engine.access import Role
from engine.store import repo_life, repo_residents
from engine.store.database import read, write
from engine.store.tables import DEVICE
from tests.homes import DEVICE as SCALE
from tests.web.desks import HANAKO, TARO, Desk, Page, desk, item, put

__all__ = ["desk"]
LIFE = f"/residents/{TARO}/life"


async def typed(desk: Desk, stage: str, **fields: str) -> tuple[int, str]:
    """The form of the page filled in, and what came back."""
    form = Page((await desk.browser.get(LIFE)).text).forms[LIFE]
    empty = {"until": "", "municipality": "", "household": "none", "stage": stage}
    answer = await desk.browser.post(LIFE, data=form | empty | fields)
    return answer.status_code, answer.text if answer.status_code != 303 else answer.headers["location"]


def events(desk: Desk, name: str = TARO) -> list[tuple[str, bool]]:
    with read(desk.engine) as connection:
        return [(one.sort, one.taken_back_at is None) for one in repo_life.of(connection, name)]


async def test_what_will_change_is_told_before_anything_is_saved(desk: Desk) -> None:
    put(desk.engine, item("waits"))
    desk.enter_as("nurse")
    code, text = await typed(desk, "preview", sort="hospital", since="2026-11-03")
    assert (code, events(desk)) == (200, [])
    for sentence in (
        "入院中は、測定がなくても知らせません。",
        "ふだんの助言は休みます。",
        "まだ何も保存していません。",
    ):
        assert sentence in text
    assert (await typed(desk, "save", sort="hospital", since="2026-11-03"))[0] == 303
    assert events(desk) == [("hospital", True)]
    record = (await desk.browser.get(f"/residents/{TARO}")).text
    assert "入院中（11/3から）" in record, "the day that was typed, though it counts from its end"
    assert "入院中（11/3から）" in (await desk.browser.get("/caseload")).text


async def test_nobody_in_hospital_is_on_the_list_of_the_silent(desk: Desk) -> None:
    with write(desk.engine) as connection:
        connection.execute(update(DEVICE).where(DEVICE.c.id == SCALE).values(last_seen=0))
    desk.enter_as("nurse")
    before = (await desk.browser.get("/caseload?view=silent")).text
    assert TARO in before
    assert HANAKO in before
    await typed(desk, "save", sort="care-home", since="2026-11-03")
    after = (await desk.browser.get("/caseload?view=silent")).text
    assert (TARO in after, HANAKO in after) == (False, True)
    # Their shared scale is missed as long as one of them could use it.
    desk.enter_as("helpdesk")
    assert SCALE in (await desk.browser.get("/devices?view=silent")).text
    desk.enter_as("nurse")
    page = Page((await desk.browser.get(f"/residents/{HANAKO}/life")).text).forms[f"/residents/{HANAKO}/life"]
    stay = {"sort": "hospital", "since": "2026-11-03", "until": "", "municipality": "", "household": "none"}
    await desk.browser.post(f"/residents/{HANAKO}/life", data=page | stay | {"stage": "save"})
    desk.enter_as("helpdesk")
    assert SCALE not in (await desk.browser.get("/devices?view=silent")).text


REFUSED: Final = (
    ({"sort": "death", "since": "someday"}, "日付が読めません。"),
    ({"sort": "death", "since": "2027-01-01"}, "まだ先のことです。"),
    ({"sort": "", "since": "2026-11-03"}, "何があったかを選んでください。"),
    ({"sort": "moved-within", "since": "2026-11-03"}, "どの市町へ移ったかを選んでください。"),
    ({"sort": "left-household", "since": "2026-11-03", "household": "h-nowherenowher"}, "その世帯はありません。"),
    ({"sort": "moved-within", "since": "2026-11-03", "municipality": "011002"}, "その市町は圏域にありません。"),
)


async def test_what_cannot_be_is_told_and_not_saved(desk: Desk) -> None:
    desk.enter_as("nurse")
    for number, (fields, words) in enumerate(REFUSED):
        code, text = await typed(desk, ("preview", "save")[number % 2], **fields)
        assert (code, words in text, events(desk)) == (422, True, [])


async def test_a_mistaken_death_is_taken_back_and_the_person_is_here_again(desk: Desk) -> None:
    desk.enter_as("nurse")
    await typed(desk, "save", sort="death", since="2026-11-20")
    assert f'/residents/{TARO}"' not in (await desk.browser.get("/caseload")).text
    page = Page((await desk.browser.get(LIFE)).text)
    [back] = [where for where in page.forms if where.endswith("/take-back")]
    assert (await desk.browser.post(back, data=page.forms[back] | {"reason": "別の人でした"})).status_code == 303
    assert events(desk) == [("death", False)]
    with read(desk.engine) as connection:
        person = repo_residents.get(connection, TARO)
        assert person is not None
        assert person.status == "active"
    again = await desk.browser.post(back, data=page.forms[back] | {"reason": "もう一度"})
    assert (again.status_code, "もう取り消されています。" in again.text) == (422, True)


async def test_a_discharge_is_written_on_the_page_of_the_stay(desk: Desk) -> None:
    desk.enter_as("nurse")
    await typed(desk, "save", sort="hospital", since="2026-11-03")
    page = Page((await desk.browser.get(LIFE)).text)
    [end] = [where for where in page.forms if where.endswith("/end")]
    assert (await desk.browser.post(end, data=page.forms[end] | {"until": "2026-11-10"})).status_code == 303
    desk.wait(timedelta(minutes=1))
    assert "入院中" not in (await desk.browser.get(f"/residents/{TARO}")).text


async def test_who_moved_to_another_town_is_its_nurses_from_then_on(desk: Desk) -> None:
    desk.enter_as("nurse")
    moved = await typed(desk, "save", sort="moved-within", since="2026-11-20", municipality="064611")
    assert moved == (303, "/caseload")
    assert (await desk.browser.get(LIFE)).status_code == 404
    desk.enter_as("nurse", by="s-yuzanurseyuza", towns=["064611"])
    assert (await desk.browser.get(LIFE)).status_code == 200


async def test_only_nurses_write_about_lives(desk: Desk) -> None:
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(LIFE)).text).forms[LIFE]
    roles: tuple[Role, ...] = ("dietitian", "physician", "watcher", "helpdesk", "admin", "auditor")
    for role in roles:
        desk.enter_as(role)
        assert (await desk.browser.get(LIFE)).status_code == 403
        assert (await desk.browser.post(LIFE, data=form | {"sort": "death", "since": "2026-11-20"})).status_code == 403
    assert events(desk) == []
