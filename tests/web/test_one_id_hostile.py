"""The city's ID when its provider, or whoever stands between, lies: everything is refused by its reason or recovered."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.identity_one import CARD_HOLDS, FLOW_LIFE, TICKET_LIFE
from engine.one_id import Client
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import audit, repo_one_id, repo_one_id_ways
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.repo_one_id import Subject
from engine.store.tables_rights import LOGOUT_TOKEN, SIGN_IN_FLOW
from engine.web import oidc
from engine.web.context import COOKIE
from engine.web.oidc import KEYS_PAUSE, OneId
from simulators.messaging.serving import Quiet
from tests.hostile_provider import (
    Liar,
    confused,
    elsewhere,
    huge,
    lying,
    only,
    signed,
    slow,
    status,
    unsigned,
)
from tests.identity_provider import way_in
from tests.web.accounts import hand_over
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
MINUTE = timedelta(minutes=1)
AT = int(NOW.timestamp())


@pytest.fixture(scope="module")
def _served() -> Iterator[Liar]:
    with lying() as made:
        yield made


@pytest.fixture
def liar(_served: Liar) -> Liar:
    fresh = Liar(issuer=_served.issuer)
    _served.__dict__.update(fresh.__dict__)
    return _served


@dataclass
class Door:
    """Our pages with the lying provider behind them."""

    desk: Desk
    liar: Liar
    one_id: OneId

    async def start(self, browser: httpx.AsyncClient | None = None, /, **more: Any) -> dict[str, str]:
        """What our question to the provider says: its state, nonce and the rest."""
        answer = await (browser or self.desk.browser).post("/one-id/start", data=more)
        return {name: value[0] for name, value in parse_qs(urlsplit(way_in(answer.text)).query).items()}

    async def back(
        self, asked: dict[str, str], browser: httpx.AsyncClient | None = None, /, **more: Any
    ) -> httpx.Response:
        given = {"code": "c", "state": asked["state"], "iss": self.liar.issuer} | more
        query = {name: value for name, value in given.items() if value is not None}
        return await (browser or self.desk.browser).get("/one-id/back", params=query)

    async def sign_in(self, **claims: Any) -> httpx.Response:
        """There and back with a good token, or one with these claims."""
        asked = await self.start()
        self.liar.token = signed(self.liar.claims(self.desk.clock[0], asked["nonce"], **claims))
        return await self.back(asked)

    def link(self, holder: str = HANAKO, subject: str = "sub-1") -> None:
        with write(self.desk.engine) as connection:
            who = Subject(self.liar.issuer, "phr", subject)
            made = repo_one_id.link(connection, who, holder, "operator", self.desk.clock[0], By("test", "test"))
            assert not isinstance(made, Refusal), made

    @property
    def is_in(self) -> bool:
        return COOKIE in self.desk.browser.cookies


@pytest.fixture
async def door(desk: Desk, liar: Liar) -> AsyncIterator[Door]:
    one_id = OneId(Client(issuer=liar.issuer, client_id="phr", secret="s", card="urn:card"))
    desk.app.state.desk = replace(desk.app.state.desk, one_id=one_id)
    yield Door(desk, liar, one_id)
    one_id.close()


def why(answer: httpx.Response) -> str:
    """The reason code on a page that says sorry."""
    return answer.text.split('data-sorry="')[1].split('"')[0]


async def test_a_good_answer_signs_in_so_that_what_follows_is_refused_for_its_fault_alone(door: Door) -> None:
    door.link()
    answer = await door.sign_in()
    assert (answer.status_code, door.is_in) == (200, True)
    assert (await door.desk.browser.get("/me")).status_code == 200


FORGED: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "nobody signed it": (unsigned, "algorithm"),
    "nobody signed it, in capitals": (lambda said: unsigned(said, alg="NONE"), "algorithm"),
    "the public key as a secret": (confused, "algorithm"),
    "a key of its own under a published name": (lambda said: signed(said, "k9", kid="k1"), "signature"),
    "a key that is not published": (lambda said: signed(said, "k9"), "unknown-key"),
    "no name of a key, signed by another": (lambda said: signed(said, "k9", kid=None), "signature"),
    "another service's": (lambda said: signed(said | {"aud": "bus"}), "audience"),
    "ours and another service's": (lambda said: signed(said | {"aud": ["phr", "bus"]}), "audience"),
    "given to another service": (lambda said: signed(said | {"azp": "bus"}), "audience"),
    "another provider's": (lambda said: signed(said | {"iss": "https://evil.example"}), "issuer"),
    "the provider's with a stroke more": (lambda said: signed(said | {"iss": said["iss"] + "/"}), "issuer"),
    "the answer to another question": (lambda said: signed(said | {"nonce": "another"}), "nonce"),
    "the answer to no question": (lambda said: signed({k: v for k, v in said.items() if k != "nonce"}), "nonce"),
    "over": (lambda said: signed(said | {"exp": AT - 61}), "expired"),
    "without an end": (lambda said: signed({k: v for k, v in said.items() if k != "exp"}), "bad-token"),
    "made long ago": (lambda said: signed(said | {"iat": AT - 3600}), "expired"),
    "made in the future": (lambda said: signed(said | {"iat": AT + 120, "exp": AT + 600}), "from-the-future"),
    "good only from tomorrow": (lambda said: signed(said | {"nbf": AT + 86_400}), "from-the-future"),
    "about nobody": (lambda said: signed(said | {"sub": ""}), "no-subject"),
    "about a list": (lambda said: signed(said | {"sub": ["sub-1"]}), "no-subject"),
    "of a sign-in of yesterday": (lambda said: signed(said | {"auth_time": AT - 86_400}), "stale-login"),
    "of a sign-in that is not told": (lambda said: signed({k: v for k, v in said.items() if k != "auth_time"}), "stale-login"),
    "with another access token's hash": (lambda said: signed(said | {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "at-hash"),
    "a logout token": (lambda said: signed(said, typ="logout+jwt"), "wrong-type"),
    "an access token": (lambda said: signed(said, typ="at+jwt"), "wrong-type"),
    "with an extension we must understand": (lambda said: unsigned(said, alg="RS256", crit=["x"]) + "AA", "algorithm"),
    "no token": (lambda said: "no token at all", "bad-token"),
    "five parts": (lambda said: "a.b.c.d.e", "bad-token"),
    "endless": (lambda said: signed(said | {"more": "x" * 20_000}), "bad-token"),
}  # fmt: skip


async def test_every_forged_token_is_refused_by_its_reason_and_lets_nobody_in(door: Door) -> None:
    door.link()
    found = {}
    for name, (forge, _) in FORGED.items():
        asked = await door.start()
        door.liar.token = forge(door.liar.claims(NOW, asked["nonce"]))
        found[name] = why(await door.back(asked))
        # Asking for a key that is unknown is not done twice in a row.
        door.one_id._keys = None
    assert found == {name: code for name, (_, code) in FORGED.items()}
    assert not door.is_in
    with read(door.desk.engine) as connection:
        told = [one.action for one in audit.entries(connection, limit=500)]
    assert told.count(repo_one_id.REFUSED) == len(FORGED) - 2, (
        "every forgery stands in the audit; a stale login is none"
    )


async def test_an_answer_serves_once_and_in_the_browser_that_asked_alone(door: Door) -> None:
    door.link()
    asked = await door.start()
    door.liar.token = signed(door.liar.claims(NOW, asked["nonce"]))
    async with door.desk.another() as thief:
        assert why(await door.back(asked, thief)) == "no-way", "the victim's answer in another browser"
        await door.start(thief)
        assert why(await door.back(asked, thief)) == "no-way", "which is on a way of its own"
        assert COOKIE not in thief.cookies
    assert (await door.back(asked)).status_code == 200, "the thief used nothing up"
    assert why(await door.back(asked)) == "no-way", "the same answer again"
    assert why(await door.back({"state": "never asked"})) == "no-way"


async def test_a_way_that_took_too_long_is_over(door: Door) -> None:
    door.link()
    asked = await door.start()
    door.desk.wait(FLOW_LIFE)
    door.liar.token = signed(door.liar.claims(door.desk.clock[0], asked["nonce"]))
    assert why(await door.back(asked)) == "no-way"
    await door.start()
    with read(door.desk.engine) as connection:
        assert len(connection.execute(SIGN_IN_FLOW.select()).all()) == 1, "what is over is cleared away"


@pytest.mark.parametrize(
    ("given", "code"),
    [({"iss": "https://evil.example"}, "mixed-up"), ({"iss": None}, "mixed-up"), ({"code": None}, "no-code"),
     ({"code": "a\nb"}, "no-code"), ({"error": "access_denied"}, "not-done"), ({"error": "server_error"}, "provider-busy"),
     ({"error": "<script>"}, "provider-refused")],
)  # fmt: skip
async def test_an_answer_by_the_wrong_provider_or_without_a_code_goes_nowhere(
    door: Door, given: dict[str, str | None], code: str
) -> None:
    asked = await door.start()
    door.liar.asked.clear()
    answer = await door.back(asked, **given)
    assert why(answer) == code
    assert "<script>" not in answer.text
    assert "/token" not in {path for path, _ in door.liar.asked}, "no code of ours goes to anybody"


async def test_our_question_asks_for_a_subject_alone_and_only_a_hash_of_the_verifier_leaves_first(door: Door) -> None:
    door.link()
    asked = await door.start()
    assert (asked["scope"], asked["response_type"], asked["code_challenge_method"]) == ("openid", "code", "S256")
    assert asked["redirect_uri"] == "http://127.0.0.1:8321/one-id/back"
    door.liar.token = signed(
        door.liar.claims(NOW, asked["nonce"], name="山田 花子", email="h@example.jp", birthdate="1951-05-05")
    )
    await door.back(asked)
    [form] = [body for path, body in door.liar.asked if path == "/token"]
    assert parse_qs(form)["redirect_uri"] == [asked["redirect_uri"]]
    place = door.desk.engine.url.database or ""
    stored = b"".join(Path(name).read_bytes() for name in (place, f"{place}-wal"))  # noqa: ASYNC240
    for secret in (
        door.liar.token.split(".")[1],
        "h@example.jp",
        asked["nonce"],
        asked["state"],
        parse_qs(form)["code_verifier"][0],
    ):
        assert secret.encode() not in stored
    assert b"sub-1" in stored


@pytest.mark.parametrize(
    ("fault", "code"),
    [(status(500), "provider-down"), (status(503, b"busy"), "provider-down"), (status(400, b'{"error":"invalid_grant"}'), "code-spent"),
     (status(401, b'{"error":"invalid_client"}'), "provider-refused"), (status(200, b"<html>"), "bad-answer"),
     (status(200, b"{}"), "no-token"), (status(200, b"[" * 100_000), "bad-answer"), (huge, "bad-answer"), (elsewhere, "bad-answer"), (slow, "bad-answer")],
)  # fmt: skip
async def test_a_provider_that_breaks_when_asked_for_the_token_is_told_of_in_plain_words(
    door: Door, fault: Callable[[Quiet, str], bool], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "_WHOLE", 0.2)
    asked = await door.start()
    door.liar.answer = only("/token", fault)
    answer = await door.back(asked)
    assert why(answer) == code
    assert answer.status_code in {400, 403, 503}
    assert not door.is_in


async def test_while_the_provider_is_down_for_a_day_codes_work_and_sessions_end_in_their_time(door: Door) -> None:
    door.link()
    await door.sign_in()
    door.liar.answer = status(500)
    door.desk.wait(timedelta(hours=24))
    assert (await door.desk.browser.get("/me")).status_code == 200, "a session goes on without the provider"
    async with door.desk.another() as other:
        # What is known of the provider for so long holds; only the token is not to be had.
        asked = await door.start(other)
        assert why(await door.back(asked, other)) == "provider-down"
        code = hand_over(door.desk.engine, TARO, door.desk.clock[0]).secret
        entered = await other.post("/signin", data={"way": "code", "code": code, "month": "5", "day": "5"})
        assert entered.status_code in {303, 422}
    door.desk.wait(timedelta(days=90))
    assert (await door.desk.browser.get("/me")).status_code == 303, "and ends on time"
    door.liar.answer = None
    door.desk.wait(MINUTE)
    await door.sign_in()
    page = await door.desk.browser.get("/account")
    assert page.status_code == 200
    door.liar.answer = status(500)
    door.desk.wait(oidc.DISCOVERY_LIFE)
    asked_so_far = len(door.liar.asked)
    left = await door.desk.browser.post("/signout", data=Page(page.text).forms["/signout"])
    assert f"{door.liar.issuer}/leave?client_id=phr" in left.text
    assert len(door.liar.asked) == asked_so_far, "signing out waits for nobody"


async def test_a_provider_that_never_answered_leaves_the_other_ways_in(door: Door) -> None:
    door.liar.answer = status(503)
    answer = await door.desk.browser.post("/one-id/start")
    assert (answer.status_code, why(answer)) == (503, "provider-down")
    assert '<a class="button" href="/signin">' in answer.text
    asked = len(door.liar.asked)
    await door.desk.browser.post("/one-id/start")
    assert len(door.liar.asked) == asked, "nobody waits for the same silence twice in a row"


@pytest.mark.parametrize(
    "told",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": None},
     {"authorization_endpoint": "javascript:alert(1)"}, {"code_challenge_methods_supported": ["plain"]},
     {"response_types_supported": ["id_token"]}, {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}],
)  # fmt: skip
async def test_a_provider_that_is_another_one_or_asks_for_less_is_not_used(door: Door, told: dict[str, Any]) -> None:
    door.liar.told = told
    answer = await door.desk.browser.post("/one-id/start")
    assert why(answer) in {"issuer", "bad-provider"}


async def test_changed_keys_are_fetched_once_and_a_flood_of_unknown_ones_fetches_nothing_more(door: Door) -> None:
    door.link()
    await door.sign_in()
    door.desk.browser.cookies.clear()
    door.liar.published = ["k2"]
    door.desk.wait(KEYS_PAUSE)
    asked = await door.start()
    door.liar.token = signed(door.liar.claims(door.desk.clock[0], asked["nonce"]), "k2")
    assert (await door.back(asked)).status_code == 200
    fetched = [path for path, _ in door.liar.asked].count("/keys")
    assert fetched == 2
    for number in range(30):
        order = signed(door.liar.order(door.desk.clock[0], jti=f"flood {number}"), "k3")
        assert (await door.desk.browser.post("/one-id/logout", data={"logout_token": order})).status_code == 400
    assert [path for path, _ in door.liar.asked].count("/keys") == fetched


async def test_a_logout_of_the_provider_is_obeyed_once_and_a_forged_one_never(door: Door) -> None:
    door.link()
    await door.sign_in()
    good = door.liar.order(NOW)
    lies = {
        "no event": (signed({k: v for k, v in good.items() if k != "events"}), "wrong-type"),
        "another event": (signed(good | {"events": {"urn:other": {}}}), "wrong-type"),
        "an ID token": (signed(door.liar.claims(NOW, "n")), "wrong-type"),
        "with a nonce": (signed(good | {"nonce": "n"}), "wrong-type"),
        "typed as another": (signed(good, typ="at+jwt"), "wrong-type"),
        "another service's": (signed(good | {"aud": "bus"}), "audience"),
        "another provider's": (signed(good | {"iss": "https://evil.example"}), "issuer"),
        "over": (signed(good | {"exp": AT - 61}), "expired"),
        "from the future": (signed(good | {"iat": AT + 120}), "from-the-future"),
        "without a number": (signed({k: v for k, v in good.items() if k != "jti"}), "bad-token"),
        "about nobody": (signed({k: v for k, v in good.items() if k not in {"sub", "sid"}}), "no-subject"),
        "unsigned": (unsigned(good), "algorithm"),
        "confused": (confused(good), "algorithm"),
        "of a key of its own": (signed(good, "k9", kid="k1"), "signature"),
        "nothing": ("", "bad-token"),
    }  # fmt: skip
    found = {}
    for name, (token, _) in lies.items():
        refused = await door.desk.browser.post("/one-id/logout", data={"logout_token": token})
        assert (refused.status_code, refused.headers["cache-control"]) == (400, "no-store")
        found[name] = refused.json()["error_description"]
    assert found == {name: code for name, (_, code) in lies.items()}
    assert (await door.desk.browser.get("/me")).status_code == 200, "no lie signed anybody out"
    other = signed(good | {"jti": "j2", "sid": "sid-2"})
    assert (await door.desk.browser.post("/one-id/logout", data={"logout_token": other})).status_code == 200
    assert (await door.desk.browser.get("/me")).status_code == 200, "another session of theirs ended there"
    order = signed(good, typ="logout+jwt")
    assert (await door.desk.browser.post("/one-id/logout", data={"logout_token": order})).status_code == 200
    assert (await door.desk.browser.get("/me")).status_code == 303
    door.desk.wait(timedelta(seconds=1))
    await door.sign_in()
    again = await door.desk.browser.post("/one-id/logout", data={"logout_token": order})
    assert (again.status_code, again.json()["error_description"]) == (400, "replayed")
    assert (await door.desk.browser.get("/me")).status_code == 200
    door.desk.wait(timedelta(hours=1))
    late = await door.desk.browser.post("/one-id/logout", data={"logout_token": order})
    assert late.json()["error_description"] == "expired", "after it is forgotten it is too old"
    fresh = signed(door.liar.order(door.desk.clock[0], jti="j3", sid=None))
    assert (await door.desk.browser.post("/one-id/logout", data={"logout_token": fresh})).status_code == 200
    assert (await door.desk.browser.get("/me")).status_code == 303, "without a session of theirs: everything of theirs"
    with read(door.desk.engine) as connection:
        assert len(connection.execute(LOGOUT_TOKEN.select()).all()) == 2, "what is too old anyway is not remembered"


async def test_whoever_was_signed_in_before_at_the_providers_gets_nobodys_record(door: Door) -> None:
    """A shared computer: the one before is still signed in at the provider, and the next has a code of the desk."""
    code = hand_over(door.desk.engine, HANAKO, NOW).secret
    asked = await door.start()
    door.liar.token = signed(door.liar.claims(NOW, asked["nonce"], auth_time=AT - 300))
    page = await door.back(asked)
    forms = Page(page.text).forms
    assert "/one-id/link" not in forms, "no place for a code yet"
    again = await door.desk.browser.post("/one-id/start", data=forms["/one-id/start"])
    asked = {name: value[0] for name, value in parse_qs(urlsplit(way_in(again.text)).query).items()}
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    door.liar.token = signed(door.liar.claims(NOW, asked["nonce"], auth_time=AT - 300))
    assert why(await door.back(asked)) == "stale-login", "the provider did not ask who it is"
    asked = await door.start(purpose="link")
    door.liar.token = signed(door.liar.claims(NOW, asked["nonce"]))
    form = Page((await door.back(asked)).text).forms["/one-id/link"]
    async with door.desk.another() as thief:
        stolen = await thief.post("/one-id/link", data=form | {"code": code, "month": "5", "day": "5"})
        assert why(stolen) == "no-way", "a ticket is its browser's"
    leave = signed(door.liar.order(NOW, jti="stood up"))
    assert (await door.desk.browser.post("/one-id/logout", data={"logout_token": leave})).status_code == 200
    left = await door.desk.browser.post("/one-id/link", data=form | {"code": code, "month": "5", "day": "5"})
    assert why(left) == "no-way", "who had the page open signed out there: the next one does not go on with it"
    door.desk.wait(MINUTE)
    asked = await door.start(purpose="link")
    door.liar.token = signed(door.liar.claims(door.desk.clock[0], asked["nonce"]))
    form = Page((await door.back(asked)).text).forms["/one-id/link"]
    door.desk.wait(TICKET_LIFE)
    late = await door.desk.browser.post("/one-id/link", data=form | {"code": code, "month": "5", "day": "5"})
    assert why(late) == "no-way"
    assert not door.is_in


async def test_who_unlinks_their_own_id_is_out_and_the_id_opens_nothing(door: Door) -> None:
    door.link()
    await door.sign_in()
    page = await door.desk.browser.get("/account/one-id")
    form = Page(page.text).forms["/account/one-id/unlink"]
    ended = await door.desk.browser.post("/account/one-id/unlink", data=form)
    assert "IDは はずれました。" in ended.text
    assert (await door.desk.browser.get("/me")).status_code == 303
    assert "まだ つながっていません" in (await door.sign_in()).text


async def test_two_who_link_the_same_id_at_once_are_one(door: Door) -> None:
    who, found = Subject(door.liar.issuer, "phr", "sub-7"), []

    def link(holder: str) -> None:
        with write(door.desk.engine) as connection:
            found.append(repo_one_id.link(connection, who, holder, "code", NOW, By(holder, "test")))

    threads = [threading.Thread(target=link, args=(holder,)) for holder in (HANAKO, TARO)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(not isinstance(one, Refusal) for one in found) == 1
    assert [one.code for one in found if isinstance(one, Refusal)] == ["another-holder"]


async def test_too_many_ways_at_once_are_slowed_down_not_stored(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repo_one_id_ways, "MOST_FLOWS", 2)
    for _ in range(2):
        await door.start()
    answer = await door.desk.browser.post("/one-id/start")
    assert (answer.status_code, why(answer)) == (429, "slow-down")
    door.desk.wait(FLOW_LIFE)
    assert (await door.start())["state"]


async def test_more_consent_takes_the_card_held_just_now_and_less_takes_nothing(door: Door) -> None:
    door.link()
    browser = door.desk.browser

    async def say(granted: str) -> str:
        page = await browser.get("/me/consents")
        csrf = Page(page.text).forms["/me/consents"]["csrf"]
        form = {"csrf": csrf, "purpose": "learning", "granted": granted}
        return str((await browser.post("/me/consents", data=form)).headers.get("location", ""))

    await door.sign_in(acr="urn:app")
    assert await say("yes") == "/one-id/card?next=/me/consents"
    assert await say("no") == "/me/consents#learning"
    form = Page((await browser.get("/one-id/card?next=/me/consents")).text).forms["/one-id/card"]
    sent = await browser.post("/one-id/card", data=form)
    asked = {name: value[0] for name, value in parse_qs(urlsplit(way_in(sent.text)).query).items()}
    assert (asked["acr_values"], asked["prompt"], asked["max_age"]) == ("urn:card", "login", "0")
    door.liar.token = signed(door.liar.claims(NOW, asked["nonce"]))
    await door.back(asked)
    assert await say("yes") == "/me/consents#learning"
    door.desk.wait(CARD_HOLDS + MINUTE)
    assert await say("yes") == "/one-id/card?next=/me/consents", "the card was held too long ago"
    # Whoever signs in by a code and is linked holds a card, too; who is not linked loses no right.
    door.desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    assert await say("yes") == "/one-id/card?next=/me/consents"
    door.desk.enter_as("resident", by=TARO, name="山田 太郎", towns=())
    assert await say("yes") == "/me/consents#learning"


async def test_what_somebody_typed_before_they_had_to_sign_in_comes_back_with_them(door: Door) -> None:
    door.link()
    csrf = door.desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=()).csrf
    door.desk.wait(timedelta(days=90, minutes=1))
    sent = await door.desk.browser.post(
        "/me/contact", data={"csrf": csrf, "text": "腰のことで相談です。", "kind": "call"}
    )
    form = Page(sent.text).forms["/one-id/start"]
    assert form["kept"]
    asked = await door.start(**form)
    door.liar.token = signed(door.liar.claims(door.desk.clock[0], asked["nonce"]))
    resumed = await door.back(asked)
    assert "腰のことで相談です。" in resumed.text
    assert Page(resumed.text).forms["/me/contact"]["text"] == "腰のことで相談です。"


async def test_whatever_comes_back_from_anywhere_no_page_breaks(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    rng = Random(7)
    pieces = [
        "",
        "a",
        "\0",
        "山",
        "%00",
        "x" * 3000,
        "[]",
        "{}",
        "..",
        "eyJhbGciOiJSUzI1NiJ9.e30.AA",
        "1e400",
        "\ud7ff",
        "null",
    ]
    for _ in range(120):
        given_ = {
            name: rng.choice(pieces)
            for name in rng.sample(
                [
                    "code",
                    "state",
                    "iss",
                    "error",
                    "ticket",
                    "month",
                    "day",
                    "kept",
                    "next",
                    "lang",
                    "logout_token",
                    "purpose",
                ],
                5,
            )
        }
        path = rng.choice(["/one-id/start", "/one-id/link", "/one-id/logout", "/one-id/card"])
        answers = [
            await door.desk.browser.get("/one-id/back", params=given_),
            await door.desk.browser.post(path, data=given_),
        ]
        assert all(one.status_code < 500 or "provider-down" in one.text for one in answers), (path, given_)
    assert "bug:" not in caplog.text


async def test_without_a_provider_there_is_no_such_page_and_no_button(desk: Desk) -> None:
    assert "/one-id/start" not in (await desk.browser.get("/signin")).text
    for method, path in (
        ("POST", "/one-id/start"),
        ("GET", "/one-id/back"),
        ("POST", "/one-id/link"),
        ("POST", "/one-id/logout"),
    ):
        assert (await desk.browser.request(method, path)).status_code == 404


@given(st.text(max_size=200), st.dictionaries(st.text(max_size=5), st.text(max_size=40), max_size=3))
@settings(max_examples=60)
def test_no_text_is_taken_for_a_ticket(text: str, given_: dict[str, str]) -> None:
    from engine.identity_one import ticket_of

    assert ticket_of(seal_of(None), text, given_.get("browser", "b"), NOW) is None
