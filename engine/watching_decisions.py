"""What may be decided about an alert: tell somebody, put it aside, note a call, close it. Pure.

Nothing goes out by itself, ever: no standing approval, no time that runs out. What only a device did is told nobody.
"""

from __future__ import annotations

from typing import Final, Literal

from engine.refusal import Refusal

Act = Literal["tell", "dismiss", "reached", "absent", "close"]
_OPEN: Final = "open"
_NEXT: Final[dict[tuple[str, Act], str]] = {
    ("open", "tell"): "told", ("told", "tell"): "told",
    ("open", "dismiss"): "dismissed",
    ("open", "reached"): "over", ("told", "reached"): "over",
    ("open", "absent"): "open", ("told", "absent"): "told",
    ("told", "close"): "over",
}  # fmt: skip
# Why it was put aside: a word from this list, with or without more.
REASONS: Final = ("known-away", "spoken-to", "visited", "device", "mistake", "other")
_NEEDS_REASON: Final = frozenset({"dismiss", "close"})


def decide(state: str, sort: str, act: Act, reason: str = "", *, ended: bool = False) -> str | Refusal:
    """The state after `act`, or why not: over, not-now, device-silent (told nobody), no-reason."""
    if ended or state == "over":
        return Refusal("over", "it is over already", "act")
    if act == "tell" and sort == "device-silent":
        return Refusal("device-silent", "a silent device is told nobody as a silent person", "act")
    after = _NEXT.get((state, act))
    if after is None:
        return Refusal("not-now", f"{act} is not for what is {state}", "act")
    if act in _NEEDS_REASON and reason not in REASONS:
        return Refusal("no-reason", f"reasons are {', '.join(REASONS)}", "reason")
    return after
