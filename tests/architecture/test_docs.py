"""Both READMEs say what the code says, in the same parts, and their commands run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, get_args

import pytest

from cli.clinical_words import word as clinical_word
from cli.exits import Exit
from cli.local import Local, keep_local
from cli.pair_words import title
from cli.pair_words import word as pair_word
from cli.wiring import Settings
from cli.words import word
from cli.words_inbox import word as inbox_word
from cli.words_spot import word as spot_word
from engine.access import ROLES
from engine.contract import wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.topics import up
from engine.evaluate import evaluate
from engine.questionnaires import questionnaires
from engine.rules import load_catalogue
from engine.rules.model import Must, MustNot, VetoCase
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store.database import write
from firmware_profiles.registry import PROFILES
from firmware_profiles.table import WORDS
from tests.architecture.docs_commands import COMMANDS_JA
from tests.architecture.docs_parts import TABLES, Tongue, commands, coverage, kind_of, parts, settings, topic_names
from tests.architecture.docs_words import CODES, KINDS_OF_RULES, NEEDS_JA, SETTINGS, TOPICS
from tests.architecture.preloaded import preloaded
from tests.homes import DEVICE, GATEWAY, HOUSEHOLD, TARO
from tests.stores import furnished_file

ROOT: Final = Path(__file__).parents[2]
NAMES: Final[dict[Tongue, str]] = {"en": "README.md", "ja": "README.ja.md"}
BLOCK: Final = re.compile(r"(?:<!-- (run[a-z -]*) -->\n)?```sh\n(.*?)```", re.DOTALL)
both = pytest.mark.parametrize("tongue", ["en", "ja"])


def page(tongue: Tongue) -> str:
    return (ROOT / NAMES[tongue]).read_text(encoding="utf-8")


def blocks(tongue: Tongue, mark: str = "") -> list[str]:
    return [body for found, body in BLOCK.findall(page(tongue)) if found == mark]


def made(name: str) -> re.Pattern[str]:
    """What stands between the two markers of a generated table."""
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)


@both
@pytest.mark.golden
def test_every_table_is_what_the_code_says(tongue: Tongue, request: pytest.FixtureRequest) -> None:
    text = page(tongue)
    wanted = parts(tongue)
    assert [name for name in wanted if len(made(name).findall(text)) != 1] == [], "every table has its place once"
    if request.config.getoption("--golden-write"):
        for name, table in wanted.items():
            text = made(name).sub(table.replace("\\", r"\\"), text)
        (ROOT / NAMES[tongue]).write_text(text, encoding="utf-8")
    assert {name: made(name).findall(text)[0] for name in wanted} == wanted


@both
def test_what_the_code_offers_is_explained(tongue: Tongue) -> None:
    text = page(tongue)
    told = [*commands(), *(f"`{name}`" for name in settings()), *(variable for variable, _ in settings().values())]
    told += [f"| {int(code)} |" for code in Exit] + [f"`{rule.id}`" for rule in load_catalogue()]
    told += [f"`{name}`" for name in (*PROFILES, *topic_names())] + [f"| `{role}` |" for role in ROLES]
    assert [name for name in told if name not in text] == []


@both
def test_every_command_is_told_beyond_its_row_in_the_table(tongue: Tongue) -> None:
    """A list alone teaches nobody: what comes as a group is used or explained in the text as well."""
    prose = made("commands").sub("", page(tongue))
    assert [name for name in {" ".join(line.split()[:2]) for line in commands()} if name not in prose] == []


@both
def test_no_command_is_promised_that_is_not_there(tongue: Tongue) -> None:
    known = set(commands())
    said = re.findall(r"(?<=[`(\n])phr(?: --[a-z]+ \w+)? ([a-z]+)(?: ([a-z]+(?:-[a-z]+)*))?", page(tongue))
    assert len(said) > 60
    # What follows a command that stands alone is its argument; what follows a group must be one of its commands.
    wrong = [(a, b) for a, b in said if f"phr {a}" not in known and not _part_of(known, f"phr {a} {b}".strip())]
    assert wrong == []


def _part_of(known: set[str], words: str) -> bool:
    """Whether `words` are a command or the beginning of one."""
    return any(f"{name} ".startswith(f"{words} ") for name in known)


@both
def test_every_verb_of_x_and_every_variable_is_explained(tongue: Tongue) -> None:
    text = page(tongue)
    verbs = re.findall(r"^  ([a-z]+)\)", (ROOT / "x").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(verbs) >= 10
    assert [verb for verb in verbs if f"`./x {verb}`" not in text] == []
    sources = [ROOT / "x", *(ROOT / "cli").glob("*.py")]
    used = {name for path in sources for name in re.findall(r"\bPHR_[A-Z]+(?:_[A-Z]+)*\b", path.read_text("utf-8"))}
    assert {name for name in used if name not in text} == set()


@both
def test_the_output_shown_is_in_the_words_of_the_demo(tongue: Tongue) -> None:
    text = page(tongue)
    keys = (
        "what",
        "path",
        "counts",
        "heard",
        "published",
        "kept",
        "lost",
        "duplicated",
        "refused",
        "unassigned",
        "look",
    )
    told = [word(tongue, key) for key in keys]
    told += [word(tongue, "observation", count=446), word(tongue, "advice", count=8)]
    assert [words for words in told if words not in text] == []


@both
def test_the_pairing_shown_is_in_the_words_of_phr_pair(tongue: Tongue) -> None:
    text = page(tongue)
    told = [title(tongue, step) for step in range(1, 5)]
    told += [pair_word(tongue, key) for key in ("wake.any", "what-happens", "again.step-on", "wake.button", "done")]
    told += [pair_word(tongue, "arrived", value="62.4 kg"), f"[Enter] {pair_word(tongue, 'yes')}"]
    assert [words for words in told if words not in text] == []


@both
def test_the_inbox_shown_is_in_the_words_of_phr_inbox(tongue: Tongue) -> None:
    text = page(tongue)
    told = [inbox_word(tongue, key) for key in ("nobody", "no-slot", "hint-nobody", "hint-assumed")]
    assert [words for words in told if words not in text] == []


@both
def test_the_screens_of_a_spot_shown_are_in_its_words(tongue: Tongue) -> None:
    text = page(tongue)
    told = [
        spot_word(tongue, key) for key in ("title", "wake.step-on", "current", "other", "measured", "more", "again")
    ]
    told.append(spot_word(tongue, "titled", call="はなちゃん"))
    assert [words for words in told if words not in text] == []


@both
def test_the_questions_shown_are_in_the_words_of_phr_ask(tongue: Tongue) -> None:
    text = page(tongue)
    item = questionnaires()["veto"].item[0]
    told = [clinical_word(tongue, key) for key in ("how", "several", "more")]
    told += [item.ja if tongue == "ja" else item.en, (item.why_ja if tongue == "ja" else item.why_en) or ""]
    told += [choice.ja if tongue == "ja" else choice.en for choice in item.choices]
    assert [words for words in told if words not in text] == []


@both
def test_the_rule_explained_there_is_the_one_that_ships(tongue: Tongue) -> None:
    """What `phr rules explain` showed, with every comparison of the rule in force and vetoes that say so."""
    [shown] = re.findall(r"\$ phr rules explain bmi-above-target.*?```", page(tongue), re.DOTALL)
    rules = {rule.id: rule for rule in load_catalogue()}
    rule = rules["bmi-above-target"]
    assert f"{rule.id} version {rule.version}: " in shown
    assert [one.signal for one in rule.cases[0].conditions] == re.findall(r"✔ (?:and|one of|never): ([\w.]+)", shown)
    barred = re.findall(r"(\w+) is barred \(([a-z]+)\) by ([\w-]+), case ([\w-]+)", shown)
    assert barred
    for code, tier, veto, name in barred:
        [case] = [case for case in rules[veto].cases if case.name == name]
        assert isinstance(case, VetoCase)
        assert (code in case.must_not, case.tier) == (True, tier)


def test_the_errors_of_the_trend_are_the_same_on_both_pages() -> None:
    """They take minutes to measure again: see tests/benchmarks/trend_errors.py."""
    shown = [re.findall(r"\d?\.\d{3} \d?\.\d{3} \d?\.\d{3}", page(tongue)) for tongue in NAMES]
    assert shown[0] == shown[1]
    cells = [[Decimal(error) for error in cell.split()] for cell in shown[0]]
    *others, ours = [cells[row : row + 4] for row in range(0, len(cells), 4)]
    assert len(others) == 4
    for name, own, *beside in zip(("clean", "missing", "wrong", "both"), ours, *others, strict=True):
        assert all(mine < min(rest) for mine, *rest in zip(own, *beside, strict=True)), name


@both
def test_every_confident_mistake_of_the_assigner_is_told(tongue: Tongue) -> None:
    text, lines = page(tongue), coverage()
    mistakes = [
        re.findall(r"reading (\d+).* (\d+\.\d+) kg .* at (\d\.\d+)", line) for line in lines if line[:2] == "- "
    ]
    assert mistakes, "the golden lists them; if none is left, say so on both pages"
    for [(reading, kilograms, posterior)] in mistakes:
        assert all(number in text for number in (reading, f"{kilograms} kg", posterior))
    [(filed, weighings)] = re.findall(r"\| SA \| 0\.90 \| (\d+) of (\d+) \|", "\n".join(lines))
    sentence = {"en": f"Of the {weighings} weighings of SA, the hard household, {int(weighings) - int(filed)} are asked",
                "ja": f"SA では、{weighings}回のうち{int(weighings) - int(filed)}回を聞きます"}  # fmt: skip
    assert sentence[tongue] in text


def test_no_word_of_the_tables_has_outlived_its_thing() -> None:
    assert COMMANDS_JA.keys() ^ commands().keys() == set()
    assert SETTINGS.keys() ^ settings().keys() == set()
    assert TOPICS.keys() ^ set(topic_names()) == set()
    assert NEEDS_JA.keys() ^ WORDS.keys() == set()
    assert CODES.keys() ^ {*get_args(MustNot), *get_args(Must)} == set()
    assert KINDS_OF_RULES.keys() ^ {kind_of(rule) for rule in load_catalogue()} == set()


@both
def test_links_inside_the_repository_lead_somewhere(tongue: Tongue) -> None:
    text = page(tongue)
    anchors = {re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-") for line in headings(text)}
    for link in re.findall(r"(?:\]\(|src=\")([^)\"]+)", text):
        assert not link.startswith("http"), "nothing outside is needed to read this"
        assert link[1:] in anchors if link.startswith("#") else (ROOT / link).exists(), link


def headings(text: str) -> list[str]:
    return [line.lstrip("#") for line in re.sub(r"```.*?```", "", text, flags=re.DOTALL).split("\n") if line[:1] == "#"]


def test_both_pages_have_the_same_parts() -> None:
    english, japanese = (re.sub(r"```.*?```", "", page(tongue), flags=re.DOTALL) for tongue in NAMES)
    sections = re.compile(r"^(#+) ", re.MULTILINE)
    assert sections.findall(english) == sections.findall(japanese)
    assert english.count("|\n") == japanese.count("|\n"), "every row of every table"
    assert set(TABLES) == set(re.findall(r"<!-- /([a-z]+) -->", english))


def test_both_pages_show_the_same_commands() -> None:
    """So it is enough to run the English ones; only words for people differ."""
    shown = [
        [(mark, re.sub(r'(--(by|reason)) "[^"$]*"', r"\1 …", body)) for mark, body in BLOCK.findall(page(name))]
        for name in NAMES
    ]
    assert shown[0] == shown[1]


def test_what_is_not_run_here_is_run_by_other_tests_or_does_nothing() -> None:
    for block in blocks("en"):
        for line in block.splitlines():
            assert line.startswith(("./x ", "export ")), line


@pytest.fixture
def path() -> Iterator[str]:
    with preloaded() as folder:
        yield f"{folder}{os.pathsep}{os.environ['PATH']}"


def run_blocks(found: list[str], home: Path, path: str) -> str:
    """The blocks in the order of the text, as one reader would type them."""
    environ = {**os.environ, "PHR_HOME": str(home), "PATH": path}
    words = ["sh", "-eu", "-c", "\n".join(found)]
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.flow
def test_the_commands_of_the_text_run_in_an_empty_home(tmp_path: Path, path: str) -> None:
    told = run_blocks(blocks("en", "run"), tmp_path / "phr", path)
    assert "yes nurse-review" in told
    assert "sig-weight" in told
    payloads = (ROOT / "tests/golden/captures/ble_vectors.jsonl").read_text(encoding="utf-8").count("\n")
    assert told.count('"quantities"') == payloads, "every one is decoded"
    assert "花子の体重計" in told
    assert "body weight 62.3 kg" in told
    assert "SA  178  6  0.907" in told
    assert "✔ acme-scale-2: sound, claims, laws, captures" in told
    assert '"lost": 0, "duplicated": 0' in told
    assert "1001  proposed" in told
    assert "1 documents: 40 items" in told
    assert "reads nothing any more" in told
    assert "holds  parent  山田 葵" in told
    assert "062049_phr_stats_2024H1_method.html" in told
    assert "until then: phr account take-back" in told
    assert "phone nobody was there" in told
    assert "Pedometer" in told
    assert "A bath, a hot spring" in told


@pytest.mark.flow
def test_looking_and_deciding_runs_on_a_home_with_data(tmp_path: Path, path: str) -> None:
    home = tmp_path / "phr"
    four_weeks(home)
    told = run_blocks(blocks("en", "run with data"), home, path)
    assert "is approved by" in told
    assert "is rejected by" in told
    assert (home / "taro.ndjson").read_text(encoding="utf-8").count("\n") > 28


def four_weeks(home: Path) -> None:
    """A household with four weeks of weights above the target, evaluated."""
    keep_local(Settings(home=str(home)), Local(GATEWAY, HOUSEHOLD))
    engine = furnished_file(home / "engine.sqlite")
    now = datetime.now(UTC)
    weighings = [wire.encode_reading(_weighing(now, day)) for day in range(28)]
    with write(engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), wire.encode_batch(weighings))], now)
        evaluate(connection, TARO, now)
    engine.dispose()


def _weighing(now: datetime, ago: int) -> Reading:
    at = now - timedelta(days=ago, minutes=15)
    kilograms = f"{84 + ago / 10:.2f}"
    return Reading(
        id=reading_id(DEVICE, 2, at.isoformat(), kilograms.encode()), device=DEVICE, profile="sig-weight",
        provenance="bonded", user_slot=2, measured_at=at, time_quality="device", received_at=at,
        values=(Value("body-weight", kilograms, "kg"),),
    )  # fmt: skip


@pytest.mark.flow
def test_what_is_started_in_the_text_runs_until_ctrl_c(tmp_path: Path) -> None:
    [block] = blocks("en", "run until ctrl-c")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PHR_HOME": str(tmp_path / "phr"), "PATH": path, "PHR_WEB_PORT": "0"}
    told = tmp_path / "told"
    with told.open("w") as out:
        started = subprocess.Popen(["sh", "-c", f"exec {block}"], cwd=ROOT, env=environ, stdout=out, stderr=out)
    wanted = ("engine: ready", "/signin?token=", '"event": "gateway_started"')
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not all(words in told.read_text() for words in wanted):
        assert started.poll() is None, told.read_text()
        time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    assert started.wait(30) == Exit.DONE, told.read_text()
    assert all(words in told.read_text() for words in (*wanted, "phr: stopped"))
