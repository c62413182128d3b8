"""The faults of any stand-in, and what only a broker can do: apply a part of a batch and fail.

Kinds are those of `simulators.hospital.faults`; `small` makes the broker take `limit` bytes of a body only.
"""

from __future__ import annotations

from simulators.hospital.faults import Fault


class BrokerFault(Fault, frozen=True, kw_only=True):
    """A fault; with `only`, that many entities of the batch are applied and then it strikes (it is `after` then).

    A kind that leaves the answer alone (`slow`, `expire`) makes a broker that confirms more than it did.
    """

    only: int | None = None

    def __post_init__(self) -> None:
        if self.only is not None and not self.after:
            raise ValueError("a part of a batch is applied before a fault that strikes after")

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        return super().name if self.only is None else f"{super().name}-partial"
