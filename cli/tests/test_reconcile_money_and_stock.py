"""Reconciliation over money, stock, messages and topics: a paid and shipped order is clean, each planted fault is named."""

import importlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import KafkaServer, PostgresServer, service_database
from contracts.event import Envelope
from waybill.commands.reconcile import look
from waybill.embedded.system import SERVICES
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.sources import Sources, snapshot
from waybill.reconciliation.topics import check_lag, check_topics

from .answering import Answering, answering

pytestmark = pytest.mark.database

ORDER, SHIPMENT, PAYMENT, EVENT, DELIVERY = (UUID(int=number) for number in range(1, 6))
ADDITION, ADDED, LESS, DECLINED, WITHDRAWN = (UUID(int=number) for number in range(11, 16))
OF_DECLINED, OF_WITHDRAWN = (UUID(int=number) for number in range(16, 18))
EARLIER = datetime.now(UTC) - timedelta(hours=1)
LINES = [{"product_id": "MUG", "quantity": 1}]


@dataclass
class World:
    """Four databases, the PSP's ledger and the two mailboxes; each statement goes to the database it names."""

    databases: dict[str, Database]
    gateway: Answering
    psp: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)

    async def run(self, service: str, statement: str, *values: object) -> None:
        async with self.databases[service].transaction() as transaction:
            await transaction.fetch(statement, *values)

    @property
    def urls(self) -> dict[str, str]:
        return {name: database.url for name, database in self.databases.items()}

    async def look(self) -> Findings:
        self.gateway.answers["GET /psp"] = {"items": self.psp, "next_cursor": None}
        since = (EARLIER - timedelta(days=1)).isoformat()
        self.gateway.answers["GET /mail"] = {"since": since, "items": self.mails, "next_cursor": None}
        sinks = {"email": f"{self.gateway.url}/mail"}
        sources = Sources(self.urls, psp_ledger=f"{self.gateway.url}/psp", sinks=sinks)
        return await look(sources, timedelta(seconds=1), topics=False)


@pytest.fixture
async def world(postgres: PostgresServer) -> AsyncIterator[World]:
    """Write an order of one mug for 10.00 EUR: shipped, paid, and its customer told; all of it an hour ago."""
    async with AsyncExitStack() as stack:
        databases = {}
        for name in SERVICES:
            package = importlib.import_module(name)
            databases[name] = await stack.enter_async_context(service_database(postgres, package))
        world = World(databases, stack.enter_context(answering()))
        await ship(world)
        await pay(world)
        await take_from_stock(world)
        await tell(world)
        yield world


async def ship(world: World) -> None:
    await world.run(
        "order",
        """INSERT INTO orders (order_id, user_id, order_date, status, order_state, payment_state, fulfilment_state,
        return_state, total_amount, currency, captured_amount, refunded_amount, units, shipped_units, delivered_units,
        shipping_address, billing_address, contact, payment_method, version, updated_at)
        VALUES ($1, 'ada', $2, 'Shipped', 'confirmed', 'captured', 'shipped', 'none', 1000, 'EUR', 1000, 0, 1, 1, 0,
        '{}', '{}', '{}', 'card', 3, $2)""",
        ORDER,
        EARLIER,
    )
    await world.run("order", "INSERT INTO order_items VALUES ($1, $2, 0, 'MUG', 'Mug', 1, 1000, 1000)", new_id(), ORDER)
    for status in ("Pending", "Processing", "Shipped"):
        values = (new_id(), ORDER, status, EARLIER)
        await world.run("order", "INSERT INTO order_status_history VALUES ($1, $2, $3, $4, '', 'test', NULL)", *values)
    await world.run(
        "order",
        """INSERT INTO shipments (shipment_id, order_id, warehouse_id, state, lines, amount, dispatched_at)
        VALUES ($1, $2, 'berlin', 'dispatched', $3, 1000, $4)""",
        SHIPMENT,
        ORDER,
        LINES,
        EARLIER,
    )
    await fact(world, "order", "order.events", str(ORDER), 1, EVENT, "order.placed.v1")
    await invoice(world, ORDER, 1, str(SHIPMENT), 1000)


