"""Learning from decided advice: monotone boosted trees, calibrated out of fold, written down as plain numbers.

The only place that knows scikit-learn, and only while training: predictions are made from the numbers (see
`ranking_model`), and every estimate is compared with the library's own answer before it is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.ranking_model import FEATURES, FORMAT, MONOTONE, Estimate, Head, Model, Node, score
from engine.refusal import Refusal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Product policy: below these numbers the priors order better than anything that could be learnt.
LEAST_DECIDED: Final = 200
LEAST_RESIDENTS: Final = 50
LEAST_ARM: Final = 100
LEAST_CLASS: Final = 20
FOLDS: Final = 5
# A curve that promises certainty would let one small group stand above everything.
_SURE: Final = 0.99
_CLOSE: Final = 1e-9
_SETTINGS: Final[dict[str, Any]] = {
    "max_iter": 40, "learning_rate": 0.1, "max_leaf_nodes": 8, "min_samples_leaf": 20, "l2_regularization": 1.0,
    "max_bins": 32, "early_stopping": False, "random_state": 0,
}  # fmt: skip


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One decided item: what the model may see, whose it was, and what came of it.

    `accepted` is 1 as written, 0.5 when edited first, 0 when rejected; `improved` tells whether the number it was
    about moved the right way by a material step within the follow-up, None where that cannot be known.
    """

    resident: str
    row: tuple[float, ...]
    accepted: float
    delivered: bool
    improved: bool | None = None


class _LibraryDiffersError(Exception):
    """Trees written down do not say what the library says."""


def train(samples: Sequence[Sample], now: datetime) -> Model | Refusal:
    """The model of these samples; refused `too-few` below the stated numbers, `no-signal` when nothing beats the share.

    `library-differs` when this scikit-learn keeps its trees in a way we cannot write down. Deterministic: the same
    samples in the same order give the same bytes.
    """
    residents = len({sample.resident for sample in samples})
    if len(samples) < LEAST_DECIDED or residents < LEAST_RESIDENTS:
        need = f"{LEAST_DECIDED} decided items of {LEAST_RESIDENTS} residents"
        return Refusal("too-few", f"{len(samples)} decided items of {residents} residents; {need} are needed")
    import sklearn.ensemble  # noqa: F401 - only what is loaded already can be held to one thread
    from threadpoolctl import threadpool_limits

    followed = [sample for sample in samples if sample.improved is not None]
    arms: dict[Head, list[Sample]] = {
        "accept": list(samples),
        "helped": [sample for sample in followed if sample.delivered],
        "otherwise": [sample for sample in followed if not sample.delivered],
    }
    try:
        with threadpool_limits(1):  # sums in one order: the same bytes on every run, and no thread that spins
            found = {head: _estimate(head, chosen) for head, chosen in arms.items()}
    except _LibraryDiffersError:
        return Refusal("library-differs", "this version of scikit-learn keeps its trees in an unknown way")
    heads = {head: estimate for head, estimate in found.items() if estimate is not None}
    if not any(estimate.skill > 0 for estimate in heads.values()):
        return Refusal("no-signal", "nothing in the decisions foretells a decision or an outcome yet")
    return Model(
        format=FORMAT, features=FEATURES, trained_at=now, decided=len(samples), residents=residents, heads=heads
    )


def _estimate(head: Head, samples: Sequence[Sample]) -> Estimate | None:
    """The estimate of one head, only its share where trees foretell nothing, None with too little of either answer."""
    import numpy as np

    rows = [
        (sample.row, answer, share, sample.resident)
        for sample in samples
        for answer, share in _answers(head, sample)
        if share
    ]
    y = np.array([answer for _, answer, _, _ in rows], dtype=np.int64)
    enough = len(samples) >= LEAST_ARM and min(int((y == 0).sum()), int((y == 1).sum())) >= LEAST_CLASS
    if not enough:
        return None
    x = np.array([row for row, _, _, _ in rows], dtype=np.float64)
    weights = np.array([share for _, _, share, _ in rows], dtype=np.float64)
    groups = np.array([resident for _, _, _, resident in rows])
    raw = _out_of_fold(head, x, y, weights, groups)
    if raw is None:
        return None
    rate = float(np.average(y, weights=weights))
    skill = float(np.average((rate - y) ** 2 - (raw - y) ** 2, weights=weights))
    return _learnt(head, (x, y, weights), raw, rate, skill) if skill > 0 else _share(rate, len(y))


