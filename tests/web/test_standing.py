"""The pages of standing approvals, urgent texts and rules: signed by name, shown in words, stopped at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from engine.review import LOCAL, Command, decide, rank
from engine.rules import load_catalogue
from engine.standing import Automatic, digest_of
from engine.store import audit, repo_advice, repo_standing, repo_urgent_text
from engine.store.database import read, write
from engine.store.tables import AUDIT
from tests.web.desks import HANAKO, NOW, SECRET, Desk, Page, desk, heading, item, put

__all__ = ["desk"]
RULES = {rule.id: rule for rule in load_catalogue()}
RULE = RULES["bmi-above-target"]
ASKED = {
    "rule": RULE.id, "municipality": "062049", "age_from": "40", "age_to": "74", "sex": "", "days": "30",
    "daily_cap": "10", "sample_percent": "10",
}  # fmt: skip


async def sign(desk: Desk, **changed: str) -> str:
    page = await desk.browser.get("/standing/new", params=ASKED | changed)
    form = Page(page.text).forms["/standing/new"]
    done = await desk.browser.post("/standing/new", data=form)
    assert done.status_code == 303, done.text
    return done.headers["location"]


def actions(desk: Desk) -> list[str]:
    with read(desk.engine) as connection:
        assert audit.verify(connection) is None
        return [row.action for row in connection.execute(select(AUDIT).order_by(AUDIT.c.seq))]


async def test_the_page_says_that_it_is_off_until_the_operator_switches_it_on(desk: Desk) -> None:
    desk.enter_as("nurse")
    for path, key in (("/standing", "engine.standing"), ("/standing/urgent", "engine.urgent_texts")):
        assert key in (await desk.browser.get(path)).text
    desk.app.state.desk = _with(desk, Automatic(standing=True, urgent_texts=True))
    for path, key in (("/standing", "engine.standing"), ("/standing/urgent", "engine.urgent_texts")):
        assert key not in (await desk.browser.get(path)).text


def _with(desk: Desk, automatic: Automatic) -> Any:
    from dataclasses import replace

    return replace(desk.app.state.desk, automatic=automatic)


async def test_before_signing_the_page_says_what_it_would_have_covered_and_shows_the_words(desk: Desk) -> None:
    evidence = {"signals": {"bmi": {"value": "28.4"}}, "ask": [], "must_not": [], "red_flags": [], "first": False}
    told: dict[str, Any] = {
        "rule_version": RULE.version,
        "text_version": getattr(RULE, "text_version", 0),
        "evidence": evidence,
    }
    old = NOW - timedelta(days=40)
    put(
        desk.engine,
        item("told", rule_id="other", state="delivered", decided_by="s-x", created_at=old, updated_at=old),
        item("one", **told, state="delivered"), item("second", **told),
        item("veto", **(told | {"evidence": evidence | {"must_not": ["servings"]}})),
        item("hers", **told, resident_id=HANAKO), item("late", **told, created_at=NOW - timedelta(days=91)),
    )  # fmt: skip
    desk.enter_as("nurse")
    page = (await desk.browser.get("/standing/new", params=ASKED)).text
    # Four drafts of that rule in 90 days: of the two that are covered the first is sampled; Hanako is 75.
    assert "下書き 4 件のうち、1 件を承認し、1 件を見本" in page
    assert "(1 人)" in page
    assert "禁止事項がある" in page
    assert "対象の年齢でない" in page
    assert "酒田市の すべての人・40歳から74歳に" in page
    assert "BMIは {bmi}です。" in page
    assert SECRET not in page


async def test_a_signature_is_stored_shown_and_audited(desk: Desk) -> None:
    session = desk.enter_as("nurse")
    way = await sign(desk, sex="female")
    with read(desk.engine) as connection:
        found = repo_standing.get(connection, way.removeprefix("/standing/"))
    assert found is not None
    assert (found.signed_by, found.signed_at, found.until) == (session.by, NOW, NOW + timedelta(days=30))
    assert (found.digest, found.population.sex, found.daily_cap) == (digest_of(RULE), "female", 10)
    page = (await desk.browser.get(way)).text
    assert "女性・40歳から74歳" in page
    assert heading(page).startswith("包括承認")
    assert way in (await desk.browser.get("/standing")).text
    assert "standing-sign" in actions(desk)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"days": "91"}, "日数は 1 から 90"), ({"days": "many"}, "数字を"), ({"sample_percent": "4"}, "5 % から"),
        ({"age_from": "80"}, "年齢は"), ({"rule": "home-bp-high"}, "毎回 人が"), ({"rule": "nothing"}, "今ありません"),
        ({"municipality": "064611"}, "担当の市町"), ({"sex": "x"}, "性別"), ({"daily_cap": "0"}, "1日の上限"),
        ({"digest": "0" * 64}, "文面が変わりました"),
    ],
)  # fmt: skip
async def test_what_may_not_be_signed_is_refused_with_what_was_typed(
    desk: Desk, changed: dict[str, str], said: str
) -> None:
    session = desk.enter_as("nurse")
    sent = ASKED | {"csrf": session.csrf, "digest": digest_of(RULE)} | changed
    done = await desk.browser.post("/standing/new", data=sent)
    assert done.status_code == 422
    assert said in done.text
    assert f'value="{sent["days"]}"' in done.text
    with read(desk.engine) as connection:
        assert repo_standing.listed(connection, None) == []


async def test_it_is_stopped_at_once_with_a_reason_and_only_by_who_saw_how_it_stands(desk: Desk) -> None:
    session = desk.enter_as("nurse")
    way = await sign(desk)
    form = Page((await desk.browser.get(way)).text).forms[f"{way}/suspend"]
    assert (await desk.browser.post(f"{way}/suspend", data=form)).status_code == 422
    done = await desk.browser.post(f"{way}/suspend", data=form | {"reason": "文面を直します"})
    assert done.status_code == 303
    assert (await desk.browser.post(f"{way}/suspend", data=form | {"reason": "もう一度"})).status_code == 409
    page = (await desk.browser.get(way)).text
    assert "文面を直します" in page
    assert f"{way}/suspend" not in Page(page).forms
    over = Page(page).forms[f"{way}/end"]
    assert (await desk.browser.post(f"{way}/end", data=over)).status_code == 303
    with read(desk.engine) as connection:
        found = repo_standing.get(connection, way.removeprefix("/standing/"))
    assert found is not None
    assert (found.state, found.ended_by) == ("ended", session.by)
    assert [one for one in actions(desk) if one in {"standing-suspend", "standing-end"}] == [
        "standing-suspend",
        "standing-end",
    ]


async def test_who_works_elsewhere_sees_and_stops_nothing_of_it(desk: Desk) -> None:
    desk.enter_as("nurse")
    way = await sign(desk)
    other = desk.enter_as("nurse", by="s-othernursenur", towns=("064611",))
    assert way not in (await desk.browser.get("/standing")).text
    assert (await desk.browser.get(way)).status_code == 404
    done = await desk.browser.post(f"{way}/end", data={"csrf": other.csrf, "version": "1"})
    assert done.status_code == 404


async def test_a_dietitian_reads_but_signs_and_stops_nothing(desk: Desk) -> None:
    desk.enter_as("nurse")
    way = await sign(desk)
    session = desk.enter_as("dietitian", by="s-dietdietdietd")
    page = await desk.browser.get(way)
    assert page.status_code == 200
    assert not [action for action in Page(page.text).forms if action.startswith("/standing")]
    assert (await desk.browser.get("/standing/new")).status_code == 403
    assert (await desk.browser.post(f"{way}/end", data={"csrf": session.csrf, "version": "1"})).status_code == 403


async def test_only_a_physician_signs_an_urgent_text_for_a_town_of_theirs_and_for_the_words_that_were_shown(
    desk: Desk,
) -> None:
    nurse = desk.enter_as("nurse")
    rule = RULES["home-bp-high"]
    sent = {"rule": rule.id, "municipality": "062049", "digest": digest_of(rule)}
    page = (await desk.browser.get("/standing/urgent")).text
    assert "とても 高い 血圧" in page
    assert "/standing/urgent/sign" not in Page(page).forms
    assert (await desk.browser.post("/standing/urgent/sign", data=sent | {"csrf": nurse.csrf})).status_code == 403
    doctor = desk.enter_as("physician", by="s-doctordoctord")
    wrong = [{"digest": "0" * 64}, {"municipality": "064611"}, {"rule": "hypoglycemia"}, {"rule": "ldl-high"}]
    answers = [
        (await desk.browser.post("/standing/urgent/sign", data=sent | {"csrf": doctor.csrf} | one)).status_code
        for one in wrong
    ]
    assert answers == [409, 404, 404, 404]
    for _ in range(2):
        done = await desk.browser.post("/standing/urgent/sign", data=sent | {"csrf": doctor.csrf})
        assert done.status_code == 303
    with read(desk.engine) as connection:
        newer, older = repo_urgent_text.listed(connection, ["062049"])
        assert repo_urgent_text.live(connection, "062049", rule.id) in {newer, older}
    assert [one.ended_at is None for one in (newer, older)].count(True) == 1, "the second takes the place of the first"
    live = newer if newer.ended_at is None else older
    done = await desk.browser.post(f"/standing/urgent/{live.id}/end", data={"csrf": doctor.csrf})
    assert done.status_code == 303
    assert (await desk.browser.post(f"/standing/urgent/{live.id}/end", data={"csrf": doctor.csrf})).status_code == 409
    assert [one for one in actions(desk) if one.startswith("urgent-text")].count("urgent-text-end") == 2


async def test_the_rules_are_counted_by_what_people_decided_and_those_turned_down_are_marked(desk: Desk) -> None:
    evidence: dict[str, Any] = {"signals": {}, "ask": []}
    bad = [
        item(f"bad{chr(97 + n // 26)}{chr(97 + n % 26)}", rule_id="salt", evidence=evidence, state="rejected", decided_by="s-x",
             reason="unclear-text: 山田さんには むずかしい" if n % 2 else "not-now")
        for n in range(12)
    ]  # fmt: skip
    good = [
        item(f"good{chr(97 + n)}", rule_id="salt", evidence=evidence, state="delivered", decided_by="s-x")
        for n in range(9)
    ]
    auto = item("auto", rule_id="salt", evidence=evidence, state="delivered", decided_by="p-aaaaaaaaaaaaa")
    edited = item("edited", rule_id="salt", evidence=evidence)
    put(
        desk.engine,
        *bad,
        *good,
        auto,
        edited,
        item("few", rule_id="sleep", evidence=evidence, state="rejected", reason="not-now"),
    )
    with write(desk.engine) as connection:
        for verb in ("edit", "approve"):
            one = repo_advice.get(connection, edited.id)
            assert one is not None
            wish = Command(
                verb=verb, by="s-x", version=one.version, rights=LOCAL, text_ja="歩きましょう。", text_en="Walk."
            )
            found = decide(one, wish, NOW)
            repo_advice.decide(connection, found, rank(found.item, NOW), os_user="t")  # type: ignore[arg-type, union-attr]
    desk.enter_as("nurse")
    page = (await desk.browser.get("/rules")).text
    salt = page[page.index("<code>salt</code>") : page.index("<code>sleep</code>")]
    assert "承認が少ない" in salt
    assert "45 %" in salt, "ten of twenty-two were approved"
    assert "文が分かりにくい 6" in salt
    assert "いまは時期でない 6" in salt
    assert "山田" not in page
    assert "承認が少ない" not in page[page.index("<code>sleep</code>") :]
    desk.enter_as("nurse", by="s-othernursenur", towns=("064611",))
    assert "承認が少ない" not in (await desk.browser.get("/rules")).text
    assert "rules-view" in actions(desk)
