"""Bank transfers: the order waits for the money, and what comes otherwise than it should is told, kept and shown."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.database import Database
from chassis.domain import new_id
from chassis.problems import InvalidRequestError
from chassis.testing import SettableClock, perform
from contracts.payment import PaymentAction, PaymentActionRequired
from contracts.types import PaymentInstrument
from payment.gateway import MeansOfPayment
from payment.handlers import receive_transfer
from payment.model.transfer import NothingToPayBackError, ReceiveTransfer, TransferKnownError
from payment.store import audit, transfer_account, transfer_accounts
from payment.store.transfers import _SURPLUS

from .shop import TOTAL, Shop

pytestmark = pytest.mark.database


class Waiting(Shop):
    """An order that is paid by transfer."""

    def __init__(self, database: Database, clock: SettableClock) -> None:
        super().__init__(database, clock)
        self.stub = self.psp
        self.psp: Any = MeansOfPayment(self.stub, lambda: database)

    def contacts(self, token: str = "bank_transfer", change_id: Any = None) -> Any:  # noqa: S107 - a method
        contacts = super().contacts(token, change_id)
        return contacts.model_copy(update={"payment": PaymentInstrument(method=token, token=token)})

    async def asks(self) -> str:
        """Place the order; answers what the transfer is to name."""
        await self.holds("bank_transfer")
        [told] = await self.facts()
        assert isinstance(told, PaymentActionRequired)
        assert (told.action, told.deadline_at) == (PaymentAction.TRANSFER, self.clock() + timedelta(days=5))
        return told.reference

    async def receives(self, reference: str, amount: int, bank_reference: str | None = None, currency: str = "EUR") -> None:
        received = ReceiveTransfer(self.order_id, reference, amount, currency, self.clock(), bank_reference or str(new_id()))
        await perform(self.database, receive_transfer, received)
        await self.works()

    async def to_pay_back(self, reference: str) -> int:
        async with self.database.reading() as session:
            return (await transfer_account(session, reference)).to_pay_back


@pytest.fixture
async def waiting(database: Database) -> AsyncIterator[Waiting]:
    """Open a shop that takes transfers; when its story has come to rest, the books are right."""
    clock = database.clock
    assert isinstance(clock, SettableClock)
    shop = Waiting(database, clock)
    yield shop
    clock.forward(days=6)
    await shop.rests()
    async with database.reading() as session:
        books = await audit(session)
    assert books.violations == [], "the books are right after every story"


async def test_the_exact_amount_pays(waiting: Waiting) -> None:
    reference = await waiting.asks()
    await waiting.rests()
    assert len(await waiting.facts()) == 1, "nothing happens before the money is there"
    await waiting.receives(reference, TOTAL, "bank-1")
    assert await waiting.told() == ["PaymentActionRequired 3000", "PaymentAuthorized 3000"]
    await waiting.ships(TOTAL)
    await waiting.hears(waiting.asked_back(500))
    await waiting.works()
    assert (await waiting.told())[2:] == ["PaymentCaptured 3000", "PaymentRefunded 500"]
    assert await waiting.to_pay_back(reference) == 500
    await waiting.receives(reference, -500)
    assert (await waiting.to_pay_back(reference), waiting.stub.calls) == (0, 0)


async def test_too_little_is_told_and_waited_for_on(waiting: Waiting) -> None:
    reference = await waiting.asks()
    await waiting.receives(reference, 1000)
    assert (await waiting.told())[1:] == ["PaymentIncident 2000"]
    assert await waiting.to_pay_back(reference) == 0
    await waiting.receives(reference, 2000)
    assert (await waiting.told())[2:] == ["PaymentAuthorized 3000"]


async def test_too_much_is_told_and_put_up_to_be_paid_back(waiting: Waiting) -> None:
    reference = await waiting.asks()
    await waiting.receives(reference, 3500)
    assert sorted((await waiting.told())[1:]) == ["PaymentAuthorized 3000", "PaymentIncident 500"]
    assert await waiting.to_pay_back(reference) == 500
    with pytest.raises(NothingToPayBackError):
        await waiting.receives(reference, -501)
    async with waiting.database.reading() as session:
        assert reference in {one.reference for one in await transfer_accounts(session, 50, None, surplus=True)}
    await waiting.receives(reference, -500)
    async with waiting.database.reading() as session:
        assert reference not in {one.reference for one in await transfer_accounts(session, 50, None, surplus=True)}


async def test_what_is_to_be_paid_back_is_found_without_a_look_at_all_transfers(waiting: Waiting) -> None:
    reference = await waiting.asks()
    await waiting.receives(reference, 3500)
    query = str(text(_SURPLUS).bindparams(limit=51, before=None).compile(compile_kwargs={"literal_binds": True}))
    async with waiting.database.pool.acquire() as connection:
        begun = connection.transaction()
        await begun.start()
        await connection.execute(
            """INSERT INTO own_hold (reference, order_id, method, currency, amount, received, paid, created_at)
            SELECT 'WB-' || n, gen_random_uuid(), 'bank_transfer', 'EUR', 100, 100, true, now()
            FROM generate_series(1, 2000) n"""
        )
        await connection.execute("ANALYZE own_hold")
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}")
        await begun.rollback()
    assert "own_hold_surplus" in plan
    assert "Rows Removed by Filter" not in plan


@pytest.mark.parametrize("why", ["cancelled", "late"])
async def test_what_comes_after_the_end_is_told_and_put_up_to_be_paid_back(waiting: Waiting, why: str) -> None:
    reference = await waiting.asks()
    if why == "cancelled":
        await waiting.hears(waiting.cancelled())
        await waiting.rests()
    else:
        waiting.clock.forward(days=5)
        await waiting.works()
    ended = "PaymentVoided 0" if why == "cancelled" else "PaymentDeclined 3000"
    assert (await waiting.told())[1:] == [ended]
    await waiting.receives(reference, TOTAL)
    assert (await waiting.told())[2:] == ["PaymentIncident 3000"]
    assert await waiting.to_pay_back(reference) == TOTAL


async def test_a_cancelled_order_that_was_paid_is_put_up_to_be_paid_back(waiting: Waiting) -> None:
    reference = await waiting.asks()
    await waiting.receives(reference, TOTAL)
    await waiting.hears(waiting.cancelled())
    await waiting.works()
    assert (await waiting.told())[-1] == "PaymentVoided 3000"
    assert await waiting.to_pay_back(reference) == TOTAL


async def test_a_transfer_counts_once(waiting: Waiting) -> None:
    reference = await waiting.asks()
    for _ in range(2):
        await waiting.receives(reference, 1000, "bank-2")
    assert (await waiting.told())[1:] == ["PaymentIncident 2000"]
    with pytest.raises(TransferKnownError):
        await waiting.receives(reference, 2000, "bank-2")
    with pytest.raises(InvalidRequestError):
        await waiting.receives(reference, 2000, currency="USD")
    await waiting.receives(reference, 2000)
    assert (await waiting.told())[-1] == "PaymentAuthorized 3000"