async def invoice(world: World, order_id: UUID, position: int, subject: str, total: int) -> None:
    """Issue an invoice, the first of its series as far as the chain goes."""
    await world.run(
        "order",
        "INSERT INTO document_series VALUES ($1, 'invoice', 1, repeat('1', 64), $2)",
        f"INV-{position}-",
        EARLIER,
    )
    await world.run(
        "order",
        """INSERT INTO document (document_id, kind, order_id, user_id, subject, series, position, number, issued_at, issued_on,
        supplied_on, currency, locale, total_amount, tax_amount, content, previous_hash, hash)
        VALUES ($1, 'invoice', $2, 'ada', $3, $4, 1, $5, $6, $6::timestamptz, $6::timestamptz, 'EUR', 'en', $7, 0, '{}',
        repeat('0', 64), repeat('1', 64))""",
        new_id(),
        order_id,
        subject,
        f"INV-{position}-",
        f"INV-{position}-1",
        EARLIER,
        total,
    )


async def fact(world: World, service: str, topic: str, key: str, sequence: int, event_id: UUID, kind: str) -> None:
    await world.run(
        service,
        """INSERT INTO outbox (id, aggregatetype, aggregateid, sequence, type, payload, occurred_at, correlation_id)
        VALUES ($1, $2, $3, $4, $5, '{}', $6, $3)""",
        event_id,
        topic,
        key,
        sequence,
        kind,
        EARLIER,
    )
    await world.run(
        service,
        """INSERT INTO outbox_sequence VALUES ($1, $2, $3)
        ON CONFLICT (topic, key) DO UPDATE SET last = excluded.last""",
        topic,
        key,
        sequence,
    )


async def pay(world: World) -> None:
    await world.run(
        "payment",
        """INSERT INTO payment (order_id, payment_id, user_id, amount, currency, status, authorized_amount, captured_amount,
        released_amount, refunded_amount, psp_reference, attempts, actor, created_at, updated_at)
        VALUES ($1, $2, 'ada', 1000, 'EUR', 'captured', 1000, 1000, 0, 0, 'pi_1', 1, 'test', $3, $3)""",
        ORDER,
        PAYMENT,
        EARLIER,
    )
    await world.run(
        "payment",
        """INSERT INTO capture (order_id, shipment_id, capture_id, amount, currency, status, attempts, sent_at, actor,
        created_at) VALUES ($1, $2, $3, 1000, 'EUR', 'captured', 1, $4, 'test', $4)""",
        ORDER,
        SHIPMENT,
        new_id(),
        EARLIER,
    )
    await post(world, "hold", PAYMENT, "authorized", "authorized_contra", 1000)
    await post(world, "capture_release", SHIPMENT, "authorized_contra", "authorized", 1000)
    await post(world, "capture", SHIPMENT, "psp_receivable", "customer_receivable", 1000)
    world.psp.append(
        {
            "payment_intent": "pi_1",
            "order_id": str(ORDER),
            "currency": "EUR",
            "authorised": 1000,
            "open": 0,
            "captured": 1000,
            "refunded": 0,
            "captures": [{"id": "c1", "amount": 1000, "idempotency_key": f"waybill:capture:{ORDER}:{SHIPMENT}"}],
        }
    )


async def post(
    world: World, entry: str, reference: UUID, debit: str, credit: str, amount: int, further: UUID | None = None
) -> None:
    table = "ledger_entry" if further is None else "further_ledger_entry"
    await world.run(
        "payment",
        f"INSERT INTO {table} VALUES ($1, $2, $3, $4, $5, $6, 'EUR', $7, $8)",
        ORDER,
        entry,
        reference,
        debit,
        credit,
        amount,
        EARLIER,
        further,
    )


async def take_from_stock(world: World) -> None:
    run = world.run
    await run("inventory", "INSERT INTO product VALUES ('MUG', 'Mug', '', 1000, 'EUR', true, 1, $1, $1)", EARLIER)
    await run("inventory", "INSERT INTO warehouse VALUES ('berlin', 'Berlin', 'DE', NULL, $1)", EARLIER)
    await run("inventory", "INSERT INTO stock VALUES ('MUG', 'berlin', 9, 0)")
    for kind, on_hand, reserved in (("received", 10, 0), ("reserved", 0, 1), ("shipped", -1, -1)):
        await move(world, kind, on_hand, reserved)
    lines = [{"product_id": "MUG", "warehouse_id": "berlin", "quantity": 1, "shipped": 1}]
    statement = "INSERT INTO reservation VALUES ($1, 'ada', 'shipped', $2, $3, 2, $4, $4)"
    await run("inventory", statement, ORDER, lines, [str(SHIPMENT)], EARLIER)


