"""What came back in exchange pays another order; what that does not need goes to the customer, once, by where it came from."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import SettableClock, hear_again
from contracts.order import OrderContacts, RefundReason, RefundRequested
from contracts.types import PaymentInstrument
from payment.gateway import MeansOfPayment
from payment.handlers import request_refund
from payment.store import audit

from .shop import OK, TOTAL, Shop, euros

pytestmark = pytest.mark.database


class Exchange:
    """An order that was paid and comes back, and another one of the same total that it pays."""

    def __init__(self, database: Database, clock: SettableClock) -> None:
        self.database = database
        self.old, self.new = Shop(database, clock), Shop(database, clock)
        self.stub = self.new.psp = self.old.psp
        means: Any = MeansOfPayment(self.stub, lambda: database)
        self.old.psp = self.new.psp = means

    def contacts(self, credit: int, token: str = OK, order_id: UUID | None = None) -> OrderContacts:
        """Tell how the new order is to be paid: by what comes back, and by card where there is a token."""
        method = ("card", token) if token else ("exchange", "exchange")
        instrument = PaymentInstrument(method=method[0], token=method[1], credit=euros(credit))
        found = self.new.contacts().model_copy(update={"payment": instrument})
        return found if order_id is None else found.model_copy(update={"order_id": order_id})

    async def sold(self) -> None:
        """Have the old order paid."""
        await self.old.holds()
        await self.old.ships(TOTAL)

    async def held(self, credit: int, token: str = OK) -> None:
        """Have the new order authorised."""
        await self.new.hears(self.contacts(credit, token), self.new.reserved())
        await self.new.works()

    def moved(self, credit: int) -> RefundRequested:
        """Tell that so much of the old order pays the new one."""
        return RefundRequested(
            **self.old.order,
            refund_id=new_id(),
            amount=euros(credit),
            reason=RefundReason.EXCHANGE,
            return_id=new_id(),
            exchange_order_id=self.new.order_id,
        )

    async def came(self, credit: int) -> None:
        """Have the goods come in."""
        await self.old.hears(self.moved(credit))
        await self.old.works()

    def books(self, shop: Shop) -> tuple[int, int, int]:
        """Sum up what the PSP has open, captured and refunded for one of the orders."""
        mine = [one for one in self.stub.books.values() if one.order_id == shop.order_id]
        return sum(one.open for one in mine), sum(one.captured for one in mine), sum(one.refunded for one in mine)

    async def accounts(self) -> dict[str, int]:
        """Sum up the ledger of both orders: debits less credits."""
        async with self.database.transaction() as transaction:
            query = "SELECT debit, credit, amount FROM ledger_entry WHERE order_id = ANY($1::uuid[])"
            rows = await transaction.fetch(query, [self.old.order_id, self.new.order_id])
        sums: dict[str, int] = {}
        for row in rows:
            sums[row["debit"]] = sums.get(row["debit"], 0) + row["amount"]
            sums[row["credit"]] = sums.get(row["credit"], 0) - row["amount"]
        return {name: amount for name, amount in sums.items() if amount}


@pytest.fixture
async def exchange(database: Database) -> AsyncIterator[Exchange]:
    """Begin with an order that is paid; when its story has come to rest, the books are right and nothing is owed."""
    clock = database.clock
    assert isinstance(clock, SettableClock)
    story = Exchange(database, clock)
    await story.sold()
    yield story
    await story.old.rests()
    async with database.reading() as session:
        books = await audit(session)
    assert books.violations == [], "the books are right after every story"
    async with database.transaction() as transaction:
        due = await transaction.fetch("SELECT * FROM exchange_credit WHERE due_at IS NOT NULL")
    assert due == []


async def test_what_came_back_pays_all_of_the_other_order_and_the_psp_hears_nothing(exchange: Exchange) -> None:
    calls = exchange.stub.calls
    await exchange.held(TOTAL, token="")
    assert await exchange.new.told() == ["PaymentAuthorized 3000"]
    await exchange.came(TOTAL)
    assert (await exchange.old.told())[-1] == "PaymentRefunded 3000"
    assert (await exchange.accounts())["exchange_credits"] == -TOTAL
    await exchange.new.ships(1000, 2000)
    assert await exchange.new.told() == ["PaymentAuthorized 3000", "PaymentCaptured 1000", "PaymentCaptured 2000"]
    assert exchange.stub.calls == calls
    assert exchange.books(exchange.old) == (0, TOTAL, 0), "the PSP keeps what was taken for what came back"
    assert await exchange.accounts() == {"psp_receivable": TOTAL, "revenue": -2 * TOTAL, "refunds": TOTAL}


async def test_a_difference_is_paid_by_card_after_the_credit(exchange: Exchange) -> None:
    await exchange.held(1200)
    assert exchange.books(exchange.new) == (1800, 0, 0)
    await exchange.came(1200)
    await exchange.new.ships(TOTAL)
    assert exchange.books(exchange.new) == (0, 1800, 1800 - 1800)
    assert exchange.books(exchange.old) == (0, TOTAL, 0)
    assert "exchange_credits" not in await exchange.accounts()


async def test_a_declined_difference_holds_nothing_and_a_credit_that_comes_later_is_the_customers(exchange: Exchange) -> None:
    await exchange.held(1200, token="tok_declined")
    assert await exchange.new.told() == ["PaymentDeclined 3000"]
    await exchange.came(1200)
    await exchange.old.rests()
    assert exchange.books(exchange.old) == (0, TOTAL, 1200)


async def test_nothing_is_taken_of_a_credit_before_it_is_granted(exchange: Exchange) -> None:
    await exchange.held(1200)
    await exchange.new.ships(TOTAL)
    assert exchange.books(exchange.new) == (1800, 0, 0), "the goods are not in"
    await exchange.came(1200)
    await exchange.new.rests()
    assert (await exchange.new.told())[-1] == "PaymentCaptured 3000"
    assert exchange.books(exchange.new) == (0, 1800, 0)


@pytest.mark.parametrize("first", ["granted", "cancelled", "unheld"])
async def test_a_credit_whose_order_is_cancelled_goes_to_the_customer_once(exchange: Exchange, first: str) -> None:
    if first == "granted":
        await exchange.held(1200)
        await exchange.came(1200)
        await exchange.new.hears(exchange.new.cancelled())
    elif first == "cancelled":
        await exchange.held(1200)
        await exchange.new.hears(exchange.new.cancelled())
        await exchange.new.works()
        await exchange.came(1200)
    else:
        await exchange.came(1200)
        assert exchange.books(exchange.old) == (0, TOTAL, 0), "its order is not decided yet"
        await exchange.new.hears(exchange.new.cancelled())
        exchange.old.clock.forward(seconds=601)
    exchange.stub.misbehave("timeout_done")
    await exchange.new.rests()
    assert exchange.books(exchange.old) == (0, TOTAL, 1200)
    assert exchange.books(exchange.new)[0] == 0
    assert (await exchange.old.told()).count("PaymentRefunded 1200") == 1
    assert await exchange.accounts() == {"psp_receivable": 1800, "revenue": -TOTAL, "refunds": 1200}
    await exchange.new.hears(exchange.new.cancelled())
    await exchange.new.rests()
    assert exchange.books(exchange.old) == (0, TOTAL, 1200)


async def test_what_a_reduced_order_leaves_of_its_credit_goes_to_the_customer(exchange: Exchange) -> None:
    await exchange.held(2000)
    await exchange.came(2000)
    await exchange.new.hears(exchange.new.changed(less=2500))
    await exchange.new.ships(500)
    await exchange.new.rests()
    assert exchange.books(exchange.new) == (0, 0, 0)
    assert exchange.books(exchange.old) == (0, TOTAL, 1500)


async def test_what_comes_back_of_the_other_order_goes_by_its_card_first_and_then_the_way_it_came(exchange: Exchange) -> None:
    await exchange.held(1200)
    await exchange.came(1200)
    await exchange.new.ships(TOTAL)
    await exchange.new.hears(exchange.new.asked_back(2000))
    await exchange.new.rests()
    assert exchange.books(exchange.new) == (0, 1800, 1800)
    assert exchange.books(exchange.old) == (0, TOTAL, 200)
    await exchange.new.hears(exchange.new.asked_back(1000))
    await exchange.new.rests()
    assert exchange.books(exchange.old) == (0, TOTAL, 1200)


async def test_what_was_exchanged_is_exchanged_again(exchange: Exchange) -> None:
    await exchange.held(1200)
    await exchange.came(1200)
    await exchange.new.ships(TOTAL)
    third = Shop(exchange.database, exchange.new.clock)
    third.psp = exchange.new.psp
    instrument = PaymentInstrument(method="exchange", token="exchange", credit=euros(TOTAL))
    await third.hears(third.contacts().model_copy(update={"payment": instrument}), third.reserved())
    await third.works()
    again = exchange.moved(TOTAL).model_copy(update={"exchange_order_id": third.order_id, **exchange.new.order})
    await exchange.new.hears(again)
    await third.works()
    assert (await third.told(), (await exchange.new.told())[-1]) == (["PaymentAuthorized 3000"], "PaymentRefunded 3000")
    await third.hears(third.cancelled())
    await third.rests()
    assert exchange.books(third) == (0, 0, 0)
    assert exchange.books(exchange.new) == (0, 1800, 1800), "by the card that paid the difference"
    assert exchange.books(exchange.old) == (0, TOTAL, 1200), "and by the card that paid for what came back first"


async def test_a_credit_is_granted_once_however_often_it_is_told(exchange: Exchange) -> None:
    await exchange.held(1200)
    told = exchange.moved(1200)
    assert await hear_again(exchange.database, request_refund, told) == [1, 0]
    await exchange.old.works()
    await exchange.old.hears(told)
    await exchange.old.works()
    async with exchange.database.transaction() as transaction:
        [row] = await transaction.fetch("SELECT granted FROM exchange_credit WHERE order_id = $1", exchange.new.order_id)
    assert row["granted"] == 1200
    await exchange.new.ships(TOTAL)


async def test_no_more_is_moved_than_was_taken(exchange: Exchange) -> None:
    await exchange.held(TOTAL, token="")
    await exchange.old.hears(exchange.old.asked_back(1))
    await exchange.came(TOTAL)
    assert (await exchange.old.told())[-2:] == ["RefundFailed 3000", "PaymentRefunded 1"]
    await exchange.new.hears(exchange.new.cancelled())


async def test_the_audit_sees_a_credit_that_was_lost(exchange: Exchange) -> None:
    await exchange.held(1200)
    await exchange.came(1200)

    async def found(*changes: str) -> list[str]:
        async with exchange.database.transaction() as transaction:
            for change in changes:
                await transaction.fetch(change, exchange.new.order_id)
        async with exchange.database.reading() as session:
            return [one.rule for one in (await audit(session)).violations]

    credit = "UPDATE exchange_credit SET {} WHERE order_id = $1"
    source = "UPDATE exchange_source SET amount = amount {} WHERE exchange_order_id = $1"
    assert await found(credit.format("granted = granted + 1")) == ["exchange-credits-are-kept-or-paid"]
    assert await found(source.format("+ 1")) == ["exchange-credits-equal-ledger", "exchange-credits-are-kept-or-paid"]
    assert await found(source.format("- 1"), credit.format("granted = granted - 1")) == []
    assert await found(credit.format("paid = 1")) == ["exchange-credits-are-kept-or-paid"]
    assert await found(credit.format("paid = 0")) == []
