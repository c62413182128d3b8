"""The attachments of the documents a network points to: fetched once if small and of a form that is read, then filed.

What became of each stands beside the documents, so that a pull that broke off goes on where it stopped.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

import msgspec

from engine.care_links import Link
from engine.refusal import Refusal
from engine.store import audit, repo_entries, repo_facts, repo_pulled, repo_residents
from engine.store.database import Connection, read, write
from engine.store.repo_pulled import ATTACHMENT, Kept
from fhir_bridge.client_answers import Blob, Failure
from fhir_bridge.imports.entries import of_channel, version_of
from fhir_bridge.imports.filing import Filing, file_in
from fhir_bridge.imports.json_parts import listed, mapping, withheld, word
from fhir_bridge.imports.model import Entering
from fhir_bridge.imports.originals import Originals
from fhir_bridge.imports.reading import read_document
from fhir_bridge.linking import Reach, reason_of
from fhir_bridge.pull_derive import Hand, body_of
from fhir_bridge.pull_permit import permitted

MOST_BYTES: Final = 5 << 20
FILED: Final = "filed"
WITHDRAWN: Final = "withdrawn"
# By what a form is announced; what it is, its first bytes say.
_FORMS: Final = ("json", "xml", "hl7-v2")
_FHIR: Final = "application/fhir+json"
_TYPE: Final = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
# Whatever else would be asked for would meet the same.
_NOT_NOW: Final = frozenset({"offline", "breaker", "auth"})


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """One attachment of one edition of a document; `data` is base64 where it came inside."""

    of: Kept
    number: int
    content_type: str
    url: str
    data: str
    size: int

    @property
    def id(self) -> str:
        """By what it is kept beside its document."""
        return f"{self.of.id}.{self.number}"


def pull_documents(reach: Reach, link: Link, originals: Originals, rng: Random) -> tuple[Counter[str], str | None]:
    """Files every attachment that was not dealt with yet; how many by what became of them, and what stopped it.

    One that fails is tried again next time and holds no other up, unless the whole network is out of reach.
    """
    done: Counter[str] = Counter()
    stopped: str | None = None
    with read(reach.engine) as connection:
        documents = repo_pulled.newest(connection, link.network, link.resident)
        known = {(one.id, one.version) for one in repo_pulled.attachments(connection, link.network, link.resident)}
    for document in documents:
        if document.type != "DocumentReference":
            continue
        if is_void(body_of(document)):
            done.update(_withdraw(reach, link, document, rng))
            continue
        for one in attachments_of(document):
            if (one.id, document.version) in known:
                continue
            state = _deal_with(reach, link, one, originals, rng)
            if isinstance(state, Refusal):
                return done, state.code
            if isinstance(state, Failure):
                stopped = stopped or reason_of(state)
                if state.kind in _NOT_NOW:
                    return done, stopped
                continue
            done[state] += 1
    return done, stopped


def is_void(document: Mapping[str, Any]) -> bool:
    """Whether a document counts no more: entered in error, or not to be given to the person."""
    return "entered-in-error" in {word(document, "status"), word(document, "docStatus")} or withheld(document)


def attachments_of(document: Kept) -> Iterator[Attachment]:
    """What a document points to, in its order."""
    for number, content in enumerate(listed(body_of(document), "content")):
        said = mapping(content, "attachment")
        size: Any = said.get("size")
        yield Attachment(
            of=document, number=number, content_type=word(said, "contentType").lower(), url=word(said, "url"),
            data=word(said, "data"), size=_bytes_said(size),
        )  # fmt: skip


def content_of(one: Attachment, blob: Blob | None) -> bytes | str:
    """The bytes of an attachment, or the code why there are none: a Binary is opened, other things are as they came."""
    text = one.data
    if blob is not None:
        inside = _binary(blob)
        if inside is None:
            return blob.data
        text = inside
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return "damaged-base64"


def _deal_with(
    reach: Reach, link: Link, one: Attachment, originals: Originals, rng: Random
) -> str | Failure | Refusal:  # fmt: skip
    """What became of an attachment; a Failure where it has to be tried again, a Refusal where nothing may be asked."""
    data = _why_not(one) or _fetched(reach, link, one)
    if isinstance(data, Failure | Refusal):
        return data
    now = reach.now()
    with write(reach.engine) as connection:
        audit.take_turn(connection)
        allowed = permitted(connection, reach, link.resident)
        if isinstance(allowed, Refusal):
            return allowed
        hand = Hand(by=reach.by, now=now, rng=rng)
        state, channel = (data, "") if isinstance(data, str) else _filed(connection, link, one, data, originals, hand)
        row = Kept(
            network=link.network, type=ATTACHMENT, id=one.id, version=one.of.version, resident=link.resident,
            last_updated=one.of.last_updated, raw=channel, received_at=now, state=state,
        )  # fmt: skip
        repo_pulled.keep(connection, [row])
    return state


def _why_not(one: Attachment) -> str:
    if one.size > MOST_BYTES or len(one.data) > MOST_BYTES * 4 // 3 + 4:
        return "too-large"
    if not one.url and not one.data:
        return "no-attachment"
    return "" if any(form in one.content_type for form in _FORMS) else "other-form"


def _fetched(reach: Reach, link: Link, one: Attachment) -> bytes | str | Failure | Refusal:
    if one.data:
        return content_of(one, None)
    with read(reach.engine) as connection:
        allowed = permitted(connection, reach, link.resident)
    if isinstance(allowed, Refusal):
        return allowed
    # What is announced goes into a header: anything but a plain type would break the request.
    accept = one.content_type if _TYPE.fullmatch(one.content_type) else "*/*"
    told = reach.server.fetch(one.url, MOST_BYTES, accept=accept)
    if not isinstance(told, Failure):
        return content_of(one, told)
    return told if told.again or reason_of(told) != told.code else told.code


def _filed(
    connection: Connection, link: Link, one: Attachment, data: bytes, originals: Originals, hand: Hand
) -> tuple[str, str]:
    person = repo_residents.get(connection, link.resident)
    assert person is not None  # a link has a resident
    entering = Entering(resident=person, actor=link.network, now=hand.now)
    report = read_document(data, entering, one.of.remote)
    if isinstance(report, Refusal):
        return report.code, ""
    how = Filing(by=hand.by, now=hand.now, rng=hand.rng, originals=originals)
    outcome = file_in(connection, report, data, link.resident, how)
    return (outcome.code, "") if isinstance(outcome, Refusal) else (FILED, report.channel)


def _withdraw(reach: Reach, link: Link, document: Kept, rng: Random) -> Counter[str]:
    """Takes back what was filed of a document that counts no more."""
    done: Counter[str] = Counter()
    now = reach.now()
    with write(reach.engine) as connection:
        audit.take_turn(connection)
        if isinstance(permitted(connection, reach, link.resident), Refusal):
            return done
        hand = Hand(by=reach.by, now=now, rng=rng)
        for row in repo_pulled.attachments(connection, link.network, link.resident):
            if row.id.rpartition(".")[0] == document.id and row.state == FILED:
                _unsay(connection, link.resident, row.raw, hand)
                repo_pulled.restate(connection, row, WITHDRAWN)
                done[WITHDRAWN] += 1
    return done


def _unsay(connection: Connection, resident: str, channel: str, hand: Hand) -> None:
    rows = repo_facts.of_one(connection, resident)
    back = {row.retracts for row in rows if row.retracts is not None}
    for row in rows:
        if row.channel == channel and row.retracts is None and row.id not in back:
            repo_facts.retract(connection, row.id, hand.by, channel, hand.now, hand.rng)
    newest = {(entry.origin, entry.remote): entry for entry in repo_entries.of(connection, resident)}
    wrong = [
        msgspec.structs.replace(entry, id="", status="wrong", recorded_at=hand.now)
        for entry in newest.values()
        if entry.status != "wrong" and "-" in entry.version and of_channel(entry.version) == channel
    ]
    told = [msgspec.structs.replace(entry, version=version_of(entry, channel, None)) for entry in wrong]
    repo_entries.append(connection, told, hand.by, hand.now, hand.rng)


def _binary(blob: Blob) -> str | None:
    """The base64 of a Binary resource, None where the attachment came as itself."""
    if b'"Binary"' not in blob.data[:2000]:
        return None
    try:
        said = msgspec.json.decode(blob.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("resourceType") != "Binary":
        return None
    return word(said, "data")


def _bytes_said(size: Any) -> int:
    """The size a document announces, 0 where it announces none; what it is, is looked at again when it came."""
    try:
        return int(size)
    except (TypeError, ValueError, OverflowError):
        return 0
