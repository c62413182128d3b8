"""What a spot asks and says when answers come late, never, or to somebody else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from engine.contract import topics
from engine.contract.topics import Up
from engine.contract.wire import Known, Left, Who, decode, encode
from gateway.spot import State
from gateway.spot_run import Proof, Spot

GATEWAY, PERSON = "g-aaaaaaaaaaaaa", "r-hanakohanako2"
DOWN = topics.down(GATEWAY, "who")
SECRET = "a" * 26


class Desk:
    """A spot with its clock and everything it said."""

    def __init__(self, *, connected: bool = True) -> None:
        self.now = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
        self.said: list[tuple[Up, bytes]] = []
        self.moments: list[State] = []
        self.spot = Spot(GATEWAY, lambda: self.now, Random(1), self.moments.append)
        self.spot.connect(lambda payload, leaf: self.said.append((leaf, payload)), lambda: connected)

    def ask(self) -> Who:
        self.spot.present(Proof(card=SECRET))
        assert self.said[-1][0] == "who"
        return decode(self.said[-1][1], Who)

    async def answer(self, visit: str) -> None:
        known = Known(visit=visit, resident=PERSON, call="ハ", until=self.now + timedelta(minutes=5))
        assert self.spot.obey(DOWN, encode(known))
        await asyncio.sleep(0)

    def left(self) -> list[str]:
        return [decode(payload, Left).visit for leaf, payload in self.said if leaf == "left"]


async def test_a_question_carries_the_secret_and_the_answer_opens_the_visit() -> None:
    desk = Desk()
    who = desk.ask()
    assert (who.card, who.number, who.at) == (SECRET, None, desk.now)
    await desk.answer(who.visit)
    assert desk.spot.state.visit is not None
    assert desk.spot.state.visit.resident == PERSON
    desk.spot.finish()
    assert desk.left() == [who.visit]


async def test_a_late_answer_opens_nothing_and_the_engine_is_told_at_once() -> None:
    desk = Desk()
    first, second = desk.ask(), desk.ask()
    assert first.visit != second.visit
    await desk.answer(first.visit)
    assert (desk.spot.state.phase, desk.left()) == ("asking", [first.visit])
    await desk.answer(second.visit)
    assert (desk.spot.state.phase, desk.left()) == ("open", [first.visit])


async def test_without_a_connection_nothing_is_asked_later() -> None:
    desk = Desk(connected=False)
    desk.spot.present(Proof(card=SECRET))
    assert (desk.spot.state.phase, desk.spot.state.code, desk.said) == ("sorry", "offline", [])


async def test_time_passes_on_the_screen_by_itself() -> None:
    desk = Desk()
    living = asyncio.create_task(desk.spot.live())
    await asyncio.sleep(0)
    await desk.answer(desk.ask().visit)
    desk.now += timedelta(seconds=91)
    async with asyncio.timeout(10):
        while desk.spot.state.phase != "idle":  # noqa: ASYNC110 - the screen's own clock
            await asyncio.sleep(0.05)
    living.cancel()
    assert [moment.phase for moment in desk.moments] == ["idle", "asking", "open", "idle"]


async def test_foreign_topics_are_not_ours_and_garbage_changes_nothing() -> None:
    desk = Desk()
    desk.ask()
    assert not desk.spot.obey(topics.down(GATEWAY, "roster"), b"{}")
    assert desk.spot.obey(DOWN, b"\xff")
    await asyncio.sleep(0)
    assert desk.spot.state.phase == "asking"


async def test_of_an_advert_only_a_keyed_mark_is_remembered() -> None:
    one, other = Desk().spot, Spot(GATEWAY, lambda: datetime.now(UTC), Random(2), lambda _: None)
    raw = msgspec.json.encode({"weight": "62.30"})
    assert one.veil(raw) == one.veil(raw) != other.veil(raw)
    assert raw not in one.veil(raw)
