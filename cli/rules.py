"""`phr rules`: the rules that ship, their laws and cases, why one spoke or stayed silent, and what became of it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import resident_of, transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.proving import Proof
    from engine.rules import Rule
    from engine.signals import Signals

app = typer.Typer(help="The rules: what they say, why, and what became of it.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Folder = Annotated[Path | None, typer.Option(help="A folder of rules instead of those that ship.")]
_SHOWN = 3
_KINDS = ("class", "flag", "veto", "advice")


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help="Only class, flag, veto or advice.")] = None,
    json: Json = False,
) -> None:
    """List the rules: kind, topic or what is derived, version, since when, how many cases."""
    from cli.rules_words import row, row_json

    if kind is not None and kind not in _KINDS:
        fail(Exit.USAGE, "bad-kind", f"--kind is one of {', '.join(_KINDS)}")
    found = [rule for rule in shipped() if kind in {None, rule.__struct_config__.tag}]
    if json:
        emit({"rules": [row_json(rule) for rule in found]})
        return
    for rule in found:
        result(row(rule))
    say(f"{len(found)} rules, {sum(len(rule.cases) for rule in found)} cases")


@app.command()
def show(rule: Annotated[str, typer.Argument(help="Rule id.")], json: Json = False) -> None:
    """Show one rule: every case with its thresholds and on which side they fall, its sources, its texts."""
    from cli.rules_words import rule_json, tell_rule

    found = _named(rule, shipped())
    if json:
        emit(rule_json(found))
    else:
        tell_rule(found)


@app.command()
def check(folder: Folder = None, json: Json = False) -> None:
    """Check the laws every rule must keep; exit code 11 when one is broken."""
    from engine.rules import check_catalogue

    texts = _texts(folder)
    faults = check_catalogue(texts)
    if json:
        emit({"rules": len(texts), "faults": faults})
    for fault in () if json else faults:
        result(fault)
    if faults:
        say(f"{len(faults)} faults in {len(texts)} rules")
        raise typer.Exit(int(Exit.DAMAGED))
    say(f"{len(texts)} rules keep their laws")


@app.command("test")
def hold(
    path: Annotated[Path, typer.Argument(help="A file of cases called after its rule, or a folder of such files.")],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Hold rules against hand-written cases; exit code 5 when they disagree."""
    proofs = _proofs(path, _checked(folder))
    bad = [proof for proof in proofs if proof.disagreements]
    if json:
        from msgspec import to_builtins

        emit({"proofs": to_builtins(proofs), "agree": not bad})
    else:
        for proof in proofs:
            result(f"{'✘' if proof.disagreements else '✔'} {proof.rule}: {proof.cases} cases")
            for one in proof.disagreements:
                result(f"    {one.case}")
                for difference in one.differences:
                    result(f"      {difference}")
    if bad:
        say(f"{len(bad)} of {len(proofs)} rules disagree with their cases")
        raise typer.Exit(int(Exit.REFUSED))


@app.command()
def explain(
    rule: Annotated[str | None, typer.Argument(help="Rule id; without one, every rule in a line.")] = None,
    case: Annotated[
        Path | None, typer.Option(help="A case as `phr assess` reads it, one JSON object; - for stdin.")
    ] = None,
    resident: Annotated[str | None, typer.Option("--resident", help="A stored resident, r-…")] = None,
    json: Json = False,
) -> None:
    """Tell why a rule spoke, stayed silent or is open for one person: each comparison with its value."""
    from msgspec import to_builtins

    from cli.rules_words import tell_story, tell_story_line
    from engine.explaining import explain as explain_rules
    from engine.judge import judge

    if (case is None) == (resident is None):
        fail(Exit.USAGE, "which-person", "say --case FILE or --resident r-…, one of the two")
    rules = shipped()
    chosen = rules if rule is None else [_named(rule, rules)]
    picture = _of_case(case) if case is not None else _of_resident(str(resident))
    found = judge(picture, rules)
    stories = list(explain_rules(chosen, found))
    if json:
        emit(
            {"stories": to_builtins(stories, enc_hook=str), "ask": list(found.ask), "urgency": found.urgency or "none"}
        )
        return
    for story in stories:
        if rule is None:
            tell_story_line(story)
        else:
            tell_story(story)


