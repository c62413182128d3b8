"""What a running gateway must be told; made by the composition root, secrets already read from their files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec


class BrokerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to reach the broker; user name is the gateway id unless told otherwise.

    `mqtt5` False spares a broker known to speak 3.1.1 only (amqtt) the futile first try.
    """

    host: str
    port: int
    tls: bool = False
    mqtt5: bool = True
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


def broker_address(
    url: str,
    *,
    mqtt5: bool = True,
    username: str | None = None,
    password: str | None = None,
    ca_file: str | None = None,
    cert_file: str | None = None,
    key_file: str | None = None,
) -> BrokerAddress:
    """The address in `mqtt://host[:1883]` or `mqtts://host[:8883]`; raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or parts.username or parts.path not in {"", "/"}:
        raise ValueError("a broker address looks like mqtt://host:1883 or mqtts://host:8883")
    tls = parts.scheme == "mqtts"
    return BrokerAddress(
        host=parts.hostname,
        port=parts.port or (8883 if tls else 1883),
        tls=tls,
        mqtt5=mqtt5,
        username=username,
        password=password,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
    )


class HomeBroker(msgspec.Struct, frozen=True, kw_only=True):
    """The home's own broker, where mirrors and room sensors speak.

    `discover` reads Home Assistant's discovery messages for proposals, `announce` publishes our own there.
    """

    address: BrokerAddress
    discover: bool = False
    announce: bool = False


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who this gateway is, where it keeps its things, and how patient it is (seconds)."""

    home: Path
    gateway: str
    broker: BrokerAddress
    zone: str = "Asia/Tokyo"
    version: str = "0.1.0"
    retry: float = 10.0
    retry_most: float = 300.0
    health_every: float = 60.0
    silence: float = 45.0
    pairing_agent: bool = False
    household: str | None = None
    home_broker: HomeBroker | None = None

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.home / "journal.sqlite"
