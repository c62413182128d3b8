"""`phr rules`: what the rules are, whether they keep their laws and cases, why one spoke, what became of its advice."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.exits import Exit
from cli.output import Fail
from cli.rules import app
from engine.decisions import carry_out
from engine.review import LOCAL, Command, Item, Verb, rank
from engine.rules import load_catalogue
from engine.rules.catalogue_files import catalogue_texts
from engine.store import repo_advice
from engine.store.database import write
from engine.store.repo_rule_stats import Fate, fates
from tests.conftest import GOLDEN
from tests.flow.commands import refused
from tests.homes import HANAKO, TARO
from tests.stores import furnished_file
from tests.written_cases import lines_of

pytestmark = pytest.mark.flow
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
RULES = {rule.id: rule for rule in load_catalogue()}


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def said(*words: str) -> str:
    done = run(*words)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def shown(*words: str) -> Any:
    return json.loads(said(*words, "--json"))


def refusal(*words: str) -> tuple[int, str]:
    return refused(run(*words))


@pytest.fixture
def case(tmp_path: Path) -> str:
    """A file with the case of S031: 77, a sulfonylurea, HbA1c 6.8."""
    line = next(line for line in lines_of("advice_cases.jsonl") if '"S031"' in line)
    (tmp_path / "case.json").write_text(line, encoding="utf-8")
    return str(tmp_path / "case.json")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    (tmp_path / "phr").mkdir()
    return furnished_file(tmp_path / "phr" / "engine.sqlite")


# --- list, show -------------------------------------------------------------------------------------------------------


def test_every_rule_is_listed_with_its_kind_version_day_and_cases() -> None:
    rows = {row["id"]: row for row in shown("list")["rules"]}
    assert rows.keys() == RULES.keys()
    assert {name: row["cases"] for name, row in rows.items()} == {n: len(rule.cases) for n, rule in RULES.items()}
    assert rows["risk-lipid"] == {
        "id": "risk-lipid", "kind": "class", "topic": "risk.lipid", "version": RULES["risk-lipid"].version,
        "valid_from": "2024-04-01", "valid_until": None, "cases": 5,
    }  # fmt: skip
    vetoes = said("list", "--kind", "veto").splitlines()
    assert len(vetoes) == sum(row["kind"] == "veto" for row in rows.values())
    assert refusal("list", "--kind", "habit") == (Exit.USAGE, "bad-kind")


def test_a_rule_is_shown_with_every_threshold_its_side_its_sources_and_both_texts() -> None:
    told = said("show", "home-bp-high")
    for case in RULES["home-bp-high"].cases:
        assert case.boundary in told
    assert "bp.home.systolic_mean (mean home systolic pressure) >= 135 mmHg" in told
    assert "checked: quoted through secondary pages" in told
    assert "text home-bp-high.prompt (resident, ja):" in told
    assert "text home-bp-high.prompt (resident, en):" in told
    assert "cannot tell 0 or 1; needs lab.tg" in said("show", "risk-lipid")
    assert "      otherwise" in said("show", "risk-lipid")


@pytest.mark.parametrize("rule", sorted(RULES))
def test_any_rule_can_be_shown_in_words_and_for_machines(rule: str) -> None:
    whole = shown("show", rule)
    assert whole["id"] == rule
    assert len(whole["case"]) == len(RULES[rule].cases)
    told = said("show", rule)
    assert all(source.section in told and source.checked in told for source in RULES[rule].source)
    assert all(one["text"].splitlines()[0] in told for one in whole["texts"])


def test_an_unknown_rule_is_not_found_and_the_nearest_names_are_told() -> None:
    done = run("show", "hba1c-low-oldr")
    assert isinstance(done.exception, Fail)
    assert (done.exception.exit_code, done.exception.code) == (Exit.NOT_FOUND, "unknown-rule")
    assert "hba1c-low-older" in done.exception.message
    assert refusal("explain", "no", "--case", "x.json") == (Exit.NOT_FOUND, "unknown-rule")


# --- check, test ------------------------------------------------------------------------------------------------------


def written(folder: Path, rule: str, old: str = "", new: str = "") -> Path:
    """A folder with one shipped rule, its text changed."""
    folder.mkdir(exist_ok=True)
    text = catalogue_texts()[rule]
    assert old in text
    (folder / f"{rule}.toml").write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return folder


def test_the_shipped_rules_keep_their_laws_and_a_broken_folder_does_not(tmp_path: Path) -> None:
    assert shown("check") == {"rules": len(RULES), "faults": []}
    folder = written(tmp_path / "rules", "risk-lipid", 'signal = "lab.hdl"', 'signal = "lab.good"')
    done = run("check", "--folder", str(folder))
    assert (done.exit_code, done.stdout) == (Exit.DAMAGED, "risk-lipid: unknown-signal: lab.good\n")
    assert json.loads(run("check", "--folder", str(folder), "--json").stdout)["rules"] == 1
    assert refusal("check", "--folder", str(tmp_path / "nowhere")) == (Exit.NOT_FOUND, "no-files")
    assert refusal("test", str(GOLDEN / "rules"), "--folder", str(folder)) == (Exit.DAMAGED, "bad-catalogue")


def test_the_shipped_rules_agree_with_a_folder_of_cases() -> None:
    proofs = shown("test", str(GOLDEN / "rules"))
    assert proofs["agree"]
    assert {proof["rule"] for proof in proofs["proofs"]} == RULES.keys()
    assert all(proof["cases"] for proof in proofs["proofs"])


def test_a_changed_rule_is_told_with_the_cases_it_disagrees_with(tmp_path: Path) -> None:
    folder = written(tmp_path / "rules", "risk-lipid", 'value = "150"', 'value = "151"')
    done = run("test", str(GOLDEN / "rules" / "risk-lipid.toml"), "--folder", str(folder))
    assert done.exit_code == Exit.REFUSED
    assert "✘ risk-lipid:" in done.stdout
    assert "gives: no, wanted yes" in done.stdout


def test_a_changed_veto_alone_in_its_folder_rests_on_the_classes_that_ship(tmp_path: Path) -> None:
    folder = written(tmp_path / "rules", "veto-glucose-medicine")
    cases = GOLDEN / "rules" / "veto-glucose-medicine.toml"
    assert shown("test", str(cases), "--folder", str(folder))["agree"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("case = ", "not-toml"),
        ("", "bad-case"),
        ("[[case]]\nname = 'x'", "bad-case"),
        ("[[case]]\nname = 'x'\nsignals = { 'lab.hdl' = '40' }", "bad-case"),
        ("[[case]]\nname = 'x'\ngives = 'no'\nsignals = { 'lab.hdl' = 40 }", "bad-case"),
        ("[[case]]\nname = 'x'\ngives = 'no'\nsignals = { 'lab.hdl' = 'NaN' }", "bad-case"),
        ("[[case]]\nname = 'x'\ngives = 'no'\nsignals = { 'lab.good' = '40' }", "bad-case"),
        ("[[case]]\nname = 'x'\nfires = 'no'\nsignals = { 'lab.hdl' = '40' }", "bad-case"),
        ("barred_by = 'no'\n[[case]]\nname = 'x'\ngives = 'no'\nsignals = {}", "bad-case"),
    ],
)
def test_a_file_that_holds_no_cases_is_refused_with_the_reason(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "risk-lipid.toml").write_text(text, encoding="utf-8")
    assert refusal("test", str(tmp_path / "risk-lipid.toml")) == (Exit.USAGE, code)


def test_cases_of_no_rule_and_files_that_cannot_be_read_are_not_found(tmp_path: Path) -> None:
    (tmp_path / "risk.toml").write_text("", encoding="utf-8")
    (tmp_path / "latin.toml").write_bytes(b"\xff\xfe")
    assert refusal("test", str(tmp_path / "risk.toml")) == (Exit.NOT_FOUND, "unknown-rule")
    assert refusal("test", str(tmp_path / "latin.toml")) == (Exit.NOT_FOUND, "unreadable")
    assert refusal("test", str(tmp_path / "none.toml")) == (Exit.NOT_FOUND, "unreadable")


# --- explain ----------------------------------------------------------------------------------------------------------


def test_why_a_rule_fired_is_told_comparison_by_comparison(case: str) -> None:
    told = said("explain", "hba1c-low-older", "--case", case).splitlines()
    assert told[0].startswith("hba1c-low-older version 1: fires soon, hba1c_low_older (case from-75")
    assert "  ✔ case from-75 <- this one" in told
    assert "      ✔ and: lab.hba1c (6.8) < 7.0" in told
    assert "      ✘ one of: med.insulin (0) == 1" in told
    assert "  ✘ case from-65" in told
    assert "      ✔ never: age (77) < 65" in said("explain", "veto-heat", "--case", case).splitlines()


def test_every_rule_has_its_story_and_the_missing_and_the_questions_are_told(tmp_path: Path) -> None:
    person = {"sex": "female", "age": 58, "age_fy_end": 58, "height_cm": 155.0, "weight_kg": 65.0}
    (tmp_path / "c.json").write_text(json.dumps({"id": "c", "profile": person}), encoding="utf-8")
    found = shown("explain", "--case", str(tmp_path / "c.json"))
    stories = {story["rule"]: story for story in found["stories"]}
    assert stories.keys() == RULES.keys()
    assert stories["waist-over"]["came"] == "open"
    assert stories["waist-over"]["missing"] == ["waist"]
    assert stories["bmi-class"]["said"] == ["obese1"]
    assert stories["bmi-above-target"]["came"] in {"fires", "stopped"}
    assert "eating-disorder" in stories["bmi-above-target"]["ask"]
    assert "pregnancy" not in found["ask"], "at 58 that is no question any more"
    lines = said("explain", "--case", str(tmp_path / "c.json")).splitlines()
    assert len(lines) == len(RULES)


def test_what_stopped_a_proposal_is_named(tmp_path: Path) -> None:
    person = {
        "sex": "female", "age": 41, "age_fy_end": 41, "height_cm": 160, "weight_kg": 75, "waist_cm": 95,
        "pregnant": True, "breastfeeding": False, "meds": [], "conditions": [], "smoker": False,
    }  # fmt: skip
    (tmp_path / "c.json").write_text(json.dumps({"id": "c", "profile": person}), encoding="utf-8")
    [story] = shown("explain", "bmi-above-target", "--case", str(tmp_path / "c.json"))["stories"]
    assert story["came"] == "stopped"
    assert ("weight_loss", "veto-pregnancy", True) in {(s["code"], s["rule"], s["sure"]) for s in story["stops"]}
    told = said("explain", "bmi-above-target", "--case", str(tmp_path / "c.json"))
    assert "weight_loss is barred (contraindication) by veto-pregnancy" in told


def test_one_person_is_named_and_what_cannot_be_read_is_refused(tmp_path: Path, case: str) -> None:
    assert refusal("explain") == (Exit.USAGE, "which-person")
    assert refusal("explain", "--case", case, "--resident", HANAKO) == (Exit.USAGE, "which-person")
    assert refusal("explain", "--case", str(tmp_path / "none.json")) == (Exit.NOT_FOUND, "unreadable")
    for text, code in (("{", "bad-json"), ("[]", "bad-case"), ('{"id": "x", "resting_hr": -1}', "out-of-range")):
        (tmp_path / "bad.json").write_text(text, encoding="utf-8")
        assert refusal("explain", "--case", str(tmp_path / "bad.json")) == (Exit.USAGE, code)


def test_a_stored_resident_is_explained_from_the_store(store: Engine) -> None:
    found = shown("explain", "bmi-target", "--resident", TARO)
    [story] = found["stories"]
    assert (story["came"], story["said"]) == ("gives", ["age50"])
    assert refusal("explain", "--resident", "r-nobodynobody2") == (Exit.NOT_FOUND, "unknown-resident")


# --- stats ------------------------------------------------------------------------------------------------------------


def item(number: int, rule: str) -> Item:
    return msgspec.convert(
        {
            "id": f"a-{Random(number).getrandbits(60):013x}".replace("0", "2").replace("1", "3").replace("8", "4").replace("9", "5"),
            "resident_id": TARO, "topic": f"topic-{number}", "rule_id": rule, "rule_version": 1, "text_version": 1,
            "state": "open", "version": 1, "severity": "routine", "text_ja": "歩きましょう。", "text_en": "Walk.",
            "evidence": {}, "snapshot_hash": "0" * 64, "created_at": NOW, "updated_at": NOW,
        },
        Item,
    )  # fmt: skip


def decided(store: Engine, one: Item, *verbs: Verb) -> None:
    """Put advice into the store and carry out `verbs`; an approval is delivered when its hold is over."""
    with write(store) as connection:
        repo_advice.add(connection, one, rank(one, NOW), actor="engine", os_user="test")
        now = NOW
        for verb in verbs:
            now += timedelta(minutes=1)
            if verb == "deliver":
                now += timedelta(minutes=30)
            by = "engine" if verb in {"deliver", "supersede"} else "suzuki"
            ja, en = ("少し歩きましょう。", "Walk a little.") if verb == "edit" else (None, None)
            command = Command(
                verb=verb, by=by, version=one.version, rights=LOCAL, reason="a reason", text_ja=ja, text_en=en
            )
            after = carry_out(connection, one, command, now, os_user="test")
            assert isinstance(after, Item), after
            one = after


def test_what_became_of_each_rules_advice_is_counted(store: Engine) -> None:
    decided(store, item(1, "steps-below-target"), "approve", "deliver")
    decided(store, item(2, "steps-below-target"), "edit", "approve")
    decided(store, item(3, "steps-below-target"), "edit", "edit", "reject")
    decided(store, item(4, "steps-below-target"), "approve", "undo")
    decided(store, item(5, "steps-below-target"), "approve", "supersede")
    decided(store, item(6, "a-rule-of-old"), "reject")
    with write(store) as connection:
        assert fates(connection) == {
            "a-rule-of-old": Fate(drafted=1, rejected=1),
            "steps-below-target": Fate(
                drafted=5, waiting=1, approved=2, delivered=1, edited=2, rejected=1, superseded=1
            ),
        }
    found = shown("stats")["rules"]
    assert found["steps-below-target"]["drafted"] == 5
    assert found["a-rule-of-old"]["rejected"] == 1
    assert found["office-bp-high"] == dict.fromkeys(found["office-bp-high"], 0)
    assert "risk-lipid" not in found, "a class drafts nothing"
    table = said("stats").splitlines()
    assert [line.split()[0] for line in table] == ["rule", "a-rule-of-old", "steps-below-target"]


def test_with_no_advice_the_counts_say_so(store: Engine) -> None:
    assert said("stats") == "nothing was drafted yet\n"
    assert set(shown("stats")["rules"]) == {n for n, rule in RULES.items() if hasattr(rule, "text_version")}
