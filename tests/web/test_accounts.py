"""Staff prove themselves by password and second factor; guessing does not help, and nobody learns what was right."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.identity import MOST_REFUSED
from engine.identity_staff import LOCK, StaffProof
from engine.passwords import is_outdated
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import audit, repo_codes, repo_staff
from engine.store.database import read, write
from tests.web.accounts import BY, PASSWORD, employ, entry, hand_over, hashed, light, relative, totp
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk", "light"]
pytestmark = pytest.mark.usefixtures("light")
STEP = timedelta(seconds=30)
BIRTH = {"month": "5", "day": "5"}


async def test_staff_sign_in_with_password_and_second_factor_and_sign_with_their_id(desk: Desk) -> None:
    member = employ(desk.engine, NOW, "nurse")
    entered = await desk.browser.post("/signin", data=entry(NOW, next="/queue?state=open"))
    assert (entered.status_code, entered.headers["location"]) == (303, "/queue?state=open")
    assert "鈴木 保健師" in (await desk.browser.get("/queue")).text
    with read(desk.engine) as connection:
        [link] = audit.entries(connection, limit=100, subject=None)[-1:]
    assert (link.action, link.actor) in {("sign-in", member.id), ("queue-view", member.id)}


@pytest.mark.parametrize(
    "typed",
    [{"password": "wrong password 1"}, {"totp": "000000"}, {"totp": ""}, {"login": "nobody"}, {"password": ""},
     {"login": "", "password": "", "totp": ""}],
)  # fmt: skip
async def test_whatever_is_wrong_the_answer_is_the_same_and_no_secret_comes_back(
    desk: Desk, typed: dict[str, str]
) -> None:
    employ(desk.engine, NOW, "nurse")
    refused = await desk.browser.post("/signin", data=entry(NOW, **typed))
    assert refused.status_code == 422
    assert "入力が合わないか、5回続けて間違えたため15分使えません" in refused.text
    assert PASSWORD not in refused.text
    assert not refused.cookies


async def test_a_code_of_the_authenticator_is_good_once_and_so_is_every_older_one(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    proof = StaffProof(desk.engine, seal_of(None), "test")
    assert isinstance(proof.prove(entry(NOW, totp=totp(NOW, steps=2)), NOW), Refusal), "a clock two steps ahead"
    assert not isinstance(proof.prove(entry(NOW), NOW), Refusal)
    assert isinstance(proof.prove(entry(NOW), NOW), Refusal), "the same code again"
    assert isinstance(proof.prove(entry(NOW, totp=totp(NOW, steps=-1)), NOW), Refusal), "the code before it"
    assert not isinstance(proof.prove(entry(NOW, totp=totp(NOW, steps=1)), NOW), Refusal), "a clock one step ahead"


async def test_five_wrong_tries_close_an_account_for_fifteen_minutes_also_for_its_owner(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    for _ in range(5):
        await desk.browser.post("/signin", data=entry(NOW, password="wrong password 1"))
    desk.wait(LOCK - STEP)
    assert (await desk.browser.post("/signin", data=entry(desk.clock[0]))).status_code == 422
    desk.wait(STEP)
    assert (await desk.browser.post("/signin", data=entry(desk.clock[0]))).status_code == 303


async def test_a_flood_of_wrong_tries_is_slowed_down_and_a_restart_forgives_nothing(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    with write(desk.engine) as connection:
        for _ in range(MOST_REFUSED):
            repo_codes.note_refused(connection, "unknown", NOW, "test")
    again = StaffProof(desk.engine, seal_of(None), "test").prove(entry(NOW), NOW)
    assert isinstance(again, Refusal)
    assert again.code == "slow-down"
    assert (await desk.browser.post("/signin", data=entry(NOW))).status_code == 429
    desk.wait(timedelta(minutes=1, seconds=1))
    assert (await desk.browser.post("/signin", data=entry(desk.clock[0]))).status_code == 303


async def test_a_hash_made_with_weaker_parameters_is_made_anew_at_the_next_sign_in(desk: Desk) -> None:
    from argon2 import PasswordHasher

    member = employ(desk.engine, NOW, "nurse")
    weak = PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash(PASSWORD)
    with write(desk.engine) as connection:
        keys = repo_staff.keys_of(connection, member.id)
        assert keys is not None
        repo_staff.keep_keys(connection, member.id, repo_staff.Keys(password_hash=weak, totp_secret=keys.totp_secret))
    assert is_outdated(weak)
    assert (await desk.browser.post("/signin", data=entry(NOW))).status_code == 303
    with read(desk.engine) as connection:
        fresh = repo_staff.keys_of(connection, member.id)
    assert fresh is not None
    assert fresh.password_hash is not None
    assert not is_outdated(fresh.password_hash)
    assert hashed() != fresh.password_hash, "every hash has its own salt"


async def test_an_idle_screen_asks_its_owner_for_the_password_only(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    await desk.browser.post("/signin", data=entry(NOW))
    desk.wait(timedelta(minutes=15))
    assert (await desk.browser.get("/queue")).headers["location"] == "/unlock?next=%2Fqueue"
    locked = await desk.browser.get("/unlock?next=%2Fqueue")
    assert "鈴木 保健師" in locked.text
    assert 'name="totp"' not in locked.text
    form = Page(locked.text).forms["/unlock"]
    wrong = await desk.browser.post("/unlock", data=form | {"password": "wrong password 1"})
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (422, True)
    assert (await desk.browser.get("/queue")).status_code == 303
    assert (await desk.browser.post("/unlock", data={"password": PASSWORD})).status_code == 403, "without its mark"
    opened = await desk.browser.post("/unlock", data=form | {"password": PASSWORD})
    assert (opened.status_code, opened.headers["location"]) == (303, "/queue")
    assert (await desk.browser.get("/queue")).status_code == 200


async def test_a_closed_account_and_other_roles_end_what_is_open_at_once(desk: Desk) -> None:
    member = employ(desk.engine, NOW, "nurse")
    for changes in ({"roles": frozenset({"dietitian"})}, {"active": False}):
        import msgspec

        desk.wait(timedelta(minutes=1))
        await desk.browser.post("/signin", data=entry(desk.clock[0]))
        assert (await desk.browser.get("/queue")).status_code == 200
        with write(desk.engine) as connection:
            now_is = repo_staff.get(connection, member.id)
            assert now_is is not None
            changed = msgspec.structs.replace(now_is, version=now_is.version + 1, **changes)
            assert not isinstance(repo_staff.change(connection, changed, desk.clock[0], BY), Refusal)
        assert (await desk.browser.get("/queue")).headers["location"].startswith("/signin")
    desk.wait(timedelta(minutes=1))
    assert (await desk.browser.post("/signin", data=entry(desk.clock[0]))).status_code == 422


async def test_a_resident_signs_in_with_a_code_however_it_is_typed_and_it_works_once(desk: Desk) -> None:
    code = hand_over(desk.engine, HANAKO, NOW).secret
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in code.lower())
    form = {"way": "code", "code": f" {wide[:4]}ー{wide[4:]} ", "month": "５月", "day": "5"}
    entered = await desk.browser.post("/signin", data=form)
    assert entered.status_code == 303
    assert f"Max-Age={90 * 24 * 3600}" in entered.headers["set-cookie"]
    assert (await desk.browser.get("/")).headers["location"] == "/me"
    async with desk.another() as second:
        assert (await second.post("/signin", data=form)).status_code == 422


async def test_a_code_dies_of_five_wrong_birthdays_of_seven_days_and_of_a_newer_one(desk: Desk) -> None:
    def form(code: str, **more: str) -> dict[str, str]:
        return {"way": "code", "code": code} | BIRTH | more

    spoilt = hand_over(desk.engine, HANAKO, NOW).secret
    for _ in range(5):
        wrong = await desk.browser.post("/signin", data=form(spoilt, day="6"))
        assert wrong.status_code == 422
        assert "コードか 生まれた日が" in wrong.text
    assert (await desk.browser.post("/signin", data=form(spoilt))).status_code == 422
    older = hand_over(desk.engine, HANAKO, NOW, seed=2).secret
    newer = hand_over(desk.engine, HANAKO, NOW, seed=3).secret
    assert (await desk.browser.post("/signin", data=form(older))).status_code == 422
    desk.wait(timedelta(days=7))
    assert (await desk.browser.post("/signin", data=form(newer))).status_code == 422
    late = hand_over(desk.engine, HANAKO, NOW + timedelta(minutes=1), seed=4).secret
    assert (await desk.browser.post("/signin", data=form(late))).status_code == 303


async def test_a_card_works_again_and_again_until_it_is_revoked_and_then_signs_out(desk: Desk) -> None:
    card = hand_over(desk.engine, TARO, NOW, "card")
    way = {"way": "card", "card": f"PHR1-{card.secret.upper()}"} | BIRTH
    offered = await desk.browser.get("/signin", params={"card": way["card"]})
    assert (offered.status_code, 'name="card"' in offered.text) == (200, True)
    for _ in range(2):
        async with desk.another() as phone:
            assert (await phone.post("/signin", data=way)).status_code == 303
    assert (await desk.browser.post("/signin", data=way)).status_code == 303
    assert (await desk.browser.post("/signin", data=way | {"way": "code"})).status_code == 422, "a card is no code"
    await desk.browser.post("/signin", data=way)
    with write(desk.engine) as connection:
        assert repo_codes.revoke(connection, card.id, TARO, NOW, BY) is not None
        assert repo_codes.revoke(connection, card.id, TARO, NOW, BY) is None
    assert (await desk.browser.get("/")).headers["location"].startswith("/signin")
    assert (await desk.browser.post("/signin", data=way)).status_code == 422


async def test_a_family_member_has_a_code_of_their_own_and_needs_no_birthday(desk: Desk) -> None:
    member = relative(desk.engine, NOW)
    code = hand_over(desk.engine, member.id, NOW).secret
    entered = await desk.browser.post("/signin", data={"way": "code", "code": code})
    assert entered.status_code == 303
    assert (await desk.browser.get("/")).headers["location"] == "/family"
    with write(desk.engine) as connection:
        from engine.store import repo_family

        repo_family.end(connection, member.id, NOW)
    assert (await desk.browser.get("/")).headers["location"].startswith("/signin")


async def test_over_https_the_cookie_is_bound_to_the_host_and_browsers_are_told(desk: Desk) -> None:
    import httpx

    from engine.web.app import create_app

    employ(desk.engine, NOW, "nurse")
    app = create_app(desk.engine, desk.links, lambda: NOW, hosts=["phr.example.jp"], secure=True, city=True)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://phr.example.jp") as browser:
        page = await browser.get("/signin")
        assert 'name="token"' not in page.text, "in a city no link opens anything"
        link = desk.links.issue(NOW)
        assert (await browser.post("/signin", data={"token": link, "name": "鈴木"})).status_code == 403
        assert (await browser.get("/signin", params={"token": link})).status_code == 403
        entered = await browser.post("/signin", data=entry(NOW))
        cookie = entered.headers["set-cookie"]
        assert cookie.startswith("__Host-phr_desk=")
        assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert "max-age" in entered.headers["strict-transport-security"]
        assert (await browser.get("/queue")).status_code == 200
