"""The bridge campaign: SIGKILL bridges while a hospital drops, delays and garbles, then count what it has."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Literal

import msgspec
from joserfc.jwk import ECKey
from sqlalchemy import select

from engine.store import repo_outbox, repo_push
from engine.store.database import migrate, open_engine, read
from engine.store.instants import to_micros
from engine.store.repo_owing import BRIDGE
from engine.store.tables_bridge import PUSH
from fhir_bridge.auth import Smart
from fhir_bridge.breaker import Rules
from fhir_bridge.client_network import Limits, Network
from fhir_bridge.plan_debts import Scope
from fhir_bridge.push import Pusher, client_of
from fhir_bridge.push_claim import Pace
from fhir_bridge.sync import serve
from simulators.bridge_count import Counted, count
from simulators.bridge_town import NETWORK, Town
from simulators.children import Child
from simulators.hospital.abilities import Abilities
from simulators.hospital.faults import Fault
from simulators.hospital.process import HospitalProcess, Settings
from simulators.hospital.tokens import Client

Make = Literal["put", "conditional", "search"]
# Where ids are ours, asking again while the server is still at work does no harm. Where they are not, it would make a
# second one: there nobody asks again before the longest Bundle is surely done with.
PACES: dict[Make, Pace] = {
    "put": Pace(lease=0.8, unsure=0.3, pause=0.02, longest=0.2),
    "conditional": Pace(lease=4.0, unsure=2.5, pause=0.02, longest=0.2),
    "search": Pace(lease=4.0, unsure=2.5, pause=0.02, longest=0.2),
}
LIMITS = Limits(connect=2.0, silence=5.0, whole=10.0)
RULES = Rules(failures=8, wait=0.05, longest=0.2)
BRIDGES = 2
SETTLE_SECONDS = 240.0
TELL_EVERY = 10
TELL_SECONDS = 10.0
WEATHER: tuple[tuple[float, Fault], ...] = (
    (0.07, Fault(kind="drop")),
    (0.09, Fault(kind="drop", after=True)),
    (0.05, Fault(kind="cut", after=True)),
    (0.05, Fault(kind="status", status=503)),
    (0.03, Fault(kind="status", status=503, after=True)),
    (0.03, Fault(kind="status", status=500)),
    (0.03, Fault(kind="status", status=429)),
    (0.005, Fault(kind="status", status=429, retry_after="1")),
    (0.03, Fault(kind="garbage")),
    (0.02, Fault(kind="garbage", after=True)),
    (0.05, Fault(kind="slow", seconds=0.1)),
    (0.03, Fault(kind="slow", seconds=0.1, after=True)),
    (0.01, Fault(kind="redirect")),
    (0.02, Fault(kind="expire")),
    (0.05, Fault(kind="small", limit=3)),
)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign found; `unsettled` were still owed when patience ended, `after_no` left after a withdrawal."""

    make: str
    seed: int
    readings: int
    kills: int
    moves: int
    withdrawals: int
    requests: int
    faults: dict[str, int]
    counted: Counted
    dead: dict[str, int]
    after_no: int
    unsettled: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether everything is where it belongs, once."""
        found = self.counted
        wrong = found.missing, found.changed, found.misplaced, found.doubled, found.late, found.disordered
        left = self.dead, self.after_no, self.unsettled
        return not any((*wrong, *left)) and found.live == found.expected


def campaign(
    root: Path, *, readings: int, faults: int, kills: int, seed: int, make: Make = "put", homes: int = 16,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:  # fmt: skip
    """Run in an empty folder `root`: at least so many readings, kills and faults; the same seed makes the same town."""
    rng, began = Random(seed), time.monotonic()
    url = f"sqlite:///{root / 'engine.sqlite'}"
    store = open_engine(url)
    migrate(store)
    town = Town(store, homes, rng)
    key = ECKey.generate_key("P-384", {"kid": "bridge"}, private=True)
    client = Client(id="bridge", keys={"keys": [key.as_dict(private=False)]})
    settings = Settings(abilities=abilities_of(make), clients=(client,), weather=WEATHER, seed=seed)
    with HospitalProcess(settings, root / "hospital") as hospital:
        for patient in town.patients.values():
            hospital.order("keep", {"resourceType": "Patient", "id": patient})
            hospital.order("consent", {"patient": patient, "given": True})
        smart = Smart(client_id="bridge", key=key.as_pem(private=True), key_id="bridge")
        network = Network(name=NETWORK, base=hospital.base, auth=smart, limits=LIMITS, rules=RULES)
        # What the parent has open, a child would share.
        store.dispose()
        bridges = [
            Child(f"bridge {n}", lambda: _work(url, network, PACES[make]), root / "bridge.log") for n in range(BRIDGES)
        ]
        for bridge in bridges:
            bridge.start()
        try:
            _storm(town, bridges, rng, readings, kills, tell)
            _wait_for_faults(town, hospital, faults, tell)
            hospital.order("faults", {"weather": []})
            unsettled = _settle(url)
        finally:
            for bridge in bridges:
                bridge.kill()
        struck = hospital.order("struck")
    dead, after_no = _stored(url, town)
    return Report(
        make=make, seed=seed, readings=len(town.made), kills=kills, moves=town.moves, withdrawals=len(town.withdrawn),
        requests=struck["requests"], faults=struck["faults"], counted=count(town, root / "hospital" / "journal.jsonl"),
        dead=dead, after_no=after_no, unsettled=unsettled, seconds=round(time.monotonic() - began, 1),
    )  # fmt: skip


def abilities_of(make: Make) -> Abilities:
    """A server of a make: one that takes our ids, one whose conditional create is not atomic, one that has neither."""
    own_ids = make == "put"
    return Abilities(
        update_create=own_ids, conditional_create=make != "search", atomic=own_ids, gap=0.005, entries=30, page=10,
        conflict=412 if own_ids else 409, over=413 if own_ids else 400, token_seconds=30,
    )  # fmt: skip


def _work(url: str, network: Network, pace: Pace) -> None:
    store = open_engine(url)
    with client_of(store, network) as client:
        serve(Pusher(store, client, Scope(network=NETWORK), pace), [], lambda: False, lambda _: None, poll=0.02)


def _storm(
    town: Town, bridges: list[Child], rng: Random, readings: int, kills: int, tell: Callable[[str], None]
) -> None:
    """Readings, moves and withdrawals, and a bridge killed after each burst and started again at once."""
    for number in range(kills):
        town.measure(readings * (number + 1) // kills - len(town.made))
        if rng.random() < 0.6:  # noqa: PLR2004 - more often than not
            town.move()
        if number in {kills // 4, kills // 2, kills * 3 // 4}:
            town.withdraw()
        time.sleep(rng.uniform(0.02, 0.5))
        victim = rng.choice(bridges)
        if not victim.alive():
            raise RuntimeError("a bridge died by itself; see bridge.log")
        victim.kill()
        victim.start()
        if (number + 1) % TELL_EVERY == 0:
            tell(f"{number + 1} kills, {len(town.made)} readings")


def _wait_for_faults(town: Town, hospital: HospitalProcess, wanted: int, tell: Callable[[str], None]) -> None:
    """Lets it blow on; people go on being taken for each other so that there is something to send."""
    end, told = time.monotonic() + SETTLE_SECONDS, 0.0
    while time.monotonic() < end:
        struck = sum(Counter[str](hospital.order("struck")["faults"]).values())
        if struck >= wanted:
            return
        if time.monotonic() - told > TELL_SECONDS:
            tell(f"{struck} faults")
            told = time.monotonic()
        town.move()
        time.sleep(0.15)


def _settle(url: str) -> int:
    """Waits until nothing is owed; what is when patience ends."""
    store = open_engine(url)
    end = time.monotonic() + SETTLE_SECONDS
    left = 1
    while left and time.monotonic() < end:
        time.sleep(0.1)
        with read(store) as connection:
            counts = repo_push.counts(connection, NETWORK)
            left = counts.get("pending", 0) + counts.get("sent", 0) + repo_outbox.owes(connection, BRIDGE)
    store.dispose()
    return left


def _stored(url: str, town: Town) -> tuple[dict[str, int], int]:
    """What the bridges gave up, by reason; and rows of people who withdrew that left after they did."""
    store = open_engine(url)
    with read(store) as connection:
        dead = Counter(row.code or "" for row in repo_push.dead(connection, NETWORK))
        after = 0
        for person, at in town.withdrawn.items():
            left = (PUSH.c.resident_id == person) & (PUSH.c.sent_at > to_micros(at))
            after += len(connection.execute(select(PUSH.c.seq).where(left)).all())
    store.dispose()
    return dict(dead), after
