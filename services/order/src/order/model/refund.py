"""A refund of an order: how much of the money goes back, what for, and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Cause, NotFoundError, Refusal, new_id
from contracts.order import RefundReason
from order.model.pricing import share, spread
from order.model.table import Table


class RefundState(StrEnum):
    """How far a refund has come."""

    AWAITING_APPROVAL = "awaiting_approval"
    """It is large: a second person must agree."""
    REQUESTED = "requested"
    """The payment service is asked for it."""
    REFUNDED = "refunded"
    FAILED = "failed"
    """The PSP will not: a person must ask anew, or give it up."""
    DECLINED = "declined"


REFUND_TRANSITIONS: Final[Mapping[RefundState, frozenset[RefundState]]] = {
    RefundState.AWAITING_APPROVAL: frozenset({RefundState.REQUESTED, RefundState.DECLINED}),
    RefundState.REQUESTED: frozenset({RefundState.REFUNDED, RefundState.FAILED}),
    RefundState.REFUNDED: frozenset(),
    RefundState.FAILED: frozenset({RefundState.REFUNDED, RefundState.DECLINED}),
    RefundState.DECLINED: frozenset(),
}
"""Failed to refunded: the PSP did it after all."""


class RefundNotFoundError(NotFoundError):
    """The order has no such refund."""

    slug = "refund-not-found"
    title = "No such refund"


class RefundStateError(Refusal):
    """The refund, or its order, is not in a state where this can be done."""

    slug = "refund-state"
    title = "The refund's state does not allow this"


class RefundExceedsError(Refusal):
    """More would go back than was taken and has neither gone back nor been promised."""

    slug = "refund-exceeds"
    title = "So much cannot be given back"


class RefundLinesError(Refusal):
    """These units, or shipping, cannot be given money back for."""

    slug = "refund-lines"
    title = "There is nothing to give back for these"
    status = 422


class SecondPersonNeededError(Refusal):
    """A large refund is approved by another person than the one who asked for it."""

    slug = "second-person-needed"
    title = "Another person must approve it"
    status = 403


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What is to be given back: units by item id or an amount in minor units, and shipping beside it; `notes` are for staff."""

    reason: RefundReason
    lines: Mapping[UUID, int] = field(default_factory=dict)
    amount: int = 0
    shipping: bool = False
    notes: str = ""


class Refund(Table, table=True):
    """A refund; its id is the key under which the money is given back, so that this happens once.

    `amount` is what goes back: that of `lines` (with `item_id`, `product_id`, `quantity`, `amount` and `tax_amount`) and of
    shipping, less `kept_amount`; without lines and shipping, an amount as such.
    """

    __tablename__ = "order_refund"

    refund_id: UUID = Field(primary_key=True)
    order_id: UUID
    state: str = Field(sa_type=Text)
    amount: int = Field(sa_type=BigInteger)
    lines: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    shipping_amount: int = Field(default=0, sa_type=BigInteger)
    shipping_tax_amount: int = Field(default=0, sa_type=BigInteger)
    kept_amount: int = Field(default=0, sa_type=BigInteger)
    """What the customer bears of the lines' worth: sending them back, what was never paid, or what they had back before."""
    refunded_amount: int = Field(default=0, sa_type=BigInteger)
    """What of it has reached the customer; less than all of it where the PSP did a part and refused the rest."""
    reason: str = Field(sa_type=Text)
    notes: str = Field(default="", sa_type=Text)
    return_id: UUID | None = None
    exchange_order_id: UUID | None = None
    """The order that it pays, instead of going to the customer."""
    requested_by: str = Field(sa_type=Text)
    decided_by: str | None = Field(default=None, sa_type=Text)
    error: str | None = Field(default=None, sa_type=Text)
    retried_as: UUID | None = None
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    settled_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    @classmethod
    def again(cls, failed: "Refund", cause: Cause) -> "Refund":
        """Ask for what has not gone back of a refund that failed, for the same units."""
        return cls(
            refund_id=new_id(),
            order_id=failed.order_id,
            state=RefundState.REQUESTED,
            amount=failed.amount - failed.refunded_amount,
            lines=failed.lines,
            shipping_amount=failed.shipping_amount,
            shipping_tax_amount=failed.shipping_tax_amount,
            kept_amount=failed.kept_amount + failed.refunded_amount,
            reason=failed.reason,
            notes=failed.notes,
            return_id=failed.return_id,
            exchange_order_id=failed.exchange_order_id,
            requested_by=cause.actor,
            decided_by=failed.decided_by,
            created_at=cause.at,
        )

    def move(self, credit: int, exchange_order_id: UUID) -> "Refund | None":
        """Have `credit` of it pay another order; answers a refund of what is left of it, for the same units, if anything is.

        What the customer bears is borne here, and the units are counted here: the rest is for none more of them.
        """
        left = self.amount - credit
        self.reason, self.exchange_order_id = RefundReason.EXCHANGE, exchange_order_id
        if not left:
            return None
        rest = [
            {**line, "quantity": 0, "amount": part, "tax_amount": share(line["tax_amount"], part, line["amount"])}
            for line, part in zip(self.lines, spread(left, [line["amount"] for line in self.lines]), strict=True)
        ]
        self.lines = [
            {**line, "amount": line["amount"] - part["amount"], "tax_amount": line["tax_amount"] - part["tax_amount"]}
            for line, part in zip(self.lines, rest, strict=True)
        ]
        self.amount = credit
        return Refund(
            refund_id=new_id(),
            order_id=self.order_id,
            state=self.state,
            amount=left,
            lines=rest,
            reason=RefundReason.RETURN,
            return_id=self.return_id,
            requested_by=self.requested_by,
            created_at=self.created_at,
        )

    @property
    def is_open(self) -> bool:
        """Whether its money is promised and has not gone back; one that failed is, until it is asked anew or given up."""
        if self.state == RefundState.FAILED:
            return self.retried_as is None
        return self.state in {RefundState.AWAITING_APPROVAL, RefundState.REQUESTED}

    @property
    def counts(self) -> bool:
        """Whether its units are given back for, or are to be."""
        return self.is_open or self.state == RefundState.REFUNDED

    def note_refunded(self, amount: int, cause: Cause) -> None:
        """Note how much of it went back; the rest, if there is one, is about to fail."""
        self.refunded_amount = min(amount, self.amount)
        if self.refunded_amount == self.amount:
            self.become(RefundState.REFUNDED)
            self.settled_at, self.error = cause.at, None

    def may_become(self, state: RefundState) -> bool:
        """Tell whether it can go on to `state`."""
        return state in REFUND_TRANSITIONS[RefundState(self.state)]

    def become(self, state: RefundState) -> None:
        """Go on to `state`; raises RefundStateError."""
        if not self.may_become(state):
            raise RefundStateError(
                f"The refund is {self.state}: it cannot become {state}.",
                state=self.state,
                allowed=sorted(REFUND_TRANSITIONS[RefundState(self.state)]),
            )
        self.state = state