async def move(world: World, kind: str, on_hand: int, reserved: int) -> None:
    received = kind == "received"
    await world.run(
        "inventory",
        """INSERT INTO stock_movement (movement_id, sku, warehouse_id, kind, on_hand_delta, reserved_delta, reason, order_id,
        shipment_id, actor, at) VALUES ($1, 'MUG', 'berlin', $2, $3, $4, $5, $6, $7, 'test', $8)""",
        new_id(),
        kind,
        on_hand,
        reserved,
        "opening stock" if received else None,
        None if received else ORDER,
        SHIPMENT if kind == "shipped" else None,
        EARLIER,
    )


async def tell(world: World) -> None:
    statement = (
        "INSERT INTO contact (order_id, state, email, locale, name) VALUES ($1, 'known', 'ada@example.com', 'en', 'Ada')"
    )
    await world.run("notification", statement, ORDER)
    await world.run(
        "notification",
        """INSERT INTO delivery (delivery_id, order_id, template, event_id, channel, status, facts, created_at, attempts,
        sent_at) VALUES ($1, $2, 'received', $3, 'email', 'sent', '{}', $4, 1, $4)""",
        DELIVERY,
        ORDER,
        EVENT,
        EARLIER,
    )
    world.mails.append(mail(DELIVERY))


def mail(delivery: UUID) -> dict[str, Any]:
    message_id = f"<{delivery}@waybill.example>"
    return {"message_id": message_id, "count": 1, "order_id": str(ORDER), "received_at": EARLIER.isoformat()}


def named(findings: Findings) -> list[str]:
    return [f"{one.invariant} {each.subject}: {each.says}" for one in findings.of.values() for each in one.violations]


async def test_an_order_shipped_paid_and_told_is_clean(world: World) -> None:
    findings = await world.look()
    assert named(findings) == []
    looked_at = {invariant for invariant, finding in findings.of.items() if finding.checked}
    left_out = {Invariant.CONSUMER_LAG, Invariant.TOPICS, Invariant.CARRIER_LEDGER}
    absent = {Invariant.DEAD_LETTERS, Invariant.EXCHANGES, Invariant.REVIEWS}
    assert looked_at == set(Invariant) - left_out - absent
    assert findings.document()["clean"] is True


def psp(**changes: Any) -> Callable[[World], None]:
    return lambda world: world.psp[0].update(changes)


def captured_twice(world: World) -> None:
    world.psp[0]["captures"] *= 2


def given_back(world: World, times: int = 1) -> None:
    key = f"refund-{UUID(int=7)}-{UUID(int=8)}"
    refunds = [
        {"id": f"r{number}", "amount": 200, "idempotency_key": f"{key}-{number}" if number else key} for number in range(times)
    ]
    world.psp[0].update(refunded=200 * times, refunds=refunds)


def given_back_twice(world: World) -> None:
    given_back(world, 2)


def held_for_nobody(world: World) -> None:
    stray = {"payment_intent": "pi_2", "order_id": str(UUID(int=9)), "open": 50, "captured": 0, "captures": []}
    world.psp.append({**world.psp[0], **stray})


def held_for_no_order(world: World) -> None:
    world.psp.append({**world.psp[0], "payment_intent": "pi_3", "order_id": None})


def strange_mail(world: World) -> None:
    world.mails.append(mail(UUID(int=9)))


def mail_of_others(world: World) -> None:
    world.mails.append({**mail(DELIVERY), "message_id": "<hello@elsewhere.example>"})


def lost_mail(world: World) -> None:
    world.mails.clear()


def mail_that_came_twice(world: World) -> None:
    world.mails[0]["count"] = 2


