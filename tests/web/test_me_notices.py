"""Where a resident is told of messages: an address is proven before it is used, and LINE is never listened to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import Engine, text

from engine.notify.line import Channel, Line
from engine.notify.mail import Mail, Server
from engine.notify.message import Message
from engine.notify.outlets import Outlets, push_of
from engine.notify.port import Failed, Sent
from engine.store import repo_addresses, repo_residents
from engine.store.database import read
from engine.web.context import Desk as Pages
from simulators.messaging.line import Account, line
from tests.web.desks import HANAKO, TARO, Desk, Page, desk

__all__ = ["desk"]
BASE = "https://phr.example.jp"
USER = f"U{'a1' * 16}"
SECRET_WORDS = "胸が痛いです"


class Kept(Mail):
    """A sink that keeps what it would hand in; the real one is proven in tests/flow/test_notify.py."""

    def __init__(self) -> None:
        super().__init__(Server(url="smtp://localhost", sender="a@example.jp", plain=True))
        self.sent: list[tuple[str, Message]] = []
        self.outcome: Sent | Failed = Sent()

    def send(self, address: str, message: Message) -> Sent | Failed:
        self.sent.append((address, message))
        return self.outcome


@pytest.fixture
def account() -> Iterator[Account]:
    with line(Account(friends={USER})) as served:
        yield served


@pytest.fixture
async def home(desk: Desk, account: Account, tmp_path: Path) -> AsyncIterator[tuple[Desk, Kept]]:
    """A resident's browser on pages that can send mail, LINE and web push."""
    mail = Kept()
    with httpx.Client(timeout=5) as client:
        channel = Channel(token=account.token, secret=account.secret, api=account.origin)
        outlets = Outlets(
            base=BASE,
            key=b"k" * 32,
            mail=mail,
            line=Line(channel, client),
            push=push_of(tmp_path, "mailto:a@example.jp"),
        )
        pages: Pages = desk.app.state.desk
        object.__setattr__(pages, "outlets", outlets)
        desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
        yield desk, mail
        assert outlets.push is not None
        outlets.push._client.close()


def addresses(engine: Engine, owner: str = HANAKO) -> list[repo_addresses.Address]:
    with read(engine) as connection:
        return repo_addresses.of(connection, Outlets(base=BASE, key=b"k" * 32).seal, owner)


async def send(desk: Desk, path: str, **fields: Any) -> httpx.Response:
    """One of the forms of the page, as a person fills it in."""
    page = await desk.browser.get("/me/notices")
    assert page.status_code == 200
    form = {"csrf": next(held["csrf"] for held in Page(page.text).forms.values() if "csrf" in held)}
    return await desk.browser.post(path, data=form | fields)


async def test_a_mail_address_is_used_only_after_its_number_came_back(home: tuple[Desk, Kept]) -> None:
    desk, mail = home
    assert (await send(desk, "/me/notices/mail", address=" hanako@example.jp ")).status_code == 303
    [(to, message)] = mail.sent
    assert to == "hanako@example.jp"
    [waits] = addresses(desk.engine)
    assert waits.verified_at is None
    number = "".join(c for c in message.body.splitlines()[0] if c.isdigit())
    wide = "".join(chr(ord(c) + 0xFEE0) for c in number)  # a phone's keyboard may type full width
    assert (await send(desk, "/me/notices/code", address=waits.id, code=wide)).headers["location"] == "/me/notices"
    assert addresses(desk.engine)[0].verified_at is not None


async def test_a_wrong_number_spoils_the_address_and_three_mails_are_a_days_worth(home: tuple[Desk, Kept]) -> None:
    desk, mail = home
    for round_ in range(3):
        await send(desk, "/me/notices/mail", address=f"hanako{round_}@example.jp")
        waits = addresses(desk.engine)[-1]
        right = "".join(c for c in mail.sent[-1][1].body.splitlines()[0] if c.isdigit())
        wrong = f"{(int(right) + 1) % 1_000_000:06}"
        assert "bad-code" in (await send(desk, "/me/notices/code", address=waits.id, code=wrong)).headers["location"]
        assert "bad-code" in (await send(desk, "/me/notices/code", address=waits.id, code=right)).headers["location"]
    refused = await send(desk, "/me/notices/mail", address="hanako9@example.jp")
    assert refused.status_code == 429
    assert "hanako9@example.jp" in refused.text, "what was typed is not typed again"
    assert len(mail.sent) == 3


@pytest.mark.parametrize("address", ["", "hanako", "a@b", "a@example.jp\r\nBcc: x@example.jp", "花子@example.jp"])
async def test_what_is_no_address_is_refused_in_words(home: tuple[Desk, Kept], address: str) -> None:
    desk, mail = home
    refused = await send(desk, "/me/notices/mail", address=address)
    assert refused.status_code == 422
    assert mail.sent == []


