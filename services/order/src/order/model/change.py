"""A change of an order after it was placed: what was asked for, by whom, and whether it came about."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Refusal
from order.model.table import Table


class ChangeState(StrEnum):
    """How far a change has come."""

    REQUESTED = "requested"
    """Stock and money of what it adds are not decided yet; the order is as it was."""
    APPLIED = "applied"
    WITHDRAWN = "withdrawn"
    """It did not come about."""


CHANGE_TRANSITIONS: Final[Mapping[ChangeState, frozenset[ChangeState]]] = {
    ChangeState.REQUESTED: frozenset({ChangeState.APPLIED, ChangeState.WITHDRAWN}),
    ChangeState.APPLIED: frozenset(),
    ChangeState.WITHDRAWN: frozenset(),
}


class ChangeRefusedError(Refusal):
    """The order cannot be changed like this."""

    slug = "change-refused"
    title = "The order cannot be changed like this"


class ChangePendingError(Refusal):
    """Another change of the order is still being decided."""

    slug = "change-pending"
    title = "Another change is still being decided"


class Change(Table, table=True):
    """A change of an order. Amounts in minor units; `items` are the lines it adds, or what it leaves of each line.

    `stock_at` and `money_at` say when stock and money had followed; a change that is over and lacks one is not at rest.
    """

    __tablename__ = "order_change"

    change_id: UUID = Field(primary_key=True)
    order_id: UUID
    kind: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    items: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    previous_total: int = Field(sa_type=BigInteger)
    new_total: int = Field(sa_type=BigInteger)
    shipping: dict[str, int] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """What shipping and its tax come to with the change, where that is another amount."""
    allocation: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    backordered: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    authorized: bool = False
    reason: str | None = Field(default=None, sa_type=Text)
    actor: str = Field(sa_type=Text)
    deadline_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    stock_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    money_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))

    @property
    def difference(self) -> int:
        """What the order costs more by it."""
        return self.new_total - self.previous_total

    @property
    def is_requested(self) -> bool:
        """Whether it is still to be decided."""
        return self.state == ChangeState.REQUESTED
