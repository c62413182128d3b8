"""References inside resources: which of them point into this server, and putting others in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from simulators.hospital.words import Resource

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/\d+)?")


def local(reference: str) -> tuple[str, str] | None:
    """Type and id of a relative reference; None when it points elsewhere."""
    found = _LOCAL.fullmatch(reference)
    return (found[1], found[2]) if found else None


def references_in(body: Resource) -> set[tuple[str, str]]:
    """Type and id of everything on this server that a resource refers to."""
    return {found for text in _texts(body) if (found := local(text))}


def replaced(value: Any, replace: Callable[[str], str]) -> Any:
    """The same value with every reference put through `replace`."""
    if isinstance(value, list):
        return [replaced(one, replace) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: replace(inner) if name == "reference" and isinstance(inner, str) else replaced(inner, replace)
        for name, inner in value.items()
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "reference" and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
