"""Which readings share a message: none lost, none twice, in order, never above the contract's limits."""

from hypothesis import given
from hypothesis import strategies as st

from engine.contract.wire import MAX_BATCH, MAX_BATCH_BYTES
from gateway.journal import Row
from gateway.outflow import LIVE, parties, patience

ROWS = st.lists(
    st.tuples(st.integers(20, 4000), st.sampled_from([1, 2, 50, 100]), st.integers(0, 9)), max_size=300
).map(
    lambda sizes: [
        Row(f"{n:026d}", b'{"v":1,' + b"x" * s + b"}", tries, most) for n, (s, most, tries) in enumerate(sizes)
    ]
)


@given(ROWS)
def test_parties_carry_every_row_once_in_order_within_the_limits(rows: list[Row]) -> None:
    found = list(parties(rows))
    assert [name for party in found for name in party.ids] == [row.id for row in rows]
    by_id = {row.id: row for row in rows}
    for party in found:
        assert len(party.ids) <= min([MAX_BATCH, *(by_id[name].batch for name in party.ids)])
        assert len(party.payload) <= MAX_BATCH_BYTES
        assert party.attempts == max(by_id[name].attempts for name in party.ids)
    if len(rows) < LIVE:
        assert all(len(party.ids) == 1 for party in found)


@given(st.integers(0, 10_000), st.floats(0.1, 60), st.floats(60, 600))
def test_patience_grows_and_has_an_end(attempts: int, first: float, most: float) -> None:
    assert first <= patience(attempts, first, most) <= patience(attempts + 1, first, most) <= most
