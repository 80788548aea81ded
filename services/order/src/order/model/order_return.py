"""A return (RMA): which units are to come back and why, whether that was agreed, and what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Cause, NotFoundError, Refusal, new_id
from contracts.order import Disposition, InspectedUnits, ReturnLine, ReturnReason
from order.model.exchange import ExchangeStage
from order.model.shipment import LabelRecord, LabelState
from order.model.table import Table


class ReturnStage(StrEnum):
    """How far a return has come."""

    REQUESTED = "requested"
    """Support decides whether the units may come back."""
    APPROVED = "approved"
    PARTIALLY_RECEIVED = "partially_received"
    RECEIVED = "received"
    CLOSED = "closed"
    """A part came, and the rest is not waited for any longer."""
    DECLINED = "declined"
    """Nothing comes back: refused, withdrawn by the customer, or not received in time."""


RETURN_TRANSITIONS: Final[Mapping[ReturnStage, frozenset[ReturnStage]]] = {
    ReturnStage.REQUESTED: frozenset({ReturnStage.APPROVED, ReturnStage.DECLINED}),
    ReturnStage.APPROVED: frozenset({ReturnStage.PARTIALLY_RECEIVED, ReturnStage.RECEIVED, ReturnStage.DECLINED}),
    ReturnStage.PARTIALLY_RECEIVED: frozenset({ReturnStage.RECEIVED, ReturnStage.CLOSED}),
    ReturnStage.RECEIVED: frozenset(),
    ReturnStage.CLOSED: frozenset(),
    ReturnStage.DECLINED: frozenset({ReturnStage.APPROVED}),
}
"""Declined to approved: support has thought better of it, or the units came too late and are taken after all."""

AWAITED: Final = frozenset({ReturnStage.APPROVED, ReturnStage.PARTIALLY_RECEIVED})


class ReturnNotFoundError(NotFoundError):
    """The order has no such return."""

    slug = "return-not-found"
    title = "No such return"


class ReturnStateError(Refusal):
    """The return is not in a state where this can be done to it."""

    slug = "return-state"
    title = "The return's state does not allow this"


class ReturnRefusedError(Refusal):
    """The policy does not let these units come back; `reason` says why."""

    slug = "return-refused"
    title = "This cannot be returned"


class ReturnLinesError(Refusal):
    """These units were never delivered, come back already, or were not agreed to come back."""

    slug = "return-lines"
    title = "These units cannot come back"
    status = 422


class ReceiptReusedError(Refusal):
    """The receipt is known, and says something else."""

    slug = "receipt-reused"
    title = "The receipt is another one"


@dataclass(frozen=True, slots=True)
class ReturnWish:
    """Units that a customer wants to send back, and why."""

    item_id: UUID
    quantity: int
    reason: ReturnReason


@dataclass(frozen=True, slots=True)
class Inspected:
    """Units that came back, what becomes of them, and whether the customer has their money back for them."""

    item_id: UUID
    quantity: int
    disposition: Disposition
    refund: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came in at once; its id makes it safe to be told twice."""

    receipt_id: UUID
    warehouse_id: str
    lines: Sequence[Inspected]