def _share(rate: float, samples: int) -> Estimate:
    """The same chance for everything: an arm may be known to differ though nothing tells where."""
    return Estimate(base=0.0, trees=(), raw=(0.5,), calibrated=(rate,), rate=rate, skill=0.0, samples=samples)


def _answers(head: Head, sample: Sample) -> tuple[tuple[int, float], ...]:
    """The answers a sample gives a head, with weights that sum to 1: an edited draft was half right."""
    yes = sample.accepted if head == "accept" else float(bool(sample.improved))
    return (1, yes), (0, 1 - yes)


def _fitted(head: Head, x: Floats, y: Any, weights: Floats) -> Any:
    """The library's trees on these rows; a column nobody has a number in is one that nothing can be asked about."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    directions = [MONOTONE[name].get(head, 0) for name in FEATURES]
    known = np.where(np.isnan(x).all(axis=0), 0.0, x)  # the library fails on a column of NaN only
    return HistGradientBoostingClassifier(monotonic_cst=directions, **_SETTINGS).fit(known, y, sample_weight=weights)


def _out_of_fold(head: Head, x: Floats, y: Any, weights: Floats, groups: Any) -> Floats | None:
    """What is said of each row by trees that never saw its resident; None when the residents cannot be split so."""
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    if len(set(groups.tolist())) < FOLDS:
        return None
    raw = np.empty(len(y))
    for learn, told in StratifiedGroupKFold(n_splits=FOLDS).split(x, y, groups):
        if len(set(y[learn].tolist())) < len((0, 1)):
            return None
        trees = _fitted(head, x[learn], y[learn], weights[learn])
        raw[told] = trees.predict_proba(x[told])[:, 1]
    return raw


def _learnt(head: Head, data: tuple[Floats, Any, Floats], raw: Floats, rate: float, skill: float) -> Estimate:
    """Trees on everything, calibrated by what the out-of-fold trees said; raises _LibraryDiffersError."""
    from sklearn.isotonic import IsotonicRegression

    x, y, weights = data
    curve = IsotonicRegression(y_min=1 - _SURE, y_max=_SURE, out_of_bounds="clip")
    curve.fit(raw, y, sample_weight=weights)
    trees = _fitted(head, x, y, weights)
    # The library has no public way to read its trees; the comparison below tells when it stores them otherwise.
    stages = trees._predictors  # noqa: SLF001
    estimate = Estimate(
        base=float(trees._baseline_prediction.item()),  # noqa: SLF001
        trees=tuple(_tree(stage[0].nodes) for stage in stages),
        raw=tuple(float(knot) for knot in curve.X_thresholds_),
        calibrated=tuple(float(level) for level in curve.y_thresholds_),
        rate=rate, skill=skill, samples=len(y),
    )  # fmt: skip
    theirs = trees.predict_proba(x)[:, 1]
    if any(abs(score(estimate, row) - told) > _CLOSE for row, told in zip(x.tolist(), theirs.tolist(), strict=True)):
        raise _LibraryDiffersError
    return estimate


def _tree(nodes: Any) -> tuple[Node, ...]:
    return tuple(
        Node(-1, 0.0, 0, 0, False, float(node["value"]))
        if node["is_leaf"]
        else Node(
            # "Known or not" is a cut at infinity, which JSON does not have; every number is below the largest one.
            int(node["feature_idx"]), min(float(node["num_threshold"]), sys.float_info.max),
            int(node["left"]), int(node["right"]), bool(node["missing_go_to_left"]), 0.0,
        )
        for node in nodes
    )  # fmt: skip
