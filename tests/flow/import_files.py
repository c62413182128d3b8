"""The files other programs write, built from tests/golden/imports: zips, a database, JSON and the encodings of Japan."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[1] / "golden/imports"
WEIGHTS = [
    {"logId": 1, "weight": 137.4, "bmi": 26.8, "fat": 24.1, "date": "11/20/24", "time": "07:05:00", "source": "Aria"},
    {"logId": 2, "weight": 62.4, "bmi": 26.83, "date": "11/19/24", "time": "07:01:00", "source": "API"},
    {"logId": 3, "weight": 100, "date": "11/18/24", "time": "07:01:00"},
]
STEPS = [
    {"dateTime": "11/19/24 23:51:00", "value": "133"},
    {"dateTime": "11/20/24 14:58:00", "value": "5000"},
    {"dateTime": "11/20/24 15:01:00", "value": "50"},
]
BEATS = [{"dateTime": "11/19/24 22:05:10", "value": {"bpm": 66, "confidence": 2}}]
RESTING = [
    {"dateTime": "11/20/24 00:00:00", "value": {"date": "11/20/24", "value": 58.01, "error": 6.7}},
    {"dateTime": "11/21/24 00:00:00", "value": {"date": None, "value": 0.0, "error": 0.0}},
]
SLEEP = [
    {"logId": 9, "startTime": "2024-11-19T23:10:30.000", "endTime": "2024-11-20T06:10:30.000", "minutesAsleep": 388}
]
FITBIT: dict[str, Any] = {
    "weight-2026-11-01.json": WEIGHTS,
    "steps-2026-11-01.json": STEPS,
    "heart_rate-2026-11-19.json": BEATS,
    "resting_heart_rate-2026-11-01.json": RESTING,
    "sleep-2026-11-01.json": SLEEP,
}


def sample(name: str, **words: str) -> bytes:
    """A sample, with `@APP@` and the like replaced."""
    text = (SAMPLES / name).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text.encode()


def as_cp932(name: str) -> bytes:
    return sample(name).decode().encode("cp932")


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("DOT", "."), data)
    return out.getvalue()


def apple_zip(app: str = "HealthPlanet") -> bytes:
    return zipped(
        apple_health_export__export_cdaDOTxml=b"<ClinicalDocument/>",
        apple_health_export__exportDOTxml=sample("apple-health.xml", APP=app),
    )


def fitbit_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, entries in FITBIT.items():
            archive.writestr(f"Takeout/Fitbit/Global Export Data/{name}", json.dumps(entries))
        archive.writestr("Takeout/archive_browser.html", "<html/>")
    return out.getvalue()


def health_connect_db(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.executescript(sample("health-connect.sql").decode())
    connection.close()
    return path


def health_connect_zip(folder: Path) -> bytes:
    return zipped(health_connect_exportDOTdb=health_connect_db(folder / "made.db").read_bytes())
