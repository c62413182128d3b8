"""The pictures of the method note: a table as bars in their cells, and what noise does to a number, as SVG text. Pure.

Colours are attributes and nothing is fetched, so the pictures stand under the strictest content policy. What is not
published is hatched and says so: an empty cell would look like nobody.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.charts_frame import escape, number, words_at
from engine.charts_scale import room_of
from fhir_bridge.open_data_words import SUPPRESSED, axis, label
from fhir_bridge.privacy_law import decay, mass
from fhir_bridge.privacy_release import Figures as Table

_WIDE: Final = 720.0
_ROW: Final = 38.0
_HEAD: Final = 54.0
_EM: Final = 15
_INK: Final = "#1b2126"
_QUIET: Final = "#4a545d"
_BAR: Final = "#a9cbe6"
_EDGE: Final = "#0a4f86"
_LINE: Final = "#d5dbdf"
_PAIRED: Final = ("両方を使う人", "")
_REACH: Final = 10


class Box(msgspec.Struct, frozen=True):
    """One cell of a block: the name of its number, and the number or None."""

    key: tuple[str, ...]
    count: int | None


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A table or a part of it that fits on a page: what it is of, its rows, columns (in two lines), and cells."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    cells: tuple[tuple[Box, ...], ...]


def blocks(table: Table) -> tuple[Block, ...]:
    """The blocks a published table is shown in; every cell stands in exactly one."""
    if table.id == "T4":
        rows = tuple("と".join(label("service", code, "ja") for code in cell.at) for cell in table.cells)
        cells = tuple((Box((table.id, *cell.at), cell.count),) for cell in table.cells)
        return (Block(title="", rows=rows, columns=(_PAIRED,), cells=cells),)
    counts = {cell.at: cell.count for cell in table.cells}
    codes = {name: tuple(dict.fromkeys(cell.at[at] for cell in table.cells)) for at, name in enumerate(table.axes)}
    if table.id == "T2" and table.grid != "7x4":
        return (_by_interest(counts, codes),)
    apart = next((name for name in ("sex", "interest") if name in codes), None)
    parts = [(None, "")] if apart is None else [(code, label(apart, code, "ja")) for code in codes[apart]]
    return tuple(_by_band(table.id, counts, codes, apart, code, said) for code, said in parts)


def picture(block: Block, top: int, name: str) -> str:
    """A block as bars in its cells; the longest bar is `top`, `name` begins its ids."""
    left = min(max(room_of(row) for row in block.rows) * _EM + 14, _WIDE / 2)
    wide = (_WIDE - left) / len(block.columns)
    height = _HEAD + _ROW * len(block.rows)
    parts = [_opened(height, name, _described(block)), _hatch(name)]
    for at, lines in enumerate(block.columns):
        middle = left + wide * (at + 0.5)
        shown = [line for line in lines if line]
        parts += [
            words_at((middle, _HEAD - 10 - 18 * (len(shown) - 1 - row)), said, anchor="middle", ink=_QUIET)
            for row, said in enumerate(shown)
        ]
    for at, (row, boxes) in enumerate(zip(block.rows, block.cells, strict=True)):
        y = _HEAD + _ROW * at
        parts.append(f'<path d="M0 {number(y)}H{number(_WIDE)}" stroke="{_LINE}"/>')
        parts.append(words_at((0, y + 25), row))
        parts += [_box((left + wide * column, y, wide), box, top, name) for column, box in enumerate(boxes)]
    return "".join((*parts, "</svg>"))


def noise_picture(scale: int, name: str) -> str:
    """How often noise of that scale changes a number by how much, as a bar for each of -10 to 10."""
    alpha = decay(scale)
    chances = {value: mass(value, alpha) for value in range(-_REACH, _REACH + 1)}
    most, wide, foot = max(chances.values()), _WIDE / len(chances), 210.0
    parts = [_opened(262, name, "足される誤差の大きさと、その起こりやすさ")]
    for at, (value, chance) in enumerate(chances.items()):
        high = chance / most * (foot - 30)
        x = wide * at + 3
        parts.append(
            f'<rect x="{number(x)}" y="{number(foot - high)}" width="{number(wide - 6)}" height="{number(high)}" '
            f'fill="{_BAR}" stroke="{_EDGE}"/>'
        )
        middle = wide * (at + 0.5)
        parts.append(words_at((middle, foot + 20), f"{value:+d}" if value else "0", anchor="middle"))
        percent = f"{chance * 100:.0f}%" if chance * 100 >= 1 else ""
        parts.append(words_at((middle, foot - high - 6), percent, anchor="middle", ink=_QUIET))
    parts.append(words_at((_WIDE / 2, foot + 44), "本当の人数に足す数(人)", anchor="middle", ink=_QUIET))
    return "".join((*parts, "</svg>"))


def _by_band(
    id: str,  # noqa: A002
    counts: dict[tuple[str, ...], int | None], codes: dict[str, tuple[str, ...]], apart: str | None, code: str | None,
    said: str,
) -> Block:  # fmt: skip
    """Age down, BMI across, of everybody or of one sex or interest."""

    def cell(age: str, bmi: str) -> Box:
        at = {"age": age, "bmi": bmi} | ({} if apart is None or code is None else {apart: code})
        key = tuple(at[name] for name in codes)
        return Box((id, *key), counts[key])

    return Block(
        title=said, rows=tuple(label("age", age, "ja") for age in codes["age"]),
        columns=tuple(("BMI", label("bmi", bmi, "ja")) for bmi in codes["bmi"]),
        cells=tuple(tuple(cell(age, bmi) for bmi in codes["bmi"]) for age in codes["age"]),
    )  # fmt: skip


def _by_interest(counts: dict[tuple[str, ...], int | None], codes: dict[str, tuple[str, ...]]) -> Block:
    """Interests down, the few bands of age and BMI across."""
    across = [(age, bmi) for age in codes["age"] for bmi in codes["bmi"]]
    return Block(
        title="", rows=tuple(label("interest", one, "ja") for one in codes["interest"]),
        columns=tuple((label("age", age, "ja"), f"BMI{label('bmi', bmi, 'ja')}") for age, bmi in across),
        cells=tuple(
            tuple(Box(("T2", *at, one), counts[*at, one]) for at in across) for one in codes["interest"]
        ),
    )  # fmt: skip


def _box(place: tuple[float, float, float], box: Box, top: int, name: str) -> str:
    x, y, wide = place
    room = wide - 12
    if box.count is None:
        frame = (
            f'<rect x="{number(x + 6)}" y="{number(y + 7)}" width="{number(room)}" height="24" fill="url(#{name}h)"/>'
        )
        return frame + words_at((x + wide / 2, y + 25), SUPPRESSED["ja"], anchor="middle", ink=_QUIET)
    long = room * box.count / max(top, 1)
    bar = f'<rect x="{number(x + 6)}" y="{number(y + 7)}" width="{number(long)}" height="24" fill="{_BAR}"/>'
    return bar + words_at((x + 12, y + 25), str(box.count), ink=_INK)


def _opened(height: float, name: str, said: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(_WIDE)} {number(height)}" role="img" '
        f'aria-labelledby="{name}t" font-size="{_EM}" font-family="Noto Sans CJK JP,Hiragino Sans,sans-serif">'
        f'<title id="{name}t">{escape(said)}</title>'
    )


def _hatch(name: str) -> str:
    return (
        f'<defs><pattern id="{name}h" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<rect width="6" height="6" fill="#f4f6f7"/><path d="M0 6L6 0" stroke="{_LINE}"/></pattern></defs>'
    )


def _described(block: Block) -> str:
    across = "、".join("".join(lines) for lines in block.columns)
    said = f"{block.title} {block.rows[0]}から{block.rows[-1]}まで。横に{across}。"
    return f"{said}同じ数字の表が下にあります。".strip()


def heading(table: Table) -> str:
    """What stands over the first column of a table's numbers."""
    if table.id == "T4":
        return "2つのサービス"
    return axis("interest" if table.id == "T2" and table.grid != "7x4" else "age", "ja")
