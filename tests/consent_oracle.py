"""What consent means, written down a second time and otherwise than the house does it, to hold every output against.

It replays what was said from the first word on over every recipient and kind anybody ever named, and over somebody and
something nobody named; the house looks for the newest word that covers the question.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from engine.consent import Event, say
from engine.consent_texts import TEXTS, Purpose

FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
NOBODY_NAMED, NOTHING_NAMED = "somebody nobody named", "something nobody named"


def allowed(said: Iterable[Event], purpose: str, recipient: str | None, kind: str | None, when: datetime) -> bool:
    """Whether the resident lets this happen at `when`; None stands for every recipient or kind at once."""
    about = sorted(
        (one for one in said if one.purpose == purpose and one.at <= when), key=lambda one: (one.at, one.seq)
    )
    recipients = (
        {one.recipient for one in about if one.recipient} | {NOBODY_NAMED} if recipient is None else {recipient}
    )
    kinds = {one.kind for one in about if one.kind} | {NOTHING_NAMED} if kind is None else {kind}
    return all(_open_until(about, one, what) > when for one in recipients for what in kinds)


def _open_until(about: Sequence[Event], recipient: str, kind: str) -> datetime:
    """Until when one recipient may use one kind, after everything that was said."""
    until = datetime(1, 1, 1, tzinfo=UTC)
    for word in about:
        meant = (word.recipient is None or word.recipient == recipient) and (word.kind is None or word.kind == kind)
        if meant:
            until = (word.until or FOREVER) if word.granted else word.at
    return until


class Talk:
    """Random things a resident may say, the same for the same seed: to whom, about what, when and until when."""

    def __init__(self, seed: int, start: datetime, span: timedelta) -> None:
        self._rng, self._start, self._span = Random(seed), start, span

    def instant(self) -> datetime:
        """Some instant of the span; full hours, so that words and questions meet at one."""
        hours = int(self._span / timedelta(hours=1))
        return self._start + timedelta(hours=self._rng.randint(0, hours))

    def history(
        self, resident: str, purposes: Sequence[Purpose], recipients: Sequence[str], kinds: Sequence[str], most: int
    ) -> list[Event]:
        """Up to `most` words in no order of time, numbered as they were written down."""
        found: list[Event] = []
        for _ in range(self._rng.randint(0, most)):
            text = TEXTS[self._rng.choice(purposes)]
            at, granted = self.instant(), self._rng.random() < 0.65
            lasts = timedelta(hours=self._rng.randint(1, 400)) if granted and self._rng.random() < 0.3 else None
            named = text.recipients and recipients and self._rng.random() < 0.6
            narrow = text.scope == "kind" and kinds and self._rng.random() < 0.4
            told = say(
                Event(
                    resident=resident, purpose=text.purpose, granted=granted, at=at, until=at + lasts if lasts else None,
                    recipient=self._rng.choice(recipients) if named else None,
                    kind=self._rng.choice(kinds) if narrow else None, actor=resident, channel="page",
                    seq=len(found) + 1,
                )
            )  # fmt: skip
            assert isinstance(told, Event)
            found.append(told)
        return found
