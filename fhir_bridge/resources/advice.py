"""Advice and its review: what is to be told, who has to look at it, what was told, and which danger it names.

A Communication is only ever made of a piece that somebody answers for, or answered for before it was withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

from engine.access import Role
from engine.contract.ids import is_id
from engine.observation_devices import ENGINE_ID
from engine.review_model import Item, State, hurries, split_reason
from fhir_bridge.holdings import Advised, Holdings
from fhir_bridge.resources.evidence import Grounds
from fhir_bridge.resources.made import (
    Body,
    Resource,
    claims,
    concept,
    identifier,
    moment,
    own,
    patient,
    reference,
    resource,
    somebody,
)

_REQUESTED: Final[dict[State, str]] = {
    "draft": "draft", "open": "draft", "claimed": "draft", "escalated": "draft", "snoozed": "on-hold",
    "approved": "active", "delivered": "completed", "rejected": "revoked", "superseded": "revoked",
    "expired": "revoked",
}  # fmt: skip
_TASK: Final[dict[State, str]] = {
    "draft": "draft", "open": "requested", "claimed": "accepted", "escalated": "accepted", "snoozed": "on-hold",
    # Until the hold ends whoever approved it may take it back.
    "approved": "in-progress", "delivered": "completed", "rejected": "rejected", "superseded": "cancelled",
    "expired": "cancelled",
}  # fmt: skip
_ISSUE: Final[dict[State, str]] = {
    "approved": "final", "delivered": "final", "rejected": "cancelled", "superseded": "cancelled",
    "expired": "cancelled",
}  # fmt: skip
_PRIORITY: Final = {"emergency": "stat", "urgent": "urgent", "prompt": "asap"}
_ENDED: Final = frozenset({"superseded", "expired", "rejected"})
_ROLES: Final[dict[Role, str]] = {"physician": "医師", "nurse": "保健師", "dietitian": "管理栄養士"}


def requests(holdings: Holdings) -> Iterator[Resource]:
    """What is to be told, in the words it has now; an edit replaces the words that were there before."""
    grounds = Grounds(holdings)
    for one in holdings.advice:
        yield from (_earlier(one, holdings, number) for number, _ in enumerate(_edits(one)))
        yield _request(one, holdings, grounds)


def tasks(holdings: Holdings) -> Iterator[Resource]:
    """That somebody has to look at it: until when, who does, and how it ended."""
    for one in holdings.advice:
        yield resource("Task", one.item.id, one.item.updated_at, partial(_task, one, holdings))


def communications(holdings: Holdings) -> Iterator[Resource]:
    """What was told, and what was approved but never told."""
    grounds = Grounds(holdings)
    for one in holdings.advice:
        if one.item.state == "delivered" and one.approval is not None:
            yield resource("Communication", one.item.id, one.item.updated_at, partial(_told, one, holdings, grounds))
        elif _withdrawn(one):
            yield resource("Communication", one.item.id, one.item.updated_at, partial(_untold, one, holdings, grounds))


def issues(holdings: Holdings) -> Iterator[Resource]:
    """The dangers that advice names: what is urgent or worse."""
    grounds = Grounds(holdings)
    for one in holdings.advice:
        if hurries(one.item.severity):
            yield resource("DetectedIssue", one.item.id, one.item.updated_at, partial(_issue, one, grounds, holdings))


def practitioners(holdings: Holdings) -> Iterator[Resource]:
    """Who answers for advice: the name that stands under it on the resident's page."""
    found: dict[str, tuple[Advised, datetime]] = {}
    for one in holdings.advice:
        if one.approval is not None and is_id(one.approval.by, "s") and one.approval.name:
            found[one.approval.by] = one, one.approval.at
    for name, (one, at) in sorted(found.items()):
        yield resource("Practitioner", name, at, partial(_practitioner, one))


def language_text(item: Item, holdings: Holdings) -> str:
    """The words in the language of the person."""
    return item.text_ja if holdings.person.language == "ja" else item.text_en


def _edits(one: Advised) -> list[tuple[datetime, str, str]]:
    """When it was edited, and the texts that stood there before."""
    return [(event.at, event.text_ja or "", event.text_en or "") for event in one.events if event.text_ja is not None]


def _former(one: Advised, number: int) -> str:
    """The id of the words as they were before the edit of that number."""
    return f"{one.item.id}.{number}"


def _frame(one: Advised, holdings: Holdings) -> Body:
    item = one.item
    return {
        "language": holdings.person.language,
        "category": [concept([own("topic", item.topic)])],
        "priority": _PRIORITY.get(item.severity, "routine"),
        "subject": patient(item.resident_id),
        "recipient": [patient(item.resident_id)],
    }


def _request(one: Advised, holdings: Holdings, grounds: Grounds) -> Resource:
    item, edits = one.item, _edits(one)

    def make() -> Body:
        before = [_former(one, len(edits) - 1)] if edits else []
        replaced = [*before, *([item.supersedes] if item.supersedes else [])]
        return _frame(one, holdings) | {
            "identifier": [identifier("advice", item.id)],
            "replaces": [reference("CommunicationRequest", name) for name in replaced],
            "status": _REQUESTED[item.state],
            "statusReason": _reason(item) if item.state in _ENDED else None,
            "about": grounds.of(item),
            "payload": [{"contentString": language_text(item, holdings)}],
            "authoredOn": moment(edits[-1][0] if edits else item.created_at, holdings.zone),
            "requester": reference("Device", ENGINE_ID),
        }

    return resource("CommunicationRequest", item.id, item.updated_at, make)


