"""The noise of releases: the exact discrete Laplace of OpenDP, which draws from the system's secure source."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opendp.mod import Measurement


class ExactLaplace:
    """Integer Laplace noise that has no seed and cannot be drawn again; its library is imported when it draws."""

    @property
    def name(self) -> str:
        """The library with its version and the mechanism."""
        return f"opendp {version('opendp')} make_laplace i64"

    def add(self, counts: Sequence[int], scale: float) -> list[int]:
        """`counts`, each with noise of its own; raises ValueError for a scale that is not positive."""
        if scale <= 0:
            raise ValueError("noise needs a positive scale")
        if not counts:
            return []
        drawn = _laplace(scale)(list(counts))
        return [int(value) for value in drawn]

    def epsilon(self, bound: int, scale: float) -> float:
        """What the library itself proves about a table to which one person adds at most `bound`."""
        return float(_laplace(scale).map(bound))  # type: ignore[no-untyped-call]


def _laplace(scale: float) -> Measurement:
    # Not the library's `prelude`: that one also loads every other library it could work with.
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_laplace
    from opendp.metrics import l1_distance
    from opendp.mod import enable_features

    enable_features("contrib")
    domain = vector_domain(atom_domain(T="i64"))
    return make_laplace(domain, l1_distance(T="i64"), scale=float(scale))
