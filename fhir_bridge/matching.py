"""From the patients a network answered with to a link, or to the doubt a person has to decide about. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine import names
from engine.care_links import Found, Link, doubts
from engine.people import Resident
from engine.refusal import Refusal
from fhir_bridge.imports.json_parts import listed, mapping, word

Json = Mapping[str, Any]
# More than two patients with one number are as doubtful as two.
MOST_HITS: Final = 3
_LONGEST: Final = 200
_NAMES: Final = 5
_REPRESENTATION: Final = "iso21090-EN-representation"
_SYLLABIC: Final = "SYL"
_NOT_NOW: Final = frozenset({"old", "maiden", "nickname", "anonymous"})
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_PATIENT: Final = re.compile(r"Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def patient_id(reference: str, base: str = "") -> str | None:
    """The id of the patient a reference points to, by itself or below `base`; None for one of another server."""
    found = _PATIENT.fullmatch(reference.removeprefix(f"{base.rstrip('/')}/") if base else reference)
    return found[1] if found else None


def bears(patient: Json, system: str, value: str) -> bool:
    """Whether a patient with an id has this number, and not as an old one: some servers answer with others."""
    return _ID.fullmatch(word(patient, "id")) is not None and any(
        word(mark, "system") == system and word(mark, "value") == value and word(mark, "use") != "old"
        for mark in listed(patient, "identifier")
    )


def found_of(patient: Json, asked: str = "") -> Found:
    """What a Patient resource says of who it is."""
    kana: list[str] = []
    written: list[str] = []
    for name in listed(patient, "name"):
        whole = _whole(name)
        if whole and word(name, "use") not in _NOT_NOW:
            (kana if _is_kana(name, whole) else written).append(whole)
    return Found(
        remote_id=word(patient, "id"), kana=tuple(kana[:_NAMES]), names=tuple(written[:_NAMES]),
        birth=word(patient, "birthDate")[:10], sex=word(patient, "gender")[:10],
        active=patient.get("active") is not False,
        deceased="deceasedDateTime" in patient or patient.get("deceasedBoolean") is True,
        replaced_by=_replaced_by(patient), asked=asked,
    )  # fmt: skip


def judged(link: Link, person: Resident, hits: Sequence[Found], owner: str | None) -> Link:
    """The link after looking: linked where exactly one patient has the number and is the resident beyond doubt.

    `hits` bear the number or follow one that does; `owner` is the resident linked to the single one already. Nobody
    found leaves it proposed as no-hit; any doubt holds it, with what was found, for a person.
    """
    if not hits:
        return _at(link, "proposed", "no-hit", ())
    if len(hits) > 1:
        return _at(link, "held", "several", hits[:MOST_HITS])
    one = hits[0]
    reason = "taken" if owner not in {None, link.resident} else doubts(person, one)
    if reason is not None:
        return _at(link, "held", reason, hits)
    return msgspec.structs.replace(_at(link, "linked", "agreed", hits), remote_id=one.remote_id)


def rechecked(link: Link, person: Resident, now: Found | None) -> Link:
    """A link after its patient was read again: held as gone or changed where the two are not the same any more.

    What a person accepted stays accepted until the network says something else of the patient.
    """
    if now is None:
        return _at(link, "held", "gone", link.found)
    known = link.found[0] if link.found else None
    agrees = doubts(person, now) is None
    if known is not None and msgspec.structs.replace(now, asked=known.asked) == known:
        # The resident's own record may have been corrected since both agreed.
        return link if agrees or link.reason == "accepted" else _at(link, "held", "changed", (now,))
    if agrees:
        return msgspec.structs.replace(link, found=(now,))
    return _at(link, "held", "changed", (now,))


def why_not(link: Link, refusal: Refusal | str) -> Link:
    """A link that could not be looked up now, with the reason; the doubt of one that is held stays."""
    if link.state == "held":
        return link
    code = refusal if isinstance(refusal, str) else refusal.code
    return msgspec.structs.replace(link, reason=code)


def _at(link: Link, state: Any, reason: str, found: Iterable[Found]) -> Link:
    return msgspec.structs.replace(link, state=state, reason=reason, found=tuple(found))


def _whole(name: Json) -> str:
    given = name.get("given")
    parts = [word(name, "family"), *(one for one in given if isinstance(one, str))] if isinstance(given, list) else []
    return (" ".join(part for part in parts if part) or word(name, "text") or word(name, "family"))[:_LONGEST]


def _is_kana(name: Json, whole: str) -> bool:
    """By what the name says of itself; kana that nobody marked is kana all the same."""
    marks = {word(mark, "valueCode") for mark in listed(name, "extension")
             if word(mark, "url").endswith(_REPRESENTATION)}  # fmt: skip
    return _SYLLABIC in marks or (not marks and not isinstance(names.kana(whole[: names.MAX_LENGTH]), Refusal))


def _replaced_by(patient: Json) -> str:
    for link in listed(patient, "link"):
        if word(link, "type") == "replaced-by":
            return patient_id(word(mapping(link, "other"), "reference")) or "?"
    return ""
