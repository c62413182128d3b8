"""`phr ask`: the questions before any advice, at most three at a time, by keyboard, on the telephone or from paper."""

from __future__ import annotations

import sys
import unicodedata
from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cli.clinical import refuse
from cli.clinical_show import ZONE, fact_json
from cli.clinical_words import word
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, judge, os_user, plain, resident_of, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.asking import Question
    from engine.clinical import Fact
    from engine.questionnaires import Item
    from engine.store.repo_facts import Added

_ALL = 99
_SKIP = {"s", "skip", "とばす"}
_EXPLAIN = {"?", "説明"}
_UNKNOWN = {"0", "unknown", "わからない", "分からない", "不明"}
_YES = {
    "yes": "yes", "y": "yes", "はい": "yes",
    "no": "no", "n": "no", "none": "no", "いいえ": "no", "ない": "no", "なし": "no", "特になし": "no",
}  # fmt: skip


class Sitting(msgspec.Struct, frozen=True, kw_only=True):
    """One round of asking: whom, what from, who writes it down and how it is said."""

    person: str
    questionnaire: str
    by: str
    channel: str
    lang: str


def ask(
    resident: Annotated[str, typer.Option(help="Who is asked, r-…")],
    questionnaire: Annotated[str, typer.Option(help="veto, standard22 or older75.")] = "veto",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="question=answer, several times: pregnancy=no has.ckd=yes")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who writes it down; default: the user of this computer.")] = None,
    channel: Annotated[str, typer.Option(help="How it was said: nurse-phone, paper, page or cli.")] = "cli",
    lang: Annotated[str | None, typer.Option(help="ja or en.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Ask what could forbid an advice, three questions at a time; what is not answered counts as not asked."""
    from engine.questionnaires import NAMES

    if questionnaire not in NAMES:
        fail(Exit.USAGE, "unknown-questionnaire", f"questionnaires are {', '.join(NAMES)}")
    if lang not in {None, "ja", "en"}:
        fail(Exit.USAGE, "unknown-language", "languages are ja and en")
    sitting = Sitting(
        person=resident, questionnaire=questionnaire, by=actor(by), channel=plain(channel, "--channel"),
        lang=lang or language(settings()),
    )  # fmt: skip
    _check(resident)
    if set_:
        _set(sitting, set_, json=json)
    elif json:
        emit(_open_json(sitting))
    elif not _at_terminal():
        fail(Exit.USAGE, "no-terminal", word(sitting.lang, "no-terminal"))
    else:
        _talk(sitting)


def _check(resident: str) -> None:
    """Consent is asked for before the first question."""
    from engine.clinical_taking import may_take

    with transaction() as connection:
        refusal = may_take(connection, resident_of(connection, resident), datetime.now(UTC))
    if refusal is not None:
        refuse(refusal)


def _open(sitting: Sitting, answered: set[str], most: int) -> tuple[Question, ...]:
    """The next open questions of the sitting."""
    from engine import asking
    from engine.clinical import picture_of
    from engine.store import repo_facts

    now = datetime.now(UTC)
    with transaction() as connection:
        person = resident_of(connection, sitting.person)
        facts = repo_facts.of_one(connection, person.id)
    if sitting.questionnaire != "veto":
        return asking.next_items(sitting.questionnaire, facts, now, answered=answered, most=most)
    picture = picture_of(facts, person, now)
    return asking.next_questions(picture, answered=answered, facts=facts, as_of=now, most=most)


def _open_json(sitting: Sitting) -> dict[str, Any]:
    from engine.asking import MOST

    found = _open(sitting, set(), _ALL)
    return {"resident": sitting.person, "questionnaire": sitting.questionnaire, "open": len(found),
            "questions": [_question_json(question, sitting.lang) for question in found[:MOST]]}  # fmt: skip


def _question_json(question: Question, lang: str) -> dict[str, Any]:
    item = question.item
    choices = [{"code": choice.code, "text": getattr(choice, lang)} for choice in item.choices]
    return {"code": item.code, "number": item.number, "why": question.why, "text": getattr(item, lang),
            "explanation": getattr(item, f"why_{lang}"), "several": item.multi, "open": list(question.open),
            "choices": choices, "before": msgspec.to_builtins(question.before)}  # fmt: skip


def _set(sitting: Sitting, words: list[str], *, json: bool) -> None:
    """Answers given on the command line: all of them are right or none is recorded."""
    facts: list[Fact] = []
    for text in words:
        code, mark, value = text.partition("=")
        if not mark or not value.strip():
            fail(Exit.USAGE, "missing-value", f"--set {text}: write question=answer, for example pregnancy=no")
        facts.extend(_told(sitting, code.strip(), value.strip()))
    added = _store(sitting, facts)
    urgent = _urgent(sitting.lang, facts)
    if json:
        now = datetime.now(UTC)
        stored = [fact_json(fact, now) for fact in added.stored]
        emit({"stored": stored, "emergency": urgent, **_open_json(sitting)})
        return
    for line in urgent:
        say(line)
    result(word(sitting.lang, "thanks", count=len(added.stored)))
    left = len(_open(sitting, set(), _ALL))
    say(word(sitting.lang, "left", count=left) if left else word(sitting.lang, "all-done"))


def _told(sitting: Sitting, code: str, value: str) -> tuple[Fact, ...]:
    """The facts of one answer, to a question or to a single code such as has.ckd."""
    from engine import asking
    from engine.clinical import Fact, record
    from engine.refusal import Refusal
    from engine.vocabulary import ANSWERS

    now = datetime.now(UTC)
    if code in ANSWERS:
        draft = Fact(resident=sitting.person, code=code, value="", at=now, actor=sitting.by,
                     channel=sitting.channel, recorded_at=now)  # fmt: skip
        fact = record(draft, value)
        if isinstance(fact, Refusal):
            refuse(fact)
        return (fact,)
    item = asking.find(sitting.questionnaire, code)
    if item is None:
        fail(Exit.USAGE, "unknown-question", f"{code} is no question of {sitting.questionnaire}")
    chosen = understood(item, value)
    return _answered(sitting, item, (value,) if chosen is None else chosen)


def _answered(sitting: Sitting, item: Item, choices: tuple[str, ...]) -> tuple[Fact, ...]:
    from engine import asking
    from engine.refusal import Refusal

    facts = asking.answer(
        item, choices, datetime.now(UTC), resident=sitting.person, actor=sitting.by, channel=sitting.channel
    )  # fmt: skip
    if isinstance(facts, Refusal):
        refuse(facts)
    return facts


def understood(item: Item, typed: str) -> tuple[str, ...] | None:
    """The choices a person typed by number, code or words (several with commas); None when it is none of them."""
    whole = _folded(typed)
    if whole in _UNKNOWN:
        return ("unknown",)
    names: dict[str, str] = {}
    for number, choice in enumerate(item.choices, 1):
        names |= dict.fromkeys((str(number), choice.code, _folded(choice.ja), _folded(choice.en)), choice.code)
    # Japanese is typed without the blanks that make it easy to read.
    names |= {name.replace(" ", ""): code for name, code in names.items() if not name.isascii()}
    if whole in names:
        return (names[whole],)
    codes = {choice.code for choice in item.choices}
    said = _YES.get(whole)
    if said == "no" and "none" in codes:
        return ("none",)
    if said in codes:
        return (said,)
    parts = [part for part in whole.replace("、", ",").replace(" ", ",").split(",") if part]
    found = tuple(names[part] for part in parts if part in names)
    whole_known = bool(found) and len(found) == len(parts)
    return found if whole_known and (item.multi or len(found) == 1) else None


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def _talk(sitting: Sitting) -> None:
    """Question by question on a terminal; each three are recorded before the next come."""
    answered: set[str] = set()
    count = 0
    while questions := _open(sitting, answered, 3):
        if answered and not _goes_on(sitting.lang):
            break
        say(word(sitting.lang, "how"))
        facts: list[Fact] = []
        for question in questions:
            answered.add(question.code)
            chosen = _put(question, sitting.lang)
            facts.extend(_answered(sitting, question.item, chosen) if chosen else ())
            if urgent := _urgent(sitting.lang, facts):
                break
        count += len(_store(sitting, facts).stored)
        if urgent:
            for line in urgent:
                say(line)
            break
    if not answered:
        say(word(sitting.lang, "all-done"))
        raise typer.Exit(int(Exit.NOT_FOUND))
    result(word(sitting.lang, "thanks", count=count))


def _urgent(lang: str, facts: list[Fact]) -> list[str]:
    """What to do at once, line by line, when somebody tells of chest pain or palsy; nothing is asked any more then."""
    from engine.locale import text

    if not any(fact.code == "symptom.red-flag" and fact.value == "1" for fact in facts):
        return []
    return text("ja" if lang == "ja" else "en", "resident", "symptom-emergency.emergency").split("\n")


def _goes_on(lang: str) -> bool:
    typed = _line(word(lang, "more"))
    return typed is not None and _YES.get(_folded(typed), "yes") == "yes"


def _put(question: Question, lang: str) -> tuple[str, ...]:
    """The choices a person made; () when the question is skipped, which leaves it not asked."""
    _show(question, lang)
    while (typed := _line(">")) is not None:
        plain_ = _folded(typed)
        if plain_ in _SKIP:
            return ()
        if plain_ in _EXPLAIN:
            say(getattr(question.item, f"why_{lang}"))
            continue
        before = question.before
        chosen = (before.choices if before else None) if not plain_ else understood(question.item, typed)
        if chosen and not _contradicts(chosen):
            return chosen
        say(word(lang, "not-understood"))
    return ()


def _contradicts(chosen: tuple[str, ...]) -> bool:
    return len(chosen) > 1 and "none" in chosen


def _show(question: Question, lang: str) -> None:
    item = question.item
    say()
    say(f"{item.number}. {getattr(item, lang)}")
    for number, choice in enumerate(item.choices, 1):
        say(f"   {number} {getattr(choice, lang)}")
    if item.multi:
        say(f"   {word(lang, 'several')}")
    before = question.before
    if before is not None:
        texts = [getattr(choice, lang) for choice in item.choices if choice.code in before.choices]
        source = word(lang, f"from-{before.source}")
        what = ", ".join(texts)
        say(f"   {word(lang, 'before', source=source, day=f'{before.at.astimezone(ZONE):%Y-%m-%d}', what=what)}")


def _store(sitting: Sitting, facts: list[Fact]) -> Added:
    from engine import clinical_taking
    from engine.refusal import Refusal
    from engine.store.repo_facts import By

    how = clinical_taking.Taking(
        by=By(sitting.by, os_user()), channel=sitting.channel, now=datetime.now(UTC), rng=SystemRandom()
    )  # fmt: skip
    with transaction(writes=True) as connection:
        added = clinical_taking.add(connection, resident_of(connection, sitting.person), facts, how)
        if isinstance(added, Refusal):
            refuse(added)
        judge(connection, sitting.person)
        return added


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _line(question: str) -> str | None:
    """What the person types, None at the end of the input."""
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    typed = sys.stdin.readline()
    return typed.strip() if typed else None
