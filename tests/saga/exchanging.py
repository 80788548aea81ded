"""A customer who sends back what was delivered, and gets something else for it, over the services of a `Saga`."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from chassis.testing import perform
from contracts.order import Disposition
from order.api.returns import ReceiveReturn, RequestReturn, ReturnBody, receive_return, request_return
from order.model import Inspected, Receipt, ReturnPolicy, Status

from .carrying import SKU, Saga

Carry = Callable[[], Awaitable[None]]


class Exchanging:
    """An order of two mugs that was delivered, and the one that is placed in exchange for them."""

    def __init__(self, saga: Saga, carry: Carry) -> None:
        self.saga = saga
        self.carry = carry
        self.old = self.new = self.return_id = UUID(int=0)
        self.item_id = UUID(int=0)

    async def buy(self) -> None:
        """Have two mugs delivered and paid."""
        self.old = await self.saga.place("ada", 2)
        await self.carry()
        for status in (Status.SHIPPED, Status.DELIVERED):
            await self.saga.move(self.old, status)
            await self.carry()
        items = await self.saga.rows("order", "SELECT item_id, order_id FROM order_items")
        self.item_id = next(row["item_id"] for row in items if row["order_id"] == self.old)

    async def exchange(self, quantity: int, token: str = "tok_ok") -> None:  # noqa: S107 - a simulator's token
        """Ask for so many mugs instead, under a policy that agrees at once."""
        wish = {
            "lines": [{"item_id": self.item_id, "quantity": 2, "reason": "does_not_fit"}],
            "exchange": {
                "items": [{"product_id": SKU, "quantity": quantity}],
                "payment": {"method": "card", "token": token},
            },
        }
        command = RequestReturn(self.old, "ada", ReturnBody.model_validate(wish), ReturnPolicy(auto_approve=True), {})
        (answer,) = await perform(self.saga.databases["order"], request_return, command)
        rows = await self.saga.rows("order", "SELECT return_id, exchange FROM order_return")
        assert len(rows) == 1, answer.body
        self.return_id, self.new = rows[0]["return_id"], UUID(rows[0]["exchange"]["order_id"])

    async def take_in(self, quantity: int = 2, receipt_id: UUID | None = None) -> None:
        """Take in mugs that come back, as good as new."""
        units = [Inspected(self.item_id, quantity, Disposition.RESTOCK)]
        command = ReceiveReturn(self.old, self.return_id, Receipt(receipt_id or uuid4(), "berlin", units))
        await perform(self.saga.databases["order"], receive_return, command)

    async def send(self) -> None:
        """Send the other order."""
        await self.saga.move(self.new, Status.SHIPPED)

    def at_psp(self, order_id: UUID) -> tuple[int, int, int]:
        """Sum up what the PSP has open, captured and refunded for an order."""
        mine = [one for one in self.saga.psp.books.values() if one.order_id == order_id]
        return sum(one.open for one in mine), sum(one.captured for one in mine), sum(one.refunded for one in mine)

    async def order(self, order_id: UUID) -> Any:
        """Read an order's row."""
        return next(row for row in await self.saga.rows("order", "SELECT * FROM orders") if row["order_id"] == order_id)
