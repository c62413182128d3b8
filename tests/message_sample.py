"""What typical residents would be told, whole, for reading: tests/golden/messages/residents.toml as a page."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engine.advice import Assessment, Draft, assess
from engine.casework import FASTING
from engine.locale import Language
from engine.questionnaires import Item, questionnaires
from engine.rules import load_catalogue
from engine.signals import Signal, Signals, bmi
from engine.vocabulary import ANSWERS, DERIVED, VOCABULARY
from tests.conftest import GOLDEN
from tests.messages import WHO

TITLES = {
    "ja": ("住民に届く文(見本)", "急ぎ方", "質問", "言わないこと", "必ず言うこと", "見合わせ", "なし"),
    "en": ("What residents would read (a sample)", "urgency", "questions", "not said", "always said", "held back", "-"),
}

# Questions about the way of living; without their answers nothing is forbidden.
HABITS = frozenset({"exercise-habit", "meal-habit", "alcohol", "sleep"})


def sample(language: Language) -> str:
    """Every resident of the file with drafts, questions, what is not said and what is held back, in `language`."""
    title, *_ = TITLES[language]
    file = tomllib.loads((GOLDEN / "messages" / "residents.toml").read_text(encoding="utf-8"))
    pages = [line for one in file["resident"] for line in _page(language, one)]
    return "\n".join([f"# {title}", *pages, ""])


def picture_of(told: dict[str, Any]) -> Signals:
    """The signals of one resident of the file."""
    as_of = datetime(2026, told["month"], 20, 3, tzinfo=UTC)
    said = {name: Decimal(value) for name, value in told["signals"].items()}
    assert said.keys() <= VOCABULARY.keys() - DERIVED
    if told.get("asked"):
        # Who was asked what forbids an advice was not yet asked how they live.
        answered = {name: VOCABULARY[name].question for name in sorted(ANSWERS)}
        said = {name: Decimal(0) for name, question in answered.items() if question not in HABITS} | said
    filled = {"age.fiscal_year": said["age"], "env.snow": Decimal(0), "lab.hours-since-meal": FASTING}
    filled["bmi"] = bmi(said["weight.level"], said["height"])
    values: dict[str, Decimal | None] = dict.fromkeys(VOCABULARY.keys() - DERIVED)
    values |= filled | said
    for item in questionnaires()["veto"].item:
        if (item.sex == "female" and said["sex.male"] == 1) or not _of_age(item, said["age"]):
            values |= {code: said.get(code, Decimal(0)) for code in item.settles}
    return Signals(as_of, {name: _signal(name, value) for name, value in values.items()})


def _of_age(item: Item, age: Decimal) -> bool:
    return item.ages is None or item.ages[0] <= age <= item.ages[1]


def _signal(name: str, value: Decimal | None) -> Signal:
    return Signal(value=value, unit=VOCABULARY[name].unit, count=int(value is not None))


def _page(language: Language, told: dict[str, Any]) -> Iterator[str]:
    picture = picture_of(told)
    found = assess(WHO, picture, load_catalogue(), picture.as_of)
    _, urgency, questions, not_said, said, held, nothing = TITLES[language]
    yield f"\n## {told['ja'] if language == 'ja' else told['who']}\n"
    yield ", ".join(f"{name} {value}" for name, value in told["signals"].items())
    yield f"\n{urgency}: {found.judgement.urgency or nothing}"
    for draft in found.drafts:
        yield from _draft(language, draft)
    yield f"\n{questions}:\n" if found.judgement.ask else f"\n{questions}: {nothing}"
    yield from (f"- {_question(language, code)}" for code in found.judgement.ask[:3])
    if len(found.judgement.ask) > 3:
        yield f"- (+{len(found.judgement.ask) - 3})"
    yield f"\n{not_said}: {', '.join(sorted(found.judgement.must_not)) or nothing}"
    yield f"\n{said}: {', '.join(sorted(found.judgement.must)) or nothing}"
    yield f"\n{held}: {', '.join(_held(found)) or nothing}"


def _draft(language: Language, draft: Draft) -> Iterator[str]:
    yield f"\n### {draft.topic} ({draft.severity}) {draft.rule_id} v{draft.rule_version}\n"
    yield from (f"> {line}  " for line in (draft.text_ja if language == "ja" else draft.text_en).split("\n"))
    yield f"\n{'; '.join(dict.fromkeys(source['title'] for source in draft.evidence['sources']))}"
    yield f"\n{draft.evidence['note'][language]}"


def _question(language: Language, code: str) -> str:
    item = questionnaires()["veto"].find(code)
    assert item is not None, code
    return " ".join((item.ja if language == "ja" else item.en).split("\n"))


def _held(found: Assessment) -> list[str]:
    return [f"{rule}: {why}" for rule, why in sorted(found.withdrawn.items()) if why != "no-longer-applies"]
