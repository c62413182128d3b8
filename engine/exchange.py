"""What follows from one row of the city's list: taken, settled, left, or put before a person. Pure.

The list tells; it decides nothing about who somebody is. Only what the city changed since its last list is taken, so
that what a resident told the desk meanwhile stays; where both changed, a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, get_args

import msgspec

from engine.exchange_rows import Said
from engine.municipalities import REGION
from engine.people import Resident
from engine.situation import GONE, LifeEvent, Situation
from engine.situation import Sort as Happened

Sort = Literal["link", "identity", "shield", "back", "alive", "death", "moved-out", "move", "both-changed"]
Kind = Literal["taken", "settled", "left", "proposed"]
Key = tuple[str, date, str]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
# What a person without the right to write life events must not decide.
LIVES: Final[frozenset[Sort]] = frozenset({"back", "alive", "death", "moved-out", "move"})
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("family_name", "given_name"), "kana": ("family_kana", "given_kana"), "birth": ("birth_date",),
    "sex": ("sex",), "address": ("address",), "insured": ("insured_number",),
}  # fmt: skip
_SAID: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("family", "given"), "kana": ("family_kana", "given_kana"), "birth": ("birth",), "sex": ("sex",),
    "address": ("address",), "insured": ("insured",),
}  # fmt: skip
HAPPENS: Final[Mapping[str, Happened]] = {"dead": "death", "moved-out": "moved-out"}


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A resident whom the list names: as they are here, what the list told last, and what contradicts it.

    `base` None: nothing yet. `newest` is the day of their newest reading, `spoken` of the last talk with them;
    `shared` that others of their household do not move to the same new address in the same list.
    """

    person: Resident
    base: Said | None
    situation: Situation
    newest: date | None = None
    spoken: date | None = None
    shared: bool = False
    shielded: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a row: which `fields` are taken, what `happens` on which day, or why a person decides.

    `settled` rows change nothing but what the list is known to have told; `left` rows not even that.
    """

    kind: Kind
    fields: tuple[str, ...] = ()
    happens: Happened | None = None
    sort: Sort | None = None
    reason: str | None = None

    @property
    def what(self) -> tuple[str, ...]:
        """What would be changed, in words of ours that name no value."""
        return tuple(word for word in (*self.fields, self.happens, self.sort) if word is not None)


def hidden(said: Said, *, shielded: bool) -> Said:
    """`said` without the place of somebody under a measure of support, whoever says so: it is kept nowhere."""
    return msgspec.structs.replace(said, address=None, to=None) if shielded or said.shielded else said


def judge(said: Said, known: Known, town: str, today: date) -> Verdict:
    """What follows from a row (already `hidden`) about somebody known by their number; the gravest doubt decides."""
    if known.base == said:
        return Verdict(kind="settled")
    if known.person.status == "left":
        return Verdict(kind="left")
    changed = changes(said, known)
    taken = tuple(field for field in changed if not _ours_moved_on(field, known))
    doubt = _doubt(said, known, changed, taken, town, today)
    if doubt is not None:
        return doubt
    happens = _happens(said, known)
    if _gone(known.situation) is not None and happens is None:
        return Verdict(kind="left")
    return Verdict(kind="taken" if taken or happens else "settled", fields=taken, happens=happens)


def changes(said: Said, known: Known) -> tuple[str, ...]:
    """The fields that the city changed and that are otherwise here; an empty cell takes nothing away."""
    found = []
    for field in FIELDS:
        theirs = _theirs(said, field)
        if theirs == (None,) or theirs == _ours(known.person, field):
            continue
        if known.base is None or theirs != _theirs(known.base, field):
            found.append(field)
    return tuple(found)


def amended(person: Resident, said: Said, fields: Iterable[str]) -> Resident:
    """`person` with these fields as the list tells them, one version on; the same value where that is nothing new."""
    values: dict[str, Any] = {}
    for field in fields:
        values |= dict(zip(FIELDS[field], _theirs(said, field), strict=True))
    changed = msgspec.structs.replace(person, **values)
    return changed if changed == person else msgspec.structs.replace(changed, version=person.version + 1)


def key_of(said: Said) -> Key:
    """By what a person of the list is looked for: the whole reading, birth and sex; exact, and never enough."""
    return said.family_kana + said.given_kana, said.birth, said.sex


def key_here(person: Resident) -> Key:
    """The same of a resident."""
    return person.family_kana + person.given_kana, person.birth_date, person.sex


def candidates(said: Said, index: Mapping[Key, Sequence[Resident]], present: frozenset[str]) -> list[Resident]:
    """Residents who may be the person of an unknown number: not those whom the list names under their own number."""
    return [person for person in index.get(key_of(said), ()) if person.id not in present]


def standing_gone(situation: Situation) -> LifeEvent | None:
    """The death or the move away that stands without an end, also one that is announced; a death before a move."""
    found = [event for event in situation.standing if event.sort in GONE and event.until is None]
    return min(found, key=lambda event: (event.sort != "death", event.since), default=None)


def _doubt(
    said: Said, known: Known, changed: tuple[str, ...], taken: tuple[str, ...], town: str, today: date
) -> Verdict | None:  # fmt: skip
    """Why a person has to look, the gravest first."""
    who = _other_person(said, known, changed)
    if who is not None:
        return _propose("identity", who)
    if said.shielded and not known.shielded and not (known.base is not None and known.base.shielded):
        return _propose("shield", "city-shields")
    told = known.base is not None and (known.base.state, known.base.on) == (said.state, said.on)
    life = None if told else _life_doubt(said, known, town, today)
    if life is not None:
        return life
    if taken != changed and _gone(known.situation) is None:
        return _propose("both-changed", ",".join(field for field in changed if field not in taken))
    if "address" in taken and known.person.address and known.shared and said.state == "lives":
        return _propose("move", "household")
    return None


def _other_person(said: Said, known: Known, changed: tuple[str, ...]) -> str | None:
    """Why the number may be somebody else's by now: a birth, a sex or a given name does not change like a surname."""
    if "birth" in changed:
        return "birth"
    if "sex" in changed and known.person.sex != "unknown":
        return "sex"
    return "given-kana" if "kana" in changed and said.given_kana != known.person.given_kana else None


