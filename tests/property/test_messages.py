"""Every sentence a resident may read comes from a text, a rule, a version and a source: thousands of drafts of a seed.

The whole run is `python -m tests.messages --count 100000`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec
import pytest

from engine.advice import Draft
from engine.locale import LANGUAGES, Language, catalogue, fields_of
from engine.plans.tables import sources
from engine.questionnaires import questionnaires
from engine.wording import wording_faults
from tests.message_sample import sample
from tests.message_tracing import Met, faults_of
from tests.messages import meet, tally
from tests.unit.engine.test_wording import OF_THE_RECORD

MESSAGES = 4_000


def test_every_sentence_of_thousands_of_messages_is_traced_and_plain() -> None:
    found = tally(MESSAGES, seed=20261122)
    assert found.rules.total() >= MESSAGES
    assert dict(found.faults) == {}
    # Otherwise the people met would be too much alike to prove anything.
    assert len(found.rules) >= 45
    assert len(found.texts) >= 120


def drafts(wanted: Callable[[Draft], bool]) -> tuple[Met, Draft]:
    return next((met, draft) for met in islice(meet(7), 400) for draft in met.found.drafts if wanted(draft))


def walks(draft: Draft) -> bool:
    return draft.rule_id == "steps-below-target" and not draft.ask


def refers(draft: Draft) -> bool:
    return draft.rule_id == "glucose-high" and draft.evidence["plan"]["value"] != "-"


def without(draft: Draft, **changes: Any) -> Draft:
    return msgspec.structs.replace(draft, evidence=draft.evidence | changes)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda one: msgspec.structs.replace(one, text_ja=one.text_ja.replace("歩を", "歩は")), "untraced ja"),
        (lambda one: msgspec.structs.replace(one, text_ja=one.text_ja + "\nよく 歩きましょう。"), "untraced ja"),
        (lambda one: msgspec.structs.replace(one, text_en=one.text_en.split("\n")[0]), "untraced en"),
        (lambda one: msgspec.structs.replace(one, text_ja=_other_number(one.text_ja)), "invented ja"),
        (lambda one: msgspec.structs.replace(one, text_ja=_other_number(one.text_ja)), "numbers"),
        (lambda one: msgspec.structs.replace(one, rule_id="nobody"), "no-rule"),
        (lambda one: without(one, sources=[]), "sources"),
        (lambda one: without(one, sources=one.evidence["sources"][:1]), "goal-sources"),
        (lambda one: without(one, signals={}), "signals"),
        (lambda one: without(one, rule=one.evidence["rule"] | {"version": 99}), "evidence"),
        (lambda one: without(one, rule=one.evidence["rule"] | {"text_version": 99}), "evidence"),
        (lambda one: without(one, texts=["salt.salty", *one.evidence["texts"][1:]]), "key"),
    ],
)  # fmt: skip
def test_a_message_that_was_tampered_with_is_noticed(spoil: Callable[[Draft], Draft], code: str) -> None:
    met, draft = drafts(walks)
    assert faults_of(met, draft) == ()
    assert code in {fault.split(":")[0] for fault in faults_of(met, spoil(draft))}


def test_a_value_that_was_not_measured_is_noticed() -> None:
    met, draft = drafts(refers)
    value = draft.evidence["plan"]["value"]
    said = {name: text.replace(value, "777") for name, text in (("ja", draft.text_ja), ("en", draft.text_en))}
    spoilt = msgspec.structs.replace(
        without(draft, plan=draft.evidence["plan"] | {"value": "777"}), text_ja=said["ja"], text_en=said["en"]
    )
    assert {fault.split(":")[0] for fault in faults_of(met, spoilt)} == {"unmeasured ja", "unmeasured en"}


def _other_number(text: str) -> str:
    return text.replace("1日 ", "1日 9")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fixed_line_a_resident_reads_is_plain(language: Language) -> None:
    texts = [
        words for (context, key), words in catalogue(language).items()
        if context == "resident" and key not in OF_THE_RECORD
    ]  # fmt: skip
    lines = [line for words in texts for line in words.split("\n") if not fields_of(line)]
    assert len(lines) > 200
    assert [fault for line in lines for fault in wording_faults(language, line)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_is_short_and_one_sentence_a_line(language: Language) -> None:
    asked = [
        word for table in questionnaires().values() for item in table.item
        for word in ((item.ja, item.why_ja) if language == "ja" else (item.en, item.why_en))
    ]  # fmt: skip
    # A question must name the illness or the medicine it asks for.
    faults = [fault for words in asked for line in words.split("\n") for fault in wording_faults(language, line)]
    assert [fault for fault in faults if not fault.startswith(("disease", "drug"))] == []


def test_every_table_of_the_plans_names_its_sources_in_full() -> None:
    for name, source in sources().items():
        assert all((source.title, source.edition, source.section, source.checked)), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_typical_residents_would_read_is_as_reviewed(language: Language, golden: Callable[..., None]) -> None:
    golden(f"messages/sample.{language}.md", sample(language))
