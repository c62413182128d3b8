"""Telling people that there is a message: every channel against a stand-in that speaks the real protocol."""

from __future__ import annotations

import email
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from sqlalchemy import Engine

from engine.notify.line import Channel, Line
from engine.notify.mail import Mail, Server
from engine.notify.message import BACKOFF, LEASE, message_of
from engine.notify.outlets import Outlets, push_of
from engine.notify.port import Failed, Sent
from engine.notify.push import Push
from engine.notify.sending import FAMILY, pump
from engine.people import Resident
from engine.store import repo_addresses, repo_consents, repo_family, repo_notices, repo_outbox, repo_residents
from engine.store.database import read, write
from simulators.messaging.line import Account, line
from simulators.messaging.push_service import Browser, push_service
from simulators.messaging.serving import identity_in
from tests.flow.furnished import store
from tests.homes import HANAKO, TARO, consent
from tests.servers import free_port
from tests.web.desks import item, put

__all__ = ["store"]
# A Saturday at noon in Japan; nothing is quiet then.
NOON = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
BASE = "https://phr.example.jp"
KEY = b"k" * 32
USER = f"U{'a1' * 16}"
FORBIDDEN = ("9876", "BMI", "kg", "血圧", "体重", "山田", "花子", "太郎")


@dataclass
class Mailbox:
    """What a real SMTP server took, and what it answers next."""

    letters: list[Any] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:  # noqa: N802
        assert session.ssl is not None, "the letter came without TLS"
        assert isinstance(envelope.content, bytes)
        self.letters.append(email.message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def post_office(tmp_path: Path) -> Iterator[tuple[Mailbox, Mail]]:
    """A mail server that wants STARTTLS and a password, and a sink that knows both."""
    box, identity = Mailbox(), identity_in(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)

    def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"phr", b"secret"))

    server = Controller(
        box, "127.0.0.1", free_port(), tls_context=context, require_starttls=True, authenticator=known,
        auth_required=True,
    )  # fmt: skip
    server.start()
    place = Server(
        url=f"smtp://localhost:{server.port}", sender="Minato PHR <phr@example.jp>", username="phr", password="secret",
        ca_file=str(identity),
    )  # fmt: skip
    try:
        yield box, Mail(place)
    finally:
        server.stop()
        server.loop.close()


@pytest.fixture
def account() -> Iterator[Account]:
    with line(Account(friends={USER})) as served:
        yield served


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[tuple[Browser, Push]]:
    """A browser behind a push service over TLS, and a sink that trusts that service."""
    identity = identity_in(tmp_path)
    key = push_of(tmp_path, "mailto:phr@example.jp")._key
    trust = ssl.create_default_context(cafile=identity)
    with push_service(Browser(), identity) as served, httpx.Client(verify=trust) as client:
        yield (
            served,
            Push(key, "mailto:phr@example.jp", lambda: datetime.now(UTC), services=["127.0.0.1"], client=client),
        )


@pytest.fixture
def outlets(account: Account) -> Iterator[Outlets]:
    """LINE as the one way out."""
    with httpx.Client(timeout=5) as client:
        channel = Channel(token=account.token, secret=account.secret, api=account.origin)
        yield Outlets(base=BASE, key=KEY, line=Line(channel, client))


def settle(engine: Engine, now: datetime, *, tell: str = HANAKO, channel: str = "mail", urgent: bool = False) -> None:
    """Advice of a resident with that channel was delivered, and a notice of it is owed."""
    with write(engine) as connection:
        person = repo_residents.get(connection, tell)
        assert person is not None
        changed = msgspec.structs.replace(person, channel=channel, version=person.version + 1)
        assert isinstance(repo_residents.edit(connection, changed, now, actor="t", os_user="t"), Resident)
    severity = "urgent" if urgent else "routine"
    put(engine, item("told", severity, resident_id=tell, state="delivered"))
    with write(engine) as connection:
        assert repo_notices.owe(connection, tell, "advice", item("told").id, now, urgent=urgent)
        assert not repo_notices.owe(connection, tell, "advice", item("told").id, now, urgent=urgent)


def reachable(engine: Engine, outlets: Outlets, channel: str, address: str, owner: str = HANAKO) -> None:
    with write(engine) as connection:
        repo_addresses.add(
            connection, outlets.seal, owner, channel, address, NOON, Random(owner + channel), verified=True
        )


def state_of(engine: Engine, who: str = HANAKO) -> tuple[str, str | None]:
    with read(engine) as connection:
        [found] = repo_notices.of(connection, who)
    return found.state, found.error


def rounds(engine: Engine, outlets: Outlets, now: datetime) -> int:
    return pump(engine, outlets.sinks, outlets.seal, BASE, now)


def says_nothing(words: str) -> None:
    """A sign-in page and that there is a message: no value, no name, no advice."""
    assert f"{BASE}/signin" in words
    assert [one for one in FORBIDDEN if one in words] == []


