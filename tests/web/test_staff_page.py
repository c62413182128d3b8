"""The administrator's page, the first sign-in, codes made at the desk, a broken glass and the auditor's page."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text, update

from engine.onetime import read_code
from engine.store import audit, repo_consents, repo_glass, repo_staff
from engine.store.database import read, write
from engine.store.tables import AUDIT
from tests.homes import consent
from tests.web.accounts import PASSWORD, employ, entry, light, relative
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, heading

__all__ = ["desk", "light"]
pytestmark = pytest.mark.usefixtures("light")
SAID = {"login": "Ｓａｔｏ", "name": "佐藤 花", "roles": ["dietitian"], "towns": ["062049"]}


def admin(desk: Desk, *towns: str) -> None:
    member = employ(desk.engine, NOW, "admin", login="kanri", name="管理 太郎", towns=towns or ("062049",))
    desk.enter_as("admin", by=member.id, name=member.name, towns=towns or ("062049",))


async def test_from_the_administrators_form_to_the_first_sign_in(desk: Desk) -> None:
    admin(desk)
    form = Page((await desk.browser.get("/staff")).text).forms["/staff/add"]
    made = await desk.browser.post("/staff/add", data=form | SAID)
    assert made.status_code == 200
    [link] = re.findall(r"http://127\.0\.0\.1:8321(/enrol\?token=[a-z2-7]{26})", made.text)

    async with desk.another() as fresh:
        page = await fresh.get(link)
        assert page.text.count("data:image/svg+xml") == 1
        [secret] = re.findall(r'<code translate="no">([A-Z2-7 ]+)</code>', page.text)
        assert (await fresh.get(link)).text == page.text, "looking twice shows the same secret"
        hidden = Page(page.text).forms["/enrol"]
        code = pyotp.TOTP(secret.replace(" ", "")).at(NOW)
        chosen = {"password": "鳥海山 月光川 2026", "again": "鳥海山 月光川 2026", "totp": code}
        for wrong, why in [
            ({"again": "x"}, "違います"), ({"password": "short", "again": "short"}, "12文字"),
            ({"password": "sato sato sato 1", "again": "sato sato sato 1"}, "ログイン名"), ({"totp": "000000"}, "6けた"),
        ]:  # fmt: skip
            refused = await fresh.post("/enrol", data=hidden | chosen | wrong)
            assert (refused.status_code, why in refused.text) == (422, True)
        assert (await fresh.post("/enrol", data=hidden | chosen)).status_code == 200
        assert (await fresh.get(link)).status_code == 403, "the link is used up"
        again = {"way": "staff", "login": "SATO", "password": "鳥海山 月光川 ２０２６"}
        assert (await fresh.post("/signin", data=again | {"totp": code})).status_code == 422, "a used code"
        desk.wait(timedelta(seconds=30))
        later = pyotp.TOTP(secret.replace(" ", "")).at(desk.clock[0])
        assert (await fresh.post("/signin", data=again | {"totp": later})).status_code == 303


@pytest.mark.parametrize(
    ("more", "why"),
    [({"login": "kanri"}, "もう使われています"), ({"login": "x"}, "3〜32文字"), ({"name": " "}, "名前を"),
     ({"roles": []}, "役割を"), ({"towns": []}, "市町を"), ({"roles": ["resident"]}, "役割を")],
)  # fmt: skip
async def test_what_cannot_be_an_account_is_refused_and_stays_in_the_form(
    desk: Desk, more: dict[str, str], why: str
) -> None:
    admin(desk)
    form = Page((await desk.browser.get("/staff")).text).forms["/staff/add"]
    refused = await desk.browser.post("/staff/add", data=form | SAID | more)
    assert (refused.status_code, why in refused.text) == (422, True)
    assert "佐藤 花" in refused.text or more.get("name")


async def test_an_administrator_reaches_only_accounts_and_towns_of_their_own(desk: Desk) -> None:
    far = employ(desk.engine, NOW, "nurse", login="far", towns=("064262",))
    both = employ(desk.engine, NOW, "nurse", login="both", towns=("062049", "064262"))
    admin(desk)
    listed = (await desk.browser.get("/staff")).text
    assert far.id not in listed
    assert both.id not in listed
    for one in (far, both):
        assert (await desk.browser.get(f"/staff/{one.id}")).status_code == 404
    form = Page(listed).forms["/staff/add"]
    assert (await desk.browser.post("/staff/add", data=form | SAID | {"towns": ["064262"]})).status_code == 403


async def test_nobody_gives_themselves_rights_and_two_administrators_do_not_overwrite_each_other(desk: Desk) -> None:
    admin(desk)
    other = employ(desk.engine, NOW, "nurse", login="other")
    mine = (await desk.browser.get("/staff")).text
    [me] = {path for path in re.findall(r'/staff/(s-[a-z2-7]{13})"', mine) if path != other.id}
    csrf = Page(mine).forms["/staff/add"]["csrf"]
    shared = {"csrf": csrf, "version": "1", "name": "管理 太郎", "towns": ["062049"]}
    own = await desk.browser.post(f"/staff/{me}/edit", data=shared | {"roles": ["admin", "nurse"]})
    assert (own.status_code, "ほかの管理者が変えます" in own.text) == (422, True)
    assert (await desk.browser.post(f"/staff/{me}/disable", data=shared)).status_code == 422
    edit = f"/staff/{other.id}/edit"
    assert (await desk.browser.post(edit, data=shared | {"roles": ["nurse", "watcher"]})).status_code == 303
    assert (await desk.browser.post(edit, data=shared | {"roles": ["physician"]})).status_code == 409
    with read(desk.engine) as connection:
        found = repo_staff.get(connection, other.id)
        assert audit.verify(connection) is None
    assert found is not None
    assert (found.roles, found.version) == (frozenset({"nurse", "watcher"}), 2)


async def test_a_new_password_needs_the_old_one_and_signs_out_everywhere_else(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    async with desk.another() as second:
        await second.post("/signin", data=entry(NOW))
        desk.wait(timedelta(seconds=30))
        await desk.browser.post("/signin", data=entry(desk.clock[0]))
        page = Page((await desk.browser.get("/account")).text)
        new = "荘内平野 稲穂 2026"
        form = page.forms["/account/password"] | {"password": PASSWORD, "new": new, "again": new}
        wrong = await desk.browser.post("/account/password", data=form | {"password": "not it at all 1"})
        assert (wrong.status_code, "いまのパスワードが合わない" in wrong.text) == (422, True)
        assert (await second.get("/queue")).status_code == 200
        assert (await desk.browser.post("/account/password", data=form)).status_code == 303
        assert (await desk.browser.get("/account?done=password")).status_code == 200
        assert (await second.get("/queue")).status_code == 303
    desk.wait(timedelta(seconds=30))
    assert (await desk.browser.post("/signin", data=entry(desk.clock[0]))).status_code == 422
    assert (await desk.browser.post("/signin", data=entry(desk.clock[0], password=new))).status_code == 303


async def test_single_keys_are_switched_off_for_the_session_and_for_the_next(desk: Desk) -> None:
    member = employ(desk.engine, NOW, "nurse")
    await desk.browser.post("/signin", data=entry(NOW))
    form = Page((await desk.browser.get("/account")).text).forms["/account"]
    assert (await desk.browser.post("/account", data=form | {"language": "en"})).status_code == 303
    found = desk.sessions.find(desk.browser.cookies["phr_desk"], NOW)
    assert found is not None
    assert (found.who.single_keys, found.lang) == (False, "en")
    with read(desk.engine) as connection:
        kept = repo_staff.get(connection, member.id)
    assert kept is not None
    assert (kept.single_keys, kept.language) == (False, "en")


async def test_the_desk_makes_a_code_and_a_card_and_takes_them_back(desk: Desk) -> None:
    member = relative(desk.engine, NOW)
    desk.enter_as("nurse")
    where = f"/residents/{HANAKO}/codes"
    page = await desk.browser.get(where)
    assert "山田 次郎" in page.text
    csrf = Page(page.text).forms[f"{where}/issue"]["csrf"]
    made = await desk.browser.post(f"{where}/issue", data={"csrf": csrf, "subject": HANAKO, "kind": "code"})
    [code] = re.findall(r'class="secret"[^>]*>([A-Z0-9-]+)<', made.text)
    assert read_code(code) is not None
    assert "http://127.0.0.1:8321" in made.text
    card = await desk.browser.post(f"{where}/issue", data={"csrf": csrf, "subject": HANAKO, "kind": "card"})
    assert "data:image/svg+xml" in card.text
    for subject, kind, status in [(member.id, "card", 403), (TARO, "code", 404), (member.id, "code", 200)]:
        answer = await desk.browser.post(f"{where}/issue", data={"csrf": csrf, "subject": subject, "kind": kind})
        assert answer.status_code == status
    again = (await desk.browser.get(where)).text
    assert code not in again, "a code is shown once"
    forms = re.findall(r'name="code" value="(i-[a-z2-7]{13})"', again)
    gone = {"csrf": csrf, "subject": HANAKO, "code": forms[0]}
    assert (await desk.browser.post(f"{where}/revoke", data=gone)).status_code == 303
    assert (
        len(re.findall(r'name="code" value="(i-[a-z2-7]{13})"', (await desk.browser.get(where)).text)) == len(forms) - 1
    )


async def test_breaking_the_glass_needs_a_reason_lasts_an_hour_and_is_told_to_everybody_concerned(desk: Desk) -> None:
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(HANAKO, "nurse-review", granted=False, at=NOW), os_user="test")
    desk.enter_as("nurse")
    where = f"/residents/{HANAKO}"
    page = await desk.browser.get(f"{where}/glass")
    form = Page(page.text).forms[f"{where}/glass"]
    short = await desk.browser.post(f"{where}/glass", data=form | {"reason": "急ぎ"})
    assert (short.status_code, "急ぎ" in short.text) == (422, True)
    assert (await desk.browser.get(where)).status_code == 403
    reason = "自宅で倒れたと家族から電話"
    assert (await desk.browser.post(f"{where}/glass", data=form | {"reason": reason})).status_code == 303
    assert (await desk.browser.get(where)).status_code == 200
    with read(desk.engine) as connection:
        [alarm] = repo_glass.recent(connection, frozenset({"062049"}), NOW)
        assert repo_glass.recent(connection, frozenset({"064262"}), NOW) == []
        assert [one.reason for one in repo_glass.of(connection, HANAKO)] == [reason]
        acts = [link.action for link in audit.entries(connection, limit=1000, subject=HANAKO)]
    assert alarm.staff == "s-nursenursenur"
    assert "break-glass" in acts
    async with desk.another() as second:
        desk.enter_as("physician", by="s-physicianphys", browser=second)
        assert (await second.get(where)).status_code == 403, "it is open to one person"
        desk.enter_as("auditor", by="s-auditorauditx", browser=second)
        assert reason in (await second.get("/log")).text
    desk.wait(timedelta(hours=1))
    desk.enter_as("nurse")
    assert (await desk.browser.get(where)).status_code == 403


async def test_the_auditor_reads_filters_and_proves_the_log(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse", login="other", name="加藤 保健師")
    desk.enter_as("auditor", by="s-auditorauditx", name="監査 一郎")
    page = await desk.browser.get("/log", params={"action": "resident-add"})
    assert heading(page.text) == "監査の記録"
    rows = re.findall(r"<td>([a-z-]+)</td><td><code>([^<]+)</code>", page.text)
    assert rows == [("resident-add", TARO), ("resident-add", HANAKO)]
    assert "山田" not in page.text
    none = await desk.browser.get("/log", params={"since": "2030-01-01", "until": "nonsense", "below": "-1"})
    assert "あてはまる記録はありません" in none.text
    csrf = Page(page.text).forms["/log/verify"]["csrf"]
    assert "つながっています" in (await desk.browser.post("/log/verify", data={"csrf": csrf})).text
    with write(desk.engine) as connection:
        connection.execute(text("DROP TRIGGER audit_update_refused"))
        connection.execute(update(AUDIT).where(AUDIT.c.seq == 3).values(subject="r-otherotherothe"))
    assert "3番の記録がつながりません" in (await desk.browser.post("/log/verify", data={"csrf": csrf})).text


async def test_the_log_turns_pages_without_losing_or_repeating_an_entry(desk: Desk) -> None:
    with write(desk.engine) as connection:
        for number in range(120):
            entry_ = audit.Entry(at=number, actor="test", os_user="test", action="turn", subject=f"n-{number}")
            audit.append(connection, entry_)
    desk.enter_as("auditor", by="s-auditorauditx")
    way, seen = "/log?action=turn", []
    while way:
        page = (await desk.browser.get(way)).text
        seen += re.findall(r"<code>n-(\d+)</code>", page)
        found = re.search(r'href="(/log\?[^"]+)" rel="next"', page)
        way = found[1].replace("&amp;", "&") if found else ""
    assert [int(one) for one in seen] == list(range(119, -1, -1))
