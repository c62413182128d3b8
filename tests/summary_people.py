"""A resident as a summary sees her: facts of a nurse, a check-up and herself, entries of two hospitals, home signals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from engine.care_entries import Coding, Entry
from engine.care_entries import Sort as EntrySort
from engine.clinical import Fact, Source
from engine.signals import Signal
from engine.summary import Around, Hidden, Summary, summary_of
from tests.homes import HANAKO, resident

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
HOSPITAL = "urn:example:hospital"
PERSON = msgspec.structs.replace(
    resident(HANAKO, "花子", date(1951, 5, 5)), phone="0234-26-1111", address="山形県酒田市本町2-2-45",
    emergency_contact="長女 佐藤 由美 090-1234-5678",
)  # fmt: skip


def fact(code: str, value: str, ago: float, source: Source = "nurse", *, name: str = "") -> Fact:
    """One thing recorded of her so many days ago."""
    at = NOW - ago * DAY
    return Fact(
        resident=HANAKO, code=code, value=value, at=at, source=source, actor="test", recorded_at=at,
        id=name or f"v-{code}-{value}-{ago}",
    )  # fmt: skip


def entry(sort: EntrySort, name: str, detail: str = "", *, ago: float = 30, **more: Any) -> Entry:
    """One thing a hospital told so many days ago."""
    at = NOW - ago * DAY
    fields: dict[str, Any] = {
        "resident": HANAKO, "sort": sort, "name": name, "detail": detail, "at": at, "source": "hospital",
        "actor": "日本海総合病院", "origin": "choukai-net", "remote": f"{sort}/{name}", "version": "1", "recorded_at": at,
        "codes": (Coding(system=HOSPITAL, code="1"),), "id": f"e-{name}",
    }  # fmt: skip
    return Entry(**(fields | more))


FACTS = [
    fact("allergy.to-medicine", "1", 100), fact("allergy.to-food", "0", 100), fact("allergy.to-latex", "0", 100),
    fact("has.diabetes", "1", 400, "hospital"), fact("has.implant", "1", 300), fact("has.stroke", "0", 100),
    fact("has.ckd", "0", 100), fact("med.antihypertensive", "1", 60), fact("med.insulin", "1", 400),
    *(
        fact(code, value, ago, "checkup")
        for ago, values in ((40.0, ("124", "76", "7.1", "126", "138", "61.2", "58.9")), (405.0, ("130", "80", "6.9", "121", "145", "62.0", "60.1")))
        for code, value in zip(
            ("bp.office.systolic", "bp.office.diastolic", "lab.hba1c", "lab.fpg", "lab.ldl", "checkup.weight", "lab.egfr"),
            values, strict=True,
        )
    ),
    fact("lab.urine-protein", "2", 40, "checkup"), fact("lab.hb", "12.4", 40, "checkup"), fact("lab.ast", "22", 40, "checkup"),
    fact("lab.alt", "19", 40, "checkup"), fact("lab.ggt", "31", 40, "checkup"), fact("lab.tg", "140", 40, "checkup"),
    fact("lab.hdl", "58", 40, "checkup"), fact("lab.creatinine", "0.78", 40, "checkup"),
]  # fmt: skip
ENTRIES = [
    entry("allergy", "セフェム系抗菌薬", "じんましん 2019"),
    entry("condition", "2型糖尿病"), entry("condition", "本態性高血圧症"), entry("condition", "左変形性膝関節症"),
    entry("medication", "アムロジピンOD錠5mg", "1日1回 朝食後 1錠"), entry("medication", "メトホルミン塩酸塩錠250mg", "1日2回 朝夕食後 1錠"),
    entry("medication", "バイアスピリン錠100mg", "1日1回 朝食後 1錠"),
]  # fmt: skip
SIGNALS = {
    name: Signal(value=Decimal(value), unit="1", count=count)
    for name, value, count in (
        ("bp.home.systolic_morning", "138.0", 7), ("bp.home.diastolic_morning", "82.0", 7), ("bp.home.systolic_evening", "129.5", 6),
        ("bp.home.diastolic_evening", "76.0", 6), ("weight.level", "61.42", 20), ("weight.change_180d", "-1.30", 20),
        ("bmi", "26.4", 20), ("steps.mean_7d", "4210", 7), ("steps.valid_days_7d", "6", 0), ("heart.resting", "68", 7),
    )
}  # fmt: skip
AROUND = Around(devices=("オムロン HEM-7281T", "タニタ BC-768"), team="中町チーム", keeper="鈴木 保健師", town="酒田市")


def summary(
    facts: list[Fact] | None = None, entries: list[Entry] | None = None, hidden: Hidden | None = None, **more: Any
) -> Summary:
    """Her summary; whole where nothing is said of what is hidden."""
    told, others = FACTS if facts is None else facts, ENTRIES if entries is None else entries
    return summary_of(more.pop("person", PERSON), told, others, SIGNALS, NOW, around=AROUND, hidden=hidden, **more)
