"""`phr learn`: what the learner would choose, what it believes, and what the log says of other policies."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Exit
from cli.output import emit, fail, result
from cli.store import actor, os_user, transaction
from cli.wiring import open_store, settings

if TYPE_CHECKING:
    from engine.learning_days import Choice
    from engine.learning_evaluation import Estimate, Logged

app = typer.Typer(help="The learner: off, in shadow, or on (engine.learning).", no_args_is_help=True)
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def status(json: _Json = False) -> None:
    """Say whether the learner is off, in shadow or on, and what it chose until now."""
    from engine.store import repo_learning

    with transaction(writes=False) as connection:
        choices, model = list(repo_learning.every(connection)), repo_learning.believed(connection)
    chosen = Counter(one.proposal.chosen for one in choices)
    told: dict[str, Any] = {
        "mode": settings().engine.learning, "choices": len(choices), "shadow": sum(one.shadow for one in choices),
        "looked_at": sum(one.rewarded_at is not None for one in choices),
        "rewarded": sum(one.reward is not None for one in choices),
        "delivered": sum(one.advice is not None for one in choices), "chosen": dict(sorted(chosen.items())),
        "model": {"at": model.at.isoformat(), "people": model.people, "choices": model.choices} if model else None,
    }  # fmt: skip
    if json:
        emit(told)
        return
    result(f"the learner is {told['mode']}: {told['choices']} choices, {told['shadow']} of them in shadow")
    result(f"rewards known of {told['rewarded']}; something was delivered in the week of {told['delivered']}")
    for name, count in told["chosen"].items():
        result(f"  {name}: {count}")
    if model is not None:
        result(f"believes since {model.at.date()} by {model.choices} choices about {model.people} residents")


@app.command()
def train(json: _Json = False) -> None:
    """Look for what came of choices a week old, and learn from those that were left to chance; nightly by itself."""
    from engine import trying

    store, now = open_store(settings()), datetime.now(UTC)
    try:
        looked, found = trying.settle(store, now), trying.train(store, now)
    finally:
        store.dispose()
    if json:
        emit(
            {"looked_at": looked, "learned_from": found.choices if found else 0, "people": found.people if found else 0}
        )
        return
    learned = f"learned from {found.choices}" if found else "nothing was left to chance yet: nothing is learned"
    result(f"{looked} choices looked at; {learned}")


@app.command()
def evaluate(json: _Json = False) -> None:
    """Estimate from the log what silence and each action bring, with 95 % intervals; too little data is exit code 5.

    Choices made in shadow changed nothing, so they say nothing of effects and are left out.
    """
    from engine import trying
    from engine.learning_days import logged

    with transaction(writes=False) as connection:
        choices = trying.lessons(connection, datetime.now(UTC))
    known = [told for one in choices if (told := logged(one)) is not None]
    if len({one.person for one in known}) < 3:  # noqa: PLR2004 - as engine.learning_evaluation asks
        fail(Exit.REFUSED, "too-few", "at least three residents whose choices were left to chance are needed")
    found = _estimates(known)
    if json:
        import msgspec

        emit({name: msgspec.to_builtins(one) | {"clear": one.is_clear} for name, one in found.items()})
        return
    for name, one in found.items():
        said = "clear" if one.is_clear else "not clear"
        result(f"{name}: {one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f}), {one.people} residents, {said}")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="The file to write: one choice a line (JSON).")],
    by: Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")] = None,
) -> None:
    """Write every choice about residents who agreed, without ids or dates of birth: for a look by somebody else."""
    import msgspec

    from engine import trying
    from engine.store import audit, repo_learning
    from engine.store.instants import to_micros

    now, who = datetime.now(UTC), actor(by)
    if out.exists():
        fail(Exit.USAGE, "exists", f"{out} is there already")
    with transaction(writes=True) as connection:
        choices = list(repo_learning.every(connection))
        willing = trying.agreed(connection, sorted({one.proposal.resident for one in choices}), now)
        numbers = {name: number for number, name in enumerate(sorted(willing), 1)}
        lines = [_line(one, numbers[one.proposal.resident]) for one in choices if one.proposal.resident in numbers]
        text = "".join(f"{msgspec.json.encode(line).decode()}\n" for line in lines)
        audit.append(connection, audit.Entry(
            at=to_micros(now), actor=who, os_user=os_user(), action="learning-export", subject="learning-choices",
            detail_hash=audit.detail_hash(text),
        ))  # fmt: skip
        try:
            out.touch(mode=0o600, exist_ok=False)
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            fail(Exit.USAGE, "cannot-write", f"cannot write {out}: {error.strerror}")
    result(f"{len(lines)} choices about {len(numbers)} residents: {out}")


def _line(one: Choice, number: int) -> dict[str, Any]:
    said = one.proposal
    return {
        "resident": number, "week": said.at.strftime("%G-W%V"), "actions": said.actions,
        "probabilities": said.probabilities, "chosen": said.chosen, "features": said.features, "shadow": one.shadow,
        "delivered": one.advice is not None, "reward": one.reward,
    }  # fmt: skip


def _estimates(known: list[Logged]) -> dict[str, Estimate]:
    """Silence, the log itself, and everything that was tried against silence."""
    from engine.learning import SILENT
    from engine.learning_evaluation import doubly_robust, intent_to_treat, weighted

    silent = [{SILENT: 1.0}] * len(known)
    as_logged = [one.probabilities for one in known]
    tried = sorted({one.chosen for one in known} - {SILENT})
    found = {
        "silence, by weights": weighted(known, silent), "silence, doubly robust": doubly_robust(known, silent),
        "as it was, doubly robust": doubly_robust(known, as_logged),
    }  # fmt: skip
    if tried and any(one.chosen == SILENT for one in known):
        found["anything against silence"] = intent_to_treat(known, tried, (SILENT,))
    return found
