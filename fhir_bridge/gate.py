"""The one gate between us and a network: nothing about a resident is sent or asked for unless it opens.

Three things open it: a link to a patient there, the resident's consent to share with this network, and their consent
to be recorded. The network's own consent is another one and is kept by the network.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from itertools import product
from typing import Final

import msgspec

from engine.care_links import WRONG, Link
from engine.consent import Event, permits
from engine.consent_texts import Purpose
from engine.contract.kinds import KINDS
from engine.refusal import Refusal
from engine.situation import Situation, refuses
from engine.store import repo_consents, repo_life, repo_links
from engine.store.database import Connection

# No kind is called so: only a word about everything covers what is not measured at home.
CLINICAL: Final = "clinical-record"
_COMPUTED_FROM: Final = {"bmi": ("body-weight",), "steps-day": ("steps-total",)}


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """What one resident allows towards one network; asked anew before every request.

    Nothing goes on about somebody who died or moved away, whatever they said before.
    """

    resident: str
    network: str
    link: Link | None
    events: tuple[Event, ...]
    situation: Situation
    test_patients: frozenset[str] = frozenset()

    @property
    def linked(self) -> bool:
        """Whether the resident stands in the network under a patient of theirs."""
        return self.link is not None and self.link.state == "linked" and self.link.remote_id is not None

    @property
    def mistaken(self) -> bool:
        """Whether what was told under this link is on a stranger's record."""
        return self.link is not None and self.link.state == "ended" and self.link.reason == WRONG

    def refuses(self, kind: str, when: datetime) -> Refusal | None:
        """Why `kind` is not shared at `when`: not-linked, inactive, not-a-test-patient, no-consent or no-record."""
        if not self.linked:
            return Refusal("not-linked", f"resident {self.resident} has no patient in {self.network}")
        return self._refuses_linked(kind, when)

    def refuses_record(self, when: datetime) -> Refusal | None:
        """Why the network is not asked at `when` for what it holds of the resident; codes as of `refuses`."""
        return self.refuses(CLINICAL, when)

    def refuses_asking(self, when: datetime) -> Refusal | None:
        """As `refuses_record`, for looking a patient up before there is a link."""
        return self._refuses_linked(CLINICAL, when)

    def refuses_unlinked(self, kind: str, when: datetime) -> Refusal | None:
        """As `refuses`, for a way out that needs no patient over there: no-consent or no-record."""
        return self._disagrees(kind, when)

    def refuses_taking_back(self, kind: str, when: datetime) -> Refusal | None:
        """As `refuses`, for saying that something we told was wrong: also by a mistaken link, or of who is gone since.

        What somebody else measured after a death nobody had told us of stands on the record of the dead.
        """
        return self._refuses_tested(kind, when) if self.mistaken or self.linked else self.refuses(kind, when)

    def open_since(self, kind: str, when: datetime) -> datetime | None:
        """Since when values of `kind` may be shared, None where they may not: the later of link and consent."""
        if self.link is None or self.refuses(kind, when) is not None:
            return None
        words = {permits(self.events, "care-share", self.network, one, when).event for one in _within(kind)}
        return max(self.link.at, *(event.at for event in self.events if event.seq in words))

    def _refuses_linked(self, kind: str, when: datetime) -> Refusal | None:
        held = refuses(self.situation, "sends", when)
        if held is not None:
            return held
        return self._refuses_tested(kind, when)

    def _refuses_tested(self, kind: str, when: datetime) -> Refusal | None:
        if self.test_patients and (self.link is None or self.link.value not in self.test_patients):
            return Refusal("not-a-test-patient", "only test patients are exchanged now")
        return self._disagrees(kind, when)

    def _disagrees(self, kind: str, when: datetime) -> Refusal | None:
        asked: tuple[tuple[Purpose, str | None, str], ...] = (
            ("care-share", self.network, "no-consent"), ("record", None, "no-record"),
        )  # fmt: skip
        for (purpose, recipient, code), one in product(asked, _within(kind)):
            verdict = permits(self.events, purpose, recipient, one, when)
            if not verdict.granted:
                return Refusal(code, f"resident {self.resident}: {purpose} is {verdict.code}", kind)
        return None


@cache
def _within(kind: str) -> tuple[str, ...]:
    """The kinds a value of `kind` tells: itself, the parts of a panel, and what it is computed from."""
    parts = (name for name, known in KINDS.items() if known.panel == kind)
    return (kind, *parts, *_COMPUTED_FROM.get(kind, ()))


def doors(
    connection: Connection, residents: Collection[str], network: str, *, test_patients: frozenset[str] = frozenset()
) -> dict[str, Door]:
    """The door of each resident towards `network`, as everything stands in this transaction."""
    links = repo_links.of(connection, residents, network)
    said = repo_consents.events_of(connection, residents)
    lives = repo_life.situations(connection, residents)
    return {
        name: Door(
            resident=name, network=network, link=links.get(name), events=tuple(said.get(name, ())),
            situation=lives.get(name) or Situation(resident=name, status="left"), test_patients=test_patients,
        )
        for name in residents
    }  # fmt: skip
