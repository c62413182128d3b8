"""What the town lends: numbers as scanners say them, due days, and when a thing may go to the next borrower."""

from __future__ import annotations

from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from engine.loans import (
    Loan,
    about,
    hinders,
    in_order,
    is_due_soon,
    is_overdue,
    read_address,
    read_asset,
    read_due,
    read_remark,
    read_rules,
    rules,
)
from engine.refusal import Refusal

NOW, TODAY = datetime(2026, 11, 21, 12, tzinfo=UTC), date(2026, 11, 21)
OUT = Loan(
    seq=7, asset="KG-001", sort="scale", resident="r-hanakohanako2", municipality="062049", lent_at=NOW, lent_by="s",
    due_on=date(2026, 12, 1),
)  # fmt: skip


def back(**fields: Any) -> Loan:
    return msgspec.structs.replace(OUT, **({"returned_at": NOW, "ended": "returned"} | fields))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("kg-001", "KG-001"),
        (" *KG-001* ", "KG-001"),
        ("ＫＧ－００１", "KG-001"),
        ("12345678", "12345678"),
        ("kg 001", "KG001"),
    ],
)
def test_a_number_is_read_as_typed_or_scanned(typed: str, read: str) -> None:
    assert read_asset(typed) == read


@pytest.mark.parametrize("typed", ["", "A", "-KG1", "KG/1", "=1+1", "A" * 33, "機器1"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    found = read_asset(typed)
    assert isinstance(found, Refusal)
    assert found.code == "asset"


def test_addresses_and_remarks_are_read_or_refused_with_their_field() -> None:
    for label in (" c0:26:df:01:e2:3a ", "c0-26-df-01-e2-3a", "Ｃ026DF01E23A", "C0 26 DF 01 E2 3A"):
        assert read_address(label) == "C0:26:DF:01:E2:3A"
    assert read_address("") is None
    assert read_remark("  電池\n交換 ") == "電池 交換"
    assert read_remark(" ") is None
    for refused, field in (
        (read_address("C0:26"), "address"),
        (read_remark("あ" * 201), "remark"),
        (read_remark("a\0b"), "remark"),
    ):
        assert isinstance(refused, Refusal)
        assert refused.field == field


def test_the_due_day_is_the_usual_time_and_never_past_or_years_away() -> None:
    assert read_due(None, "pedometer", TODAY) == date(2027, 2, 19)
    assert read_due(TODAY, "scale", TODAY) == TODAY
    for bad in (date(2026, 11, 20), date(2028, 1, 1)):
        assert isinstance(read_due(bad, "scale", TODAY), Refusal)


def test_soon_and_overdue_end_with_the_return() -> None:
    assert [is_overdue(OUT, day) for day in (date(2026, 12, 1), date(2026, 12, 2))] == [False, True]
    days = (date(2026, 11, 23), date(2026, 11, 24), date(2026, 12, 1), date(2026, 12, 2))
    assert [is_due_soon(OUT, day) for day in days] == [False, True, True, False]
    assert not is_overdue(back(), date(2027, 1, 1))
    assert about(OUT) != about(msgspec.structs.replace(OUT, due_on=date(2027, 1, 1)))


def test_what_came_back_waits_until_it_is_wiped_and_its_memory_cleared() -> None:
    wiped, cleared = {"wiped_at": NOW}, {"cleared_at": NOW}
    states = [back().state, back(**wiped).state, back(**cleared).state, back(**wiped, **cleared).state]
    assert (OUT.state, *states) == ("out", "wiping", "wiping", "wiping", "free")
    assert back(sort="gateway", **wiped).state == "free"
    assert back(ended="lost", **wiped).state == "gone"
    codes = [found.code if (found := hinders(one, "scale")) else None for one in (
        None, OUT, back(**cleared), back(**wiped), back(**wiped, **cleared), back(ended="lost", **wiped, **cleared))]  # fmt: skip
    assert codes == [None, "already-out", "not-wiped", "not-cleared", None, None]
    other = hinders(back(**wiped, **cleared), "pressure")
    assert other is not None
    assert other.code == "other-sort"


def test_what_is_to_be_collected_stands_before_what_is_due() -> None:
    late = msgspec.structs.replace(OUT, asset="KG-002", resident="r-gonegonegone2", due_on=date(2027, 5, 1))
    early = msgspec.structs.replace(OUT, asset="KG-003", due_on=date(2026, 11, 22))
    found = in_order([OUT, late, early], frozenset({"r-gonegonegone2"}))
    assert [one.asset for one in found] == ["KG-002", "KG-003", "KG-001"]


def test_the_rules_tell_of_every_sort_once() -> None:
    text = files("engine").joinpath("loans.toml").read_text(encoding="utf-8")
    assert read_rules(text) == rules()
    with pytest.raises(ValueError, match="every sort once"):
        read_rules(text.replace('id = "mirror"', 'id = "scale"'))
