"""Two towns with four residents, each with words nobody else may read, and something of every kind that can be asked for.

OWN and NEAR live in Sakata and agreed that nurses look, CLOSED lives there and did not, FAR lives in Mikawa and did.
Rows are written as the store keeps them, so that a page that forgets to ask whose they are has something to show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, insert

from engine.contract.ids import ALPHABET
from engine.letters import Said, To, read_code
from engine.people import Resident
from engine.store import repo_advice, repo_consents, repo_places, repo_residents
from engine.store.database import write
from engine.store.instants import to_micros
from engine.store.tables import DEVICE, MEASUREMENT, READING
from engine.store.tables_bridge import API_GRANT, CARE_ENTRY, CARE_LINK, EMERGENCY_CARD
from engine.store.tables_clinical import FACT
from engine.store.tables_desk import (
    ADDRESS,
    BREAK_GLASS,
    CONTACT,
    FAMILY_MEMBER,
    REQUEST,
    SIGN_IN_CODE,
    STAFF,
    STAFF_NOTE,
    STANDING_APPROVAL,
    TEAM,
    URGENT_TEXT,
)
from engine.store.tables_exchange import EXCHANGE_PROPOSAL
from engine.store.tables_following import (
    APPOINTMENT,
    CASE_EVENT,
    GROUP_CLASS,
    GUIDANCE_CASE,
    LETTER,
    WATCH_ALERT,
    WATCH_TELLING,
)
from engine.store.tables_loans import LOAN
from engine.store.tables_rights import ACTING, LIFE_EVENT
from tests.homes import consent, resident
from tests.web.desks import item

SAKATA, MIKAWA = "062049", "064262"
# Whom OWN lets watch over them.
WATCHER: Final = "s-watchexxxxxxx"
# Somebody in each household: what a device says of its home is asked of the home.
PURPOSES: Final = ("record", "advice")


@dataclass(frozen=True)
class Owner:
    """One of the four and everything that is theirs; `letter` makes the ids, which look like any other."""

    letter: str
    town: str
    agreed: bool

    def id(self, role: str, kind: str = "x") -> str:
        """Their object of one sort; `kind` tells two of the same sort apart."""
        return f"{role}-{self.letter * 6}{kind * 7}"

    @property
    def resident(self) -> str:
        return self.id("r")

    @property
    def name(self) -> str:
        """A word of their name, address and family."""
        return f"NAME{self.letter.upper() * 5}"

    @property
    def health(self) -> str:
        """A word of their health."""
        return f"HEALTH{self.letter.upper() * 5}"

    @property
    def weight(self) -> str:
        """A weight, and a value of the laboratory, that nobody else has."""
        return f"{60 + ord(self.letter) % 7}.{ord(self.letter) - 7}7"

    @property
    def written(self) -> str:
        """The code of the letter to them, whose last letter checks the others."""
        body = self.letter.upper() * 7
        return next(body + last for last in ALPHABET.upper() if read_code(body + last) == body + last)

    @property
    def asked(self) -> str:
        """A word of what they asked for."""
        return f"ASKED{self.letter.upper() * 5}"

    def holds(self) -> Mapping[str, str]:
        """What stands for a path parameter or a form field of this name when it is theirs."""
        return {
            "resident": self.resident, "advice": self.id("a"), "request": self.id("q"), "fact": self.id("v"),
            "device": self.id("d"), "reading": f"reading-{self.letter}", "approval": self.id("p"),
            "text": self.id("u"), "team": self.id("t"), "member": self.id("s"), "subject": self.resident,
            "code": self.id("i"), "ids": self.id("a"), "item": self.id("a"), "family": self.id("m"),
            "recipient": self.id("m"), "staff": self.id("s"), "about": self.id("a"), "address": self.id("w"),
            "assigned": self.id("s"), "id": self.id("a"), "key": self.id("w"), "residents": self.resident,
            "event": self.id("f"), "entry": self.id("e"), "grant": self.id("x"), "card": self.id("y"), "secret": self.letter * 26,
            "town": self.town, "municipality": self.town, "slot": "1", "letter": self.written, "proposal": str(ord(self.letter)),
            "case": self.id("o"), "appointment": f"{ord(self.letter)}", "group": f"{ord(self.letter)}",
            "alert": f"{ord(self.letter)}", "asset": f"KG-{self.letter.upper()}",
        }  # fmt: skip


OWN, NEAR, CLOSED, FAR = Owner("b", SAKATA, True), Owner("c", SAKATA, True), Owner("e", SAKATA, False), Owner("f", MIKAWA, True)  # fmt: skip
ALL: Final = (OWN, NEAR, CLOSED, FAR)
# Well formed, and nobody's.
NOBODY: Final = Owner("z", MIKAWA, False)


def furnish(engine: Engine, now: datetime) -> None:
    """Both towns with everything."""
    with write(engine) as connection:
        for owner in ALL:
            _household(connection, owner, now)
            _person(connection, owner, now)
            _advice(connection, owner, now)
            _readings(connection, owner, now)
            _rows(connection, owner, to_micros(now))


def _household(connection: Connection, owner: Owner, now: datetime) -> None:
    home = repo_places.Household(id=owner.id("h"), municipality_code=owner.town)
    assert repo_places.add_household(connection, home, now) is None
    assert (
        repo_places.enrol_gateway(connection, repo_places.Gateway(id=owner.id("g"), household_id=home.id), now) is None
    )


def _person(connection: Connection, owner: Owner, now: datetime) -> None:
    made: Resident = msgspec.structs.replace(
        resident(owner.resident, owner.name, date(1950, 5, 5)), household_id=owner.id("h"),
        municipality_code=owner.town, family_name=owner.name, address=f"{owner.name} 1-2",
        phone="0234-26-1111", emergency_contact=f"{owner.name} 長女",
    )  # fmt: skip
    repo_residents.add(connection, made, now, actor="test", os_user="test")
    for purpose in (*PURPOSES, *(["nurse-review"] if owner.agreed else [])):
        said = msgspec.structs.replace(consent(owner.resident, purpose), at=now - timedelta(days=90))
        repo_consents.append(connection, said, os_user="test")
    named = [("family-view", owner.id("m")), ("watch-over", WATCHER)] if owner is OWN else []
    for purpose, recipient in named:
        said = msgspec.structs.replace(
            consent(owner.resident, purpose), at=now - timedelta(days=90), recipient=recipient
        )
        repo_consents.append(connection, said, os_user="test")


def _advice(connection: Connection, owner: Owner, now: datetime) -> None:
    """One piece that waits and one that was delivered."""
    texts = {"text_ja": f"{owner.health}です。\n話しましょう。", "text_en": f"{owner.health}.\nTalk to us."}
    held: dict[str, Any] = {"resident_id": owner.resident, "created_at": now, "updated_at": now} | texts
    waiting = item("x", **(held | {"id": owner.id("a")}))
    done = item("y", **(held | {"id": owner.id("a", "y"), "state": "delivered", "decided_by": owner.id("s")}))
    from engine.review import rank

    for one in (waiting, done):
        repo_advice.add(connection, one, rank(one, now), actor="engine", os_user="test")


def _readings(connection: Connection, owner: Owner, now: datetime) -> None:
    """Thirty weighings, the last of a weight that is nobody else's."""
    at = to_micros(now)
    connection.execute(
        insert(DEVICE),
        {"id": owner.id("d"), "household_id": owner.id("h"), "profile": "sig-weight", "experimental": False,
         "first_seen": at, "last_seen": at},
    )  # fmt: skip
    for ago in range(30):
        name = f"reading-{owner.letter}" if ago == 0 else f"reading-{owner.letter}-{ago}"
        when = to_micros(now - timedelta(days=ago, hours=1))
        shared = {"household_id": owner.id("h"), "device_id": owner.id("d"), "resident_id": owner.resident}
        connection.execute(
            insert(READING),
            {"id": name, **shared, "gateway_id": owner.id("g"), "certainty": "confirmed", "outcome": "accepted",
             "profile": "sig-weight", "source": "radio", "provenance": "bonded", "user_slot": 1, "measured_at": when,
             "time_quality": "device", "received_at": when, "stored_at": when, "digest": name, "experimental": False},
        )  # fmt: skip
        connection.execute(
            insert(MEASUREMENT),
            {"reading_id": name, **shared, "kind": "body-weight", "measured_at": when, "value": owner.weight,
             "unit": "kg", "device_value": owner.weight, "device_unit": "kg"},
        )  # fmt: skip


