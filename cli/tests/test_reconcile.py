"""Reconciliation names what is wrong: each invariant is broken by hand in real databases, and found by its name."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import PostgresServer, cause, service_database
from contracts.payment import PaymentVoided
from contracts.types import Money
from waybill.commands import reconcile
from waybill.commands.reconcile import look
from waybill.embedded.system import SERVICES
from waybill.reconciliation.findings import Finding, Findings, Invariant
from waybill.reconciliation.sources import Sources

pytestmark = pytest.mark.database

NOW = "now() - interval '1 hour'"


@dataclass
class Books:
    """The four databases, each empty at first."""

    databases: dict[str, Database]

    async def run(self, service: str, statement: str, *values: object) -> None:
        async with self.databases[service].transaction() as transaction:
            await transaction.fetch(statement, *values)

    async def look(self) -> Findings:
        sources = Sources({name: database.url for name, database in self.databases.items()})
        return await look(sources, timedelta(seconds=1), topics=False)


@pytest.fixture
async def books(postgres: PostgresServer) -> AsyncIterator[Books]:
    async with opened(postgres) as books:
        yield books


@asynccontextmanager
async def opened(postgres: PostgresServer) -> AsyncIterator[Books]:
    async with AsyncExitStack() as stack:
        databases = {}
        for name in SERVICES:
            package = importlib.import_module(name)
            databases[name] = await stack.enter_async_context(service_database(postgres, package))
        yield Books(databases)


async def order(books: Books, order_id: UUID, **changes: object) -> None:
    """Write a cancelled order that has come to rest, with its history; `changes` overrule columns."""
    columns: dict[str, object] = {
        "order_id": order_id,
        "user_id": "ada",
        "status": "Cancelled",
        "order_state": "cancelled",
        "payment_state": "voided",
        "fulfilment_state": "cancelled",
        "return_state": "none",
        "total_amount": 1000,
        "currency": "EUR",
        "captured_amount": 0,
        "refunded_amount": 0,
        "units": 0,
        "shipped_units": 0,
        "delivered_units": 0,
        "payment_method": "card",
        "version": 2,
    } | changes
    names, values = list(columns), list(columns.values())
    marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await books.run(
        "order",
        f"""INSERT INTO orders ({", ".join(names)}, order_date, updated_at, released_at, voided_at, shipping_address,
        billing_address, contact) VALUES ({marks}, {NOW}, {NOW}, {NOW}, {NOW}, '{{}}', '{{}}', '{{}}')""",
        *values,
    )
    await books.run("order", "INSERT INTO order_items VALUES ($1, $2, 0, 'MUG', 'Mug', 1, 1000, 1000)", new_id(), order_id)
    for status in ("Pending", "Cancelled"):
        await books.run(
            "order",
            f"INSERT INTO order_status_history VALUES ($1, $2, $3, {NOW}, '', 'customer:ada', NULL)",
            new_id(),
            order_id,
            status,
        )
        await asyncio.sleep(0)


ORDER = UUID(int=1)


async def nothing(_: Books) -> None:
    return None


async def wrong_status(books: Books) -> None:
    await books.run("order", "UPDATE orders SET status = 'Processing'")


async def wrong_total(books: Books) -> None:
    await books.run("order", "UPDATE orders SET total_amount = 999")


async def still_pending(books: Books) -> None:
    await books.run("order", "UPDATE orders SET order_state = 'pending', status = 'Pending', units = 1")


async def history_lost(books: Books) -> None:
    await books.run("order", "DELETE FROM order_status_history WHERE status = 'Pending'")


async def a_version_too_many(books: Books) -> None:
    await books.run("order", "UPDATE orders SET version = version + 1")


async def note(books: Books) -> None:
    await books.run(
        "order",
        f"""INSERT INTO order_status_history (history_id, order_id, status, timestamp, notes, actor, kind)
        VALUES ($1, $2, 'Cancelled', {NOW}, 'called back', 'sam', 'note')""",
        new_id(),
        ORDER,
    )


async def acknowledged_and_gone(books: Books) -> None:
    await books.run(
        "order",
        """INSERT INTO idempotency (principal, key, fingerprint, status, headers, body)
        VALUES ('ada', 'k', '', 201, $1, '')""",
        {"Location": f"/api/orders/{UUID(int=99)}"},
    )


async def unpublished(books: Books) -> None:
    await books.run(
        "inventory",
        f"INSERT INTO outbox_unpublished (topic, key, sequence, id, claimed_until, created_at) "
        f"VALUES ('inventory.events', 'k', 1, $1, now(), {NOW})",
        new_id(),
    )


async def a_hole(books: Books) -> None:
    async with books.databases["payment"].transaction() as transaction:
        for _ in range(3):
            transaction.emit(PaymentVoided(order_id=ORDER, user_id="ada", amount=Money(amount=0, currency="EUR")), cause())
    await books.run("payment", "DELETE FROM outbox WHERE sequence = 2")


async def a_dead_letter(books: Books) -> None:
    await books.run(
        "notification",
        """INSERT INTO dead_letter (id, topic, kafka_partition, kafka_offset, reason, error, headers, created_at)
        VALUES ($1, 'order.events', 0, 0, 'bad-value', 'x', '{}', now())""",
        new_id(),
    )


PLANTED: list[tuple[Callable[[Books], Awaitable[None]], Invariant]] = [
    (wrong_status, Invariant.STATUS),
    (wrong_total, Invariant.ORDER_SUMS),
    (still_pending, Invariant.AT_REST),
    (history_lost, Invariant.HISTORY),
    (a_version_too_many, Invariant.HISTORY),
    (acknowledged_and_gone, Invariant.ORDER_ONCE),
    (unpublished, Invariant.OUTBOX_EMPTY),
    (a_hole, Invariant.SEQUENCE),
    (a_dead_letter, Invariant.DEAD_LETTERS),
]


@pytest.mark.parametrize(
    ("finding", "mark", "looked_at"),
    [
        (Finding(Invariant.STATUS, checked=3), "✓", "3"),
        (Finding(Invariant.STATUS), "·", "nothing there"),
        (Finding(Invariant.STATUS, left_out="say --topics"), "·", "say --topics"),
        (Finding(Invariant.STATUS, checked=3, count=1), "✗", "3"),
        (Finding(Invariant.STATUS, count=1), "✗", "nothing there"),
    ],
)
def test_a_check_that_looked_at_nothing_is_not_ticked(finding: Finding, mark: str, looked_at: str) -> None:
    assert mark in reconcile._mark(finding)  # noqa: SLF001
    assert looked_at in reconcile._looked_at(finding)  # noqa: SLF001


async def test_books_that_agree_are_clean(books: Books) -> None:
    await order(books, ORDER)
    findings = await books.look()
    named = [f"{one.invariant}: {violation.says}" for one in findings.of.values() for violation in one.violations]
    assert named == []
    assert findings.orders == 1


async def test_a_note_may_be_a_version_of_its_order(books: Books) -> None:
    await order(books, ORDER)
    await note(books)
    assert (await books.look()).clean, "what staff write down changes nothing"
    await a_version_too_many(books)
    assert (await books.look()).clean, "unless they have dealt with what the order was held for"
    await a_version_too_many(books)
    assert (await books.look()).of[Invariant.HISTORY].count == 1


@pytest.mark.parametrize(("plant", "invariant"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
async def test_a_planted_fault_is_named(books: Books, plant: Callable[[Books], Awaitable[None]], invariant: Invariant) -> None:
    await order(books, ORDER)
    await plant(books)
    findings = await books.look()
    assert not findings.clean
    assert findings.of[invariant].count >= 1
    assert findings.of[invariant].violations[0].says
