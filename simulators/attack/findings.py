"""What came of one attack."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One attack: what was `measured`, the `mark` it must keep, and whether it was `withstood`.

    A control is an attack on something broken: withstood means that it was caught.
    """

    attack: str
    what: str
    measured: str
    mark: str
    withstood: bool
    control: bool = False
