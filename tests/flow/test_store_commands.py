"""`phr resident` and `phr consent` against a real store: ids out, refusals with codes, nothing half done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from cli import consent, resident
from cli.exits import Exit
from cli.output import Fail
from engine.contract.ids import is_id
from engine.store import audit
from engine.store.database import open_engine, read

pytestmark = pytest.mark.flow
HANAKO = ["--name", "山田 花子", "--kana", "やまだ ﾊﾅｺ", "--birth", "昭和21年1月23日", "--sex", "female"]
TARO = [
    "--name",
    "髙𠮷 太郎",
    "--kana",
    "タカヨシ タロウ",
    "--birth",
    "S20.12.1",
    "--sex",
    "男",
    "--height",
    "１７１．０",
]


class Phr:
    """Runs commands in a PHR_HOME of its own and hands out what they print."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys

    def __call__(self, app: typer.Typer, *words: str) -> str:
        app(list(words), standalone_mode=False)
        return self._capsys.readouterr().out.strip()

    def json(self, app: typer.Typer, *words: str) -> Any:
        lines = self(app, *words, "--json").splitlines()
        assert len(lines) == 1
        return json.loads(lines[0])

    def refused(self, app: typer.Typer, *words: str) -> tuple[Exit, str]:
        with pytest.raises(Fail) as failure:
            app(list(words), standalone_mode=False)
        assert failure.value.message
        return failure.value.exit_code, failure.value.code


@pytest.fixture
def phr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Phr:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    return Phr(tmp_path / "phr", capsys)


def test_a_resident_is_added_found_shown_and_edited(phr: Phr) -> None:
    hanako = phr(resident.app, "add", *HANAKO)
    taro = phr.json(resident.app, "add", *TARO)
    assert is_id(hanako, "r")
    assert (taro["family_name"], taro["height_cm"], taro["sex"]) == ("髙𠮷", "171.0", "male")
    assert taro["household_id"] == phr.json(resident.app, "show", hanako)["household_id"]
    assert [line[:15] for line in phr(resident.app, "list").splitlines()] == [taro["id"], hanako]
    assert [found["id"] for found in phr.json(resident.app, "list", "--search", "高吉")["residents"]] == [taro["id"]]
    edited = phr.json(resident.app, "edit", hanako, "--alias", "Hana", "--household", "new", "--municipality", "064289")
    assert (edited["alias"], edited["municipality_code"], edited["version"]) == ("Hana", "064289", 2)
    assert edited["household_id"] != taro["household_id"]
    assert phr.json(resident.app, "edit", hanako, "--alias", "Hana")["version"] == 2
    assert "山田" in phr(resident.app, "show", hanako)


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (["add", "--name", "山田 花子"], Exit.USAGE, "missing"),
        (["add", *HANAKO, "--birth", "昭和64年1月8日"], Exit.USAGE, "outside-era"),
        (["add", *HANAKO, "--kana", "山田 花子"], Exit.USAGE, "not-kana"),
        (["add", *HANAKO, "--municipality", "131016"], Exit.USAGE, "unknown-municipality"),
        (["add", *HANAKO, "--household", "h-none"], Exit.NOT_FOUND, "unknown-household"),
        (["add", *HANAKO, "--by", "\udcff"], Exit.USAGE, "broken-character"),
        (["list", "--search", "\udcff"], Exit.USAGE, "broken-character"),
        (["show", "r-aaaaaaaaaaaaa"], Exit.NOT_FOUND, "unknown-resident"),
        (["show", "\udcff"], Exit.NOT_FOUND, "unknown-resident"),
        (["edit", "r-aaaaaaaaaaaaa", "--alias", "x"], Exit.NOT_FOUND, "unknown-resident"),
    ],
)
def test_what_cannot_be_leaves_no_resident_and_no_household(
    phr: Phr, words: list[str], exit_code: Exit, code: str
) -> None:
    assert phr.refused(resident.app, *words) == (exit_code, code)
    assert phr.json(resident.app, "list") == {"residents": []}
    assert is_id(phr(resident.app, "add", *HANAKO), "r")


