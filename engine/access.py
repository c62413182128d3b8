"""Who may do what: roles, the rights of each, and whose town they work in. Deny by default; pure.

A right is asked for by every page and every form. What is not in the table of a role is not allowed to it, and a
resident's data is further bound to their municipality, their consent (or a break-glass look) and to themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

import msgspec

Role = Literal[
    "nurse", "dietitian", "physician", "watcher", "helpdesk", "admin", "auditor", "resident", "family"
]  # fmt: skip
Right = Literal[
    # What everybody signed in may do with their own account.
    "self",
    # The queue: see it, see an item, decide the less serious and all of them, decide what was escalated.
    "queue", "advice.see", "advice.decide", "advice.decide-serious", "advice.decide-escalated",
    # Standing approvals and what became of the rules.
    "standing.see", "standing.sign", "rules.see", "urgent-text.sign",
    # Residents as staff see them.
    "caseload", "person.see", "person.enter", "person.assign", "workload", "code.issue", "break-glass", "release",
    # What residents ask for.
    "request.health", "request.devices",
    "devices.see", "devices.edit", "watch.see", "watch.write",
    "staff.manage", "log.see",
    # A resident's own pages, and those of the family they let look.
    "mine.see", "mine.say", "family.see",
    # What somebody who acts for a resident does in their place.
    "family.act",
    # Which patient of a network a resident is, where the two houses' words differ.
    "link.decide",
    # Enrolment on paper and the city's ID; who acts for somebody; measures of support; life events; closing an account.
    "enrol", "acting.decide", "protect", "life.write", "account.close",
    # Following up: cases, appointments, referrals and who went silent; lent devices; what a watching note says.
    "case", "loan", "watch.decide",
]  # fmt: skip
ROLES: Final[tuple[Role, ...]] = get_args(Role)
RIGHTS: Final[tuple[Right, ...]] = get_args(Right)
STAFF: Final[frozenset[Role]] = frozenset(
    {"nurse", "dietitian", "physician", "watcher", "helpdesk", "admin", "auditor"}
)
# Specific health guidance may be given by physicians, public-health nurses and registered dietitians
# (標準的な健診・保健指導プログラム 令和6年度版, 第3編).
# That a dietitian leaves what is serious to the other two is product policy.
_CARE: Final[frozenset[Right]] = frozenset(
    {
        "self", "queue", "advice.see", "advice.decide", "rules.see", "standing.see", "caseload", "person.see",
        "person.enter", "workload", "request.health", "case",
    }
)  # fmt: skip
_TABLE: Final[dict[Role, frozenset[Right]]] = {
    "nurse": _CARE
    | {
        "advice.decide-serious", "standing.sign", "person.assign", "code.issue", "break-glass", "devices.see",
        "watch.see", "watch.write", "release", "link.decide", "enrol", "acting.decide", "protect", "life.write",
        "account.close", "loan", "watch.decide",
    },
    "dietitian": _CARE,
    "physician": _CARE
    | {
        "advice.decide-serious", "advice.decide-escalated", "standing.sign", "urgent-text.sign", "break-glass",
        "release",
    },
    # 民生委員 and 地域包括支援センター: notes about people they watch over, nothing of their health.
    "watcher": frozenset({"self", "watch.see", "watch.write"}),
    "helpdesk": frozenset({"self", "devices.see", "devices.edit", "request.devices", "enrol", "loan"}),
    "admin": frozenset({"self", "staff.manage"}),
    "auditor": frozenset({"self", "log.see"}),
    "resident": frozenset({"self", "mine.see", "mine.say", "family.see", "family.act"}),
    "family": frozenset({"self", "family.see", "family.act"}),
}  # fmt: skip


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signed in, however they did: `id` signs decisions and stands in the audit, `name` is shown.

    `id` is `s-…` for staff, `r-…` for a resident, `m-…` for family, and the typed name for whoever entered by the
    link that the operator of this machine made. `municipalities` None is every town: only the local link has it.
    """

    id: str
    name: str
    roles: frozenset[Role]
    municipalities: frozenset[str] | None = frozenset()
    single_keys: bool = True

    def may(self, right: Right) -> bool:
        """Whether any role of this person has the right."""
        return any(right in _TABLE[role] for role in self.roles)

    def within(self, municipality: str) -> bool:
        """Whether this person works for that municipality."""
        return self.municipalities is None or municipality in self.municipalities

    @property
    def is_staff(self) -> bool:
        """Whether this person works here, as opposed to being cared for."""
        return bool(self.roles & STAFF)


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """Everything these roles may do together."""
    return frozenset(right for role in roles for right in _TABLE[role])
