"""A release from the store: whom it counts, what it refuses, and that it is drawn once, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import msgspec
from sqlalchemy import Engine, delete, insert, select, update

from cli.platform_wiring import owing
from cli.wiring import PlatformSettings, Settings
from engine.refusal import Refusal
from engine.store import audit, repo_statistics
from engine.store.database import Connection, read, write
from engine.store.instants import to_micros
from engine.store.tables import MEASUREMENT, READING, RESIDENT
from engine.store.tables_rights import CLOSURE
from engine.store.tables_statistics import RELEASE_BATCH
from fhir_bridge.privacy_release import Release
from fhir_bridge.releasing import Made, ledger_of
from simulators.city.people import FIRST, ZONE, Inhabitant, inhabitants
from simulators.city.stores import NOW, UNIT, WHO
from tests.city_oracle import counted, expected
from tests.city_stores import PLAIN, city_file, draw
from tests.flow.cities import CUTOFF, LATER, MIXED, SECOND, headcount, mixed, plain, say, word

__all__ = ["mixed", "plain"]


def _actions(connection: Connection) -> list[str]:
    return [link.action for link in audit.entries(connection, limit=1_000) if link.action.startswith("release-")]


def test_the_true_counts_are_those_of_people_counted_by_hand(mixed: Engine) -> None:
    made, heard = draw(mixed)
    assert isinstance(made, Made)
    assert heard.counts == expected(MIXED, FIRST, NOW)
    assert 300 <= headcount(heard) < 520
    later, again = draw(mixed, LATER, FIRST.next)
    assert isinstance(later, Made)
    wanted = [found for one in inhabitants(MIXED) if (found := counted(one, FIRST.next))]
    # The second period has T2 and T3; everybody whose sex is known stands in one cell of T3, the last 24.
    assert sum(again.counts[-24:]) == len(wanted)


def test_asked_again_it_is_the_same_release_and_nothing_is_drawn(mixed: Engine) -> None:
    first, heard = draw(mixed)
    second, again = draw(mixed, NOW + timedelta(days=30))
    assert isinstance(first, Made)
    assert isinstance(second, Made)
    assert (first.drawn, second.drawn, again.draws) == (True, False, 0)
    assert first.kept.content == second.kept.content
    with read(mixed) as connection:
        assert repo_statistics.counts(connection) == (1, 1)
        assert repo_statistics.release(connection, UNIT, str(FIRST)) == second.kept
        assert _actions(connection)[-2:] == ["release-prepare", "release-already-drawn"]
        assert audit.verify(connection) is None
    assert heard.draws == 1


def test_a_withdrawal_before_the_cutoff_is_left_out_and_one_after_it_only_next_time(
    plain: Engine, tmp_path: Path
) -> None:
    before, after = [one.id for one in inhabitants(PLAIN)][:2]
    say(plain, word(before, CUTOFF - SECOND, granted=False))
    say(plain, word(after, CUTOFF + SECOND, granted=False))
    platform = Settings(home=str(tmp_path), platform=PlatformSettings(url="http://127.0.0.1:9"))
    made, heard = draw(plain, owe=owing(platform))
    assert isinstance(made, Made)
    assert headcount(heard) == PLAIN.people - 1
    _, again = draw(plain, LATER, FIRST.next)
    assert sum(again.counts[-24:]) == PLAIN.people - 2
    same, _ = draw(plain, NOW)
    assert isinstance(same, Made)
    assert same.kept == made.kept, "a withdrawal never redraws"
    with read(plain) as connection:
        owed = connection.execute(select(RELEASE_BATCH.c.body)).scalars().all()
    assert len(owed) >= 2
    leaves = "".join([made.kept.content.decode(), *owed])
    assert not [one.id for one in inhabitants(PLAIN) if one.id in leaves or (one.subject or one.id) in leaves]


def test_a_yes_said_after_the_cutoff_counts_next_time_only(plain: Engine) -> None:
    late = next(inhabitants(PLAIN)).id
    say(plain, word(late, CUTOFF - timedelta(days=30), granted=False))
    say(plain, word(late, CUTOFF + SECOND, granted=True))
    assert headcount(draw(plain)[1]) == PLAIN.people - 1
    assert sum(draw(plain, LATER, FIRST.next)[1].counts[-24:]) == PLAIN.people


def test_who_asked_to_be_erased_is_not_counted(plain: Engine) -> None:
    gone = next(inhabitants(PLAIN)).id
    row = {"resident_id": gone, "state": "asked", "asked_by": gone, "channel": "page"}
    with write(plain) as connection:
        at = to_micros(CUTOFF + SECOND)
        connection.execute(insert(CLOSURE), row | {"asked_at": at, "due_at": at})
    assert headcount(draw(plain)[1]) == PLAIN.people - 1


def test_two_records_of_one_person_count_once_and_the_last_word_on_either_holds(plain: Engine) -> None:
    people = list(inhabitants(PLAIN))
    same = {one.id: other.id for one, other in zip(people[:3], people[3:6], strict=True)}
    with write(plain) as connection:
        for number, (one, other) in enumerate(same.items()):
            first = connection.execute(select(RESIDENT).where(RESIDENT.c.id == one)).mappings().one()
            shared = {name: first[name] for name in ("birth_date", "kana_key")}
            # As two clerks type one number.
            for name, number_ in ((one, f"12-34 {number}"), (other, f"１２３４{number}")):
                changed = shared | {"insured_number": number_}
                connection.execute(update(RESIDENT).where(RESIDENT.c.id == name).values(changed))
    assert headcount(draw(plain)[1]) == PLAIN.people - 3
    for pick, pair in zip((min, max), same.items(), strict=False):
        say(plain, word(pick(pair), FIRST.next.cutoff(ZONE) - SECOND, granted=False))
    _, again = draw(plain, LATER, FIRST.next)
    assert sum(again.counts[-24:]) == PLAIN.people - 5, "what was said on either record is the same person's word"


def test_twins_who_share_a_number_and_a_birthday_are_two_people(plain: Engine) -> None:
    one, other = [one.id for one in inhabitants(PLAIN)][:2]
    with write(plain) as connection:
        for name, kana in ((one, "サトウ ハナコ"), (other, "サトウ ヨウコ")):
            shared = {"birth_date": "1980-05-05", "kana_key": kana, "insured_number": "1"}
            connection.execute(update(RESIDENT).where(RESIDENT.c.id == name).values(shared))
    assert headcount(draw(plain)[1]) == PLAIN.people


def test_one_person_moves_no_table_by_more_than_their_bound_however_much_they_measure(tmp_path: Path) -> None:
    """Attack A7 through the store: ten thousand weights, two scales, two records."""
    few, many = (city_file(tmp_path / name) for name in ("few.sqlite", "many.sqlite"))
    people = list(inhabitants(PLAIN))
    target, twin = people[0], people[1].id
    with write(few) as connection:
        _forget(connection, target.id)
        _forget(connection, twin)
    with write(many) as connection:
        _forget(connection, twin)
        same = {"birth_date": target.born.isoformat(), "kana_key": "k", "insured_number": "77"}
        connection.execute(update(RESIDENT).where(RESIDENT.c.id.in_((target.id, twin))).values(same))
        _flood(connection, target, twin, 10_000)
    one, other = draw(few)[1].counts, draw(many)[1].counts
    moved = [after - before for before, after in zip(one, other, strict=True)]
    assert sorted(moved[:28]) == [0] * 27 + [1]
    assert set(moved[28:]) <= {0, 1}
    assert 1 <= sum(moved[28:]) <= 3


def _forget(connection: Connection, person: str) -> None:
    connection.execute(delete(MEASUREMENT).where(MEASUREMENT.c.resident_id == person))
    connection.execute(delete(READING).where(READING.c.resident_id == person))


def _flood(connection: Connection, one: Inhabitant, twin: str, count: int) -> None:
    reading = dict(connection.execute(select(READING).where(READING.c.resident_id == one.id)).mappings().first() or {})
    value = dict(
        connection.execute(select(MEASUREMENT).where(MEASUREMENT.c.resident_id == one.id)).mappings().first() or {}
    )
    rows = [
        {"at": to_micros(CUTOFF - timedelta(minutes=15 * number + 1)), "name": f"flood{number:021d}",
         "who": twin if number % 2 else one.id, "scale": f"d-{number % 2:013d}"}
        for number in range(count)
    ]  # fmt: skip
    connection.execute(
        insert(READING),
        [reading | {"id": r["name"], "resident_id": r["who"], "device_id": r["scale"], "measured_at": r["at"]} for r in rows],
    )  # fmt: skip
    connection.execute(
        insert(MEASUREMENT),
        [value | {"reading_id": r["name"], "resident_id": r["who"], "device_id": r["scale"], "measured_at": r["at"]} for r in rows],
    )  # fmt: skip


def test_299_people_are_too_few_and_300_are_not_and_the_reason_is_in_the_audit(plain: Engine) -> None:
    people = [one.id for one in inhabitants(PLAIN)]
    for name in people[299:]:
        say(plain, word(name, CUTOFF - SECOND, granted=False))
    refused, heard = draw(plain)
    assert isinstance(refused, Refusal)
    assert (refused.code, heard.draws) == ("population-too-small", 0)
    with read(plain) as connection:
        assert _actions(connection)[-1] == "release-refused:population-too-small"
        assert repo_statistics.counts(connection) == (0, 0)
    say(plain, msgspec.structs.replace(word(people[299], CUTOFF, granted=True), seq=0))
    made, heard = draw(plain)
    assert isinstance(made, Made)
    assert headcount(heard) == 300


def test_a_third_release_within_12_months_is_refused_until_the_first_is_a_year_old(tmp_path: Path) -> None:
    engine = city_file(tmp_path / "engine.sqlite", msgspec.structs.replace(PLAIN, periods=3))
    third = FIRST.next.next
    assert isinstance(draw(engine, datetime(2027, 1, 10, tzinfo=UTC))[0], Made)
    assert isinstance(draw(engine, LATER, FIRST.next)[0], Made)
    early, heard = draw(engine, datetime(2027, 10, 5, tzinfo=UTC), third)
    assert isinstance(early, Refusal)
    assert (early.code, heard.draws) == ("budget-spent", 0)
    with read(engine) as connection:
        assert _actions(connection)[-1] == "release-refused:budget-spent"
        assert repo_statistics.counts(connection) == (2, 2)
    assert isinstance(draw(engine, datetime(2028, 1, 11, tzinfo=UTC), third)[0], Made)


def test_a_clock_that_went_back_draws_nothing(plain: Engine) -> None:
    assert isinstance(draw(plain, LATER)[0], Made)
    back, heard = draw(plain, LATER - timedelta(days=1), FIRST.next)
    assert isinstance(back, Refusal)
    assert (back.code, heard.draws) == ("clock-behind", 0)
    early, _ = draw(plain, NOW, FIRST.next)
    assert isinstance(early, Refusal)
    assert early.code == "period-open"


def test_the_platform_is_owed_in_the_same_transaction_or_nothing_is_stored(plain: Engine) -> None:
    owed: list[tuple[str, str]] = []

    def refuses(_c: Connection, _id: str, _release: Release, _sha: str, _now: datetime) -> Refusal:
        return Refusal("forbidden", "a sign the broker does not take")

    def owes(_c: Connection, name: str, release: Release, sha256: str, _now: datetime) -> None:
        owed.append((name, sha256))
        assert release.period == str(FIRST)

    refused, _ = draw(plain, owe=refuses)
    assert isinstance(refused, Refusal)
    with read(plain) as connection:
        assert repo_statistics.counts(connection) == (0, 0)
    made, _ = draw(plain, owe=owes)
    assert isinstance(made, Made)
    assert owed == [(made.kept.id, made.kept.sha256)]


def test_units_are_fixed_once_and_a_charge_is_never_changed(plain: Engine) -> None:
    draw(plain)
    with write(plain) as connection:
        units = repo_statistics.book(connection)
        again = repo_statistics.open_book(connection, units, WHO, NOW)
        assert isinstance(again, Refusal)
        assert again.code == "book-open"
        ledger = ledger_of(connection)
        assert not isinstance(ledger, Refusal)
        assert [(str(charge.period), charge.epsilon) for charge in ledger.charges] == [("2026H1", Fraction(2))]
        assert {unit.population for unit in ledger.partition.units} == {137_000}
