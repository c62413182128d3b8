"""The whole review over a real store, driven by Hypothesis: people, nurses, signatures, time; what it promises is checked.

Every example is one transaction on one database, rolled back at its end.
"""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, Engine, func, select, text, update

from engine import automatic as signed
from engine.access import rights_of
from engine.contract import wire
from engine.contract.reading import Reading
from engine.contract.topics import up
from engine.decisions import carry_out
from engine.evaluate import evaluate, settle
from engine.people import Resident
from engine.review import HOLD, Command, Item, Refusal, rank
from engine.rules import load_catalogue
from engine.safety import red_flags
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.standing import Approval, Automatic, Population, digest_of, ended, is_live, suspended
from engine.store import audit, repo_advice, repo_residents, repo_standing, repo_urgent_text
from engine.store.tables import ADVICE, AUDIT
from engine.store.tables_following import REFERRAL
from engine.urgent_text import SignedText
from tests.flow.test_evaluate import pressure, reading
from tests.flow.test_standing import answer
from tests.homes import GATEWAY, HANAKO, NOW, TARO
from tests.stores import furnished_file
from tests.web.desks import item, put

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NURSES, PHYSICIAN = ("s-nursenursenur", "s-othernursenur"), "s-doctordoctord"
RIGHTS = dict.fromkeys(NURSES, rights_of({"nurse"})) | {PHYSICIAN: rights_of({"physician"})}
STAFF = st.sampled_from([*NURSES, PHYSICIAN])
RULES = {one.id: one for one in load_catalogue()}
HABIT, RED = RULES["bmi-above-target"], RULES["home-bp-high"]
LIVE_STATES = ("open", "claimed", "escalated", "approved", "snoozed", "rejected")
WORDS = [("朝に 歩きましょう。", "Please walk in the morning."), ("夜は 早く 寝ましょう。", "Go to bed early.")]
_GUARDS = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
COLUMNS = ("at", "actor", "os_user", "action", "subject", "detail_hash", "prev", "hash")


