"""The rules of the house that import-linter cannot say: doors, folders, words, start-up budget."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "firmware_profiles", "gateway", "fhir_bridge", "simulators", "cli")
TOP = {
    *PACKAGES, "tests", ".ci", ".gitignore", "LICENSE", "README.md", "README.ja.md", "CHANGELOG.md", "DECISIONS.md",
    "pyproject.toml", "requirements.lock", "x",
}  # fmt: skip
# Which modules may import a third-party door, as prefixes of their path; simulators and tests are free (DESIGN 1.2).
DOORS = {
    "bleak": ("gateway/radio",),
    "dbus_fast": ("gateway/radio",),
    "paho": ("gateway/mqtt", "engine/service"),
    "httpx": ("fhir_bridge/client", "engine/web/oidc", "engine/notify"),
    "authlib": ("fhir_bridge/client", "engine/web/oidc", "engine/notify"),
    "fhir": ("engine/observation", "fhir_bridge"),
    "sqlmodel": ("engine/store",),
    "sqlalchemy": ("engine/store",),
    "sqlite3": ("engine/store", "gateway/journal"),
    "amqtt": ("gateway/broker",),
    "fastapi": ("engine/web", "fhir_bridge/api"),
    "sklearn": ("engine/ranking_training",),
    "argon2": ("engine/passwords",),
    "pyotp": ("engine/onetime",),
    "cryptography": ("engine/sealing", "engine/notify", "firmware_profiles/bindkey", "firmware_profiles/eufy_talk"),
    "http_ece": ("engine/notify/push",),
    "opendp": ("fhir_bridge/privacy_noise",),
    "joserfc": ("engine/notify/push", "fhir_bridge/auth", "engine/one_id_tokens"),
    "smtplib": ("engine/notify/mail",),
    "holidays": ("engine/officehours",),
    "sudachipy": ("engine/furigana",),
    "weasyprint": ("engine/report_file",),
    "jinja2": ("engine/web", "engine/report_file", "engine/summary_page", "fhir_bridge/open_data_note"),
    "typst": ("engine/letters_file",),
    "pypdfium2": ("engine/letters_parts",),
    "segno": (
        "engine/emergency_sheets",
        "engine/letters_file",
        "engine/web/account/enrol",
        "cli/card",
        "cli/pair_page",
    ),
}
# What is marked pure in the design touches no clock, socket, file, database or randomness.
PURE = (
    "engine/contract", "engine/intake.py", "engine/assignment.py", "engine/assignment_file.py", "engine/likelihood.py",
    "engine/likelihood_home.py", "engine/consent.py", "engine/people.py",
    "engine/names.py", "engine/observations.py", "engine/signals.py", "engine/trends.py", "engine/activity.py",
    "engine/dates.py", "engine/names_table.py", "engine/consent_texts.py", "engine/refusal.py",
    "engine/cases.py", "engine/cases_book.py", "engine/cases_points.py", "engine/cases_goal.py", "engine/cases_calls.py",
    "engine/before_after.py", "engine/before_after_score.py", "engine/before_after_words.py",
    "engine/watching.py", "engine/watching_decisions.py", "engine/watching_drop.py", "engine/watching_ears.py",
    "engine/watching_rhythm.py", "engine/watching_rules.py", "engine/watching_signs.py",
    "engine/exchange.py", "engine/exchange_csv.py", "engine/exchange_mapping.py", "engine/exchange_rows.py",
    "engine/silences.py", "engine/referrals.py",
    "engine/points.py", "engine/points_expiry.py", "engine/points_pot.py", "engine/points_statement.py",
    "engine/interests.py", "engine/consent_paper.py", "engine/consent_form.py", "fhir_bridge/imports/fhir_consents.py",
    "engine/acting.py", "engine/protection.py", "engine/municipalities.py", "engine/plan.py", "engine/rules", "engine/observation_templates.py",
    "engine/observation_values.py", "engine/observation_checks.py", "engine/observation_derived.py",
    "gateway/outflow.py", "gateway/visits.py", "engine/safety.py", "engine/advice.py", "engine/review.py", "firmware_profiles", "gateway/clock.py",
    "gateway/quarantine.py", "gateway/mirror.py", "gateway/discovery.py", "gateway/announcing.py", "gateway/stage.py",
    "engine/rppg.py", "engine/cards.py", "engine/spots.py", "gateway/spot.py", "engine/imports", "gateway/meaning.py", "gateway/pairing.py",
    "gateway/pairing_model.py", "gateway/pairing_reasons.py", "gateway/pairing_screen.py", "gateway/pairing_watch.py",
    "gateway/pairing_list.py", "gateway/found.py", "gateway/sorting.py", "engine/show.py",
    "engine/vocabulary.py", "engine/judge.py", "engine/judge_many.py", "engine/merging.py", "engine/flag_figures.py",
    "engine/casework.py", "engine/proving.py", "engine/explaining.py", "engine/casework_answers.py", "engine/casework_words.py", "engine/choosing.py", "engine/verdicts.py", "engine/stratify.py", "engine/clinical.py",
    "engine/clinical_codes.py", "engine/clinical_rules.py", "engine/clinical_values.py", "engine/asking.py",
    "engine/questionnaires", "engine/plans", "engine/series", "engine/signals_columns.py", "engine/signals_many.py", "engine/trends_many.py", "engine/patterns.py", "engine/goal_columns.py", "engine/town.py",
    "engine/signals_rows.py", "engine/seasons.py", "engine/energy.py", "engine/weather.py", "engine/wording.py",
    "engine/urgent.py", "engine/ranking.py", "engine/ranking_model.py", "engine/ranking_samples.py",
    "engine/ranking_training.py", "engine/access.py", "engine/review_model.py", "engine/batching.py", "engine/placing.py",
    "engine/queue_search.py", "engine/standing.py", "engine/urgent_text.py", "engine/officehours.py", "engine/requests.py",
    "engine/caseload.py", "engine/charts", "engine/plain.py", "engine/furigana.py", "engine/disclosure.py",
    "engine/explained", "engine/records.py", "engine/seen.py", "engine/carrying.py", "engine/today.py", "engine/courses.py",
    "engine/one_id.py", "engine/one_id_tokens.py", "engine/onetime.py", "engine/notify/message.py", "engine/notify/port.py", "engine/clinical_checkups.py",
    "engine/observation_names.py", "engine/observation_clock.py", "engine/observation_devices.py", "engine/observation_patient.py",
    "engine/observation_trends.py", "engine/observation_provenance.py", "engine/care_links.py", "engine/care_entries.py",
    "engine/closing.py", "engine/takeout.py", "engine/takeout_checks.py", "engine/situation.py", "engine/presence.py", "engine/life.py", "engine/life_words.py", "engine/grants.py", "engine/learning", "engine/summary.py", "engine/emergency.py", "fhir_bridge/matching.py",
    "fhir_bridge/pull_take.py", "fhir_bridge/client_answers.py", "fhir_bridge/breaker.py", "fhir_bridge/abilities.py",
    "fhir_bridge/auth.py", "fhir_bridge/client_bundles.py", "fhir_bridge/client_pages.py", "fhir_bridge/plan.py", "fhir_bridge/api_words.py", "fhir_bridge/api_spans.py", "fhir_bridge/api_parameters.py", "fhir_bridge/api_search.py", "fhir_bridge/api_pages.py", "fhir_bridge/api_conformance.py", "fhir_bridge/summary.py",
    "fhir_bridge/resources", "fhir_bridge/bundle.py",
    "engine/home_summary.py", "fhir_bridge/outbound/message.py", "fhir_bridge/outbound/planning.py", "fhir_bridge/imports/translate.py",
    "fhir_bridge/imports/facts.py", "fhir_bridge/imports/entries.py", "fhir_bridge/imports/codes.py", "fhir_bridge/imports/jlac10.py",
    "fhir_bridge/imports/fhir_items.py", "fhir_bridge/imports/fhir_medicines.py", "fhir_bridge/imports/json_parts.py", "fhir_bridge/imports/hl7.py",
    "fhir_bridge/imports/hl7_message.py", "fhir_bridge/imports/jis.py", "fhir_bridge/imports/cda.py", "fhir_bridge/imports/xml_tree.py",
    "fhir_bridge/imports/dates.py", "fhir_bridge/imports/person.py", "fhir_bridge/imports/model.py",
    "fhir_bridge/privacy.py", "fhir_bridge/privacy_law.py", "fhir_bridge/privacy_tables.py", "fhir_bridge/privacy_units.py",
    "fhir_bridge/privacy_ledger.py", "fhir_bridge/privacy_release.py", "fhir_bridge/releasing_tastes.py", "fhir_bridge/aggregate", "fhir_bridge/imports/denials.py",
    "fhir_bridge/platform_entities.py", "fhir_bridge/platform_ld.py", "fhir_bridge/platform_context.py",
    "fhir_bridge/open_data.py", "fhir_bridge/open_data_model.py", "fhir_bridge/open_data_words.py", "fhir_bridge/open_data_csv.py",
    "fhir_bridge/open_data_stat.py", "fhir_bridge/open_data_catalogue.py", "fhir_bridge/open_data_charts.py",
    "engine/custody.py", "engine/household.py", "engine/loans.py",
    "engine/kpi.py", "engine/kpi_hiding.py", "engine/kpi_chart.py",
    "engine/appointments.py", "engine/appointments_ical.py",
    "engine/letters.py", "engine/letters_window.py", "engine/letters_reply.py", "engine/letters_words.py",
    "engine/letters_parts.py",
    "fhir_bridge/platform_reading.py", "fhir_bridge/platform_shapes.py", "fhir_bridge/platform_trial.py",
)  # fmt: skip
IMPURE = {"socket", "sqlite3", "sqlalchemy", "sqlmodel", "random", "secrets", "time", "subprocess", "os", "asyncio"}
HEAVY = (
    "sqlmodel", "sqlalchemy", "fhir", "scipy", "sklearn", "numpy", "fastapi", "bleak", "paho", "bumble", "alembic",
    "argon2", "jinja2", "httpx", "holidays", "sudachipy", "weasyprint", "joserfc", "cryptography", "uvicorn", "opendp",
)  # fmt: skip


@cache
def _tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@cache
def _imports(path: Path) -> set[str]:
    """Top-level names of what a module imports when it runs; imports for type checkers open no door."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for block in tree.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            block.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@cache
