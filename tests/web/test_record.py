"""The record of one resident: complete for those who may look, nothing for the others, and what staff write into it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.clinical import standing
from engine.store import audit, repo_contacts, repo_facts, repo_notes, repo_releases
from engine.store.database import read
from engine.store.instants import to_micros
from engine.store.repo_history import history
from tests.web.care import NURSE, STRANGER, staff, stranger, told, weighed, withdraw
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, heading, item, put

__all__ = ["desk"]
RECORD = f"/residents/{TARO}"


def facts_of(desk: Desk, name: str = TARO) -> dict[str, str]:
    with read(desk.engine) as connection:
        return {code: said[-1].value for code, said in standing(repo_facts.of_one(connection, name), NOW).items()}


def actions(desk: Desk, subject: str) -> list[str]:
    with read(desk.engine) as connection:
        return [link.action for link in audit.entries(connection, limit=1000) if link.subject == subject]


async def test_a_record_shows_every_part_of_a_person_and_is_noted_in_the_audit(desk: Desk) -> None:
    staff(desk.engine, NOW)
    told(desk.engine, TARO, datetime(2025, 6, 3, tzinfo=UTC), ("lab.hba1c", "6.1", "%"), ("waist", "91.5", "cm"))
    told(desk.engine, TARO, datetime(2026, 6, 3, tzinfo=UTC), ("lab.hba1c", "6.4", "%"))
    weighed(desk.engine, TARO, NOW, ["84.0", "83.9", "83.7"])
    put(desk.engine, item("one"))
    desk.enter_as("nurse")
    text = (await desk.browser.get(RECORD)).text
    assert heading(text) == "山田 太郎 ヤマダ ハナコ"
    for anchor in ("who", "trends", "checkups", "labs", "medicine", "allergies", "conditions", "answers", "devices",
                   "advice", "notes", "contacts", "requests"):  # fmt: skip
        assert f'id="{anchor}"' in text
        assert f'href="#{anchor}"' in text
    years = re.sub(r"\s+", "", text[text.index('class="dense years"') :])
    assert '<thscope="col">2025年度</th><thscope="col">2026年度</th>' in years
    assert '<thscope="row">HbA1c(NGSP)</th><td>6.1</td><td>6.4</td><td>%</td>' in years
    assert '<thscope="row">腹囲</th><td>91.5</td><td>–</td><td>cm</td>' in years
    assert "83.7" in text  # the table twin of the chart
    assert "record-view" in actions(desk, TARO)


async def test_a_chart_is_a_picture_with_a_text_and_only_of_what_was_measured(desk: Desk) -> None:
    weighed(desk.engine, TARO, NOW, ["84.0", "83.9"])
    desk.enter_as("nurse")
    drawn = await desk.browser.get(f"{RECORD}/chart/weight.svg?days=30")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "<title" in drawn.text
    assert "過去30日" in drawn.text
    for nothing in ("pressure", "no-such-course"):
        assert (await desk.browser.get(f"{RECORD}/chart/{nothing}.svg")).status_code == 404


async def test_a_record_without_consent_is_closed_and_one_of_another_town_does_not_exist(desk: Desk) -> None:
    stranger(desk.engine, NOW)
    withdraw(desk.engine, TARO, "nurse-review", NOW - timedelta(days=1))
    desk.enter_as("nurse")
    for page in ("", "/ask", "/entry", "/facts", "/chart/weight.svg"):
        closed = await desk.browser.get(RECORD + page)
        assert closed.status_code == 403, page
        assert f"/residents/{TARO}/glass" in closed.text
        away = await desk.browser.get(f"/residents/{STRANGER}{page}")
        assert away.status_code == 404, page
        assert "よその" not in away.text


async def test_three_questions_are_put_at_a_time_and_kept_as_heard_on_the_telephone(desk: Desk) -> None:
    desk.enter_as("nurse")
    page = await desk.browser.get(f"{RECORD}/ask")
    form = Page(page.text).forms[f"{RECORD}/ask"]
    assert form["shown"] == "symptoms,pregnancy,glucose-medicine"
    answers = {"a.symptoms": "none", "a.pregnancy": "no"}
    moved = await desk.browser.post(f"{RECORD}/ask", data=form | answers)
    assert moved.status_code == 303
    with read(desk.engine) as connection:
        kept = {fact.code: fact for fact in repo_facts.of_one(connection, TARO)}
    assert kept["answer.pregnant"].value == "0"
    assert {kept["symptom.red-flag"].value, kept["symptom.hypoglycemia"].value} == {"0"}
    assert {(fact.actor, fact.channel, fact.source) for fact in kept.values()} == {(NURSE, "nurse-phone", "resident")}
    after = Page((await desk.browser.get(moved.headers["location"])).text).forms[f"{RECORD}/ask"]
    assert after["left"] == "glucose-medicine"
    assert "glucose-medicine" not in after["shown"].split(",")
    assert len(after["shown"].split(",")) == 3


async def test_answers_that_cannot_both_be_right_are_shown_again_and_nothing_is_kept(desk: Desk) -> None:
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(f"{RECORD}/ask")).text).forms[f"{RECORD}/ask"]
    wrong = form | {"a.symptoms": ["none", "hypoglycemia"], "a.pregnancy": "no"}
    again = await desk.browser.post(f"{RECORD}/ask", data=wrong)
    assert again.status_code == 422
    ticked = {
        (held["name"], held["value"]) for tag, held in Page(again.text).tags if tag == "input" and "checked" in held
    }
    assert ticked == {("a.symptoms", "none"), ("a.symptoms", "hypoglycemia"), ("a.pregnancy", "no")}
    assert facts_of(desk) == {}


async def test_chest_pain_told_on_the_telephone_says_what_to_do_at_once(desk: Desk) -> None:
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(f"{RECORD}/ask")).text).forms[f"{RECORD}/ask"]
    moved = await desk.browser.post(f"{RECORD}/ask", data=form | {"a.symptoms": "red-flag"})
    after = (await desk.browser.get(moved.headers["location"])).text
    assert 'role="alert"' in after
    assert "119" in after[after.index('role="alert"') : after.index("</div>", after.index('role="alert"'))]


async def test_values_are_entered_as_self_reported_and_the_same_again_changes_nothing(desk: Desk) -> None:
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(f"{RECORD}/entry")).text).forms[f"{RECORD}/entry"]
    typed = form | {"weight": "84.2", "bp": "128/76", "steps": "5,400", "date": "2026-11-20", "time": "7:05"}
    kept = await desk.browser.post(f"{RECORD}/entry", data=typed)
    assert kept.headers["location"] == f"{RECORD}/entry?kept=new"
    again = await desk.browser.post(f"{RECORD}/entry", data=typed)
    assert again.headers["location"] == f"{RECORD}/entry?kept=already"
    kinds = ["body-weight", "systolic", "diastolic", "steps-day"]
    with read(desk.engine) as connection:
        points = history(connection, TARO, kinds, 0, to_micros(NOW))
    assert {kind: [str(point.value) for point in found] for kind, found in points.items()} == {
        "body-weight": ["84.2"], "systolic": ["128"], "diastolic": ["76"], "steps-day": ["5400"]}  # fmt: skip
    assert {point.provenance for found in points.values() for point in found} == {"self-reported"}


async def test_what_cannot_be_is_refused_with_a_guess_and_stays_in_the_form(desk: Desk) -> None:
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(f"{RECORD}/entry")).text).forms[f"{RECORD}/entry"]
    wrong: list[tuple[dict[str, str], str]] = [
        ({"weight": "842"}, "84.2 ではありませんか"),
        ({"bp": "76/128"}, "128/76 ではありませんか"),
        ({"weight": "84.2", "date": "2027-01-01"}, "まだ来ていない"),
        ({"weight": "84.2", "date": "きのうごろ"}, "日時を読めません"),
        ({}, "ひとつ以上"),
    ]
    for typed, said in wrong:
        again = await desk.browser.post(f"{RECORD}/entry", data=form | typed)
        assert again.status_code == 422
        assert said in again.text
        fields = [one for tag, one in Page(again.text).tags if tag == "input" and one.get("name") in typed]
        assert {one["name"]: one["value"] for one in fields} == typed
    with read(desk.engine) as connection:
        kept = history(connection, TARO, ["body-weight", "systolic"], 0, to_micros(NOW))
    assert kept == {"body-weight": [], "systolic": []}


async def test_a_value_far_from_the_last_one_is_asked_about_before_it_is_kept(desk: Desk) -> None:
    weighed(desk.engine, TARO, NOW, ["84.0"])
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(f"{RECORD}/entry")).text).forms[f"{RECORD}/entry"]
    asked = await desk.browser.post(f"{RECORD}/entry", data=form | {"weight": "48.0"})
    assert asked.status_code == 422
    assert "前は 84.0 kg、今回は 48.0 kg" in asked.text
    sure = await desk.browser.post(f"{RECORD}/entry", data=form | {"weight": "48.0", "sure": "1"})
    assert sure.headers["location"].endswith("kept=new")


async def test_nothing_is_entered_of_somebody_who_does_not_let_us_record(desk: Desk) -> None:
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(f"{RECORD}/entry")).text).forms[f"{RECORD}/entry"]
    withdraw(desk.engine, TARO, "record", NOW)
    for page, typed in (
        ("entry", {"weight": "84.2"}),
        ("ask", {"q": "veto", "shown": "pregnancy", "a.pregnancy": "no"}),
    ):
        assert (await desk.browser.post(f"{RECORD}/{page}", data=form | typed)).status_code == 403
    assert facts_of(desk) == {}


async def test_a_fact_is_written_down_taken_back_and_released(desk: Desk) -> None:
    desk.enter_as("nurse")
    page = Page((await desk.browser.get(f"{RECORD}/facts")).text)
    form = page.forms[f"{RECORD}/facts"]
    typed = form | {"code": "lab.hba1c", "value": "６．４", "on": "令和8年11月20日", "source": "lab"}
    assert (await desk.browser.post(f"{RECORD}/facts", data=typed)).status_code == 303
    assert facts_of(desk) == {"lab.hba1c": "6.4"}
    with read(desk.engine) as connection:
        [fact] = repo_facts.of_one(connection, TARO)
    assert (fact.actor, fact.source) == (NURSE, "lab")
    released = await desk.browser.post(f"{RECORD}/facts/{fact.id}/release", data=form)
    assert released.status_code == 303
    with read(desk.engine) as connection:
        assert repo_releases.released_to(connection, TARO) == {fact.id: NOW}
    assert actions(desk, fact.id) == ["fact-release"]
    assert (await desk.browser.post(f"{RECORD}/facts/{fact.id}/retract", data=form)).status_code == 303
    assert facts_of(desk) == {}
    twice = await desk.browser.post(f"{RECORD}/facts/{fact.id}/retract", data=form)
    assert twice.status_code == 409


async def test_a_fact_that_cannot_be_stays_in_the_form_and_one_of_somebody_else_does_not_exist(desk: Desk) -> None:
    [theirs] = told(desk.engine, HANAKO, NOW - timedelta(days=1), ("lab.ldl", "131", "mg/dL"))
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(f"{RECORD}/facts")).text).forms[f"{RECORD}/facts"]
    wrong = await desk.browser.post(f"{RECORD}/facts", data=form | {"code": "lab.hba1c", "value": "64"})
    assert wrong.status_code == 422
    assert 'value="64"' in wrong.text
    for verb in ("retract", "release"):
        assert (await desk.browser.post(f"{RECORD}/facts/{theirs}/{verb}", data=form)).status_code == 404


async def test_a_dietitian_releases_nothing(desk: Desk) -> None:
    [mine] = told(desk.engine, TARO, NOW - timedelta(days=1), ("lab.ldl", "131", "mg/dL"))
    session = desk.enter_as("dietitian")
    page = (await desk.browser.get(f"{RECORD}/facts")).text
    assert f"/{mine}/release" not in page
    sent = await desk.browser.post(f"{RECORD}/facts/{mine}/release", data={"csrf": session.csrf})
    assert sent.status_code == 403


async def test_notes_and_contacts_are_kept_with_their_author_and_a_refused_one_keeps_its_words(desk: Desk) -> None:
    session = desk.enter_as("nurse")
    csrf = {"csrf": session.csrf}
    assert (await desk.browser.post(f"{RECORD}/note", data=csrf | {"text": "犬と 散歩を 始めた"})).status_code == 303
    sent = csrf | {"how": "phone", "outcome": "absent", "text": "あすまた電話する"}
    assert (await desk.browser.post(f"{RECORD}/contact", data=sent)).status_code == 303
    with read(desk.engine) as connection:
        [note], [contact] = repo_notes.of_resident(connection, TARO), repo_contacts.of_resident(connection, TARO)
    assert (note.text, note.author) == ("犬と 散歩を 始めた", NURSE)
    assert (contact.outcome, contact.by) == ("absent", NURSE)
    long = await desk.browser.post(f"{RECORD}/note", data=csrf | {"text": "あ" * 501})
    assert long.status_code == 422
    assert "あ" * 501 in long.text
    odd = await desk.browser.post(f"{RECORD}/contact", data=csrf | {"how": "drone", "outcome": "reached"})
    assert odd.status_code == 422
