"""What was answered to a questionnaire on one day, as one QuestionnaireResponse."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from engine.clinical import Fact
from engine.clinical_values import day_of
from engine.questionnaires import Item, Questionnaire, questionnaires
from fhir_bridge.holdings import Holdings
from fhir_bridge.resources.facts import Told, told, type_of
from fhir_bridge.resources.made import OURS, Body, Resource, identifier, moment, own, patient, resource


def responses(holdings: Holdings) -> Iterator[Resource]:
    """One response for each questionnaire, civil day and source; an answer that was taken back is not in it."""
    groups: dict[str, list[Told]] = {}
    for one in told(holdings):
        if type_of(one.fact) == "QuestionnaireResponse":
            groups.setdefault(response_of(one.fact), []).append(one)
    for id_, rows in sorted(groups.items()):
        name = rows[0].fact.code.partition(".")[0]
        since = max(one.since for one in rows)
        made = partial(_response, questionnaires()[name], rows, id_, holdings)
        yield resource("QuestionnaireResponse", id_, since, made)


def response_of(fact: Fact) -> str:
    """The id of the response an answer stands in: its questionnaire, whose it is, the day and who told it."""
    name = fact.code.partition(".")[0]
    return f"{name}.{fact.resident}.{day_of(fact.at):%Y%m%d}.{fact.source}"


def _response(form: Questionnaire, rows: list[Told], name: str, holdings: Holdings) -> Body:
    left = [one for one in rows if not one.wrong]
    status = "entered-in-error" if not left else "amended" if len(left) < len(rows) else "completed"
    said: dict[str, list[str]] = {}
    for one in left:
        said.setdefault(one.fact.code, []).append(one.fact.value)
    mine = rows[0].fact.source == "resident"
    return {
        "identifier": identifier("response", name),
        "questionnaire": f"{OURS}questionnaire:{form.name}",
        "status": status,
        "subject": patient(holdings.person.id),
        "authored": moment(max(one.fact.at for one in rows), holdings.zone),
        "author": patient(holdings.person.id) if mine else None,
        "source": patient(holdings.person.id) if mine else None,
        "item": [_item(form.name, item, said[item.code]) for item in form.item if item.code in said],
    }


def _item(name: str, item: Item, values: list[str]) -> Body:
    answers = [_answer(name, item, value) for value in dict.fromkeys(values)]
    return {"linkId": str(item.number), "text": item.ja.replace("\n", ""), "answer": answers}


def _answer(name: str, item: Item, value: str) -> Body:
    choice = item.choice(value)
    return {"valueCoding": own(f"questionnaire:{name}", f"{item.number}.{value}", choice.ja if choice else "")}
