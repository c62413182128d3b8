"""The release as CSV: a tidy table, its twin with Japanese headers, and the definition of every item. Pure.

RFC 4180 with a UTF-8 byte-order mark, which spreadsheets in Japan need to read it, and one row a cell.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from engine.interests import labels
from engine.municipalities import REGION
from fhir_bridge.open_data_model import LICENCES, Figures, File, Source
from fhir_bridge.open_data_words import ALL, PUBLISHED, SUPPRESSED, area, axis, label, table
from fhir_bridge.privacy_release import Cell
from fhir_bridge.privacy_release import Figures as Table
from fhir_bridge.privacy_tables import AGE_3, AGE_7, BMI_2, BMI_4, SEXES

MEDIA: Final = "text/csv"
# In the order in which every table that has them names them, so that a row without its `_T` is the name of its cell.
AXES: Final = ("sex", "age", "bmi", "interest", "service", "service-too")
_COLUMNS: Final = {
    "sex": "sex", "age": "age_band", "bmi": "bmi_band", "interest": "interest", "service": "service",
    "service-too": "service_too",
}  # fmt: skip
HEAD: Final = (
    "release_id", "table_id", "period_start", "period_end", "age_band", "bmi_band", "interest", "person_count",
    "status", "sex", "service", "service_too", "release_sha256",
)  # fmt: skip
HEAD_JA: Final = (
    "全国地方公共団体コード", "地方公共団体名", "年代", "BMI区分", "関心分野", "人数", "公表区分", "性別", "サービス1",
    "サービス2", "表", "表の内容", "期間開始日", "期間終了日", "対象地域", "公開データID", "原本のSHA-256",
)  # fmt: skip


def files(source: Source) -> tuple[File, ...]:
    """The table, its twin, and the definition of items."""
    return (
        File(source.name(".csv"), MEDIA, "統計表", _written(HEAD, _rows(source))),
        File(source.name("_ja.csv"), MEDIA, "統計表(日本語の見出し)", _written(HEAD_JA, _rows_ja(source))),
        File(source.name("_items.csv"), MEDIA, "項目定義書", _written(_HEAD_ITEMS, _items(source))),
    )


def read_table(content: bytes) -> Figures:
    """The numbers of the tidy table; raises ValueError for a file that is not one."""
    found: dict[tuple[str, ...], int | None] = {}
    for row in _read(content, HEAD):
        codes = (row[_COLUMNS[name]] for name in AXES)
        key = row["table_id"], *(code for code in codes if code != ALL)
        _add(found, key, row["person_count"], published=row["status"] == "published")
    return found


def read_twin(content: bytes) -> Figures:
    """The numbers of the twin, by the codes its labels stand for; raises ValueError for a file that is not one."""
    codes = {name: _codes(name) for name in AXES}
    found: dict[tuple[str, ...], int | None] = {}
    for row in _read(content, HEAD_JA):
        told = ((name, row[axis(name, "ja")]) for name in AXES)
        key = row["表"], *(codes[name].get(said, said) for name, said in told if said != label(name, ALL, "ja"))
        _add(found, key, row["人数"], published=row["公表区分"] == PUBLISHED["ja"])
    return found


def _rows(source: Source) -> Iterator[Sequence[str]]:
    release = source.release
    for one, cell in _cells(source):
        at = _at(one, cell)
        yield (
            source.id, one.id, f"{release.start}", f"{release.end}", at["age"], at["bmi"], at["interest"],
            _count(cell), cell.status, at["sex"], at["service"], at["service-too"], source.sha256,
        )  # fmt: skip


def _rows_ja(source: Source) -> Iterator[Sequence[str]]:
    release = source.release
    for one, cell in _cells(source):
        at = {name: label(name, code, "ja") for name, code in _at(one, cell).items()}
        status = SUPPRESSED["ja"] if cell.count is None else PUBLISHED["ja"]
        yield (
            source.code, REGION[source.code], at["age"], at["bmi"], at["interest"], _count(cell), status, at["sex"],
            at["service"], at["service-too"], one.id, table(one.id, "ja"), f"{release.start}", f"{release.end}",
            area(release.unit), source.id, source.sha256,
        )  # fmt: skip


def _cells(source: Source) -> Iterator[tuple[Table, Cell]]:
    return ((one, cell) for one in source.release.tables for cell in one.cells)


def _at(one: Table, cell: Cell) -> dict[str, str]:
    return dict.fromkeys(AXES, ALL) | dict(zip(one.axes, cell.at, strict=True))


def _count(cell: Cell) -> str:
    return "" if cell.count is None else str(cell.count)


_HEAD_ITEMS: Final = ("項番", "列名", "日本語の列名", "説明", "形式", "とりうる値", "原本のSHA-256")
_DAY: Final = "日付 ISO 8601"
# Every column of both tables in the order of the first, then those of the twin alone, then what holds for all.
_ITEMS: Final = (
    ("release_id", "公開データID", "公開の単位と期間を合わせた名前", "文字列"),
    ("table_id", "表", "どの表の行か", "文字列"),
    ("period_start", "期間開始日", "数えた期間の最初の日", _DAY),
    ("period_end", "期間終了日", "数えた期間の最後の日", _DAY),
    ("age_band", "年代", "期間の最後の日の年齢の区分", "文字列"),
    ("bmi_band", "BMI区分", "期間の最後の体重と身長によるBMI(kg/m2、小数第1位に丸めた値)の区分", "文字列"),
    ("interest", "関心分野", "本人が選んだ関心。1人3つまで", "文字列"),
    ("person_count", "人数", "誤差を加えて丸めた人数", "整数"),
    ("status", "公表区分", "非公表の理由は区別しない", "文字列"),
    ("sex", "性別", "登録された性別。T3だけにある", "文字列"),
    ("service", "サービス1", "両方を使う2つのサービスの1つめ。T4だけにある", "文字列"),
    ("service_too", "サービス2", "両方を使う2つのサービスの2つめ。T4だけにある", "文字列"),
    ("release_sha256", "原本のSHA-256", "原本(_release.json)のハッシュ値。どのファイルにも同じ値がある", "文字列"),
    ("", "全国地方公共団体コード", "公表する地方公共団体のコード(検査数字つき)", "文字列"),
    ("", "地方公共団体名", "公表する地方公共団体の名前", "文字列"),
    ("", "表の内容", "表の名前", "文字列"),
    ("", "対象地域", "数えた人が住む市町", "文字列"),
    ("", "", "利用条件", ""),
    ("", "", "問い合わせ先", ""),
)


def _items(source: Source) -> Iterator[Sequence[str]]:
    """Every item with what it can be in this release."""
    release, rules, licence = source.release, source.release.mechanism, LICENCES[source.about.licence]
    used = {name: {_at(*pair)[name] for pair in _cells(source)} for name in AXES}
    told = {
        _COLUMNS[name]: ";".join(f"{code}={label(name, code, 'ja')}" for code in _sorted(name, codes))
        for name, codes in used.items()
    }
    tables = {one.id: table(one.id, "ja") for one in release.tables}
    values = told | {
        "release_id": source.id, "table_id": ";".join(f"{one}={said}" for one, said in tables.items()),
        "period_start": f"{release.start}", "period_end": f"{release.end}", "release_sha256": source.sha256,
        "person_count": f"{rules.threshold}以上で{rules.rounding}の倍数。非公表のときは空欄",
        "status": f"published={PUBLISHED['ja']};suppressed={SUPPRESSED['ja']}",
        "全国地方公共団体コード": source.code, "地方公共団体名": REGION[source.code],
        "表の内容": ";".join(tables.values()), "対象地域": area(release.unit),
        "利用条件": f"{licence.title} {licence.url}", "問い合わせ先": source.about.contact,
    }  # fmt: skip
    for number, (name, named, about, form) in enumerate(_ITEMS, 1):
        yield str(number), name, named, about, form, values[name or named or about], source.sha256


def _sorted(name: str, codes: Iterable[str]) -> list[str]:
    """Codes in the order of their axis, `_T` last."""
    order = [*_codes(name).values()]
    return sorted(codes, key=lambda code: (code == ALL, order.index(code) if code in order else len(order), code))


def _codes(name: str) -> dict[str, str]:
    """The codes an axis may have, by their Japanese labels, in their order."""
    known = {
        "sex": SEXES, "age": (*AGE_7.codes, *AGE_3.codes), "bmi": (*BMI_4.codes, *BMI_2.codes),
        "interest": tuple(labels("ja")),
    }  # fmt: skip
    return {label(name, code, "ja"): code for code in known.get(name, ())}


def _add(found: dict[tuple[str, ...], int | None], key: tuple[str, ...], count: str, *, published: bool) -> None:
    if key in found or published != bool(count):
        raise ValueError(f"the row of {' '.join(key)} stands there twice or contradicts itself")
    found[key] = int(count) if published else None


def _written(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n", strict=True)
    writer.writerow(head)
    writer.writerows(rows)
    return codecs.BOM_UTF8 + text.getvalue().encode()


def _read(content: bytes, head: Sequence[str]) -> Iterator[dict[str, str]]:
    if not content.startswith(codecs.BOM_UTF8):
        raise ValueError("the byte-order mark is missing")
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    if tuple(next(rows, ())) != tuple(head):
        raise ValueError("these are not the columns")
    return (dict(zip(head, row, strict=True)) for row in rows)
