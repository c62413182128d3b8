"""まちかど保健室: the person identifies first, and the reading goes to them or nowhere."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engine.store import repo_cards
from engine.store.database import write
from simulators.home import wait_until
from tests.flow.spot_home import TEST, SpotHome

pytestmark = [pytest.mark.flow, pytest.mark.needs_mosquitto]
READINGS = (
    "SELECT r.resident_id, r.household_id, m.kind, m.value FROM reading r JOIN measurement m ON m.reading_id=r.id "
    "WHERE m.kind IN ('body-weight','systolic') ORDER BY m.kind, m.value"
)


def left_behind(folder: Path) -> list[str]:
    """Raw frames and readings in the gateway's journal."""
    with sqlite3.connect(folder / "journal.sqlite") as db:
        rows = db.execute("SELECT 'frame' FROM frame UNION ALL SELECT 'reading' FROM reading").fetchall()
    db.close()
    return [row[0] for row in rows]


@pytest.mark.xdist_group("home")
def test_a_reading_at_a_spot_is_the_identified_persons_or_goes_nowhere(tmp_path: Path) -> None:
    with SpotHome(tmp_path) as spot:
        hanako = spot.person("ハナコ", date(1946, 1, 23), "１２３４－５６７８")
        taro = spot.person("タロウ", date(1950, 2, 28), "00998877")
        silent = spot.person("サチコ", date(1939, 3, 3), "555", records=False)
        lost, lost_code = spot.card(hanako)
        _, code = spot.card(hanako, "はなちゃん")
        spot.until("idle")

        # Nobody said who they are: nothing is kept anywhere.
        spot.measure("scale", weight="70.00")
        assert wait_until(lambda: spot.dropped() == 1, 30)
        assert spot.refused("PHR1-" + "A" * 26) == "unknown"
        spot.measure("scale", weight="71.00")
        assert wait_until(lambda: spot.dropped() == 2, 30)
        assert wait_until(lambda: left_behind(spot.folder) == [], 30)
        assert spot.query(READINGS) == []

        # A card opens a visit for its holder, who lives elsewhere; an older record in the scale is somebody else's.
        spot.type(code.lower())
        assert spot.until("open") == {"event": "open", "call": "はなちゃん"}
        spot.measure("scale", datetime.now(UTC) - timedelta(hours=1), weight="80.00")
        assert wait_until(lambda: spot.dropped() == 3, 30)
        spot.measure("scale", weight="62.30")
        shown = spot.until("shown")
        assert [(value["kind"], value["value"]) for value in shown["values"]] == [("body-weight", "62.30")]
        # Enter: she wants her blood pressure, too.
        spot.type("")
        assert spot.until("open")["call"] == "はなちゃん"
        spot.measure("cuff", systolic="128", diastolic="76", pulse_rate="66")
        spot.until("shown")
        wanted = [
            (hanako.id, hanako.household_id, "body-weight", "62.30"),
            (hanako.id, hanako.household_id, "systolic", "128"),
        ]
        assert wait_until(lambda: spot.query(READINGS) == wanted, 30), spot.query(READINGS)

        # Somebody steps on after her: her visit and her name are gone at once.
        spot.measure("scale", weight="81.00")
        spot.until("idle")
        assert wait_until(lambda: spot.dropped() == 4, 30)

        # A lost card opens nothing any more.
        with write(spot.parts.store) as connection:
            repo_cards.revoke(connection, lost, datetime.now(UTC), TEST)
        assert spot.refused(lost_code) == "unknown"
        spot.type("５５５")
        spot.type("昭和14年3月3日")
        assert spot.until("sorry")["code"] == "no-consent"

        # Number and birth date, as people write them; the next person measures on another scale.
        spot.type("0099-8877")
        spot.type("昭和二十五年二月二十八日")
        assert spot.until("open") == {"event": "open", "call": "タ"}
        spot.measure("advert", weight="71.20", impedance="512")
        spot.until("shown")
        spot.type("q")
        spot.until("idle")
        wanted.insert(1, (taro.id, taro.household_id, "body-weight", "71.20"))
        assert wait_until(lambda: spot.query(READINGS) == wanted, 30), spot.query(READINGS)
        assert wait_until(lambda: left_behind(spot.folder) == [], 30)

        assert spot.query("SELECT count(*) FROM refusal") == [(0,)]
        assert spot.query("SELECT count(*) FROM reading WHERE outcome <> 'accepted'") == [(0,)]
        trail = spot.query("SELECT action, actor, subject FROM audit WHERE action LIKE 'visit%' OR action LIKE 'card%'")
        assert {row[2] for row in trail} == {hanako.id, taro.id}
        assert all(re.fullmatch(r"(test|g-[a-z2-7]{13})", actor) for _, actor, _ in trail)
        assert [row[0] for row in trail].count("visit-open") == 2
        assert silent.id not in str(trail)
        # Events name nobody.
        assert not any(person.id in str(spot.seen) for person in (hanako, taro, silent))


@pytest.mark.xdist_group("home")
def test_what_was_measured_in_a_visit_survives_engine_and_spot_and_the_visit_does_not(tmp_path: Path) -> None:
    with SpotHome(tmp_path) as spot:
        hanako = spot.person("ハナコ", date(1946, 1, 23), "1")
        _, code = spot.card(hanako)
        spot.until("idle")
        assert spot.refused("PHR1-" + "A" * 26) == "unknown"
        spot.type(code)
        spot.until("open")
        spot.parts.engine.kill()
        spot.measure("scale", weight="62.30")
        spot.until("shown")
        spot.end(kill=True)
        spot.parts.engine.start()
        spot.start()
        assert spot.until("idle") == {"event": "idle"}
        wanted = [(hanako.id, hanako.household_id, "body-weight", "62.30")]
        assert wait_until(lambda: spot.query(READINGS) == wanted, 40)
        # Nobody remembers who stood there.
        spot.measure("scale", weight="62.40")
        assert wait_until(lambda: spot.dropped() == 1, 30)
        assert spot.query(READINGS) == wanted
        assert wait_until(lambda: left_behind(spot.folder) == [], 30)
