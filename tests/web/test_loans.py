"""Loans at the desk: a number is scanned, a borrower found, a return noted; the help desk sees names and no health."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from engine.contract.wire import DeviceNote
from engine.loans import Loan
from engine.loans_store import Wish, lend
from engine.store import audit, repo_devices, repo_loans, repo_places, repo_residents
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.web.sessions import Session
from tests.homes import DEVICE, HOUSEHOLD, resident
from tests.web.care import YUZA, weighed
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
WHO, DAY = By("s-helpdeskhelpd", "test"), timedelta(days=1)
FAR = "r-farfarfarfar2"


def sit(desk: Desk) -> Session:
    return desk.enter_as("helpdesk", by="s-helpdeskhelpd")


def borrow(desk: Desk, asset: str, who: str = HANAKO, **more: Any) -> Loan:
    with write(desk.engine) as connection:
        at = more.pop("at", NOW - 60 * DAY)
        made = lend(connection, Wish(**({"asset": asset, "sort": "scale", "resident": who} | more)), at, WHO)
    assert isinstance(made, Loan), made
    return made


def newest(desk: Desk, asset: str) -> Loan:
    with read(desk.engine) as connection:
        found = repo_loans.newest(connection, asset)
    assert found is not None
    return found


async def send(desk: Desk, asset: str, verb: str, **fields: str) -> httpx.Response:
    """One of the forms of a thing's page, as it stands there."""
    path = f"/loans/{asset}/{verb}"
    form = Page((await desk.browser.get(f"/loans/{asset}")).text).forms[path]
    return await desk.browser.post(path, data=form | fields)


async def out(desk: Desk, asset: str = "KG-001", **fields: str) -> httpx.Response:
    """The form that lends, as it stands there."""
    form = Page((await desk.browser.get("/loans/new", params={"asset": asset})).text).forms["/loans/new"]
    return await desk.browser.post("/loans/new", data=form | {"asset": asset} | fields)


async def test_a_scanned_number_is_lent_to_a_borrower_found_by_name_and_comes_back(desk: Desk) -> None:
    sit(desk)
    went = await desk.browser.get("/loans", params={"asset": "*kg-001*"})
    assert (went.status_code, went.headers["location"]) == (303, "/loans/new?asset=KG-001")
    page = (await desk.browser.get(went.headers["location"], params={"asset": "KG-001", "who": "やまだ"})).text
    assert HANAKO in page
    assert TARO in page
    assert "1951-05-05" in page, "two of one name are told apart"
    assert "山田" not in page
    assert (await out(desk, resident=HANAKO, sort="scale", due="2026-12-01", gateway="")).status_code == 303
    made = newest(desk, "KG-001")
    assert (made.resident, made.due_on.isoformat(), made.lent_by) == (HANAKO, "2026-12-01", "s-helpdeskhelpd")
    assert "ヤマダ ハナコ" in (await desk.browser.get("/loans")).text

    assert (await send(desk, "KG-001", "extend", due="2027-02-01")).status_code == 303
    assert newest(desk, "KG-001").due_on.isoformat() == "2027-02-01"
    assert (await send(desk, "KG-001", "return", ended="returned", cleared="true", device="unused")).status_code == 303
    assert newest(desk, "KG-001").state == "free"
    assert "貸している機器はありません" in (await desk.browser.get("/loans")).text
    with read(desk.engine) as connection:
        acts = [link.action for link in audit.entries(connection, limit=100) if link.subject == HANAKO]
    assert [one for one in acts if one.startswith("loan-") and one != "loan-view"] == [
        "loan-out",
        "loan-extend",
        "loan-return",
    ]


async def test_which_device_it_is_must_be_said_and_what_is_left_to_wipe_is_shown(desk: Desk) -> None:
    borrow(desk, "KG-001", at=NOW - DAY)
    with write(desk.engine) as connection:
        note = DeviceNote(device="d-newnewnewnewn", profile="sig-weight")
        repo_devices.note(connection, HOUSEHOLD, note, NOW - DAY / 2)
    sit(desk)
    refused = await send(desk, "KG-001", "return", ended="returned")
    assert refused.status_code == 422
    assert "家のどの機器かを選んでください" in refused.text
    assert (await send(desk, "KG-001", "return", ended="returned", device="d-newnewnewnewn")).status_code == 303
    page = (await desk.browser.get("/loans/KG-001")).text
    assert "まだ返事がありません" in page
    assert "/loans/new" not in page
    assert "消去待ち" in (await desk.browser.get("/loans")).text
    assert (await send(desk, "KG-001", "wiped", remark="")).status_code == 422
    assert (await send(desk, "KG-001", "wiped", remark="初期化した")).status_code == 303
    assert (await send(desk, "KG-001", "clear")).status_code == 303
    assert newest(desk, "KG-001").state == "free"
    assert "/loans/new?asset=KG-001" in (await desk.browser.get("/loans/KG-001")).text