def _modules() -> list[Path]:
    return [p for p in _tracked() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in PACKAGES]


def test_the_top_level_is_exactly_the_house() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in _tracked()} <= TOP


def test_a_door_is_opened_only_where_the_design_says() -> None:
    wrong = []
    for path in _modules():
        name = path.relative_to(ROOT).as_posix()
        # Simulators are doubles of what stands behind the doors; simulators and tests are outside this rule.
        opened = _imports(path) & DOORS.keys() if not name.startswith("simulators/") else set()
        wrong += [f"{name} opens {door}" for door in sorted(opened) if not name.startswith(DOORS[door])]
    assert wrong == []


def test_every_part_of_the_engine_but_its_contract_is_closed_to_gateways() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    [closed] = [
        one["forbidden_modules"] for one in contracts if one.get("source_modules") == ["gateway", "firmware_profiles"]
    ]
    parts = {
        path.relative_to(ROOT / "engine").parts[0].removesuffix(".py")
        for path in _modules()
        if ROOT / "engine" in path.parents
    }
    assert sorted(closed) == sorted(f"engine.{part}" for part in parts - {"__init__", "contract"})


def test_what_is_marked_pure_imports_nothing_impure() -> None:
    guilty = {}
    for path in _modules():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(PURE):
            found = _imports(path) & IMPURE
            if found:
                guilty[name] = found
    # ids and random traffic take `rng: Random` as an argument: they name the type only.
    assert {name: found for name, found in guilty.items() if found != {"random"}} == {}


