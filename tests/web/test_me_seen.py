"""Who has seen my data: every person by name and role, what they did and when; nobody else's, no machine, not myself."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, insert

from engine.access import ROLES, Role
from engine.locale import LANGUAGES, has_text
from engine.seen import _DEEDS, did, role_of
from engine.store import audit, repo_family, repo_glass, repo_seen_by
from engine.store.database import write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.repo_staff import Member
from engine.store.repo_staff import add as add_staff
from engine.store.tables_bridge import PUSH
from engine.store.tables_rights import ACTING
from tests.flow.furnished import store
from tests.web.desks import HANAKO, NOW, TARO, Desk, desk, item, put

__all__ = ["desk", "store"]
pytestmark = pytest.mark.flow
NURSE, HELP = "s-nursenursenur", "s-helpshelpshel"
DAY = timedelta(days=1)


def hire(desk: Desk) -> None:
    with write(desk.engine) as connection:
        people: list[tuple[str, str, Role]] = [(NURSE, "鈴木 保健師", "nurse"), (HELP, "佐藤 係", "helpdesk")]
        for name, called, role in people:
            member = Member(
                id=name, login=called, name=called, roles=frozenset({role}), municipalities=frozenset({"062049"}),
                created_at=NOW,
            )  # fmt: skip
            assert isinstance(add_staff(connection, member, By("admin", "test")), Member)


def act(engine: Engine, actor: str, action: str, subject: str = HANAKO, ago: timedelta = timedelta(0)) -> None:
    with write(engine) as connection:
        entry = audit.Entry(at=to_micros(NOW - ago), actor=actor, os_user="test", action=action, subject=subject)
        audit.append(connection, entry)


async def seen(desk: Desk, path: str = "/me/seen") -> str:
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    answer = await desk.browser.get(path)
    assert answer.status_code == 200
    return answer.text


async def test_a_nurse_who_opened_my_advice_is_named_with_role_and_day_at_once(desk: Desk) -> None:
    hire(desk)
    put(desk.engine, item("mine", resident_id=HANAKO), item("his", resident_id=TARO))
    desk.enter_as("nurse", by=NURSE)
    assert (await desk.browser.get(f"/advice/{item('mine').id}")).status_code == 200
    mine = await seen(desk)
    assert "鈴木 保健師" in mine
    assert "保健師</span>" in mine
    assert "2026年11月21日" in mine
    act(desk.engine, HELP, "advice-view", item("his").id)
    assert "佐藤" not in await seen(desk)


async def test_what_the_same_words_tell_of_a_day_stands_once(desk: Desk) -> None:
    hire(desk)
    for action in ("appointment-book", "appointment-remind", "appointment-move"):
        act(desk.engine, NURSE, action)
    act(desk.engine, NURSE, "appointment-cancel", ago=DAY)
    page = (await seen(desk)).replace(" ", "")
    assert page.count("予約を書きました。") == 2
    assert "3回" in page


async def test_a_network_is_called_as_people_call_it(desk: Desk) -> None:
    act(desk.engine, "choukai-net", "import-entry")
    mine = await seen(desk)
    assert "ちょうかいネット" in mine
    assert "choukai-net" not in mine


async def test_a_look_behind_a_broken_glass_stands_at_the_top_with_its_reason(desk: Desk) -> None:
    hire(desk)
    with write(desk.engine) as connection:
        repo_glass.smash(connection, NURSE, HANAKO, "救急からの問い合わせのため", NOW - DAY, Random(1), "test")
    shown = await seen(desk)
    assert "救急からの問い合わせのため" in shown
    assert shown.index("とくべつに 見た人が います") < shown.index('id="list"')
    assert "<h2" in shown


async def test_machines_visitors_and_my_own_looks_are_not_people_who_looked(desk: Desk) -> None:
    for actor in ("engine", HANAKO):
        act(desk.engine, actor, "advice-view")
    act(desk.engine, "visitor", "sign-in-refused")
    act(desk.engine, "木村", "export-fhir")
    shown = await seen(desk)
    assert shown.count("<li><p>") == 1 + 2, "the export, and whoever registered her and took her consents"
    assert "木村" in shown
    assert "記録を もちだしました。" in shown


async def test_nobody_can_call_themselves_so_that_their_looks_are_not_told(desk: Desk) -> None:
    for actor in ("visitor", "p-suzuki", "u-approvalappro", "Engine "):
        act(desk.engine, actor, "advice-view")
    shown = await seen(desk)
    assert [name in shown for name in (">visitor<", "p-suzuki", "u-approvalappro", "Engine ")] == [True] * 4


async def test_many_looks_come_page_by_page_and_none_is_lost_or_told_twice(desk: Desk) -> None:
    for number in range(70):
        act(desk.engine, f"係{number:03}", "person-view", ago=timedelta(minutes=70 - number))
    names: list[str] = []
    path = "/me/seen"
    for _ in range(4):
        shown = await seen(desk, path)
        names += [f"係{number:03}" for number in reversed(range(70)) if f"係{number:03}" in shown]
        if "before=" not in shown:
            break
        path = "/me/seen?before=" + shown.split("before=")[1].split('"')[0]
    assert names == [f"係{number:03}" for number in reversed(range(70))]
    assert (await desk.browser.get("/me/seen?before=x")).status_code == 400


def test_acts_are_gathered_by_person_action_and_day_on_both_databases(store: Engine) -> None:
    for ago in (timedelta(0), timedelta(minutes=5), DAY):
        act(store, "s-a", "person-view", ago=ago)
    # Midnight in Japan lies at 15:00 UTC: 09:30 UTC and 19 hours before are two of its days, as are 5 and 6 hours.
    act(store, "s-b", "person-view", ago=timedelta(hours=18, minutes=29))
    act(store, "s-b", "person-view", ago=timedelta(hours=18, minutes=31))
    with write(store) as connection:
        found = repo_seen_by.looks(connection, HANAKO)
    told = [(one.actor, one.day.day, one.times) for one in found if one.actor in {"s-a", "s-b"}]
    assert sorted(told) == [("s-a", 20, 1), ("s-a", 21, 2), ("s-b", 20, 1), ("s-b", 21, 1)]


def test_every_act_and_every_role_has_its_words_in_both_languages() -> None:
    deeds = {"looked", "changed", *(deed for _, deed in _DEEDS)}
    wanted = [*(f"me.seen.did.{one}" for one in deeds), *(f"me.seen.role.{one}" for one in ROLES)]
    missing = [(lang, key) for lang in LANGUAGES for key in wanted if not has_text(lang, "resident", key)]
    assert missing == []


@pytest.mark.parametrize(
    ("action", "deed"),
    [
        ("advice-view", "looked"), ("record-view", "looked"), ("advice-approve", "decided"), ("fact-release", "released"),
        ("fact-add", "wrote"), ("reading-add", "wrote"), ("export-fhir", "took"), ("report-make", "took"),
        ("break-glass", "glass"), ("sign-in-code-issue", "code"), ("consent-withdraw", "consent"),
        ("resident-edit", "changed"), ("export-bridge", "received"), ("export-oru", "took"), ("export-api", "took"),
        ("record-chart", "looked"), ("advice-chart", "looked"), ("acting-view", "looked"), ("acting-entry", "wrote"),
        ("acting-grant", "acting"), ("bridge-withdraw", "told-wrong"), ("consents-form", "printed"),
    ],
)  # fmt: skip
def test_an_action_is_told_in_a_plain_word(action: str, deed: str) -> None:
    assert did(action) == deed


def test_of_several_roles_the_one_that_sees_most_is_told() -> None:
    assert role_of(frozenset({"admin", "nurse"})) == "nurse"
    assert role_of(frozenset()) is None


async def test_what_a_network_received_is_told_with_how_much_and_that_it_stays_there(desk: Desk) -> None:
    assert "まだ 何も 送っていません。" in await seen(desk)
    with write(desk.engine) as connection:
        for number, sent in enumerate((NOW - DAY, NOW, None)):
            connection.execute(insert(PUSH), pushed(number, sent))
    act(desk.engine, "choukai-net", "export-bridge")
    shown = await seen(desk)
    assert "2この 値を 送りました。" in shown
    assert "さいごは 2026年11月21日です。" in shown
    assert "送ったものは、やめても 先方に のこります。" in shown
    assert "あなたの値を 受けとりました。" in shown
    act(desk.engine, "bridge", "bridge-withdraw")
    assert "送った値を 取り消しました。" in await seen(desk)


def pushed(number: int, sent: datetime | None) -> dict[str, object]:
    return {
        "network": "choukai-net", "type": "Observation", "identifier": f"i{number}", "turn": 0, "resident_id": HANAKO,
        "patient": "p1", "reading_id": f"x{number}", "device_id": "", "kind": "body-weight", "measured_at": 0,
        "wants": "final", "state": "confirmed", "due_at": 0, "attempts": 1, "created_at": 0, "updated_at": 0,
        "sent_at": None if sent is None else to_micros(sent),
    }  # fmt: skip


async def test_statistics_say_that_nobody_can_tell_who_was_counted(desk: Desk) -> None:
    shown = await seen(desk)
    assert "統計からは、だれを 数えたか 分かりません。" in shown
    assert "町も あとから 調べられません。" in shown


async def test_whoever_acts_for_me_is_named_with_the_basis_they_act_on(desk: Desk) -> None:
    basis = "j-motherxmother"
    with write(desk.engine) as connection:
        mother = repo_family.add(connection, "佐々木 和子", "parent", "ja", NOW - DAY, Random(4))
        row = {
            "id": basis, "resident_id": HANAKO, "actor": mother.id, "basis": "guardian", "scope": '["see"]',
            "seen": "x", "since": 0, "by": "t", "at": 0, "version": 1,
        }  # fmt: skip
        connection.execute(insert(ACTING), row)
    act(desk.engine, mother.id, "acting-view", basis)
    act(desk.engine, "よその人", "acting-view", "j-somebodysomeb")
    shown = await seen(desk)
    assert "佐々木 和子（" in shown
    assert "よその人" not in shown
