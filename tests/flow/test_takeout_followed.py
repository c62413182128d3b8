"""What a town gave and did goes along to be read; what the person said and did themselves lives on where they move."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO

import pytest
from sqlalchemy import Engine

from engine.points import balance
from engine.refusal import Refusal
from engine.store import (
    repo_appointments,
    repo_before_after,
    repo_cases,
    repo_loans,
    repo_point_teams,
    repo_points,
    repo_referrals,
    repo_watch_alerts,
)
from engine.store.database import read
from engine.store.erasing_tables import ERASED
from engine.store.repo_takeout import TABLES
from engine.takeout import YOUNGER, rows_file
from engine.takeout_taking import Taken
from tests.flow.followed_home import HIDDEN, STAFFS, TOLD, WATCHER
from tests.flow.takeouts import brought_in, empty, files_of, forged, house, swap, whole
from tests.homes import HANAKO, TARO

__all__ = ["empty", "house", "whole"]

# Of which rule her advice is.
RULES = ["bmi-above-target"]
# Which table of the archive tells what stands in a table of the store.
READ = {
    "point_entry": "points", "point_member": "teams", "guidance_case": "programmes", "case_event": "followed",
    "appointment": "appointments", "letter": "letters", "loan": "loans", "watch_alert": "watching",
    "watch_telling": "watching", "break_glass": "exceptional", "emergency_read": "exceptional",
    "interest": "interest", "address": "address",
}  # fmt: skip
_INNER = "how this house does its work"
_KEYS = "a key, or a word that opens something"
_OTHERS = "words of others about the person, or about others"
LEFT = {
    "standing_use": _INNER, "notice": _INNER, "learning_choice": _INNER, "outbox": _INNER, "refusal": _INNER,
    "alias": _INNER, "bad_message": _INNER, "trend_fit": _INNER, "pulled": _INNER, "pull_cursor": _INNER,
    "push": _INNER, "resident_team": _INNER, "saved_view": _INNER, "advice_seen": _INNER, "loan_slot": _INNER,
    "city_number": "a number of the town's own list", "exchange_proposal": _INNER, "exchange_line": _INNER,
    "care_link": "a number of a hospital's", "held_interest": "under a name only that house can make",
    "api_grant": _KEYS, "emergency_card": _KEYS, "web_session": _KEYS, "sign_in_code": _KEYS, "sign_in_flow": _KEYS,
    "one_id": _KEYS, "one_id_session": _KEYS, "card": _KEYS, "address": _KEYS,
    "staff_note": _OTHERS, "contact": _OTHERS, "family_member": _OTHERS,
    "protection": "a measure of support is a town's word, and never written down anywhere else",
    "acting": "who acts for somebody is looked at anew where they live",
    "life_event": "what happened in a life is said anew where it goes on", "visit": "where somebody measured stands in each reading",
}  # fmt: skip


def table(content: bytes, name: str) -> list[dict[str, str]]:
    text = files_of(content)[f"tables/{name}.csv"].decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text, newline="")))


def test_every_table_that_holds_anything_of_a_person_goes_along_or_says_why_not() -> None:
    theirs = {one.name for one in ERASED}
    assert theirs <= TABLES.keys() | READ.keys() | LEFT.keys()
    assert (LEFT.keys() | READ.keys()) - {"interest"} <= theirs, "no word is about a table that is not there"


def test_the_ledger_adds_up_to_the_balance_and_names_the_voucher(whole: bytes, house: Engine) -> None:
    rows = table(whole, "points")
    with read(house) as connection:
        entries = repo_points.of(connection, HANAKO)
    assert sum(int(row["points"]) for row in rows) == balance(entries) == 20
    assert [row["sort"] for row in rows] == ["check-up", "redeemed"]
    assert rows[1]["about"] == entries[1].about
    assert [(row["team"], row["until"]) for row in table(whole, "teams")] == [("浜中町内会", "")]


def test_each_table_tells_what_the_pages_tell(whole: bytes) -> None:
    [case] = table(whole, "programmes")
    assert (case["programme"], case["words"], case["ended"]) == ("other", "夜食を やめる", "")
    assert [(row["what"], row["how"]) for row in table(whole, "followed")] == [
        ("opened", ""), ("goal", ""), ("contact", "phone")
    ]  # fmt: skip
    [meeting] = table(whole, "appointments")
    assert (meeting["sort"], meeting["place"], meeting["state"]) == ("interview", "中央公民館", "planned")
    [letter] = table(whole, "letters")
    assert (letter["about"], letter["state"]) == ("2026-10", "sent")
    assert TOLD in letter["text"]
    [loan] = table(whole, "loans")
    assert (loan["asset"], loan["sort"], loan["ended"]) == ("S-1", "pressure", "lost")
    [note] = table(whole, "watching")
    assert (note["told"], note["over"]) == (WATCHER, "")
    [visit] = table(whole, "referrals")
    assert (visit["state"], visit["seen"]) == ("seen", "2026-11-21")
    [bath] = table(whole, "sessions")
    assert (bath["place"], bath["pain_before"], bath["pain_after"]) == ("湯6", "6", "")


def test_no_word_of_staff_and_no_hidden_address_is_in_any_file(whole: bytes) -> None:
    said = b"".join(files_of(whole).values()).decode()
    for word in (STAFFS, HIDDEN, "湯3"):
        assert word not in said


def test_what_a_town_gave_is_not_given_twice_and_what_was_answered_is_not_asked_again(
    whole: bytes, empty: Engine
) -> None:
    assert isinstance(brought_in(empty, whole, keep_consents=True), Taken)
    with read(empty) as connection:
        [visit] = repo_referrals.of_resident(connection, HANAKO)
        assert visit.referral.state == "seen"
        assert repo_referrals.unfollowed(connection, RULES) == []
        [bath] = repo_before_after.of(connection, HANAKO)
        assert bath.felt["pain"].before == 6
        given = (repo_points.of, repo_point_teams.of_resident, repo_loans.ever_of, repo_cases.of_resident,
                 repo_appointments.of, repo_watch_alerts.of_resident)  # fmt: skip
        assert [ask(connection, HANAKO) for ask in given] == [[]] * len(given)


def test_an_archive_from_before_these_were_kept_is_taken_in_and_its_referrals_are_followed(
    whole: bytes, empty: Engine
) -> None:
    def older(files: dict[str, bytes]) -> None:
        for name in YOUNGER:
            del files[rows_file(name)]
            files["manifest.json"] = _without(files["manifest.json"], rows_file(name))

    done = brought_in(empty, forged(whole, older))
    assert isinstance(done, Taken), done
    with read(empty) as connection:
        assert len(repo_referrals.unfollowed(connection, RULES)) == 1


def _without(manifest: bytes, name: str) -> bytes:
    import json

    said = json.loads(manifest)
    said["files"] = [one for one in said["files"] if one["name"] != name]
    return json.dumps(said).encode()


FORGED: dict[str, tuple[str, Callable[[dict[str, bytes]], object]]] = {
    "another's referral": ("foreign", swap("rows/referral.ndjson", HANAKO.encode(), TARO.encode())),
    "a referral of no advice": ("dangling", swap("rows/referral.ndjson", b"a-k", b"a-m")),
    "an answer nobody can give": ("value", swap("rows/referral.ndjson", b'"seen"', b'"maybe"')),
    "a visit on no day": ("value", swap("rows/referral.ndjson", b"2026-11-21", b"2026-11-31")),
    "a bath of next year": ("value", swap("rows/before_after.ndjson", b'"started_at":1', b'"started_at":9')),
    "a bath of no sort": ("value", swap("rows/before_after.ndjson", b'"bath"', b'"cure"')),
    "more pain than there is": ("value", swap("rows/before_after.ndjson", b":6,", b":11,")),
    "a feeling nobody asks for": ("value", swap("rows/before_after.ndjson", b"pain", b"envy")),
    "a request that is not there": ("dangling", swap("rows/before_after.ndjson", b'"asked":null', b'"asked":"q-x"')),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_made_up_answer_or_bath_is_refused_and_nothing_is_stored(whole: bytes, empty: Engine, name: str) -> None:
    code, change = FORGED[name]
    refused = brought_in(empty, forged(whole, change))
    assert isinstance(refused, Refusal), refused
    assert refused.code == "bad-record"
    assert refused.message.endswith(f"line 1: {code}"), refused
    with read(empty) as connection:
        assert repo_before_after.of(connection, HANAKO) == []
