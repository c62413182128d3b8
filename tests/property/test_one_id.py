"""What the city's identity provider sends is believed only whole: nothing changed, nothing odd, nothing of another shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.one_id import (
    Asking,
    Client,
    Provider,
    challenge,
    read_answer,
    read_error,
    read_provider,
    read_tokens,
    way_there,
)
from engine.one_id_tokens import Claims, Expected, Keys, Order, read_id_token, read_keys, read_logout_token
from engine.refusal import Refusal
from tests.hostile_provider import EVENT, key_of, signed

NOW: Final = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
AT: Final = int(NOW.timestamp())
CLIENT: Final = Client(issuer="https://id.example.jp", client_id="phr")
GOOD: Final[dict[str, Any]] = {
    "iss": CLIENT.issuer, "aud": "phr", "sub": "s", "iat": AT, "exp": AT + 300, "auth_time": AT, "nonce": "n",
}  # fmt: skip
ORDER: Final[dict[str, Any]] = {
    "iss": CLIENT.issuer, "aud": "phr", "sub": "s", "iat": AT, "exp": AT + 120, "jti": "j", "events": {EVENT: {}},
}  # fmt: skip
EXPECTED: Final = Expected(issuer=CLIENT.issuer, client_id="phr", nonce="n", since=NOW - timedelta(minutes=15))
KEYS: Final = read_keys({"keys": [key_of("ec1").as_dict(private=False)]})
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


def judged(token: str) -> Claims | Refusal:
    assert isinstance(KEYS, Keys)
    return read_id_token(token, KEYS, EXPECTED, NOW)


def test_the_tokens_that_are_changed_below_are_good() -> None:
    assert isinstance(KEYS, Keys)
    assert isinstance(judged(signed(GOOD, "ec1")), Claims)
    assert isinstance(read_logout_token(signed(ORDER, "ec1"), KEYS, CLIENT.issuer, "phr", NOW), Order)


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    token = signed(GOOD, "ec1")
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(ALPHABET).filter(lambda one: one != token[place]))
    changed = token[:place] + other + token[place + 1 :]
    # The spare bits of a last character stand for the same bytes: that is the same signature.
    if place != len(token) - 1:
        assert isinstance(judged(changed), Refusal)


@given(st.sampled_from(sorted({*GOOD, "azp", "nbf", "at_hash", "acr", "sid"})), JSON)
def test_a_claim_of_any_other_shape_is_refused_or_harmless_and_never_breaks(name: str, value: Any) -> None:
    found = judged(signed(GOOD | {name: value}, "ec1"))
    if isinstance(found, Claims):
        assert found.subject.isprintable()
        if name in {"iss", "nonce"}:
            assert value == GOOD[name]
        if name == "aud":
            assert value in ("phr", ["phr"])


@given(st.sampled_from(sorted({*ORDER, "sid", "nonce"})), JSON)
def test_a_logout_of_any_other_shape_is_refused_or_names_somebody(name: str, value: Any) -> None:
    assert isinstance(KEYS, Keys)
    found = read_logout_token(signed(ORDER | {name: value}, "ec1"), KEYS, CLIENT.issuer, "phr", NOW)
    if isinstance(found, Order):
        assert name != "nonce"
        assert found.subject or found.sid


@given(st.integers(-7200, 7200), st.integers(1, 7200))
def test_a_token_is_good_from_a_minute_before_it_was_made_until_a_minute_after_its_end(made: int, life: int) -> None:
    found = judged(signed(GOOD | {"iat": AT + made, "exp": AT + made + life}, "ec1"))
    in_time = made <= 60 and made + life > -60 and made >= -31 * 60
    assert isinstance(found, Claims) == in_time


@given(st.text(max_size=60) | st.text(alphabet=ALPHABET, max_size=200))
def test_no_text_is_a_token(text: str) -> None:
    assert isinstance(judged(text), Refusal)


@given(JSON, st.dictionaries(st.sampled_from(["code", "iss", "error", "state"]), st.text(max_size=20), max_size=4))
def test_no_answer_of_the_provider_breaks_us(body: Any, query: dict[str, str]) -> None:
    provider = Provider(
        issuer=CLIENT.issuer, authorization="https://id.example.jp/a", token="https://id.example.jp/t",
        keys="https://id.example.jp/k", end_session=None, says_issuer=True,
    )  # fmt: skip
    assert isinstance(read_provider(body, CLIENT), Refusal)
    assert isinstance(read_keys(body), Refusal)
    assert isinstance(read_error(body), Refusal)
    read_tokens(body)
    code = read_answer(query, provider)
    assert isinstance(code, Refusal) or (query["iss"] == CLIENT.issuer and code == query["code"])


@given(JSON)
def test_a_key_of_any_shape_is_used_or_passed_over(one: Any) -> None:
    good = key_of("ec1").as_dict(private=False)
    for odd in (one, dict(good) | {"x": one}, dict(good) | {"kty": one}):
        found = read_keys({"keys": [odd, good]})
        assert isinstance(found, Keys)
        assert found.held[-1][0] == "ec1"


def test_a_secret_or_a_key_for_encryption_in_the_set_signs_nothing() -> None:
    good = dict(key_of("ec1").as_dict(private=False))
    for odd in (
        good | {"use": "enc"},
        good | {"alg": "HS256"},
        {"kty": "oct", "k": "AAAA"},
        dict(key_of("ec1").as_dict(private=True)),
    ):
        assert isinstance(read_keys({"keys": [odd]}), Refusal)


def test_the_challenge_is_the_one_of_the_standard() -> None:
    # RFC 7636, appendix B.
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_way_there_keeps_what_the_provider_already_has_in_its_address() -> None:
    provider = Provider(
        issuer=CLIENT.issuer, authorization="https://id.example.jp/a?tenant=sakata", token="https://id.example.jp/t",
        keys="https://id.example.jp/k", end_session=None, says_issuer=False,
    )  # fmt: skip
    asking = Asking(state="s", nonce="n", verifier="v", redirect="https://phr.example.jp/one-id/back")
    assert way_there(provider, CLIENT, asking).startswith("https://id.example.jp/a?tenant=sakata&response_type=code&")
    assert "acr_values" not in way_there(provider, msgspec.structs.replace(CLIENT, card="c"), asking)
