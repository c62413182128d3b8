"""One row of the city's list as a value, and back: names byte for byte, days and codes as the mapping says. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

import msgspec

from engine import names
from engine.dates import ERAS, parse_birth_date
from engine.exchange_csv import Fault, Row, Sheet, half_width
from engine.exchange_mapping import Days, Mapping, Residents, State
from engine.municipalities import is_code
from engine.people import MAX_LINE, Sex
from engine.refusal import Refusal

_AHEAD: Final = timedelta(days=366)
_SPACES: Final = " \u3000"
_NUMBER: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,31}")
_ERA_LETTERS: Final = {"明治": "M", "大正": "T", "昭和": "S", "平成": "H", "令和": "R"}


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the city's list tells of one person: who they are, where they live and whether they do.

    `on` is the day of a death, a move away or a move within; `to` the municipality code moved to. Kana are full width.
    """

    number: str
    family: str
    given: str
    family_kana: str
    given_kana: str
    birth: date
    sex: Sex
    state: State
    on: date | None = None
    address: str | None = None
    insured: str | None = None
    to: str | None = None
    shielded: bool = False


class Line(msgspec.Struct, frozen=True):
    """A person of the list and the line they stand on."""

    line: int
    said: Said


def people(sheet: Sheet, mapping: Mapping, today: date) -> tuple[tuple[Line, ...], tuple[Fault, ...]]:
    """Everybody on the list, and every row that cannot be taken with its reason.

    A number that stands twice counts in neither row (`twice`): which of them is the person's nobody knows.
    """
    found, faults = list[Line](), list(sheet.faults)
    for row in sheet.rows:
        said = read_row(row, mapping.residents, today)
        if isinstance(said, Refusal):
            faults.append(Fault(row.line, said.code, said.field))
        else:
            found.append(Line(row.line, said))
    seen = dict[str, int]()
    for row in sheet.rows:
        number = row.cells["number"].strip(_SPACES)
        seen[number] = seen.get(number, 0) + 1
    faults += [Fault(one.line, "twice", "number") for one in found if seen[one.said.number] > 1]
    kept = tuple(one for one in found if seen[one.said.number] == 1)
    return kept, tuple(sorted(faults, key=lambda fault: fault.line))


def read_row(row: Row, how: Residents, today: date) -> Said | Refusal:
    """What a row says, or why it cannot be taken, with the column where it lies."""
    cell = {field: text.strip(_SPACES) for field, text in row.cells.items()}
    number, state = cell["number"], how.state.get(cell["state"])
    name, kana = names.split_name(row.cells["name"], single=True), names.split_kana(row.cells["kana"], single=True)
    birth, sex = parse_birth_date(cell["birth"], today), how.sex.get(cell["sex"])
    on = _day(cell.get("on", ""), how, today)
    address, insured = _line(cell.get("address", "")), _line(cell.get("insured", ""))
    to = cell.get("to", "")
    for field, value in (("name", name), ("kana", kana), ("birth", birth), ("on", on), ("address", address),
                         ("insured", insured)):  # fmt: skip
        if isinstance(value, Refusal):
            return msgspec.structs.replace(value, field=field)
    wrong = {
        "number": "bad-number" if _NUMBER.fullmatch(number) is None else "",
        "sex": "unknown-code" if sex is None else "",
        "state": "unknown-code" if state is None else "",
        "on": "missing-day" if state in {"dead", "moved-out"} and on is None else "",
        "to": "unknown-code" if to and not is_code(to) else "",
    }
    fault = next((one for one, code in wrong.items() if code), None)
    if fault is not None or sex is None or state is None:
        return Refusal(wrong[fault or "state"], "this cannot be read", fault)
    assert not isinstance(name, Refusal)
    assert not isinstance(kana, Refusal)
    assert not isinstance(birth, Refusal)
    assert not isinstance(on, Refusal)
    assert not isinstance(address, Refusal)
    assert not isinstance(insured, Refusal)
    return Said(
        number=number, family=name[0], given=name[1], family_kana=kana[0], given_kana=kana[1], birth=birth, sex=sex,
        state=state, on=on, address=address, insured=insured, to=to or None,
        shielded=cell.get("shielded", "") in how.shielded,
    )  # fmt: skip


def cells_of(people: Iterable[Said], how: Residents) -> list[dict[str, str]]:
    """The rows of a list as its mapping writes them; the inverse of `read_row`."""
    sexes, states = _first(how.sex), _first(how.state)
    return [
        {
            "number": one.number, "name": _joined(one.family, one.given, how.space),
            "kana": _kana(one, how), "birth": written(one.birth, how.days),
            "sex": sexes.get(one.sex, ""), "state": states[one.state],
            "on": written(one.on, how.days) if one.on else next(iter(how.no_day), ""), "address": one.address or "",
            "insured": one.insured or "", "to": one.to or "",
            "shielded": how.shielded[0] if one.shielded and how.shielded else "",
        }
        for one in people
    ]  # fmt: skip


def written(day: date, form: Days) -> str:
    """A day as a file writes it."""
    plain = {"iso": day.isoformat(), "slash": f"{day:%Y/%m/%d}", "compact": f"{day:%Y%m%d}"}
    if form in plain:
        return plain[form]
    era = next(name for name, (first, _) in reversed(ERAS.items()) if first <= day)
    year = day.year - ERAS[era][0].year + 1
    if form == "era-letter":
        return f"{_ERA_LETTERS[era]}{year:02}.{day.month:02}.{day.day:02}"
    return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日"


def _day(text: str, how: Residents, today: date) -> date | Refusal | None:
    return None if not text or text in how.no_day else parse_birth_date(text, today + _AHEAD)


def _line(text: str) -> str | Refusal | None:
    """One line of text byte for byte, None for nothing."""
    if not text:
        return None
    if len(text) > MAX_LINE:
        return Refusal("too-long", f"must not be longer than {MAX_LINE} characters")
    # One character at a time: an address is longer than a name may be, and may hold spaces.
    kept = (names.keep(character) for character in text if not character.isspace())
    wrong = next((one for one in kept if isinstance(one, Refusal)), None)
    if wrong is None and any(character.isspace() and character not in _SPACES for character in text):
        return Refusal("control-character", "must be one line of plain text")
    return wrong or text


def _first(codes: dict[str, Sex] | dict[str, State]) -> dict[str, str]:
    """The first code of each of our words."""
    found = dict[str, str]()
    for code, word in codes.items():
        found.setdefault(word, code)
    return found


def _joined(first: str, second: str, space: str) -> str:
    return f"{first}{space}{second}" if second else first


def _kana(one: Said, how: Residents) -> str:
    text = _joined(one.family_kana, one.given_kana, how.space)
    return half_width(text) if how.kana == "half" else text


def numbers_of(sheet: Sheet) -> frozenset[str]:
    """Every number that stands in the file, also in rows that could not be taken: nobody of them is missing."""
    return frozenset(row.cells["number"].strip(_SPACES) for row in sheet.rows)
