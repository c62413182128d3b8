"""The noise of releases: the exact discrete Laplace of OpenDP, which draws from the system's secure source."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version


class ExactLaplace:
    """Integer Laplace noise that has no seed and cannot be drawn again; importing its library takes half a second."""

    @property
    def name(self) -> str:
        """The library with its version and the mechanism."""
        return f"opendp {version('opendp')} make_laplace i64"

    def add(self, counts: Sequence[int], scale: float) -> list[int]:
        """`counts`, each with noise of its own; raises ValueError for a scale that is not positive."""
        import opendp.prelude as dp

        if scale <= 0:
            raise ValueError("noise needs a positive scale")
        if not counts:
            return []
        dp.enable_features("contrib")
        domain = dp.vector_domain(dp.atom_domain(T="i64"))
        drawn = dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=float(scale))(list(counts))
        return [int(value) for value in drawn]

    def epsilon(self, bound: int, scale: float) -> float:
        """What the library itself proves about a table to which one person adds at most `bound`."""
        import opendp.prelude as dp

        dp.enable_features("contrib")
        domain = dp.vector_domain(dp.atom_domain(T="i64"))
        return float(dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=float(scale)).map(bound))  # type: ignore[no-untyped-call]
