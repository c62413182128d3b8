"""Consents at the desk: said there, printed, typed in from a signed form; nobody's form is filed under somebody else."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest

from engine.consent import Event, permits
from engine.consent_paper import new_number
from engine.sealing import seal_of
from engine.store import audit, repo_consent_sources, repo_consents
from engine.store.database import read, write
from engine.web.sessions import Session
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
HERE = f"/residents/{HANAKO}/consents"
NURSE = "s-nursenursenur"


def said(desk: Desk, who: str = HANAKO) -> list[Event]:
    with read(desk.engine) as connection:
        return repo_consents.history(connection, who)


def number(who: str = HANAKO, seed: int = 1) -> str:
    return new_number(seal_of(None), who, Random(seed))


async def send(desk: Desk, session: Session, path: str = "", **data: Any) -> httpx.Response:
    return await desk.browser.post(
        HERE + path, data={"csrf": session.csrf, **{k.replace("__", "."): v for k, v in data.items()}}
    )


async def test_a_yes_and_a_no_at_the_desk_are_one_press_each_and_hold_at_once(desk: Desk) -> None:
    session = desk.enter_as("helpdesk", by=NURSE)
    page = Page((await desk.browser.get(HERE)).text)
    buttons = [one.get("value") for tag, one in page.tags if tag == "button" and one.get("name") == "granted"]
    assert buttons == ["yes", "no"] * 10
    for granted in ("yes", "no"):
        answer = await send(desk, session, purpose="learning", granted=granted)
        assert answer.headers["location"] == f"{HERE}#learning"
        assert permits(said(desk), "learning", None, None, desk.clock[0]).granted is (granted == "yes")
        desk.wait(timedelta(seconds=1))
    assert (said(desk)[-1].actor, said(desk)[-1].channel) == (NURSE, "desk")
    read_back = (await desk.browser.get(HERE)).text
    assert "窓口</span>" in read_back, "how it was said is a word, not a code"
    assert (await send(desk, session, purpose="care-share", granted="yes")).status_code == 422
    assert (
        await send(desk, session, purpose="family-view", granted="yes", recipient="m-strangerstran")
    ).status_code == 422
    assert said(desk)[-1].purpose == "learning"


async def test_a_printed_form_carries_a_number_that_comes_back(desk: Desk) -> None:
    session = desk.enter_as("nurse", by=NURSE)
    form = await send(desk, session, "/form", form="html")
    assert form.status_code == 200
    printed = form.headers["content-disposition"].split("minato-consent-")[1].removesuffix('.html"')
    assert f">{printed}</p>" in form.text
    data = {"number": printed, "signed": "令和8年11月20日", "answer__learning": "yes", "answer__advice": "no"}
    answer = await send(desk, session, "/paper", **data)
    assert answer.status_code == 303, answer.text
    shown = (await desk.browser.get(answer.headers["location"])).text
    assert f"用紙 {printed} を登録しました。" in shown
    events = said(desk)
    assert permits(events, "learning", None, None, NOW).granted
    assert not permits(events, "advice", None, None, NOW).granted
    assert permits(events, "record", None, None, NOW).granted, "no tick says nothing"
    assert {(one.channel, one.actor) for one in events[-2:]} == {("paper", NURSE)}
    with read(desk.engine) as connection:
        sources = repo_consent_sources.of(connection, HANAKO)
        assert audit.verify(connection) is None
    assert {one.reference for one in sources.values()} == {f"{printed} 2026-11-20 typed"}
    assert set(sources) == {one.seq for one in events[-2:]}
    again = await send(desk, session, "/paper", **data)
    assert (again.status_code, "この用紙は登録済みです。" in again.text) == (422, True)
    assert said(desk) == events


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"number": number(TARO)}, "この人の用紙ではありません。"),
        ({"number": "ABCD"}, "用紙の番号を確かめてください。"),
        ({"signed": "2026-11-22"}, "署名の日が未来です。"),
        ({"signed": "きのう"}, "署名の日を確かめてください。"),
        ({"signed": "2025-11-01"}, "署名から1年を過ぎています。"),
        ({"scan": "xyz"}, "SHA-256 は64けたです。"),
        ({"answer__record": ""}, "しるしが1つもありません。"),
        ({"answer__care-share": "yes"}, "「はい」には相手が必要です。"),
        ({"answer__watch-over": "yes", "who__watch-over": "s-strangerstran"}, "その相手は登録されていません。"),
    ],
)
async def test_a_form_that_does_not_fit_writes_nothing_and_keeps_what_was_typed(
    desk: Desk, more: dict[str, str], words: str
) -> None:
    session = desk.enter_as("nurse", by=NURSE)
    before = said(desk)
    data = {"number": number(), "signed": "2026-11-20", "answer__record": "no", "answer__mirror-display": ""} | more
    answer = await send(desk, session, "/paper", **data)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert f'value="{data["signed"]}"' in answer.text
    assert said(desk) == before


async def test_a_yes_on_paper_never_beats_what_was_said_after_it_was_signed(desk: Desk) -> None:
    with write(desk.engine) as connection:
        repo_consents.append(
            connection, consent(HANAKO, "learning", granted=False, at=NOW - timedelta(hours=1)), os_user="t"
        )
    session = desk.enter_as("nurse", by=NURSE)
    data = {"number": number(), "signed": "2026-11-20", "answer__learning": "yes"}
    answer = await send(desk, session, "/paper", **data)
    assert (answer.status_code, "署名の後に" in answer.text) == (422, True)
    assert not permits(said(desk), "learning", None, None, NOW).granted


async def test_a_scan_is_named_by_its_hash_and_care_by_whom_it_is_for(desk: Desk) -> None:
    session = desk.enter_as("nurse", by=NURSE)
    data = {
        "number": number(),
        "signed": "2026-11-21",
        "scan": "AB" * 32,
        "answer__care-share": "yes",
        "who__care-share": "choukai-net",
    }
    assert (await send(desk, session, "/paper", **data)).status_code == 303
    assert permits(said(desk), "care-share", "choukai-net", "body-weight", NOW).granted
    assert not permits(said(desk), "care-share", "ほかの病院", "body-weight", NOW).granted
    with read(desk.engine) as connection:
        [source] = repo_consent_sources.of(connection, HANAKO).values()
    assert (source.sha256, source.reference) == ("ab" * 32, f"{number()} 2026-11-21 scan")


async def test_consents_to_earlier_words_hold_and_are_counted_for_the_desk_and_said_on_the_page(desk: Desk) -> None:
    import msgspec

    old = [msgspec.structs.replace(consent(HANAKO, one, at=NOW), text_hash="0" * 64) for one in ("learning", "record")]
    with write(desk.engine) as connection:
        for one in old:
            repo_consents.append(connection, one, os_user="t")
    assert permits(said(desk), "learning", None, None, NOW).granted
    desk.enter_as("helpdesk", by=NURSE)
    assert "説明が変わった同意が 2 件あります。" in (await desk.browser.get(HERE)).text
    with read(desk.engine) as connection:
        assert repo_consents.outdated(connection, NOW) == {HANAKO: ["record", "learning"]}
        assert repo_consents.outdated(connection, NOW, ["064262"]) == {}
        assert repo_consents.outdated(connection, NOW, ["062049"]) == {HANAKO: ["record", "learning"]}
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    shown = (await desk.browser.get("/me/consents")).text
    assert shown.count("説明が 変わりました。") == 2
    assert shown.count("まえの 説明の ままでも、同意は つづいています。") == 2


async def test_whoever_may_not_enrol_or_works_elsewhere_sees_and_writes_nothing(desk: Desk) -> None:
    for role, towns, status in (("dietitian", ("062049",), 403), ("nurse", ("064262",), 404)):
        session = desk.enter_as(role, by=NURSE, towns=towns)  # type: ignore[arg-type]
        assert (await desk.browser.get(HERE)).status_code == status
        for path in ("", "/form", "/paper"):
            data = {"form": "html", "purpose": "learning", "granted": "yes", "number": number()}
            assert (await send(desk, session, path, **data)).status_code == status
    assert {one.purpose for one in said(desk)} == {"record", "advice", "nurse-review"}