class Review(RuleBasedStateMachine):
    """The store against a model that knows who signed what when, and what was measured."""

    engine: ClassVar[Engine | None] = None
    place: ClassVar[tempfile.TemporaryDirectory[str] | None] = None
    steps: ClassVar[int] = 0
    told: ClassVar[dict[str, int]] = {}
    real: ClassVar[dict[str, Item]] = {}

    @initialize()
    def open_the_store(self) -> None:
        if Review.engine is None:
            Review.place = tempfile.TemporaryDirectory()
            Review.engine = furnished(Path(Review.place.name) / "engine.sqlite")
            Review.real = drafted(Review.engine)
        self.connection: Connection = Review.engine.connect()
        self.now, self.number, self.rng = NOW, 0, Random(0)
        self.switch = Automatic(standing=True, urgent_texts=True)
        self.approvals: dict[str, list[tuple[datetime, datetime | None]]] = {}
        self.texts: dict[str, tuple[datetime, datetime | None]] = {}
        self.read: list[Reading] = []
        self.words: dict[tuple[str, str], tuple[datetime, str, str]] = {}
        self.seen, self.checked = {}, {}  # type: ignore[var-annotated]
        self.last, self.chain = audit.entries(self.connection, limit=10_000)[-1].seq, audit.head(self.connection)

    def teardown(self) -> None:
        if hasattr(self, "connection"):
            self.every_bit_counts()
            self.connection.rollback()
            self.connection.close()

    # What people do.

    @rule(minutes=st.sampled_from([0, 1, 5, 9, 10, 11, 60, 1440, 20_000]))
    def time_passes(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule(person=st.sampled_from([TARO, TARO, HANAKO]), asks=st.booleans(), veto=st.sampled_from([False, False, True]))
    def a_draft_comes(self, person: str, asks: bool, veto: bool) -> None:
        """As the engine drafts it, with the signatures asked at once."""
        self.number += 1
        real = Review.real[person]
        evidence = real.evidence | {
            "ask": ["symptoms"] if asks else [],
            "must_not": ["weight_loss"] if veto else [],
            "first": False,
        }
        made = msgspec.structs.replace(
            real, id=f"a-{_letters(self.number)}", evidence=evidence, created_at=self.now, updated_at=self.now
        )
        repo_advice.add(self.connection, made, rank(made, self.now), actor="engine", os_user="test")
        self.merged(person, {made.id})

    @rule(person=st.sampled_from([TARO, HANAKO]))
    def the_engine_looks_at_somebody(self, person: str) -> None:
        evaluate(self.connection, person, self.now, rng=self.rng, automatic=self.switch)

    @rule(
        systolic=st.sampled_from([120, 179, 180, 195]),
        apart=st.sampled_from([0, 1, 2, 30, 1439, 1441]),
        bonded=st.sampled_from([True, True, True, False]),
    )
    def somebody_measures(self, systolic: int, apart: int, bonded: bool) -> None:
        self.number += 1
        at = self.now - apart * MINUTE - timedelta(milliseconds=self.number)
        told = pressure(at, systolic, 85)
        told = told if bonded else msgspec.structs.replace(told, provenance="broadcast")
        payload = wire.encode_batch([wire.encode_reading(told)])
        handle(self.connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], self.now)
        self.read.append(told)
        evaluate(self.connection, HANAKO, self.now, rng=self.rng, automatic=self.switch)

    @rule(by=STAFF, person=st.sampled_from([TARO, HANAKO]))
    def a_nurse_approves_and_the_hold_ends(self, by: str, person: str) -> None:
        """The path the promises are about, taken often enough to matter."""
        self.a_draft_comes(person, asks=False, veto=False)
        for one in repo_advice.listed(self.connection, resident=person, states=["open"]):
            self.send(one, "approve", by, WORDS[0])
        self.now += HOLD
        self.holds_end()

    @rule(by=STAFF, waits=st.sampled_from([10, 10, 9, 129_600]))
    def a_signature_covers_a_morning(self, by: str, waits: int) -> None:
        self.somebody_signs_in_advance(by, 90, 3, 5, (40, 74))
        for _ in range(2):
            self.a_draft_comes(TARO, asks=False, veto=False)
        self.now += waits * MINUTE
        self.holds_end()

    @rule(second=st.sampled_from([179, 180, 195]), current=st.booleans())
    def somebody_measures_again(self, second: int, current: bool) -> None:
        self.the_physician_signs_the_urgent_text(current)
        self.somebody_measures(195, 9, True)
        self.somebody_measures(second, 1, True)

    @rule()
    def holds_end(self) -> None:
        settle(self.connection, self.now, self.switch)
        repo_standing.expire(self.connection, self.now)
        signed.tell_family(self.connection, self.now)

    @rule(on=st.sampled_from([True, True, False]))
    def the_operator_switches(self, on: bool) -> None:
        self.switch = Automatic(standing=on, urgent_texts=on)

    @rule(
        by=STAFF, days=st.integers(1, 90), cap=st.integers(1, 3), percent=st.sampled_from([5, 20, 50]),
        ages=st.sampled_from([(40, 74), (60, 90)]),
    )  # fmt: skip
    def somebody_signs_in_advance(self, by: str, days: int, cap: int, percent: int, ages: tuple[int, int]) -> None:
        self.number += 1
        made = Approval(
            id=f"p-{_letters(self.number)}", municipality_code="062049", rule_id=HABIT.id, rule_version=HABIT.version,
            text_version=HABIT.text_version,  # type: ignore[union-attr]
            digest=digest_of(HABIT), population=Population(*ages), signed_by=by, signed_at=self.now,
            until=self.now + days * DAY, daily_cap=cap, sample_percent=percent,
        )  # fmt: skip
        repo_standing.add(self.connection, made, os_user="test")

    @rule(by=STAFF, whole=st.booleans(), data=st.data())
    def somebody_stops_an_approval(self, by: str, whole: bool, data: st.DataObject) -> None:
        found = repo_standing.listed(self.connection, None)
        if found:
            one = data.draw(st.sampled_from(found))
            after = (ended if whole else suspended)(one, by, self.now, "no longer")
            assert isinstance(after, Refusal | Approval) or after.code == "not-live"
            if isinstance(after, Approval):
                assert repo_standing.change(self.connection, after, os_user="test")
                assert not repo_standing.change(self.connection, after, os_user="test"), "of two, one wins"

    @rule(current=st.sampled_from([True, True, False]))
    def the_physician_signs_the_urgent_text(self, current: bool) -> None:
        self.number += 1
        name = f"u-{_letters(self.number)}"
        made = SignedText(
            id=name, municipality_code="062049", rule_id=RED.id, rule_version=RED.version,
            text_version=RED.text_version,  # type: ignore[union-attr]
            digest=digest_of(RED) if current else "0" * 64, signed_by=PHYSICIAN, signed_at=self.now,
        )  # fmt: skip
        repo_urgent_text.sign(self.connection, made, os_user="test")

    @rule()
    def the_physician_takes_it_back(self) -> None:
        found = repo_urgent_text.live(self.connection, "062049", RED.id)
        if found is not None:
            assert repo_urgent_text.end(self.connection, found.id, PHYSICIAN, self.now, os_user="test")

    @rule(
        by=STAFF,
        verb=st.sampled_from(
            [
                "approve",
                "approve",
                "approve",
                "claim",
                "take-over",
                "edit",
                "reject",
                "snooze",
                "escalate",
                "return",
                "send-now",
                "undo",
            ]
        ),
        pick=st.integers(0, 50),
        words=st.sampled_from(WORDS),
        rival=st.sampled_from([None, None, "approve", "reject"]),
    )
    def somebody_decides(self, by: str, verb: Any, pick: int, words: tuple[str, str], rival: Any) -> None:
        """One decides; sometimes another sends a decision about the same version at the same moment."""
        waiting = repo_advice.listed(self.connection, states=LIVE_STATES)
        if not waiting:
            return
        one = waiting[pick % len(waiting)]
        after = self.send(one, verb, by, words)
        if rival is not None and not isinstance(after, Refusal):
            other = next(name for name in RIGHTS if name != by)
            late = self.send(one, rival, other, words)
            assert isinstance(late, Refusal), "two deciders: one wins"

    def send(self, one: Item, verb: Any, by: str, words: tuple[str, str]) -> Item | Refusal:
        wish = Command(
            verb=verb, by=by, version=one.version, rights=RIGHTS[by], asked=one.ask, reason="not-now",
            until=self.now + DAY, text_ja=words[0], text_en=words[1],
        )  # fmt: skip
        stored = repo_advice.get(self.connection, one.id)
        after = carry_out(self.connection, one, wish, self.now, os_user="test")
        if isinstance(after, Refusal):
            assert repo_advice.get(self.connection, one.id) == stored, "what is refused changes nothing"
            return after
        if verb == "approve":
            self.words[one.id, by] = (self.now, after.text_ja, after.text_en)
        if verb == "reject":
            assert not repo_standing.live_for(self.connection, after, "062049", self.now), (
                "one rejection stops them all"
            )
        if verb == "undo":
            self.restored(one, after)
        return after

    def restored(self, before: Item, after: Item) -> None:
        """The item is again what it was before the decision, ready for anybody."""
        asked = before.state != "escalated" and before.escalated_by is not None
        expected = msgspec.structs.replace(
            before, state="escalated" if asked else "open", decided_by=None, held_until=None, reason=None,
            version=before.version + 1, updated_at=self.now, escalated_by=before.escalated_by if asked else None,
        )  # fmt: skip
        assert after == expected
        assert repo_advice.get(self.connection, after.id) == expected

    def merged(self, person: str, created: set[str]) -> None:
        who = repo_residents.get(self.connection, person)
        assert isinstance(who, Resident)
        items = repo_advice.listed(self.connection, resident=person, states=None, limit=10_000)
        known = signed.Known(self.connection, who, [one for one in items if one.id not in created], RULES, self.now)
        signed.after_merge(known, {}, created, self.switch)

    # What holds.

    @invariant()
    def every_delivered_item_traces_to_exactly_one_signature(self) -> None:
        if not hasattr(self, "connection"):
            return
        Review.steps += 1
        for name, (state, version) in self.changed().items():
            if state == "delivered":
                found = repo_advice.get(self.connection, name)
                assert found is not None
                self.traced(found)
            before = self.checked.get(name)
            assert before not in {"delivered", "superseded", "expired"} or before == state, "what ended never moves"
            self.checked[name] = state
            self.seen[name] = version

    def changed(self) -> dict[str, tuple[str, int]]:
        rows = self.connection.execute(select(ADVICE.c.id, ADVICE.c.state, ADVICE.c.version)).all()
        return {row.id: (row.state, row.version) for row in rows if self.seen.get(row.id) != row.version}

    def traced(self, found: Item) -> None:
        history = repo_advice.events(self.connection, found.id)
        if history[-1].command not in {"deliver", "deliver-urgent"}:
            assert found.id.startswith("a-before"), "only what was there at the start came otherwise"
            return
        by = found.decided_by or ""
        ways = [
            by in RIGHTS and self.by_person(found, history), by.startswith("p-") and self.by_approval(found, history),
            by.startswith("u-") and self.by_text(found, history),
        ]  # fmt: skip
        assert ways.count(True) == 1, (found, history)
        Review.told[by[:1]] = Review.told.get(by[:1], 0) + 1

    def by_person(self, found: Item, history: Any) -> bool:
        at, ja, en = self.words[found.id, str(found.decided_by)]
        *_, delivered = history
        own = [event for event in history if event.command == "approve"][-1]
        now = [event for event in history if event.command == "send-now" and event.version > own.version]
        assert (own.actor, own.at) == (found.decided_by, at)
        assert (found.text_ja, found.text_en) == (ja, en), "that very text"
        assert delivered.at - at >= HOLD or (
            now and now[-1].actor == own.actor and found.severity in {"urgent", "emergency"}
        )
        return True

    def by_approval(self, found: Item, history: Any) -> bool:
        approval = repo_standing.get(self.connection, str(found.decided_by))
        assert approval is not None
        commands = [event.command for event in history]
        approved = [event for event in history if event.command == "approve-standing"][-1]
        assert is_live(approval, history[-1].at), "delivered under a living approval"
        assert approval.signed_at <= approved.at < approval.until
        assert history[-1].at - approved.at >= HOLD
        assert "edit" not in commands
        assert (found.severity, found.ask, found.evidence["must_not"]) == ("routine", (), [])
        assert (found.rule_id, found.text_version) == (approval.rule_id, approval.text_version)
        assert approval.population.age_from <= 50 <= approval.population.age_to
        use = repo_standing.use_of(self.connection, found.id)
        assert use is not None
        assert not use.sampled
        return True

    def by_text(self, found: Item, history: Any) -> bool:
        words = repo_urgent_text.get(self.connection, str(found.decided_by))
        at = history[-1].at
        assert words is not None
        assert words.signed_at <= at
        assert words.ended_at is None or words.ended_at >= at
        assert words.digest == digest_of(RED)
        assert found.severity in {"urgent", "emergency"}
        assert "edit" not in [event.command for event in history]
        red = [
            one.measured_at for one in self.read
            if one.provenance == "bonded" and one.measured_at <= at and at - one.measured_at <= 2 * DAY and red_flags(_values(one))
        ]  # fmt: skip
        assert any(
            MINUTE <= second - first <= DAY and at - second <= DAY for first in red for second in red if second > first
        ), "two red readings of a bonded device"
        return True

    @invariant()
    def every_delivered_referral_is_followed_up_and_nothing_else(self) -> None:
        if not hasattr(self, "connection"):
            return
        refers = (ADVICE.c.state == "delivered") & (ADVICE.c.severity != "routine")
        out = self.connection.execute(select(ADVICE.c.id).where(refers)).scalars()
        assert set(out) == set(self.connection.execute(select(REFERRAL.c.advice_id)).scalars())

    @invariant()
    def an_approval_samples_enough_and_keeps_its_cap(self) -> None:
        if not hasattr(self, "connection"):
            return
        for one in repo_standing.listed(self.connection, None):
            used = repo_standing.used(self.connection, one.id, self.now)
            assert 100 * used.sampled >= one.sample_percent * used.total
            assert used.today <= one.daily_cap

    @invariant()
    def every_act_is_a_link_of_the_chain(self) -> None:
        if not hasattr(self, "connection"):
            return
        for link in audit.entries(self.connection, after=self.last, limit=10_000):
            assert link.prev == self.chain
            assert link.hash == audit.link_hash(link.prev, link)
            self.last, self.chain = link.seq, link.hash

    @precondition(lambda self: hasattr(self, "connection"))
    @rule(data=st.data())
    def somebody_flips_a_bit_of_the_trail(self, data: st.DataObject) -> None:
        self.flips(
            data.draw(st.integers(0, 10_000)), data.draw(st.sampled_from(COLUMNS)), data.draw(st.integers(0, 4_000))
        )

    def every_bit_counts(self) -> None:
        assert audit.verify(self.connection) is None
        for column in COLUMNS:
            self.flips(self.number, column, self.number)

    def flips(self, pick: int, column: str, bit: int) -> None:
        """One bit of one row turned, as by somebody who has the file and takes away its guard; found, and turned back."""
        count = self.connection.execute(select(func.count()).select_from(AUDIT)).scalar_one()
        row = (
            self.connection.execute(select(AUDIT).order_by(AUDIT.c.seq).offset(pick % count).limit(1)).mappings().one()
        )
        mine = AUDIT.c.seq == row["seq"]
        inner = self.connection.begin_nested()
        for guard in self.connection.execute(text(_GUARDS)).scalars().all():
            self.connection.execute(text(f"DROP TRIGGER {guard}"))
        self.connection.execute(update(AUDIT).where(mine).values({column: _flipped(row[column], bit)}))
        assert audit.verify(self.connection) is not None, (row, column, bit)
        inner.rollback()