OUTSIDE: list[tuple[Callable[[World], None], Invariant, str]] = [
    (psp(captured=900), Invariant.PSP_LEDGER, "1000/0/1000/0 in payments, 1000/0/900/0 at the PSP"),
    (psp(payment_intent="pi_other"), Invariant.PSP_LEDGER, "is paid by pi_1, which the PSP does not know"),
    (psp(currency="USD"), Invariant.PSP_LEDGER, "is paid in EUR, at the PSP in USD"),
    (psp(refunded=100), Invariant.MONEY_KEPT, "shipped 1000, and the PSP has taken only 900"),
    (psp(captured=2000), Invariant.MONEY_KEPT, "shipped 1000, and the PSP has taken 2000"),
    (given_back, Invariant.PSP_LEDGER, "0 of its payment was given back on request, and at the PSP 200"),
    (given_back_twice, Invariant.PSP_LEDGER, "the PSP gave back 2 times for refund-"),
    (held_for_nobody, Invariant.OPEN_AUTHORISATION, "is no order, and the PSP holds 50 for it"),
    (held_for_no_order, Invariant.PSP_LEDGER, "is for no order"),
    (captured_twice, Invariant.CAPTURE_ONCE, f"captured 2 times for shipment {SHIPMENT}"),
    (strange_mail, Invariant.MESSAGE_ONCE, "was sent by email and is no delivery's"),
    (mail_of_others, Invariant.MESSAGE_ONCE, "was sent by email and is no delivery's"),
    (lost_mail, Invariant.MESSAGE_ONCE, "and never came to the provider"),
    (mail_that_came_twice, Invariant.MESSAGE_ONCE, "came 2 times by email, and was handed over 1 times"),
]


@pytest.mark.parametrize(
    ("plant", "invariant", "says"), OUTSIDE, ids=[f"{invariant}-{number}" for number, (_, invariant, _) in enumerate(OUTSIDE)]
)
async def test_a_fault_in_the_books_of_others_is_named(
    world: World, plant: Callable[[World], None], invariant: Invariant, says: str
) -> None:
    plant(world)
    found = (await world.look()).of[invariant]
    assert [each.says for each in found.violations if says in each.says] != [], found


INSIDE: list[tuple[str, str, Invariant, str]] = [
    ("order", "UPDATE orders SET captured_amount = 900", Invariant.ORDER_MONEY, "says captured 900, and its payment says 1000"),
    (
        "order",
        "UPDATE orders SET order_state = 'cancelled'",
        Invariant.ORDER_MONEY,
        "is cancelled, and its payment is captured",
    ),
    (
        "payment",
        (
            "INSERT INTO ledger_entry SELECT order_id, 'refund', reference, credit, debit, 10, currency, at FROM ledger_entry"
            " WHERE entry = 'capture'"
        ),
        Invariant.DOUBLE_ENTRY,
        "refunded 10",
    ),
    (
        "payment",
        (
            "INSERT INTO ledger_entry SELECT order_id, 'hold', order_id, credit, debit, 10, currency, at FROM ledger_entry"
            " WHERE entry = 'hold'"
        ),
        Invariant.DOUBLE_ENTRY,
        "hold debits authorized_contra and credits authorized",
    ),
    ("payment", "DELETE FROM payment", Invariant.ORDER_MONEY, "is Shipped and has no payment"),
    ("order", "DELETE FROM shipments", Invariant.CAPTURE_ONCE, "which is no dispatched shipment of it"),
    ("order", "UPDATE shipments SET amount = 999", Invariant.CAPTURE_ONCE, "whose amount is 999"),
    ("inventory", "UPDATE stock SET on_hand = 8", Invariant.STOCK_LEDGER, "8 on hand, 0 reserved; movements say 9 and 0"),
    ("inventory", "UPDATE stock SET reserved = 1", Invariant.STOCK_RESERVED, "1 reserved, and live reservations hold 0"),
    ("inventory", "UPDATE reservation SET status = 'held'", Invariant.RESERVATION, "its reservation is held"),
    ("inventory", "UPDATE reservation SET shipments = '[]'", Invariant.RESERVATION, "stock was taken for 0"),
    ("inventory", "DELETE FROM reservation", Invariant.RESERVATION, "stock moved for it, and it has no reservation"),
    ("notification", "DELETE FROM delivery", Invariant.CUSTOMER_TOLD, "is not told by email of order.placed.v1"),
    ("notification", "UPDATE delivery SET event_id = order_id", Invariant.CUSTOMER_TOLD, "which was never told as a fact"),
    (
        "notification",
        "UPDATE delivery SET status = 'queued', due_at = created_at, sent_at = NULL",
        Invariant.AT_REST,
        "its message received by email is queued",
    ),
]


@pytest.mark.parametrize(
    ("service", "statement", "invariant", "says"),
    INSIDE,
    ids=[f"{each[2]}-{number}" for number, each in enumerate(INSIDE)],
)
async def test_a_fault_in_a_database_is_named(
    world: World, service: str, statement: str, invariant: Invariant, says: str
) -> None:
    await world.run(service, statement)
    found = (await world.look()).of[invariant]
    assert [each.says for each in found.violations if says in each.says] != [], found


