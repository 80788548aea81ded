"""What the database itself promises: a batch costs what one message costs, the ledger is append-only, money has limits."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import pytest

import payment
from chassis.database import TRANSIENT, Database
from chassis.domain import new_id
from chassis.testing import MORNING, Hands, PostgresServer, SettableClock, cause, perform, service_database, told
from contracts.inventory import StockReserved
from contracts.order import CancelReason, OrderCancelled, OrderContacts, ShipmentDispatched
from contracts.payment import PaymentAuthorized
from contracts.types import Address, Contact, Money, PaymentInstrument
from payment import handlers
from payment.gateway import Authorized, Done
from payment.model import OrderFunds, Reduction
from payment.store import AuthorizationDue, CaptureDue, PaymentStore, ReductionStore, VoidDue, audit
from payment.store.audit import RULES
from payment.store.payments import MadeElsewhereError

from .shop import Shop

pytestmark = pytest.mark.database
TOTAL = Money(amount=3000, currency="EUR")
HOME = Address(name="Alice", line1="1 Main Street", city="Berlin", postal_code="10115", country="DE")
MANY = 200
WHY = cause(at=MORNING)


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    async with service_database(postgres, payment, SettableClock()) as database:
        yield database


@pytest.fixture
def shop(database: Database) -> Shop:
    clock = database.clock
    assert isinstance(clock, SettableClock)
    return Shop(database, clock)


def reserved(order_id: UUID) -> StockReserved:
    return StockReserved(order_id=order_id, user_id="alice", total_amount=TOTAL, allocations=[])


def contacts(order_id: UUID) -> OrderContacts:
    return OrderContacts(
        order_id=order_id,
        user_id="alice",
        contact=Contact(email="alice@example.org"),
        shipping_address=HOME,
        billing_address=HOME,
        payment=PaymentInstrument(method="card", token="tok_ok"),
    )


def cancelled(order_id: UUID) -> OrderCancelled:
    return OrderCancelled(order_id=order_id, user_id="alice", reason=CancelReason.DEADLINE, total_amount=TOTAL)


def dispatched(order_id: UUID) -> ShipmentDispatched:
    return ShipmentDispatched(
        order_id=order_id, user_id="alice", shipment_id=new_id(), warehouse_id="north", lines=[], amount=TOTAL
    )


def authorized_by(due: AuthorizationDue) -> handlers.AuthorizationOutcome:
    return handlers.AuthorizationOutcome(due.key.order_id, due.payment_id, Authorized(f"pi_{due.payment_id}"))


async def authorized(database: Database, count: int) -> Sequence[UUID]:
    """Have the totals of so many orders held."""
    orders = [new_id() for _ in range(count)]
    await perform(database, handlers.note_instrument, *map(contacts, orders))
    await perform(database, handlers.authorize_payment, *map(reserved, orders))
    async with database.transaction() as transaction:
        due = await AuthorizationDue.claim(transaction, count)
    outcomes = [authorized_by(one) for one in due]
    await perform(database, handlers.note_authorization, *outcomes)
    return orders


async def costs(database: Database, count: int) -> dict[str, int]:
    """Count the statements of a whole order's life, for so many orders in one batch each."""
    spent: dict[str, int] = {}
    before = database.statements

    def mark(step: str) -> None:
        nonlocal before
        spent[step] = database.statements - before
        before = database.statements

    orders = [new_id() for _ in range(count)]
    await perform(database, handlers.note_instrument, *map(contacts, orders))
    mark("note_instrument")
    await perform(database, handlers.authorize_payment, *map(reserved, orders))
    mark("authorize_payment")
    async with database.transaction() as transaction:
        due = await AuthorizationDue.claim(transaction, count)
    mark("claim authorizations")
    outcomes = [authorized_by(one) for one in due]
    await perform(database, handlers.note_authorization, *outcomes)
    mark("note_authorization")
    shipped, stopped = orders[: (count + 1) // 2], orders[(count + 1) // 2 :] or await authorized(database, 1)
    before = database.statements
    await perform(database, handlers.capture_payment, *map(dispatched, shipped))
    mark("capture_payment")
    async with database.transaction() as transaction:
        captures = await CaptureDue.claim(transaction, count)
    mark("claim captures")
    taken = [handlers.CaptureOutcome(one.key.order_id, one.payment_id, one.shipment_id, Done()) for one in captures]
    await perform(database, handlers.note_capture, *taken)
    mark("note_capture")
    await perform(database, handlers.void_or_refund, *map(cancelled, stopped))
    mark("void_or_refund")
    async with database.transaction() as transaction:
        voids = await VoidDue.claim(transaction, count)
    mark("claim voids")
    let_go = [handlers.VoidOutcome(one.key.order_id, one.payment_id, Done()) for one in voids]
    await perform(database, handlers.note_void, *let_go)
    mark("note_void")
    assert (len(due), len(captures), len(voids)) == (count, len(shipped), len(stopped))
    return spent


async def test_batch_of_200_costs_what_a_batch_of_one_costs(database: Database) -> None:
    one = await costs(database, 1)
    many = await costs(database, MANY)
    assert many == one
    assert one == {  # begin and commit are two, the inbox and the outbox one each
        "note_instrument": 4,
        "authorize_payment": 5,
        "claim authorizations": 4,  # one keeps what was assessed
        "note_authorization": 8,
        "capture_payment": 6,
        "claim captures": 3,
        "note_capture": 9,
        "void_or_refund": 6,
        "claim voids": 3,
        "note_void": 7,
    }


@pytest.mark.parametrize("table", ["ledger_entry", "further_ledger_entry", "reduction", "psp_attempt"])
@pytest.mark.parametrize("change", ["UPDATE {} SET order_id = order_id", "DELETE FROM {}", "TRUNCATE {}"])
async def test_ledger_and_log_are_append_only(shop: Shop, database: Database, table: str, change: str) -> None:
    await shop.holds()
    await shop.holds_more(500)
    await shop.hears(shop.changed(100))
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await database.pool.execute(change.format(table))


@pytest.mark.parametrize(
    "change",
    [
        "captured_amount = 3001",
        "captured_amount = -1",
        "captured_amount = 2000, released_amount = 1001",
        "refunded_amount = 1",
        "authorized_amount = 2999",
        "status = 'paid'",
        "status = 'captured'",
        "status = 'voided'",
        "psp_reference = NULL",
        "action = 'void'",
        "currency = 'euro'",
    ],
)
async def test_impossible_money_is_refused(database: Database, change: str) -> None:
    [order_id] = await authorized(database, 1)
    with pytest.raises(asyncpg.CheckViolationError):
        await database.pool.execute(f"UPDATE payment SET {change} WHERE order_id = $1", order_id)


@pytest.mark.parametrize(
    "columns", [("authorized", "authorized", 1), ("authorized", "authorized_contra", 0), ("cash", "authorized", 1)]
)
async def test_unbalanced_entry_is_refused(database: Database, columns: tuple[str, str, int]) -> None:
    query = "INSERT INTO ledger_entry VALUES ($1, 'hold', $2, $3, $4, $5, 'EUR', $6)"
    with pytest.raises(asyncpg.CheckViolationError):
        await database.pool.execute(query, new_id(), new_id(), *columns, MORNING)


async def test_movement_is_posted_once(database: Database) -> None:
    [order_id] = await authorized(database, 1)
    query = "INSERT INTO ledger_entry SELECT * FROM ledger_entry WHERE order_id = $1"
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.pool.execute(query, order_id)


async def test_a_payment_whose_instrument_is_known_is_handed_to_the_workers(database: Database) -> None:
    ready, early = [new_id(), new_id(), new_id()], new_id()
    await perform(database, handlers.note_instrument, *map(contacts, ready))
    database.workforce = hands = Hands(room=3)
    await perform(database, handlers.authorize_payment, *map(reserved, [ready[0], early, ready[1], ready[2]]))
    handed = [(due.key.order_id, due.amount, due.token) for due in hands.begun["authorize"]]
    assert sorted(handed) == sorted((order, TOTAL, "tok_ok") for order in ready[:2])
    assert hands.woken == ["authorize"]
    await perform(database, handlers.note_instrument, contacts(early))
    async with database.transaction() as transaction:
        claimed = await AuthorizationDue.claim(transaction, MANY)
    assert {due.key.order_id for due in claimed} == {ready[2], early}, "what was handed over is under its lease"
    outcomes = [authorized_by(due) for due in (*hands.begun["authorize"], *claimed)]
    await perform(database, handlers.note_authorization, *outcomes)
    assert {event.order_id for event in await told(database) if isinstance(event, PaymentAuthorized)} == {*ready, early}


async def test_two_processes_meet_at_the_same_new_order(database: Database) -> None:
    order_id = new_id()
    async with database.transaction() as transaction:
        store = PaymentStore(transaction)
        await store.fetch([reserved(order_id)])
        await perform(database, handlers.void_or_refund, cancelled(order_id))
        handlers.authorize_payment(reserved(order_id), store, WHY)
        with pytest.raises(MadeElsewhereError):
            await store.flush()
    assert issubclass(MadeElsewhereError, TRANSIENT), "the batch is done again, and finds the barred payment"


async def test_outcome_waits_for_a_cancellation_in_another_process(database: Database) -> None:
    order_id = new_id()
    await perform(database, handlers.note_instrument, contacts(order_id))
    await perform(database, handlers.authorize_payment, reserved(order_id))
    async with database.transaction() as transaction:
        [due] = await AuthorizationDue.claim(transaction, 1)
    outcome = authorized_by(due)
    async with database.transaction() as transaction:
        store = PaymentStore(transaction)
        await store.fetch([cancelled(order_id)])
        noting = asyncio.create_task(perform(database, handlers.note_authorization, outcome))
        OrderFunds(store.of(order_id)).cancel(WHY)
        await store.flush()
        assert not noting.done(), "the row is locked"
    await noting
    assert await told(database, order_id) == [], "the authorisation of a cancelled order is not told"


async def test_audit_finds_what_is_wrong(database: Database) -> None:
    [right, wrong] = await authorized(database, 2)
    await database.pool.execute("UPDATE payment SET captured_amount = 500 WHERE order_id = $1", wrong)
    async with database.reading() as session:
        found = await audit(session)
    assert not found.clean
    assert {violation.rule: violation.order_ids for violation in found.violations} == {
        "counters-equal-ledger": [str(wrong)],
        "captured-equals-captures": [str(wrong)],
    }
    await database.pool.execute("UPDATE payment SET captured_amount = 0, barred_at = now() WHERE order_id = $1", right)
    async with database.reading() as session:
        found = await audit(session)
    assert ("cancelled-holds-nothing", [str(right)]) in [(one.rule, one.order_ids) for one in found.violations]


OWN_HOLD = "INSERT INTO own_hold (reference, order_id, method, currency, amount, received, created_at)"
MAIN = "FROM ONLY payment"
PLANTED: dict[str, str] = {
    "counters-equal-ledger": "UPDATE further_payment SET captured_amount = 399, released_amount = 101 WHERE amount = 500",
    "captured-equals-captures": "DELETE FROM draw WHERE place = 1",
    "captures-equal-draws": "UPDATE draw SET amount = amount + 1 WHERE place = 1",
    "ledger-has-payment": "UPDATE further_payment SET payment_id = gen_random_uuid() WHERE status = 'captured'",
    "additions-have-main-payment": "DELETE FROM ONLY payment",
    "cancelled-bars-all-payments": "UPDATE ONLY payment SET barred_at = now()",
    "cancelled-holds-nothing": "UPDATE payment SET barred_at = now()",
    "withdrawn-holds-nothing": (
        "UPDATE further_payment SET withdrawn_at = now(), status = 'authorized', released_amount = 0 WHERE captured_amount = 0"
    ),
    "renewed-holds-nothing": (
        "UPDATE ONLY payment SET status = 'authorized', captured_amount = 100;"
        "UPDATE further_payment f SET renews = m.payment_id FROM ONLY payment m WHERE m.order_id = f.order_id"
    ),
    "nothing-to-take-holds-nothing": "UPDATE further_payment SET status = 'authorized' WHERE status = 'captured'",
    "reductions-equal-ledger": (
        "INSERT INTO reduction SELECT order_id, gen_random_uuid(), 100, 2000, 'EUR', now() FROM ONLY payment"
    ),
    "sales-and-credits-equal-movements": (
        "INSERT INTO ledger_entry (order_id, payment_id, entry, reference, debit, credit, amount, currency, at)"
        " SELECT order_id, payment_id, 'sale', gen_random_uuid(), 'customer_receivable', 'revenue', 5, 'EUR', now()"
        " FROM ONLY payment"
    ),
    "returned-equals-refunds": "UPDATE ONLY payment SET refunded_amount = 100, returned_amount = 100",
    "refunds-equal-parts": (
        "INSERT INTO refund (order_id, refund_id, user_id, amount, currency, reason, status, attempts, actor, created_at)"
        " SELECT order_id, gen_random_uuid(), user_id, 100, 'EUR', 'other', 'refunded', 1, 'test', now() FROM ONLY payment"
    ),
    "promised-was-captured": (
        "INSERT INTO refund_part (order_id, refund_id, payment_id, place, amount, status)"
        " SELECT order_id, gen_random_uuid(), payment_id, 0, captured_amount + 1, 'due' FROM ONLY payment"
    ),
    "disputes-equal-ledger": (
        "INSERT INTO dispute (order_id, dispute_id, payment_id, psp_dispute, amount, currency, code, status, opened_at)"
        " SELECT order_id, gen_random_uuid(), payment_id, 'dp_1', 100, 'EUR', 'fraudulent', 'open', now() FROM ONLY payment"
    ),
    "own-holds-equal-movements": f"{OWN_HOLD} SELECT 'cash_1', order_id, 'cash_on_delivery', 'EUR', 100, 0, now() {MAIN}",
    "gift-cards-equal-movements": (
        "INSERT INTO gift_card (gift_card_id, code_mark, hint, amount, balance, currency, issued_by, issued_at)"
        f" SELECT order_id, 'mark', 'ABCD', 100, 100, 'EUR', 'test', now() {MAIN}"
    ),
    "received-equals-transfers": f"{OWN_HOLD} SELECT 'WB-1', order_id, 'bank_transfer', 'EUR', 100, 100, now() {MAIN}",
    "own-movements-equal-ledger": (
        f"{OWN_HOLD} SELECT 'cash_1', order_id, 'cash_on_delivery', 'EUR', 100, 0, now() {MAIN};"
        "INSERT INTO own_movement (key, reference, kind, amount, at) VALUES ('capture', 'cash_1', 'capture', 100, now())"
    ),
    "exchange-credits-equal-ledger": (
        f"INSERT INTO exchange_credit (order_id, currency, granted, created_at) SELECT payment_id, 'EUR', 100, now() {MAIN};"
        "INSERT INTO exchange_source (exchange_order_id, refund_id, order_id, payment_id, amount)"
        f" SELECT payment_id, gen_random_uuid(), order_id, payment_id, 100 {MAIN}"
    ),
    "exchange-credits-are-kept-or-paid": (
        f"INSERT INTO exchange_credit (order_id, currency, granted, created_at) SELECT order_id, 'EUR', 100, now() {MAIN}"
    ),
}


@pytest.mark.parametrize("rule", RULES)
async def test_audit_sees_each_rule_broken(shop: Shop, database: Database, rule: str) -> None:
    await shop.holds()
    await shop.holds_more(500, 700)
    await shop.hears(shop.changed(800, before=4200), shop.dispatched(3400))
    await shop.works()
    async with database.reading() as session:
        assert (await audit(session)).violations == []
    if rule == "ledger-has-payment":
        await database.pool.execute("DROP TRIGGER identity ON further_payment")
    await database.pool.execute(PLANTED[rule])
    async with database.reading() as session:
        found = await audit(session)
    assert (rule, [str(shop.order_id)]) in [(one.rule, one.order_ids) for one in found.violations]


async def test_a_change_is_taken_up_by_one_of_two_processes(shop: Shop, database: Database) -> None:
    await shop.holds()
    change = shop.changed(400)
    await shop.hears(change)
    async with database.transaction() as transaction:
        store = ReductionStore(transaction)
        await store.fetch([])  # as it was before the other process had it
        store.add(
            Reduction(order_id=shop.order_id, change_id=change.change_id, amount=400, due=2600, currency="EUR", at=MORNING)
        )
        with pytest.raises(MadeElsewhereError):
            await store.flush()


async def test_an_addition_that_comes_in_beside_a_cancellation_has_it_done_again(shop: Shop, database: Database) -> None:
    await shop.holds()
    async with database.transaction() as transaction:
        store = PaymentStore(transaction)
        await store.fetch([shop.cancelled()])
        OrderFunds(store.of(shop.order_id)).cancel(WHY)
        await database.pool.execute(
            """INSERT INTO further_payment SELECT (jsonb_populate_record(NULL::further_payment, to_jsonb(p)
            || jsonb_build_object('payment_id', gen_random_uuid(), 'change_id', gen_random_uuid()))).* FROM ONLY payment p"""
        )
        with pytest.raises(MadeElsewhereError):
            await store.flush()


async def test_a_batch_of_changes_costs_the_statements_of_one(database: Database) -> None:
    async def costs_of(count: int) -> list[int]:
        shops = [Shop(database, SettableClock()) for _ in range(count)]
        changes = [new_id() for _ in shops]
        for shop in shops:
            await shop.holds()
        spent = []
        for function, facts in (
            (handlers.note_instrument, [shop.contacts("tok_ok", one) for shop, one in zip(shops, changes, strict=True)]),
            (handlers.authorize_addition, [shop.added(one) for shop, one in zip(shops, changes, strict=True)]),
            (handlers.reduce_payment, [shop.changed(100) for shop in shops]),
            (handlers.void_addition, [shop.withdrawn(one) for shop, one in zip(shops, changes, strict=True)]),
        ):
            before = database.statements
            await perform(database, function, *facts)
            spent.append(database.statements - before)
        return spent

    assert await costs_of(20) == await costs_of(1)


async def test_audit_of_right_books_is_clean(database: Database) -> None:
    await authorized(database, 3)
    async with database.reading() as session:
        found = await audit(session)
    assert found.clean
    assert [(one.account, one.balance) for one in found.accounts] == [("authorized", 9000), ("authorized_contra", -9000)]
    assert [(one.payments, one.authorized, one.open) for one in found.totals] == [(3, 9000, 9000)]


async def test_facts_of_a_batch_are_told_in_its_order(database: Database) -> None:
    orders = await authorized(database, 5)
    facts = [fact for fact in await told(database) if isinstance(fact, PaymentAuthorized)]
    assert sorted(fact.order_id for fact in facts) == sorted(orders)
