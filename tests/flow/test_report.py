"""The report of a month from a real store: what it says, that it needs nothing else, and that it stays the same."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.commands import register
from cli.exits import Exit
from cli.main import app
from cli.output import Fail
from engine import report_file
from engine.access import rights_of
from engine.clinical import Fact
from engine.consent import Event
from engine.contract import wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.topics import up
from engine.decisions import carry_out
from engine.evaluate import evaluate, settle
from engine.refusal import Refusal
from engine.report import MOST_LOOKS, Report, report_of
from engine.report_file import html, pdf, plain
from engine.review import HOLD, Command, Item
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import audit, repo_advice, repo_consents, repo_facts, repo_residents, repo_staff
from engine.store.database import Connection, open_engine, read, write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.wording import wording_faults
from tests.flow.furnished import engine, store
from tests.homes import DEVICE, GATEWAY, HANAKO, NOW, TARO, consent
from tests.stores import furnished_file

__all__ = ["engine", "store"]
pytestmark = [pytest.mark.flow]
DAY = timedelta(days=1)
NURSE = "s-suzukisuzuki2"
if not app.registered_groups:
    register(app)


def reading(slot: int, at: datetime, **values: tuple[str, str]) -> Reading:
    parts = tuple(Value(kind.replace("_", "-"), number, unit) for kind, (number, unit) in values.items())
    name = reading_id(DEVICE, slot, at.isoformat(), repr(values).encode())
    return Reading(
        id=name, device=DEVICE, profile="sig-weight", provenance="bonded", user_slot=slot, measured_at=at,
        time_quality="device", received_at=at, values=parts,
    )  # fmt: skip


def live_a_month(engine: Engine, now: datetime) -> None:
    """Hanako weighs herself daily and loses weight; Taro walks; a nurse approves what the rules draft for Taro."""
    mornings = [now - HOLD - timedelta(hours=1) - ago * DAY for ago in range(28)]
    readings = [
        *[reading(1, at, body_weight=(f"{60 + ago * 0.05:.2f}", "kg")) for ago, at in enumerate(mornings)],
        *[reading(1, at, systolic=("128", "mm[Hg]"), diastolic=("78", "mm[Hg]")) for at in mornings[:7]],
        *[reading(2, at, body_weight=(f"{84 + ago * 0.1:.2f}", "kg")) for ago, at in enumerate(mornings)],
        *[reading(2, at, steps_day=(str(3000 + 40 * ago), "{steps}")) for ago, at in enumerate(mornings[1:9])],
    ]  # fmt: skip
    payload = wire.encode_batch([wire.encode_reading(one) for one in readings])
    nurse = repo_staff.Member(
        id=NURSE, login="suzuki", name="鈴木 一子", roles=frozenset({"nurse"}), municipalities=frozenset({"062049"}),
        created_at=now - 30 * DAY,
    )  # fmt: skip
    with write(engine) as connection:
        assert repo_staff.add(connection, nurse, By("s-admin", "test")) == nurse
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], now)
        evaluate(connection, TARO, now - HOLD - timedelta(minutes=1))
        for item in repo_advice.listed(connection, resident=TARO, states={"open"}):
            signed = Command(
                verb="approve", by=NURSE, version=item.version, rights=rights_of(["nurse"]), asked=item.ask
            )  # fmt: skip
            done = carry_out(connection, item, signed, now - HOLD - timedelta(seconds=1), os_user="test")
            assert isinstance(done, Item)
        settle(connection, now)
        assert repo_advice.listed(connection, resident=TARO, states={"delivered"})


@cache
def _month() -> bytes:
    """The database after such a month, made once a process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.sqlite"
        made = furnished_file(path)
        live_a_month(made, NOW)
        made.dispose()
        return path.read_bytes()


@pytest.fixture
def month(tmp_path: Path) -> Iterator[Engine]:
    """A store of its own after the month that ends with NOW."""
    path = tmp_path / "month.sqlite"
    path.write_bytes(_month())
    made = open_engine(f"sqlite:///{path}")
    yield made
    made.dispose()


