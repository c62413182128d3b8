"""`phr ask`: three questions at a time, by keyboard or by options; what is not answered counts as not asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from random import Random
from typing import Any

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli import ask as module
from cli.ask import ask, understood
from cli.exits import Exit
from cli.output import Fail
from engine import asking
from engine.clinical import Fact
from engine.questionnaires import questionnaires
from engine.refusal import Refusal
from engine.store import repo_consents, repo_facts, repo_outbox
from engine.store.database import read, write
from tests.flow.commands import refused, told
from tests.flow.furnished import engine
from tests.flow.test_import_terminal import in_terminal
from tests.homes import HANAKO, consent

__all__ = ["engine"]
pytestmark = pytest.mark.flow
ASK = "import typer; from cli.ask import ask; app = typer.Typer(); app.command()(ask); app()"


def run(*words: str, person: str = HANAKO) -> Result:
    app = typer.Typer()
    app.command()(ask)
    return CliRunner().invoke(app, [*words, "--resident", person])


def shown(*words: str, person: str = HANAKO) -> Any:
    return told(run(*words, "--json", person=person))


def refusal(*words: str) -> tuple[int, str]:
    return refused(run(*words))


def said(engine: Engine, person: str = HANAKO) -> dict[str, str]:
    with read(engine) as connection:
        return {fact.code: fact.value for fact in repo_facts.of_one(connection, person)}


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """A person at a keyboard, who types these lines and then goes away."""
    monkeypatch.setattr(module, "_at_terminal", lambda: True)
    keyboard = StringIO("".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(module, "_line", lambda _question: line.strip() if (line := keyboard.readline()) else None)


def test_the_open_questions_are_listed_for_machines_three_at_a_time(engine: Engine) -> None:
    first = shown()
    assert [question["code"] for question in first["questions"]] == ["symptoms", "glucose-medicine", "heart-disease"]
    assert first["open"] == 20, "at 75 nobody asks about pregnancy and breastfeeding"
    assert first["questions"][0]["choices"][-1] == {"code": "none", "text": "どれも ない"}


def test_answers_by_option_are_recorded_with_who_wrote_them_down(engine: Engine) -> None:
    done = shown(
        "--set", "symptoms=no", "--set", "glucose-medicine=insulin,other", "--set", "has.ckd=yes", "--set", "stroke=unknown",
        "--by", "suzuki", "--channel", "nurse-phone",
    )  # fmt: skip
    assert said(engine) == {
        "symptom.red-flag": "0", "symptom.hypoglycemia": "0", "symptom.irregular-pulse": "0", "med.insulin": "1",
        "med.glucose-lowering": "1", "med.sulfonylurea": "0", "med.glinide": "0", "has.ckd": "1", "has.stroke": "unknown",
    }  # fmt: skip
    assert {(fact["actor"], fact["channel"], fact["source"]) for fact in done["stored"]} == {
        ("suzuki", "nurse-phone", "resident"),
    }  # fmt: skip
    assert [question["code"] for question in done["questions"]] == ["heart-disease", "diabetes", "kidney"]
    assert done["open"] == 18, "dialysis and stroke are still open"
    with write(engine) as connection:
        assert [debt.key for debt in repo_outbox.take(connection, "evaluate", 9)] == [HANAKO]


def test_one_wrong_answer_keeps_all_of_them_out(engine: Engine) -> None:
    assert refusal("--set", "has.ckd=yes", "--set", "pregnancy=perhaps") == (Exit.USAGE, "not-a-choice")
    assert refusal("--set", "has.ckd=maybe") == (Exit.USAGE, "not-a-choice")
    assert refusal("--set", "glucose-medicine=yes") == (Exit.USAGE, "not-a-choice")
    assert refusal("--set", "glucose-medicine=none,insulin") == (Exit.USAGE, "contradiction")
    assert refusal("--set", "mood=good") == (Exit.USAGE, "unknown-question")
    assert refusal("--set", "pregnancy") == (Exit.USAGE, "missing-value")
    assert refusal("--questionnaire", "horoscope") == (Exit.USAGE, "unknown-questionnaire")
    assert refusal("--lang", "fr") == (Exit.USAGE, "unknown-language")
    assert said(engine) == {}


def test_without_a_terminal_the_missing_option_is_named(engine: Engine) -> None:
    done = run("--lang", "en")
    assert isinstance(done.exception, Fail)
    assert (done.exception.exit_code, done.exception.code) == (Exit.USAGE, "no-terminal")
    assert "--set" in done.exception.message


def test_nobody_is_asked_who_has_not_agreed_to_be_recorded(engine: Engine) -> None:
    with write(engine) as connection:
        no = consent(HANAKO, "record", granted=False, at=datetime.now(UTC))
        repo_consents.append(connection, no, os_user="test")
    assert refusal("--json") == (Exit.NO_CONSENT, "no-consent")


def test_a_sitting_takes_numbers_words_and_kana_explains_and_skips(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "?", "どれも ない", "１，５", "s", "n")
    done = run("--by", "suzuki", "--lang", "ja")
    assert (done.exit_code, done.stdout) == (0, "7 つ 記録しました。\n")
    assert "119番" in done.stderr, "the explanation of the first question"
    assert said(engine) == {
        "symptom.red-flag": "0", "symptom.hypoglycemia": "0", "symptom.irregular-pulse": "0", "med.insulin": "1",
        "med.glucose-lowering": "1", "med.sulfonylurea": "unknown", "med.glinide": "unknown",
    }  # fmt: skip
    assert "has.heart-failure" not in said(engine), "skipped stays not asked"


def test_a_chest_pain_ends_the_questions_with_what_to_do_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "1", "6", "4")
    done = run("--lang", "ja")
    assert "いますぐ 119に 電話してください。" in done.stderr
    assert "血糖を" not in done.stderr, "nothing else is asked"
    assert said(engine)["symptom.red-flag"] == "1", "and it is recorded at once"
    assert shown("--lang", "en", "--set", "symptoms=red-flag")["emergency"][0] == "Call 119 now."
    assert shown("--set", "symptoms=none")["emergency"] == []


def test_what_is_not_understood_is_asked_again_and_going_away_loses_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "well", "", "4,1", "4")
    done = run("--lang", "en")
    assert done.exit_code == 0
    assert done.stderr.count("please answer by number or word") == 3
    assert len(said(engine)) == 3


def test_the_sitting_goes_on_in_threes_until_nothing_is_open(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = []
    for code in shown_codes():
        item = asking.find("veto", code)
        assert item is not None
        answers.append("none" if item.choice("none") else item.choices[-1].code)
    typed(monkeypatch, *in_threes(answers))
    assert run().exit_code == 0
    assert shown()["open"] == 0
    typed(monkeypatch)
    nothing = run()
    assert (nothing.exit_code, "いま 聞くことは ありません" in nothing.stderr) == (Exit.NOT_FOUND, True)


def in_threes(answers: list[str]) -> list[str]:
    """What is typed for these answers: a word to go on stands between each three."""
    return [line for n, answer in enumerate(answers) for line in (*(["y"] if n and n % 3 == 0 else []), answer)]


def shown_codes() -> list[str]:
    """Every question that concerns a woman of 75."""
    return [item.code for item in questionnaires()["veto"].item if item.ages is None]


def test_an_old_answer_of_a_check_up_is_shown_and_kept_by_enter(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = datetime.now(UTC) - timedelta(days=200)
    facts: list[Fact] = []
    for number, choice in (("1", "yes"), ("3", "no")):
        item = asking.find("standard22", number)
        assert item is not None
        told = asking.answer(item, [choice], then, resident=HANAKO, actor="i", channel="import", source="checkup")
        assert not isinstance(told, Refusal)
        facts.extend(told)
    with write(engine) as connection:
        repo_facts.append(connection, facts, repo_facts.By("i", "i"), then, Random(1))
    words = ["" if code == "medicine" else "s" for code in shown_codes()]
    typed(monkeypatch, *in_threes(words))
    done = run("--lang", "en")
    assert f"the check-up of {then + timedelta(hours=9):%Y-%m-%d}: medicine to lower blood pressure" in done.stderr
    with read(engine) as connection:
        kept = [fact for fact in repo_facts.of_one(connection, HANAKO) if fact.source == "resident"]
    assert {fact.code: fact.value for fact in kept} == {"med.antihypertensive": "1", "med.lipid-lowering": "0"}


def test_the_official_questionnaires_are_asked_in_their_order_and_keep_their_answers(engine: Engine) -> None:
    assert [question["number"] for question in shown("--questionnaire", "older75")["questions"]] == [1, 2, 3]
    shown("--questionnaire", "older75", "--set", "6=yes", "--set", "older75.12=やめた")
    assert said(engine) == {
        "older75.06": "yes", "frailty.loss-2kg": "1", "older75.12": "quit", "answer.smoker": "0",
    }  # fmt: skip
    left = shown("--questionnaire", "older75")
    assert (left["open"], [question["number"] for question in left["questions"]]) == (13, [1, 2, 3])
    assert shown("--questionnaire", "standard22")["open"] == 22


@pytest.mark.parametrize(
    ("code", "text", "choices"),
    [
        ("pregnancy", "１", ("yes",)), ("pregnancy", "いいえ", ("no",)), ("pregnancy", "Y", ("yes",)),
        ("pregnancy", "わからない", ("unknown",)), ("pregnancy", "1,2", None), ("pregnancy", "3", None),
        ("kidney", "no", ("none",)), ("kidney", "1、2", ("dialysis", "ckd")), ("kidney", "yes", None),
        ("kidney", "chronic kidney disease", ("ckd",)), ("kidney", "", None),
        ("kidney", "なし", ("none",)), ("kidney", "どれもない", ("none",)), ("pregnancy", "ない", ("no",)),
    ],
)  # fmt: skip
def test_an_answer_is_understood_as_it_is_said_or_not_at_all(
    code: str, text: str, choices: tuple[str, ...] | None
) -> None:
    item = asking.find("veto", code)
    assert item is not None
    assert understood(item, text) == choices


def test_questions_are_put_on_a_real_terminal(engine: Engine) -> None:
    out, screen = in_terminal(ASK, "--resident", HANAKO, typed=b"4\n6\ns\nn\n")
    assert out == "7 つ 記録しました。\n"
    assert "いま つぎのことが ありますか。" in screen
    assert len(said(engine)) == 7
