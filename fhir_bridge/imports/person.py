"""Whether a document is the resident's: name, birth date and sex must agree, and it must say enough of them."""

from __future__ import annotations

from typing import Final

from engine.names import search_key
from engine.people import Resident
from engine.refusal import Refusal
from fhir_bridge.imports.model import Person

_SEX: Final = {"male": "male", "m": "male", "1": "male", "男": "male", "female": "female", "f": "female",
               "2": "female", "女": "female"}  # fmt: skip


def not_the_resident(said: Person, resident: Resident) -> Refusal | None:
    """Why the document of `said` is not filed under `resident`, None when it may be.

    Refused as no-person where it names nobody by name and birth date, as other-person where anything is another's; the
    message says which of them, never what it is.
    """
    if not (said.kana or said.name) or not said.birth:
        return Refusal("no-person", "the document does not say whose it is by name and birth date", said.place)
    wrong = [what for what, agrees in _points(said, resident) if not agrees]
    if not wrong:
        return None
    return Refusal("other-person", f"the document is somebody else's: {', '.join(wrong)} differ", said.place)


def _points(said: Person, resident: Resident) -> list[tuple[str, bool]]:
    kana = search_key(resident.family_kana + resident.given_kana)
    written = search_key(resident.family_name + resident.given_name)
    # A check-up's name field holds kana or what stands in the register; a name in kana decides where there is one.
    named = search_key(said.kana) == kana if said.kana else search_key(said.name) in {kana, written}
    sex = _SEX.get(said.sex.strip().lower())
    known = sex is None or resident.sex not in {"male", "female"} or resident.sex == sex
    return [("name", named), ("birth date", said.birth == f"{resident.birth_date:%Y%m%d}"), ("sex", known)]
