"""Days as people write them; birth dates as they do in Japan: ISO, slashes, eras, full width, kanji numerals."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from typing import Final

from engine.refusal import Refusal

MAX_AGE: Final = 130
# First and last day of each era (None: it goes on). The other calendar, before 1873, is out of MAX_AGE's reach.
ERAS: Final[dict[str, tuple[date, date | None]]] = {
    "明治": (date(1868, 10, 23), date(1912, 7, 29)),
    "大正": (date(1912, 7, 30), date(1926, 12, 24)),
    "昭和": (date(1926, 12, 25), date(1989, 1, 7)),
    "平成": (date(1989, 1, 8), date(2019, 4, 30)),
    "令和": (date(2019, 5, 1), None),
}
_LETTERS: Final = {"M": "明治", "T": "大正", "S": "昭和", "H": "平成", "R": "令和"}
_DIGITS: Final = {character: value for value, character in enumerate("〇一二三四五六七八九")} | {"零": 0}
_TENS: Final = {"十": 10, "百": 100, "千": 1000}
_NUMERALS: Final = re.compile(f"[{''.join((*_DIGITS, *_TENS))}]+")
_WESTERN: Final = re.compile(r"(?:西暦)?(\d{4})(?:年(\d{1,2})月(\d{1,2})日|([-/.])(\d{1,2})\4(\d{1,2}))")
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_ERA: Final = re.compile(
    r"(明治|大正|昭和|平成|令和|[MTSHR])(元|\d{1,2})(?:年(\d{1,2})月(\d{1,2})日|([-/.])(\d{1,2})\5(\d{1,2}))"
)


def read_day(text: str, field: str) -> date | Refusal | None:
    """The day a form's `field` names as 2026-11-21; None where it is empty, refused as `unreadable-date`."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return Refusal("unreadable-date", "write the day as 2026-11-21", field)


def parse_birth_date(text: str, today: date) -> date | Refusal:
    """The day `text` names: 1946-01-23, 1946/1/23, 昭和21年1月23日, S21.1.23, 昭和二十一年一月二十三日, full width too.

    Refused as `unreadable-date`, `no-such-date`, `outside-era`, `future-date` or `too-old`; never guessed.
    """
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    read = _read(_NUMERALS.sub(_number, plain).replace("ー", "-").replace("−", "-"))
    if read is None:
        return Refusal("unreadable-date", "write the date as 1946-01-23 or 昭和21年1月23日")
    era, year, month, day = read
    try:
        found = date(year, month, day)
    except ValueError:
        return Refusal("no-such-date", "this day is not in the calendar")
    if era is not None:
        first, last = ERAS[era]
        if found < first or (last is not None and found > last):
            return Refusal("outside-era", f"this day is not in {era}")
    if found > today:
        return Refusal("future-date", "this day has not come yet")
    if age_on(found, today) > MAX_AGE:
        return Refusal("too-old", f"this is more than {MAX_AGE} years ago")
    return found


def age_on(birth_date: date, day: date) -> int:
    """Full years lived on `day`, by Japanese law from midnight at the start of the birthday.

    Who was born on 29 February is a year older from 1 March in a common year (the 28th ends at that midnight).
    """
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def fiscal_year_age(birth_date: date, day: date, *, on_the_eve: bool = False) -> int:
    """The age reached by 31 March of the fiscal year `day` lies in, as the specific health check-ups count it.

    By law an age is reached at the end of the day before the birthday, so that whoever was born on 1 April reaches it
    on 31 March; insurers differ: `on_the_eve` counts so.
    """
    end = date(day.year + (day.month > 3), 3, 31)  # noqa: PLR2004 - the fiscal year ends with March
    return age_on(birth_date, end + timedelta(days=1) if on_the_eve else end)


def _read(text: str) -> tuple[str | None, int, int, int] | None:
    """Era, western year, month and day; None when the text is no date at all."""
    if found := _COMPACT.fullmatch(text):
        return None, *(int(part) for part in found.groups())  # type: ignore[return-value]
    if found := _WESTERN.fullmatch(text):
        return None, int(found[1]), int(found[2] or found[5]), int(found[3] or found[6])
    if found := _ERA.fullmatch(text.upper()):
        era = _LETTERS.get(found[1], found[1])
        number = 1 if found[2] == "元" else int(found[2])
        # Year 0 of an era does not exist; as a western year it would land before the era and be refused there.
        return era, ERAS[era][0].year + number - 1, int(found[3] or found[6]), int(found[4] or found[7])
    return None


def _number(found: re.Match[str]) -> str:
    """Arabic digits for kanji numerals: 二十一 and 二一 are both 21, 千九百四十六 is 1946."""
    word = found[0]
    if not any(character in _TENS for character in word):
        return "".join(str(_DIGITS[character]) for character in word)
    total, digit, unit = 0, None, 10_000
    for character in word:
        value = _TENS.get(character)
        if value is None and digit is None:
            digit = _DIGITS[character]
        elif value is not None and value < unit:
            total += (1 if digit is None else digit) * value
            digit, unit = None, value
        else:
            return word
    return str(total + (digit or 0))