def test_a_letter_goes_out_once_over_tls_and_says_nothing(store: Engine, post_office: tuple[Mailbox, Mail]) -> None:
    box, mail = post_office
    outlets = Outlets(base=BASE, key=KEY, mail=mail)
    reachable(store, outlets, "mail", "hanako@example.jp")
    settle(store, NOON)
    assert rounds(store, outlets, NOON) == 1
    assert rounds(store, outlets, NOON + timedelta(days=2)) == 0
    [letter] = box.letters
    assert letter["To"] == "hanako@example.jp"
    assert letter["Auto-Submitted"] == "auto-generated"
    says_nothing(str(letter["Subject"]) + letter.get_content() + f"{BASE}/signin")
    says_nothing(letter.get_content())
    assert state_of(store) == ("sent", None)


@pytest.mark.parametrize(
    ("answer", "code", "gone"),
    [("450 4.2.1 busy", "refused-450", False), ("550 5.1.1 no such user", "refused-550", True),
     ("554 5.7.1 not liked", "refused-554", False)],
)  # fmt: skip
def test_a_refused_letter_says_whether_the_address_is_dead(
    post_office: tuple[Mailbox, Mail], answer: str, code: str, gone: bool
) -> None:
    box, mail = post_office
    box.answers.append(answer)
    assert mail.send("hanako@example.jp", message_of("ja", BASE, "1")) == Failed(code, gone=gone)


def test_without_tls_or_with_a_wrong_password_no_letter_leaves(post_office: tuple[Mailbox, Mail]) -> None:
    box, mail = post_office
    right = mail._server
    strangers = msgspec.structs.replace(right, ca_file=None)
    assert Mail(strangers).send("a@example.jp", message_of("ja", BASE, "1")) == Failed("network")
    wrong = msgspec.structs.replace(right, password="guess")
    assert isinstance(Mail(wrong).send("a@example.jp", message_of("ja", BASE, "1")), Failed)
    assert box.letters == []


def test_nobody_is_woken_but_for_something_urgent(store: Engine, post_office: tuple[Mailbox, Mail]) -> None:
    box, mail = post_office
    outlets = Outlets(base=BASE, key=KEY, mail=mail)
    night = datetime(2026, 11, 21, 13, 30, tzinfo=UTC)  # half past ten in the evening in Japan
    reachable(store, outlets, "mail", "hanako@example.jp")
    reachable(store, outlets, "mail", "taro@example.jp", TARO)
    settle(store, night)
    assert rounds(store, outlets, night) == 0
    with write(store) as connection:
        assert repo_notices.owe(connection, TARO, "answer", "q-aaaaaaaaaaaaa", night, urgent=True)
    assert rounds(store, outlets, night) == 1
    assert [letter["To"] for letter in box.letters] == ["taro@example.jp"], "in haste every address serves"
    assert rounds(store, outlets, datetime(2026, 11, 21, 21, 59, tzinfo=UTC)) == 0
    assert rounds(store, outlets, datetime(2026, 11, 21, 22, 0, tzinfo=UTC)) == 1
    assert [letter["To"] for letter in box.letters] == ["taro@example.jp", "hanako@example.jp"]


def test_a_lost_answer_of_line_leads_to_one_message(store: Engine, account: Account, outlets: Outlets) -> None:
    reachable(store, outlets, "line", USER)
    settle(store, NOON, channel="line")
    account.faults = ["lost", "429", "500"]
    assert rounds(store, outlets, NOON) == 0
    assert rounds(store, outlets, NOON) == 0, "not before its time"
    now = NOON
    for wait in BACKOFF:
        now += max(wait, LEASE)
        rounds(store, outlets, now)
    assert [user for user, _ in account.got] == [USER]
    says_nothing(account.got[0][1])
    assert state_of(store) == ("sent", None)


def test_a_user_who_blocked_the_account_is_not_tried_again(store: Engine, account: Account, outlets: Outlets) -> None:
    account.friends.clear()
    reachable(store, outlets, "line", USER)
    settle(store, NOON, channel="line")
    assert rounds(store, outlets, NOON) == 0
    assert state_of(store) == ("failed", "refused-400")
    with read(store) as connection:
        [address] = repo_addresses.of(connection, outlets.seal, HANAKO)
    assert address.failed_at == NOON


def test_a_browser_is_shown_a_signal_that_only_it_can_read(store: Engine, browser: tuple[Browser, Push]) -> None:
    shown, push = browser
    outlets = Outlets(base=BASE, key=KEY, push=push)
    reachable(store, outlets, "push", shown.subscription())
    settle(store, NOON, channel="page", urgent=True)
    shown.faults = [429]
    assert rounds(store, outlets, NOON) == 0
    assert rounds(store, outlets, NOON + BACKOFF[0] + LEASE) == 1
    assert [sorted(one) for one in shown.shown] == [["link", "title"]]
    says_nothing(shown.shown[0]["title"] + shown.shown[0]["link"])
    assert shown.asked[0]["Urgency"] == "high"


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_unsubscribed_is_forgotten(browser: tuple[Browser, Push], status: int) -> None:
    shown, push = browser
    shown.faults = [status]
    assert push.send(shown.subscription(), message_of("ja", BASE, "1")) == Failed(f"refused-{status}", gone=True)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1/x", "https://169.254.169.254/x", "https://127.0.0.1.evil.jp/x", "file:///etc"]
)
def test_only_known_push_services_are_called(browser: tuple[Browser, Push], endpoint: str) -> None:
    shown, push = browser
    told = msgspec.json.decode(shown.subscription()) | {"endpoint": endpoint}
    outcome = push.send(msgspec.json.encode(told).decode(), message_of("ja", BASE, "1"))
    assert outcome == Failed("bad-subscription", gone=True)


