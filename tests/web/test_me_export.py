"""Everything of mine as files: whole, only mine, only what I may see, on record, and safe to open."""

from __future__ import annotations

import csv
import json
import zipfile
from io import BytesIO, StringIO

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.carrying import BOM, pack
from engine.carrying_store import HEADS
from engine.store import audit, repo_requests
from engine.store.database import read
from tests.web.desks import HANAKO, NOW, TARO, Desk, desk
from tests.web.records_home import DAY, fact, record, years

__all__ = ["desk"]
pytestmark = pytest.mark.flow
Table = list[list[str]]


async def fetch(desk: Desk, what: str) -> httpx.Response:
    session = desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    answer = await desk.browser.post(f"/me/export/{what}", data={"csrf": session.csrf})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith('attachment; filename="minato-2026-11-21.')
    assert answer.headers["cache-control"] == "no-store"
    return answer


def opened(content: bytes) -> dict[str, Table]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        texts = {name: archive.read(name).decode("utf-8") for name in archive.namelist()}
    assert all(text.startswith(BOM) for text in texts.values())
    return {name.removesuffix(".csv"): list(csv.reader(StringIO(text[1:]))) for name, text in texts.items()}


async def enter(desk: Desk, **typed: str) -> None:
    session = desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    assert (await desk.browser.post("/me/entry", data={"csrf": session.csrf, **typed})).status_code == 200


async def test_the_tables_hold_everything_of_mine_and_what_i_may_not_see_yet_is_not_in_them(desk: Desk) -> None:
    years(desk.engine, NOW)
    record(
        desk.engine, fact("has.ckd", "1", NOW - DAY, "hospital"), fact("lab.hb", "9.9", NOW - DAY, who=TARO), seed=11
    )
    await enter(desk, weight="61.2")
    found = opened((await fetch(desk, "tables")).content)
    assert {name: tuple(table[0]) for name, table in found.items()} == HEADS
    assert [row[1:5] for row in found["values"][1:]] == [["body-weight", "体重", "61.2", "kg"]]
    assert len(found["records"]) == 1 + 9
    assert len(found["consents"]) == 1 + 3
    everything = str(found)
    assert "has.ckd" not in everything
    assert "9.9" not in everything
    assert TARO not in everything


async def test_the_medical_file_is_fhir_of_every_value(desk: Desk) -> None:
    await enter(desk, weight="61.2", upper="128", lower="76")
    lines = (await fetch(desk, "fhir")).content.decode().splitlines()
    found = [json.loads(line) for line in lines]
    assert {one["resourceType"] for one in found} == {"Observation"}
    assert {one["subject"]["identifier"]["value"] for one in found if "identifier" in one["subject"]} <= {HANAKO}
    assert 61.2 in [one.get("valueQuantity", {}).get("value") for one in found]


async def test_the_report_is_a_file_and_every_export_is_on_record(desk: Desk) -> None:
    await fetch(desk, "tables")
    await fetch(desk, "fhir")
    report = await fetch(desk, "report")
    assert report.headers["content-type"].startswith("text/html")
    assert "24時間" in report.text
    with read(desk.engine) as connection:
        actions = [one.action for one in audit.entries(connection, subject=HANAKO, limit=99) if one.actor == HANAKO]
        assert audit.verify(connection) is None
    assert {"export-tables", "export-fhir"} <= set(actions)
    assert any(action.startswith("report") for action in actions)


async def test_no_file_without_the_token_of_the_form(desk: Desk) -> None:
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    for what in ("tables", "fhir", "report", "paper"):
        assert (await desk.browser.post(f"/me/export/{what}", data={"csrf": "made-up"})).status_code == 403, what
    with read(desk.engine) as connection:
        assert not [one for one in audit.entries(connection, subject=HANAKO, limit=99) if "export" in one.action]


async def test_what_i_typed_comes_back_in_the_table_and_is_no_formula(desk: Desk) -> None:
    session = desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    formula = '=HYPERLINK("x","y")'
    await desk.browser.post("/me/contact", data={"csrf": session.csrf, "kind": "ask", "text": formula})
    with read(desk.engine) as connection:
        assert [one.text for one in repo_requests.of(connection, HANAKO)] == [formula]
    found = opened((await fetch(desk, "tables")).content)
    assert [row[2] for row in found["requests"][1:]] == [f"'{formula}"]


cells = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
rows = st.lists(st.tuples(cells, cells, cells), max_size=6)


@given(rows=rows)
def test_whatever_the_rows_a_table_reads_back_and_no_cell_is_computed(rows: list[tuple[str, str, str]]) -> None:
    file = BytesIO()
    pack(file, [("all", ("a", "b", "c"), rows)], NOW)
    again = BytesIO()
    pack(again, [("all", ("a", "b", "c"), rows)], NOW)
    assert file.getvalue() == again.getvalue()
    [(_, *found)] = opened(file.getvalue()).values()
    assert [[cell.removeprefix("'") for cell in row] for row in found] == [
        [c.removeprefix("'") for c in row] for row in rows
    ]
    risky = [cell for row in found for cell in row if cell.startswith(("=", "@", "+", "-"))]
    assert all(cell[0] in "+-" and cell[1:2].isdigit() for cell in risky)
