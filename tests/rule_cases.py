"""The hand-written cases of the shipped rules, in tests/golden/rules; the proving itself is engine/proving.py."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from typing import Any

from engine import proving
from engine.rules import ClassRule, Rule, load_catalogue
from tests.conftest import GOLDEN


@cache
def cases_of(rule_id: str) -> tuple[dict[str, Any], ...]:
    """The cases of one rule, in the order of the file; raises FileNotFoundError without one."""
    return tuple(_file(rule_id)["case"])


@cache
def barred_by(rule_id: str) -> tuple[str, ...]:
    """What an advice rule must give way to, as its file of cases says."""
    return tuple(_file(rule_id).get("barred_by", ()))


def disagreements(rule: Rule, case: dict[str, Any], classes: Sequence[Rule] | None = None) -> list[str]:
    """What `rule` says of `case` that the case does not; the classes around it are those that ship."""
    return proving.disagreements(rule, case, _classes() if classes is None else classes)


def _file(rule_id: str) -> dict[str, Any]:
    return tomllib.loads((GOLDEN / "rules" / f"{rule_id}.toml").read_text(encoding="utf-8"))


@cache
def _classes() -> tuple[Rule, ...]:
    return tuple(rule for rule in load_catalogue() if isinstance(rule, ClassRule))
