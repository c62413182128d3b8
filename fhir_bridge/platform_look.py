"""Reads a release back from the platform and holds it against the stored one, before it turns complete and after."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fhir_bridge.client_answers import Failure
from fhir_bridge.platform_client import Platform
from fhir_bridge.platform_entities import Status, cell_prefix, release_id
from fhir_bridge.platform_reading import Difference, cells_in, compare, digest, plain, release_fault
from fhir_bridge.platform_shapes import ReleaseShape


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform holds of a release: `code` None when it is exactly the stored one, else why not.

    Codes: `cells` (some are missing, changed or too many), `no-release`, `other-release`. The hashes are those of
    all cells, ours and theirs.
    """

    ours: str
    theirs: str
    count: int
    code: str | None = None
    said: str = ""
    difference: Difference = Difference()


def look(
    client: Platform, release: ReleaseShape, sha256: str, status: Status | None, *, withdrawn: bool = False,
    beat: Callable[[], object] = lambda: None,
) -> Look | Failure:  # fmt: skip
    """The platform's cells against the release's, and with a `status` its entity, too; reads every cell.

    `beat` is called after every page.
    """
    found = client.cells(cell_prefix(release), release_id(release), beat)
    if isinstance(found, Failure):
        return found
    expected = cells_in(release, withdrawn=withdrawn)
    difference = compare(expected, found)
    theirs = digest({str(one.get("id")): plain(one) for one in found})
    seen = Look(ours=digest(expected), theirs=theirs, count=len(found), difference=difference)
    if not difference.none:
        return msgspec.structs.replace(seen, code="cells", said=difference.said)
    if status is None:
        return seen
    entity = client.release(release_id(release))
    if isinstance(entity, Failure):
        return entity
    fault = release_fault(entity, release, sha256, status)
    return msgspec.structs.replace(seen, code=fault.code, said=fault.message) if fault else seen
