"""`phr export summary` and `phr card emergency` over a real store: the FHIR document, the page, the paper, the record."""

from __future__ import annotations

import json
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.commands import register
from cli.exits import Exit
from cli.main import app
from cli.output import Fail
from engine.clinical import Fact
from engine.emergency import Asked, asked, mint
from engine.people import Resident
from engine.store import audit, repo_emergency, repo_entries, repo_facts, repo_residents
from engine.store.database import read, write
from engine.store.filing import By as DeskBy
from engine.store.repo_facts import By
from engine.summary_store import stored_summary
from fhir_bridge.bundle import encode
from fhir_bridge.holdings import holdings_of
from fhir_bridge.summary import TYPES, summary_document
from tests.contract.profiles import profile_findings
from tests.flow.furnished import store
from tests.homes import HANAKO
from tests.stores import furnished_file
from tests.summary_people import DAY, ENTRIES, FACTS, NOW, entry, fact
from tests.web.resident_home import hear, reading

__all__ = ["store"]
pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("node")]
BASE = "https://phr.example.jp"
HIDDEN = "セフェム系抗菌薬"
ALLERGIES = ("allergy.to-medicine", "allergy.to-food", "allergy.to-latex", "allergy.to-other")
if not app.registered_groups:
    register(app)


class Clock(datetime):
    """Stands still, so that what is old and what has not come yet does not depend on the day of the test."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # a moment, not a Clock
        return NOW.astimezone(tz)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    (tmp_path / "phr").mkdir()
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    for module in ("cli.export", "cli.card_sheets"):
        monkeypatch.setattr(f"{module}.datetime", Clock)
    made = furnished_file(tmp_path / "phr" / "engine.sqlite")
    yield made
    made.dispose()


def tell(engine: Engine, facts: Sequence[Fact] = FACTS, *, entries: bool = True) -> None:
    """A fortnight at home, and what others know of her."""
    days = [float(day) for day in range(14)]
    hear(
        engine,
        *(reading(1, day + 0.4, systolic=str(int(130 + day)), diastolic="80", pulse_rate="66") for day in days),
        *(reading(1, day + 0.9, systolic="126", diastolic="78") for day in days),
        *(reading(1, day + 0.41, body_weight="62.30") for day in days),
        *(reading(1, day + 0.5, steps_day=str(int(4000 + day))) for day in days),
    )
    with write(engine) as connection:
        repo_facts.append(connection, facts, By("t", "t"), NOW, Random(1))
        if entries:
            repo_entries.append(connection, ENTRIES, By("t", "t"), NOW, Random(2))


def written(engine: Engine, *, whole: bool) -> bytes:
    with read(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert isinstance(person, Resident)
        summary = stored_summary(connection, person, NOW, lang="ja", whole=whole)
        held = holdings_of(connection, person, NOW, disclosed=not whole, types=TYPES)
        return encode(summary_document(held, summary, "ja"))


def document(engine: Engine, *, whole: bool) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written(engine, whole=whole))
    return found


def sections(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The sections of a document by LOINC code."""
    composition = found["entry"][0]["resource"]
    return {one["code"]["coding"][0]["code"]: one for one in composition["section"] if "code" in one}


