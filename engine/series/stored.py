"""One person's fitted parameters as text, for the store; what is not readable any more is fitted anew."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import numpy as np

from engine.series.model import PRIOR, Model

_VERSION: Final = 1
# One set alone knows less than it thinks: what the sets of the prior disagree on is missing from its intervals.
_WIDER: Final = 1.1
WIDTHS: Final = (PRIOR.widths[0] * _WIDER, PRIOR.widths[1] * _WIDER, PRIOR.widths[2] * _WIDER)
Above = Annotated[float, msgspec.Meta(gt=0, lt=1e6)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]


class Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is written of a person's single set; `version` changes when the meaning of a number does."""

    version: int
    walk: Above
    noise: Above
    wobble: Above
    memory: Share
    kept: Share
    turn: Above
    sloped: Above
    scale: Above


def written(fitted: Model) -> list[str]:
    """The parameters of each person of a fitted model (1 set, people), as JSON."""
    names = [name for name in Stored.__struct_fields__ if name != "version"]
    shape = fitted.walk.shape
    columns = {name: np.broadcast_to(getattr(fitted, name), shape)[0].tolist() for name in names}
    return [
        msgspec.json.encode({"version": _VERSION} | {name: columns[name][person] for name in names}).decode()
        for person in range(shape[1])
    ]


def understood(text: str) -> Model | None:
    """The model of one person that `text` says; None when it is of another version or damaged."""
    try:
        stored = msgspec.json.decode(text, type=Stored)
    except msgspec.MsgspecError:
        return None
    if stored.version != _VERSION:
        return None
    numbers = (stored.walk, stored.noise, stored.wobble, stored.memory, stored.kept, stored.turn, stored.sloped)
    arrays = (np.array([[number]], dtype=np.float64) for number in (*numbers, stored.scale, 1.0))
    return Model(*arrays, widths=WIDTHS)


def together(models: list[Model]) -> Model:
    """Single sets of several people as one model (1 set, people), in their order."""
    arrays = (np.hstack([getattr(model, name) for model in models]) for name in Model.__slots__ if name != "widths")
    return Model(*arrays, widths=WIDTHS)
