"""An order and its money: what other services tell of it, a PSP in this process, and what payment makes of it."""

from typing import Any
from uuid import UUID

from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import SettableClock, perform, told, work
from contracts import Event
from contracts.inventory import AdditionReserved, StockReserved
from contracts.order import (
    CancelReason,
    ChangeKind,
    ChangeRefusal,
    OrderCancelled,
    OrderChanged,
    OrderChangeWithdrawn,
    OrderContacts,
    RefundReason,
    RefundRequested,
    ShipmentDispatched,
)
from contracts.types import Address, Contact, Money, PaymentInstrument
from payment import handlers
from payment.gateway import PspGateway, StubPsp, WebhookHeard
from payment.gateway.stub import StubPayment
from payment.model import PaymentKey

OK = "tok_ok"
TOTAL = 3000
HOME = Address(name="Alice", line1="1 Main Street", city="Berlin", postal_code="10115", country="DE")


def euros(amount: int) -> Money:
    """Make an amount of EUR cents."""
    return Money(amount=amount, currency="EUR")


class Shop:
    """One order of 30.00, told to a payment service on a real database with a PSP in this process."""

    def __init__(self, database: Database, clock: SettableClock) -> None:
        self.database = database
        self.clock = clock
        self.psp = StubPsp()
        self.order_id = new_id()

    # --- what others tell -----------------------------------------------------------------------------------------------

    @property
    def order(self) -> dict[str, Any]:
        """What every fact says of the order."""
        return {"order_id": self.order_id, "user_id": "alice"}

    def reserved(self) -> StockReserved:
        """Tell that the order's stock is held."""
        return StockReserved(**self.order, total_amount=euros(TOTAL), allocations=[])

    def contacts(self, token: str = OK, change_id: UUID | None = None) -> OrderContacts:
        """Tell how the order, or a change of it, is to be paid."""
        return OrderContacts(
            **self.order,
            contact=Contact(email="alice@example.org"),
            shipping_address=HOME,
            billing_address=HOME,
            payment=PaymentInstrument(method="card", token=token),
            change_id=change_id,
        )

    def cancelled(self) -> OrderCancelled:
        """Tell that the order ends."""
        return OrderCancelled(**self.order, reason=CancelReason.CUSTOMER, total_amount=euros(TOTAL))

    def dispatched(self, amount: int) -> ShipmentDispatched:
        """Tell that a parcel of so much left."""
        return ShipmentDispatched(**self.order, shipment_id=new_id(), warehouse_id="north", lines=[], amount=euros(amount))

    def added(self, change_id: UUID, difference: int = 500) -> AdditionReserved:
        """Tell that the stock of what a change adds is held."""
        return AdditionReserved(**self.order, change_id=change_id, difference=euros(difference), allocations=[])

    def withdrawn(self, change_id: UUID) -> OrderChangeWithdrawn:
        """Tell that a change does not come about."""
        return OrderChangeWithdrawn(**self.order, change_id=change_id, reason=ChangeRefusal.DEADLINE)

    def asked_back(self, amount: int, refund_id: UUID | None = None) -> RefundRequested:
        """Tell that so much is to be given back."""
        refund_id = refund_id or new_id()
        return RefundRequested(**self.order, refund_id=refund_id, amount=euros(amount), reason=RefundReason.RETURN)

    def changed(
        self, less: int, change_id: UUID | None = None, kind: ChangeKind = ChangeKind.REDUCTION, before: int = TOTAL
    ) -> OrderChanged:
        """Tell that the order costs so much less."""
        return OrderChanged(
            **self.order,
            change_id=change_id or new_id(),
            kind=kind,
            items=[],
            total_amount=euros(before - less),
            previous_total=euros(before),
        )

    # --- what payment does ----------------------------------------------------------------------------------------------

    async def hears(self, *events: object) -> None:
        """Hear facts, one after the other."""
        reactions = {function.hears: function.call for function in handlers.react.functions.values()}
        for event in events:
            await perform(self.database, reactions[type(event)], event)

    async def hears_webhook(self, *, doubtful: bool) -> None:
        """Hear from the PSP that something happened to the order's main payment."""
        heard = WebhookHeard(PaymentKey(self.order_id), "payment_intent.canceled", doubtful)
        await perform(self.database, handlers.hear_webhook, heard)

    async def works(self, *jobs: str) -> int:
        """Do what is due now; answers how much it was."""
        return await work(self.database, handlers.jobs, {PspGateway: self.psp}, *jobs)

    async def rests(self) -> None:
        """Let time pass until nothing is due any more."""
        for _ in range(12):
            await self.works()
            self.clock.forward(seconds=61)

    async def holds(self, token: str = OK) -> None:
        """Have the order's total asked for."""
        await self.hears(self.contacts(token), self.reserved())
        await self.works()

    async def ships(self, *amounts: int) -> None:
        """Have the money of parcels taken."""
        await self.hears(*(self.dispatched(amount) for amount in amounts))
        for _ in amounts:
            await self.works()

    async def holds_more(self, *differences: int, token: str = OK) -> list[UUID]:
        """Have additions asked for; answers their changes."""
        changes = [new_id() for _ in differences]
        for change_id, difference in zip(changes, differences, strict=True):
            await self.hears(self.contacts(token, change_id), self.added(change_id, difference))
        await self.works()
        return changes

    # --- what came of it ------------------------------------------------------------------------------------------------

    async def told(self) -> list[str]:
        """Name the facts told of the order, with their amounts."""
        return [f"{type(event).__name__} {event.amount.amount}" for event in await self.facts()]  # type: ignore[attr-defined]

    async def facts(self) -> list[Event]:
        """Read the facts told of the order."""
        return list(await told(self.database, self.order_id))

    async def row(self, columns: str, table: str = "payment") -> tuple[object, ...]:
        """Read some columns of the order's rows: the main payment first, further ones by age."""
        order = " ORDER BY change_id IS NOT NULL, payment_id" if table == "payment" else ""
        async with self.database.transaction() as transaction:
            query = f"SELECT {columns} FROM {table} WHERE order_id = $1{order}"
            return tuple(tuple(row) if len(row) > 1 else row[0] for row in await transaction.fetch(query, self.order_id))

    @property
    def reference(self) -> str:
        """Name the one payment that the PSP holds for the order."""
        [reference] = [name for name, one in self.psp.books.items() if one.order_id == self.order_id]
        return reference

    def booked(self, change_id: UUID | None = None) -> StubPayment:
        """Find what the PSP has written down of the order's main payment, or of an addition."""
        key = PaymentKey(self.order_id, change_id)
        return next(one for one in self.psp.books.values() if one.key == key)

    def books(self) -> tuple[int, int, int]:
        """Sum up what the PSP has open, captured and refunded for the order."""
        mine = [one for one in self.psp.books.values() if one.order_id == self.order_id]
        return sum(one.open for one in mine), sum(one.captured for one in mine), sum(one.refunded for one in mine)
