"""A person of whom something lies in every table that can hold anything of a person, each word found nowhere else.

Rows are written column by column from the tables themselves, so that a new table or column is planted without a word
here; how rows hang together is said by the names of their columns (`LINKS`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from itertools import groupby, product
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, Float, Integer, Text, insert, select
from sqlalchemy.sql.sqltypes import BigInteger

from engine.store.erasing_tables import ERASED
from engine.store.rows import Row
from engine.store.tables_desk import STANDING_APPROVAL
from tests.homes import DEVICE, GATEWAY, HOUSEHOLD

TOWN, APPROVAL = "062049", "p-ppppppppppppp"
# They are there before anything is planted: the home's own doors made them.
_MADE = {"resident", "device", "binding"}
# Only the hash of a message none of whose readings could be named: in a home of several it is nobody's.
_SHARED = {"bad_message"}


class Planter:
    """Plants for one person: `letter` tells two apart; every word it wrote is in `words`."""

    def __init__(self, resident: str, letter: str, pseudonym: str, alone_in: str = HOUSEHOLD) -> None:
        self.resident, self.letter, self.pseudonym, self.home = resident, letter, pseudonym, alone_in
        self.member = f"m-{letter * 13}"
        self.advice = f"a-{letter * 13}"
        self.fact = f"v-{letter * 13}"
        self.reading = letter * 26
        self.words: list[str] = []

    def word(self) -> str:
        """A word nobody else writes."""
        self.words.append(f"鶴岡{self.letter}{len(self.words):05d}ﾔﾏﾀﾞ𠮷")
        return self.words[-1]

    def everywhere(self, connection: Connection, times: int = 1) -> None:
        """Rows in every table that is erased by person; of tables with one row a person, one."""
        self._sign(connection)
        for table in reversed(list(ERASED)):
            if table.name in _MADE | _SHARED:
                continue
            for turn in range(times):
                known = len(self.words)
                row = self._row(table, turn)
                if turn and self._taken(connection, table, row):
                    del self.words[known:]
                    break
                connection.execute(insert(table), row)

    def _sign(self, connection: Connection) -> None:
        """A standing approval, which is nobody's: what was approved by it refers to it."""
        if connection.execute(select(STANDING_APPROVAL.c.id)).first() is None:
            row = {column.name: 1 if isinstance(column.type, Integer | BigInteger) else "-"
                   for column in STANDING_APPROVAL.columns if not column.nullable}  # fmt: skip
            connection.execute(insert(STANDING_APPROVAL), row | {"id": APPROVAL, "municipality_code": TOWN})

    def _taken(self, connection: Connection, table: Any, row: dict[str, Any]) -> bool:
        keys = [column for column in table.primary_key.columns if column.name in row]
        unique = [list(one.columns) for one in table.indexes if one.unique]
        unique += [list(one.columns) for one in table.constraints if type(one).__name__ == "UniqueConstraint"]
        for columns in [keys, *unique]:
            if columns:
                query = select(*columns)
                for column in columns:
                    query = query.where(column == row[column.name])
                if connection.execute(query).first() is not None:
                    return True
        return False

    def _row(self, table: Any, turn: int) -> dict[str, Any]:
        return {
            column.name: value
            for column in table.columns
            if (value := self._value(table.name, column, turn)) is not None
        }

    def _value(self, table: str, column: Any, turn: int) -> Any:  # noqa: PLR0911
        links: dict[str, Any] = {
            "resident_id": self.resident, "household_id": self.home, "device_id": DEVICE, "gateway_id": GATEWAY,
            "municipality_code": TOWN, "advice_id": self.advice, "fact_id": self.fact, "reading_id": self.reading,
            "holder": self.resident, "owner": self.resident, "team_id": None, "case_id": f"case-{self.letter}", "approval_id": APPROVAL, "network": "choukai-net", "pseudonym": self.pseudonym,
        }  # fmt: skip
        special: dict[tuple[str, str], Any] = {
            ("web_session", "subject"): self.resident, ("sign_in_code", "subject"): self.resident,
            ("watch_telling", "recipient"): self.member, ("notice", "recipient"): self.resident, ("acting", "actor"): self.member, ("push", "sent_at"): 1,
            ("family_member", "id"): self.member, ("consent", "recipient"): self.member, ("alias", "of"): self.reading,
            ("one_id", "ended_at"): None, ("one_id_session", "issuer"): f"issuer-{self.letter}",
            ("one_id", "issuer"): f"issuer-{self.letter}", ("one_id_session", "subject"): f"subject-{self.letter}",
            ("one_id", "subject"): f"subject-{self.letter}", ("push", "state"): "confirmed",
            ("care_link", "state"): "ended", ("outbox", "key"): self.advice if turn else self.resident,
            ("refusal", "content"): f'{{"device":"{DEVICE}","user_slot":{1 if self.letter == "a" else 2},'
            f'"values":"{self.word()}"}}' if (table, column.name) == ("refusal", "content") else None,
            ("saved_view", "query"): f"q={self.resident}" if self.letter == "a" else "state=open",
        }  # fmt: skip
        if (table, column.name) in special:
            return special[table, column.name]
        first = {
            "advice": self.advice, "fact": self.fact, "reading": self.reading,
            "guidance_case": f"case-{self.letter}",
        }  # fmt: skip
        if column.name == "id" and table in first and not turn:
            return first[table]
        if column.name in links and not (table == "alias" or (table == "reading" and column.name == "id")):
            return links[column.name]
        kind = column.type
        if isinstance(kind, Boolean):
            return True
        if isinstance(kind, Integer | BigInteger):
            return None if column.autoincrement is True else ord(self.letter) * 1_000 + turn
        if isinstance(kind, Float):
            return 0.5
        assert isinstance(kind, Text), column
        return self.word()


def dump(connection: Connection, without: Iterable[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but those named, in an order of its own."""
    left_out = {"audit", "tally", "closure", "forget_order", *without}
    return {
        name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
        for name, table in Row.metadata.tables.items()
        if name not in left_out
    }


def found_in(folder: Path, words: Collection[str]) -> dict[str, set[str]]:
    """Which of the words stand in which file below `folder`, in any of the ways a text can be written as bytes."""
    files = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    hits: dict[str, set[str]] = {}
    for (encoding, errors), (_, alike) in product(_ENCODINGS, _by_beginning(words)):
        written = {word: word.encode(encoding, errors) for word in alike}
        # Words of one kind begin alike: where that beginning is nowhere, none of them is.
        start: bytes = os.path.commonprefix(list(written.values()))  # type: ignore[assignment]  # noqa: RUF071 - no paths
        for path, content in files.items():
            if start in content:
                found = {word for word, made in written.items() if made in content}
                if found:
                    hits.setdefault(path.relative_to(folder).as_posix(), set()).update(found)
    return hits


_ENCODINGS = (
    ("utf-8", "strict"), ("utf-16-le", "strict"), ("utf-16-be", "strict"), ("ascii", "backslashreplace"),
    ("cp932", "backslashreplace"), ("euc_jp", "backslashreplace"),
)  # fmt: skip


def _by_beginning(words: Collection[str]) -> list[tuple[str, list[str]]]:
    return [(first, list(alike)) for first, alike in groupby(sorted(words), key=itemgetter(0))]