def test_pure_code_never_asks_for_the_time() -> None:
    asked = re.compile(r"datetime\.now\(|date\.today\(|time\.time\(")
    for path in _modules():
        if path.relative_to(ROOT).as_posix().startswith(PURE):
            assert not asked.search(path.read_text(encoding="utf-8")), path.name


def test_files_stay_small_and_functions_short() -> None:
    for path in _modules():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 350, f"{path.relative_to(ROOT)} has {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            migration = "migrations" in path.parts  # a list of tables, written once
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not migration:
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 50, f"{path.relative_to(ROOT)}:{node.name} has {length} lines"


def test_nothing_is_left_unfinished_or_tied_to_a_machine() -> None:
    words = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "Not" + "Implemented" + "Error"]))
    hosts = re.compile("pypi" + r"\.org|python" + r"hosted|registry\.npm" + r"js|/wo" + "rk/|/ro" + "ot/")
    for path in _tracked():
        if path.suffix in {".png", ".gz", ".tgz", ".bin"}:
            continue
        text = path.read_text(encoding="utf-8")
        patterns = [hosts, words] if path.suffix in {".py", ".toml", ".sh"} else [hosts]
        found = [match[0] for pattern in patterns for match in pattern.finditer(text)]
        assert found == [], path.relative_to(ROOT)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, json; from cli.main import app; from cli.commands import register; register(app); "
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_gateway_role_pulls_in_no_engine_libraries() -> None:
    code = (
        "import sys, json, pkgutil, importlib, gateway, firmware_profiles; "
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(gateway.__path__, 'gateway.') "
        "if 'amqtt' not in m.name]; "
        "print(json.dumps([m for m in ('numpy','scipy','sqlmodel','sqlalchemy','fhir','fastapi') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_lock_holds_names_and_hashes_only() -> None:
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9_.\[\]-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