@app.command()
def stats(json: Json = False) -> None:
    """Count per rule what was drafted, signed, reworded, turned down, replaced and delivered."""
    from msgspec import structs

    from cli.rules_words import tell_fates
    from engine.rules.model import AdviceRule, FlagRule
    from engine.store.repo_rule_stats import Fate, fates

    with transaction() as connection:
        stored = fates(connection)
    spoken = {rule.id: Fate() for rule in shipped() if isinstance(rule, FlagRule | AdviceRule)}
    everything = dict(sorted((spoken | stored).items()))
    if json:
        emit({"rules": {name: structs.asdict(fate) for name, fate in everything.items()}})
        return
    tell_fates({name: fate for name, fate in everything.items() if fate.drafted})
    silent = sum(1 for fate in everything.values() if not fate.drafted)
    if silent:
        say(f"{silent} rules have drafted nothing yet")


def shipped() -> tuple[Rule, ...]:
    """The rules that ship; exit code 11 when they break their laws."""
    from engine.rules import load_catalogue
    from engine.rules.catalogue_files import CatalogueError

    try:
        return load_catalogue()
    except CatalogueError as error:
        _damaged(str(error).splitlines())


def _damaged(faults: Sequence[str]) -> NoReturn:
    shown = "; ".join(faults[:_SHOWN]) + (f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else "")
    fail(Exit.DAMAGED, "bad-catalogue", f"the rules break their laws (`phr rules check` tells all): {shown}")


def _named(name: str, rules: Sequence[Rule]) -> Rule:
    """The rule of that id; exit code 3 with the nearest names when there is none."""
    from difflib import get_close_matches

    found = next((rule for rule in rules if rule.id == name), None)
    if found is None:
        near = get_close_matches(name, [rule.id for rule in rules], n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else "`phr rules list` shows them"
        fail(Exit.NOT_FOUND, "unknown-rule", f"there is no rule {name[:80]!r}; {hint}")
    return found


def _texts(folder: Path | None) -> dict[str, str]:
    """The TOML texts of a folder of rules by name, or those that ship; exit code 3 when there are none."""
    if folder is None:
        from engine.rules.catalogue_files import catalogue_texts

        return dict(catalogue_texts())
    return {path.stem: _read(path) for path in _toml_files(folder)}


def _toml_files(place: Path) -> list[Path]:
    found = sorted(place.glob("*.toml")) if place.is_dir() else []
    if not found:
        fail(Exit.NOT_FOUND, "no-files", f"{place} is no folder with .toml files")
    return found


def _read(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        fail(Exit.NOT_FOUND, "unreadable", f"cannot read {path}: {reason}")


def _checked(folder: Path | None) -> tuple[Rule, ...]:
    """The rules of a folder, or those that ship, all of them lawful; exit code 11 otherwise."""
    if folder is None:
        return shipped()
    from engine.rules import check_catalogue
    from engine.rules.model import parse

    texts = _texts(folder)
    faults = check_catalogue(texts)
    if faults:
        _damaged(faults)
    return tuple(parse(text) for text in texts.values())


def _proofs(path: Path, rules: Sequence[Rule]) -> list[Proof]:
    from engine.proving import prove, read_cases
    from engine.refusal import Refusal

    found: list[Proof] = []
    for file in _toml_files(path) if path.is_dir() else [path]:
        text, rule = _read(file), _named(file.stem, rules)
        cases = read_cases(text, rule)
        if isinstance(cases, Refusal):
            fail(Exit.USAGE, cases.code, f"{file.name}: {cases.message}")
        found.append(prove(rule, cases, (*rules, *_shipped_classes(rules))))
    return found


def _shipped_classes(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The classes that ship and `rules` do not define themselves: a folder may hold one rule alone."""
    from engine.rules import ClassRule

    defined = {rule.defines for rule in rules if isinstance(rule, ClassRule)}
    return tuple(rule for rule in shipped() if isinstance(rule, ClassRule) and rule.defines not in defined)


def _of_case(path: Path) -> Signals:
    from engine.casework import picture_of_case, read_case
    from engine.casework_answers import decode_case
    from engine.refusal import Refusal

    raw: Any = decode_case(_read(path))
    found = raw if isinstance(raw, Refusal) else read_case(raw)
    if isinstance(found, Refusal):
        fail(Exit.USAGE, found.code, found.message)
    return picture_of_case(found)


def _of_resident(name: str) -> Signals:
    from engine.picture import signals_of

    with transaction() as connection:
        return signals_of(connection, resident_of(connection, name), datetime.now(UTC))
