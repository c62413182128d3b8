"""A no on the resident's page closes every way out within the same second: what was open before is shut at once (R2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from engine.contract import topics, wire
from engine.contract.wire import Show
from engine.evaluate import settle
from engine.grants import Grant
from engine.interests import OWN, codes
from engine.review import HOLD
from engine.sealing import seal_of
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.showing import pay as show_all
from engine.store import (
    repo_advice,
    repo_consents,
    repo_family,
    repo_grants,
    repo_interests,
    repo_outbox,
    repo_watch,
)
from engine.store.database import read, write
from engine.store.filing import By
from engine.web.sessions import Session
from fhir_bridge.api_gate import let_in
from fhir_bridge.api_words import RefusedError
from fhir_bridge.plan_debts import Scope, pay
from fhir_bridge.push_claim import claim
from tests.bridge.push_world import NETWORK, PACE, link
from tests.flow.test_evaluate import high_week, judge, pressures, sign
from tests.homes import GATEWAY, HANAKO, consent, weighing
from tests.web.desks import NOW, Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
SECOND = timedelta(seconds=1)
WATCHER = "s-watchexxxxxxx"
WAYS: Any = {"Observation": "put", "Device": "put"}


class Open:
    """A home in which 花子 said yes to everything; each way asks whether something of hers comes out of it now."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with write(desk.engine) as connection:
            member = repo_family.add(connection, "山田 一郎", "child", "ja", NOW, Random(3))
            self.member = member.id
            named = {"family-view": member.id, "watch-over": WATCHER, "care-share": NETWORK, "interest-link": OWN}
            for purpose in (*named, "mirror-display", "open-statistics", "learning"):
                said = consent(HANAKO, purpose, at=NOW - timedelta(days=30))
                said = msgspec.structs.replace(said, recipient=named.get(purpose))
                repo_consents.append(connection, said, os_user="t")
            link(connection, HANAKO, "p1", NOW - timedelta(days=30))
            repo_interests.keep(connection, self.pseudonym, codes()[:3])
            grant = Grant(
                id="", resident=HANAKO, name="app", scopes=("patient/*.rs",), issued_by=HANAKO,
                issued_at=NOW - timedelta(days=1), until=NOW + timedelta(days=30),
            )  # fmt: skip
            issued: Any = repo_grants.issue(connection, grant, By(HANAKO, "t"), Random(5))
            self.token = issued.token
            payload = wire.encode_batch([wire.encode_reading(weighing(1, slot=1))])
            handle(connection, Facts(), [Delivery(1, 1, 1, topics.up(GATEWAY, "reading"), payload)], NOW)
        high_week(desk.engine)
        judge(desk.engine, HANAKO, NOW)
        [drafted] = pressures(desk.engine, HANAKO, NOW)
        self.held = sign(desk.engine, drafted, NOW).id

    @property
    def pseudonym(self) -> str:
        return repo_interests.pseudonym(seal_of(None), HANAKO)

    @property
    def now(self) -> Any:
        return self.desk.clock[0]

    async def nurse(self) -> bool:
        self.desk.enter_as("nurse")
        return (await self.desk.browser.get(f"/residents/{HANAKO}")).status_code == 200

    async def family(self) -> bool:
        self.desk.enter_as("family", by=self.member, name="山田 一郎", towns=())
        answer = await self.desk.browser.get(f"/family/{HANAKO}")
        return answer.status_code == 200 and "62" in answer.text

    async def watcher(self) -> bool:
        with read(self.desk.engine) as connection:
            return HANAKO in repo_watch.watched(connection, WATCHER, self.now)

    async def program(self) -> bool:
        with read(self.desk.engine) as connection:
            try:
                return let_in(connection, self.token, self.now).person.id == HANAKO
            except RefusedError:
                return False

    async def mirror(self) -> bool:
        sent: list[bytes] = []
        with write(self.desk.engine) as connection:
            repo_outbox.put(connection, "show", [HANAKO], self.now)
        show_all(self.desk.engine, self.now, lambda topic, made: sent.append(made) if HANAKO in topic else None)
        assert sent
        return any(msgspec.json.decode(made, type=Show).ja for made in sent)

    async def network(self) -> bool:
        went = []
        for _ in range(2):
            with write(self.desk.engine) as connection:
                pay(connection, Scope(network=NETWORK), self.now)
                went += claim(connection, Scope(network=NETWORK), WAYS, PACE, self.now)
        return any(one.row.resident_id == HANAKO or one.row.type == "Device" for one in went)

    async def advice(self) -> bool:
        self.desk.clock[0] = max(self.now, NOW + HOLD + SECOND)
        with write(self.desk.engine) as connection:
            settle(connection, self.now)
            told = repo_advice.get(connection, self.held)
        return told is not None and told.state == "delivered"

    async def interests(self) -> bool:
        with read(self.desk.engine) as connection:
            return bool(repo_interests.of(connection, self.pseudonym))

    async def says_no(self, purpose: str) -> None:
        """The one press on the resident's own page."""
        session: Session = self.desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
        form = {"csrf": session.csrf, "purpose": purpose, "granted": "no"}
        answer = await self.desk.browser.post("/me/consents", data=form)
        assert answer.status_code == 303, answer.text
        self.desk.clock[0] += SECOND


CLOSES: list[tuple[str, str]] = [
    ("nurse-review", "nurse"), ("family-view", "family"), ("watch-over", "watcher"), ("record", "program"),
    ("mirror-display", "mirror"), ("care-share", "network"), ("record", "network"), ("interest-link", "interests"),
]  # fmt: skip


@pytest.mark.parametrize(("purpose", "way"), CLOSES)
async def test_what_was_open_before_the_no_is_shut_a_second_later(desk: Desk, purpose: str, way: str) -> None:
    home = Open(desk)
    asks: Callable[[], Any] = getattr(home, way)
    if way != "network":  # what was claimed has left; it is asked for below
        assert await asks(), f"{way} must be open before"
    await home.says_no(purpose)
    assert not await asks()


async def test_without_a_no_the_network_is_told(desk: Desk) -> None:
    assert await Open(desk).network()


async def test_without_a_no_signed_advice_arrives(desk: Desk) -> None:
    assert await Open(desk).advice()


async def test_advice_that_a_nurse_signed_does_not_reach_who_said_no_while_it_was_held(desk: Desk) -> None:
    home = Open(desk)
    await home.says_no("advice")
    assert not await home.advice()


async def test_a_no_closes_only_what_it_is_about(desk: Desk) -> None:
    home = Open(desk)
    await home.says_no("learning")
    for way in ("nurse", "family", "watcher", "program", "mirror", "network", "interests"):
        assert await getattr(home, way)(), way
