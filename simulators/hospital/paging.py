"""Search results in pages: a snapshot is kept while its next links are followed, and lost with the process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

from simulators.hospital.consents import Consents
from simulators.hospital.journal import Version
from simulators.hospital.outcomes import RefusedError

_KEPT = 500


class Pages:
    """The snapshots of searches that have more than one page."""

    def __init__(self, consents: Consents) -> None:
        self._consents, self._lock, self._opened = consents, Lock(), 0
        self._kept: OrderedDict[str, tuple[Sequence[Version], int]] = OrderedDict()

    def first(self, found: Sequence[Version], size: int, place: str, itself: str) -> dict[str, Any]:
        """The first page of a search at `place` (address of the type), with its `next` link where there is more."""
        name = ""
        if len(found) > size:
            with self._lock:
                self._opened += 1
                name = f"p{self._opened}"
                self._kept[name] = (found, size)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return self._page(found, 0, size, place, itself, name)

    def following(self, token: str, place: str) -> dict[str, Any]:
        """The page a `next` link names; raises RefusedError (410) when its search is forgotten."""
        name, _, offset = token.partition(".")
        with self._lock:
            kept = self._kept.get(name)
        if kept is None or not offset.isdigit() or kept[0][0].kind != place.rpartition("/")[2]:
            raise RefusedError(410, "this page is gone; search again")
        found, size = kept
        return self._page(found, int(offset), size, place, f"{place}?_page={token}", name)

    def _page(
        self, found: Sequence[Version], offset: int, size: int, place: str, itself: str, name: str
    ) -> dict[str, Any]:
        base = place.rsplit("/", 1)[0]
        links = [{"relation": "self", "url": itself}]
        if offset + size < len(found):
            links.append({"relation": "next", "url": f"{place}?_page={name}.{offset + size}"})
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
        # A consent may have been taken back between two pages.
        told = [version for version in found[offset : offset + size] if self._consents.open_to_all(version)]
        if told:
            bundle["entry"] = [
                {"fullUrl": f"{base}/{one.kind}/{one.id}", "resource": one.body, "search": {"mode": "match"}}
                for one in told
            ]
        return bundle
