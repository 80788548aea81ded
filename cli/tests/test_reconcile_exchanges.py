"""Reconciliation of exchanges: what came back and pays another order is looked at over both orders, and each fault is named."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from chassis.testing import PostgresServer, SettableClock, service_database
from tests.saga.carrying import PACKAGES, PRICE, Saga
from tests.saga.exchanging import Exchanging
from waybill.reconciliation.books import own_books
from waybill.reconciliation.exchanges import check_exchanges
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.orders import check_orders
from waybill.reconciliation.pictures import Capture, Intent
from waybill.reconciliation.sources import Sources, snapshot

from .test_reconcile_fulfilment import Closed

pytestmark = pytest.mark.database

Intents = Mapping[UUID, Sequence[Intent]]


@dataclass
class Exchanged:
    """A shop that has closed after an exchange of two mugs for one: one mug's money is moved, the other's is given back."""

    closed: Closed
    old: UUID
    new: UUID
    intents: Intents

    async def found(self, service: str, *statements: str, intents: Intents | None = None) -> list[str]:
        """Say what is wrong with exchanges and money, with faults planted in a service's books or in the PSP's."""
        sources = await self.closed.faulty(service, *statements) if statements else Sources(self.closed.urls)
        findings = Findings()
        async with snapshot(sources, timedelta(seconds=-1)) as taken:
            at_psp = self.intents if intents is None else intents
            await check_exchanges(taken, at_psp, findings)
            await check_orders(taken, await own_books(taken, at_psp), findings)
        looked_at = (Invariant.EXCHANGES, Invariant.PSP_LEDGER, Invariant.ORDER_MONEY, Invariant.MONEY_KEPT)
        return [f"{name}: {one.says}" for name in looked_at for one in findings.of[name].violations]


@pytest.fixture(scope="module")
async def exchanged(postgres: PostgresServer) -> Exchanged:
    async with AsyncExitStack() as stack:
        clock = SettableClock()
        databases = {
            name: await stack.enter_async_context(service_database(postgres, package, clock, kept=True))
            for name, package in PACKAGES.items()
        }
        saga = Saga(databases, clock)
        await saga.stock_up()
        shop = Exchanging(saga, saga.settle)
        await shop.buy()
        await shop.exchange(1)
        await shop.take_in()
        await saga.settle()
        await shop.send()
        await saga.settle()
        intents = _intents(saga)
    urls = {name: database.url for name, database in databases.items()}
    return Exchanged(Closed(postgres, urls, {}, []), shop.old, shop.new, intents)


def _intents(saga: Saga) -> Intents:
    """Write the PSP's books down as it shows them."""
    found: dict[UUID, list[Intent]] = {}
    for reference, one in saga.psp.books.items():
        captures = [Capture(one.captured, f"waybill:capture:{one.order_id}:shipment")]
        refunds = [Capture(one.refunded, "refund-once")] if one.refunded else []
        intent = Intent(reference, "EUR", one.authorized, one.open, one.captured, one.refunded, captures, refunds)
        found.setdefault(one.order_id, []).append(intent)
    return found


async def test_an_exchange_that_went_well_is_clean(exchanged: Exchanged) -> None:
    assert await exchanged.found("order") == []


