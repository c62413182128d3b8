"""SMART Backend Services, our side: keys, assertions that a third party accepts, tokens, scopes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from fhir_bridge.auth import (
    SCOPES,
    Endpoint,
    Smart,
    Token,
    key_refusal,
    read_endpoint,
    read_key,
    read_refusal,
    read_token,
    token_form,
    uncovered,
)
from fhir_bridge.auth_keys import key_id, make_key, public_set
from fhir_bridge.client_answers import Failure

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
EC, RSA = make_key("ES384"), make_key("RS384")
AT = Endpoint("https://auth.example.jp/token", frozenset())
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def smart(key: bytes = EC, **changes: Any) -> Smart:
    return Smart(client_id="minato", key=key, **changes)


@pytest.mark.parametrize(("key", "alg"), [(EC, "ES384"), (RSA, "RS384")])
def test_an_assertion_says_what_smart_demands_and_holds_against_the_published_set(key: bytes, alg: str) -> None:
    form = token_form(smart(key), AT, NOW, Random(1))
    published = KeySet.import_key_set(json.loads(json.dumps(public_set([(EC, None), (RSA, None)]))))
    read = jwt.decode(form["client_assertion"], published, algorithms=[alg])
    assert read.header == {"alg": alg, "typ": "JWT", "kid": key_id(key)}
    ends = read.claims.pop("exp")
    assert 0 < ends - NOW.timestamp() <= 300
    jti = read.claims.pop("jti")
    assert len(jti) == 32
    assert read.claims == {"iss": "minato", "sub": "minato", "aud": AT.url}
    assert form["grant_type"] == "client_credentials"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert form["scope"].split() == list(SCOPES)


def test_no_two_assertions_have_one_number_and_a_configured_name_of_the_key_is_used() -> None:
    rng = Random(1)
    several = [token_form(smart(key_id="key-2026"), AT, NOW, rng)["client_assertion"] for _ in range(20)]
    key = read_key(EC)
    read = [jwt.decode(one, key, algorithms=["ES384"]) for one in several]
    assert len({one.claims["jti"] for one in read}) == 20
    assert {one.header["kid"] for one in read} == {"key-2026"}


def test_the_published_set_holds_no_private_number() -> None:
    secrets = {"d", "p", "q", "dp", "dq", "qi"}
    told = public_set([(EC, "a"), (RSA, None)])["keys"]
    assert [set(one) & secrets for one in told] == [set(), set()]
    assert [(one["kid"], one["kty"], one["alg"], one["use"]) for one in told] == [
        ("a", "EC", "ES384", "sig"), (key_id(RSA), "RSA", "RS384", "sig"),
    ]  # fmt: skip


BAD_KEYS = {
    "P-256": ECKey.generate_key("P-256", private=True).as_pem(private=True),
    "1024 bits": rsa.generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "public": ECKey.generate_key("P-384", private=True).as_pem(private=False),
    "no key": b"hello",
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_key_that_smart_does_not_take_is_refused_before_anything_is_sent(name: str) -> None:
    refusal = key_refusal(smart(BAD_KEYS[name]))
    assert refusal is not None
    assert refusal.code == "bad-key"


def test_without_a_client_id_nothing_is_signed() -> None:
    assert (refusal := key_refusal(Smart(client_id="", key=EC))) is not None
    assert refusal.code == "no-client-id"


def test_secrets_do_not_show_themselves() -> None:
    assert "PRIVATE" not in repr(smart())
    assert "abc" not in repr(Token("abc", NOW, ()))


@given(st.integers(2, 10**9))
def test_a_token_is_used_until_half_a_minute_before_its_end_or_half_of_its_life(life: int) -> None:
    told = read_token({"access_token": "t", "token_type": "Bearer", "expires_in": life, "scope": "a b"}, smart(), NOW)
    assert isinstance(told, Token)
    seconds = min(life, 86_400)
    assert told.until == NOW + timedelta(seconds=max(seconds - 30, seconds / 2))
    assert told.scopes == ("a", "b")


BAD_TOKENS: list[Any] = [
    None, [], {}, {"access_token": "t"}, {"access_token": "a b", "token_type": "bearer"},
    {"access_token": "t\r\nX: y", "token_type": "bearer"}, {"access_token": 3, "token_type": "bearer"},
    {"access_token": "t", "token_type": "mac"}, {"access_token": "t", "token_type": "bearer", "expires_in": "soon"},
    {"access_token": "t", "token_type": "bearer", "expires_in": -1},
    {"access_token": "t", "token_type": "bearer", "expires_in": float("nan")},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_TOKENS)
def test_what_is_no_bearer_token_is_not_used(body: Any) -> None:
    assert read_token(body, smart(), NOW) == Failure(kind="auth", code="bad-token")


@given(JSON, st.integers(100, 599))
def test_no_answer_of_a_token_endpoint_can_hurt(body: Any, status: int) -> None:
    assert isinstance(read_token(body, smart(), NOW), Failure | Token)
    assert isinstance(read_endpoint(body, smart()), Failure | Endpoint)
    assert read_refusal(body, status).kind == "auth"


def test_an_endpoint_is_used_only_when_it_takes_signed_assertions_of_our_kind() -> None:
    url = {"token_endpoint": AT.url}
    both = {"token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"]}
    assert read_endpoint(url, smart()) == AT
    assert read_endpoint(url | both, smart()) == Endpoint(AT.url, frozenset({"RS384", "ES384"}))
    for more, code in (
        ({"token_endpoint_auth_methods_supported": ["client_secret_basic"]}, "no-private-key-jwt"),
        ({"token_endpoint_auth_signing_alg_values_supported": ["RS384"]}, "algorithm"),
        ({"token_endpoint": 3}, "no-token-endpoint"),
    ):
        assert read_endpoint(url | more, smart()) == Failure(kind="auth", code=code)


def test_a_refusal_keeps_the_word_of_oauth() -> None:
    said = read_refusal({"error": "invalid_client", "error_description": "no such key"}, 401)
    assert (said.code, said.outcome, said.status, said.again) == ("invalid-client", "no such key", 401, True)
    assert read_refusal({"error": "<script>"}, 400).code == "token-refused"


SCOPE_CASES = [
    (("system/Observation.crus",), ("system/Observation.cruds",), ()),
    (("system/Observation.crus",), ("system/Observation.rs",), ("system/Observation.crus",)),
    (("system/Observation.crus",), ("system/Observation.read", "system/Observation.write"), ()),
    (("system/Observation.rs",), ("system/*.rs",), ()),
    (("system/Observation.rs",), ("patient/*.rs",), ("system/Observation.rs",)),
    (("system/Observation.rs",), ("system/Observation.rs?category=laboratory",), ("system/Observation.rs",)),
    (("system/Patient.rs", "system/Device.crus"), (), ("system/Patient.rs", "system/Device.crus")),
]


@pytest.mark.parametrize(("wanted", "granted", "missing"), SCOPE_CASES)
def test_what_was_wanted_and_not_granted_is_named(
    wanted: tuple[str, ...], granted: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert uncovered(wanted, granted) == missing
