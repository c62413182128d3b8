"""The bridge's own keys: made here, the private half never printed, the public half as a JWK set for the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from joserfc.jwk import ECKey, RSAKey

from fhir_bridge.auth import Algorithm, algorithm_of, read_key

_BITS: Final = 3072


def make_key(algorithm: Algorithm) -> bytes:
    """A new private key (PEM, PKCS #8, unencrypted) for ES384 (P-384) or RS384 (RSA, 3,072 bits)."""
    key = (
        ECKey.generate_key("P-384", private=True) if algorithm == "ES384" else RSAKey.generate_key(_BITS, private=True)
    )
    made: bytes = key.as_pem(private=True)
    return made


def key_id(pem: bytes) -> str:
    """The name of a key where none is configured: its RFC 7638 thumbprint; raises ValueError as `read_key` does."""
    return read_key(pem).thumbprint()


def public_set(keys: Sequence[tuple[bytes, str | None]]) -> dict[str, Any]:
    """The JWK set to give to the network, of private PEMs and their names (None: the thumbprint); raises ValueError.

    An old and a new key stand in it together while one replaces the other.
    """
    found = []
    for pem, name in keys:
        key = read_key(pem)
        public = key.as_dict(private=False)
        found.append(
            public | {"kid": name or key.thumbprint(), "use": "sig", "alg": algorithm_of(key), "key_ops": ["verify"]}
        )
    return {"keys": found}
