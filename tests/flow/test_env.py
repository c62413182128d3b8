"""`phr env` on a real store: what is imported is there once, says who brought it, and changes what is taken for granted."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from cli.env import app
from cli.exits import Exit
from cli.output import Fail
from engine.store import audit, repo_weather
from engine.store.database import check, open_engine, read, write
from engine.weather import Day
from tests.flow.stores import NOW, store

__all__ = ["store"]
pytestmark = [pytest.mark.flow]
SAKATA = "062049"
TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Tokyo")).date()
ONE = timedelta(days=1)


class Phr:
    """`phr env …` in a PHR_HOME of its own."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self._capsys = home, capsys

    def __call__(self, *words: str) -> tuple[str, str]:
        app(list(words), standalone_mode=False)
        return self._capsys.readouterr()

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json")[0])

    def refused(self, *words: str) -> tuple[Exit, str]:
        with pytest.raises(Fail) as failure:
            app(list(words), standalone_mode=False)
        return failure.value.exit_code, failure.value.code

    def table(self, *rows: str, header: str = "day,wbgt,snow") -> str:
        path = self.home.parent / "weather.csv"
        path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
        return str(path)

    def links(self) -> list[audit.Link]:
        engine = open_engine(f"sqlite:///{self.home / 'engine.sqlite'}")
        try:
            assert not check(engine)
            with read(engine) as connection:
                return audit.entries(connection)
        finally:
            engine.dispose()


@pytest.fixture
def phr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Phr:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    monkeypatch.setattr("getpass.getuser", lambda: "tester")
    return Phr(tmp_path / "phr", capsys)


def test_a_table_is_taken_in_once_and_what_is_taken_for_granted_follows(phr: Phr) -> None:
    before = phr.json("show")["signals"]
    assert {one["note"] for one in before.values()} == {"season-default"}
    file = phr.table(f"{TODAY - ONE},22.5,0", f"{TODAY},33.1,0", "someday,1,1")
    told = phr.json("import", file, "--by", "気象係 佐藤")
    assert (told["added"], told["changed"], told["same"]) == (2, 0, 0)
    assert told["refused"] == [{"line": 4, "code": "unreadable-date", "text": "someday"}]
    assert (told["first"], told["last"]) == (str(TODAY - ONE), str(TODAY))
    after = phr.json("show")["signals"]
    assert {name: (one["value"], one["note"]) for name, one in after.items()} == {
        "env.wbgt": ("33.1", None), "env.snow": ("0", None), "env.hot-season": ("0", None),
    }  # fmt: skip
    again = phr.json("import", file)
    assert (again["added"], again["changed"], again["same"]) == (0, 0, 2)
    [link] = phr.links()
    assert (link.action, link.actor, link.subject) == ("env-import", "気象係 佐藤", SAKATA)


def test_a_dry_run_tells_the_same_and_records_nothing(phr: Phr) -> None:
    file = phr.table(f"{TODAY},30,")
    dry = phr.json("import", file, "--dry-run")
    assert phr.links() == []
    wet = phr.json("import", file)
    assert dry | {"dry_run": False} == wet
    assert phr.json("import", phr.table(f"{TODAY},31,"), "--dry-run")["changed"] == 1
    assert phr.json("show")["signals"]["env.wbgt"]["value"] == "30"


def test_the_words_name_each_refused_line(phr: Phr) -> None:
    out, talk = phr("import", phr.table(f"{TODAY},99,", f"{TODAY},30,"))
    assert out == "1 days added, 0 changed, 0 there already\n"
    assert talk == "line 2: 99 [implausible]\n"
    shown = phr("show")[0].splitlines()
    assert f"{TODAY} {SAKATA} env.wbgt = 30 Cel" in shown
    assert len(shown) == 3


def test_japanese_headers_and_another_town(phr: Phr) -> None:
    file = phr.table(f"{TODAY:%Y/%m/%d},12", header="年月日,最深積雪(cm)")
    assert phr.json("import", file, "--municipality", "064611")["added"] == 1
    assert phr.json("show", "--municipality", "064611")["signals"]["env.snow"]["value"] == "1"
    assert phr.json("show")["signals"]["env.snow"]["note"] == "season-default"


def test_what_cannot_be_taken_in_says_why(phr: Phr) -> None:
    assert phr.refused("import", str(phr.home / "nowhere.csv")) == (Exit.NOT_FOUND, "cannot-read")
    assert phr.refused("import", phr.table(header="day,rain")) == (Exit.USAGE, "no-header")
    assert phr.refused("import", phr.table(f"{TODAY},1,1"), "--municipality", "131016") == (
        Exit.USAGE,
        "unknown-municipality",
    )
    assert phr.refused("show", "--municipality", "\udcff") == (Exit.USAGE, "unknown-municipality")
    assert phr.refused("import", phr.table(f"{TODAY},1,1"), "--by", "a\nb")[0] == Exit.USAGE
    with pytest.raises(SystemExit) as nothing:
        app(["import", phr.table()])
    with pytest.raises(SystemExit) as refused:
        app(["import", phr.table("x,1,1")])
    assert (nothing.value.code, refused.value.code) == (int(Exit.NOT_FOUND), int(Exit.REFUSED))
    assert phr.links() == []


def day(when: date, wbgt: str | None = None, snow: str | None = None) -> Day:
    return Day(
        municipality=SAKATA, day=when, wbgt=None if wbgt is None else Decimal(wbgt),
        snow=None if snow is None else Decimal(snow),
    )  # fmt: skip


def test_heat_and_snow_may_come_from_two_files_and_digits_stay_as_written(store: Engine) -> None:
    first, second = date(2026, 11, 20), date(2026, 11, 21)
    found = []
    for days in ([day(first, "20.50"), day(second, "21")], [day(second, snow="3")], [day(second, "19")]):
        with write(store) as connection:
            repo_weather.record(connection, days, NOW, source="t.csv", actor="desk", os_user="tester")
            found.append(repo_weather.around(connection, SAKATA, second))
    assert found[1] == [day(first, "20.50"), day(second, "21", "3")]
    assert found[2] == [day(first, "20.50"), day(second, "19", "3")]
    assert str(found[2][0].wbgt) == "20.50"
    with read(store) as connection:
        assert repo_weather.around(connection, SAKATA, second + ONE) == [day(second, "19", "3")]
        assert repo_weather.around(connection, "064611", second) == []
    assert not check(store)
