"""Goals as advice sets them, and the plan they make together (保健指導)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

from engine.contract.kinds import KINDS
from engine.observation_devices import ENGINE_ID
from engine.review_model import Item, State
from fhir_bridge.holdings import Advised, Holdings
from fhir_bridge.resources import facts, said
from fhir_bridge.resources.advice import language_text
from fhir_bridge.resources.made import (
    Body,
    Resource,
    claims,
    concept,
    identifier,
    loinc,
    own,
    patient,
    reference,
    resource,
)

_LIFE: Final[dict[State, str]] = {
    "approved": "accepted", "delivered": "active", "rejected": "rejected", "superseded": "cancelled",
    "expired": "cancelled",
}  # fmt: skip


def goals(holdings: Holdings) -> Iterator[Resource]:
    """The goals of advice with what is measured, and those the person chose; a newer one of its kind ends a goal."""
    yield from said.wishes(holdings)
    newest = _newest(holdings)
    for one in holdings.advice:
        kind = kind_of(one.item)
        if kind:
            after = newest.get(kind, one)
            ended = one.item.state == "delivered" and after is not one
            since = max(one.item.updated_at, after.item.updated_at) if ended else one.item.updated_at
            yield resource("Goal", one.item.id, since, partial(_goal, one, holdings, ended=ended))


def plans(holdings: Holdings) -> Iterator[Resource]:
    """The plan of what was approved and still stands; none where there is no goal."""
    newest = _newest(holdings)
    held = [one for one in holdings.advice if kind_of(one.item) and one.item.state == "approved"]
    alive = sorted([*newest.values(), *held], key=lambda one: one.item.id)
    if alive:
        since = max(one.item.updated_at for one in alive)
        name = f"plan.{holdings.person.id}"
        yield resource("CarePlan", name, since, lambda: _plan(alive, name, holdings))


def _newest(holdings: Holdings) -> dict[str, Advised]:
    """Of each kind of goal the one that was told last: what was told before it is not sought any more."""
    told = [one for one in holdings.advice if kind_of(one.item) and one.item.state == "delivered"]
    return {kind_of(one.item): one for one in sorted(told, key=lambda one: (one.item.updated_at, one.item.id))}


def kind_of(item: Item) -> str:
    """Which kind of goal a piece of advice is about; "" for none."""
    return str(item.evidence.get("goal", {}).get("kind", ""))


def _goal(one: Advised, holdings: Holdings, *, ended: bool) -> Body:
    item, kind = one.item, kind_of(one.item)
    day = item.created_at.astimezone(holdings.zone).date()
    return {
        "identifier": [identifier("goal", item.id)],
        "lifecycleStatus": "completed" if ended else _LIFE.get(item.state, "proposed"),
        "category": [concept([own("topic", item.topic)])],
        "description": concept([own("goal", kind)], language_text(item, holdings)),
        "subject": patient(item.resident_id),
        "startDate": day.isoformat(),
        "target": _target(kind, _figures(item), item, holdings),
        "statusDate": item.updated_at.astimezone(holdings.zone).date().isoformat(),
    }


def _target(kind: str, figures: Mapping[str, Decimal], item: Item, holdings: Holdings) -> list[Body]:
    """What will be measured: the steps of a day, the weight after the first loss, the minutes of a week."""
    if kind == "steps" and "goal" in figures:
        measure = concept(loinc(KINDS["steps-day"].loinc or ""), KINDS["steps-day"].ja)
        return [{"measure": measure, "detailQuantity": facts.quantity(figures["goal"], "{steps}/d")}]
    if kind == "weight" and {"weight", "loss_kg", "loss_days"} <= figures.keys():
        measure = concept(loinc(KINDS["body-weight"].loinc or ""), KINDS["body-weight"].ja)
        due = item.created_at.astimezone(holdings.zone).date() + timedelta(days=int(figures["loss_days"]))
        wanted = facts.quantity(figures["weight"] - figures["loss_kg"], "kg")
        return [{"measure": measure, "detailQuantity": wanted, "dueDate": due.isoformat()}]
    if "minutes_week" in figures:
        measure = concept([own("measure", "minutes-week")], "1週間の運動の時間")
        return [{"measure": measure, "detailQuantity": facts.quantity(figures["minutes_week"], "min/wk")}]
    return []


def _figures(item: Item) -> dict[str, Decimal]:
    """The numbers of a goal; they are kept as they are shown, with thousands separated."""
    found: dict[str, Decimal] = {}
    told: Mapping[str, Any] = item.evidence.get("goal", {}).get("figures", {})
    for name, shown in told.items():
        try:
            found[name] = Decimal(str(shown).replace(",", ""))
        except InvalidOperation:
            continue
    return found


def _plan(alive: list[Advised], name: str, holdings: Holdings) -> Body:
    first = min(one.item.created_at for one in alive).astimezone(holdings.zone)
    return {
        "meta": claims("JP_CarePlan"),
        "identifier": [identifier("plan", name)],
        "status": "active",
        "intent": "plan",
        "category": [concept([own("plan", "health-guidance")], "保健指導の計画")],
        "title": "保健指導の計画",
        "subject": patient(holdings.person.id),
        "period": {"start": first.date().isoformat()},
        "author": reference("Device", ENGINE_ID),
        "goal": [reference("Goal", one.item.id) for one in alive],
        "activity": [
            {
                "detail": {
                    "code": concept([own("goal", kind_of(one.item))]),
                    "status": "in-progress" if one.item.state == "delivered" else "not-started",
                    "goal": [reference("Goal", one.item.id)],
                    "description": language_text(one.item, holdings),
                }
            }
            for one in alive
        ],
    }