async def test_negative_stock_is_named_even_where_the_database_lets_it_pass(world: World) -> None:
    await world.run("inventory", "ALTER TABLE stock DROP CONSTRAINT stock_never_negative")
    await world.run("inventory", "UPDATE stock SET on_hand = -1")
    found = (await world.look()).of[Invariant.STOCK_NEGATIVE]
    assert [(each.subject, each.says) for each in found.violations] == [("MUG in berlin", "inventory: -1 on hand, 0 reserved")]


@pytest.fixture
async def changed(world: World) -> World:
    """Have the order changed: 5.00 more were added and 2.00 taken out; one more addition was declined, and one withdrawn."""
    for change_id, kind, state, previous, new in (
        (ADDED, "addition", "applied", 1000, 1500),
        (LESS, "reduction", "applied", 1500, 1300),
        (DECLINED, "addition", "withdrawn", 1300, 1400),
        (WITHDRAWN, "addition", "withdrawn", 1300, 1700),
    ):
        amended = {"withdrawn": "released", "applied": "kept" if kind == "addition" else "done"}[state]
        values = (ORDER, change_id, kind, amended, EARLIER)
        await world.run("inventory", "INSERT INTO amendment VALUES ($1, $2, $3, $4, 1, $5, $5)", *values)
        await world.run(
            "order",
            """INSERT INTO order_change (change_id, order_id, kind, state, items, previous_total, new_total, reason, actor,
            stock_at, money_at, created_at) VALUES ($1, $2, $3, $4, '[]', $5, $6, 'customer', 'ada', $7, $7, $7)""",
            change_id,
            ORDER,
            kind,
            state,
            previous,
            new,
            EARLIER,
        )
    await world.run("order", "UPDATE orders SET total_amount = 1300, captured_amount = 1300")
    await world.run("order", "UPDATE order_items SET price = 1300, subtotal = 1300, total_amount = 1300")
    await world.run("order", "UPDATE shipments SET amount = 1300")
    await invoice(world, ORDER, 2, str(ADDED), 300)
    await add(world, ADDITION, ADDED, "captured", 500, authorized=500, captured=300, released=200)
    await add(world, OF_DECLINED, DECLINED, "declined", 100)
    await add(world, OF_WITHDRAWN, WITHDRAWN, "voided", 400, authorized=400, released=400)
    await world.run("payment", "UPDATE capture SET amount = 1300")
    for place, (payment_id, amount) in enumerate(((PAYMENT, 1000), (ADDITION, 300))):
        await world.run(
            "payment",
            "INSERT INTO draw VALUES ($1, $2, $3, $4, $5, true, 'captured', NULL, $6)",
            ORDER,
            SHIPMENT,
            payment_id,
            place,
            amount,
            EARLIER,
        )
    await world.run("payment", "INSERT INTO reduction VALUES ($1, $2, 200, 1300, 'EUR', $3)", ORDER, LESS, EARLIER)
    await post(world, "hold", ADDITION, "authorized", "authorized_contra", 500, ADDITION)
    await post(world, "release", LESS, "authorized_contra", "authorized", 200, ADDITION)
    await post(world, "capture_release", SHIPMENT, "authorized_contra", "authorized", 300, ADDITION)
    await post(world, "capture", SHIPMENT, "psp_receivable", "customer_receivable", 300, ADDITION)
    await post(world, "hold", OF_WITHDRAWN, "authorized", "authorized_contra", 400, OF_WITHDRAWN)
    await post(world, "release", OF_WITHDRAWN, "authorized_contra", "authorized", 400, OF_WITHDRAWN)
    captures = [{"id": "c2", "amount": 300, "idempotency_key": f"waybill:capture:{ORDER}:{ADDED}:{SHIPMENT}"}]
    book(world, "pi_2", authorised=500, captured=300, captures=captures)
    book(world, "pi_3")
    book(world, f"pi_{OF_WITHDRAWN}", authorised=400)
    return world


async def add(
    world: World,
    payment_id: UUID,
    change_id: UUID,
    status: str,
    amount: int,
    *,
    authorized: int = 0,
    captured: int = 0,
    released: int = 0,
) -> None:
    reference = ("pi_2" if payment_id == ADDITION else f"pi_{payment_id}") if authorized else None
    await world.run(
        "payment",
        """INSERT INTO further_payment (order_id, payment_id, change_id, user_id, amount, currency, status, authorized_amount,
        captured_amount, released_amount, refunded_amount, psp_reference, attempts, actor, withdrawn_at, created_at, updated_at)
        VALUES ($1, $2, $3, 'ada', $4, 'EUR', $5, $6, $7, $8, 0, $9, 1, 'test', $10, $11, $11)""",
        ORDER,
        payment_id,
        change_id,
        amount,
        status,
        authorized,
        captured,
        released,
        reference,
        EARLIER if status != "captured" else None,
        EARLIER,
    )


