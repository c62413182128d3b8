"""Accounts of staff from the outside: what a form or command may say, the invitation, and the first sign-in."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from random import Random
from typing import Final

import msgspec

from engine.access import STAFF
from engine.cards import SECRET_LENGTH
from engine.contract.ids import ALPHABET
from engine.identity_staff import about_totp, login_of
from engine.municipalities import REGION
from engine.names import keep
from engine.onetime import SECRET_BYTES, enrolment_uri, used_step
from engine.passwords import hash_of, weakness_of
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import audit, repo_codes, repo_sessions, repo_staff
from engine.store.database import Connection, Engine, read, write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.repo_codes import Code, Issued
from engine.store.repo_staff import Keys, Member

_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator says of somebody; `team` "" is none."""

    name: str
    roles: tuple[str, ...]
    towns: tuple[str, ...]
    team: str = ""


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody sees who follows their enrolment link: whose account it is, and the second factor to set up."""

    member: Member
    secret: str

    @property
    def uri(self) -> str:
        """What the QR code says."""
        return enrolment_uri(self.secret, self.member.login)


def drafted(form: Form, login: str, id: str, now: datetime) -> Member | Refusal:  # noqa: A002
    """A new account, or why not: `login`, `empty`, `too-long`, `roles`, `towns` and what a name is refused for."""
    plain = login_of(login)
    if not _LOGIN.fullmatch(plain):
        return Refusal("login", "a login has 3 to 32 letters, digits, dots or hyphens", "login")
    blank = Member(id=id, login=plain, name="", roles=frozenset(), municipalities=frozenset(), created_at=now)
    return _filled(blank, form)


def amended(member: Member, form: Form) -> Member | Refusal:
    """The account as the form says, one version on; unchanged if that is nothing new."""
    changed = _filled(member, form)
    if isinstance(changed, Refusal) or changed == member:
        return changed
    return msgspec.structs.replace(changed, version=member.version + 1)


def switched(member: Member, *, active: bool) -> Member:
    """The account opened or closed, one version on; unchanged if it is so already."""
    if member.active == active:
        return member
    return msgspec.structs.replace(member, active=active, version=member.version + 1)


def invite(connection: Connection, member: Member, now: datetime, by: By, rng: Random) -> Issued:
    """A link by which this member sets a password and a second factor; what they had before opens nothing any more."""
    repo_staff.keep_keys(connection, member.id, Keys())
    repo_sessions.end_of(connection, member.id, now)
    return repo_codes.issue(connection, member.id, "enrol", now, by, rng)


def invitation(connection: Connection, seal: Seal, token: str, now: datetime) -> Invitation | None:
    """What a link opens; None when it is used, revoked, too old or was never given."""
    found = _invited(connection, token, now)
    return None if found is None else Invitation(member=found[1], secret=_secret(seal, token))


def enrol(
    engine: Engine, seal: Seal, token: str, password: str, totp: str, now: datetime, os_user: str
) -> Member | Refusal:
    """Sets password and second factor of whoever holds the link, once; refused `link-spent`, `totp` or a weakness."""
    with read(engine) as connection:
        found = _invited(connection, token, now)
    if found is None:
        return Refusal("link-spent", "this link is used up or too old")
    weak = weakness_of(password, found[1].login)
    if weak is not None:
        return weak
    step = used_step(_secret(seal, token), totp, 0, now)
    hashed = hash_of(password) if step is not None else None
    with write(engine) as connection:
        again = _invited(connection, token, now, lock=True)
        if again is None:
            return Refusal("link-spent", "this link is used up or too old")
        code, member = again
        if step is None:
            repo_codes.miss(connection, code)
            return Refusal("totp", "the six digits are not those of now", "totp")
        sealed = seal.seal(_secret(seal, token), about_totp(member.id))
        keys = Keys(password_hash=hashed, totp_secret=sealed, totp_step=step)
        repo_staff.keep_keys(connection, member.id, keys)
        repo_codes.use(connection, code, now)
        _record(connection, "staff-enrol", member.id, now, os_user)
        return member


def set_password(engine: Engine, id: str, password: str, now: datetime, os_user: str) -> Refusal | None:  # noqa: A002
    """Gives a member who has just proved themselves a new password; refused for a weakness."""
    with read(engine) as connection:
        member = repo_staff.get(connection, id)
    if member is None:
        return Refusal("unknown", "there is no such account")
    weak = weakness_of(password, member.login)
    if weak is not None:
        return weak
    hashed = hash_of(password)
    with write(engine) as connection:
        keys = repo_staff.keys_of(connection, id, lock=True)
        assert keys is not None  # accounts are never deleted
        repo_staff.keep_keys(connection, id, msgspec.structs.replace(keys, password_hash=hashed))
        _record(connection, "staff-password", id, now, os_user)
    return None


def _filled(member: Member, form: Form) -> Member | Refusal:
    name = keep(form.name.strip())
    if isinstance(name, Refusal):
        return Refusal(name.code, name.message, "name")
    roles = frozenset(role for role in STAFF if role in form.roles)
    if not roles or len(roles) != len(set(form.roles)):
        return Refusal("roles", f"roles are {', '.join(sorted(STAFF))}; at least one", "roles")
    towns = frozenset(form.towns)
    if not towns or not towns <= set(REGION):
        return Refusal("towns", f"towns are {_towns()}; at least one", "towns")
    return msgspec.structs.replace(member, name=name, roles=roles, municipalities=towns, team=form.team or None)


def _towns() -> str:
    return ", ".join(f"{code} {name}" for code, name in REGION.items())


def _invited(connection: Connection, token: str, now: datetime, *, lock: bool = False) -> tuple[Code, Member] | None:
    if len(token) != SECRET_LENGTH or any(letter not in ALPHABET for letter in token):
        return None
    code = repo_codes.by_secret(connection, "enrol", token, lock=lock)
    if code is None or code.state(now) != "good":
        return None
    member = repo_staff.get(connection, code.subject)
    return (code, member) if member is not None and member.active else None


def _secret(seal: Seal, token: str) -> str:
    """The second factor that belongs to a link: drawn from it, so that showing the page twice shows the same."""
    return base64.b32encode(seal.drawn(token, "second factor", SECRET_BYTES)).decode()


def _record(connection: Connection, action: str, id: str, now: datetime, os_user: str) -> None:  # noqa: A002
    audit.append(connection, audit.Entry(at=to_micros(now), actor=id, os_user=os_user, action=action, subject=id))
