"""What came back in exchange pays another order; what that does not need goes to the customer, once, by where it came from."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.domain import new_id
from chassis.open_work import nudge, owed
from chassis.testing import SettableClock, hear_again, perform
from contracts.order import OrderContacts, RefundReason, RefundRequested
from contracts.types import PaymentInstrument
from payment.gateway import BounceHeard, MeansOfPayment, Refused, Unknown
from payment.handlers import hear_bounce, import_settlement, request_refund
from payment.handlers.bouncing import TooEarlyError
from payment.model import ImportSettlement, PaymentKey, SettledRow, SettledType
from payment.model.refund import MOST_REFUSALS
from payment.store import WORK, audit

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


async def free(exchange: Exchange, amount: int = 1200) -> None:
    """Have the order cancelled that so much of the old one was to pay."""
    await exchange.held(amount)
    await exchange.came(amount)
    await exchange.new.hears(exchange.new.cancelled())


def answering(exchange: Exchange, answer: Refused | Unknown, times: int = 99) -> tuple[Any, list[str]]:
    """Make a PSP that gives nothing back so often, and says so; and keep under which keys it is asked to."""
    give, keys = exchange.stub.refund, list[str]()

    async def answers(payment: PaymentKey, reference: str, amount: Any, key: str | None = None) -> Any:
        keys.append(str(key))
        return answer if len(keys) <= times else await give(payment, reference, amount, key)

    return answers, keys


async def asked_for(exchange: Exchange) -> list[str]:
    """List under which keys the PSP was asked to pay out."""
    async with exchange.database.transaction() as transaction:
        query = "SELECT idempotency_key FROM psp_attempt WHERE order_id = $1 AND purpose = 'pay_out' ORDER BY attempt_id"
        return [row[0] for row in await transaction.fetch(query, exchange.old.order_id)]


async def test_what_the_psp_will_not_pay_out_is_put_before_a_person_and_asked_for_no_more(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund, keys = answering(exchange, Refused("charge_disputed"))
    monkeypatch.setattr(exchange.stub, "refund", refund)
    await free(exchange)
    await exchange.new.rests()
    assert len(keys) == len(await asked_for(exchange)) == 1
    assert (await exchange.old.told())[-1] == "RefundBounced 1200"
    assert await exchange.old.row("kind, amount", "incident") == (("refund_bounced", 1200),)
    assert (await exchange.accounts())["exchange_credits"] == -1200, "it is owed to the customer still"


async def test_what_the_psp_will_not_pay_out_for_now_is_another_wish_later(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund, keys = answering(exchange, Refused("balance_insufficient"), 2)
    monkeypatch.setattr(exchange.stub, "refund", refund)
    await free(exchange)
    await exchange.new.rests()
    assert len(keys) == len(set(keys)) == 3, "for the PSP repeats what it answered to one"
    assert exchange.books(exchange.old) == (0, TOTAL, 1200)
    assert await exchange.old.row("kind", "incident") == ()


async def test_what_is_refused_too_often_is_put_before_a_person(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    refund, keys = answering(exchange, Refused("balance_insufficient"))
    monkeypatch.setattr(exchange.stub, "refund", refund)
    await free(exchange)
    for _ in range(MOST_REFUSALS):
        await exchange.new.works()
        exchange.new.clock.forward(seconds=60 * 2**MOST_REFUSALS)
    assert (len(keys), (await exchange.old.told())[-1]) == (MOST_REFUSALS, "RefundBounced 1200")


async def test_what_was_paid_out_and_comes_back_is_put_before_a_person_once(exchange: Exchange) -> None:
    await free(exchange)
    await exchange.new.rests()
    [wish] = await asked_for(exchange)
    heard = BounceHeard(PaymentKey(exchange.old.order_id), wish, 1200, "expired_or_canceled_card")
    [paid] = [one for one in exchange.stub.books.values() if one.order_id == exchange.old.order_id]
    paid.refunded -= 1200
    await perform(exchange.database, hear_bounce, heard, heard)
    await perform(exchange.database, hear_bounce, heard)
    assert (await exchange.old.told()).count("RefundBounced 1200") == 1
    assert await exchange.old.row("kind, amount", "incident") == (("refund_bounced", 1200),)
    assert (await exchange.accounts())["exchange_credits"] == -1200, "it is owed to the customer again"


async def test_a_notice_of_what_is_not_known_to_be_paid_out_is_to_come_again(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    await free(exchange)
    with monkeypatch.context() as patched:
        patched.setattr(exchange.stub, "refund", answering(exchange, Unknown("timeout"))[0])
        await exchange.new.works()
    [wish] = await asked_for(exchange)
    with pytest.raises(TooEarlyError):
        await perform(exchange.database, hear_bounce, BounceHeard(PaymentKey(exchange.old.order_id), wish, 1200, "declined"))
    await exchange.new.rests()
    assert exchange.books(exchange.old) == (0, TOTAL, 1200)


async def test_staff_see_that_a_pay_out_is_owed_and_may_have_it_asked_for_now(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(exchange.stub, "refund", answering(exchange, Refused("balance_insufficient"))[0])
        await free(exchange)
        await exchange.new.works()
    key = str(exchange.new.order_id)
    [found] = [one for one in await owed(exchange.database, key, WORK) if one["job"] == "pay_out"]
    assert found["error"] == "balance_insufficient"
    assert "pay_out" in (await nudge(exchange.database, key, WORK, 8)).hastened
    await exchange.new.works()
    assert exchange.books(exchange.old) == (0, TOTAL, 1200)


async def differing(exchange: Exchange, *rows: tuple[Shop, SettledType, int]) -> list[tuple[str, int]]:
    """Have the PSP settle so much of the orders, nine days later; answers what differs of them, as it is booked."""
    exchange.old.clock.forward(seconds=9 * 86_400)
    references = {one.order_id: name for name, one in exchange.stub.books.items()}
    at = exchange.old.clock()
    settled = [
        SettledRow(line, references[shop.order_id], kind, gross, 0, gross, "EUR", at)
        for line, (shop, kind, gross) in enumerate(rows, 2)
    ]
    await perform(exchange.database, import_settlement, ImportSettlement(str(new_id()), settled))
    async with exchange.database.transaction() as transaction:
        query = "SELECT type, here FROM settlement_difference WHERE order_id = ANY($1::uuid[])"
        found = await transaction.fetch(query, [exchange.old.order_id, exchange.new.order_id])
    return [(row["type"], row["here"]) for row in found]


async def test_a_settlement_knows_nothing_of_what_pays_another_order(exchange: Exchange) -> None:
    await exchange.held(1200)
    await exchange.came(1200)
    await exchange.new.ships(TOTAL)
    charged = ((exchange.old, SettledType.CHARGE, TOTAL), (exchange.new, SettledType.CHARGE, 1800))
    assert await differing(exchange, *charged) == []


@pytest.mark.parametrize("settled", [True, False])
async def test_a_settlement_has_what_was_paid_out(exchange: Exchange, settled: bool) -> None:  # noqa: FBT001 - drawn
    await free(exchange)
    await exchange.new.rests()
    charged = [(exchange.old, SettledType.CHARGE, TOTAL)]
    refunded = [(exchange.old, SettledType.REFUND, -1200)]
    assert await differing(exchange, *charged, *(refunded if settled else [])) == ([] if settled else [("refund", -1200)])


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
