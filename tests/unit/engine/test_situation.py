"""What applies to a resident at an instant: the table of effects, and every function that reads it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import life, life_words
from engine.locale import LANGUAGES, text
from engine.presence import absences, stays
from engine.refusal import Refusal
from engine.situation import (
    AREAS,
    SORTS,
    Area,
    Detail,
    Home,
    LifeEvent,
    Situation,
    Sort,
    effect,
    gone,
    lived_in,
    quiet_from,
    refuses,
    signs_in,
    status_at,
)
from tests.homes import HOUSEHOLD, NOW, TARO, resident

DAY = timedelta(days=1)
SAKATA, YUZA = "062049", "064611"
TOKYO = ZoneInfo("Asia/Tokyo")
WHO = resident(TARO, "太郎", date(1976, 5, 5))
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


def event(sort: Sort, since: datetime, until: datetime | None = None, **detail: object) -> LifeEvent:
    return LifeEvent(
        id=f"f-{sort}", resident=TARO, sort=sort, since=since, until=until, at=since,
        detail=msgspec.convert(detail, Detail),
    )  # fmt: skip


def lives(*events: LifeEvent, status: str = "active") -> Situation:
    fields = {"resident": TARO, "status": status, "municipality": SAKATA, "household": HOUSEHOLD}
    return msgspec.structs.replace(msgspec.convert(fields, Situation), events=events)


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("sort", SORTS)
def test_an_event_refuses_what_the_table_says_from_its_first_instant_to_before_its_last(sort: Sort, area: Area) -> None:
    held = lives(event(sort, NOW, NOW + DAY))
    ends = effect(sort, area) in {"stop", "pause"}
    assert refuses(held, area, NOW - timedelta(microseconds=1)) is None
    assert (refuses(held, area, NOW) is not None) is ends
    assert (refuses(held, area, NOW + DAY - timedelta(microseconds=1)) is not None) is ends
    assert refuses(held, area, NOW + DAY) is None


@pytest.mark.parametrize("area", AREAS)
def test_after_a_death_nothing_applies_and_nothing_brings_it_back(area: Area) -> None:
    assert effect("death", area) == "stop"
    held = lives(event("death", NOW), event("hospital", NOW - DAY, NOW + DAY), status="deceased")
    found = refuses(held, area, NOW + 400 * DAY)
    assert found is not None
    assert found.code == "inactive"
    assert not signs_in(held, NOW)


def test_silence_in_hospital_in_a_care_home_and_on_a_trip_is_never_watched() -> None:
    assert {sort for sort in SORTS if effect(sort, "watching") == "pause"} == {"hospital", "care-home", "away"}


@pytest.mark.parametrize("status", ["moved", "deceased", "left"])
def test_a_registered_status_that_no_event_tells_of_counts_whenever_it_is_asked(status: str) -> None:
    for when in (LONG_AGO, NOW, NOW + 400 * DAY):
        assert gone(lives(status=status), when) == Refusal("inactive", f"{TARO} is {status}", status)
        assert status_at(lives(status=status), when) == status


def test_a_status_that_an_event_explains_counts_from_that_event_on() -> None:
    held = lives(event("moved-out", NOW), status="moved")
    assert gone(held, NOW - DAY) is None
    assert gone(held, NOW) is not None
    assert status_at(held, NOW - DAY) == "active"
    # Recorded ahead, nothing has been carried out: it counts on the day all the same.
    ahead = lives(event("moved-out", NOW + DAY))
    assert (gone(ahead, NOW), status_at(ahead, NOW + DAY)) == (None, "moved")


def test_a_year_after_moving_out_the_page_can_be_read_and_then_no_more() -> None:
    held = lives(event("moved-out", NOW), status="moved")
    assert signs_in(held, NOW + 364 * DAY)
    assert not signs_in(held, NOW + 365 * DAY)


def test_the_town_somebody_lived_in_is_known_before_and_after_a_move_carried_out_or_not() -> None:
    before = Home(municipality=SAKATA, household=HOUSEHOLD)
    done = event("moved-within", NOW, municipality=YUZA, begun=True, before=before)
    there = msgspec.structs.replace(lives(done), municipality=YUZA)
    ahead = lives(event("moved-within", NOW, municipality=YUZA))
    for held in (there, ahead):
        assert [lived_in(held, NOW - DAY), lived_in(held, NOW), lived_in(held, NOW + DAY)] == [SAKATA, YUZA, YUZA]


def test_silence_counts_from_the_last_discharge_or_move() -> None:
    assert quiet_from(lives(), NOW) is None
    held = lives(event("hospital", NOW - 9 * DAY, NOW - 2 * DAY), event("left-household", NOW - 5 * DAY))
    assert quiet_from(held, NOW) == NOW - 2 * DAY
    assert quiet_from(held, NOW - 3 * DAY) == NOW - 5 * DAY


def test_who_left_a_home_was_there_before_and_who_died_was_there_until_then() -> None:
    before = Home(municipality=SAKATA, household=HOUSEHOLD)
    left = event("left-household", NOW, begun=True, before=before)
    away = msgspec.structs.replace(lives(left), household=None)
    assert absences(away, HOUSEHOLD) == ((NOW, None),)
    assert absences(lives(event("death", NOW)), HOUSEHOLD) == ((NOW, None),)
    assert absences(lives(), HOUSEHOLD) == ()
    assert stays(lives(event("care-home", NOW, NOW + DAY))) == ((NOW, NOW + DAY),)
    # Somebody who was put back into the home by hand after that move lives there.
    assert absences(lives(left), HOUSEHOLD) == ()


@given(
    spans=st.lists(
        st.tuples(st.sampled_from(SORTS), st.integers(-50, 50), st.none() | st.integers(1, 30)), max_size=6
    ),
    offset=st.integers(-80, 80), area=st.sampled_from(AREAS),
)  # fmt: skip
def test_what_was_taken_back_never_refuses_and_more_events_never_allow_more(
    spans: list[tuple[Sort, int, int | None]], offset: int, area: Area
) -> None:
    made = [
        event(sort, NOW + start * DAY, None if length is None else NOW + (start + length) * DAY)
        for sort, start, length in spans
    ]
    when = NOW + offset * DAY
    back = [msgspec.structs.replace(one, taken_back_at=NOW) for one in made]
    assert refuses(lives(*back), area, when) is None
    for count in range(len(made)):
        assert refuses(lives(*made[:count]), area, when) is None or refuses(lives(*made), area, when) is not None


@pytest.mark.parametrize(
    ("text", "sort", "expected"),
    [
        ("2026-11-21", "death", NOW),
        ("2026-11-20", "hospital", datetime(2026, 11, 21, 0, 0, tzinfo=TOKYO)),
        ("令和8年11月24日", "hospital", datetime(2026, 11, 24, 0, 0, tzinfo=TOKYO)),
        ("2026-11-20", "pregnancy", datetime(2026, 11, 20, 0, 0, tzinfo=TOKYO)),
        ("2026-11-20 15:00", "death", datetime(2026, 11, 20, 15, 0, tzinfo=TOKYO)),
    ],
)
def test_what_was_measured_on_the_day_itself_stays_theirs(text: str, sort: Sort, expected: datetime) -> None:
    assert life.beginning(text, sort, NOW, TOKYO) == expected


@pytest.mark.parametrize(
    ("sort", "since", "more", "code"),
    [
        ("birthday", NOW, {}, "unknown-sort"),
        ("death", NOW + DAY, {}, "future"),
        ("hospital", NOW + 400 * DAY, {}, "future"),
        ("death", NOW - 60 * 365 * DAY, {}, "past"),
        ("death", NOW, {"until": NOW + DAY}, "no-end"),
        ("hospital", NOW, {"until": NOW - DAY}, "until-past"),
        ("pregnancy", NOW, {}, "not-possible"),
        ("moved-within", NOW, {}, "no-municipality"),
        ("moved-within", NOW, {"municipality": SAKATA, "household": HOUSEHOLD}, "nothing-changes"),
        ("left-household", NOW, {"household": HOUSEHOLD}, "nothing-changes"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(sort: str, since: datetime, more: dict[str, str], code: str) -> None:
    draft = msgspec.convert({"id": "f-a", "by": "n", "sort": sort, "since": since, **more}, life.Draft)
    man = msgspec.structs.replace(WHO, sex="male")
    found = life.checked(draft, man, lives(), NOW)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_nothing_happens_to_the_dead_and_stays_of_one_sort_do_not_overlap() -> None:
    dead = lives(event("death", NOW), status="deceased")
    for sort in SORTS:
        draft = life.Draft(id="f-b", by="n", sort=sort, since=NOW - DAY, municipality=YUZA)
        assert isinstance(life.checked(draft, WHO, dead, NOW), Refusal)
    held = lives(event("hospital", NOW, NOW + 5 * DAY))
    for start, fits in ((NOW - DAY, False), (NOW + 4 * DAY, False), (NOW + 5 * DAY, True)):
        draft = life.Draft(id="f-b", by="n", sort="hospital", since=start)
        assert isinstance(life.checked(draft, WHO, held, NOW), LifeEvent) is fits
    # From a care home one comes into hospital.
    draft = life.Draft(id="f-b", by="n", sort="care-home", since=NOW)
    assert isinstance(life.checked(draft, WHO, held, NOW), LifeEvent)


def test_every_effect_that_is_not_none_has_a_sentence_of_its_own_in_both_languages() -> None:
    for lang in LANGUAGES:
        same = text(lang, "nurse", "life.same")
        for one in life_words.effects(lang):
            assert (one.sentence == same) is (one.does == "allow"), (lang, one.sort, one.area)
        assert all(life_words.also(sort, lang) for sort in SORTS)


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("2026-11-21", "death"),
        ("2026-11-20", "death"),
        ("令和8年11月20日", "hospital"),
        ("2026-11-25", "hospital"),
        ("2026-11-20", "pregnancy"),
        ("2026-11-20 15:00", "moved-out"),
    ],
)
def test_the_day_that_is_shown_is_the_day_that_was_typed(text: str, sort: Sort) -> None:
    since = life.beginning(text, sort, NOW, TOKYO)
    assert isinstance(since, datetime)
    made = msgspec.structs.replace(event(sort, since), at=NOW)
    day = 20 if "20日" in text else int(text[8:10])
    assert life_words.span(made, TOKYO) == f"2026-11-{day}"
    [badge] = life_words.badges(lives(made), NOW, TOKYO, "ja")
    assert f"11/{day}" in badge
