"""Advice rules as data: one TOML file per rule, checked when loaded, evaluated without any expression language."""

from engine.rules.catalogue_files import check_catalogue, load_catalogue
from engine.rules.evaluator import Firing, Indeterminate, Outcome, Reason, Silent, evaluate
from engine.rules.model import Case, Condition, Rule, Source

__all__ = [
    "Case",
    "Condition",
    "Firing",
    "Indeterminate",
    "Outcome",
    "Reason",
    "Rule",
    "Silent",
    "Source",
    "check_catalogue",
    "evaluate",
    "load_catalogue",
]
