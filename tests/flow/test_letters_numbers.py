"""Every number of a hundred and twenty letters, read back from the PDF, is the one that was measured; nothing else is on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from statistics import median

import msgspec
import pypdfium2  # type: ignore[import-untyped]
import pytest
from sqlalchemy import Engine, insert

from engine.charts import draw
from engine.contract.ids import new_id
from engine.letters import Said, shown
from engine.letters_batch import Made, make
from engine.letters_file import chart_of
from engine.letters_store import Wish
from engine.store import repo_consents, repo_letters, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.tables import MEASUREMENT, READING
from tests.homes import DEVICE, GATEWAY, HOUSEHOLD, NOW, consent, resident
from tests.stores import furnished_file

pytestmark = pytest.mark.flow
PEOPLE = 120
WISH = Wish(town="062049", sort="month", month=date(2026, 10, 1))
DIGITS = re.compile(r"\d[\d,]*(?:\.\d+)?")
FIRST = datetime(2026, 9, 30, 22, tzinfo=UTC)  # seven in the morning of 1 October in Sakata


class Measured(msgspec.Struct, frozen=True):
    """What somebody measured in October, one of each a day; missing days are missing."""

    weights: dict[int, str]
    pressures: dict[int, tuple[str, str]]
    steps: dict[int, str]


def lived(rng: Random) -> Measured:
    start, slope = rng.uniform(45, 95), rng.choice([-0.08, 0.0, 0.0, 0.08])
    days = [day for day in range(31) if rng.random() < rng.choice([0.3, 0.9, 1.0])]
    return Measured(
        {day: f"{start + slope * day + rng.gauss(0, 0.2):.2f}" for day in days},
        {day: (f"{rng.gauss(128, 9):.0f}", f"{rng.gauss(76, 6):.0f}") for day in days if rng.random() < 0.5},
        {day: f"{rng.randint(900, 12_000)}" for day in days if rng.random() < 0.6},
    )


def readings(name: str, told: Measured) -> Iterator[tuple[dict[str, object], list[dict[str, object]]]]:
    many = (
        [(day, [("body-weight", kg, "kg")]) for day, kg in told.weights.items()]
        + [(day, [("systolic", up, "mm[Hg]"), ("diastolic", low, "mm[Hg]")])
           for day, (up, low) in told.pressures.items()]
        + [(day, [("steps-day", count, "{steps}")]) for day, count in told.steps.items()]
    )  # fmt: skip
    for day, values in many:
        at = to_micros(FIRST + timedelta(days=day, minutes=len(values)))
        key = f"{name}-{day}-{values[0][0]}"
        who = {"household_id": HOUSEHOLD, "device_id": DEVICE, "resident_id": name}
        reading: dict[str, object] = who | {
            "id": key, "gateway_id": GATEWAY, "certainty": "sure", "outcome": "accepted", "profile": "sig-weight",
            "source": "radio", "provenance": "bonded", "user_slot": 1, "measured_at": at, "time_quality": "device",
            "received_at": at, "stored_at": at, "digest": key, "experimental": False,
        }  # fmt: skip
        yield reading, [
            {"reading_id": key, **who, "kind": kind, "measured_at": at, "value": value, "unit": unit,
             "device_value": value, "device_unit": unit}
            for kind, value, unit in values
        ]  # fmt: skip


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, dict[str, Measured]]]:
    engine, rng = furnished_file(tmp_path_factory.mktemp("letters") / "engine.sqlite"), Random(7)
    people = {new_id("r", rng): lived(rng) for _ in range(PEOPLE)}
    rows = [one for name, told in people.items() for one in readings(name, told)]
    with write(engine) as connection:
        for place, name in enumerate(people):
            address = f"〒998-{rng.randint(0, 9999):04d} 酒田市本町{place}"
            person = resident(name, "花子", date(1950 + place % 20, 5, 5), None)
            person = msgspec.structs.replace(person, channel="letter", address=address)
            repo_residents.add(connection, person, NOW, actor="test", os_user="test")
            repo_consents.append(connection, consent(name, "record"), os_user="test")
        connection.execute(insert(READING), [reading for reading, _ in rows])
        connection.execute(insert(MEASUREMENT), [value for _, values in rows for value in values])
    yield engine, people
    engine.dispose()


def rounded(value: Decimal, step: str) -> Decimal:
    return value.quantize(Decimal(step), ROUND_HALF_UP)


def mean(values: list[str], step: str = "1") -> Decimal:
    return rounded(sum(map(Decimal, values), Decimal(0)) / len(values), step)


def day_of(place: int) -> str:
    return f"10月{place + 1}日"


def expected(told: Measured) -> list[str]:
    """What the letter has to say of these values, worked out without the engine."""
    found = (
        [f"{len(set(told.weights) | set(told.pressures) | set(told.steps))}日はかりました。"] if told.weights else []
    )
    if told.weights:
        last = max(told.weights)
        found.append(f"いちばん新しい値は{day_of(last)}の{told.weights[last]}kgです。")
    if told.pressures:
        last = max(told.pressures)
        found.append(f"いちばん新しい値は{day_of(last)}の{told.pressures[last][0]}/{told.pressures[last][1]}mmHgです。")
    if len(told.pressures) > 1:
        ups, lows = zip(*told.pressures.values(), strict=True)
        found.append(f"平均は上が{mean(list(ups))}、下が{mean(list(lows))}でした。")
    if told.steps:
        last = max(told.steps)
        found.append(f"いちばん新しい値は{day_of(last)}の{int(told.steps[last]):,}歩です。")
    if len(told.steps) > 1:
        found.append(f"1日の平均は{mean(list(told.steps.values())):,}歩でした。")
    return found


def changed(told: Measured) -> Decimal:
    """How far the weight moved, by the medians of the weeks at either end."""
    days = sorted(told.weights)
    ends = [
        median(Decimal(told.weights[day]) for day in days if abs(day - end) < 7) for end in (days[0], days[-1])
    ]  # fmt: skip
    return abs(rounded(ends[1] - ends[0], "0.1"))


def pages(content: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(content)
    try:
        return [re.sub(r"\s", "", page.get_textpage().get_text_bounded()) for page in document]
    finally:
        document.close()


def allowed(said: Said) -> set[str]:
    """The numbers that may stand on this letter: of its words, its address, its code and the scale of its chart."""
    blocks = [line for one in (*said.front, *said.back) for line in (*one.lines, one.small)]
    words = [said.title, *said.lead, *blocks, said.made, said.to.postcode, said.to.address, shown(said.code)]
    if said.chart is not None:
        words += [said.chart.description, *re.findall(r">([^<]+)</text>", draw(chart_of(said.chart, "ja"), paper=True))]
    return set(DIGITS.findall(re.sub(r"\s", "", "\n".join(words)))) | set(DIGITS.findall("\n".join(words)))


def test_every_number_on_every_letter_is_one_that_was_measured(
    city: tuple[Engine, dict[str, Measured]],
) -> None:
    engine, people = city
    batch = make(engine, WISH, By("s-nursenursenur", "test"), datetime(2026, 11, 2, 3, tzinfo=UTC), Random(1), None)
    assert isinstance(batch, Made)
    assert (batch.batch.letters, batch.left) == (PEOPLE, {})
    with read(engine) as connection:
        letters = repo_letters.of_batch(connection, batch.batch.seq)
    assert [one.said.to.postcode for one in letters] == sorted(one.said.to.postcode for one in letters)
    texts = pages(batch.content)
    starts = [place for place, page in enumerate(texts) if "ここで切ってください" in page]
    assert len(starts) == PEOPLE
    assert all(place % 2 == 0 for place in starts)
    claims = 0
    for letter, start, end in zip(letters, starts, [*starts[1:], len(texts)], strict=True):
        text, told = "".join(texts[start:end]), people[letter.resident]
        assert letter.said.to.address in text
        assert shown(letter.code) in text
        missing = [line for line in expected(told) if line not in text]
        assert missing == [], (letter.resident, text)
        for claim in re.findall(r"体重が([\d.]+)kg", text):
            claims += 1
            assert Decimal(claim) == changed(told)
        strange = set(DIGITS.findall(text)) - allowed(letter.said)
        assert strange == set(), (letter.resident, strange, text)
    assert claims > PEOPLE // 10
