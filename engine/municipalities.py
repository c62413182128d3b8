"""Local-government codes (全国地方公共団体コード, JIS X 0401/0402 with a check digit) and the region served."""

from __future__ import annotations

import re
from typing import Final

# Source: 総務省, 全国地方公共団体コード.
REGION: Final[dict[str, str]] = {"062049": "酒田市", "064262": "三川町", "064289": "庄内町", "064611": "遊佐町"}
HOME: Final = "062049"
_SHAPE: Final = re.compile(r"[0-9]{6}")


def check_digit(five: str) -> str:
    """The sixth digit of a code: 11 minus the sum of digits weighted 6 to 2, modulo 11; its last digit."""
    total = sum(int(digit) * weight for digit, weight in zip(five, range(6, 1, -1), strict=True))
    return str((11 - total % 11) % 10)


def is_code(text: str) -> bool:
    """Whether `text` is a local-government code whose check digit is right."""
    return _SHAPE.fullmatch(text) is not None and text[5] == check_digit(text[:5])
