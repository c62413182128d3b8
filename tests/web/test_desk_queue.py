"""The nurse's work at the desk: the order of the queue, what an item shows, and what may be decided about it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from engine.locale import LANGUAGES, Language, catalogue, has_text
from engine.review import HOLD, Item, Refusal, Verb
from engine.store import audit, repo_advice, repo_consents
from engine.store.database import read, write
from engine.web import context as desk_module
from engine.web.sessions import STAFF_IDLE as IDLE
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, SECRET, TARO, Desk, Page, desk, heading, item, put, rename

__all__ = ["desk"]
ONE = "a-oneaaaaaaaaaa"
ALL = ["pregnancy", "cancer"]
TEMPLATES = Path(desk_module.__file__).parent / "templates"


def stored(engine: Engine, name: str = ONE) -> Item:
    with read(engine) as connection:
        found = repo_advice.get(connection, name)
    assert found is not None
    return found


async def test_the_queue_shows_the_most_serious_first_with_its_reasons(desk: Desk) -> None:
    old = NOW - timedelta(days=30)
    plain = item("plain").evidence | {"first": False}
    put(
        desk.engine, item("calm"), item("late", created_at=old, evidence=plain), item("red", "urgent"),
        item("soon", "soon", resident_id=HANAKO), item("done", state="delivered"),
        item("held", state="approved", held_until=NOW + HOLD, decided_by="鈴木"),
    )  # fmt: skip
    await desk.sign_in()
    page = (await desk.browser.get("/queue")).text
    links = [held["href"] for tag, held in Page(page).tags if tag == "a" and held.get("class") == "open"]
    assert links == [f"/advice/a-{name:a<13}" for name in ("red", "soon", "late", "calm")]
    for words in ("至急", "日 超過", "初めての助言", "山田 太郎", "50歳", f"BMIは {SECRET}です。", "30日前から"):
        assert words in page, words
    assert page.count("初めての助言") == 4, "three rows, and the field of the search"
    assert "話しましょう" not in page, "a line of advice, not all of it"
    held = (await desk.browser.get("/queue?shelf=held")).text
    assert ("承認済み" in held, "残り11分" in held, "a-held" in held, "a-calm" in held) == (True, True, True, False)


async def test_without_the_residents_consent_nothing_of_them_is_shown_or_decided(desk: Desk) -> None:
    put(desk.engine, item("one"), item("two", resident_id=HANAKO))
    await desk.sign_in()
    form = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/approve"]
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(TARO, "nurse-review", granted=False, at=NOW), os_user="test")
    page = (await desk.browser.get("/queue")).text
    assert ("花子" in page, "太郎" in page, "ほかに 1 件" in page) == (True, False, True)
    assert (await desk.browser.get(f"/advice/{ONE}")).status_code == 403
    assert (await desk.browser.post(f"/advice/{ONE}/approve", data=form | {"asked": ALL})).status_code == 403
    assert stored(desk.engine).state == "open"


async def test_who_looked_and_when_is_kept_without_what_they_saw(desk: Desk) -> None:
    put(desk.engine, item("one"))
    await desk.sign_in("鈴木")
    await desk.browser.get("/queue")
    await desk.browser.get(f"/advice/{ONE}")
    with read(desk.engine) as connection:
        looks = [link for link in audit.entries(connection, limit=1000) if link.action.endswith("-view")]
        assert audit.verify(connection) is None
    assert [(link.action, link.actor) for link in looks] == [("queue-view", "鈴木"), ("advice-view", "鈴木")]
    assert looks[1].subject == ONE
    assert all(len(link.detail_hash) == 64 for link in looks)


async def test_an_item_shows_the_text_the_reasons_and_the_sources(desk: Desk) -> None:
    put(desk.engine, item("one"))
    await desk.sign_in()
    page = (await desk.browser.get(f"/advice/{ONE}")).text
    for words in (
        f"BMIは {SECRET}です。\n話しましょう。", f"Your BMI is {SECRET}.", "28.4 kg/m²", "rrrr1", "bmi = 28.4 &gt;= 25.0",
        "bmi-above-target 第1版", "食事摂取基準", "いま 妊娠していますか。", "がん", "作成",
        "2026年11月21日(土) 18:00",
    ):  # fmt: skip
        assert words in page, words


async def test_an_item_without_evidence_is_shown_all_the_same(desk: Desk) -> None:
    put(desk.engine, item("one", evidence={}, topic="new-topic", severity="odd"))
    await desk.sign_in()
    assert (await desk.browser.get("/queue")).status_code == 200
    assert "new-topic" in (await desk.browser.get(f"/advice/{ONE}")).text


async def test_an_approval_needs_every_question_ticked(desk: Desk) -> None:
    put(desk.engine, item("one"))
    await desk.sign_in()
    for asked in ([], ["cancer"], ["cancer", "all", "made-up"]):
        refused = await desk.send(ONE, "approve", asked=asked)
        assert refused.status_code == 422
        assert 'role="alert"' in refused.text
        assert stored(desk.engine).state == "open"
    ticks = [held for tag, held in Page(refused.text).tags if tag == "input" and held.get("name") == "asked"]
    assert {held["value"]: "checked" in held for held in ticks} == {"pregnancy": False, "cancer": True}, (
        "nothing is lost"
    )

    signed = await desk.send(ONE, "approve", asked=ALL)
    assert (signed.status_code, signed.headers["location"]) == (303, f"/advice/{ONE}")
    after = stored(desk.engine)
    assert (after.state, after.decided_by, after.held_until) == ("approved", "鈴木 保健師", NOW + HOLD)
    with read(desk.engine) as connection:
        event = repo_advice.events(connection, ONE)[-1]
    assert (event.actor, event.reason) == ("鈴木 保健師", "asked: pregnancy,cancer")


async def test_a_rejection_needs_a_reason(desk: Desk) -> None:
    put(desk.engine, item("one"))
    await desk.sign_in()
    for reason in ("", " \n ", "長" * 301, "a\u202eb"):
        refused = await desk.send(ONE, "reject", reason=reason)
        assert refused.status_code == 422
        assert stored(desk.engine).state == "open"
    assert "a\u202eb" in refused.text, "what was typed is still there"
    assert (await desk.send(ONE, "reject", reason="治療中\r\nのため")).status_code == 303
    assert (stored(desk.engine).state, stored(desk.engine).reason) == ("rejected", "治療中 のため")


async def test_a_decision_can_be_undone_for_ten_minutes_and_not_longer(desk: Desk) -> None:
    put(desk.engine, item("one"), item("two"))
    await desk.sign_in()
    await desk.send(ONE, "approve", asked=ALL)
    desk.wait(HOLD - timedelta(seconds=1))
    assert (await desk.send(ONE, "undo")).status_code == 303
    assert stored(desk.engine).state == "open"

    await desk.send(ONE, "reject", reason="x")
    form = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/undo"]
    desk.wait(HOLD)
    late = await desk.browser.post(f"/advice/{ONE}/undo", data=form)
    assert (late.status_code, heading(late.text)) == (409, "もう取り消せません")
    assert f"/advice/{ONE}/undo" not in Page((await desk.browser.get(f"/advice/{ONE}")).text).forms


async def test_of_two_nurses_the_second_is_told_that_it_changed(desk: Desk) -> None:
    put(desk.engine, item("one"))
    await desk.sign_in("鈴木")
    form = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/approve"]
    async with desk.another() as second:
        await desk.sign_in("佐藤", second)
        theirs = Page((await second.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/reject"]
        assert (await second.post(f"/advice/{ONE}/reject", data=theirs | {"reason": "治療中"})).status_code == 303
    stale = await desk.browser.post(f"/advice/{ONE}/approve", data=form | {"asked": ALL})
    assert (stale.status_code, heading(stale.text)) == (409, "先に変更されています")
    assert f'href="/advice/{ONE}"' in stale.text
    assert stored(desk.engine).decided_by == "佐藤"


async def test_what_somebody_else_works_on_cannot_be_decided_yet(desk: Desk) -> None:
    put(desk.engine, item("one", state="claimed", decided_by="佐藤"))
    await desk.sign_in("鈴木")
    page = await desk.browser.get(f"/advice/{ONE}")
    assert not {f"/advice/{ONE}/{verb}" for verb in ("approve", "edit", "reject")} & set(Page(page.text).forms)
    assert "佐藤" in page.text
    csrf = Page(page.text).forms["/signout"]["csrf"]
    sent = {"csrf": csrf, "version": "1", "asked": ALL}
    assert (await desk.browser.post(f"/advice/{ONE}/approve", data=sent)).status_code == 409


async def test_a_locked_session_decides_nothing(desk: Desk) -> None:
    put(desk.engine, item("one"))
    await desk.sign_in()
    form = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/approve"]
    desk.wait(IDLE)
    assert (await desk.browser.post(f"/advice/{ONE}/approve", data=form | {"asked": ALL})).status_code == 403
    assert stored(desk.engine).state == "open"


async def test_names_texts_and_reasons_cannot_bring_markup_into_a_page(desk: Desk) -> None:
    evil = "<script>alert(1)</script>"
    quoted = "\"'><img src=x onerror=alert(1)>"
    rename(desk.engine, TARO, family_name=evil, given_name=quoted)
    put(
        desk.engine,
        item("one", text_ja=evil, text_en=quoted, evidence=item("x").evidence | {"reasons": [evil], "ask": []}),
    )
    await desk.sign_in(evil)
    pages = [
        await desk.browser.get("/queue"),
        await desk.browser.get(f"/advice/{ONE}"),
        await desk.send(ONE, "reject", reason="</textarea>" + evil + "長" * 300),
    ]
    await desk.send(ONE, "reject", reason=quoted + evil)
    pages.append(await desk.browser.get(f"/advice/{ONE}"))
    pages.append(await desk.browser.get("/signin", params={"token": quoted + evil, "lang": quoted}))
    for page in pages:
        fetched = [held.get("src") for tag, held in Page(page.text).tags if tag in {"script", "img"}]
        assert all(src and src.startswith(("/static/", "/advice/")) for src in fetched), "no script but our own files"
        assert not [name for _, held in Page(page.text).tags for name in held if name.startswith("on")]


async def test_every_page_is_complete_in_both_languages(desk: Desk) -> None:
    put(desk.engine, item("one"), item("two"))
    offered = await desk.browser.get("/signin", params={"token": desk.links.issue(NOW)})
    await desk.sign_in()
    await desk.send("a-twoaaaaaaaaaa", "approve", asked=ALL)
    paths = ("/queue", "/keys", f"/advice/{ONE}", "/advice/a-twoaaaaaaaaaa", "/advice/a-nothing")
    pages: list[tuple[Language, str]] = [("ja", offered.text)]
    for lang in LANGUAGES:
        first = await desk.browser.get("/queue", params={"lang": lang})
        pages += [(lang, first.text), *[(lang, (await desk.browser.get(path)).text) for path in paths]]
    for lang, text in pages:
        page = Page(text)
        tags = [tag for tag, _ in page.tags]
        assert ("html", {"lang": lang}) in page.tags, "the language asked for once stays"
        assert tags.count("h1") == 1
        assert {"header", "main", "footer", "title"} <= set(tags)
        assert "24時間見守りではありません" in text
        assert "not a 24-hour watch" in text
        fields = [held for tag, held in page.tags if tag in {"input", "textarea"} and held.get("type") is None]
        labels = [held.get("for") for tag, held in page.tags if tag == "label"]
        assert all(field["id"] in labels for field in fields)
        outside = [
            held for _, held in page.tags for value in held.values() if value and re.match(r"(https?:)?//", value)
        ]
        assert not outside


async def test_the_other_language_is_one_link_away(desk: Desk) -> None:
    put(desk.engine, item("one"))
    offered = await desk.browser.get("/signin", params={"token": desk.links.issue(NOW)})
    [other] = [held["href"] for tag, held in Page(offered.text).tags if tag == "a" and held.get("hreflang")]
    assert "Your name" in (await desk.browser.get(other or "")).text
    await desk.sign_in()
    refused = await desk.send(ONE, "approve")
    [other] = [held["href"] for tag, held in Page(refused.text).tags if tag == "a" and held.get("hreflang")]
    assert "What the resident will read" in (await desk.browser.get(other or "")).text


def test_every_word_of_the_templates_is_in_both_catalogues() -> None:
    used = {
        key
        for path in TEMPLATES.rglob("*.html")
        for key in re.findall(r'say\("([a-z.-]+)"[),]', path.read_text("utf-8"))
    }
    assert len(used) > 40
    for lang in LANGUAGES:
        assert not [key for key in used if not has_text(lang, "nurse", f"desk.{key}")]


def test_every_state_verb_and_refusal_has_its_words() -> None:
    from typing import get_args

    from engine.review import State

    codes = re.findall(r"[a-z-]+", (Refusal.__doc__ or "").split("Codes:")[1])
    # An edit or a snooze, whose refusals these are, cannot be asked for at the desk yet.
    told = [
        f"desk.sorry.{code}.title"
        for code in codes
        if code not in {"questions-open", "needs-reason", "wording", "until"}
    ]
    told += [f"desk.state.{state}" for state in get_args(State)] + [f"desk.verb.{verb}" for verb in get_args(Verb)]
    assert not [key for key in told for lang in LANGUAGES if ("nurse", key) not in catalogue(lang)]


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [("ink", "page", 7.0), ("ink", "wash", 7.0), ("faint", "page", 4.5), ("faint", "wash", 4.5), ("accent", "page", 4.5),
     ("accent-ink", "accent", 4.5), ("badge-ink", "urgent", 4.5), ("badge-ink", "prompt", 4.5), ("badge-ink", "soon", 4.5),
     ("badge-ink", "routine", 4.5), ("urgent", "paper", 4.5), ("night-ink", "night", 4.5), ("warn-ink", "warn", 4.5),
     ("ok-ink", "ok", 4.5), ("edge", "paper", 3.0), ("edge", "page", 3.0)],
)  # fmt: skip
def test_colours_can_be_told_apart(ink: str, ground: str, least: float) -> None:
    css = (TEMPLATES.parent / "static" / "desk.css").read_text("utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", css))
    bright, dark = sorted((_luminance(colours[ink]), _luminance(colours[ground])), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= least
