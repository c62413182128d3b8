"""The campaign of releases: bridges killed at random while a platform drops, lies and delays, then all is counted.

18 simulated months: three half-years, at the end of each a real release of a made-up city and one of made-up tables of
2,000 cells are published; before the last one the platform is away for seven days.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from engine.store.database import open_engine
from fhir_bridge.breaker import Rules
from fhir_bridge.client_network import Limits, Network
from fhir_bridge.platform import Pace, Publisher, platform_of
from fhir_bridge.platform_session import Credentials, Where
from simulators.children import Child
from simulators.platform.broker import Abilities
from simulators.platform.faults import BrokerFault
from simulators.platform.process import PlatformProcess, Settings
from simulators.platform.tokens import Client
from simulators.platform_count import Counted, count, strangers
from simulators.platform_stock import Stock, personal_texts

BRIDGES: Final = 2
HALF_YEARS: Final = 3
DAYS_AWAY: Final = 7
SETTLE_SECONDS: Final = 120.0
TELL_EVERY: Final = 25
_TOKEN_LIKE: Final = re.compile(rb"[A-Za-z0-9_-]{43,}")
_WORDS: Final = 2_000
SECRET: Final = "the-secret-of-the-campaign"  # noqa: S105 - of a stand-in
PHR: Final = Client("phr", SECRET)
# A lease has to outlive a whole look at 2,000 cells, or two bridges take it from each other for ever.
PACE: Final = Pace(lease=2.0, unsure=0.5, pause=0.01, longest=0.1)
LIMITS: Final = Limits(connect=1.0, silence=1.0, whole=3.0)
RULES: Final = Rules(failures=1_000_000, wait=0.05, longest=0.2)
# A third of all requests meet something; every kind there is.
WEATHER: Final[tuple[tuple[float, BrokerFault], ...]] = (
    (0.04, BrokerFault(kind="drop")),
    (0.04, BrokerFault(kind="drop", after=True)),
    (0.03, BrokerFault(kind="drop", after=True, only=3)),
    (0.03, BrokerFault(kind="cut", after=True)),
    (0.02, BrokerFault(kind="status", status=500)),
    (0.02, BrokerFault(kind="status", status=502)),
    (0.02, BrokerFault(kind="status", status=503, retry_after="1")),
    (0.02, BrokerFault(kind="status", status=504, after=True)),
    (0.01, BrokerFault(kind="status", status=429, retry_after="1")),
    (0.02, BrokerFault(kind="status", status=503, after=True, only=7)),
    (0.02, BrokerFault(kind="status", status=413)),
    (0.005, BrokerFault(kind="status", status=400, where="op/update")),
    (0.02, BrokerFault(kind="garbage")),
    (0.02, BrokerFault(kind="garbage", after=True)),
    (0.02, BrokerFault(kind="redirect")),
    (0.02, BrokerFault(kind="expire")),
    (0.03, BrokerFault(kind="small", limit=60_000)),
    (0.02, BrokerFault(kind="slow", seconds=0.05)),
    (0.005, BrokerFault(kind="slow", seconds=1.3)),
    (0.005, BrokerFault(kind="slow", seconds=1.3, after=True)),
    # It confirms more than it did.
    (0.03, BrokerFault(kind="slow", seconds=0.0, after=True, only=5, where="op/update")),
    (0.01, BrokerFault(kind="slow", seconds=0.0, after=True, only=0, where="op/update")),
)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign found; `sound` when every release stands there whole, once, and nothing else ever did."""

    seed: int
    kills: int
    faults: dict[str, int]
    requests: int
    releases: tuple[Counted, ...]
    strangers: int
    duplicates: int
    early: int
    misuses: dict[str, int]
    personal: int
    personal_texts: int
    tokens: int
    tokens_found: int
    secret_found: int
    parked: int
    unsettled: int
    days_away: int
    caught_up_seconds: float
    withdrawn: str
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether all of it held."""
        wrong = self.strangers, self.duplicates, self.early, sum(self.misuses.values()), self.personal
        leaks = self.tokens_found, self.secret_found, self.unsettled
        told = self.personal_texts > 0 and self.tokens > 0 and self.withdrawn == "withdrawn"
        return not any((*wrong, *leaks)) and told and all(one.sound for one in self.releases)


class _Stage:
    """One campaign under way: the store, the bridges, the platform, and how far ahead the simulated clock is."""

    def __init__(self, root: Path, rng: Random, stock: Stock, broker: PlatformProcess) -> None:
        self.root, self.rng, self.stock, self.broker = root, rng, stock, broker
        self.ahead = timedelta()
        self.parked = self.kills = self.tokens = self.tokens_found = 0
        self.log = root / "bridge.log"
        self.bridges = [Child(f"bridge {n}", self.work, self.log) for n in range(BRIDGES)]

    def now(self) -> datetime:
        """The simulated time."""
        return datetime.now(UTC) + self.ahead

    def go_to(self, when: datetime) -> None:
        """Let it be `when`; bridges learn it when they start anew."""
        self.ahead = when - datetime.now(UTC)

    def work(self) -> None:
        """A bridge, in a process of its own, saying all that any library would say into its log."""
        logging.basicConfig(level=logging.DEBUG, force=True)
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        store = open_engine(self.stock.url)
        credentials = Credentials(token_url=f"{self.broker.origin}/oauth2/token", client_id=PHR.id, secret=PHR.secret)
        network = Network(name="platform", base=self.broker.origin, limits=LIMITS, rules=RULES)
        where = Where(network=network, credentials=credentials)
        with platform_of(store, where) as client:
            publisher = Publisher(store, client, PACE, clock=self.now)
            while True:
                step = publisher.step()
                if step.became is None:
                    time.sleep(min(0.01 if step.wait is None else step.wait, 0.05))

    def kill_one(self) -> None:
        """SIGKILL one bridge and start it again at once."""
        victim = self.rng.choice(self.bridges)
        if not victim.alive():
            raise RuntimeError("a bridge died by itself; see bridge.log")
        victim.kill()
        victim.start()
        self.kills += 1

    def start_all(self) -> None:
        """Start every bridge."""
        for bridge in self.bridges:
            bridge.start()

    def end_all(self) -> None:
        """End every bridge, without mercy."""
        for bridge in self.bridges:
            bridge.kill()

    def count_tokens(self) -> None:
        """Look for every token the platform gave out since it started, in all that the bridges wrote anywhere."""
        places = [path for path in (self.log, *self.root.glob("engine.sqlite*")) if path.exists()]
        # Only what could be a token goes over the line: an order has a size, too.
        words = sorted({word for path in places for word in _TOKEN_LIKE.findall(path.read_bytes())})
        self.tokens += self.broker.order("leaked", "")["given"]
        for start in range(0, len(words), _WORDS):
            part = b" ".join(words[start : start + _WORDS]).decode()
            self.tokens_found += self.broker.order("leaked", part)["found"]


def campaign(
    root: Path, *, faults: int, kills: int, seed: int, people: int = 400, cells: int = 2_000,
    tell: Callable[[str], None] = lambda _: None, weather: Sequence[tuple[float, BrokerFault]] = WEATHER,
) -> Report:  # fmt: skip
    """Run in an empty folder `root`: at least so many faults and kills; the same seed makes the same city."""
    rng, began = Random(seed), time.monotonic()
    stock = Stock(root, seed, people, cells)
    settings = Settings(
        abilities=Abilities(token_seconds=4, hangs_up=True), clients=(PHR,), weather=tuple(weather), seed=seed
    )  # fmt: skip
    with PlatformProcess(settings, root / "platform") as broker:
        stage = _Stage(root, rng, stock, broker)
        caught_up, unsettled = 0.0, 0
        try:
            for half in range(HALF_YEARS):
                stage.go_to(stock.day_of(half))
                stock.publish(half, stage.now())
                if half == HALF_YEARS - 1:
                    caught_up = _away(stage)
                broker.order("faults", _sky(rng, weather, half))
                _storm(stage, kills * (half + 1) // HALF_YEARS, faults * (half + 1) // HALF_YEARS, tell)
                broker.order("faults", {"weather": []})
                unsettled += _settle(stage)
                tell(f"{half + 1} of {HALF_YEARS} half-years: {stage.kills} kills, {_struck(broker)} faults")
            found, entities = broker.order("totals"), broker.order("entities")
            withdrawn = _withdraw(stage)
        finally:
            stage.end_all()
        stage.count_tokens()
        texts = personal_texts(stock.url)
        personal = len(broker.order("told", texts))
        secret = sum(SECRET in path.read_bytes().decode("latin-1") for path in root.rglob("*") if _is_ours(path))
        struck = broker.order("struck")
    kept = stock.kept()
    return Report(
        seed=seed, kills=stage.kills, faults=struck["faults"], requests=struck["requests"],
        releases=tuple(count(kept, entities)), strangers=strangers(kept, entities),
        duplicates=len(found["duplicates"]), early=len(found["broken"]),
        misuses=dict(Counter(one["code"] for one in found["misuses"])), personal=personal, personal_texts=len(texts),
        tokens=stage.tokens, tokens_found=stage.tokens_found, secret_found=secret, parked=stage.parked,
        unsettled=unsettled, days_away=DAYS_AWAY, caught_up_seconds=round(caught_up, 2), withdrawn=withdrawn,
        seconds=round(time.monotonic() - began, 1),
    )  # fmt: skip


def _storm(stage: _Stage, kills: int, faults: int, tell: Callable[[str], None]) -> None:
    """Bridges are killed and started again; what was published is said once more, until enough faults have struck."""
    stage.start_all()
    while stage.kills < kills or _struck(stage.broker) < faults:
        time.sleep(stage.rng.uniform(0.02, 0.3))
        if stage.kills < kills:
            stage.kill_one()
            if stage.kills % TELL_EVERY == 0:
                tell(f"{stage.kills} kills, {_struck(stage.broker)} faults")
        stage.parked += stage.stock.attend(stage.now())


def _settle(stage: _Stage) -> int:
    """Waits in calm weather until nothing is owed; how many releases still are when patience ends."""
    end, left = time.monotonic() + SETTLE_SECONDS, 1
    while left and time.monotonic() < end:
        time.sleep(0.05)
        stage.parked += stage.stock.attend(stage.now(), anew=False)
        left = stage.stock.owed()
    stage.end_all()
    return left


def _away(stage: _Stage) -> float:
    """The platform is gone for seven days while bridges go on trying; how long they need when it is back."""
    stage.count_tokens()
    stage.broker.kill()
    for _ in range(DAYS_AWAY):
        stage.start_all()
        time.sleep(0.15)
        stage.end_all()
        stage.ahead += timedelta(days=1)
    # It comes back with a clear sky: this is about what was owed all the time.
    stage.broker.start()
    stage.broker.order("faults", {"weather": []})
    began = time.monotonic()
    stage.start_all()
    _settle(stage)
    return time.monotonic() - began


def _withdraw(stage: _Stage) -> str:
    """The first made-up release is taken back at last; what the store says of it then."""
    stage.stock.withdraw(stage.now())
    stage.start_all()
    _settle(stage)
    return next(one.state for one in stage.stock.kept() if one.id == stage.stock.first_trial)


def _sky(rng: Random, weather: Sequence[tuple[float, BrokerFault]], half: int) -> dict[str, list[object]]:
    """The weather of a half-year, and first a third of all faults there are: none may be missing by chance."""
    faults = [msgspec.to_builtins(one) for _, one in weather]
    script = faults[half::HALF_YEARS]
    rng.shuffle(script)
    return {"script": script, "weather": [[chance, one] for (chance, _), one in zip(weather, faults, strict=True)]}


def _struck(broker: PlatformProcess) -> int:
    return sum(broker.order("struck")["faults"].values())


def _is_ours(path: Path) -> bool:
    """All but the platform's own settings, in which its clients' secrets stand."""
    return path.is_file() and path.name != "settings.json"
