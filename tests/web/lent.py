"""Loans of the town's morning: overdue, due soon, not wiped yet, and to be collected."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Engine

from engine.loans import Loan, Sort
from engine.loans_store import Back, Wish, lend, take_back
from engine.store import repo_loans
from engine.store.database import write
from engine.store.repo_facts import By
from tests.homes import DEVICE, GATEWAY, HANAKO, TARO
from tests.web import town

WHO: Final = By(town.HELPDESK, "test")
DAY: Final = timedelta(days=1)


def lent(engine: Engine) -> str:
    """Makes them, once; the number of one that is out, whose page has the most forms."""
    with write(engine) as connection:
        if repo_loans.newest(connection, "KG-001") is not None:
            return "KG-001"
        today = town.NOW.date()
        things: tuple[tuple[str, Sort, str, int], ...] = (
            ("KG-001", "scale", HANAKO, -3), ("BP-014", "pressure", TARO, 4), ("PM-102", "pedometer", HANAKO, 40),
        )  # fmt: skip
        for asset, sort, who, days in things:
            wish = Wish(asset=asset, sort=sort, resident=who, due=today + days * DAY)
            made = lend(connection, wish, town.NOW - 60 * DAY, WHO)
            assert isinstance(made, Loan), made
        for wish in (
            Wish(asset="KG-007", sort="scale", resident=TARO, device=DEVICE),
            Wish(asset="GW-3", sort="gateway", resident=TARO, gateway=GATEWAY),
        ):
            made = lend(connection, wish, town.NOW - 30 * DAY, WHO)
            assert isinstance(made, Loan), made
            assert isinstance(take_back(connection, made, Back(), town.NOW - DAY, WHO), Loan)
    return "KG-001"
