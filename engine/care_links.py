"""Which patient of a medical network a resident is: named by a number, checked by name, birth date and sex. Pure.

A number alone links nobody, and a name alone even less. What both houses say must agree, or a person decides.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from engine.names import search_key
from engine.names_table import VOWEL_ROWS
from engine.people import MAX_LINE, Resident
from engine.refusal import Refusal

State = Literal["proposed", "held", "linked", "refused", "ended"]
STATES: Final[tuple[State, ...]] = get_args(State)
Point = Literal["kana", "birth-date", "sex"]
# Why a link ended: what was told of a mistaken one stands on a stranger's record and is taken back.
End = Literal["ended", "moved", "wrong-person"]
ENDS: Final[tuple[End, ...]] = get_args(End)
WRONG: Final = "wrong-person"
MOST_NUMBER: Final = 64
# After a kana of this row a long mark and these vowels are said alike: ユーコ and ユウコ, ケイ and ケー.
_LONG: Final = {"ア": "アー", "イ": "イー", "ウ": "ウー", "エ": "エイー", "オ": "オウー"}
_DASHED: Final = re.compile(r"(?<=[ァ-ヺｦ-ﾟぁ-ん])[-‐-―−－](?=[ァ-ヺｦ-ﾟぁ-ん]|$|\s)")
# They part a search by identifier.
_MARKS: Final = frozenset("|,$\\")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a network says of one of its patients; "" or () where it says nothing.

    `birth` is as written there, `replaced_by` the id of the patient it was merged into, `asked` the id that was found
    by the number where that one was merged into this.
    """

    remote_id: str
    kana: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    birth: str = ""
    sex: str = ""
    active: bool = True
    deceased: bool = False
    replaced_by: str = ""
    asked: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A resident's patient number in a network and what became of it; `at` is when `state` became what it is.

    `reason` is a code: of proposed and held why it goes no further, of linked agreed or accepted, of ended one of
    `ENDS`. `note` is what the person who decided wrote. `version` counts changes.
    """

    resident: str
    network: str
    system: str
    value: str
    remote_id: str | None = None
    state: State = "proposed"
    reason: str | None = None
    found: tuple[Found, ...] = ()
    note: str = ""
    by: str
    at: datetime
    version: int = 1


def kana_key(text: str) -> str:
    """By what readings of names are compared: as `search_key`, and a long vowel is one however it is written."""
    key = search_key(_DASHED.sub("ー", text))
    found: list[str] = []
    vowel = ""
    for letter in key:
        if letter in _LONG.get(vowel, ""):
            found.append("ー")
        else:
            found.append(letter)
            vowel = VOWEL_ROWS.get(unicodedata.normalize("NFD", letter)[0], "")
    return "".join(found)


def differing(person: Resident, found: Found) -> tuple[Point, ...]:
    """Where the two houses do not say the same of a person; silence does not agree."""
    mine = kana_key(person.family_kana + person.given_kana)
    agrees: tuple[tuple[Point, bool], ...] = (
        ("kana", any(kana_key(reading) == mine for reading in found.kana)),
        ("birth-date", found.birth == person.birth_date.isoformat()),
        ("sex", person.sex in {"male", "female"} and found.sex == person.sex),
    )
    return tuple(point for point, same in agrees if not same)


def doubts(person: Resident, found: Found) -> str | None:
    """Why a person has to decide about the one patient with the number, None where nothing speaks against it."""
    if found.replaced_by:
        return "merged"
    if found.deceased:
        return "deceased"
    if not found.active:
        return "inactive"
    return "differs" if differing(person, found) else None


def number_of(text: str) -> str | Refusal:
    """A patient number as it is kept, without the spaces around it; refused as bad-number."""
    plain = text.strip()
    bad = any(unicodedata.category(letter)[0] in "CZ" or letter in _MARKS for letter in plain)
    if not plain or bad or len(plain) > MOST_NUMBER:
        return Refusal("bad-number", f"a patient number is at most {MOST_NUMBER} letters and digits", "number")
    return plain


def propose(draft: Link, before: Link | None, *, again: bool = False) -> Link | Refusal:
    """The link that follows when a number is named; the same link where nothing is new.

    Refused as already-linked (end that first) and, unless `again`, as refused-before.
    """
    if before is None:
        return draft
    same = (before.system, before.value) == (draft.system, draft.value)
    if before.state == "linked" or (before.state == "held" and before.remote_id is not None):
        if same:
            return before
        return Refusal("already-linked", f"{draft.resident} is linked by another number: end that link first")
    if same and before.state in {"proposed", "held"}:
        return before
    if same and before.state == "refused" and not again:
        return Refusal("refused-before", "a person refused this number before; propose it again on purpose")
    return msgspec.structs.replace(draft, version=before.version)


def accept(link: Link, remote_id: str, note: str, by: str, at: datetime) -> Link | Refusal:
    """The link a person decided for after looking; the patient must be one they were shown.

    Refused as not-held, not-shown, not-acceptable (merged into another, gone, or somebody else's) or no-reason.
    """
    why = _reason(note)
    if isinstance(why, Refusal):
        return why
    if link.state != "held":
        return Refusal("not-held", "nobody has to decide about this link now")
    shown = next((one for one in link.found if one.remote_id == remote_id), None)
    if shown is None:
        return Refusal("not-shown", "this patient is not one of those found by the number", "patient")
    if shown.replaced_by or link.reason in {"taken", "gone"}:
        return Refusal("not-acceptable", "this patient cannot be linked; look again or refuse", "patient")
    return msgspec.structs.replace(
        link, remote_id=remote_id, state="linked", reason="accepted", found=(shown,), note=why, by=by, at=at
    )


def refuse(link: Link, note: str, by: str, at: datetime) -> Link | Refusal:
    """The link a person decided against; refused as not-held or no-reason."""
    why = _reason(note)
    if isinstance(why, Refusal):
        return why
    if link.state not in {"held", "proposed"} or link.remote_id is not None:
        return Refusal("not-held", "nobody has to decide about this link now; a link that was made is ended")
    return msgspec.structs.replace(
        link, remote_id=None, state="refused", reason="refused", found=(), note=why, by=by, at=at
    )


def end(link: Link, why: End, note: str, by: str, at: datetime) -> Link | Refusal:
    """The end of a link; refused as not-linked.

    What was found is kept, so that a mistake can be looked into; a held link that was linked before can end too.
    """
    if link.state != "linked" and not (link.state == "held" and link.remote_id is not None):
        return Refusal("not-linked", f"{link.resident} is not linked in {link.network}")
    return msgspec.structs.replace(link, state="ended", reason=why, note=note.strip()[:MAX_LINE], by=by, at=at)


def _reason(note: str) -> str | Refusal:
    plain = note.strip()
    if not plain or len(plain) > MAX_LINE or any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in plain):
        return Refusal("no-reason", f"say why in one line of at most {MAX_LINE} characters", "reason")
    return plain
