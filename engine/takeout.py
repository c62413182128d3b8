"""What a take-out is: one archive with everything of a resident, and a list by which every changed byte is found. Pure.

Inside: `rows/` the records exactly as they are kept, which the import reads; `fhir/` and `tables/` the same for other
programs and for people; `manifest.json` names each file with its sha256. It is no signature: it tells damage, and
whoever imports a file answers for whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from engine.contract.reading import END, ResidentId
from engine.locale import text
from engine.refusal import Refusal

FORMAT: Final = "minato-phr-takeout"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
# The rows the import reads, in the order in which it stores them.
ROWS: Final = (
    "household", "resident", "consent", "consent_source", "device", "binding", "reading", "measurement", "fact",
    "fact_origin", "care_entry", "fact_release", "advice", "advice_event", "advice_response", "request", "referral",
    "before_after", "interest", "address",
)  # fmt: skip
# Which of them an archive need not have: it was taken out before they were kept.
YOUNGER: Final = frozenset({"referral", "before_after"})
BUNDLE: Final = "fhir/bundle.json"
OBSERVATIONS: Final = "fhir/observations.ndjson"
_NAME: Final = re.compile(
    rf"(rows/[a-z_]{{1,40}}\.ndjson|tables/[a-z]{{1,40}}\.csv|fhir/[a-z.]{{1,40}}|README\.(ja|en)\.txt){END}"
)
MOST_FILES: Final = 64
MOST_MANIFEST: Final = 64 * 1024
MOST_BYTES: Final = 4 << 30
MOST_LINE: Final = 4 << 20


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of the archive by name, with the hash and number of its bytes, and of its records where it has any."""

    name: Annotated[str, msgspec.Meta(max_length=64)]
    sha256: Annotated[str, msgspec.Meta(pattern=rf"^[0-9a-f]{{64}}{END}")]
    size: Annotated[int, msgspec.Meta(ge=0)]
    records: int | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an archive holds, whose it is and when it was made."""

    format: Literal["minato-phr-takeout"] = FORMAT
    version: int = VERSION
    resident: ResidentId
    municipality: Annotated[str, msgspec.Meta(pattern=rf"^[0-9]{{6}}{END}")]
    made_at: datetime
    files: tuple[File, ...]

    @property
    def named(self) -> Mapping[str, File]:
        """The files by name."""
        return {one.name: one for one in self.files}


def rows_file(table: str) -> str:
    """Where the records of one table lie."""
    return f"rows/{table}.ndjson"


def read_manifest(content: bytes) -> Manifest | Refusal:
    """The list of an archive; refused not-ours, newer, damaged-list."""
    try:
        said = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Refusal("not-ours", "no list of a take-out")
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        return Refusal("not-ours", "no take-out of this program")
    if said.get("version") != VERSION:
        return Refusal("newer", f"a take-out of version {said.get('version')}; this program reads {VERSION}")
    try:
        found = msgspec.convert(said, Manifest)
    except msgspec.ValidationError as error:
        return Refusal("damaged-list", f"{MANIFEST}: {error}")
    return _wrong(found) or found


def readme(lang: Literal["ja", "en"], manifest_files: tuple[str, ...]) -> str:
    """What lies in the archive, in plain words."""
    lines = [text(lang, "resident", "takeout.readme"), ""]
    lines += [f"- {name}: {text(lang, 'resident', f'takeout.{name}')}" for name in ("tables", "fhir", "rows")]
    return "\r\n".join([*lines, "", *manifest_files, ""])


def _wrong(found: Manifest) -> Refusal | None:
    names = [one.name for one in found.files]
    strange = next((name for name in names if not _NAME.fullmatch(name)), None)
    if strange is not None:
        return Refusal("unknown-file", f"{strange!r} is no file of a take-out")
    if len(set(names)) < len(names) or len(names) > MOST_FILES:
        return Refusal("damaged-list", "a file stands in the list twice, or there are too many")
    wanted = (rows_file(table) for table in ROWS if table not in YOUNGER)
    missing = next((name for name in wanted if name not in names), None)
    if missing is not None:
        return Refusal("missing-file", f"{missing} is not in the list")
    if sum(one.size for one in found.files) > MOST_BYTES:
        return Refusal("too-large", "more than 4 GiB unpacked")
    return None