def book(world: World, reference: str, **books: Any) -> None:
    none = {"authorised": 0, "open": 0, "captured": 0, "refunded": 0, "captures": []}
    world.psp.append({"payment_intent": reference, "order_id": str(ORDER), "currency": "EUR", **none, **books})


async def test_an_order_with_an_addition_and_a_reduction_is_clean(changed: World) -> None:
    assert named(await changed.look()) == []


async def test_a_hold_that_was_renewed_is_held_once(world: World) -> None:
    await world.run(
        "payment",
        """UPDATE payment SET status = 'voided', captured_amount = 0, released_amount = 1000, replaced_at = $1""",
        EARLIER,
    )
    await world.run(
        "payment",
        """INSERT INTO further_payment (order_id, payment_id, change_id, renews, user_id, amount, currency, status,
        authorized_amount, captured_amount, released_amount, refunded_amount, psp_reference, attempts, actor, created_at,
        updated_at)
        VALUES ($1, $2, $3, $4, 'ada', 1000, 'EUR', 'captured', 1000, 1000, 0, 0, 'pi_2', 1, 'test', $5, $5)""",
        *(ORDER, ADDITION, ADDED, PAYMENT, EARLIER),
    )
    world.psp[0] |= {"payment_intent": "pi_2"}
    book(world, "pi_1", authorised=1000)
    checked = (Invariant.PSP_LEDGER, Invariant.ORDER_MONEY, Invariant.OPEN_AUTHORISATION, Invariant.CHANGES)
    found = await world.look()
    assert [each.says for one in checked for each in found.of[one].violations] == []
    world.psp[1]["open"] = 1000
    await world.run("payment", "UPDATE ONLY payment SET status = 'authorized', released_amount = 0")
    told = (await world.look()).of[Invariant.OPEN_AUTHORISATION].violations
    assert [each.says for each in told] == ["its payment is held anew, and the PSP holds 1000 of it"]


def at(place: int, **changes: Any) -> Callable[[World], None]:
    return lambda world: world.psp[place].update(changes)


def swapped(world: World) -> None:
    """Have each payment's money stand under the other's name: only the sums are right."""
    main, addition = world.psp[0], world.psp[1]
    main["payment_intent"], addition["payment_intent"] = addition["payment_intent"], main["payment_intent"]


def captured_twice_of_an_addition(world: World) -> None:
    world.psp[1]["captures"] = [{**world.psp[1]["captures"][0], "amount": amount} for amount in (100, 200)]


def captured_too_much(world: World) -> None:
    world.psp[1]["captures"][0]["amount"] = 301


def captured_too_little(world: World) -> None:
    world.psp[1]["captures"].clear()


def authorised_again(world: World) -> None:
    book(world, "pi_9", authorised=500, open=500)


OUTSIDE_OF_CHANGES: list[tuple[Callable[[World], None], Invariant, str]] = [
    (at(1, captured=200), Invariant.PSP_LEDGER, "1900/0/1300/0 in payments, 1900/0/1200/0 at the PSP"),
    (swapped, Invariant.PSP_LEDGER, f"its payment for change {ADDED} is 500/0/300/0, and at the PSP 1000/0/1000/0 (pi_2)"),
    (at(1, currency="USD"), Invariant.PSP_LEDGER, "is paid in EUR, at the PSP in USD"),
    (at(1, payment_intent="pi_x"), Invariant.PSP_LEDGER, "the PSP authorised 500 by pi_x, which is none of its payments"),
    (authorised_again, Invariant.PSP_LEDGER, "the PSP authorised 500 by pi_9, which is none of its payments"),
    (at(2, authorised=100, open=100), Invariant.PSP_LEDGER, "the PSP authorised 100 by pi_3"),  # of the declined addition
    (at(3, open=400), Invariant.OPEN_AUTHORISATION, f"for change {WITHDRAWN} is withdrawn, and the PSP holds 400 of it"),
    (captured_twice_of_an_addition, Invariant.CAPTURE_ONCE, f"captured 2 times for shipment {SHIPMENT} of pi_2"),
    (captured_too_much, Invariant.CAPTURE_ONCE, f"captured 1301 for shipment {SHIPMENT}, whose amount is 1300"),
    (captured_too_little, Invariant.CAPTURE_ONCE, f"captured 1000 for shipment {SHIPMENT}, whose amount is 1300"),
    (at(1, refunded=100), Invariant.MONEY_KEPT, "shipped 1300, and the PSP has taken only 1200"),
]


