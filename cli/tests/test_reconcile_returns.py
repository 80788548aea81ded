"""Reconciliation of what came back, and of the letters about it: as the inventory and notification made of the facts."""

from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from chassis.domain import new_id
from chassis.testing import PostgresServer, SettableClock, cause, service_database
from contracts import Event
from contracts.order import (
    Disposition,
    InspectedUnits,
    InvoiceIssued,
    OrderRefunded,
    ReturnApproved,
    ReturnLine,
    ReturnReason,
    ReturnReceived,
    ReturnRequested,
)
from contracts.payment import PaymentAction, PaymentActionRequired
from contracts.types import Money
from order.gateway import CarrierGateway, StubCarriers
from tests.saga.carrying import PACKAGES, Saga
from waybill.commands.reconcile import look
from waybill.reconciliation.findings import Invariant
from waybill.reconciliation.sources import Sources

from .test_reconcile_fulfilment import SECOND, Closed, Shop, open_shop

pytestmark = pytest.mark.database

MINE = (
    Invariant.RETURNED_STOCK,
    Invariant.CUSTOMER_TOLD,
    Invariant.STOCK_LEDGER,
    Invariant.STOCK_RESERVED,
    Invariant.RESERVATION,
    Invariant.PARCEL_STOCK,
    Invariant.DEAD_LETTERS,
)
RETURN, FIRST, LAST = (UUID(int=number) for number in (1, 2, 3))

NOTE_RETURN = """
INSERT INTO order_return (return_id, order_id, state, lines, note, refund_amount, fee_amount, policy_version, warehouse_id,
    receipts, created_at, updated_at)
VALUES ($1, $2, 'received', '[]', '', 0, 0, 1, 'munich', $3, now() - interval '1 hour', now() - interval '1 hour')
"""


@pytest.fixture(scope="module")
async def closed(postgres: PostgresServer) -> Closed:
    """Have ada get two sets (a mug and a spoon each) and two spoons from munich, and send back all but a spoon.

    The first receipt has a set to sell again and a set that is damaged, the second, in berlin, a spoon.
    """
    async with AsyncExitStack() as stack:
        clock = SettableClock()
        databases = {
            name: await stack.enter_async_context(service_database(postgres, package, clock, kept=True))
            for name, package in PACKAGES.items()
        }
        saga, carriers = Saga(databases, clock), StubCarriers(clock)
        saga._gateways[CarrierGateway] = carriers  # noqa: SLF001 - the saga of other tests knows no carriers
        shop = Shop(saga, carriers)
        await open_shop(shop)
        await shop.place("ada", SET=2, SPOON=2)
        for shipment_id in (await shop.parcels("ada")).values():
            await shop.send("ada", shipment_id)
        await send_back(shop, shop.orders["ada"])
    return Closed(postgres, {name: database.url for name, database in databases.items()}, shop.orders, [])


async def send_back(shop: Shop, order_id: UUID) -> None:
    rows = await shop.rows("order", "SELECT product_id, item_id FROM order_items WHERE order_id = $1", order_id)
    items = {row["product_id"]: row["item_id"] for row in rows}
    lines = [
        ReturnLine(product_id=sku, quantity=n, item_id=items[sku], reason=ReturnReason.OTHER)
        for sku, n in (("SET", 2), ("SPOON", 1))
    ]

    def receipt(receipt_id: UUID, place: str, *units: tuple[str, Disposition]) -> ReturnReceived:
        found = [InspectedUnits(product_id=sku, quantity=1, item_id=items[sku], disposition=kind) for sku, kind in units]
        return ReturnReceived(
            order_id=order_id, user_id="ada", return_id=RETURN, receipt_id=receipt_id, warehouse_id=place, lines=found
        )

    receipts = [
        receipt(FIRST, "munich", ("SET", Disposition.RESTOCK), ("SET", Disposition.DAMAGED)),
        receipt(LAST, "berlin", ("SPOON", Disposition.RESTOCK)),
    ]
    noted = [one.model_dump(mode="json", include={"receipt_id", "warehouse_id", "lines"}) for one in receipts]
    await shop.rows("order", NOTE_RETURN, RETURN, order_id, noted)
    euros = Money(amount=3333, currency="EUR")
    whose = {"order_id": order_id, "user_id": "ada"}
    await tell(
        shop,
        "order",
        ReturnRequested(**whose, return_id=RETURN, lines=lines),
        ReturnApproved(**whose, return_id=RETURN, lines=lines, refund_amount=euros),
        *receipts,
        OrderRefunded(**whose, refund_id=new_id(), amount=euros, refunded=euros, complete=False),
        OrderRefunded(**whose, refund_id=None, amount=euros, refunded=euros, complete=False),
        InvoiceIssued(
            **whose,
            document_id=new_id(),
            number="INV-1",
            issued_on=shop.saga.clock().date(),
            total_amount=euros,
            tax_amount=euros,
        ),
    )
    to_do = PaymentActionRequired(
        **whose,
        payment_id=new_id(),
        action=PaymentAction.TRANSFER,
        amount=euros,
        reference="WB-1",
        deadline_at=shop.saga.clock() + timedelta(days=7),
    )
    await tell(shop, "payment", to_do)


