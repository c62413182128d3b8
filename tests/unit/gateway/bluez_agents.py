"""A stand-in for the part of BlueZ that pairing agents talk to: `bluez_agents.py ADDRESS [DEAF]` on a private bus.

It refuses the first DEAF registrations, as a BlueZ does that is still starting.

It asks whoever becomes the default agent what BlueZ asks during pairing and prints one answer per line.
"""

import asyncio
import sys
from typing import Any

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

AGENT = "org.bluez.Agent1"
DEVICE = "/org/bluez/hci0/dev_C0_26_DF_01_E2_3A"
QUESTIONS: list[tuple[str, str, list[Any]]] = [
    ("RequestAuthorization", "o", [DEVICE]),
    ("RequestPasskey", "o", [DEVICE]),
    ("RequestConfirmation", "ou", [DEVICE, 123456]),
    ("RequestConfirmation", "ou", [DEVICE, 654321]),
    ("RequestPinCode", "o", [DEVICE]),
]


class Bluez:
    def __init__(self, bus: MessageBus, deaf: int) -> None:
        self.bus, self.deaf = bus, deaf
        self.agents: dict[str, str] = {}
        self.task: asyncio.Task[None] | None = None
        bus.add_message_handler(self.handle)

    def handle(self, message: Message) -> Message | None:
        if message.message_type != MessageType.METHOD_CALL or message.interface != "org.bluez.AgentManager1":
            return None
        print(message.member, *message.body, flush=True)
        if message.member == "RegisterAgent" and self.deaf:
            self.deaf -= 1
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "not yet")
        if message.member == "RegisterAgent":
            self.agents[message.body[0]] = str(message.sender)
        if message.member == "RequestDefaultAgent":
            self.task = asyncio.ensure_future(self.ask(message.body[0]))
        return Message.new_method_return(message)

    async def ask(self, path: str) -> None:
        for member, signature, body in QUESTIONS:
            reply = await self.bus.call(
                Message(
                    destination=self.agents[path],
                    path=path,
                    interface=AGENT,
                    member=member,
                    signature=signature,
                    body=body,
                )
            )
            said = reply.error_name if reply.message_type == MessageType.ERROR else reply.body
            print(member, said, flush=True)
        print("done", flush=True)


async def main(address: str, deaf: int = 0) -> None:
    bus = await MessageBus(bus_address=address).connect()
    Bluez(bus, deaf)
    await bus.request_name("org.bluez")
    print("ready", flush=True)
    await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *(int(word) for word in sys.argv[2:])))