async def test_each_fault_in_the_psps_books_of_a_changed_order_is_named(changed: World) -> None:
    books, unseen = deepcopy(changed.psp), []
    for plant, invariant, says in OUTSIDE_OF_CHANGES:
        plant(changed)
        found = (await changed.look()).of[invariant]
        if not any(says in each.says for each in found.violations):
            unseen.append((says, found))
        changed.psp = deepcopy(books)
    assert unseen == []
    assert named(await changed.look()) == []


THE_ADDITION = f"WHERE payment_id = '{ADDITION}'"
INSIDE_OF_CHANGES: list[tuple[str, str, Invariant, str]] = [
    (
        "payment",
        f"UPDATE further_payment SET amount = 600, authorized_amount = 600, released_amount = 300 {THE_ADDITION}",
        Invariant.ORDER_MONEY,
        "costs 1300 EUR, and its payment is of 1400 EUR",
    ),
    (
        "payment",
        (
            "UPDATE further_payment SET status = 'declined', authorized_amount = 0, captured_amount = 0, released_amount = 0"
            f" {THE_ADDITION}"
        ),
        Invariant.ORDER_MONEY,
        "is Shipped, and its payment is captured with 800 authorised",
    ),
    (
        "payment",
        "UPDATE further_payment SET status = 'authorized', released_amount = 0 WHERE released_amount = 400",
        Invariant.ORDER_MONEY,
        f"its payment for change {WITHDRAWN} is withdrawn, and 400 is held of it",
    ),
    (
        "payment",
        f"UPDATE further_payment SET captured_amount = 200, released_amount = 300 {THE_ADDITION}",
        Invariant.ORDER_MONEY,
        "says captured 1300, and its payment says 1200",
    ),
    (
        "payment",
        f"UPDATE further_payment SET released_amount = 0, status = 'authorized' {THE_ADDITION}",
        Invariant.DOUBLE_ENTRY,
        "let go 200, refunded 0; payment: 500, 300, 0, 0",
    ),
    (
        "order",
        "UPDATE order_change SET state = 'withdrawn' WHERE new_total = 1500",
        Invariant.ORDER_MONEY,
        "costs 1300 EUR, and its payment is of 800 EUR",
    ),
    (
        "order",
        "UPDATE orders SET order_state = 'cancelled'",
        Invariant.ORDER_MONEY,
        f"is cancelled, and its payment for change {ADDED} is captured",
    ),
]


@pytest.mark.parametrize(
    ("service", "statement", "invariant", "says"),
    INSIDE_OF_CHANGES,
    ids=[f"{each[2]}-{number}" for number, each in enumerate(INSIDE_OF_CHANGES)],
)
async def test_a_fault_in_the_rows_of_a_changed_order_is_named(
    changed: World, service: str, statement: str, invariant: Invariant, says: str
) -> None:
    await changed.run(service, statement)
    found = (await changed.look()).of[invariant]
    assert [each.says for each in found.violations if says in each.says] != [], found


async def without_invoice(world: World) -> None:
    """Take the invoice away: nobody can, so it is written down for another order."""
    await world.run("order", "ALTER TABLE document DISABLE TRIGGER document_is_final")
    await world.run("order", "UPDATE document SET order_id = $1", UUID(int=99))


async def documents(world: World) -> list[tuple[str, str]]:
    found = (await world.look()).of[Invariant.DOCUMENTS].violations
    return [(each.subject, each.says.removeprefix("order: ")) for each in found]


async def test_money_that_was_taken_has_its_invoice(world: World) -> None:
    assert await documents(world) == []
    await without_invoice(world)
    assert await documents(world) == [(str(ORDER), "captured 1000, refunded 0, and its documents come to 0")]
    await world.run("order", "UPDATE orders SET refunded_amount = captured_amount")
    assert await documents(world) == [], "no money stays"