def test_with_several_households_one_must_be_named(phr: Phr) -> None:
    phr(resident.app, "add", *HANAKO)
    phr(resident.app, "add", *TARO, "--household", "new")
    assert phr.refused(resident.app, "add", *TARO) == (Exit.USAGE, "which-household")


def test_consent_is_given_taken_back_listed_and_never_forgotten(phr: Phr) -> None:
    who = ["--resident", phr(resident.app, "add", *HANAKO)]
    assert phr.json(consent.app, "list", *who)["consents"] == []
    granted = phr.json(
        consent.app, "grant", *who, "--purpose", "record", "--until", "2100-03-31", "--by", "保健師 佐藤"
    )
    assert (granted["until"], granted["actor"], len(granted["text_hash"])) == (
        "2100-03-31T15:00:00Z",
        "保健師 佐藤",
        64,
    )
    phr(consent.app, "withdraw", *who, "--purpose", "record", "--kind", "body-weight")
    standing = phr.json(consent.app, "list", *who)["consents"]
    assert [(item["kind"], item["granted"], item["code"]) for item in standing] == [
        (None, True, "granted"),
        ("body-weight", False, "withdrawn"),
    ]
    assert [event["granted"] for event in phr.json(consent.app, "history", *who)["events"]] == [True, False]
    assert len(phr(consent.app, "history", *who).splitlines()) == len(phr(consent.app, "list", *who).splitlines()) == 2
    engine = open_engine(f"sqlite:///{phr.home / 'engine.sqlite'}")
    with read(engine) as connection:
        assert [link.action for link in audit.entries(connection)] == [
            "resident-add",
            "consent-grant",
            "consent-withdraw",
        ]
    engine.dispose()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["grant", "--purpose", "everything"], "unknown-purpose"),
        (["grant", "--purpose", "record", "--kind", "body-weigth"], "unknown-kind"),
        (["grant", "--purpose", "record", "--recipient", "x"], "no-recipients"),
        (["grant", "--purpose", "record", "--until", "2020-01-01"], "until-past"),
        (["grant", "--purpose", "record", "--until", "someday"], "bad-until"),
        (["grant", "--purpose", "record", "--until", "2100-01-01T00:00:00"], "bad-until"),
        (["grant", "--purpose", "record", "--until", "9999-12-31"], "bad-until"),
        (["withdraw", "--purpose", "care-share", "--recipient", "\udcff"], "broken-character"),
        (["grant", "--purpose", "record", "--channel", "a\nb"], "control-character"),
    ],
)
def test_a_consent_that_makes_no_sense_is_not_written_down(phr: Phr, words: list[str], code: str) -> None:
    who = ["--resident", phr(resident.app, "add", *HANAKO)]
    assert phr.refused(consent.app, *words, *who) == (Exit.USAGE, code)
    assert phr.json(consent.app, "history", *who)["events"] == []


@pytest.mark.parametrize("words", [["grant", "--purpose", "record"], ["list"], ["history"]])
def test_nobody_can_speak_for_a_resident_who_is_not_there(phr: Phr, words: list[str]) -> None:
    assert phr.refused(consent.app, *words, "--resident", "r-aaaaaaaaaaaaa") == (Exit.NOT_FOUND, "unknown-resident")


def test_the_purposes_are_told_in_the_language_of_the_reader(phr: Phr, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Values measured by your devices" in phr(consent.app, "purposes")
    monkeypatch.setenv("PHR_LANG", "ja")
    assert "あなたの機器" in phr(consent.app, "purposes")
    assert len(phr.json(consent.app, "purposes")["purposes"]) == 10


def test_a_damaged_store_is_told_with_its_exit_code(phr: Phr) -> None:
    phr.home.mkdir()
    (phr.home / "engine.sqlite").write_bytes(b"no database, but long enough to be looked at " * 40)
    assert phr.refused(resident.app, "list") == (Exit.DAMAGED, "damaged")
