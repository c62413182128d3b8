"""Everything a hospital received and what it answered, for counting afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from simulators.hospital.journal import Answered, Journal, Received

_KEPT = ("content-type", "if-match", "if-none-exist", "if-none-match", "prefer")


class Ledger:
    """The list of requests and answers; a request that was cut off by a kill has no answer."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._lock = journal, Lock()
        self.received = [line for line in journal.before if isinstance(line, Received)]
        self.answered = {line.number: line for line in journal.before if isinstance(line, Answered)}

    def receive(
        self, now: Callable[[], datetime], method: str, target: str, headers: dict[str, str], body: bytes
    ) -> int:
        """Write a request down; its number."""
        kept = {name: headers[name] for name in _KEPT if name in headers}
        # An assertion in a form is as good as a password until it ends: the fact that it came is enough.
        text = "" if target.endswith("/oauth/token") else body.decode("utf-8", "replace")
        with self._lock:
            line = Received(len(self.received) + 1, now(), method, target, kept, text)
            self.received.append(line)
            self._journal.write(line)
        return line.number

    def answer(self, line: Answered) -> None:
        """Write down what became of a request."""
        with self._lock:
            self.answered[line.number] = line
            self._journal.write(line)

    def faults(self) -> Counter[str]:
        """How often each fault struck."""
        with self._lock:
            told = tuple(self.answered.values())
        return Counter(line.fault for line in told if line.fault)

    def writes(self, kind: str = "") -> list[str]:
        """The addresses of every version written through the interface, in the order of the requests."""
        with self._lock:
            told = [self.answered[line.number] for line in self.received if line.number in self.answered]
        return [place for line in told for place in line.stored if place.startswith(kind)]