def made(engine: Engine, person: str, now: datetime = NOW, month: date | None = None, **more: Any) -> Report:
    with read(engine) as connection:
        found = repo_residents.get(connection, person)
        assert found is not None
        return report_of(connection, found, month, now, **more)


def look(connection: Connection, actor: str, action: str, at: datetime, subject: str = TARO) -> None:
    audit.append(connection, audit.Entry(at=to_micros(at), actor=actor, os_user="t", action=action, subject=subject))


def tell_of_eating_disorder(engine: Engine) -> None:
    veto = Fact(
        resident=TARO, code="has.eating-disorder", value="1", at=NOW, recorded_at=NOW, source="nurse", actor=NURSE
    )  # fmt: skip
    with write(engine) as connection:
        repo_facts.append(connection, [veto], repo_facts.By(NURSE, "test"), NOW, Random("veto"))


class Outline(HTMLParser):
    """What a file asks for, and its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.headings: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.asked += [f"{tag} {name}" for name, value in attrs if name in {"src", "href", "srcset"} and value]
        self.ids += [value for name, value in attrs if name == "id" and value]
        self._in = tag

    def handle_data(self, data: str) -> None:
        if self._in in {"h1", "h2", "h3"} and data.strip():
            self.headings.append((self._in, data.strip()))


@pytest.mark.parametrize(("person", "lang"), [(HANAKO, "ja"), (TARO, "ja"), (TARO, "en")])
def test_the_words_of_a_month(golden: Callable[[str, str], None], month: Engine, person: str, lang: Any) -> None:
    golden(
        f"report/{'hanako' if person == HANAKO else 'taro'}-{lang}.txt",
        plain(made(month, person, language=lang)) + "\n",
    )


def test_the_report_is_the_same_on_both_databases(golden: Callable[[str, str], None], store: Engine) -> None:
    live_a_month(store, NOW)
    golden("report/taro-ja.txt", plain(made(store, TARO)) + "\n")


def test_the_file_asks_for_no_other_and_is_the_same_twice(month: Engine) -> None:
    first, second = html(made(month, TARO)), html(made(month, TARO))
    assert first == second
    outline = Outline(first)
    assert outline.asked == []
    assert not re.search(r"<script|<link|@import|url\(", first)
    assert [level for level, _ in outline.headings].count("h1") == 1
    assert len(outline.ids) == len(set(outline.ids))
    assert first.count('role="img"') == 2


def test_advice_stands_with_who_answers_for_it_and_is_left_out_once_it_may_not_be_said(month: Engine) -> None:
    told = made(month, TARO).advice
    assert told
    assert all(one.by == "鈴木 一子 保健師が 確かめました。" for one in told)
    tell_of_eating_disorder(month)
    assert made(month, TARO).advice == ()


def test_no_weight_is_put_before_somebody_whom_it_would_harm(month: Engine) -> None:
    assert "84.00" in html(made(month, TARO))
    tell_of_eating_disorder(month)
    spared = made(month, TARO)
    assert [one.chart.title for one in spared.pictures] == ["歩数", "血圧"]
    assert not re.search("体重|84[.]00", html(spared) + plain(spared))


def test_everybody_who_looked_is_named_with_the_day_but_nobody_of_another_person_or_month(month: Engine) -> None:
    with write(month) as connection:
        look(connection, NURSE, "advice-view", NOW - 2 * DAY)
        look(connection, NURSE, "record-view", NOW - 2 * DAY)
        look(connection, "s-otherotherothe", "record-view", NOW - 40 * DAY)
        look(connection, "s-otherotherothe", "record-view", NOW - DAY, subject=HANAKO)
        look(connection, TARO, "me-today-view", NOW - DAY)
    looks = made(month, TARO).looks
    # The fixture's own entry of the resident is of that month too.
    assert {one.who for one in looks} == {"鈴木 一子 (保健師)", "test"}
    assert [one.when for one in looks if one.what == "記録を 見ました。"] == ["2026年11月19日(木)"]
    assert "助言を 確かめました。" in {one.what for one in looks}


def test_more_looks_than_paper_holds_are_counted(engine: Engine) -> None:
    with write(engine) as connection:
        for number in range(MOST_LOOKS + 5):
            look(connection, f"s-{number:b>13}".replace("0", "c").replace("1", "d"), f"x{number}-view", NOW - DAY)
    report = made(engine, TARO)
    assert len(report.looks) == MOST_LOOKS
    assert report.more_looks >= 1
    assert "ほかに" in html(report)


def test_consent_that_was_withdrawn_is_not_among_what_is_agreed(engine: Engine) -> None:
    with write(engine) as connection:
        repo_consents.append(connection, consent(TARO, "advice", granted=False, at=NOW - DAY), os_user="test")
    report = made(engine, TARO)
    assert [one.label for one in report.agreed] == ["記録", "保健師の確認"]
    assert "同意は いつでも やめられます。" in html(report)


def test_a_month_ends_with_its_last_day_and_one_that_has_not_begun_is_no_month(month: Engine) -> None:
    october = made(month, HANAKO, month=date(2026, 10, 1))
    assert (october.first, october.last) == (date(2026, 10, 1), date(2026, 10, 31))
    assert "2026年10月の 記録" in html(october)
    assert all("10月" in row.when for one in october.pictures for row in one.rows)
    with pytest.raises(ValueError, match="not begun"):
        made(month, HANAKO, month=date(2026, 12, 1))


def test_every_sentence_is_plain_in_both_languages(month: Engine) -> None:
    for language in ("ja", "en"):
        report = made(month, HANAKO, language=language)
        told = [report.sentence, *report.more, *(line for one in report.pictures for line in one.captions)]
        assert [fault for line in told for fault in wording_faults(language, line)] == []


def test_names_are_never_markup_and_readings_never_touch_them(engine: Engine) -> None:
    with write(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
    assert person is not None
    import msgspec

    evil = msgspec.structs.replace(person, family_name="<script>髙橋</script>", given_name="&花")
    with read(engine) as connection:
        page = html(report_of(connection, evil, None, NOW), furigana=True)
    assert "<script>" not in page
    assert "&lt;script&gt;髙橋&lt;/script&gt; &amp;花" in page
    assert "<ruby>記録<rp>(</rp><rt>きろく</rt>" in page


@pytest.mark.needs_pango
def test_the_pdf_is_paper_with_tags_and_the_same_twice_in_two_programs(month: Engine, tmp_path: Path) -> None:
    page = html(made(month, TARO))
    first = pdf(page)
    assert isinstance(first, bytes)
    assert first.startswith(b"%PDF-")
    streams = [zlib.decompress(one) for one in re.findall(rb"stream\r?\n(x.*?)endstream", first, re.DOTALL)]
    inside = first + b"".join(streams)
    assert b"/MarkInfo" in inside
    assert b"/Lang" in inside
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    code = (
        "import pathlib, sys; from engine.report_file import pdf; "
        "sys.stdout.buffer.write(pdf(pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')))"
    )
    words = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "page.html")]
    assert subprocess.run(words, capture_output=True, check=True).stdout == first


def test_without_its_libraries_a_pdf_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    refused = report_file.pdf("<p>")
    assert isinstance(refused, Refusal)
    assert refused.code == "pdf-library"
    assert "libpango-1.0-0" in refused.message


@pytest.mark.needs_pango
def test_a_page_that_asks_for_something_is_not_helped_to_it(tmp_path: Path) -> None:
    asked = tmp_path / "asked.png"
    asked.write_bytes(b"no picture")
    plain_page, asking = pdf("<p>x</p>"), pdf(f'<p>x</p><img src="{asked.as_uri()}" alt="">')
    assert isinstance(plain_page, bytes)
    assert isinstance(asking, bytes)
    assert b"no picture" not in asking


def phr(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*words: str) -> Fail:
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, Fail)
    return done.exception


def test_the_command_writes_the_files_and_notes_it_without_a_value(engine: Engine, tmp_path: Path) -> None:
    live_a_month(engine, datetime.now(UTC) - HOLD)
    page = tmp_path / "out.html"
    assert phr("report", HANAKO, "--html", str(page), "--furigana").strip() == str(page)
    assert "<ruby>" in page.read_text(encoding="utf-8")
    said = json.loads(phr("report", HANAKO, "--json", "--lang", "en"))
    assert said["language"] == "en"
    assert {one["title"] for one in said["pictures"]} >= {"Body weight", "Steps", "Blood pressure"}
    assert "体重" in phr("report", HANAKO)
    with read(engine) as connection:
        noted = [entry for entry in audit.entries(connection, after=-1, limit=10_000) if entry.action == "report-make"]
        assert audit.verify(connection) is None
    assert [entry.subject for entry in noted] == [HANAKO] * 3


def test_the_command_refuses_what_it_cannot_do_with_a_reason(engine: Engine, tmp_path: Path) -> None:
    assert refused("report", "r-nobodynobody2").exit_code == Exit.NOT_FOUND
    for month in ("2026-13", "november", "2026-00", "0000-01"):
        assert refused("report", HANAKO, "--month", month).code == "unreadable-month"
    assert refused("report", HANAKO, "--month", "2999-01").code == "future-month"
    assert refused("report", HANAKO, "--lang", "fr").code == "unknown-language"
    assert refused("report", HANAKO, "--html", str(tmp_path / "no" / "such.html")).code == "not-written"


def test_an_event_of_consent_of_another_kind_is_read_too(engine: Engine) -> None:
    with write(engine) as connection:
        given = consent(HANAKO, "family-view")
        narrowed = Event(**{name: getattr(given, name) for name in given.__struct_fields__} | {"recipient": "m-x"})
        repo_consents.append(connection, narrowed, os_user="test")
    assert "家族の閲覧 (m-x)" in [one.label for one in made(engine, HANAKO).agreed]


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> Iterator[list[str]]:
    """A real pseudo-terminal of that width as standard output; what was written, line by line, once it is over."""
    screen, keys = os.openpty()
    fcntl.ioctl(keys, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    written: list[str] = []
    parts: list[bytes] = []
    with os.fdopen(screen, "rb", buffering=0) as seen, os.fdopen(keys, "w", encoding="utf-8") as out:
        reading_it = threading.Thread(target=_collect, args=(seen, parts))
        reading_it.start()
        monkeypatch.delenv("COLUMNS", raising=False)
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "__stdout__", out)
        yield written
        monkeypatch.undo()
        out.close()
        reading_it.join(10)
    written += b"".join(parts).decode().splitlines()


def _collect(seen: Any, parts: list[bytes]) -> None:
    # A terminal whose other end is closed gives an error instead of an end.
    with suppress(OSError):
        while part := seen.read(65536):
            parts.append(part)


@pytest.mark.parametrize(("columns", "drawn"), [(40, 40), (200, 72), (24, 0)])
def test_a_plot_fits_the_terminal_has_no_colour_and_gives_way_to_a_table(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, columns: int, drawn: int
) -> None:
    live_a_month(engine, datetime.now(UTC) - HOLD)
    with terminal(monkeypatch, columns) as written:
        app(["trend", "weight", "--resident", HANAKO], standalone_mode=False)
        app(["report", HANAKO], standalone_mode=False)
    assert "\x1b" not in "".join(written)
    boxes = [line for line in written if "┤" in line or "┌" in line]
    assert max((len(line) for line in boxes), default=0) == drawn
    assert any(re.fullmatch(r"\d{4}-\d\d-\d\d  \d\d\.\d\d", line) for line in written) == (drawn == 0)


def test_the_words_alone_are_what_a_screen_reader_gets(engine: Engine) -> None:
    live_a_month(engine, datetime.now(UTC) - HOLD)
    assert "┤" in phr("report", HANAKO)
    assert not re.search("[┤┌│└]", phr("report", HANAKO, "--plain"))