def named(value: Any) -> Iterator[str]:
    """Every reference anywhere in it."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for one in value.values():
            yield from named(one)
    elif isinstance(value, list):
        for one in value:
            yield from named(one)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


def test_the_document_has_no_finding_names_only_what_is_in_it_and_says_why_a_section_is_empty(engine: Engine) -> None:
    # Empty, denied and told; each for whoever treats her and for herself.
    blank = [document(engine, whole=True), document(engine, whole=False)]
    assert {code: one["emptyReason"]["coding"][0]["code"] for code, one in sections(blank[0]).items()} == {
        "48765-2": "notasked", "10160-0": "notasked", "11450-4": "notasked", "30954-2": "unavailable",
        "8716-3": "unavailable",
    }  # fmt: skip
    with write(engine) as connection:
        said = [fact(code, "0", 2) for code in ALLERGIES]
        repo_facts.append(connection, said, By("t", "t"), NOW, Random(5))
    denied = document(engine, whole=True)
    assert sections(denied)["48765-2"]["emptyReason"]["coding"][0]["code"] == "nilknown"
    tell(engine)
    whole, own = document(engine, whole=True), document(engine, whole=False)
    found = profile_findings([json.dumps(one).encode() for one in (*blank, denied, whole, own)])
    assert found == [[], [], [], [], []]
    for one in (*blank, denied, whole, own):
        urls = [held["fullUrl"] for held in one["entry"]]
        assert len(urls) == len(set(urls))
        assert one["entry"][0]["resource"]["resourceType"] == "Composition"
        assert {link for link in named(one) if not link.startswith("#")} <= set(urls)
        assert all(("entry" in part) != ("emptyReason" in part) for part in sections(one).values())
    assert HIDDEN in json.dumps(whole, ensure_ascii=False)
    assert HIDDEN not in json.dumps(own, ensure_ascii=False)
    assert "この版にない記録が" in json.dumps(own, ensure_ascii=False)


def test_the_document_holds_a_week_of_home_values_and_each_result_with_the_one_before(engine: Engine) -> None:
    tell(engine)
    found = sections(document(engine, whole=True))
    assert len(found["11450-4"]["entry"]) == 5
    assert len(found["10160-0"]["entry"]) == 5
    by_url = {one["fullUrl"]: one["resource"] for one in document(engine, whole=True)["entry"]}
    vitals = [by_url[one["reference"]] for one in found["8716-3"]["entry"]]
    kinds = [one["code"]["coding"][0]["code"] for one in vitals]
    assert kinds.count("85354-9") == 2 * 7
    assert kinds.count("29463-7") == 1
    assert 7 <= kinds.count("41950-7") <= 8
    # Numbers keep the digits that were measured.
    assert b'"value":62.30,' in written(engine, whole=True)
    results = [by_url[one["reference"]] for one in found["30954-2"]["entry"]]
    assert [one["valueQuantity"]["value"] for one in results if "4548-4" in json.dumps(one)] == [6.9, 7.1]


def test_what_others_wrote_cannot_break_out_of_the_page_or_the_narrative(engine: Engine) -> None:
    nasty = '<img src=x onerror="alert(1)">&'
    with write(engine) as connection:
        repo_entries.append(connection, [entry("medication", nasty, nasty)], By("t", "t"), NOW, Random(3))
    assert "<img" not in json.dumps(document(engine, whole=True)["entry"][0]["resource"]["section"])
    out = Path(str(engine.url.database)).with_name("s.html")
    assert run("export", "summary", "--resident", HANAKO, "--out", str(out), "--whole").exit_code == Exit.DONE
    assert "<img" not in out.read_text(encoding="utf-8")


def test_the_command_writes_each_form_for_its_reader_and_leaves_a_record(engine: Engine, tmp_path: Path) -> None:
    tell(engine, [*FACTS, *(fact("med.insulin", "1", 1 + day / 100) for day in range(1))])
    page, data = tmp_path / "s.html", tmp_path / "s.json"
    told = run("export", "summary", "--resident", HANAKO, "--out", str(page), "--json")
    assert told.exit_code == Exit.DONE, told.output
    assert json.loads(told.stdout)["left_out"] > 0
    assert "山田 花子" in page.read_text(encoding="utf-8")
    assert HIDDEN not in page.read_text(encoding="utf-8")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    whole = run(
        "export", "summary", "--resident", HANAKO, "--out", str(data), "--whole", "--by", "鈴木", "--lang", "en"
    )
    assert whole.exit_code == Exit.DONE
    assert json.loads(data.read_bytes())["type"] == "document"
    assert HIDDEN in data.read_text(encoding="utf-8")
    with read(engine) as connection:
        acts = [one for one in audit.entries(connection, subject=HANAKO, limit=99) if one.action == "export-summary"]
    assert [one.actor for one in acts][-1] == "鈴木"
    assert len(acts) == 2


def test_the_page_of_somebody_with_many_medicines_is_still_one_sheet(engine: Engine, tmp_path: Path) -> None:
    tell(engine)
    more = [entry("medication", f"アムロジピンOD錠{at}mg", "1日1回 朝食後 1錠", remote=f"m/{at}") for at in range(12)]
    with write(engine) as connection:
        repo_entries.append(connection, more, By("t", "t"), NOW, Random(4))
    out = tmp_path / "s.pdf"
    assert run("export", "summary", "--resident", HANAKO, "--out", str(out), "--whole").exit_code == Exit.DONE
    content = out.read_bytes()
    assert content.startswith(b"%PDF-1.7")
    streams = re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)
    objects = content + b"".join(zlib.decompressobj().decompress(one) for one in streams if one[:1] == b"x")
    assert len(re.findall(rb"/Type /Page\b", objects)) == 1


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["--out", "s.docx"], "unknown-form", Exit.USAGE),
        (["--out", "s.html", "--lang", "fr"], "unknown-language", Exit.USAGE),
        (["--out", "no/such/folder/s.html"], "cannot-write", Exit.USAGE),
    ],
)
def test_what_cannot_be_written_is_refused_and_not_on_record(
    engine: Engine, tmp_path: Path, words: list[str], code: str, exit_code: Exit
) -> None:
    words[1] = str(tmp_path / words[1])
    failed = run("export", "summary", "--resident", HANAKO, *words)
    assert isinstance(failed.exception, Fail)
    assert (failed.exception.code, failed.exception.exit_code) == (code, exit_code)
    with read(engine) as connection:
        assert not [one for one in audit.entries(connection, limit=999) if one.action == "export-summary"]


def test_a_card_is_printed_once_ends_the_old_one_and_its_code_is_nowhere_else(engine: Engine, tmp_path: Path) -> None:
    tell(engine)
    out = tmp_path / "card.html"
    for _ in range(2):
        made = run("card", "emergency", HANAKO, "--out", str(out), "--base", BASE, "--json")
        assert made.exit_code == Exit.DONE, made.output
    with read(engine) as connection:
        cards = repo_emergency.of(connection, HANAKO)
        assert sorted(one.good(NOW) for one in cards) == [False, True]
        assert json.loads(made.stdout)["card"] in {one.id for one in cards}
        assert cards[0].until - cards[0].issued_at == timedelta(days=365)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "救急情報" in out.read_text(encoding="utf-8")
    secrets = set(re.findall(r"/e/([a-z2-7]{26})", made.output + out.read_text(encoding="utf-8")))
    assert secrets == set(), "the code stands in the picture alone"


@pytest.mark.parametrize(
    ("words", "code"), [(["--out", "c.txt", "--base", BASE], "unknown-form"), (["--out", "c.html"], "no-base")]
)
def test_a_card_that_cannot_be_printed_ends_no_other(
    engine: Engine, tmp_path: Path, words: list[str], code: str
) -> None:
    good = tmp_path / "good.html"
    assert run("card", "emergency", HANAKO, "--out", str(good), "--base", BASE).exit_code == Exit.DONE
    words[1] = str(tmp_path / words[1])
    failed = run("card", "emergency", HANAKO, *words)
    assert isinstance(failed.exception, Fail)
    assert failed.exception.code == code
    with write(engine) as connection:
        gone = repo_residents.get(connection, HANAKO)
        assert isinstance(gone, Resident)
        [card] = repo_emergency.of(connection, HANAKO)
        assert card.revoked_at is None
        left = msgspec.structs.replace(gone, status="left", version=gone.version + 1)
        repo_residents.edit(connection, left, NOW, actor="t", os_user="t")
    refused = run("card", "emergency", HANAKO, "--out", str(good), "--base", BASE)
    assert isinstance(refused.exception, Fail)
    assert refused.exception.code == "inactive"


def test_cards_and_looks_are_kept_alike_on_both_databases(store: Engine) -> None:
    said = asked("佐藤 救急救命士", "酒田消防", "意識なし")
    assert isinstance(said, Asked)
    with write(store) as connection:
        first, second = (mint(HANAKO, "wallet", HANAKO, NOW, Random(seed)) for seed in (1, 2))
        for made in (first, second):
            repo_emergency.issue(connection, made, DeskBy(HANAKO, "t"))
        look = repo_emergency.look(connection, second.card, said, NOW, Random(3), "t")
        for _ in range(3):
            repo_emergency.note_refused(connection, NOW, "t")
    with read(store) as connection:
        old, new = (repo_emergency.by_secret(connection, made.secret) for made in (first, second))
        assert (old is not None and old.good(NOW), new is not None and new.good(NOW)) == (False, True)
        assert repo_emergency.get(connection, look.id) == look
        assert repo_emergency.looks(connection, HANAKO) == [look]
        assert repo_emergency.looks_by(connection, second.card.id, NOW - DAY) == 1
        assert repo_emergency.looks_by(connection, first.card.id, NOW - DAY) == 0
        assert [one.staff for one in repo_emergency.recent(connection, frozenset({"062049"}), NOW - DAY)] == [look.who]
        assert repo_emergency.recent(connection, frozenset({"064262"}), NOW - DAY) == []
        assert repo_emergency.names_of(connection, [look.id, HANAKO]) == {look.id: look.who}
        assert repo_emergency.refused_since(connection, NOW - DAY) == 3
        assert repo_emergency.refused_since(connection, NOW + DAY) == 0
