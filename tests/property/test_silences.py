"""Whatever happens to two people in the real store: told once a silence, never while excused, and nobody is forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, update

from engine.contract.ids import new_id
from engine.silences_telling import remind_all
from engine.situation import LifeEvent
from engine.store import repo_consents, repo_contacts, repo_life, repo_notices, repo_silences
from engine.store.database import read, write
from engine.store.instants import to_micros
from engine.store.repo_facts import By
from engine.store.tables import READING
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, NOW, TARO, consent
from tests.stores import furnished_file

DAY = timedelta(days=1)
PEOPLE = (HANAKO, TARO)
acts = st.one_of(
    st.tuples(st.just("weigh"), st.sampled_from(["sure", "assumed"])),
    st.tuples(st.just("discard"), st.just("")),
    st.tuples(st.just("stay"), st.sampled_from(["3", "20", "60"])),
    st.tuples(st.just("consent"), st.sampled_from(["record", "advice", "nurse-review"])),
    st.tuples(st.just("speak"), st.sampled_from(["reached", "absent"])),
    st.tuples(st.just("remind"), st.just("")),
)
steps = st.tuples(st.sampled_from([0, 1, 6, 13, 14, 15, 28]), st.sampled_from(PEOPLE), acts)


@dataclass
class Told:
    """What the test itself knows of one person."""

    readings: list[tuple[datetime, str, str]] = field(default_factory=list)
    ever: list[datetime] = field(default_factory=list)
    stays: list[tuple[datetime, datetime]] = field(default_factory=list)
    said: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(("record", "advice", "nurse-review"), True))
    spoken: list[datetime] = field(default_factory=list)
    reminded: list[datetime] = field(default_factory=list)

    def away(self, now: datetime) -> bool:
        return any(start <= now < end for start, end in self.stays)

    def days(self, now: datetime) -> int:
        """Whole days since the last sure reading (or the enrolment), or since the last return."""
        back = [end for _, end in self.stays if end <= now]
        return (now - max([self.since(), *back])).days

    def since(self) -> datetime:
        return max([at for at, _, certainty in self.readings if certainty == "sure"], default=NOW)

    def is_listed(self, now: datetime) -> bool:
        fits = self.said["record"] and self.said["nurse-review"] and not self.away(now) and self.days(now) >= 28
        talked = [at for at in self.spoken if at > self.since() and at > now - 28 * DAY]
        return fits and not talked


def act(store: Engine, name: str, told: Told, now: datetime, what: tuple[str, str], rng: Random) -> None:
    """One thing happens, in the store and in what the test knows."""
    sort, detail = what
    with write(store) as connection:
        if sort == "weigh":
            one = f"reading-{rng.random()}"
            row = {
                "id": one, "household_id": HOUSEHOLD, "gateway_id": GATEWAY, "device_id": DEVICE, "resident_id": name,
                "certainty": detail, "outcome": "accepted", "profile": "p", "source": "ble", "provenance": "bonded",
                "measured_at": to_micros(now), "time_quality": "device", "received_at": to_micros(now),
                "stored_at": to_micros(now), "digest": one, "experimental": False,
            }  # fmt: skip
            connection.execute(insert(READING), row)
            told.readings.append((now, one, detail))
            told.ever.append(now)
        elif sort == "discard" and told.readings:
            _, one, _ = told.readings.pop()
            connection.execute(update(READING).where(READING.c.id == one).values(resident_id=None, certainty=None))
        elif sort == "stay" and not told.away(now):
            until = now + int(detail) * DAY
            event = LifeEvent(id=new_id("f", rng), resident=name, sort="hospital", since=now, until=until, at=now)
            repo_life.add(connection, event, By("t", "t"), now)
            told.stays.append((now, until))
        elif sort == "consent":
            told.said[detail] = not told.said[detail]
            repo_consents.append(connection, consent(name, detail, granted=told.said[detail], at=now), os_user="t")
        elif sort == "speak":
            repo_contacts.add(connection, resident=name, by="t", how="phone",
                              outcome="reached" if detail == "reached" else "absent", text="", now=now, rng=rng,
                              os_user="t")  # fmt: skip
            told.spoken += [now] if detail == "reached" else []


# The reading that began the silence turns out to be somebody else's after it was told: it is the same silence.
_WEIGH, _RUN = ("weigh", "sure"), ("remind", "")
_MOVED = [(1, HANAKO, _WEIGH), (6, HANAKO, _WEIGH), (14, HANAKO, _RUN), (0, HANAKO, ("discard", "")), (1, TARO, _RUN)]


@example(_MOVED, 0)
@given(st.lists(steps, min_size=4, max_size=14), st.integers(0, 10**6))
@settings(max_examples=25)
def test_a_silence_is_told_once_never_while_excused_and_at_28_days_a_nurse_has_it(
    history: list[tuple[int, str, tuple[str, str]]], seed: int
) -> None:
    with TemporaryDirectory() as folder:
        store = furnished_file(Path(folder) / "engine.sqlite")
        people, now, rng = {name: Told() for name in PEOPLE}, NOW, Random(seed)
        for gap, name, what in history:
            now += gap * DAY + timedelta(minutes=1)
            if what[0] == "remind":
                run(store, people, now)
            else:
                act(store, name, people[name], now, what, rng)
            with read(store) as connection:
                found = [one.silence.resident for one in repo_silences.listed(connection, None, now)]
            # Exactly those, each exactly once.
            assert sorted(found) == sorted(one for one in PEOPLE if people[one].is_listed(now))
        store.dispose()


def run(store: Engine, people: dict[str, Told], now: datetime) -> None:
    """A night's reminders, twice: the second time nothing is left to tell."""
    made = remind_all(store, now)
    assert remind_all(store, now) == []
    for name, told in people.items():
        silent = told.said["record"] and told.said["advice"] and not told.away(now) and told.days(now) >= 14
        since = told.since()
        unsure = any(at > since for at, _, certainty in told.readings if certainty == "assumed")
        expected = silent and not unsure and not any(at > since for at in told.reminded)
        assert [one.resident for one in made].count(name) == expected
        if expected:
            # Between two reminders something was heard, even if it turned out to be somebody else's.
            assert not told.reminded or any(told.reminded[-1] < at <= now for at in told.ever)
            told.reminded.append(now)
    with read(store) as connection:
        for name, told in people.items():
            kept = [one.created_at for one in repo_notices.of(connection, name) if one.kind == repo_silences.KIND]
            assert sorted(kept) == told.reminded
