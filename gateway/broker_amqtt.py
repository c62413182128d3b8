"""The fallback broker in a process of its own: `python -m gateway.broker_amqtt PORT PASSWORDS USER...`.

amqtt speaks MQTT 3.1.1 only and keeps nothing across a restart; the engine's acknowledgement makes up for both.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any

EVERYTHING = "phr/v1/#"


def hash_password(password: str) -> str:
    """The form amqtt's password file holds (argon2)."""
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    return PasswordHash((Argon2Hasher(),)).hash(password)


def configure(port: int, passwords: str, users: Sequence[str]) -> dict[str, Any]:
    """The broker's configuration: the first user is the engine, the others are gateways."""
    engine, *gateways = users
    write = {gateway: [f"phr/v1/{gateway}/up/#"] for gateway in gateways} | {engine: [EVERYTHING]}
    read = {gateway: [f"phr/v1/{gateway}/down/#"] for gateway in gateways} | {engine: [EVERYTHING]}
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "timeout_disconnect_delay": 0,
        "plugins": {
            "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": passwords},
            "gateway.broker_access.AccessPlugin": {"write": write, "read": read},
        },
    }


async def serve(port: int, passwords: str, users: Sequence[str]) -> None:
    """Be a broker until told to stop."""
    from amqtt.broker import Broker

    broker = Broker(configure(port, passwords, users))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
