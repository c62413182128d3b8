"""What the nurses' decisions taught: boosted trees with a calibration, kept as plain numbers that cannot run code.

The model looks at the advice and at what became of earlier advice to the same person. It never sees age, sex,
municipality or devices, so it cannot learn to serve one group of people worse than another by looking at the group.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from engine.refusal import Refusal

Head = Literal["accept", "helped", "otherwise"]
HEADS: Final[tuple[Head, ...]] = ("accept", "helped", "otherwise")
FORMAT: Final = 1
SEVERITY_STEPS: Final = ("routine", "soon", "prompt", "urgent", "emergency")
# Feature -> the direction in which each head may move with it; a feature that is not named for a head is free.
MONOTONE: Final[dict[str, dict[Head, int]]] = {
    "severity": {"accept": 1},
    "questions": {"accept": -1},
    "readings": {"accept": 1},
    "rejected": {"accept": -1},
    "delivered": {"helped": -1},
    "days-since-contact": {},
    "bmi": {},
    "steps": {},
    "systolic": {},
    "is-weight": {},
    "is-activity": {},
    "is-pressure": {},
    "is-meals": {},
}
FEATURES: Final = tuple(MONOTONE)
_LONG_AGO: Final = 365.0
_SHALLOW: Final = 64
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What became of earlier advice on the same topic within a year; `contact` is the last delivery of any topic."""

    rejected: int = 0
    delivered: int = 0
    contact: datetime | None = None


class Node(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A question of a tree, or a leaf where `feature` is -1; `left` and `right` are places behind this one."""

    feature: int
    cut: float
    left: int
    right: int
    missing_left: bool
    value: float


Tree = Annotated[tuple[Node, ...], msgspec.Meta(min_length=1)]


class Estimate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One probability: `base` and trees add up to log-odds, `raw` → `calibrated` are the knots of the isotonic curve.

    `rate` is the share in the training data, `skill` the Brier score gained over that share out of fold.
    """

    base: float
    trees: Annotated[tuple[Tree, ...], msgspec.Meta(max_length=1000)]
    raw: Annotated[tuple[_Share, ...], msgspec.Meta(min_length=1)]
    calibrated: Annotated[tuple[_Share, ...], msgspec.Meta(min_length=1)]
    rate: _Share
    skill: float
    samples: int


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every head that could be learnt; one that could not is absent and its prior is used."""

    format: int
    features: tuple[str, ...]
    trained_at: datetime
    decided: int
    residents: int
    heads: dict[Head, Estimate]


def facets(severity: str, topic: str, evidence: Mapping[str, Any], past: Past, at: datetime) -> tuple[float, ...]:
    """The numbers the model looks at, in the order of FEATURES; NaN where nothing is known."""
    signals = evidence.get("signals", {})
    readings = max((int(one.get("inputs_total") or 0) for one in signals.values()), default=0)
    seconds = math.nan if past.contact is None else (at - past.contact).total_seconds()
    return (
        float(SEVERITY_STEPS.index(severity)) if severity in SEVERITY_STEPS else math.nan,
        float(len(evidence.get("ask", ()))),
        math.log1p(readings),
        float(past.rejected),
        float(past.delivered),
        min(max(seconds / 86_400, 0.0), _LONG_AGO) if seconds == seconds else math.nan,  # noqa: PLR0124 - NaN
        _number(signals, "bmi"),
        _number(signals, "steps.mean_7d"),
        _number(signals, "bp.home.systolic_mean"),
        *(float(topic == name) for name in ("weight", "activity", "blood-pressure", "meals")),
    )


def _number(signals: Mapping[str, Any], name: str) -> float:
    found = signals.get(name, {}).get("value")
    return math.nan if found is None else float(found)


def score(estimate: Estimate, row: Sequence[float]) -> float:
    """The probability before calibration, 0..1."""
    total = estimate.base + sum(_leaf(tree, row) for tree in estimate.trees)
    return 1 / (1 + math.exp(-total)) if total > -_SHALLOW else 0.0


def chance(estimate: Estimate, row: Sequence[float]) -> float:
    """The calibrated probability, straight lines between the knots and flat outside them."""
    raw, knots, levels = score(estimate, row), estimate.raw, estimate.calibrated
    place = bisect_right(knots, raw)
    if place == 0 or place == len(knots):
        return levels[min(place, len(knots) - 1)]
    low, high = knots[place - 1], knots[place]
    share = (raw - low) / (high - low)
    return levels[place - 1] + share * (levels[place] - levels[place - 1])


def _leaf(tree: Tree, row: Sequence[float]) -> float:
    node = tree[0]
    while node.feature >= 0:
        value = row[node.feature]
        goes_left = node.missing_left if math.isnan(value) else value <= node.cut
        node = tree[node.left if goes_left else node.right]
    return node.value


def encode(model: Model) -> bytes:
    """The model as JSON, the same bytes for the same model."""
    return msgspec.json.encode(model, order="sorted")


def decode(raw: bytes) -> Model | Refusal:
    """The model in `raw`; refused `bad-model` when it is not exactly one, `other-model` when another version made it.

    Reading runs nothing and a tree can only be walked downwards, so a wrong file costs an order, never more.
    """
    try:
        model = msgspec.json.decode(raw, type=Model)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Refusal("bad-model", f"this is no ranking model: {error}")
    if model.format != FORMAT or model.features != FEATURES:
        return Refusal("other-model", "another version of the program made this ranking model: train it again")
    if not all(_sound(estimate) for estimate in model.heads.values()):
        return Refusal("bad-model", "the numbers of this ranking model make no tree")
    return model


def _sound(estimate: Estimate) -> bool:
    rising = all(one < two for one, two in zip(estimate.raw, estimate.raw[1:], strict=False))
    levels = all(one <= two for one, two in zip(estimate.calibrated, estimate.calibrated[1:], strict=False))
    same = len(estimate.raw) == len(estimate.calibrated)
    return rising and levels and same and all(_downwards(tree) for tree in estimate.trees)


def _downwards(tree: Tree) -> bool:
    """Whether every question leads to later places and asks for a feature there is, so that each walk ends."""
    return all(
        node.feature == -1
        or (0 <= node.feature < len(FEATURES) and all(at < way < len(tree) for way in (node.left, node.right)))
        for at, node in enumerate(tree)
    )