async def tell(shop: Shop, service: str, *events: Event) -> None:
    """Have a service tell facts, and the others hear them."""
    async with shop.saga.databases[service].transaction() as transaction:
        for event in events:
            transaction.emit(event, cause(at=shop.saga.clock()))
    await shop.saga.settle()


async def mine(sources: Sources) -> list[str]:
    """Say what is wrong with stock and letters; what order and payment make of such facts is looked at elsewhere."""
    findings = await look(sources, SECOND, topics=False)
    assert findings.of[Invariant.RETURNED_STOCK].checked
    return [
        f"{one.invariant} {each.subject}: {each.says}"
        for name in MINE
        for one in [findings.of[name]]
        for each in one.violations
    ]


async def test_what_came_back_and_was_told_is_clean(closed: Closed) -> None:
    assert await mine(Sources(closed.urls)) == []


RECEIPTS = "UPDATE reservation SET receipts = "
PLANTED: dict[str, tuple[str, str, str]] = {
    "a receipt that is not booked": (
        "inventory",
        f"{RECEIPTS} receipts - 0 - 0",
        f"receipt {FIRST} brought 1 SET to munich (restocked), 1 SET to munich (written off), and the inventory booked nothing",
    ),
    "a receipt that was booked and left no movement": (
        "inventory",
        "DELETE FROM stock_movement WHERE kind = 'returned' AND warehouse_id = 'berlin'",
        "receipts brought 1 of SPOON to berlin, 0 of them written off; movements say 0 and 0",
    ),
    "a damaged unit on the shelf": (
        "inventory",
        "DELETE FROM stock_movement WHERE kind = 'written_off' AND sku = 'MUG'",
        "receipts brought 2 of MUG to munich, 1 of them written off; movements say 2 and 0",
    ),
    "units that came back by no receipt": (
        "inventory",
        """INSERT INTO stock_movement SELECT order_id, 'LAMP', warehouse_id, kind, on_hand_delta, 0, reason, order_id, NULL,
        actor, at FROM stock_movement WHERE kind = 'returned' LIMIT 1""",
        "receipts brought 0 of LAMP",
    ),
    "more than was sent": (
        "inventory",
        f"{RECEIPTS} jsonb_set(receipts, '{{1,restocked}}', '3')",
        "3 of SPOON came back, and 2 were sent",
    ),
    "another warehouse": (
        "inventory",
        f"{RECEIPTS} jsonb_set(receipts, '{{1,warehouse_id}}', '\"munich\"')",
        f"receipt {LAST} brought 1 SPOON to berlin (restocked), and the inventory booked 1 SPOON to munich (restocked)",
    ),
    "a receipt that nobody told": (
        "order",
        f"DELETE FROM outbox WHERE payload LIKE '%{LAST}%'",
        f"receipt {LAST} brought 1 SPOON to berlin (restocked), and was told as nothing",
    ),
    "a receipt that the order does not know": (
        "order",
        "UPDATE order_return SET receipts = receipts - 1",
        f"receipt {LAST} brought nothing, and the inventory booked 1 SPOON to berlin (restocked)",
    ),
    "a letter about a return that was not written": (
        "notification",
        "DELETE FROM delivery WHERE template = 'return_approved' AND channel = 'sms'",
        "its customer is not told by sms of order.return_approved.v1",
    ),
    "a refund that the customer does not hear of": (
        "notification",
        "DELETE FROM delivery WHERE template = 'refunded' AND channel = 'email'",
        "its customer is not told by email of order.refunded.v1",
    ),
    "a transfer that the customer does not hear of": (
        "notification",
        "DELETE FROM delivery WHERE template = 'transfer_due' AND channel = 'email'",
        "its customer is not told by email of payment.action_required.v1",
    ),
    "a transfer that nobody asked for": (
        "notification",
        "UPDATE delivery SET status = 'sent', sent_at = now(), event_id = order_id WHERE template = 'transfer_due'",
        "which was never told as a fact",
    ),
}


@pytest.mark.parametrize(("service", "statement", "says"), PLANTED.values(), ids=PLANTED)
async def test_a_planted_fault_is_named_with_its_order(closed: Closed, service: str, statement: str, says: str) -> None:
    found = await mine(await closed.faulty(service, statement))
    assert [one for one in found if str(closed.orders["ada"]) in one and says in one], found


async def test_a_shop_that_mails_no_invoices_is_clean(closed: Closed) -> None:
    assert await mine(await closed.faulty("notification", "DELETE FROM delivery WHERE template = 'invoice_issued'")) == []
