"""A database of the notification service, its job driven by hand, and a customer's story told as events."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

import notification
from chassis import batch, migrations
from chassis.batch import Function, Item
from chassis.database import Database
from chassis.domain import Cause, new_id
from chassis.testing import Hands, PostgresServer, SettableClock, perform
from contracts import Event
from contracts.order import (
    CancelReason,
    ChangeKind,
    ChangeRefusal,
    Disposition,
    InspectedUnits,
    InvoiceIssued,
    OrderCancelled,
    OrderChanged,
    OrderChangeWithdrawn,
    OrderConfirmed,
    OrderContacts,
    OrderPlaced,
    OrderRefunded,
    PlannedShipment,
    ReturnApproved,
    ReturnDeclined,
    ReturnLine,
    ReturnReason,
    ReturnReceived,
    ReturnRefusal,
    ReturnRequested,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentsPlanned,
    ShipmentTracked,
    TrackingStatus,
)
from contracts.payment import PaymentAction, PaymentActionRequired
from contracts.types import Address, Contact, Destination, Line, Money, OrderLine, PaymentInstrument
from notification.gateway import Mailer, StubProvider, Texter
from notification.handlers import deliver, note_contact, note_delivery
from notification.letters import Letters, TrackingLinks
from notification.settings import Settings
from notification.store import DeliveryDue

EMAIL = "ada.canary@example.com"
PHONE = "+4915112345678"
NAME = "Ada Canary"
LINK_SECRET = "a canary of a secret"


def euros(amount: int) -> Money:
    """Make an amount of EUR cents."""
    return Money(amount=amount, currency="EUR")


def lines(quantities: Mapping[str, int]) -> list[Line]:
    """Make lines of quantities by product."""
    return [Line(product_id=sku, quantity=quantity) for sku, quantity in quantities.items()]


@dataclass
class Story:
    """The events of one order, for a customer whose details are canaries."""

    order_id: UUID = field(default_factory=new_id)
    shipment_id: UUID = field(default_factory=new_id)
    return_id: UUID = field(default_factory=new_id)
    email: str = EMAIL
    phone: str | None = PHONE
    locale: str = "en"

    @property
    def contacts(self) -> OrderContacts:
        address = Address(name=NAME, line1="Canary Street 7", city="Berlin", postal_code="10115", country="DE")
        return OrderContacts(
            order_id=self.order_id,
            user_id="ada",
            contact=Contact(email=self.email, phone=self.phone, locale=self.locale),
            shipping_address=address,
            billing_address=address,
            payment=PaymentInstrument(method="card", token="tok_ok"),
        )

    @property
    def placed(self) -> OrderPlaced:
        line = OrderLine(item_id=new_id(), product_id="MUG", quantity=2, price=euros(999), subtotal=euros(1998))
        return OrderPlaced(
            order_id=self.order_id,
            user_id="ada",
            order_date=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
            items=[line],
            total_amount=euros(1998),
            shipping_amount=euros(0),
            tax_amount=euros(319),
            destination=Destination(country="DE"),
        )

    @property
    def planned(self) -> PlannedShipment:
        return PlannedShipment(shipment_id=self.shipment_id, warehouse_id="BER", lines=[Line(product_id="MUG", quantity=2)])

    @property
    def confirmed(self) -> OrderConfirmed:
        return self.confirmed_with()

    def confirmed_with(self, **backordered: int) -> OrderConfirmed:
        return OrderConfirmed(
            order_id=self.order_id,
            user_id="ada",
            total_amount=euros(1998),
            shipments=[self.planned],
            backordered=lines(backordered),
        )

    def replanned(self, **backordered: int) -> ShipmentsPlanned:
        return ShipmentsPlanned(order_id=self.order_id, user_id="ada", shipments=[self.planned], backordered=lines(backordered))

    @property
    def changed(self) -> OrderChanged:
        return self.changed_to(ChangeKind.ADDITION)

    def changed_to(self, kind: ChangeKind, **changes: Any) -> OrderChanged:
        return OrderChanged(
            order_id=self.order_id,
            user_id="ada",
            change_id=new_id(),
            kind=kind,
            items=self.placed.items,
            total_amount=euros(1998),
            previous_total=euros(999),
            **changes,
        )

    @property
    def withdrawn(self) -> OrderChangeWithdrawn:
        return OrderChangeWithdrawn(
            order_id=self.order_id, user_id="ada", change_id=new_id(), reason=ChangeRefusal.PAYMENT_DECLINED
        )

    @property
    def out_for_delivery(self) -> ShipmentTracked:
        return self.tracked(TrackingStatus.OUT_FOR_DELIVERY)

    def tracked(self, status: TrackingStatus, expected: date | None = None, shipment_id: UUID | None = None) -> ShipmentTracked:
        return ShipmentTracked(
            order_id=self.order_id,
            user_id="ada",
            shipment_id=shipment_id or self.shipment_id,
            status=status,
            occurred_at=datetime(2026, 3, 4, 7, 30, tzinfo=UTC),
            expected_delivery=expected,
        )

    @property
    def cancelled(self) -> OrderCancelled:
        return OrderCancelled(order_id=self.order_id, user_id="ada", reason=CancelReason.OUT_OF_STOCK, total_amount=euros(1998))

    @property
    def dispatched(self) -> ShipmentDispatched:
        return ShipmentDispatched(
            order_id=self.order_id,
            user_id="ada",
            shipment_id=self.shipment_id,
            warehouse_id="BER",
            lines=[Line(product_id="MUG", quantity=2)],
            amount=euros(1998),
            carrier="Parcel Express",
            tracking_number="PX1",
        )

    @property
    def return_requested(self) -> ReturnRequested:
        return ReturnRequested(order_id=self.order_id, user_id="ada", return_id=self.return_id, lines=self.going_back)

    @property
    def return_approved(self) -> ReturnApproved:
        return self.approved_with(euros(1998))

    def approved_with(self, refund: Money, exchange: UUID | None = None) -> ReturnApproved:
        return ReturnApproved(
            order_id=self.order_id,
            user_id="ada",
            return_id=self.return_id,
            lines=self.going_back,
            refund_amount=refund,
            exchange_order_id=exchange,
        )

    @property
    def return_declined(self) -> ReturnDeclined:
        return ReturnDeclined(order_id=self.order_id, user_id="ada", return_id=self.return_id, reason=ReturnRefusal.WINDOW_OVER)

    @property
    def return_received(self) -> ReturnReceived:
        units = [(1, Disposition.RESTOCK), (1, Disposition.DAMAGED)]
        return ReturnReceived(
            order_id=self.order_id,
            user_id="ada",
            return_id=self.return_id,
            receipt_id=new_id(),
            warehouse_id="BER",
            lines=[InspectedUnits(product_id="MUG", quantity=n, item_id=new_id(), disposition=kind) for n, kind in units],
        )

    @property
    def going_back(self) -> list[ReturnLine]:
        return [ReturnLine(product_id="MUG", quantity=2, item_id=new_id(), reason=ReturnReason.DOES_NOT_FIT)]

    @property
    def refunded(self) -> OrderRefunded:
        return self.refunded_for(new_id())

    def refunded_for(self, refund_id: UUID | None) -> OrderRefunded:
        return OrderRefunded(
            order_id=self.order_id,
            user_id="ada",
            refund_id=refund_id,
            amount=euros(999),
            refunded=euros(1998),
            complete=True,
        )

    @property
    def invoiced(self) -> InvoiceIssued:
        return InvoiceIssued(
            order_id=self.order_id,
            user_id="ada",
            document_id=new_id(),
            number="INV-2026-000007",
            issued_on=date(2026, 3, 4),
            total_amount=euros(1998),
            tax_amount=euros(319),
        )

    @property
    def transfer_due(self) -> PaymentActionRequired:
        return self.to_do(PaymentAction.TRANSFER, "WB-1234")

    @property
    def challenged(self) -> PaymentActionRequired:
        return self.to_do(PaymentAction.CHALLENGE, "/pay/1234")

    def to_do(self, action: PaymentAction, reference: str) -> PaymentActionRequired:
        return PaymentActionRequired(
            order_id=self.order_id,
            user_id="ada",
            payment_id=new_id(),
            action=action,
            amount=euros(1998),
            reference=reference,
            deadline_at=datetime(2026, 3, 9, 9, 0, tzinfo=UTC),
        )

    @property
    def delivered(self) -> ShipmentDelivered:
        return ShipmentDelivered(order_id=self.order_id, user_id="ada", shipment_id=self.shipment_id)


@dataclass
class Desk:
    """The service without its process: its database, and one round of its job at a time."""

    database: Database
    clock: SettableClock
    settings: Settings
    letters: Letters = field(default_factory=lambda: Letters("Waybill", TrackingLinks("https://shop.example", LINK_SECRET)))

    async def rows(self, order_id: UUID | None = None) -> list[Mapping[str, Any]]:
        """Read the deliveries of an order, or all, oldest first."""
        async with self.database.transaction() as transaction:
            return await transaction.fetch(
                "SELECT * FROM delivery WHERE $1::uuid IS NULL OR order_id = $1 ORDER BY delivery_id", order_id
            )

    async def statuses(self, order_id: UUID) -> dict[tuple[str, str], str]:
        """Tell the status of each delivery of an order by template and channel."""
        return {(row["template"], row["channel"]): row["status"] for row in await self.rows(order_id)}

    async def claim(self) -> list[DeliveryDue]:
        """Claim what is due now."""
        async with self.database.transaction() as transaction:
            return list(await DeliveryDue.claim(transaction, 100))

    async def round(self, mailer: Mailer, texter: Texter) -> int:
        """Send what is due now and note what came of it; answers how many were due."""
        due = await self.claim()
        await self.send(due, mailer, texter)
        return len(due)

    async def send(self, due: Sequence[DeliveryDue], mailer: Mailer, texter: Texter) -> None:
        """Send what was claimed and note what came of it."""
        outcomes = [await deliver(one, mailer, texter, self.letters, self.settings) for one in due]
        if outcomes:
            await perform(self.database, note_delivery, *outcomes)

    async def hear(self, *pairs: tuple[Callable[..., Any], Event]) -> None:
        """Have events handled in one batch, each by its function."""
        items = []
        for function, event in pairs:
            why = Cause("order", self.clock(), new_id(), event.key)
            items.append(Item(event, Function.of(function), why, event_id=why.event_id, event_type=event.type))
        await batch.run(self.database, items)

    async def know(self, *stories: Story) -> None:
        """Tell the service the contacts of orders."""
        await perform(self.database, note_contact, *(story.contacts for story in stories))


TABLES = "delivery_retry, delivery, contact, outbox, outbox_unpublished, outbox_sequence, inbox, idempotency, dead_letter"


@pytest.fixture(scope="session")
async def migrated(postgres: PostgresServer) -> AsyncIterator[tuple[str, Database]]:
    """Make one migrated database for the session; `clean` empties it for each test."""
    url = await postgres.create_service_database(f"notification_{new_id().hex[-10:]}")
    await asyncio.to_thread(migrations.migrate, notification, url)
    database = await Database.open("notification", url)
    yield url, database
    await database.close()


@pytest.fixture
async def clean(migrated: tuple[str, Database]) -> tuple[str, Database]:
    """Give the database without a row, and without listeners of an earlier test."""
    url, database = migrated
    async with database.transaction() as transaction:
        await transaction.fetch(f"TRUNCATE {TABLES}")
    database.workforce = Hands()
    return url, database


@pytest.fixture
def desk(clean: tuple[str, Database]) -> Desk:
    _, database = clean
    database.clock = clock = SettableClock()
    settings = Settings(
        database_url="postgresql://none",
        kafka_bootstrap_servers="127.0.0.1:1",
        auth_issuer="https://issuer.test",
        auth_jwks_url="https://issuer.test/jwks",
        max_attempts=3,
        retry_schedule_seconds=(1, 10),
    )
    return Desk(database, clock, settings)


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def stories() -> type[Story]:
    return Story


@pytest.fixture
def stub() -> StubProvider:
    return StubProvider()


@pytest.fixture
def desk_of() -> type[Desk]:
    return Desk
