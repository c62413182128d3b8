"""A take-out that was changed, made up or is a trick itself is refused with its reason and leaves nothing."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from engine.interests import codes
from engine.refusal import Refusal
from engine.takeout import MANIFEST, ROWS
from engine.takeout_opening import Opened, opened
from engine.takeout_taking import take
from tests.flow.takeouts import (
    BY,
    LATER,
    THERE,
    brought_in,
    empty,
    forged,
    house,
    rows_in,
    swap,
    taken_out,
    whole,
)
from tests.homes import HANAKO, HOUSEHOLD, TARO
from tests.stores import migrated_file

__all__ = ["empty", "house", "whole"]

FORGED: dict[str, tuple[str, Callable[[dict[str, bytes]], object], bool]] = {
    "a changed number": ("changed", swap("rows/measurement.ndjson", b'"60.00"', b'"61.00"'), False),
    "a file that is missing": ("missing-file", lambda files: files.pop("rows/fact.ndjson"), False),
    "a file of no list": ("unlisted-file", lambda files: files.update({"rows/more.ndjson": b""}), False),
    "a path out of it": ("unsafe-path", lambda files: files.update({"../engine.sqlite": b"x"}), False),
    "no list": ("not-ours", lambda files: files.pop(MANIFEST), False),
    "a later version": ("newer", swap(MANIFEST, b'"version": 1', b'"version": 2'), False),
    "another's reading": ("bad-record", swap("rows/reading.ndjson", HANAKO.encode(), TARO.encode()), True),
    "another's consent": ("bad-record", swap("rows/consent.ndjson", HANAKO.encode(), TARO.encode()), True),
    "advice that waits": ("bad-record", swap("rows/advice.ndjson", b'"delivered"', b'"approved"'), True),
    "no number": ("bad-record", swap("rows/measurement.ndjson", b'"60.00"', b'"sixty"'), True),
    "no column": ("bad-record", swap("rows/fact.ndjson", b'"code"', b'"coda"'), True),
    "a fact nobody can read": ("bad-record", swap("rows/fact.ndjson", b'"checkup"', b'"dreamed"'), True),
    "an interest nobody offers": ("bad-record", swap("rows/interest.ndjson", codes()[0].encode(), b"gambling"), True),
    "no line of JSON": ("bad-record", swap("rows/request.ndjson", b"{", b"["), True),
    "a visit of next year": ("bad-record", swap("rows/reading.ndjson", b'"stored_at":1', b'"stored_at":9'), True),
    "a yes of tomorrow": ("bad-record", swap("rows/consent.ndjson", b'"at":1', b'"at":9'), True),
}

WHERE = {
    "another's reading": "reading, line 1: foreign", "another's consent": "consent, line 1: foreign",
    "advice that waits": "advice, line 1: state", "no number": "measurement, line", "no column": "fact, line 1: columns",
    "a fact nobody can read": "cannot be read", "an interest nobody offers": "interest: unknown",
    "no line of JSON": "request", "a yes of tomorrow": "consent, line 1: value",
    "a visit of next year": "reading, line 1: value",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_changed_or_made_up_file_is_refused_with_its_reason_and_leaves_nothing(
    whole: bytes, empty: Engine, name: str
) -> None:
    code, change, seal = FORGED[name]
    content = forged(whole, change, seal=seal)
    before = rows_in(empty)
    refused = brought_in(empty, content)
    assert isinstance(refused, Refusal), refused
    assert refused.code == code, refused
    assert code != "bad-record" or refused.message.startswith((WHERE[name], "cannot be read again")), refused
    assert rows_in(empty) == before


def test_a_bomb_is_refused_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("manifest.json", "w") as raw:
        for _ in range(70):
            raw.write(b"0" * (1 << 20))
    with bomb.open("rb") as stream:
        refused = opened(stream)
    assert isinstance(refused, Refusal)
    assert refused.code == "zip-bomb"


def _twice(archive: zipfile.ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(MANIFEST, b"{}")


def _link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("rows/staff.ndjson")
    entry.external_attr = 0o120777 << 16
    archive.writestr(entry, "/etc/passwd")


def _liar(archive: zipfile.ZipFile) -> None:
    archive.infolist()[0].file_size = 1 << 40  # as zip64 tells it


@pytest.mark.parametrize(
    ("trick", "code"),
    [
        (_twice, "damaged-list"), (_link, "unlisted-file"), (_liar, "too-large"),
        (lambda archive: archive.writestr("/etc/cron.d/x", b""), "unsafe-path"),
        (lambda archive: archive.writestr("C:\\x", b""), "unsafe-path"),
        (lambda archive: [archive.writestr(f"tables/{number:03}", b"") for number in range(64)], "too-many-files"),
    ],
)  # fmt: skip
def test_an_archive_that_is_a_trick_itself_is_refused(
    whole: bytes, trick: Callable[[zipfile.ZipFile], object], code: str
) -> None:
    target = io.BytesIO(whole)
    with zipfile.ZipFile(target, "a") as archive:
        trick(archive)
        archive._didModify = True  # type: ignore[attr-defined]  # the list of a changed archive is written anew
    refused = opened(target)
    assert isinstance(refused, Refusal)
    assert refused.code == code


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04 nothing", b"%PDF-1.7"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    refused = opened(io.BytesIO(content))
    assert isinstance(refused, Refusal)
    assert refused.code == "damaged-zip"


_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=9), st.lists(st.none(), max_size=1),
    st.sampled_from(["delivered", "accepted", TARO, HANAKO, HOUSEHOLD, "record", "62.30", "-1", "\0", "\ud800", 0, -1]),
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=12)
def test_whatever_one_record_says_it_is_taken_whole_or_refused_with_a_reason_and_leaves_nothing(
    whole: bytes, data: st.DataObject
) -> None:
    table = data.draw(st.sampled_from(ROWS))

    def spoil(files: dict[str, bytes]) -> None:
        lines = files[f"rows/{table}.ndjson"].splitlines()
        number = data.draw(st.integers(0, len(lines) - 1))
        record = json.loads(lines[number])
        name = data.draw(st.sampled_from([*record, "more"]))
        way = data.draw(st.sampled_from(["value", "without", "twice"]))
        if way == "value":
            record[name] = data.draw(_ODD)
        elif way == "without":
            record.pop(name, None)
        else:
            lines.append(lines[number])
        lines[number] = json.dumps(record).encode()
        files[f"rows/{table}.ndjson"] = b"".join(line + b"\n" for line in lines)

    found = opened(io.BytesIO(forged(whole, spoil)))
    assert isinstance(found, Opened)
    with tempfile.TemporaryDirectory() as folder:
        engine = migrated_file(Path(folder) / "there.sqlite")
        before = rows_in(engine)
        done = take(engine, found, LATER, BY, THERE)
        if isinstance(done, Refusal):
            assert done.code in {"bad-record", "unknown-municipality"}, done
            assert rows_in(engine) == before
        else:
            # What was taken can be shown and taken out again.
            taken_out(engine, THERE)
        engine.dispose()