async def test_nobody_proves_or_removes_somebody_elses_address(home: tuple[Desk, Kept]) -> None:
    desk, mail = home
    await send(desk, "/me/notices/mail", address="hanako@example.jp")
    [hers] = addresses(desk.engine)
    number = "".join(c for c in mail.sent[0][1].body.splitlines()[0] if c.isdigit())
    desk.enter_as("resident", by=TARO, name="山田 太郎", towns=())
    await send(desk, "/me/notices/code", address=hers.id, code=number)
    await send(desk, "/me/notices/forget", address=hers.id)
    assert addresses(desk.engine) == [hers]


async def test_the_channel_is_the_residents_to_choose(home: tuple[Desk, Kept]) -> None:
    desk, _ = home
    assert (await send(desk, "/me/notices/channel", channel="line")).status_code == 303
    assert (await send(desk, "/me/notices/channel", channel="pigeon")).status_code == 400
    with read(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
    assert person is not None
    assert person.channel == "line"


async def test_only_known_push_services_can_be_subscribed(home: tuple[Desk, Kept]) -> None:
    desk, _ = home
    key = "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM"  # RFC 8291, 5
    told = {
        "endpoint": "https://fcm.googleapis.com/fcm/send/x",
        "keys": {"p256dh": key, "auth": "BTBZMqHH6r4Tts7J_aSIgg"},
    }
    assert (await send(desk, "/me/notices/push", subscription=msgspec.json.encode(told).decode())).status_code == 303
    inside = told | {"endpoint": "https://127.0.0.1/admin"}
    assert (await send(desk, "/me/notices/push", subscription=msgspec.json.encode(inside).decode())).status_code == 422
    assert [one.channel for one in addresses(desk.engine)] == ["push"]


async def test_what_is_written_to_line_gets_the_fixed_answer_and_is_kept_nowhere(
    home: tuple[Desk, Kept], account: Account
) -> None:
    desk, _ = home
    body, signature = account.event("message", USER, message={"type": "text", "id": "1", "text": SECRET_WORDS})
    answer = await desk.browser.post("/line/webhook", content=body, headers={"X-Line-Signature": signature})
    assert answer.status_code == 200
    [(_, words)] = account.replies
    assert "119" in words
    assert f"{BASE}/signin" in words
    with read(desk.engine) as connection:
        tables = [row[0] for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type='table'"))]
        everything = "".join(repr(connection.execute(text(f'SELECT * FROM "{name}"')).all()) for name in tables)
    assert SECRET_WORDS not in everything
    assert USER not in everything


@pytest.mark.parametrize("spoil", ["signature", "body", "none"])
async def test_a_web_hook_that_line_did_not_sign_is_refused(
    home: tuple[Desk, Kept], account: Account, spoil: str
) -> None:
    desk, _ = home
    body, signature = account.event("message", USER, message={"type": "text", "id": "1", "text": "x"})
    body = body + b" " if spoil == "body" else body
    headers = (
        {} if spoil == "none" else {"X-Line-Signature": signature[:-2] + "AA" if spoil == "signature" else signature}
    )
    assert (await desk.browser.post("/line/webhook", content=body, headers=headers)).status_code == 403
    assert account.replies == []


async def test_linking_line_needs_both_the_resident_and_line(home: tuple[Desk, Kept], account: Account) -> None:
    desk, _ = home
    body, signature = account.event("follow", USER)
    await desk.browser.post("/line/webhook", content=body, headers={"X-Line-Signature": signature})
    way = next(part for part in account.replies[0][1].splitlines() if "link_token=" in part)
    page = await desk.browser.get(way.removeprefix(BASE))
    token = Page(page.text).forms["/me/notices/line"]["token"]
    onward = await desk.browser.post("/me/notices/line", data=Page(page.text).forms["/me/notices/line"])
    [dialog] = [
        held["href"] or ""
        for tag, held in Page(onward.text).tags
        if tag == "a" and "accountLink" in (held.get("href") or "")
    ]
    nonce = httpx.URL(dialog).params["nonce"]
    forged, mark = account.event("accountLink", USER, link={"result": "ok", "nonce": nonce[:-4] + "AAAA"})
    await desk.browser.post("/line/webhook", content=forged, headers={"X-Line-Signature": mark})
    assert addresses(desk.engine) == [], "a nonce we did not make links nobody"
    body, signature = account.linked(token, nonce)
    await desk.browser.post("/line/webhook", content=body, headers={"X-Line-Signature": signature})
    [linked] = addresses(desk.engine)
    assert (linked.owner, linked.channel, linked.address) == (HANAKO, "line", USER)