async def test_where_invoices_are_issued_at_confirmation_each_confirmed_order_has_one(world: World) -> None:
    await without_invoice(world)
    await world.run("order", "UPDATE orders SET captured_amount = 0")
    assert await documents(world) == [], "at capture there is nothing to be invoiced yet"
    await invoice(world, UUID(int=98), 2, "order", 500)
    assert await documents(world) == [(str(ORDER), "was confirmed at a time of invoices at confirmation, and has none")]
    await world.run("order", "UPDATE order_status_history SET timestamp = timestamp - interval '1 hour'")
    assert await documents(world) == [], "at that time the shop issued at capture"


async def test_what_a_standing_hold_need_not_pay_goes_with_its_last_capture(world: World) -> None:
    await world.run("payment", "UPDATE payment SET status = 'authorized', captured_amount = 0, released_amount = 200")
    world.psp[0].update(captured=0, open=1000, captures=[])
    found = (await world.look()).of[Invariant.PSP_LEDGER]
    assert [each.says for each in found.violations] == []
    world.psp[0].update(open=800)
    found = (await world.look()).of[Invariant.PSP_LEDGER]
    assert [each.says for each in found.violations] != []


@pytest.fixture
async def producer(kafka: KafkaServer) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    await producer.start()
    yield producer
    await producer.stop()


async def publish(producer: AIOKafkaProducer, event_id: UUID, key: str, sequence: int, at: datetime = EARLIER) -> None:
    envelope = Envelope(event_id, "order.confirmed.v1", "order", EARLIER, key, sequence, key)
    moment = int(at.timestamp() * 1000)
    await producer.send_and_wait("order.events", b"{}", key.encode(), headers=envelope.headers(), timestamp_ms=moment)


@pytest.mark.kafka
async def test_topics_are_compared_with_what_was_committed(
    world: World, kafka: KafkaServer, producer: AIOKafkaProducer
) -> None:
    well, missing, turned, stray, new = (str(new_id()) for _ in range(5))
    ids: dict[tuple[str, int], UUID] = defaultdict(new_id)
    for key, committed in ((well, 2), (missing, 2), (turned, 3)):
        for sequence in range(1, committed + 1):
            await fact(world, "order", "order.events", key, sequence, ids[key, sequence], "order.confirmed.v1")
    for key, sequence in ((well, 1), (well, 2), (well, 1), (missing, 1), (turned, 2), (turned, 1), (turned, 3), (stray, 1)):
        await publish(producer, ids[key, sequence], key, sequence)
    await producer.send_and_wait("order.events", b"noise", b"key", headers=[("ce_sequence", b"many")])
    await publish(producer, new_id(), new, 1, datetime.now(UTC) + timedelta(minutes=1))  # told after the snapshot was taken

    findings = Findings()
    async with snapshot(Sources(world.urls), timedelta(seconds=1)) as taken:
        await check_topics(kafka.bootstrap_servers, taken, findings)

    assert findings.unreadable >= 1
    # Other tests publish on the same broker: only our keys count here.
    ours = {f"order.events {key}" for key in (well, missing, turned, stray, new)}
    found = {each.subject.split()[1]: each.says for each in findings.of[Invariant.TOPICS].violations if each.subject in ours}
    assert found == {
        missing: "facts [2] are missing",
        turned: "lies there in the order [2, 1, 3]",
        stray: "facts [1] were never committed",
    }


@pytest.mark.kafka
async def test_a_service_that_has_not_heard_all_is_named(kafka: KafkaServer, producer: AIOKafkaProducer) -> None:
    group = f"group-{new_id()}"
    record = await producer.send_and_wait("order.events", b"{}", b"key")
    partition = TopicPartition("order.events", record.partition)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=group)
    consumer.assign([partition])
    await consumer.start()
    try:
        await consumer.commit({partition: record.offset})
        behind = Findings()
        await check_lag(kafka.bootstrap_servers, {group: None}, behind)
        end = (await consumer.end_offsets([partition]))[partition]
        await consumer.commit({partition: end})
        level = Findings()
        await check_lag(kafka.bootstrap_servers, {group: None}, level)
    finally:
        await consumer.stop()
    violations = [(each.subject, each.says) for each in behind.of[Invariant.CONSUMER_LAG].violations]
    assert violations == [(group, f"has {end - record.offset} records of order.events-{partition.partition} to hear")]
    assert level.of[Invariant.CONSUMER_LAG].count == 0
    assert level.of[Invariant.CONSUMER_LAG].checked >= 1
