"""What stands on which mirror: the lines of the person it has just identified, for a while, and nobody else's (pure).

Lines live in memory only. They are shown when the person is seen, or when they come while the person still stands
there, and go when the time is over, when another person comes, or when the consent is withdrawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from engine.contract.wire import Show
from gateway.mirror import MirrorMap


class Out(msgspec.Struct, frozen=True):
    """A message for the home's broker."""

    topic: str
    payload: bytes
    retain: bool = False


class _Seen(msgspec.Struct):
    """Who stands before a mirror, until when, and whether their lines are on it."""

    map: MirrorMap
    resident: str
    until: datetime
    lit_at: datetime | None = None

    @property
    def lit(self) -> bool:
        """Whether lines stand on the mirror."""
        return self.lit_at is not None


class Stage:
    """The mirrors' displays of one home; every method returns what is to be published."""

    def __init__(self) -> None:
        self._shows: dict[str, Show] = {}
        self._seen: dict[str, _Seen] = {}

    @property
    def shows(self) -> tuple[Show, ...]:
        """What may be shown now, by resident id."""
        return tuple(self._shows[name] for name in sorted(self._shows))

    def identified(self, item: MirrorMap, resident: str | None, now: datetime) -> list[Out]:
        """The mirror of `item` sees `resident`; somebody it cannot name ends what it shows."""
        if item.display is None:
            return []
        before = self._seen.pop(item.display, None)
        if resident is None:
            return [blank(item)] if before and before.lit else []
        span = timedelta(seconds=item.display_seconds)
        if before and before.resident == resident and before.lit_at is not None and now - before.lit_at < span / 2:
            # A mirror that speaks every second is not told the same every second.
            self._seen[item.display] = msgspec.structs.replace(before, until=now + span)
            return []
        seen = self._seen[item.display] = _Seen(item, resident, now + span)
        lit = self._light(seen, now)
        return [blank(item)] if before and before.lit and not lit else lit

    def told(self, show: Show, now: datetime) -> list[Out]:
        """The engine says what may be shown to a person; without lines, nothing any more."""
        if not (show.ja or show.en):
            self._shows.pop(show.resident, None)
            return self._clear(lambda seen: seen.resident == show.resident)
        before = self._shows.get(show.resident)
        same = before is not None and (before.ja, before.en) == (show.ja, show.en)
        self._shows[show.resident] = show
        here = [seen for seen in self._seen.values() if seen.resident == show.resident and now < seen.until]
        return [out for seen in here if not (same and seen.lit) for out in self._light(seen, now)]

    def turn(self, now: datetime) -> list[Out]:
        """Clear what has been shown long enough."""
        return self._clear(lambda seen: now >= seen.until)

    def keep_only(self, residents: Iterable[str]) -> list[Out]:
        """Forget everybody whom no mirror here can tell any more."""
        kept = set(residents)
        self._shows = {name: show for name, show in self._shows.items() if name in kept}
        return self._clear(lambda seen: seen.resident not in kept)

    def close(self) -> list[Out]:
        """Leave nobody's lines behind."""
        self._shows.clear()
        return self._clear(lambda _: True)

    def _light(self, seen: _Seen, now: datetime) -> list[Out]:
        show = self._shows.get(seen.resident)
        lines = () if show is None or now >= show.until else show.ja if seen.map.language == "ja" else show.en
        if not lines or seen.map.display is None:
            return []
        seen.lit_at = now
        left = max(1, round((seen.until - now).total_seconds()))
        said = {"v": 1, "lines": lines, "seconds": left}
        return [Out(seen.map.display, msgspec.json.encode(said))]

    def _clear(self, over: Callable[[_Seen], bool]) -> list[Out]:
        gone = [display for display, seen in self._seen.items() if over(seen)]
        ended = [self._seen.pop(display) for display in gone]
        return [blank(seen.map) for seen in ended if seen.lit]


def blank(item: MirrorMap) -> Out:
    """The message that empties a mirror's display."""
    return Out(item.display or "", msgspec.json.encode({"v": 1, "lines": [], "seconds": 0}))
