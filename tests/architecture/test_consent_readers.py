"""Whoever asks what a resident allows is named here, with the purpose they ask for: a new way out is looked at first."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

from engine.consent import PURPOSES

ROOT: Final = Path(__file__).parents[2]
# What each module lets out, and by which purposes; "all" where the purpose is its caller's.
READERS: Final[dict[str, tuple[str, ...]]] = {
    "cli/api.py": ("record",),
    "cli/export_files.py": ("care-share",),
    "engine/before_after_store.py": ("record",),
    "engine/decisions.py": ("nurse-review",),
    "engine/evaluate.py": ("advice",),
    "engine/letters_store.py": ("record", "advice"),
    "engine/notify/sending.py": ("advice", "mirror-display"),
    "engine/points_counting.py": ("record",),
    "engine/ranking_store.py": ("learning",),
    "engine/referrals_store.py": ("advice",),
    "engine/show.py": ("mirror-display",),
    "engine/store/acting_entry.py": ("all",),
    "engine/store/households.py": ("record",),
    "engine/store/red_flags.py": ("advice",),
    "engine/store/repo_consents.py": ("interest-link",),
    "engine/store/repo_family.py": ("family-view",),
    "engine/store/repo_kpi.py": ("record", "open-statistics"),
    "engine/store/repo_silences.py": ("record", "advice", "nurse-review"),
    "engine/store/repo_watch.py": ("watch-over",),
    "engine/telling.py": ("record",),
    "engine/trying.py": ("learning",),
    "engine/web/me/agreeing.py": ("all",),
    "engine/web/me/family_scope.py": ("family-view",),
    "engine/web/me/interests.py": ("interest-link", "open-statistics"),
    "fhir_bridge/aggregate.py": ("open-statistics", "interest-link"),
    "fhir_bridge/api_gate.py": ("record",),
    "fhir_bridge/gate.py": ("care-share", "record"),
    "fhir_bridge/imports/fhir_consents.py": ("all",),
    "fhir_bridge/releasing_rows.py": ("interest-link",),
}


def calls(path: Path) -> list[ast.Call]:
    """Where a module asks."""
    found = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return [node for node in found if isinstance(node.func, ast.Name) and node.func.id == "permits"]


def asked() -> dict[str, list[ast.Call]]:
    """Every module that asks, but the one that answers."""
    paths = [path for folder in ("engine", "fhir_bridge", "gateway", "cli") for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)): calls(path) for path in paths if path.name != "consent.py"}
    return {name: made for name, made in found.items() if made}


def test_whoever_asks_for_consent_is_named_with_the_purpose_they_ask_for() -> None:
    assert set(asked()) == set(READERS), (
        "say in READERS what it lets out, and hold it in tests/flow/test_consent_outputs.py"
    )


def test_each_asks_only_for_the_purposes_it_is_named_with() -> None:
    for name, made in asked().items():
        words = {node.args[1].value for node in made if isinstance(node.args[1], ast.Constant)}
        assert words <= set(READERS[name]), name
        assert set(READERS[name]) <= {*PURPOSES, "all"}


def test_every_purpose_opens_something() -> None:
    assert {purpose for purposes in READERS.values() for purpose in purposes} >= set(PURPOSES)