PLANTED: dict[str, tuple[str, str, str]] = {
    "a return that names another order": (
        "order",
        "UPDATE order_return SET exchange = jsonb_set(exchange, '{credit}', '1')",
        "exchanges: is credited 1250, and its return says 1 for {new}",
    ),
    "an order that does not know with what it is exchanged": (
        "order",
        "UPDATE orders SET exchange = NULL WHERE order_id = '{old}'",
        "exchanges: is exchanged for {old}, which does not say so",
    ),
    "an order that left before the goods came": (
        "order",
        """UPDATE order_return SET state = 'approved', exchange = jsonb_set(exchange, '{stage}', '"placed"')""",
        "exchanges: has left, and what it is exchanged for is approved",
    ),
    "an order that lives on without its exchange": (
        "order",
        """UPDATE order_return SET exchange = jsonb_set(exchange, '{stage}', '"ended"')""",
        "exchanges: is confirmed, and what it was to be exchanged for is received",
    ),
    "an order that waits though it is paid": (
        "order",
        "UPDATE orders SET exchange = jsonb_set(exchange, '{for,waits}', 'true') WHERE order_id = '{new}'",
        "exchanges: is paid by what came back, and waits still",
    ),
    "a credit that was granted for nothing": (
        "order",
        "UPDATE order_refund SET exchange_order_id = NULL",
        "exchanges: 0 was moved to it, and payment has granted 1250",
    ),
    "a credit that is neither used nor paid out": (
        "payment",
        "UPDATE own_hold SET captured = captured - 50, released = released + 50 WHERE method = 'exchange'",
        "exchanges: of 1250 granted it has 1200, 0 is held for it, 0 was paid out and 0 refused",
    ),
    "a credit that was paid out and used": (
        "payment",
        "UPDATE exchange_source SET paid = amount",
        "psp-ledger: authorised, open, captured, refunded: 2500/0/2500/2500 in payments, 2500/0/2500/1250 at the PSP",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
async def test_a_planted_fault_is_named(exchanged: Exchanged, fault: str) -> None:
    service, statement, says = PLANTED[fault]
    names = {"{old}": str(exchanged.old), "{new}": str(exchanged.new)}
    for name, value in names.items():
        statement, says = statement.replace(name, value), says.replace(name, value)
    assert says in await exchanged.found(service, statement)


async def test_what_the_psp_refuses_to_pay_out_is_owed(exchanged: Exchanged) -> None:
    found = await exchanged.found(
        "payment",
        "UPDATE own_hold SET captured = captured - 50, released = released + 50 WHERE method = 'exchange'",
        "UPDATE exchange_source SET refused = 50",
    )
    assert [one for one in found if "granted" in one] == []
    says = f"exchanges: with {exchanged.new}, its customer has kept 1250 and is to get 50 more for it; 1250 was kept of them"
    assert says in found, "in the order's books it has all of its credit still"


async def test_what_was_paid_out_and_came_back_is_at_the_psp_again(exchanged: Exchanged) -> None:
    found = await exchanged.found(
        "payment",
        "UPDATE exchange_source SET paid = amount",
        f"""INSERT INTO ledger_entry (order_id, entry, reference, debit, credit, amount, currency, at, payment_id)
        SELECT order_id, 'exchange_paid_undone', gen_random_uuid(), 'psp_receivable', 'exchange_credits', {PRICE}, 'EUR', now(),
        payment_id FROM exchange_source""",
    )
    assert [one for one in found if one.startswith("psp-ledger")] == []
    assert (
        f"exchanges: with {exchanged.new}, its customer has kept 1250 and is to get 1250 more for it; 1250 was kept of them"
        in (found)
    )


async def test_a_step_that_nobody_takes_is_named(exchanged: Exchanged) -> None:
    step = f"""INSERT INTO exchange_step (step_id, order_id, return_id, step, actor, due_at)
    VALUES (gen_random_uuid(), '{exchanged.new}', gen_random_uuid(), 'release', 'test', '2020-01-01T00:00Z')"""
    (said,) = await exchanged.found("order", step)
    assert said.startswith("exchanges: is to be told to release since 2020-01-01")


async def test_money_that_went_back_twice_is_named_though_each_order_agrees_with_itself(exchanged: Exchanged) -> None:
    (paid,) = exchanged.intents[exchanged.old]
    assert (paid.captured, paid.refunded) == (2 * PRICE, PRICE)
    twice = Intent(paid.reference, "EUR", paid.authorised, 0, 2 * PRICE, 2 * PRICE, paid.captures, paid.refunds)
    found = await exchanged.found("order", intents={exchanged.old: [twice]})
    assert (
        f"exchanges: with {exchanged.new}, its customer has kept 1250 and is to get 0 more for it; 0 was kept of them" in found
    )
