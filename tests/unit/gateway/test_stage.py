"""Whose lines stand on a mirror: of the person it has just named, for a while, and of nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.contract.wire import Show
from gateway.mirror import MirrorMap, map_of
from gateway.stage import Out, Stage

NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
PEOPLE = {"hanako": "r-aaaaaaaaaaaaa", "taro": "r-bbbbbbbbbbbbb"}
HANAKO, TARO = PEOPLE.values()


def mirror(name: str = "hall", **more: Any) -> MirrorMap:
    return map_of({"name": name, "topic": name, "person": "/p", "people": PEOPLE, "display": f"{name}/show"} | more)


def show(resident: str = HANAKO, *lines: str, hours: float = 36) -> Show:
    return Show(resident=resident, until=NOW + timedelta(hours=hours), ja=lines, en=tuple(f"en {x}" for x in lines))


def said(out: list[Out]) -> list[tuple[str, list[str]]]:
    assert not any(item.retain for item in out)
    return [(item.topic, msgspec.json.decode(item.payload)["lines"]) for item in out]


def test_lines_come_when_the_person_is_named_and_go_when_the_time_is_over() -> None:
    stage = Stage()
    assert stage.told(show(HANAKO, "62.3"), NOW) == []
    assert said(stage.identified(mirror(), HANAKO, NOW)) == [("hall/show", ["62.3"])]
    assert stage.turn(NOW + timedelta(seconds=19)) == []
    assert said(stage.turn(NOW + timedelta(seconds=20))) == [("hall/show", [])]
    assert stage.turn(NOW + timedelta(seconds=40)) == []


def test_lines_that_come_a_moment_later_are_shown_to_who_still_stands_there() -> None:
    stage = Stage()
    assert stage.identified(mirror(language="en"), HANAKO, NOW) == []
    assert said(stage.told(show(HANAKO, "62.3"), NOW + timedelta(seconds=5))) == [("hall/show", ["en 62.3"])]
    stage.turn(NOW + timedelta(minutes=1))
    assert stage.told(show(HANAKO, "62.4"), NOW + timedelta(minutes=2)) == []


@pytest.mark.parametrize("next_face", [TARO, None])
def test_the_next_face_ends_what_was_shown_to_the_last(next_face: str | None) -> None:
    stage = Stage()
    stage.told(show(HANAKO, "62.3"), NOW)
    stage.identified(mirror(), HANAKO, NOW)
    assert said(stage.identified(mirror(), next_face, NOW + timedelta(seconds=1))) == [("hall/show", [])]


def test_withdrawn_is_gone_at_once_and_stays_gone() -> None:
    stage = Stage()
    stage.told(show(HANAKO, "62.3"), NOW)
    stage.identified(mirror(), HANAKO, NOW)
    assert said(stage.told(show(HANAKO), NOW)) == [("hall/show", [])]
    assert stage.identified(mirror(), HANAKO, NOW) == []


def test_yesterdays_lines_are_not_shown() -> None:
    stage = Stage()
    stage.told(show(HANAKO, "62.3", hours=1), NOW)
    assert stage.identified(mirror(), HANAKO, NOW + timedelta(hours=1)) == []


def test_a_mirror_that_speaks_every_second_is_told_twice_in_its_time_and_kept_lit() -> None:
    stage = Stage()
    stage.told(show(HANAKO, "62.3"), NOW)
    told = [stage.identified(mirror(), HANAKO, NOW + timedelta(seconds=second)) for second in range(20)]
    assert sum(bool(out) for out in told) == 2
    assert stage.turn(NOW + timedelta(seconds=38)) == []
    assert said(stage.turn(NOW + timedelta(seconds=39))) == [("hall/show", [])]


def test_the_same_words_said_again_do_not_flicker() -> None:
    stage = Stage()
    stage.told(show(HANAKO, "62.3"), NOW)
    stage.identified(mirror(), HANAKO, NOW)
    assert stage.told(show(HANAKO, "62.3", hours=40), NOW) == []
    assert said(stage.told(show(HANAKO, "62.4"), NOW)) == [("hall/show", ["62.4"])]


def test_a_mirror_without_a_display_shows_nothing() -> None:
    stage = Stage()
    stage.told(show(HANAKO, "62.3"), NOW)
    assert stage.identified(mirror(display=None), HANAKO, NOW) == []


class Mirrors(RuleBasedStateMachine):
    """Two mirrors, two people, any order: what stands on a display is what its last face may see, or nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stage, self.now = Stage(), NOW
        self.lit: dict[str, list[str]] = {}
        self.face: dict[str, tuple[str | None, datetime]] = {}
        self.granted: dict[str, bool] = {}

    def publish(self, out: list[Out]) -> None:
        for topic, lines in said(out):
            self.lit[topic] = lines

    @rule(name=st.sampled_from(["hall", "bath"]), who=st.sampled_from([HANAKO, TARO, None]))
    def look(self, name: str, who: str | None) -> None:
        self.face[f"{name}/show"] = (who, self.now)
        self.publish(self.stage.identified(mirror(name), who, self.now))

    @rule(who=st.sampled_from([HANAKO, TARO]), granted=st.booleans())
    def tell(self, who: str, granted: bool) -> None:
        self.granted[who] = granted
        if not granted:
            # Who agrees anew is shown when they are seen anew.
            self.face = {place: face for place, face in self.face.items() if face[0] != who}
        self.publish(self.stage.told(show(who, who) if granted else show(who), self.now))

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.publish(self.stage.turn(self.now))

    @rule(kept=st.sets(st.sampled_from([HANAKO, TARO])))
    def unbind(self, kept: set[str]) -> None:
        self.granted = {who: yes for who, yes in self.granted.items() if who in kept}
        self.face = {place: face for place, face in self.face.items() if face[0] in kept}
        self.publish(self.stage.keep_only(kept))

    @invariant()
    def only_the_face_that_stands_there_and_agreed(self) -> None:
        for place in ("hall/show", "bath/show"):
            who, since = self.face.get(place, (None, self.now))
            here = who is not None and self.granted.get(who, False) and self.now < since + timedelta(seconds=20)
            assert self.lit.get(place, []) == ([who] if here else [])

    def teardown(self) -> None:
        self.publish(self.stage.close())
        assert not any(self.lit.values())


TestMirrors = Mirrors.TestCase
TestMirrors.settings = hypothesis_settings(max_examples=40, stateful_step_count=20, deadline=None)
