"""Invoices and credit notes in the database: one for each reason, numbered without a gap whatever fails, and final."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chassis import batch
from chassis.batch import Function, Item
from chassis.database import Database, Transaction
from chassis.domain import Cause, new_id
from chassis.testing import SettableClock, hear_again, perform, told
from contracts.inventory import StockReserved
from contracts.order import CreditNoteIssued, InvoiceIssued, OrderChanged
from contracts.payment import PaymentAuthorized, PaymentCaptured, PaymentReduced, PaymentRefunded, PaymentVoided
from contracts.types import Allocation, Line, Money
from order.api.admin import SetStatus, set_status
from order.api.changes import ReduceItem, reduce_item
from order.handlers import (
    confirm_order,
    note_allocation,
    note_captured,
    note_payment_reduced,
    note_refund,
    note_voided,
)
from order.model import Order, Status
from order.model.document import Document
from order.settings import Settings
from order.store import DocumentQueries, OrderQueries
from services.order.tests.test_handlers import TOTAL, place

pytestmark = pytest.mark.database


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


async def confirm(database: Database, order_ids: list[UUID]) -> None:
    """Confirm orders: the mugs leave from Berlin, the pens from Lyon."""
    held = [
        Allocation(warehouse_id="berlin", lines=[Line(product_id="MUG", quantity=2)]),
        Allocation(warehouse_id="lyon", lines=[Line(product_id="PEN", quantity=3)]),
    ]
    facts: list[dict[str, Any]] = [{"order_id": order_id, "user_id": "ada"} for order_id in order_ids]
    await perform(database, note_allocation, *(StockReserved(**f, total_amount=TOTAL, allocations=held) for f in facts))
    await perform(database, confirm_order, *(PaymentAuthorized(**f, payment_id=new_id(), amount=TOTAL) for f in facts))


async def shipped(database: Database, count: int = 1) -> list[PaymentCaptured]:
    """Place, confirm and ship orders; answers the captures of their parcels, as the payment service tells them."""
    order_ids = await place(database, count)
    await confirm(database, order_ids)
    await perform(database, set_status, *(SetStatus(order_id, Status.SHIPPED, "", None) for order_id in order_ids))
    return [capture for order_id in order_ids for capture in await captures(database, order_id)]


async def captures(database: Database, order_id: UUID) -> list[PaymentCaptured]:
    order = await look(database, order_id)
    captured, found, payment_id = 0, [], new_id()
    for one in order.shipments:
        captured += one.amount
        found.append(
            PaymentCaptured(
                order_id=order_id,
                user_id="ada",
                payment_id=payment_id,
                shipment_id=one.shipment_id,
                amount=eur(one.amount),
                captured=eur(captured),
            )
        )
    return found


def refunded(order_id: UUID, amount: int, so_far: int, refund_id: UUID | None = None) -> PaymentRefunded:
    return PaymentRefunded(
        order_id=order_id,
        user_id="ada",
        payment_id=new_id(),
        amount=eur(amount),
        refunded=eur(so_far),
        refund_id=refund_id,
    )


async def look(database: Database, order_id: UUID) -> Order:
    async with database.reading() as session:
        return await OrderQueries(session).order(order_id, None)


async def documents(database: Database, order_id: UUID) -> list[Document]:
    async with database.reading() as session:
        return list(reversed(await DocumentQueries(session).of_order(order_id, None)))


async def audit(database: Database) -> dict[str, Any]:
    async with database.reading() as session:
        return {found.series: found for found in await DocumentQueries(session).audit(None)}


async def test_what_is_invoiced_and_credited_in_one_batch_refers_to_its_numbers(database: Database) -> None:
    first, second = await shipped(database)
    order_id = first.order_id
    steps: list[tuple[Any, Any]] = [
        (note_captured, first),
        (note_captured, second),
        (note_refund, refunded(order_id, 500, 500, new_id())),
        (note_refund, refunded(order_id, TOTAL.amount - 500, TOTAL.amount, new_id())),
    ]
    why = Cause("payment", database.clock(), correlation_id=str(order_id))
    items = [Item(fact, Function.of(heard), why, event_id=new_id(), event_type=fact.type) for heard, fact in steps]
    assert await batch.run(database, items) == len(steps)
    issued = await documents(database, order_id)
    invoices = {one.number: one for one in issued if one.is_invoice}
    notes = [one for one in issued if not one.is_invoice]
    assert (len(invoices), len(notes), sum(one.total_amount for one in issued)) == (2, 2, 0)
    for note in notes:
        assert {line["invoice"] for line in note.lines} == {one["number"] for one in note.references} <= set(invoices)
        assert [one["issued_on"] for one in note.references] == [
            invoices[one["number"]].issued_on.isoformat() for one in note.references
        ]
    told_of = [fact.invoice_number for fact in await told(database, order_id) if isinstance(fact, CreditNoteIssued)]
    assert set(told_of) <= set(invoices)
    assert all(not found.broken and not found.missing for found in (await audit(database)).values())


async def test_each_parcel_is_invoiced_once_as_its_money_is_taken(database: Database) -> None:
    first, second = await shipped(database)
    assert await hear_again(database, note_captured, first) == [1, 0]
    await perform(database, note_captured, first, second, second)
    issued = await documents(database, first.order_id)
    assert [(one.number, one.shipment_id, one.total_amount) for one in issued] == [
        ("INV-2026-000001", first.shipment_id, first.amount.amount),
        ("INV-2026-000002", second.shipment_id, second.amount.amount),
    ]
    assert sum(one.total_amount for one in issued) == TOTAL.amount
    facts = [fact for fact in await told(database, first.order_id) if isinstance(fact, InvoiceIssued)]
    assert [(fact.number, fact.total_amount, fact.shipment_id) for fact in facts] == [
        ("INV-2026-000001", first.amount, first.shipment_id),
        ("INV-2026-000002", second.amount, second.shipment_id),
    ]
    assert "Ada Lovelace" not in "".join(fact.model_dump_json() for fact in facts)
    assert issued[0].content["buyer"]["name"] == "Ada Lovelace"
    assert (await audit(database))["INV-2026-"].sound


async def test_money_that_went_back_is_credited_once_in_a_series_of_its_own(database: Database) -> None:
    captured = await shipped(database)
    order_id = captured[0].order_id
    refund_id = new_id()
    await perform(database, note_captured, *captured)
    await perform(database, note_refund, refunded(order_id, 1000, 1000, refund_id))
    rest = refunded(order_id, TOTAL.amount - 1000, TOTAL.amount)
    await perform(database, note_refund, rest)
    await perform(database, note_refund, rest)
    issued = await documents(database, order_id)
    assert [(one.number, one.total_amount) for one in issued[2:]] == [
        ("CN-2026-000001", -1000),
        ("CN-2026-000002", 1000 - TOTAL.amount),
    ]
    assert (sum(one.total_amount for one in issued), sum(one.tax_amount for one in issued)) == (0, 0)
    facts = [fact for fact in await told(database, order_id) if isinstance(fact, CreditNoteIssued)]
    assert [(fact.number, fact.total_amount, fact.refund_id, fact.invoice_number) for fact in facts] == [
        ("CN-2026-000001", eur(1000), refund_id, "INV-2026-000001"),
        ("CN-2026-000002", eur(TOTAL.amount - 1000), None, "INV-2026-000001"),
    ]


async def test_what_was_never_invoiced_is_not_credited(database: Database) -> None:
    captured = (await shipped(database))[0].model_copy(update={"shipment_id": new_id()})
    await perform(database, note_captured, captured)
    await perform(database, note_refund, refunded(captured.order_id, 500, 500))
    assert await documents(database, captured.order_id) == []


async def test_at_confirmation_the_whole_order_is_invoiced_and_credited_if_it_is_cancelled(database: Database) -> None:
    database.remembered[Settings] = Settings.model_construct(invoice_at="confirmation", invoice_series="R")
    kept, cancelled = await place(database, 2)
    await confirm(database, [kept, cancelled])
    await perform(database, set_status, SetStatus(kept, Status.SHIPPED, "", None))
    await perform(database, note_captured, *(await captures(database, kept)))
    assert [(one.number, one.total_amount) for one in await documents(database, kept)] == [("R000001", TOTAL.amount)]
    await perform(database, set_status, SetStatus(cancelled, Status.CANCELLED, "", None))
    await perform(database, note_voided, PaymentVoided(order_id=cancelled, user_id="ada", amount=TOTAL))
    assert [one.total_amount for one in await documents(database, cancelled)] == [TOTAL.amount, -TOTAL.amount]


@pytest.mark.parametrize("late", [0, 500])
async def test_nothing_of_a_cancelled_order_stays_invoiced_however_little_was_held_or_came_late(
    database: Database, late: int
) -> None:
    database.remembered[Settings] = Settings.model_construct(invoice_at="confirmation", invoice_series="R")
    (order_id,) = await place(database)
    await confirm(database, [order_id])
    await perform(database, set_status, SetStatus(order_id, Status.CANCELLED, "", None))
    if late:
        await perform(database, note_refund, refunded(order_id, late, late))
    await perform(database, note_voided, PaymentVoided(order_id=order_id, user_id="ada", amount=eur(0)))
    assert [one.total_amount for one in await documents(database, order_id)] == [TOTAL.amount, -TOTAL.amount]


async def test_what_was_cut_is_credited_though_nothing_was_held_any_more(database: Database) -> None:
    database.remembered[Settings] = Settings.model_construct(invoice_at="confirmation", invoice_series="R")
    (order_id,) = await place(database)
    await confirm(database, [order_id])
    pens = (await look(database, order_id)).items[1]
    await perform(database, reduce_item, ReduceItem(order_id, "ada", pens.item_id, 1, None))
    (changed,) = [fact for fact in await told(database, order_id) if isinstance(fact, OrderChanged)]
    reduced = PaymentReduced(
        order_id=order_id, user_id="ada", change_id=changed.change_id, amount=eur(0), due=changed.total_amount
    )
    await perform(database, note_payment_reduced, reduced)
    issued = await documents(database, order_id)
    assert [one.total_amount for one in issued] == [TOTAL.amount, -398]
    assert [(line["product_id"], line["quantity"]) for line in issued[1].lines] == [("PEN", -2)]


async def test_a_batch_of_invoices_costs_the_statements_of_one(database: Database) -> None:
    spent = []
    for count in (1, 20):
        captured = await shipped(database, count)
        before = database.statements
        await perform(database, note_captured, *captured)
        spent.append(database.statements - before)
    assert spent[0] == spent[1]
    assert (await audit(database))["INV-2026-"].documents == 42


class FailedError(Exception):
    """What stops a transaction in this test, after its numbers were taken."""


async def test_200_at_once_with_every_fifth_undone_leave_no_gap(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    captured = (await shipped(database, 200))[::2]
    fated = {id(one) for one in captured[::5]}
    undone = []
    emit = Transaction.emit

    def fail_the_fated(self: Transaction, event: Any, cause: Cause) -> None:
        emit(self, event, cause)
        if cause.actor == "fated":
            undone.append(event.number)
            raise FailedError

    monkeypatch.setattr(Transaction, "emit", fail_the_fated)
    function = Function.of(note_captured)

    async def hear(event: PaymentCaptured, actor: str) -> None:
        why = Cause(actor, database.clock(), new_id(), str(event.order_id))
        await batch.run(database, [Item(event, function, why, event_id=why.event_id, event_type=event.type)])

    outcomes = await asyncio.gather(
        *(hear(one, "fated" if id(one) in fated else "test") for one in captured), return_exceptions=True
    )
    assert sum(isinstance(one, FailedError) for one in outcomes) == len(undone) == 40
    assert [one for one in outcomes if one is not None and not isinstance(one, FailedError)] == []
    found = (await audit(database))["INV-2026-"]
    assert (found.documents, found.last_number, found.missing, found.broken) == (160, 160, [], [])
    await asyncio.gather(*(hear(one, "test") for one in captured))
    found = (await audit(database))["INV-2026-"]
    assert (found.documents, found.last_number, found.missing, found.broken) == (200, 200, [], [])


async def test_a_year_begins_its_own_series(database: Database, clock: SettableClock) -> None:
    first, second = await shipped(database)
    await perform(database, note_captured, first)
    clock.forward(days=365)
    await perform(database, note_captured, second)
    assert [one.number for one in await documents(database, first.order_id)] == ["INV-2026-000001", "INV-2027-000001"]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE document SET total_amount = 1", "DELETE FROM document", "TRUNCATE document CASCADE"],
)
async def test_a_document_is_final(database: Database, statement: str) -> None:
    await perform(database, note_captured, *(await shipped(database)))
    with pytest.raises(asyncpg.RestrictViolationError, match="never changed"):
        async with database.transaction() as transaction:
            await transaction.fetch(statement)


async def tampered(database: Database, *statements: str) -> Any:
    """Do to six invoices what only somebody with the database's keys can; answers what the audit says."""
    await perform(database, note_captured, *(await shipped(database, 3)))
    async with database.transaction() as transaction:
        await transaction.fetch("ALTER TABLE document DISABLE TRIGGER USER")
        for statement in statements:
            await transaction.fetch(statement)
    return (await audit(database))["INV-2026-"]


async def test_the_audit_sees_a_missing_document(database: Database) -> None:
    found = await tampered(database, "DELETE FROM document WHERE position IN (2, 3)")
    assert (found.sound, found.missing, found.broken) == (False, [2, 3], [])


async def test_the_audit_sees_that_the_last_ones_are_missing(database: Database) -> None:
    found = await tampered(database, "DELETE FROM document WHERE position > 4")
    assert (found.sound, found.missing, found.broken) == (False, [5, 6], [])


async def test_the_audit_sees_a_changed_document(database: Database) -> None:
    found = await tampered(
        database, """UPDATE document SET content = jsonb_set(content, '{buyer,name}', '"Eve"') WHERE position = 4"""
    )
    assert (found.sound, found.missing, found.broken) == (False, [], ["INV-2026-000004"])


async def test_the_audit_sees_a_document_put_in_the_place_of_another(database: Database) -> None:
    found = await tampered(database, "UPDATE document SET previous_hash = repeat('0', 64) WHERE position = 6")
    assert found.broken == ["INV-2026-000006"]
