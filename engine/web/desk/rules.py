"""What became of every rule's advice: accepted, edited, rejected and why; counts only, nobody's data."""

from __future__ import annotations

from typing import Any

from fastapi import Response

from engine.locale import Language
from engine.rules import AdviceRule, FlagRule, Rule
from engine.store.database import write
from engine.store.repo_rule_stats import ENOUGH, LOW_PERCENT, Health, healths
from engine.web.context import Signed, TheDesk, note
from engine.web.desk.standing_view import rules_now, towns_of
from engine.web.door import Door
from engine.web.view import word

door = Door()


@door.page("/rules", "rules.see")
def overview(desk: TheDesk, session: Signed) -> Response:
    """Every rule that speaks, those that people turn down most first."""
    now = desk.now()
    with write(desk.engine) as connection:
        found = healths(connection, towns_of(connection, session.who))
        note(connection, desk, session, "rules-view", now)
    rules = {name: rule for name, rule in rules_now(now).items() if isinstance(rule, FlagRule | AdviceRule)}
    rows = [_row(session.lang, name, rules.get(name), health) for name, health in found.items()]
    rows.sort(key=lambda row: (not row["low"], -row["decided"], row["id"]))
    quiet = sorted(rules.keys() - found.keys())
    return desk.page(
        "rules/list.html", session.lang, session, here="/rules", rows=rows, quiet=quiet, enough=ENOUGH,
        low=LOW_PERCENT,
    )  # fmt: skip


def _row(lang: Language, name: str, rule: Rule | None, health: Health) -> dict[str, Any]:
    spoken = rule if isinstance(rule, FlagRule | AdviceRule) else None
    return {
        "id": name, "topic": word(lang, "topic", spoken.topic) if spoken else "", "gone": spoken is None,
        "version": spoken.version if spoken else "", "low": health.low, "decided": health.decided,
        "percent": health.percent, "health": health,
        "reasons": [(word(lang, "rejection", code), n) for code, n in health.reasons.items()],
    }  # fmt: skip
