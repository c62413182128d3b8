"""What may be a password, how it is kept, and that what is sealed opens for nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import passwords
from engine.passwords import fits, hash_of, is_outdated, weakness_of
from engine.refusal import Refusal
from engine.sealing import Seal, key_of, seal_of

SEAL, OTHER = Seal(b"k" * 32), Seal(b"l" * 32)


def test_a_password_is_kept_as_argon2id_and_known_again_in_any_width() -> None:
    kept = hash_of("Ｍｏｇａｍｉ river 2026")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "river" not in kept
    assert fits(kept, "Mogami river 2026")
    assert not fits(kept, "mogami river 2026")
    assert not fits(None, "nobody has this password")
    assert not fits("no hash at all", "Mogami river 2026")
    assert not is_outdated(kept)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "too-short"), ("x" * 129, "too-long"), ("my suzuki password", "login-inside"),
        ("SUZUKI and more words", "login-inside"), ("aaaaaaaaaaaa", "monotonous"), ("abababababab", "monotonous"),
        ("123456789012", "monotonous"), ("987654321098", "monotonous"), ("abcdefghijklm", "monotonous"),
        ("password1234", "common"), ("Password2026!", "common"), ("passwordpassword", "common"),
        ("qwertyuiop12", "common"), ("2026 minatophr 2026", "common"), ("198765302741", "common"),
        ("pass word 1", "too-short"), ("correct horse battery", None), ("鳥海山と月光川と稲穂の道", None),
        ("最上川の春", "too-short"),
    ],
)  # fmt: skip
def test_what_anybody_tries_first_is_no_password(password: str, code: str | None) -> None:
    found = weakness_of(password, "suzuki")
    assert (found.code if isinstance(found, Refusal) else None) == code


def test_a_hash_of_other_parameters_is_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    kept = hash_of("correct horse battery")
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=4, memory_cost=65_536, parallelism=4))
    assert is_outdated(kept)


@given(st.text(), st.text())
def test_what_is_sealed_opens_for_the_same_matter_and_key_only(plain: str, about: str) -> None:
    sealed = SEAL.seal(plain, about)
    assert SEAL.open(sealed, about) == plain
    assert SEAL.open(sealed, about + "x") is None
    assert OTHER.open(sealed, about) is None
    assert SEAL.seal(plain, about) != sealed, "every sealing has its own nonce"


@given(st.text(max_size=80), st.data())
def test_no_bit_of_it_can_be_changed(text: str, data: st.DataObject) -> None:
    assert SEAL.open(text, "x") is None
    sealed = SEAL.seal("JBSWY3DPEHPK3PXP", "totp s-a")
    place = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_"))
    bent = sealed[:place] + letter + sealed[place + 1 :]
    assert SEAL.open(bent, "totp s-a") == (None if bent != sealed else "JBSWY3DPEHPK3PXP")


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = key_of(tmp_path)
    place = tmp_path / "web" / "key"
    assert (key_of(tmp_path), len(first)) == (first, 32)
    assert (place.stat().st_mode & 0o777, list(place.parent.iterdir())) == (0o600, [place])
    assert seal_of(tmp_path).open(seal_of(tmp_path).seal("a", "b"), "b") == "a"
    place.write_text("abcd", encoding="ascii")
    with pytest.raises(ValueError, match="no key"):
        key_of(tmp_path)
