"""The gateway's side towards the home's own broker: mirrors and sensors heard, lines shown, our own things announced.

Messages come in the connection's thread, shows and device notes in others; what they share passes through one inbox.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from engine.contract.ids import device_id
from engine.contract.reading import Reading
from engine.contract.topics import ROOT
from engine.contract.wire import DeviceNote, Health, Show, Unreadable, decode, decode_readings
from gateway.discovery import PREFIX, Entity, discover, propose
from gateway.journal import Journal
from gateway.log import log
from gateway.messages import Context, keep
from gateway.mirror import PROFILE, MirrorMap, Told, Untold, identity, matched, read_message
from gateway.mirror_maps import Maps
from gateway.mqtt_home import HomeLink
from gateway.orders import Order
from gateway.settings import GatewaySettings
from gateway.stage import Out, Stage
from gateway.voice import Voice

# A face that was named longer ago than this need not stand there any more.
FRESH: Final = timedelta(seconds=60)
MOST_ENTITIES: Final = 2000
# A sender that pauses, or a message about something else, is no refusal.
SILENT: Final = frozenset({"unavailable", "no-values"})
DISCOVERY: Final = frozenset({f"{PREFIX}/+/+/config", f"{PREFIX}/+/+/+/config"})
# Device, map and person.
_Sender = tuple[str, str, str | None]


class House:
    """The home as the gateway knows it; does nothing without a home broker. `start` and `stop` once each.

    `tell` takes notes on mirrors for the engine, `kept` is called when the journal has something to decode.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        journal: Journal,
        now: Callable[[], datetime],
        *,
        tell: Callable[[DeviceNote], None],
        kept: Callable[[], object],
        health: Callable[[], Health],
    ) -> None:
        self._settings, self._journal, self._now = settings, journal, now
        self._tell, self._kept = tell, kept
        self._broker = settings.home_broker
        self._link = HomeLink(self._broker.address, settings.gateway, self) if self._broker else None
        announces = self._broker is not None and self._broker.announce
        self._voice = Voice(settings.home, settings.gateway, settings.version, health) if announces else None
        self._files, self._stage = Maps(settings.home), Stage()
        self._maps: tuple[MirrorMap, ...] = ()
        self._people: frozenset[str] = frozenset()
        self._stamp: object = None
        self._inbox: queue.SimpleQueue[Show | DeviceNote | Reading] = queue.SimpleQueue()
        self._introduced: set[str] = set()
        self._entities: dict[tuple[str, str], Entity] = {}
        self._kept_at: dict[_Sender, datetime] = {}
        self._out: list[Out] = []

    @property
    def link(self) -> HomeLink | None:
        """The connection, None without a home broker."""
        return self._link

    def start(self) -> None:
        """Read the maps and begin to connect."""
        if self._link is not None:
            self.look()
            self._link.start()

    def stop(self) -> None:
        """Take the lines off the mirrors and end the connection."""
        if self._link is not None:
            self._link.stop()

    def look(self) -> None:
        """Take in maps that changed."""
        if self._link is None or (stamp := self._files.stamp()) == self._stamp:
            return
        self._stamp = stamp
        self._maps, bad = self._files.load()
        for name, code in bad:
            log("map_refused", file=name, code=code)

    def obey(self, topic: str, payload: bytes) -> bool:
        """Take a show of the engine's for the mirrors; whether the message was one and no command."""
        place = f"{ROOT}/{self._settings.gateway}/down/"
        if topic == f"{place}cmd/forget":
            self._erase(payload)
        if not topic.startswith(f"{place}show/"):
            return False
        try:
            show = decode(payload, Show)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log("show_refused", size=len(payload))
            return True
        if self._link is not None:
            self._inbox.put(show)
        return True

    def _erase(self, payload: bytes) -> None:
        """Whoever is to be forgotten is shown nowhere from this moment on."""
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            resident = msgspec.json.decode(payload, type=Order).resident
            if resident is not None and self._link is not None:
                self._inbox.put(Show(resident=resident, until=self._now()))

    def note(self, note: DeviceNote) -> None:
        """A device of the household, to be announced with its battery."""
        if self._voice is not None:
            self._inbox.put(note)

    def heard(self, ids: Iterable[str]) -> None:
        """New readings, whose rooms may be announced."""
        wanted = set(ids) if self._voice is not None else set()
        rows = self._journal.due(self._now() + timedelta(days=1), 500) if wanted else []
        for row in rows:
            readings = decode_readings(row.payload) if row.id in wanted else []
            for reading in [] if isinstance(readings, Unreadable) else readings:
                if isinstance(reading, Reading):
                    self._inbox.put(reading)

    # -- the connection's thread

    def filters(self) -> frozenset[str]:
        """The maps' topics, and Home Assistant's where proposals are wanted."""
        wanted = frozenset(item.topic for item in self._maps)
        return wanted | (DISCOVERY if self._broker and self._broker.discover else frozenset())

    def hear(self, topic: str, payload: bytes, *, retained: bool, late: bool) -> None:
        """Keep what a map finds readings in, light the mirror of whom it names; raises JournalError."""
        if matched(f"{PREFIX}/#", topic) is not None:
            self._propose(topic, payload)
        for item in self._maps:
            if matched(item.topic, topic) is not None:
                self._take(item, topic, payload, retained=retained, late=late)

    def _take(self, item: MirrorMap, topic: str, payload: bytes, *, retained: bool, late: bool) -> None:
        said, now = read_message(item, payload), self._now()
        # A retained message is what was last said, perhaps days ago: without a time of its own it measures nothing.
        old = retained and (isinstance(said, Untold) or said.time is None)
        silent = isinstance(said, Untold) and said.code in SILENT
        device = self._device(item, topic)
        sender = (device, item.name, said.person)
        if not (old or silent) and self._is_due(item, sender, now):
            self._introduce(item, device)
            keep(self._journal, device, Context(item, topic, late), payload, now)
            # Only now: what could not be kept comes again.
            self._kept_at[sender] = now
            self._kept()
        if item.person is not None and not (retained or late) and self._is_fresh(said, now):
            self._publish(self._stage.identified(item, said.person, now))

    def _is_due(self, item: MirrorMap, sender: _Sender, now: datetime) -> bool:
        """Whether the sender's pause is over for this person."""
        last = self._kept_at.get(sender)
        return last is None or not last <= now < last + timedelta(seconds=item.pause)

    @staticmethod
    def _is_fresh(said: Told | Untold, now: datetime) -> bool:
        time = said.time if isinstance(said, Told) else None
        return time is None or time.tzinfo is None or abs(now - time) <= FRESH

    def _device(self, item: MirrorMap, topic: str) -> str:
        """The sender's id: the same in every gateway of the home."""
        return device_id(self._settings.household or self._settings.gateway, f"mqtt {identity(item, topic)}")

    def _introduce(self, item: MirrorMap, device: str) -> None:
        if device not in self._introduced:
            self._introduced.add(device)
            note = DeviceNote(device=device, profile=PROFILE, maker=item.maker, model=item.model or item.name)
            self._tell(note)

    def _propose(self, topic: str, payload: bytes) -> None:
        """Turn what senders say of themselves into proposals; our own announcements are none of theirs."""
        if f"/{self._settings.gateway}/" in topic:
            return
        found = discover(topic, payload)
        for name, code in found.refused:
            if code not in {"removed", "component", "not-discovery"}:
                log("discovery_refused", entity=name, code=code)
        fresh = {(entity.topic, entity.pointer): entity for entity in found.entities}
        if not fresh.items() - self._entities.items() or len(self._entities) > MOST_ENTITIES:
            return
        self._entities |= fresh
        known = {(item.topic, item.device) for item in self._maps}
        for item in propose(self._entities.values()):
            if (item.topic, item.device) not in known:
                self._files.propose(item)

    def turn(self, *, fresh: bool) -> list[Out]:
        """What is to be published now."""
        now = self._now()
        while not self._inbox.empty():
            said = self._inbox.get_nowait()
            if isinstance(said, Show):
                self._publish(self._stage.told(said, now))
            elif self._voice is not None and isinstance(said, DeviceNote):
                self._voice.note(said)
            elif self._voice is not None and isinstance(said, Reading):
                self._voice.room(said)
        people = frozenset(resident for item in self._maps for resident in item.people.values())
        if people != self._people:
            self._people = people
            self._publish(self._stage.keep_only(people))
        self._publish(self._stage.turn(now))
        out, self._out = self._out, []
        return out + (self._voice.turn(self._stage.shows, now, fresh=fresh) if self._voice is not None else [])

    def last_words(self) -> list[Out]:
        """Leave nobody's lines on a mirror."""
        return self._stage.close()

    def _publish(self, out: list[Out]) -> None:
        self._out += out