def _life_doubt(said: Said, known: Known, town: str, today: date) -> Verdict | None:
    """What contradicts the state that the list newly tells."""
    here = _gone(known.situation)
    if said.state == "lives" and here is None and known.person.municipality_code != town:
        return _propose("move", "back-here")
    if said.state == "lives" or here == "death":
        return None if here in {None, HAPPENS.get(said.state)} else _back(said, here)
    if here == HAPPENS[said.state]:
        return None
    assert said.on is not None  # such rows are refused without a day
    sort: Sort = "death" if said.state == "dead" else "moved-out"
    late = known.newest is not None and known.newest > said.on
    reasons = {
        "other-town": said.state == "moved-out" and said.to in REGION and said.to != town,
        "future": said.state == "dead" and said.on > today,
        "readings-since": late,
        "spoken-since": said.state == "dead" and known.spoken is not None and known.spoken > said.on,
    }
    reason = next((word for word, holds in reasons.items() if holds), None)
    return None if reason is None else _propose("move" if reason == "other-town" else sort, reason)


def _back(said: Said, here: str | None) -> Verdict:
    if said.state == "moved-out":
        return _propose("alive", "dead-here")
    return _propose("alive" if here == "death" else "back", "city-has-them")


def _happens(said: Said, known: Known) -> Happened | None:
    """The event to be recorded of a row nobody has to look at."""
    happens = HAPPENS.get(said.state)
    told = known.base is not None and (known.base.state, known.base.on) == (said.state, said.on)
    return None if told or happens is None or _gone(known.situation) in {happens, "death"} else happens


def _gone(situation: Situation) -> str | None:
    """`death` or `moved-out` where one stands, or the registered status tells of one that no event does."""
    event = standing_gone(situation)
    if event is not None:
        return event.sort
    return {"deceased": "death", "moved": "moved-out"}.get(situation.status)


def _propose(sort: Sort, reason: str) -> Verdict:
    return Verdict(kind="proposed", sort=sort, reason=reason)


def _ours_moved_on(field: str, known: Known) -> bool:
    """Whether it was changed here since the list told of it, or was never compared."""
    ours = _ours(known.person, field)
    if ours in {(None,), ("unknown",)}:
        return False
    return known.base is None or ours != _theirs(known.base, field)


def _theirs(said: Said, field: str) -> tuple[Any, ...]:
    return tuple(getattr(said, name) for name in _SAID[field])


def _ours(person: Resident, field: str) -> tuple[Any, ...]:
    return tuple(getattr(person, name) for name in FIELDS[field])