def _said(owner: Owner) -> Said:
    """A letter that tells their health."""
    return Said(
        sort="month", about="2026-10", language="ja", resident=owner.resident, code=owner.written,
        to=To("", f"{owner.name} 1-2", owner.name), made="", title="", lead=(owner.health, owner.weight), front=(),
        back=(), chart=None, asks=("fine",),
    )  # fmt: skip


def _rows(connection: Connection, owner: Owner, at: int) -> None:
    """What the desk keeps beside: notes, contacts, requests, codes, accounts, approvals."""
    who, by, town = owner.resident, owner.id("s"), owner.town
    later = at + 86_400_000_000
    rows: list[tuple[Any, dict[str, Any]]] = [
        (TEAM, {"id": owner.id("t"), "municipality_code": town, "name": f"TEAM{owner.letter}", "created_at": at}),
        (STAFF, {"id": by, "login": f"staff-{owner.letter}", "name": f"STAFF{owner.letter}", "roles": '["nurse"]',
                 "municipalities": f'["{town}"]', "totp_step": 0, "failed": 0, "active": True, "single_keys": True,
                 "language": "ja", "created_at": at, "version": 1}),
        (FAMILY_MEMBER, {"id": owner.id("m"), "name": f"{owner.name} 次郎", "relation": "長男", "language": "ja",
                         "created_at": at}),
        (FACT, {"id": owner.id("v"), "resident_id": who, "code": "lab.hba1c", "value": owner.weight, "unit": "%", "at": at,
                "source": "lab", "raw": owner.health, "actor": "test", "channel": "import", "recorded_at": at}),
        (CARE_ENTRY, {"id": owner.id("e"), "resident_id": who, "sort": "condition", "name": owner.health, "codes": "[]",
                      "status": "active", "detail": "", "source": "checkup", "actor": "test", "origin": "echeckup",
                      "remote": "condition/1", "version": "1", "recorded_at": at}),
        # A stay that is over: what there is to show, and nothing that changes the rest.
        (LIFE_EVENT, {"id": owner.id("f"), "resident_id": who, "sort": "hospital", "since": at - 864_000_000_000,
                      "until": at - 432_000_000_000, "detail": '{"begun":true,"over":true}', "by": by, "at": at,
                      "version": 1}),
        (STAFF_NOTE, {"id": owner.id("n"), "resident_id": who, "advice_id": owner.id("a"), "kind": "note", "author": by,
                      "at": at, "text": owner.health}),
        (CONTACT, {"id": owner.id("k"), "resident_id": who, "advice_id": owner.id("a"), "by": by, "at": at,
                   "how": "phone", "outcome": "reached", "text": owner.health}),
        (REQUEST, {"id": owner.id("q"), "resident_id": who, "municipality_code": town, "kind": "ask",
                   "text": owner.asked, "desk": "health", "due_at": later, "state": "open", "created_at": at,
                   "version": 1}),
        (SIGN_IN_CODE, {"hash": owner.letter * 64, "id": owner.id("i"), "kind": "code", "subject": who,
                        "issued_by": by, "issued_at": at, "until": later, "failed": 0}),
        (BREAK_GLASS, {"id": owner.id("b"), "staff_id": by, "resident_id": who, "reason": owner.name, "at": at,
                       "until": at}),
        (ADDRESS, {"id": owner.id("w"), "owner": who, "channel": "mail", "address": owner.name,
                   "digest": owner.letter * 64, "verified_at": at, "created_at": at}),
        (STANDING_APPROVAL, {"id": owner.id("p"), "municipality_code": town, "rule_id": "bmi-above-target",
                             "rule_version": 1, "text_version": 1, "population": "{}", "digest": "0" * 64,
                             "signed_by": by, "signed_at": at, "until": later, "daily_cap": 5, "sample_percent": 5,
                             "state": "live", "version": 1}),
        (API_GRANT, {"id": owner.id("x"), "hash": owner.letter * 64, "resident_id": who, "name": owner.name,
                     "scopes": "patient/*.rs", "issued_by": who, "issued_at": at, "until": later}),
        (EMERGENCY_CARD, {"id": owner.id("y"), "hash": owner.letter * 64, "resident_id": who, "sort": "wallet",
                          "issued_by": who, "issued_at": at, "until": later}),
        (CARE_LINK, {"resident_id": who, "network": "choukai-net", "system": "urn:numbers", "value": f"NUMBER{owner.letter}",
                     "remote_id": None, "state": "held", "reason": "differs", "by": by, "at": at, "version": 1,
                     "found": f'{{"found":[{{"remote_id":"PATIENT{owner.letter}","kana":["{owner.name}"]}}],"note":""}}'}),
        # By law whoever the family member is may do everything for them.
        (ACTING, {"id": owner.id("j"), "resident_id": who, "actor": owner.id("m"), "basis": "guardian",
                  "scope": '["see","enter","consents","requests"]', "seen": owner.name, "since": at - 86_400_000_000,
                  "by": by, "at": at, "version": 1}),
        (LETTER, {"batch": 1, "resident_id": who, "sort": "month", "about": "2026-10", "code": owner.written,
                  "said": msgspec.json.encode(_said(owner)).decode(), "state": "sent", "made_at": at, "version": 1}),
        (EXCHANGE_PROPOSAL, {"seq": ord(owner.letter), "municipality_code": town, "number": f"90{ord(owner.letter)}",
                             "resident_id": who, "sort": "link", "said": _on_the_list(owner), "digest": "",
                             "state": "open", "at": at, "version": 1}),
        (GROUP_CLASS, {"seq": ord(owner.letter), "municipality_code": town, "title": "教室", "place": "体育館",
                       "starts_at": at + 2 * 86_400_000_000, "ends_at": at + 2 * 86_400_000_000 + 3_600_000_000,
                       "capacity": 5, "state": "planned", "by": by, "at": at, "version": 1}),
        (APPOINTMENT, {"seq": ord(owner.letter), "resident_id": who, "municipality_code": town, "sort": "check-up",
                       "starts_at": at + 86_400_000_000, "ends_at": at + 86_400_000_000 + 3_600_000_000,
                       "place": owner.health, "state": "planned", "by": by, "at": at, "version": 1}),
        (GUIDANCE_CASE, {"id": owner.id("o"), "resident_id": who, "municipality_code": town, "programme": "active",
                         "basis": "nurse", "goal": f'{{"kind":"habit","habit":"rest","words":"{owner.health}"}}',
                         "next_on": "2026-01-01", "state": "open", "opened_at": at, "opened_by": by, "version": 1}),
        (CASE_EVENT, {"case_id": owner.id("o"), "sort": "contact", "at": at, "by": by, "points": 0,
                      "detail": f'{{"how":"phone","outcome":"reached","contact":"{owner.id("k")}"}}'}),
        (LOAN, {"seq": ord(owner.letter), "asset": f"KG-{owner.letter.upper()}", "sort": "scale", "resident_id": who,
                "municipality_code": town, "lent_at": at, "lent_by": by, "due_on": "2026-12-01", "orders": "[]",
                "remark": owner.name, "version": 1}),
        (WATCH_ALERT, {"seq": ord(owner.letter), "resident_id": who, "municipality_code": town, "sort": "person-silent",
                       "since": at, "at": at, "evidence": '{"cause":"silence"}', "state": "told", "decided_at": at,
                       "decided_by": by, "version": 2}),
        (WATCH_TELLING, {"alert": ord(owner.letter), "recipient": WATCHER, "at": at, "by": by}),
        (URGENT_TEXT, {"id": owner.id("u"), "municipality_code": town, "rule_id": "bp-urgent", "rule_version": 1,
                       "text_version": 1, "digest": "0" * 64, "signed_by": by, "signed_at": at}),
    ]  # fmt: skip
    for table, row in rows:
        connection.execute(insert(table), row)


def _on_the_list(owner: Owner) -> str:
    """What the city's list says of them."""
    return (
        f'{{"number":"90{ord(owner.letter)}","family":"{owner.name}","given":"","family_kana":"","given_kana":"",'
        f'"birth":"1950-05-05","sex":"female","state":"lives","address":"{owner.name} 9-9"}}'
    )
