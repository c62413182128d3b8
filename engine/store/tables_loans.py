"""The rows of loans: which device or gateway is with whom, and whose slots it had when it came back.

Instants are UTC microseconds, days are local (ISO 8601), JSON is TEXT.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Integer, text
from sqlmodel import Field

from engine.store.rows import Row, serial, text_, whole

# As it stands in the database: SQLite uses a partial index only for a query that says the same words.
OUT = "returned_at IS NULL"


class Loan(Row, table=True):
    """A device lent to a resident, by its asset number; on return bonds, keys and local data are wiped.

    `address` is the Bluetooth address on its label, from which the device's id in the borrower's home follows.
    `ended` returned, lost or broken. `orders` is JSON: which gateways must give it up and what each answered; while
    one has not, they are told again at `tell_at`. `cleared_at` is when somebody cleared the device's own memory.
    """

    __table_args__ = (
        Index("ix_loan_out", "asset", unique=True, sqlite_where=text(OUT), postgresql_where=text(OUT)),
        Index(None, "resident_id"),
        Index(None, "device_id"),
        Index(None, "gateway_id"),
        Index(None, "tell_at"),
        {"sqlite_autoincrement": True},
    )
    seq: int | None = serial()
    asset: str = text_()
    sort: str = text_()
    address: str | None = text_(optional=True)
    device_id: str | None = text_(optional=True)
    gateway_id: str | None = text_(optional=True)
    resident_id: str = text_(foreign_key="resident.id")
    municipality_code: str = text_()
    lent_at: int = whole()
    lent_by: str = text_()
    due_on: str = text_()
    returned_at: int | None = whole(optional=True)
    returned_by: str | None = text_(optional=True)
    ended: str | None = text_(optional=True)
    orders: str = text_()
    tell_at: int | None = whole(optional=True)
    wiped_at: int | None = whole(optional=True)
    cleared_at: int | None = whole(optional=True)
    remark: str | None = text_(optional=True)
    version: int = whole()


class LoanSlot(Row, table=True):
    """Whose user slot of a lent device this was when it came back (-1: the whole device), and since when."""

    __tablename__: ClassVar[Any] = "loan_slot"
    loan: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    slot: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    resident_id: str = text_(foreign_key="resident.id", index=True)
    since: int = whole()


LOAN = Row.metadata.tables["loan"]
LOAN_SLOT = Row.metadata.tables["loan_slot"]
