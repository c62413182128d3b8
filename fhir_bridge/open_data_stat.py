"""The release as JSON-stat 2.0, one dataset a table: a suppressed cell is null, and its status says so. Pure.

Pairs of services are one dimension: JSON-stat knows whole cubes only, and half of that one does not exist.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from engine.refusal import Refusal
from fhir_bridge.open_data_model import LICENCES, Figures, File, Source, figures
from fhir_bridge.open_data_words import SUPPRESSED, area, axis, label, table
from fhir_bridge.privacy_release import Figures as Table
from fhir_bridge.privacy_release import read

MEDIA: Final = "application/json"
_PAIR: Final = "+"
_NOTE: Final = (
    "人数は誤差を加えて丸めた値です。行を足しても全体の人数になりません。くわしくは方法の説明(_method.html)にあります。"
)


def files(source: Source) -> tuple[File, ...]:
    """One dataset for each table of the release."""
    return tuple(
        File(source.name(f"_{one.id}.json"), MEDIA, f"{table(one.id, 'ja')}(JSON-stat 2.0)", _encoded(source, one))
        for one in source.release.tables
    )


def read_dataset(content: bytes) -> Figures:
    """The numbers of a dataset; raises ValueError for a file that is not one."""
    try:
        found = msgspec.json.decode(content)
        names, status = found["id"], found["status"]
        codes = [found["dimension"][name]["category"]["index"] for name in names]
        cells = _product(codes)
        values = found["value"]
        told: dict[tuple[str, ...], int | None] = {}
        for number, (at, value) in enumerate(zip(cells, values, strict=True)):
            if (value is None) != (status.get(str(number)) == "suppressed"):
                raise ValueError("a value and its status contradict each other")
            told[found["extension"]["table"], *(part for code in at for part in code.split(_PAIR))] = value
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise ValueError("this is no dataset of ours") from error
    return told


def read_release(content: bytes) -> Figures:
    """The numbers of the original; raises ValueError for bytes that may not be published."""
    release = read(content, hashlib.sha256(content).hexdigest())
    if isinstance(release, Refusal):
        raise ValueError(release.message)  # noqa: TRY004 - it is the bytes that are wrong
    return figures(release)


def _encoded(source: Source, one: Table) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_dataset(source, one)), indent=1)


def _dataset(source: Source, one: Table) -> dict[str, Any]:
    release = source.release
    names, cells = _dimensions(one)
    values = [None if cell.count is None else cell.count for cell in one.cells]
    return {
        "version": "2.0", "class": "dataset", "href": source.address(source.name(f"_{one.id}.json")),
        "label": f"{table(one.id, 'ja')} {release.start}～{release.end} {area(release.unit)}",
        "source": f"{area(release.unit)} Minato PHR {source.id}", "updated": f"{source.about.issued}",
        "note": [_NOTE],
        "id": list(names), "size": [len(codes) for codes in cells.values()],
        "dimension": {
            name: {"label": _called(name), "category": {"index": codes, "label": _labels(name, codes)}}
            for name, codes in cells.items()
        },
        "value": values, "status": {str(at): "suppressed" for at, value in enumerate(values) if value is None},
        "extension": {
            "table": one.id, "release": source.id, "sha256": source.sha256, "method": release.method,
            "epsilon": release.epsilon, "delta": release.delta, "unit": "人",
            "period": {"start": f"{release.start}", "end": f"{release.end}"},
            "status": {"suppressed": SUPPRESSED["ja"]}, "licence": LICENCES[source.about.licence].url,
            "contact": source.about.contact,
        },
    }  # fmt: skip


def _dimensions(one: Table) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """The names of the dimensions, and the codes on each in the order of the cells."""
    if one.id == "T4":
        return ("pair",), {"pair": [_PAIR.join(cell.at) for cell in one.cells]}
    columns = zip(*(cell.at for cell in one.cells), strict=True)
    return one.axes, {name: list(dict.fromkeys(codes)) for name, codes in zip(one.axes, columns, strict=True)}


def _labels(name: str, codes: list[str]) -> dict[str, str]:
    return {code: _told(name, code) for code in codes}


def _called(name: str) -> str:
    return "2つのサービス" if name == "pair" else axis(name, "ja")


def _told(name: str, code: str) -> str:
    if name == "pair":
        return "と".join(label("service", part, "ja") for part in code.split(_PAIR))
    return label(name, code, "ja")


def _product(codes: list[list[str]]) -> list[tuple[str, ...]]:
    cells: list[tuple[str, ...]] = [()]
    for column in codes:
        cells = [(*cell, code) for cell in cells for code in column]
    return cells
