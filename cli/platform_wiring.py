"""The city's data-linkage platform of the settings, ready to be spoken to, and what the town says with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from cli.exits import Exit
from cli.output import fail
from cli.wiring import Settings, open_store, secret

if TYPE_CHECKING:
    from engine.refusal import Refusal
    from engine.store.database import Connection, Engine
    from fhir_bridge.platform import Publisher
    from fhir_bridge.platform_entities import About
    from fhir_bridge.platform_session import Credentials, Where
    from fhir_bridge.platform_shapes import ReleaseShape
    from fhir_bridge.privacy_release import Release

Owe = Callable[["Connection", str, "ReleaseShape", str, datetime], "Refusal | None"]


def where_of(config: Settings) -> Where:
    """The platform of the settings; exit code 10 when none is configured or it cannot be used."""
    from fhir_bridge.client_network import Network, Tls
    from fhir_bridge.platform_session import Where, where_refusal

    said = config.platform
    if not said.url:
        fail(Exit.CONFIGURATION, "no-platform", "no data-linkage platform is configured: platform.url")
    if said.linked and not said.context:
        fail(Exit.CONFIGURATION, "no-context", "platform.linked needs platform.context, the address of our @context")
    where = Where(
        network=Network(name="platform", base=said.url, tls=Tls(ca_file=said.ca_file)),
        credentials=_credentials(config), tenant=said.service, path=said.path,
        context=said.context if said.linked else None,
    )  # fmt: skip
    if refusal := where_refusal(where):
        fail(Exit.CONFIGURATION, refusal.code, f"platform.{refusal.field}: {refusal.message}")
    return where


def about_of(config: Settings, release: ReleaseShape, issued: datetime) -> About:
    """What the town says beside the numbers of a release."""
    from engine.interests import codes
    from fhir_bridge.open_data_words import label
    from fhir_bridge.platform_entities import About
    from fhir_bridge.privacy_release import Release

    said = config.platform
    return About(
        issued=issued, note=_note(release) if isinstance(release, Release) else "試験のための作り物の数です。",
        licence=said.licence, dataset_url=said.dataset_url, contact=said.contact,
        labels={code: label("interest", code, "ja") for code in codes()},
        context=said.context if said.linked else None,
    )  # fmt: skip


def owing(config: Settings) -> Owe | None:
    """Writes what a new release owes the platform, in the transaction that stores it; None without a platform.

    What it returns refuses as `batches_of` does.
    """
    if not config.platform.url:
        return None
    where_of(config)

    def owe(
        connection: Connection, release_id: str, release: ReleaseShape, sha256: str, now: datetime
    ) -> Refusal | None:
        from engine.refusal import Refusal
        from engine.store import repo_batches
        from fhir_bridge.platform_entities import batches_of
        from fhir_bridge.platform_orders import owed

        batches = batches_of(release, sha256, about_of(config, release, now))
        if isinstance(batches, Refusal):
            return batches
        repo_batches.put(connection, release_id, owed(batches), now)
        return None

    return owe


@contextmanager
def open_publisher(config: Settings, engine: Engine | None = None) -> Iterator[Publisher]:
    """The bridge to the platform on the configured store; exit code 10 when no platform is configured."""
    from fhir_bridge.platform import Publisher, platform_of

    where = where_of(config)
    store = open_store(config) if engine is None else engine
    try:
        with platform_of(store, where) as client:
            yield Publisher(store, client)
    finally:
        if engine is None:
            store.dispose()


def _credentials(config: Settings) -> Credentials | None:
    """None where nothing is said of a token: a platform of the same house, behind its own gateway."""
    from fhir_bridge.platform_session import Credentials

    said = config.platform
    parts = (said.token_url, said.client_id, said.secret_file)
    if not any(parts):
        return None
    if said.token_url is None or said.client_id is None or said.secret_file is None:
        fail(
            Exit.CONFIGURATION, "half-credentials",
            "platform.token_url, platform.client_id and platform.secret_file belong together",
        )  # fmt: skip
    return Credentials(token_url=said.token_url, client_id=said.client_id, secret=secret(said.secret_file) or "")


def _note(release: Release) -> str:
    """How the numbers were made, in the words of people and without a sign that brokers refuse."""
    rules = release.mechanism
    return (
        f"同意した住民だけを数えました。{rules.least}人に満たない欄は公表しません。"
        f"数に乱数を加え、{rules.threshold}以上のものを{rules.rounding}の倍数に丸めました。"
    )