class OrderReturn(Table, table=True):
    """A return. Amounts in minor units; `lines` hold `item_id`, `product_id`, `quantity`, `reason` and how many are `received`.

    `refund_amount` is what is given back if all of the units come: their worth less `fee_amount`; `receipts` are what came.
    """

    __tablename__ = "order_return"

    return_id: UUID = Field(primary_key=True)
    order_id: UUID
    state: str = Field(sa_type=Text)
    lines: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    note: str = Field(default="", sa_type=Text)
    refund_amount: int = Field(sa_type=BigInteger)
    fee_amount: int = Field(default=0, sa_type=BigInteger)
    fee_taken: int = Field(default=0, sa_type=BigInteger)
    policy_version: int
    warehouse_id: str = Field(sa_type=Text)
    receipts: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    reason: str | None = Field(default=None, sa_type=Text)
    """Why it was declined."""
    decided_by: str | None = Field(default=None, sa_type=Text)
    decision_notes: str = Field(default="", sa_type=Text)
    deadline_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """Until when it is waited for."""
    exchange: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """What the customer gets instead: `stage`, `items`, `difference` that was agreed to, `order_id` and its `credit`.

    `worth` is what its units were said to be worth, as lines of a refund.
    """
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))

    @property
    def units(self) -> int:
        """Count the units that are to come back."""
        return sum([line["quantity"] for line in self.lines])

    @property
    def units_received(self) -> int:
        """Count the units that came back."""
        return sum([line["received"] for line in self.lines])

    @property
    def is_open(self) -> bool:
        """Whether something may still come of it."""
        return self.state in AWAITED or self.state == ReturnStage.REQUESTED

    @property
    def exchange_stage(self) -> ExchangeStage | None:
        """How far its exchange is; None: money is given back for it."""
        return ExchangeStage(self.exchange["stage"]) if self.exchange is not None else None

    @property
    def promised(self) -> list[dict[str, Any]]:
        """What its units are promised to be worth as long as an exchange is to come of them; as lines of a refund."""
        if self.exchange is None or self.exchange_stage not in {ExchangeStage.WANTED, ExchangeStage.PLACED}:
            return []
        promised: list[dict[str, Any]] = self.exchange.get("worth", [])  # an older version has not written it down
        return promised

    def exchange_becomes(self, stage: ExchangeStage, **more: Any) -> None:
        """Take its exchange further; how a difference is paid is kept no longer than until that is decided."""
        self.exchange = {**(self.exchange or {}), "stage": stage, "payment": None, **more}

    @property
    def accepted(self) -> dict[UUID, int]:
        """Tell how many units of each line came for which the customer has their money back."""
        found: dict[UUID, int] = {}
        for line in (line for receipt in self.receipts for line in receipt["lines"] if line["refund"]):
            item_id = UUID(line["item_id"])
            found[item_id] = found.get(item_id, 0) + line["quantity"]
        return found

    def awaited(self, item_id: UUID) -> int:
        """Count the units of a line that may still come back with it."""
        if not self.is_open:
            return 0
        return sum([line["quantity"] - line["received"] for line in self.lines if line["item_id"] == str(item_id)])

    def undecided(self, item_id: UUID) -> int:
        """Count the units of a line for which money may still be given back with it: an exchange decides once it is over."""
        came = self.accepted.get(item_id, 0) if self.exchange_stage == ExchangeStage.PLACED else 0
        return came + self.awaited(item_id)

    def claimed(self, item_id: UUID) -> int:
        """Count the units of a line that came back with it, or still may."""
        received: int = sum([line["received"] for line in self.lines if line["item_id"] == str(item_id)])
        return received + self.awaited(item_id)

    @property
    def quantities(self) -> dict[UUID, int]:
        """Tell how many units of each line are to come back."""
        found: dict[UUID, int] = {}
        for line in self.lines:
            item_id = UUID(line["item_id"])
            found[item_id] = found.get(item_id, 0) + line["quantity"]
        return found

    @property
    def told_lines(self) -> list[ReturnLine]:
        """Write its lines as events carry them."""
        return [ReturnLine.model_validate({name: line[name] for name in ReturnLine.model_fields}) for line in self.lines]

    def become(self, stage: ReturnStage) -> None:
        """Go on to `stage`; raises ReturnStateError."""
        if stage not in RETURN_TRANSITIONS[ReturnStage(self.state)]:
            why = f" ({self.reason})" if self.reason else ""
            raise ReturnStateError(
                f"The return is {self.state}{why}: it cannot become {stage}.",
                state=self.state,
                allowed=sorted(RETURN_TRANSITIONS[ReturnStage(self.state)]),
            )
        self.state = stage

    def knows(self, receipt: Receipt) -> bool:
        """Tell whether a receipt was noted before; raises ReceiptReusedError where it said something else."""
        known = next((one for one in self.receipts if one["receipt_id"] == str(receipt.receipt_id)), None)
        if known is None:
            return False
        if (known["warehouse_id"], known["lines"]) != (receipt.warehouse_id, self._written(receipt)):
            raise ReceiptReusedError(f"receipt_id: {receipt.receipt_id} was received before, with other units or elsewhere.")
        return True

    def take_in(self, receipt: Receipt, cause: Cause) -> list[InspectedUnits]:
        """Note what came; raises ReturnLinesError where that is more than was agreed, and then nothing is noted."""
        came: dict[str, int] = {}
        for one in receipt.lines:
            came[str(one.item_id)] = came.get(str(one.item_id), 0) + one.quantity
        for item_id, quantity in came.items():
            awaited = self.awaited(UUID(item_id))
            if quantity > awaited:
                raise ReturnLinesError(
                    f"lines: {awaited} units of item {item_id} are to come back, not {quantity}.",
                    errors=[{"field": "lines", "message": f"at most {awaited} of item {item_id}"}],
                )
        written = self._written(receipt)
        lines = []
        for line in self.lines:
            taken = min(came.get(line["item_id"], 0), line["quantity"] - line["received"])
            came[line["item_id"]] = came.get(line["item_id"], 0) - taken
            lines.append({**line, "received": line["received"] + taken})
        self.lines = lines
        noted = {"receipt_id": str(receipt.receipt_id), "warehouse_id": receipt.warehouse_id, "lines": written}
        self.receipts = [*self.receipts, {**noted, "at": cause.at.isoformat(), "by": cause.actor}]
        return [InspectedUnits.model_validate({name: one[name] for name in InspectedUnits.model_fields}) for one in written]

    def _written(self, receipt: Receipt) -> list[dict[str, Any]]:
        products = {line["item_id"]: line["product_id"] for line in self.lines}
        return [
            {
                "item_id": str(one.item_id),
                "product_id": products.get(str(one.item_id)),
                "quantity": one.quantity,
                "disposition": one.disposition.value,
                "refund": one.refund,
            }
            for one in receipt.lines
        ]


class ReturnLabel(LabelRecord, table=True):
    """A label with which the customer sends a return's units to the warehouse."""

    __tablename__ = "return_label"

    return_id: UUID

    @classmethod
    def wish(cls, back: OrderReturn, cause: Cause) -> "ReturnLabel":
        """Have a label bought for a return."""
        return cls(
            label_id=new_id(),
            order_id=back.order_id,
            return_id=back.return_id,
            state=LabelState.WANTED,
            due_at=cause.at,
            created_at=cause.at,
        )
