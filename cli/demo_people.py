"""The invented people of the demo: who they are, what they agreed to, and what one of them was asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cli.output import say
from cli.words import word

if TYPE_CHECKING:
    from engine.clinical import Fact
    from engine.consent_texts import Purpose
    from engine.people import Resident
    from engine.store.database import Engine

PURPOSES: tuple[Purpose, ...] = ("record", "advice", "nurse-review")
# owner in the simulated household: (name, kana, birth, sex, height in cm); invented people.
PEOPLE = {
    "first": ("佐藤 太郎", "サトウ タロウ", "昭和35年4月12日", "male", "160.0"),
    "second": ("佐藤 花子", "サトウ ハナコ", "昭和38年11月3日", "female", "158.0"),
    "guest": ("鈴木 次郎", "スズキ ジロウ", "平成2年7月7日", "male", "171.0"),
}
# The last check-up of the first, and his answers; the second was never asked anything: her advice waits for that.
CHECKUP: Final = {
    "lab.fpg": "106", "lab.hba1c": "5.7", "lab.tg": "162", "lab.hdl": "52", "lab.ldl": "128", "lab.egfr": "72",
    "lab.alt": "27", "lab.urine-protein": "-", "lab.hours-since-meal": "12", "waist": "88",
    "bp.office.systolic": "134", "bp.office.diastolic": "83",
}  # fmt: skip
_LAST_CHECKUP: Final = timedelta(days=70)


def register_people(store: Engine, household: str, lang: str) -> dict[str, Resident]:
    """Register everybody; two say yes to recording, advice and the nurse's look, the guest says nothing."""
    from random import SystemRandom

    from engine.consent import Event
    from engine.consent import say as speak
    from engine.contract.ids import new_id
    from engine.people import Form, Resident, register
    from engine.store import repo_consents, repo_facts, repo_residents
    from engine.store.database import write
    from engine.store.repo_facts import By

    now = datetime.now(UTC)
    people: dict[str, Resident] = {}
    with write(store) as connection:
        for owner, (name, kana, birth, sex, height) in PEOPLE.items():
            form = Form(name=name, kana=kana, birth=birth, sex=sex, height=height)
            person = register(
                form, id=new_id("r", SystemRandom()), household=household, municipality="062049", today=now.date()
            )
            assert isinstance(person, Resident), person
            repo_residents.add(connection, person, now, actor="demo", os_user="demo")
            people[owner] = person
            granted = PURPOSES if owner != "guest" else ()
            for purpose in granted:
                said = speak(Event(resident=person.id, purpose=purpose, granted=True, at=now, actor="demo"))
                assert isinstance(said, Event), said
                repo_consents.append(connection, said, os_user="demo")
            if owner == "first":
                repo_facts.append(connection, told_before(person.id, now), By("demo", "demo"), now, SystemRandom())
            say(word(lang, "consent" if granted else "no-consent", name=name, purposes=", ".join(granted)))
    return people


def told_before(resident: str, now: datetime) -> list[Fact]:
    """The facts of a check-up some weeks ago, and a no to every question that could forbid an advice."""
    import msgspec

    from engine.asking import answer
    from engine.clinical import Fact, record
    from engine.questionnaires import questionnaires

    base: dict[str, Any] = {"resident": resident, "actor": "demo", "recorded_at": now, "value": ""}
    then = Fact(code="", at=now - _LAST_CHECKUP, source="checkup", channel="import", **base)
    found: list[Fact] = []
    for code, text in CHECKUP.items():
        fact = record(msgspec.structs.replace(then, code=code), text)
        assert isinstance(fact, Fact), fact
        found.append(fact)
    for item in questionnaires()["veto"].item:
        free = next((choice.code for choice in item.choices if choice.code in {"no", "none"}), None)
        said = () if free is None else answer(item, [free], now, resident=resident, actor="demo", channel="cli")
        assert isinstance(said, tuple), said
        found += said
    return found
