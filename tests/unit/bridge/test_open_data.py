"""A release as open data: every file says the same numbers and the same hash, to our readers and to other people's."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from html.parser import HTMLParser
from typing import Any

import msgspec
import pandas as pd
import pytest
from pyjstat import pyjstat

from engine.refusal import Refusal
from fhir_bridge import platform_entities
from fhir_bridge.open_data import About, Figures, File, figures, figures_of, files_of
from fhir_bridge.open_data_csv import HEAD, HEAD_JA
from fhir_bridge.open_data_words import area, publisher
from fhir_bridge.privacy_release import Prepared, Release, Tally, prepare, read
from fhir_bridge.privacy_units import Period, Unit
from simulators.attack.world import FIRST, SeededLaplace, day_after, ledger, plan_for
from simulators.city.rows import rows
from tests.privacy_city import drawn_of

ABOUT = About(issued=date(2026, 10, 11), contact="酒田市 健康課 phr@example.jp")
FINE = 23_457
# Every turn of the tables at the size of the plan, and T2 in full as a large city has it.
TURNS = ((FIRST, 1_000), (FIRST.next, 1_000), (FIRST.next.next, 1_000), (FIRST, FINE), (FIRST.next, FINE))
everywhere = pytest.mark.parametrize(("period", "people"), TURNS, ids=str)


@cache
def prepared(period: Period, people: int) -> Prepared:
    if people < FINE:
        return drawn_of(rows(people, 3), period)
    rng, plan = random.Random(5), plan_for(people, period)
    counts = tuple(tuple(rng.choice((0, 3, 9, 12, 25, 80, 700)) for _ in table.cells) for table in plan.tables)
    found = prepare(ledger(), Tally(plan, people, counts), SeededLaplace(2), day_after(period))
    assert isinstance(found, Prepared)
    return found


@cache
def release(period: Period, people: int) -> Release:
    made = prepared(period, people)
    found = read(made.content, made.sha256)
    assert isinstance(found, Release)
    return found


@cache
def published(period: Period = FIRST, people: int = 1_000, about: About = ABOUT) -> dict[str, File]:
    """The files by what their names end with."""
    made = prepared(period, people)
    found = files_of(made.content, made.sha256, about)
    assert isinstance(found, tuple)
    stem = f"062049_phr_stats_{period}"
    assert all(file.name.startswith(stem) for file in found)
    return {file.name.removeprefix(stem): file for file in found}


@everywhere
def test_every_file_with_numbers_holds_exactly_those_of_the_release(period: Period, people: int) -> None:
    want = figures(release(period, people))
    files = published(period, people)
    assert set(files) - {f"_{one.id}.json" for one in release(period, people).tables} == {
        "_release.json", ".csv", "_ja.csv", "_items.csv", "_method.html", "_catalogue.jsonld", "_ckan.json",
    }  # fmt: skip
    for end in (".csv", "_ja.csv", "_method.html", "_release.json"):
        assert figures_of(files[end]) == want, end
    datasets: dict[tuple[str, ...], int | None] = {}
    for one in release(period, people).tables:
        datasets |= figures_of(files[f"_{one.id}.json"]) or {}
    assert datasets == want
    assert [end for end in files if figures_of(files[end]) is None] == ["_items.csv", "_catalogue.jsonld", "_ckan.json"]


@everywhere
def test_every_file_says_the_hash_of_the_original_and_no_file_how_many_people_were_counted(
    period: Period, people: int
) -> None:
    sha256 = prepared(period, people).sha256
    assert hashlib.sha256(published(period, people)["_release.json"].content).hexdigest() == sha256
    for end, file in published(period, people).items():
        assert end == "_release.json" or sha256.encode() in file.content, end
        assert not re.search(rb"\b23,?457\b", file.content), end


@everywhere
def test_pandas_reads_the_table_as_it_was_released(period: Period, people: int) -> None:
    # Everything is text here: pandas would read a band such as 20-29 and a code such as 062049 as it likes.
    frame = pd.read_csv(io.BytesIO(published(period, people)[".csv"].content), dtype=str, keep_default_na=False)
    found: dict[tuple[str, ...], int | None] = {}
    for row in frame.to_dict("records"):
        axes = ("sex", "age_band", "bmi_band", "interest", "service", "service_too")
        key = (row["table_id"], *(row[name] for name in axes if row[name] != "_T"))
        found[key] = int(row["person_count"]) if row["status"] == "published" else None
    assert found == figures(release(period, people))
    assert set(pd.to_datetime(frame["period_end"]).dt.date) == {period.end}


@everywhere
def test_pyjstat_reads_every_dataset_as_it_was_released(period: Period, people: int) -> None:
    for one in release(period, people).tables:
        dataset = pyjstat.Dataset.read(published(period, people)[f"_{one.id}.json"].content.decode())
        frame = dataset.write("dataframe", naming="id")
        found: Figures = {
            tuple(part for name in dataset["id"] for part in row[name].split("+")):
                None if pd.isna(row["value"]) else int(row["value"])
            for row in frame.to_dict("records")
        }  # fmt: skip
        assert found == {cell.at: cell.count for cell in one.cells}


pytestmark = pytest.mark.filterwarnings("ignore:Shouldn't use this function:DeprecationWarning")


@everywhere
def test_the_cells_sent_to_the_platform_are_those_of_the_files(period: Period, people: int) -> None:
    about = platform_entities.About(issued=datetime(2026, 10, 11, tzinfo=UTC), note="誤差を加えた数です。")
    made = release(period, people)
    batches = platform_entities.batches_of(made, prepared(period, people).sha256, about)
    assert not isinstance(batches, Refusal)
    sent = [one for batch in batches for one in json.loads(batch.body)["entities"]]
    named = ("sex", "ageBand", "bmiBand", "interest", "service", "serviceToo")
    found = {
        (one["tableId"]["value"], *(one[name]["value"] for name in named if name in one)): one["personCount"]["value"]
        for one in sent if one["type"] == platform_entities.CELL
    }  # fmt: skip
    assert found == figures_of(published(period, people)[".csv"])
    heads = {one["contentSha256"]["value"] for one in sent if one["type"] == platform_entities.RELEASE}
    assert heads == {prepared(period, people).sha256}


def test_tables_are_rfc_4180_with_a_mark_that_spreadsheets_need() -> None:
    for end in (".csv", "_ja.csv", "_items.csv"):
        content = published()[end].content
        assert content.startswith(b"\xef\xbb\xbf")
        text = content.decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        assert {len(line) for line in lines} == {len(lines[0])}
        assert text.count("\r\n") == len(lines) == text.count("\n") == text.count("\r")
        assert not re.search(r"^[=+@\t-]|,[=+@\t-]", text, re.MULTILINE), "nothing that a spreadsheet would execute"
    assert HEAD[:9] == (
        "release_id", "table_id", "period_start", "period_end", "age_band", "bmi_band", "interest", "person_count",
        "status",
    )  # fmt: skip
    assert HEAD_JA[:7] == (
        "全国地方公共団体コード",
        "地方公共団体名",
        "年代",
        "BMI区分",
        "関心分野",
        "人数",
        "公表区分",
    )


@everywhere
def test_every_column_and_every_code_of_the_tables_is_defined(period: Period, people: int) -> None:
    files = published(period, people)
    items = list(csv.DictReader(io.StringIO(files["_items.csv"].content.decode("utf-8-sig"))))
    defined = {row["列名"]: row["とりうる値"] for row in items if row["列名"]}
    assert set(defined) == set(HEAD)
    assert {row["日本語の列名"] for row in items} >= set(HEAD_JA)
    for row in csv.DictReader(io.StringIO(files[".csv"].content.decode("utf-8-sig"))):
        for name in ("table_id", "age_band", "bmi_band", "interest", "status", "sex", "service", "service_too"):
            assert row[name] in {one.partition("=")[0] for one in defined[name].split(";")}, name


@pytest.mark.parametrize("damage", [
    lambda text: text.replace(",published,", ",suppressed,", 1), lambda text: text + text.splitlines(keepends=True)[1],
    lambda text: text.removeprefix("\ufeff"), lambda text: text.replace("person_count", "count"),
])  # fmt: skip
def test_a_table_that_contradicts_itself_is_not_read(damage: Callable[[str], str]) -> None:
    file = published()[".csv"]
    with pytest.raises(ValueError, match=r"\w"):
        figures_of(File(file.name, file.media, file.title, damage(file.content.decode()).encode()))
    with pytest.raises(ValueError, match="no file of a release"):
        figures_of(File("062049.txt", "", "", b""))


def test_files_bear_the_code_of_the_town_that_publishes() -> None:
    towns = Unit(code="towns", municipalities=("064262", "064289"), population=30_000)
    assert publisher(towns) == "064262"
    assert publisher(Unit(code="all", municipalities=("064262", "062049"), population=130_000)) == "062049"
    assert area(towns) == "三川町・庄内町"


def test_both_catalogues_name_every_file_with_its_own_hash() -> None:
    about = msgspec.structs.replace(ABOUT, dataset_url="https://data.example.jp/phr/")
    files = published(about=about)
    catalogue = json.loads(files["_catalogue.jsonld"].content)
    package = json.loads(files["_ckan.json"].content)
    told = {
        one["dcat:downloadURL"]["@id"]: one["spdx:checksum"]["spdx:checksumValue"]
        for one in catalogue["dcat:dataset"]["dcat:distribution"]
    }
    numbers = [file for end, file in files.items() if end not in {"_catalogue.jsonld", "_ckan.json"}]
    want = {f"https://data.example.jp/phr/{file.name}": hashlib.sha256(file.content).hexdigest() for file in numbers}
    assert told == want
    assert {one["url"]: one["hash"] for one in package["resources"]} == want
    assert {one["size"] for one in package["resources"]} == {len(file.content) for file in numbers}
    assert re.fullmatch(r"[a-z0-9_-]{2,100}", package["name"])
    assert len(package["version"]) <= 100
    assert all(re.fullmatch(r"[\w.-]{2,100}", tag["name"]) for tag in package["tags"])
    assert package["maintainer_email"] == "phr@example.jp"


def test_every_name_in_the_catalogue_belongs_to_a_vocabulary_it_declares() -> None:
    body = json.loads(published()["_catalogue.jsonld"].content)

    def names(value: Any) -> set[str]:
        if isinstance(value, dict):
            below = {name for part in value.values() for name in names(part)}
            types = value.get("@type", "")
            return below | {key for key in value if not key.startswith("@")} | ({types} if types else set())
        return {name for part in value for name in names(part)} if isinstance(value, list) else set()

    context = body.pop("@context")
    prefixes = {name.partition(":")[0] for name in names(body)}
    assert prefixes <= set(context)
    dataset = body["dcat:dataset"]
    assert dataset["dct:temporal"]["dcat:endDate"] == {"@value": "2026-09-30", "@type": "xsd:date"}
    assert [one["dct:identifier"] for one in dataset["dct:spatial"]] == ["062049", "064262", "064289", "064611"]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "rect", "path"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"rect", "path"}:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data.strip())


def page(period: Period, people: int) -> _Page:
    found = _Page()
    found.feed(published(period, people)["_method.html"].content.decode())
    found.close()
    assert not found.open
    return found


@everywhere
def test_the_note_asks_for_no_other_file_and_runs_nothing(period: Period, people: int) -> None:
    shown = page(period, people)
    names = {tag for tag, _ in shown.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base"}
    attributes = [(name, value) for _, found in shown.tags for name, value in found.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or name in {"src", "style"}]
    assert {value for name, value in attributes if name == "href"} == {"https://creativecommons.org/licenses/by/4.0/"}
    ids = [value for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert b"url(" not in published(period, people)["_method.html"].content.replace(b"url(#", b"")


@everywhere
def test_the_note_says_how_the_numbers_were_made_and_what_is_not_promised(period: Period, people: int) -> None:
    words = "".join(page(period, people).words)
    for said in (
        "k10-n2-t20-r5", "ε=2.0は", "δは", "12か月に使うεの合計は、4.0まで", "本当の人数が10人以上で", "20以上のマスだけ",
        "5の倍数", "本当の人数ではありません", "0人という意味ではありません", "約束しないこと", "取り下げ", "300人に満たない",
        "住民全体の割合ではありません", ABOUT.contact, "クリエイティブ・コモンズ", prepared(period, people).sha256,
    ):  # fmt: skip
        assert said in words, said
    assert ("20,000人以上かどうか" in words) == ("T2" in {one.id for one in release(period, people).tables})
    assert not re.search("正常|肥満|やせ|診断|治療|異常|危険", words), "bands are numbers, not findings"


def test_a_strict_unit_is_told_by_its_own_numbers() -> None:
    """Nothing about the mechanism stands in the note by heart."""
    made = prepared(FIRST, 1_000)
    content = made.content.replace(b'"least":10', b'"least":20').replace(b'"threshold":20', b'"threshold":30')
    content = content.replace(b"k10-n2-t20-r5", b"k20-n2-t30-r5")
    content = re.sub(rb'"count":(20|25),"status":"published"', b'"count":null,"status":"suppressed"', content)
    found = files_of(content, hashlib.sha256(content).hexdigest(), ABOUT)
    assert isinstance(found, tuple), found
    note = next(file for file in found if file.name.endswith(".html")).content.decode()
    assert "本当の人数が20人以上で" in note
    assert "30以上のマスだけ" in note
    assert "ふつうより厳しい" in note
    assert "ふつうより厳しい" not in published()["_method.html"].content.decode()


@pytest.mark.parametrize(("changes", "code"), [
    ({"contact": " "}, "no-contact"), ({"contact": "a\nb"}, "no-contact"), ({"licence": "ARR"}, "unknown-licence"),
    ({"dataset_url": "http://example.jp"}, "bad-address"), ({"dataset_url": 'https://x"y'}, "bad-address"),
])  # fmt: skip
def test_nothing_is_made_without_licence_and_somebody_to_ask(changes: dict[str, str], code: str) -> None:
    made = prepared(FIRST, 1_000)
    found = files_of(made.content, made.sha256, msgspec.structs.replace(ABOUT, **changes))
    assert isinstance(found, Refusal)
    assert found.code == code


def test_nothing_is_made_of_bytes_that_are_not_the_release() -> None:
    made = prepared(FIRST, 1_000)
    found = files_of(made.content + b" ", made.sha256, ABOUT)
    assert isinstance(found, Refusal)
    assert found.code == "changed"
    small = re.sub(rb'"count":\d+,"status":"published"', b'"count":5,"status":"published"', made.content, count=1)
    found = files_of(small, hashlib.sha256(small).hexdigest(), ABOUT)
    assert isinstance(found, Refusal)
    assert found.code == "below-threshold"


def test_the_files_of_a_release_look_as_they_were_approved(golden: Callable[[str, str], None]) -> None:
    files = published(FIRST.next.next)
    for end in ("_method.html", "_ckan.json", "_catalogue.jsonld"):
        golden(f"open-data/2027H1{end}", files[end].content.decode())
    golden("open-data/2027H1_ja.csv", files["_ja.csv"].content.decode().replace("\r\n", "\n"))
