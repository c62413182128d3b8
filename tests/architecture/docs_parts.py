"""The parts of the two READMEs that are made from the code; a thing without Japanese words is a KeyError here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from engine.rules import load_catalogue
from engine.rules.model import SEVERITIES, Rule
from firmware_profiles.registry import PROFILES
from firmware_profiles.table import device_table, named, needs
from gateway.pairing_reasons import reason_of
from tests.architecture.docs_words import COMMANDS_JA, COVERAGE, EXITS_JA, NEEDS_JA, PROOF_JA, SETTINGS, TOPICS

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
    return "" if value is None or value == "" else f"`{shown}`"


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
        "en": ("rule", "version", "topic", "severity", "quiet for", "source, and how it was checked"),
        "ja": ("ルール", "版", "話題", "重さ", "再び出すまで", "出典(確かめ方は英語のまま)"),
    }[tongue]
    return table(head, [_rule_row(rule, tongue) for rule in load_catalogue()])


def _rule_row(rule: Rule, tongue: Tongue) -> tuple[str, ...]:
    grades = [name for name in SEVERITIES if name in {case.severity for case in rule.case}]
    sources = "<br>".join(f"{s.title}({s.edition}) {s.section} — *{s.checked}*" for s in rule.source)
    days = f"{rule.cooldown_days} days" if tongue == "en" else f"{rule.cooldown_days}日"
    return f"`{rule.id}`", str(rule.version), rule.topic, ", ".join(grades), days, sources


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
    "commands": _command_table, "devices": _device_table, "rules": _rule_table, "settings": _setting_table,
    "exits": _exit_table, "topics": _topic_table, "troubles": _trouble_table, "coverage": _coverage_table,
    "routes": route_table,
}  # fmt: skip


def parts(tongue: Tongue) -> dict[str, str]:
    """Every generated table by the name of its marker."""
    return {name: make(tongue) for name, make in TABLES.items()}
