"""The parts of the two READMEs that are made from the code; a thing without Japanese words is a KeyError here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec
import typer

from cli.commands import register
from cli.exits import MEANING, Exit
from cli.pair import EXITS
from cli.pair_words import FAILURES
from cli.routes import route_table
from cli.wiring import Settings
from engine.contract import topics
from engine.contract.kinds import KINDS
from engine.questionnaires import Item, questionnaires
from engine.rules import load_catalogue
from engine.rules.catalogue_files import catalogue_texts
from engine.rules.model import SEVERITIES, AdviceRule, ClassRule, FlagRule, Rule, VetoCase, VetoRule
from engine.vocabulary import VOCABULARY
from firmware_profiles.registry import PROFILES
from firmware_profiles.table import device_table, named, needs
from gateway.pairing_reasons import reason_of
from tests.architecture.docs_commands import COMMANDS_JA
from tests.architecture.docs_words import (
    CHECKED,
    CODES,
    COVERAGE,
    EFFECTS,
    EXITS_JA,
    KINDS_OF_RULES,
    NEEDS_JA,
    PROOF_JA,
    SETTINGS,
    TOPICS,
)

Tongue = Literal["en", "ja"]
PLACE: Final = {"en": 0, "ja": 1}
COVERAGE_FILE: Final = Path(__file__).parents[1] / "golden" / "households" / "risk_coverage.md"


def commands() -> dict[str, str]:
    """Every command line of `phr`, with the first sentence of its help."""
    app = typer.Typer()
    register(app)
    return dict(_commands(typer.main.get_command(app), "phr"))


def _commands(command: Any, path: str) -> Iterator[tuple[str, str]]:
    for name, part in command.commands.items():
        if hasattr(part, "commands"):
            yield from _commands(part, f"{path} {name}")
        else:
            said = " ".join(part.help.split())
            yield f"{path} {name}", said.split(". ")[0].rstrip(".")


def settings() -> dict[str, tuple[str, str]]:
    """Every setting by its dotted name: its variable in the environment and its default."""
    found: dict[str, tuple[str, str]] = {}
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            for part in msgspec.structs.fields(field.type):
                found[f"{field.name}.{part.name}"] = (f"PHR_{field.name}_{part.name}".upper(), _default(part.default))
        else:
            found[field.name] = (f"PHR_{field.name}".upper(), _default(field.default))
    return found


def _default(value: object) -> str:
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return "" if value in {None, "", ()} else f"`{shown}`"


def topic_names() -> list[str]:
    """Every topic of the contract, written with <gateway>, <resident> and <verb>."""
    up = [topics.up("<gateway>", leaf) for leaf in get_args(topics.Up)]
    down = [topics.down("<gateway>", leaf) for leaf in get_args(topics.Down)]
    return [*up, *down, topics.show("<gateway>", "<resident>"), topics.command("<gateway>", "<verb>")]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [list(head), ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _command_table(tongue: Tongue) -> str:
    if tongue == "en":
        return table(("command", "what it does"), [(f"`{name}`", said) for name, said in commands().items()])
    return table(("コマンド", "すること"), [(f"`{name}`", COMMANDS_JA[name]) for name in commands()])


def _device_table(tongue: Tongue) -> str:
    if tongue == "en":
        return device_table()
    rows = []
    for profile in PROFILES.values():
        carrier = "接続" if profile.connects else "放送"
        proof = PROOF_JA[profile.proof] + ("(試験的)" if profile.experimental else "")
        kinds = "、".join(KINDS[code].ja for code in sorted(profile.provides))
        pairing = "、".join(NEEDS_JA[name].format(slots=profile.pairing.slots) for name in needs(profile))
        rows.append((f"`{profile.id}`", profile.maker, named(profile.model), carrier, kinds, pairing, proof))
    return table(("プロファイル", "メーカー", "機種", "聞き方", "はかるもの", "登録のとき", "裏づけ"), rows)


def _trouble_table(tongue: Tongue) -> str:
    head = {
        "en": ("code", "what happened", "what to do now", "exit"),
        "ja": ("コード", "おきたこと", "いま すること", "終了コード"),
    }[tongue]
    rows = []
    for code, (what, do) in FAILURES.items():
        place = 1 - PLACE[tongue]  # those words stand in the residents' order, Japanese first
        leaves = str(int(EXITS[reason_of(code).ending]))
        rows.append((f"`{code}`", what[place], do[place].format(resident="r-…"), leaves))
    return table(head, rows)


def coverage() -> list[str]:
    """The lines of the golden that the assigner's tests hold: a table, and below it every confident mistake."""
    return COVERAGE_FILE.read_text(encoding="utf-8").splitlines()