def test_a_sender_that_dies_between_taking_and_settling_forgets_nothing(
    store: Engine, account: Account, outlets: Outlets
) -> None:
    reachable(store, outlets, "line", USER)
    settle(store, NOON, channel="line")
    with write(store) as connection:
        [notice] = repo_notices.due(connection, NOON)
        assert repo_notices.take(connection, notice, NOON + LEASE)
        assert not repo_notices.take(connection, notice, NOON + LEASE), "of two senders one has it"
    assert rounds(store, outlets, NOON) == 0
    assert rounds(store, outlets, NOON + LEASE) == 1


def test_what_was_taken_back_is_not_announced(store: Engine, account: Account, outlets: Outlets) -> None:
    reachable(store, outlets, "line", USER)
    with write(store) as connection:
        repo_notices.owe(connection, HANAKO, "advice", "a-neverwasthere", NOON)
    assert rounds(store, outlets, NOON) == 0
    assert state_of(store) == ("needless", "withdrawn")
    assert account.got == []


def test_family_is_told_only_while_the_resident_agrees(store: Engine, account: Account, outlets: Outlets) -> None:
    settle(store, NOON, channel="page", urgent=True)
    with write(store) as connection:
        member = repo_family.add(connection, "山田 次郎", "son", "ja", NOON, Random(3))
        repo_addresses.add(connection, outlets.seal, member.id, "line", USER, NOON, Random(1), verified=True)
        said = msgspec.structs.replace(consent(HANAKO, "family-view"), recipient=member.id)
        repo_consents.append(connection, said, os_user="t")
        repo_notices.owe(connection, member.id, FAMILY, item("told").id, NOON, urgent=True)
    assert rounds(store, outlets, NOON) == 1
    assert len(account.got) == 1
    with write(store) as connection:
        again = put_again(store, connection)
        no = msgspec.structs.replace(said, granted=False, at=NOON)
        repo_consents.append(connection, no, os_user="t")
        repo_notices.owe(connection, member.id, FAMILY, again, NOON + LEASE, urgent=True)
    assert rounds(store, outlets, NOON + LEASE) == 0
    assert len(account.got) == 1


def put_again(_engine: Engine, connection: Any) -> str:
    from engine.review import rank
    from engine.store import repo_advice

    second = item("again", "urgent", resident_id=HANAKO, state="delivered")
    repo_advice.add(connection, second, rank(second, NOON), actor="engine", os_user="t")
    return second.id


def test_the_mirror_says_that_there_is_a_message(store: Engine) -> None:
    outlets = Outlets(base=BASE, key=KEY)
    with write(store) as connection:
        repo_consents.append(connection, consent(HANAKO, "mirror-display"), os_user="t")
        repo_outbox.done(connection, repo_outbox.take(connection, "show", limit=10))
        repo_notices.owe(connection, HANAKO, "answer", "q-aaaaaaaaaaaaa", NOON)
    assert rounds(store, outlets, NOON) == 1
    from engine.showing import messages_of

    with write(store) as connection:
        assert [debt.key for debt in repo_outbox.take(connection, "show", limit=10)] == [HANAKO]
        shown = messages_of(connection, HANAKO, NOON)
    told = shown[0][1].decode()
    assert "おしらせが あります。" in told


def test_an_address_is_sealed_in_the_store_and_belongs_to_one_person(store: Engine, tmp_path: Path) -> None:
    outlets = Outlets(base=BASE, key=KEY)
    reachable(store, outlets, "mail", "hanako@example.jp")
    with read(store) as connection:
        from sqlalchemy import text

        rows = repr(connection.execute(text("SELECT * FROM address")).all())
        assert "hanako" not in rows.replace(HANAKO, "")
        assert repo_addresses.of(connection, Outlets(base=BASE, key=b"x" * 32).seal, HANAKO) == []
        [mine] = repo_addresses.of(connection, outlets.seal, HANAKO)
    with write(store) as connection:
        assert not repo_addresses.forget(connection, TARO, mine.id)
        assert repo_addresses.forget(connection, HANAKO, mine.id)


def test_the_key_of_web_push_is_made_once(tmp_path: Path) -> None:
    assert push_of(tmp_path, "mailto:a@example.jp").public_key == push_of(tmp_path, "mailto:a@example.jp").public_key
    assert (tmp_path / "web" / "push.pem").stat().st_mode & 0o777 == 0o600
    assert isinstance(Sent(), Sent)
