"""`POST /v2/op/update`: an action on each of many entities, one after the other, and one answer for all.

What the request alone makes wrong stops everything (400); what the stored entities make wrong stops that entity only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from simulators.platform.attributes import Attributes, Written, read_entity
from simulators.platform.entities import Entities, Key, merged
from simulators.platform.refusals import RefusedError, bad_request, not_found, too_many, unprocessable

_DEFAULT_TYPE = "Thing"


class Batch(msgspec.Struct, frozen=True):
    """A request to change entities, checked."""

    action: str
    entities: tuple[Written, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one entity: `done` whether anything of it was changed, `refused` what was not and why."""

    id: str
    done: bool = False
    refused: RefusedError | None = None


def read_batch(said: Any, *, bare: bool) -> Batch:
    """The batch in a body; raises RefusedError (400, 413) with nothing done."""
    if not isinstance(said, dict) or not said.keys() <= {"actionType", "entities"}:
        raise bad_request("a batch is an object of actionType and entities")
    action, entities = said.get("actionType"), said.get("entities")
    if action not in _ACTIONS:
        raise bad_request(f"actionType is one of {', '.join(_ACTIONS)}")
    if not isinstance(entities, list) or not entities:
        raise bad_request("entities is a list with something in it")
    return Batch(str(action), tuple(read_entity(one, bare=bare) for one in entities))


def carry_out(
    store: Entities, batch: Batch, *, request: int, tenant: str, path: str, most: int | None = None
) -> list[Outcome]:
    """Change the first `most` entities of a batch (None: all)."""
    act = _ACTIONS[batch.action]
    outcomes = []
    for entity in batch.entities[:most]:
        with store.lock:
            try:
                key = _key(store, entity, tenant, path)
                before = store.get(key)
                after, refused = act(before, entity)
                done = after != before
                # An entity written again as it was is written, too: its line is the proof that it came.
                if done or not refused:
                    store.change(request, key, after)
                outcomes.append(Outcome(id=entity.id, done=done or not refused, refused=refused))
            except RefusedError as refusal:
                outcomes.append(Outcome(id=entity.id, refused=refusal))
    return outcomes


def verdict(outcomes: Sequence[Outcome]) -> RefusedError | None:
    """The answer to the whole batch: its one kind of error when nothing was done, PartialUpdate when some was."""
    refused = [one.refused for one in outcomes if one.refused]
    if not refused:
        return None
    first = refused[0]
    if not any(one.done for one in outcomes) and {one.error for one in refused} == {first.error}:
        return first
    ids = ", ".join(one.id for one in outcomes if one.refused)
    return RefusedError(422, "PartialUpdate", f"not done or not wholly: {ids}")


def _key(store: Entities, entity: Written, tenant: str, path: str) -> Key:
    found = store.named(tenant, entity.id, kind=entity.type, paths=(path,))
    if len(found) > 1:
        raise too_many(f"several entities are called {entity.id}")
    return found[0] if found else Key(tenant, path, entity.id, entity.type or _DEFAULT_TYPE)


_Result = tuple[Attributes | None, RefusedError | None]


def _append(before: Attributes | None, entity: Written) -> _Result:
    return _joined(before or {}, entity.attributes), None


def _append_strict(before: Attributes | None, entity: Written) -> _Result:
    if before is None:
        return entity.attributes, None
    there = sorted(entity.attributes.keys() & before.keys())
    fresh = {name: one for name, one in entity.attributes.items() if name not in before}
    if not there and fresh:
        return before | fresh, None
    return before | fresh, unprocessable(f"{entity.id} already has {there}")


def _update(before: Attributes | None, entity: Written) -> _Result:
    if before is None:
        raise not_found(f"there is no entity {entity.id}")
    missing = sorted(entity.attributes.keys() - before.keys())
    known = {name: one for name, one in entity.attributes.items() if name in before}
    return _joined(before, known), unprocessable(f"{entity.id} has no {missing}") if missing else None


def _replace(before: Attributes | None, entity: Written) -> _Result:
    if before is None:
        raise not_found(f"there is no entity {entity.id}")
    return entity.attributes, None


def _delete(before: Attributes | None, entity: Written) -> _Result:
    if before is None:
        raise not_found(f"there is no entity {entity.id}")
    if not entity.attributes:
        return None, None
    missing = sorted(entity.attributes.keys() - before.keys())
    left = {name: one for name, one in before.items() if name not in entity.attributes}
    return left, not_found(f"{entity.id} has no {missing}") if missing else None


_ACTIONS: dict[str, Callable[[Attributes | None, Written], _Result]] = {
    "append": _append, "appendStrict": _append_strict, "update": _update, "replace": _replace, "delete": _delete,
}  # fmt: skip


def _joined(before: Attributes, after: Attributes) -> Attributes:
    return before | {name: merged(before[name], one) if name in before else one for name, one in after.items()}
