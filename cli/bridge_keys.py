"""`phr bridge keygen` and `phr bridge jwks`: our key at a medical network, and the network as it is configured."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.wiring import Settings, secret, settings

if TYPE_CHECKING:
    from fhir_bridge.auth import Smart
    from fhir_bridge.client_network import Network


class Sort(StrEnum):
    """The two signatures SMART asks for."""

    ES384 = "ES384"
    RS384 = "RS384"


Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def keygen(
    out: Annotated[Path, typer.Option(help="The new file of the private key; an existing one is never replaced.")],
    sort: Annotated[Sort, typer.Option("--alg", help="ES384 (elliptic curve) or RS384 (RSA).")] = Sort.ES384,
    json: Json = False,
) -> None:
    """Make the private key by which we sign in at the network (SMART Backend Services)."""
    from fhir_bridge.auth_keys import key_id, make_key

    pem = make_key(sort.value)
    try:
        # Nobody else may read it, not even for the moment between making and closing it.
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fail(Exit.ALREADY, "key-exists", f"{out.name} is there already; a key is never replaced")
    except OSError as error:
        fail(Exit.CONFIGURATION, "key-file", f"cannot write {out.name}: {error.strerror}")
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    if json:
        emit({"key_id": key_id(pem), "alg": sort.value, "file": str(out)})
        return
    result(key_id(pem))
    say(f"{out.name}: private, keep it. Give the network what `phr bridge jwks {out}` prints.")


def jwks(
    files: Annotated[list[Path] | None, typer.Argument(help="Private keys; default: the configured one.")] = None,
) -> None:
    """Print the public key set (JWKS) to register at the network; never the private part."""
    from fhir_bridge.auth_keys import public_set

    config = settings().bridge
    keys: list[tuple[bytes, str | None]]
    if files:
        keys = [(_pem(str(path)), None) for path in files]
    elif config.key_file:
        keys = [(_pem(config.key_file), config.key_id)]
    else:
        fail(Exit.CONFIGURATION, "no-key", "no key is configured: bridge.key_file, or `phr bridge keygen`")
    try:
        emit(public_set(keys))
    except ValueError as error:
        fail(Exit.CONFIGURATION, "bad-key", f"the key cannot be used: {error}")


def network_of(config: Settings) -> Network:
    """The medical network of the settings; exit code 10 when none is configured or it cannot be used."""
    from fhir_bridge.client_network import Network, Tls, network_refusal

    bridge = config.bridge
    if not bridge.url:
        fail(Exit.CONFIGURATION, "no-network", "no medical network is configured: bridge.url")
    if bridge.cert_key_file:
        secret(bridge.cert_key_file)
    tls = Tls(ca_file=bridge.ca_file, cert_file=bridge.cert_file, key_file=bridge.cert_key_file)
    network = Network(name=bridge.name, base=bridge.url, auth=_smart(config), tls=tls)
    if refusal := network_refusal(network):
        fail(Exit.CONFIGURATION, refusal.code, f"bridge.{refusal.field}: {refusal.message}")
    return network


def _smart(config: Settings) -> Smart | None:
    """Our credentials; None where neither an id nor a key is configured (mutual TLS or a private line)."""
    from fhir_bridge.auth import Smart

    bridge = config.bridge
    if not bridge.client_id and not bridge.key_file:
        return None
    if not bridge.client_id or not bridge.key_file:
        fail(Exit.CONFIGURATION, "half-credentials", "bridge.client_id and bridge.key_file belong together")
    return Smart(client_id=bridge.client_id, key=_pem(bridge.key_file), key_id=bridge.key_id)


def _pem(path: str) -> bytes:
    return (secret(path) or "").encode()
