"""Who made what of which, and who did what with it: Provenance of all that is told, AuditEvents of the chain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

from engine.clinical import Source
from engine.contract.ids import is_id
from engine.observation_devices import ENGINE_ID
from engine.observation_provenance import policy_of, provenance_of
from engine.seen import Did, did
from engine.store.audit import Link
from engine.store.instants import from_micros
from fhir_bridge.holdings import Advised, Holdings
from fhir_bridge.resources import entries, facts, home
from fhir_bridge.resources.evidence import Grounds
from fhir_bridge.resources.made import (
    OURS,
    Body,
    Resource,
    concept,
    hl7,
    identifier,
    moment,
    origin,
    own,
    patient,
    reference,
    resource,
    somebody,
)

_AGENT: Final = "provenance-participant-type"
_HOUSES: Final[dict[Source, str]] = {
    "hospital": "医療機関", "lab": "検査機関", "checkup": "健診機関", "nurse": "保健師", "resident": "本人",
    "family": "家族", "import": "取り込んだファイル", "derived": "計算",
}  # fmt: skip
# What each plain word of an act is among HL7's acts of a record's life, and R4's letter for it.
_ACTS: Final[dict[Did, tuple[str, str]]] = {
    "looked": ("access", "R"), "took": ("disclose", "R"), "wrote": ("originate", "C"), "glass": ("access", "R"),
    "released": ("disclose", "U"), "decided": ("attest", "U"), "consent": ("amend", "U"), "family": ("amend", "U"),
}  # fmt: skip
_OTHER: Final = ("amend", "U")
_SUBJECTS: Final = {"r": "resident", "a": "advice", "f": "fact", "e": "entry", "q": "request"}


def provenances(holdings: Holdings) -> Iterator[Resource]:
    """Of advice: the engine that assembled it and the person who answers for it. Of facts and entries: who told."""
    grounds = Grounds(holdings)
    for one in holdings.advice:
        if holdings.disclosed and one.approval is None:
            continue
        yield _assembled(one, holdings, grounds)
        if one.approval is not None:
            yield _approved(one, holdings)
    heads = {made.id for made in facts.observations(holdings)}
    for told in facts.told(holdings):
        kind = facts.type_of(told.fact)
        alone = told.fact.id in heads if kind == "Observation" else facts.own_resource(told, holdings)
        if kind != "QuestionnaireResponse" and alone:
            yield _of_fact(told, kind, holdings)
    yield from _derived(holdings)
    for entry in holdings.entries:
        since = holdings.since.get(entry.id, entry.recorded_at)
        target = reference(entries.type_of_entry(entry), entries.name_of(entry))
        source = [_source(entry.origin, f"{entry.remote}/{entry.version}" if entry.version else entry.remote)]
        body = _told(target, since, entry.source, entry.actor, holdings) | {"entity": source}
        yield resource("Provenance", f"told.{entry.id}", since, partial(dict, body))


def events(holdings: Holdings) -> Iterator[Resource]:
    """Every link of the chain that is about this person: ids and hashes, as the chain has them."""
    for link in holdings.chain:
        yield resource("AuditEvent", f"audit.{link.seq}", from_micros(link.at), partial(_event, link, holdings))


def _derived(holdings: Holdings) -> Iterator[Resource]:
    """Of BMI, the steps of a day and the weight trend: the program, the algorithm, and what it was computed from."""
    for one in home.derived(holdings):
        target = f"Observation/{one.id}"
        sources = [f"Observation/{source}" for source in one.sources]
        body = provenance_of(target, sources, one.since.astimezone(holdings.zone), policy_of(one.algorithm))
        yield resource("Provenance", body["id"], one.since, partial(dict, body))


def _told_item(one: Advised, holdings: Holdings) -> Body:
    """What the resident may read of it, or what staff decide on."""
    return reference("Communication" if holdings.disclosed else "CommunicationRequest", one.item.id)


def _assembled(one: Advised, holdings: Holdings, grounds: Grounds) -> Resource:
    item = one.item
    body = {
        "target": [_told_item(one, holdings)],
        "recorded": moment(item.created_at, holdings.zone),
        "policy": [f"{OURS}rule:{item.rule_id}:{item.rule_version}:{item.text_version}"],
        "activity": concept([hl7("v3-DataOperation", "CREATE")]),
        "agent": [{"type": concept([hl7(_AGENT, "assembler")]), "who": reference("Device", ENGINE_ID)}],
        "entity": [
            *({"role": "source", "what": what} for what in grounds.of(item)),
            # The frozen evidence by its digest: the numbers themselves are in what it was made of.
            {"role": "source", "what": {"identifier": identifier("snapshot", item.snapshot_hash)}},
        ],
    }
    return resource("Provenance", f"engine.{item.id}", item.created_at, lambda: body)


def _approved(one: Advised, holdings: Holdings) -> Resource:
    approval = one.approval
    assert approval is not None  # the caller asked
    body = {
        "target": [_told_item(one, holdings)],
        "recorded": moment(approval.at, holdings.zone),
        "reason": [concept([own("approval", approval.way)])],
        "activity": concept([hl7("v3-DocumentCompletion", "LA", "legally authenticated")]),
        "agent": [{"type": concept([hl7(_AGENT, "verifier")]), "who": somebody(approval.by, approval.name)}],
    }
    return resource("Provenance", f"approval.{one.item.id}", approval.at, lambda: body)


def _of_fact(one: facts.Told, kind: str, holdings: Holdings) -> Resource:
    fact = one.fact
    where = holdings.origins.get(fact.id)
    body = _told(reference(kind, fact.id), one.since, fact.source, fact.actor, holdings)
    body |= {"entity": [_source(*where)]} if where else {}
    return resource("Provenance", f"told.{fact.id}", one.since, lambda: body)


def _told(target: Body, since: datetime, source: Source, actor: str, holdings: Holdings) -> Body:
    """Who told it to us: the person, or a house; who of a house wrote it down is no business of a reader's."""
    mine = source == "resident" or is_id(actor, "r")
    author = patient(holdings.person.id) if mine else {"display": _HOUSES[source]}
    return {
        "target": [target],
        "recorded": moment(since, holdings.zone),
        "agent": [{"type": concept([hl7(_AGENT, "author")]), "who": author}],
    }


def _source(where: str, remote: str) -> Body:
    return {"role": "source", "what": {"identifier": origin(where, remote)}}


def _event(link: Link, holdings: Holdings) -> Body:
    act, letter = _ACTS.get(did(link.action), _OTHER)
    kind = _SUBJECTS.get(link.subject[:1], "subject")
    return {
        "type": hl7("iso-21089-lifecycle", act),
        "subtype": [own("action", link.action)],
        "action": letter,
        "recorded": moment(from_micros(link.at), holdings.zone),
        "outcome": "0",
        "agent": [{"who": {"identifier": identifier("actor", link.actor)}, "requestor": True}],
        "source": {"observer": {"identifier": identifier("system", ENGINE_ID)}},
        "entity": [
            {
                "what": {"identifier": identifier(kind, link.subject)},
                "detail": [{"type": "hash", "valueString": link.hash}],
            }
        ],
    }