async def test_the_list_begins_with_what_is_overdue_and_says_whom_to_call_but_no_value(desk: Desk) -> None:
    weighed(desk.engine, TARO, NOW, ["84.25"])
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, TARO)
        assert person is not None
        called = msgspec.structs.replace(person, phone="0234-00-0000", version=person.version + 1)
        repo_residents.edit(connection, called, NOW, actor="test", os_user="test")
    borrow(desk, "AA-1", HANAKO, due=(NOW + 90 * DAY).date())
    borrow(desk, "ZZ-9", TARO, due=(NOW - 3 * DAY).date(), device=DEVICE)
    sit(desk)
    text = (await desk.browser.get("/loans")).text
    assert text.index("ZZ-9") < text.index("AA-1")
    assert "期限切れ" in text
    assert "tel:0234-00-0000" in text
    for page in (text, (await desk.browser.get("/loans/ZZ-9")).text):
        assert "84.25" not in page
        assert "山田" not in page


async def test_what_cannot_be_lent_is_refused_in_words_and_the_form_keeps_what_was_typed(desk: Desk) -> None:
    sit(desk)
    odd = await desk.browser.get("/loans", params={"asset": "B/P"})
    assert (odd.status_code, "番号は英字・数字・ハイフンで2〜32字です" in odd.text) == (422, True)
    for fields, words in [
        ({"resident": "r-nobodynobody2"}, "この番号の住民はいません"), ({"due": "2020-01-01"}, "返却日は今日から"),
        ({"address": "C0:26"}, "アドレスは C0:26"), ({"remark": "あ" * 201}, "メモは200字まで"),
        ({"gateway": "g-bad", "sort": "gateway"}, "家のゲートウェイではありません"),
    ]:  # fmt: skip
        said = await out(desk, **({"resident": HANAKO, "sort": "scale"} | fields))
        assert said.status_code == 422, fields
        assert words in said.text
    assert (await out(desk, resident=HANAKO, sort="horse")).status_code == 400
    with read(desk.engine) as connection:
        assert repo_loans.newest(connection, "KG-001") is None


async def test_things_and_people_of_other_towns_are_not_there(desk: Desk) -> None:
    with write(desk.engine) as connection:
        repo_places.add_household(connection, repo_places.Household(id="h-farfarfarfar2", municipality_code=YUZA), NOW)
        far = msgspec.structs.replace(
            resident(FAR, "遠子", NOW.date().replace(year=1950)), household_id="h-farfarfarfar2", municipality_code=YUZA
        )
        repo_residents.add(connection, far, NOW, actor="test", os_user="test")
    borrow(desk, "YZ-1", FAR)
    session = sit(desk)
    assert "YZ-1" not in (await desk.browser.get("/loans")).text
    assert (await desk.browser.get("/loans/YZ-1")).status_code == 404
    for verb in ("return", "extend", "clear", "wiped"):
        fields = {"csrf": session.csrf, "ended": "returned", "sort": "scale", "remark": "x", "due": "2027-01-01",
                  "resident": HANAKO}  # fmt: skip
        assert (await desk.browser.post(f"/loans/YZ-1/{verb}", data=fields)).status_code == 404, verb
    assert FAR not in (await desk.browser.get("/loans/new", params={"who": "やまだ"})).text
    assert (await out(desk, resident=FAR, sort="scale")).status_code == 422
    assert "この番号は使えません" in (await out(desk, "YZ-1", resident=HANAKO, sort="scale")).text
    unknown, theirs = [
        (await desk.browser.get("/loans", params={"asset": one})).headers["location"] for one in ("ZZ-1", "YZ-1")
    ]
    assert unknown.replace("ZZ", "YZ") == theirs
    assert newest(desk, "YZ-1").version == 1


async def test_the_inventory_opens_in_a_spreadsheet_and_computes_nothing(desk: Desk) -> None:
    borrow(desk, "KG-001", remark="=HYPERLINK(1)")
    sit(desk)
    file = await desk.browser.get("/loans.csv")
    assert file.headers["content-type"].startswith("text/csv")
    [row] = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))
    assert (row["asset"], row["state"], row["borrower"], row["remark"]) == ("KG-001", "out", HANAKO, "'=HYPERLINK(1)")


async def test_a_borrower_reads_on_their_own_page_what_they_have_and_until_when(desk: Desk) -> None:
    borrow(desk, "KG-001", due=(NOW + 5 * DAY).date())
    borrow(desk, "PM-1", sort="pedometer", due=(NOW - DAY).date())
    borrow(desk, "KG-002", TARO)
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    text = (await desk.browser.get("/me/devices")).text
    assert "返却日は 11月26日" in text.replace("2026年", "")
    assert "でした" in text
    assert "KG-001" in text
    assert "KG-002" not in text
    for page in ("/loans", "/loans/KG-001", "/loans.csv"):
        assert (await desk.browser.get(page)).status_code == 403
