"""Live notes: told once to whoever they concern, carrying nothing about anybody, ending with the session, leaving nothing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import msgspec
import pytest

from engine.decisions import carry_out
from engine.review import LOCAL, Command, Item
from engine.store import repo_advice, repo_consents
from engine.store.database import write
from engine.web.context import COOKIE
from engine.web.context import Desk as Pages
from engine.web.desk import live
from engine.web.desk.live_watch import ROOM, Listener, Told, Watch
from engine.web.sessions import STAFF_IDLE
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, SECRET, TARO, Desk, desk, item, put

__all__ = ["desk"]
SAKATA, YUZA = frozenset({"062049"}), frozenset({"064611"})
TURN = 0.01


@pytest.fixture
async def watch(desk: Desk) -> AsyncIterator[Watch]:
    made = Watch(desk.engine, lambda: desk.clock[0], every=TURN)
    yield made
    assert made.listening == 0


async def heard(listener: Listener, seconds: float = 0.3) -> list[Told]:
    found: list[Told] = []
    while (told := await listener.next(seconds)) is not None:
        found.append(told)
    return found


async def joined(watch: Watch, towns: frozenset[str] | None) -> Listener:
    """A listener whose poller has found out where things stand."""
    listener = watch.join(towns)
    await asyncio.sleep(10 * TURN)
    return listener


async def test_what_urgent_arrived_and_was_decided_is_told_to_its_town_alone(desk: Desk, watch: Watch) -> None:
    put(desk.engine, item("old", "urgent"))
    here, there = await joined(watch, SAKATA), watch.join(YUZA)
    put(desk.engine, item("red", "urgent", evidence={}), item("calm"))
    told = await heard(here)
    assert [(one.kind, one.id) for one in told] == [
        ("urgent", "a-redaaaaaaaaaa"),
        ("moved", "a-calmaaaaaaaaa"),
        ("counts", None),
    ]
    assert (told[-1].open, told[-1].urgent) == (3, 2)
    with write(desk.engine) as connection:
        red = repo_advice.get(connection, "a-redaaaaaaaaaa")
        assert red is not None
        wish = Command(verb="approve", by="s-nursenursenur", version=1, rights=LOCAL)
        assert isinstance(carry_out(connection, red, wish, NOW, os_user="test"), Item)
    assert [one.kind for one in await heard(here)] == ["decided"], "it stays open until somebody was reached"
    assert await heard(there, TURN) == []
    watch.leave(here)
    watch.leave(there)


async def test_a_word_carries_ids_and_counts_and_nothing_about_anybody(desk: Desk, watch: Watch) -> None:
    listener = await joined(watch, None)
    put(desk.engine, item("red", "urgent"))
    lines = b"".join(live.event(one) for one in await heard(listener)).decode()
    for secret in ("山田", "太郎", SECRET, TARO, "BMI", "weight"):
        assert secret not in lines
    assert set(msgspec.json.decode(lines.split("data: ")[1].split("\n")[0])) <= {"kind", "town", "id", "open", "urgent"}
    watch.leave(listener)


async def test_whoever_did_not_agree_is_not_told_of(desk: Desk, watch: Watch) -> None:
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(TARO, "nurse-review", granted=False, at=NOW), os_user="test")
    listener = await joined(watch, SAKATA)
    put(desk.engine, item("red", "urgent"), item("hana", "urgent", resident_id=HANAKO))
    assert [one.id for one in await heard(listener) if one.id] == ["a-hanaaaaaaaaaa"]
    watch.leave(listener)


async def test_fifty_pages_share_one_look_and_leave_nothing_behind(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look = Watch._look

    def counted(self: Watch, seen: int) -> tuple[int, list[Told]]:
        looks.append(seen)
        return look(self, seen)

    monkeypatch.setattr(Watch, "_look", counted)
    watch = Watch(desk.engine, lambda: NOW, every=0.05)
    listeners = [watch.join(SAKATA) for _ in range(50)]
    await asyncio.sleep(0.2)
    put(desk.engine, *[item(f"{chr(97 + n // 26)}{chr(97 + n % 26)}", "urgent") for n in range(100)])
    await asyncio.sleep(0.2)
    assert 3 <= len(looks) <= 12, "one poller for all of them"
    told = await heard(listeners[0], 0.01)
    assert len(told) == ROOM, "who does not read keeps the newest, and no more"
    assert told[-1].kind == "counts"
    for listener in listeners:
        watch.leave(listener)
    seen = len(looks)
    await asyncio.sleep(0.2)
    assert len(looks) <= seen + 1, "nobody listens, so nobody looks"
    del listeners, listener
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, Listener)]


async def read_stream(desk: Desk, pages: Pages, cookie: str, heartbeat: float, most: int) -> list[bytes]:
    watch = Watch(desk.engine, lambda: desk.clock[0], every=TURN)
    stream = live._stream(watch, pages, cookie, SAKATA, heartbeat)
    found: list[bytes] = []
    async for part in stream:
        found.append(part)
        if len(found) >= most:
            break
    await stream.aclose()  # type: ignore[attr-defined] # an async generator
    assert watch.listening == 0
    return found


async def test_a_stream_lives_as_long_as_its_session_and_does_not_keep_it_awake(desk: Desk) -> None:
    desk.enter_as("nurse")
    cookie, pages = desk.browser.cookies[COOKIE], desk.app.state.desk
    assert await read_stream(desk, pages, cookie, 0.01, 3) == [
        b"retry: 10000\n: here\n\n",
        b": alive\n\n",
        b": alive\n\n",
    ]
    desk.wait(STAFF_IDLE)
    ended = await read_stream(desk, pages, cookie, 0.01, 5)
    assert ended[-1].startswith(b"event: ended"), "listening is no sign of a person"
    assert len(ended) == 2


async def test_a_stream_of_a_session_that_was_ended_ends(desk: Desk) -> None:
    desk.enter_as("nurse")
    cookie = desk.browser.cookies[COOKIE]
    desk.app.state.desk.sessions.end(cookie, NOW)
    assert (await read_stream(desk, desk.app.state.desk, cookie, 0.01, 5))[-1].startswith(b"event: ended")


async def test_only_who_sees_the_queue_may_listen(desk: Desk) -> None:
    desk.enter_as("resident", by=HANAKO)
    assert (await desk.browser.get("/live")).status_code == 403
