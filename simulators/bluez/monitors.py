"""Passive scanning (org.bluez.AdvertisementMonitorManager1): only with bluetoothd --experimental, only what matches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from dbus_fast import Message, MessageType, Variant

from simulators.bluez.tree import ADAPTER, MONITORS, PROPERTIES, Answer, Refusal, Tree

MONITOR = "org.bluez.AdvertisementMonitor1"
# bleak exports its monitor only after the registration was answered.
TRIES = 20
Pattern = tuple[int, int, bytes]


class Monitors:
    """The monitors registered at one adapter. A client exports its monitor after registering it: it is read then.

    One registered while the adapter is off stays deaf for good (measured on BlueZ 5.66).
    """

    def __init__(self, tree: Tree, path: str, retune: Callable[[], Awaitable[None]]) -> None:
        self._tree, self._path, self._retune = tree, path, retune
        self._monitors: dict[tuple[str, str], list[Pattern]] = {}

    def open(self) -> None:
        """Offer the interface at the adapter."""
        self._tree.add(self._path, {MONITORS: {"SupportedMonitorTypes": Variant("as", ["or_patterns"])}})
        self._tree.offer(self._path, MONITORS, RegisterMonitor=self._register, UnregisterMonitor=self._unregister)
        self._tree.on_leaving(self._leave)

    @property
    def active(self) -> bool:
        """Whether a monitor waits for anything."""
        return any(self._monitors.values())

    def matches(self, structures: Sequence[tuple[int, bytes]]) -> bool:
        """Whether one pattern of one monitor is in the advert."""
        return any(
            kind == wanted and data[start : start + len(content)] == content
            for patterns in self._monitors.values()
            for start, wanted, content in patterns
            for kind, data in structures
        )

    async def _register(self, message: Message) -> Answer | None:
        key = str(message.sender), str(message.body[0])
        if key in self._monitors:
            raise Refusal("AlreadyExists", "Already Exists")
        self._monitors[key] = []
        if not self._tree.get(self._path, ADAPTER, "Powered"):
            return None
        self._tree.spawn(self._read(key))
        return None

    async def _unregister(self, message: Message) -> Answer | None:
        if self._monitors.pop((str(message.sender), str(message.body[0])), None) is None:
            raise Refusal("DoesNotExist", "Does Not Exist")
        await self._retune()
        return None

    async def _read(self, key: tuple[str, str]) -> None:
        owner, path = key
        for _ in range(TRIES):
            reply = await self._tree.bus.call(
                Message(destination=owner, path=path, interface=PROPERTIES, member="Get", signature="ss",
                        body=[MONITOR, "Patterns"])
            )  # fmt: skip
            if reply.message_type != MessageType.ERROR and key in self._monitors:
                found = reply.body[0].value
                self._monitors[key] = [(int(start), int(kind), bytes(content)) for start, kind, content in found]
                await self._retune()
                return

    def _leave(self, client: str) -> None:
        gone = [key for key in self._monitors if key[0] == client]
        for key in gone:
            del self._monitors[key]
        if gone:
            self._tree.spawn(self._retune())