def _coverage_table(tongue: Tongue) -> str:
    rows = [line.strip("| ").split(" | ") for line in coverage() if line.startswith("|")][2:]
    if tongue == "ja":
        rows = [[cell.replace(" of ", " / ") for cell in row] for row in rows]
    return table([words[PLACE[tongue]] for words in COVERAGE], rows)


def _rule_table(tongue: Tongue) -> str:
    head = {
        "en": ("kind", "rule", "topic, or what it decides", "version", "since", "severity", "facts", "sources"),
        "ja": ("種類", "ルール", "話題、または決めるもの", "版", "いつから", "重さ", "事実の番号", "出典"),
    }[tongue]
    rules = sorted(load_catalogue(), key=lambda rule: (list(KINDS_OF_RULES).index(kind_of(rule)), rule.id))
    return table(head, [_rule_row(rule, tongue) for rule in rules])


def kind_of(rule: Rule) -> str:
    """One of class, flag, veto and advice."""
    return str(rule.__struct_config__.tag)


def _rule_row(rule: Rule, tongue: Tongue) -> tuple[str, ...]:
    numbers = list(sources())
    cited = " ".join(f"[{numbers.index(named) + 1}]{_checked(rule, named)}" for named in dict.fromkeys(_cites(rule)))
    facts = ", ".join(dict.fromkeys(re.findall(r"R-[A-Z]+-\d+", catalogue_texts()[rule.id])))
    grades = {case.severity for case in rule.case} if isinstance(rule, FlagRule) else set()
    shown = ", ".join(name for name in SEVERITIES if name in grades)
    kind = KINDS_OF_RULES[kind_of(rule)][PLACE[tongue]]
    return kind, f"`{rule.id}`", _about(rule, tongue), str(rule.version), str(rule.valid_from), shown, facts, cited


def _about(rule: Rule, tongue: Tongue) -> str:
    if isinstance(rule, ClassRule):
        return f"`{rule.defines}`"
    if isinstance(rule, VetoRule):
        return ", ".join(f"`{code}`" for code in _codes(rule.case))
    return rule.topic


def _cites(rule: Rule) -> list[tuple[str, str]]:
    return [(one.title, one.edition) for one in rule.source]


def _checked(rule: Rule, named: tuple[str, str]) -> str:
    """How what a rule takes from one source was checked; a way without a letter is a KeyError as well."""
    found = set[str]()
    for one in rule.source:
        if (one.title, one.edition) == named:
            letters = {letter for words, letter in CHECKED.items() if words in one.checked}
            if not letters:
                raise KeyError(one.checked)
            found |= letters
    return "".join(sorted(found))


def sources() -> list[tuple[str, str]]:
    """Title and edition of everything the rules cite, once each."""
    return sorted({named for rule in load_catalogue() for named in _cites(rule)})


def _source_table(tongue: Tongue) -> str:
    head = {"en": ("no.", "source", "edition", "rules"), "ja": ("番号", "出典", "版", "ルールの数")}[tongue]
    uses = [named for rule in load_catalogue() for named in set(_cites(rule))]
    rows = [(f"[{number}]", *named, str(uses.count(named))) for number, named in enumerate(sources(), 1)]
    return table(head, rows)


def _codes(cases: Iterable[VetoCase]) -> list[str]:
    """What these cases forbid or demand, in the order of the model."""
    said = {code for case in cases for code in (*case.must_not, *case.must)}
    return [code for code in CODES if code in said]


