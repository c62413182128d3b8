"""Rules as data: one TOML file per rule, checked when loaded, evaluated without any expression language."""

from engine.rules.catalogue_files import check_catalogue, in_force, load_catalogue
from engine.rules.evaluator import Firing, Indeterminate, Reason
from engine.rules.model import AdviceRule, Case, ClassRule, Condition, FlagRule, Rule, Source, VetoRule

__all__ = [
    "AdviceRule", "Case", "ClassRule", "Condition", "Firing", "FlagRule", "Indeterminate", "Reason", "Rule", "Source",
    "VetoRule", "check_catalogue", "in_force", "load_catalogue",
]  # fmt: skip