def _earlier(one: Advised, holdings: Holdings, number: int) -> Resource:
    edits = _edits(one)
    at, ja, en = edits[number]
    born = edits[number - 1][0] if number else one.item.created_at

    def make() -> Body:
        text = ja if holdings.person.language == "ja" else en
        return _frame(one, holdings) | {
            "identifier": [identifier("advice", _former(one, number))],
            "replaces": [reference("CommunicationRequest", _former(one, number - 1))] if number else [],
            "status": "revoked",
            "statusReason": concept([own("review", "edited")]),
            "payload": [{"contentString": text or one.item.text_ja}],
            "authoredOn": moment(born, holdings.zone),
            "requester": reference("Device", ENGINE_ID),
        }

    return resource("CommunicationRequest", _former(one, number), at, make)


def _task(one: Advised, holdings: Holdings) -> Body:
    item, zone = one.item, holdings.zone
    asleep = item.held_until if item.state == "snoozed" else None
    return {
        "identifier": [identifier("task", item.id)],
        "basedOn": [reference("CommunicationRequest", item.id)],
        "status": _TASK[item.state],
        "statusReason": _reason(item) if item.reason or item.state in _ENDED else None,
        "businessStatus": concept([own("state", item.state)]),
        "intent": "proposal",
        "priority": _PRIORITY.get(item.severity, "routine"),
        "code": concept([own("task", f"review-{item.review}")], "助言の確認"),
        "focus": reference("CommunicationRequest", item.id),
        "for": patient(item.resident_id),
        "authoredOn": moment(item.created_at, zone),
        "lastModified": moment(item.updated_at, zone),
        "requester": reference("Device", ENGINE_ID),
        "owner": _owner(one),
        "restriction": {"period": {"start": moment(item.created_at, zone), "end": moment(asleep or one.due, zone)}},
    }


def _owner(one: Advised) -> Body | None:
    by = one.item.decided_by or ""
    return somebody(by) if is_id(by, "s") else None


def _reason(item: Item) -> Body:
    code, words = split_reason(item.reason)
    code = item.state if item.reason is None else code
    return concept([own("review", code)], words)


def _communication(one: Advised, holdings: Holdings, grounds: Grounds) -> Body:
    return _frame(one, holdings) | {
        "identifier": [identifier("communication", one.item.id)],
        # A resident reads no request: what leads nowhere is left out.
        "basedOn": [] if holdings.disclosed else [reference("CommunicationRequest", one.item.id)],
        "about": grounds.of(one.item),
        "payload": [{"contentString": language_text(one.item, holdings)}],
    }


def _told(one: Advised, holdings: Holdings, grounds: Grounds) -> Body:
    assert one.approval is not None  # asked before: nothing is told that nobody answers for
    sender = somebody(one.approval.by, one.approval.name)
    delivered = [event.at for event in one.events if event.to_state == "delivered"]
    return _communication(one, holdings, grounds) | {
        "status": "completed",
        "sent": moment((delivered or [one.item.updated_at])[-1], holdings.zone),
        "sender": sender if "reference" in sender else reference("Device", ENGINE_ID),
    }


def _untold(one: Advised, holdings: Holdings, grounds: Grounds) -> Body:
    return _communication(one, holdings, grounds) | {"status": "not-done", "statusReason": _reason(one.item)}


def _withdrawn(one: Advised) -> bool:
    """Whether it was approved, and then never told."""
    return one.item.state in _ENDED and bool(one.events) and one.events[-1].from_state == "approved"


def _issue(one: Advised, grounds: Grounds, holdings: Holdings) -> Body:
    item = one.item
    about = grounds.of(item)
    told = [event for event in one.events if event.to_state == "delivered"]
    flags = item.evidence.get("red_flags") or [item.rule_id]
    return {
        "identifier": [identifier("issue", item.id)],
        "status": _ISSUE.get(item.state, "preliminary"),
        "code": concept([own("rule", item.rule_id)], item.topic),
        "severity": "high",
        "patient": patient(item.resident_id),
        "identifiedDateTime": moment(item.created_at, holdings.zone),
        "author": reference("Device", ENGINE_ID),
        "implicated": about,
        "evidence": [{"code": [concept([own("rule", flag)]) for flag in flags], "detail": about}],
        "mitigation": [
            {"action": concept([own("review", "told")]), "date": moment(event.at, holdings.zone)} for event in told[-1:]
        ],
    }


def _practitioner(one: Advised) -> Body:
    assert one.approval is not None  # only those who answer for something are listed
    role = one.approval.role
    skill = [{"code": concept([own("role", role)], _ROLES.get(role, ""))}] if role else []
    return {
        "meta": claims("JP_Practitioner"),
        "identifier": [identifier("staff", one.approval.by)],
        "name": [{"text": one.approval.name}],
        "qualification": skill,
    }