def _veto_table(tongue: Tongue) -> str:
    head = {
        "en": ("code", "must not be advised", "said by", "holds back"),
        "ja": ("コード", "すすめてはいけないこと", "言うルール", "とめる助言"),
    }[tongue]
    rows = []
    for code, words in CODES.items():
        said = [f"`{rule.id}`" for rule in load_catalogue() if isinstance(rule, VetoRule) and code in _codes(rule.case)]
        held = [f"`{rule.id}`" for rule in load_catalogue() if isinstance(rule, AdviceRule) and code in rule.barred_by]
        rows.append((f"`{code}`", words[PLACE[tongue]], ", ".join(said), ", ".join(held)))
    return table(head, rows)


def _question_table(tongue: Tongue) -> str:
    head = {
        "en": ("code", "question", "can forbid or demand", "also decides"),
        "ja": ("コード", "質問", "とめる、または必ず言わせるもの", "ほかに決めるもの"),
    }[tongue]
    return table(head, [_question_row(item, tongue) for item in questionnaires()["veto"].item])


def _question_row(item: Item, tongue: Tongue) -> tuple[str, ...]:
    answers = {name for name, spec in VOCABULARY.items() if spec.question == item.code}
    vetoes = [case for rule in load_catalogue() if isinstance(rule, VetoRule) for case in rule.case]
    codes = _codes(case for case in vetoes if answers & _behind((*_weighed(case), *case.unasked)))
    kinds = {kind_of(rule) for rule in load_catalogue() if answers & _behind(rule.signals)}
    asked = (item.ja if tongue == "ja" else item.en).replace("\n", " ")
    also = [words[PLACE[tongue]] for kind, words in EFFECTS.items() if kind in kinds]
    return (
        f"`{item.code}`",
        asked,
        ", ".join(f"`{code}`" for code in codes),
        (", " if tongue == "en" else "、").join(also),
    )


def _weighed(case: VetoCase) -> Iterator[str]:
    """What speaks for a veto; a yes under `none` would lift it."""
    return (condition.signal for condition in (*case.all, *case.any, *case.counted))


def _behind(signals: Iterable[str]) -> set[str]:
    """These signals and all that derived ones among them are made of."""
    found, waiting = set[str](), list(signals)
    made = {rule.defines: rule.signals for rule in load_catalogue() if isinstance(rule, ClassRule)}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += made.get(name, ())
    return found


def _setting_table(tongue: Tongue) -> str:
    head = {
        "en": ("setting", "environment", "default", "what it is"),
        "ja": ("設定", "環境変数", "初期値", "意味"),
    }[tongue]
    rows = [
        (f"`{name}`", f"`{variable}`", default, SETTINGS[name][PLACE[tongue]])
        for name, (variable, default) in settings().items()
    ]
    return table(head, rows)


def _exit_table(tongue: Tongue) -> str:
    head = ("code", "meaning") if tongue == "en" else ("コード", "意味")
    words = {code: MEANING[code] if tongue == "en" else EXITS_JA[code] for code in Exit}
    return table(head, [(str(int(code)), said) for code, said in words.items()])


def _topic_table(tongue: Tongue) -> str:
    head = ("topic", "carries") if tongue == "en" else ("トピック", "運ぶもの")
    return table(head, [(f"`{name}`", TOPICS[name][PLACE[tongue]]) for name in topic_names()])


TABLES: Final[dict[str, Callable[[Tongue], str]]] = {
    "commands": _command_table, "devices": _device_table, "rules": _rule_table, "sources": _source_table,
    "vetoes": _veto_table, "questions": _question_table, "settings": _setting_table,
    "exits": _exit_table, "topics": _topic_table, "troubles": _trouble_table, "coverage": _coverage_table,
    "routes": route_table,
}  # fmt: skip


def parts(tongue: Tongue) -> dict[str, str]:
    """Every generated table by the name of its marker."""
    return {name: make(tongue) for name, make in TABLES.items()}
