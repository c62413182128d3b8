"""The medical network of the settings, ready to be spoken to: for every `phr bridge` command that does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.bridge_keys import network_of
from cli.wiring import Settings, open_store

if TYPE_CHECKING:
    from engine.store.database import Engine
    from fhir_bridge.client import Client
    from fhir_bridge.plan_debts import Scope
    from fhir_bridge.push import Pusher


def scope_of(config: Settings) -> Scope:
    """What is exchanged: with which network, and with which test patients only."""
    from fhir_bridge.plan_debts import Scope

    named = frozenset(name.strip() for name in config.bridge.test_patients.split(",") if name.strip())
    return Scope(network=config.bridge.name, test_patients=named)


@contextmanager
def open_client(config: Settings, engine: Engine | None = None) -> Iterator[Client]:
    """The network's client, going on where the last one stopped; exit code 10 when none is configured."""
    from fhir_bridge.push import client_of

    network = network_of(config)
    store = open_store(config) if engine is None else engine
    try:
        with client_of(store, network) as client:
            yield client
    finally:
        if engine is None:
            store.dispose()


@contextmanager
def open_pusher(config: Settings) -> Iterator[Pusher]:
    """The bridge on the configured store; exit code 10 when no network is configured."""
    from fhir_bridge.push import Pusher

    network_of(config)
    store = open_store(config)
    try:
        with open_client(config, store) as client:
            yield Pusher(store, client, scope_of(config))
    finally:
        store.dispose()