def furnished(place: Path) -> Engine:
    """Two people who agreed: one heavy and under no veto, told of weight before; one with a cuff."""
    engine = furnished_file(place)
    with engine.begin() as connection:
        week = [reading(NOW - ago * DAY, 2, body_weight=("84.00", "kg")) for ago in range(1, 29)]
        payload = wire.encode_batch([wire.encode_reading(one) for one in week])
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], NOW)
    answer(engine)
    before = item("before", topic="weight", rule_id="other", state="delivered", decided_by=NURSES[0], evidence={})
    put(engine, msgspec.structs.replace(before, created_at=NOW - 60 * DAY, updated_at=NOW - 60 * DAY))
    return engine


def drafted(engine: Engine) -> dict[str, Item]:
    """What the real rules draft for the two, red for one of them; nothing of it stays in the store."""
    with engine.connect() as connection:
        red = [pressure(NOW - ago * MINUTE, 186, 95) for ago in (9, 1)]
        payload = wire.encode_batch([wire.encode_reading(one) for one in red])
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], NOW)
        found = {}
        for person, about in ((TARO, HABIT), (HANAKO, RED)):
            evaluate(connection, person, NOW)
            [found[person]] = [
                one
                for one in repo_advice.listed(connection, resident=person)
                if one.rule_id == about.id and one.state == "open"
            ]
        connection.rollback()
    return found


def _letters(number: int) -> str:
    """Thirteen letters that no other number has."""
    digits = f"{number:013}"
    return digits.translate(str.maketrans("0123456789", "abcdefghij"))


def _flipped(value: Any, bit: int) -> Any:
    """The value with one bit turned: of a number, or of a character; an empty text gets one character."""
    if isinstance(value, int):
        return value ^ (1 << (bit % 60))
    if not value:
        return chr(64 ^ (1 << (bit % 5)))
    at = bit // 5 % len(value)
    return value[:at] + chr(ord(value[at]) ^ (1 << (bit % 5))) + value[at + 1 :]


def _values(one: Reading) -> list[tuple[str, Any]]:
    from decimal import Decimal

    return [(value.kind, Decimal(value.value)) for value in one.values]
