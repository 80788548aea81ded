"""Gift cards pay first and are given back to last; a balance never pays twice, whatever comes at once or again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import payment
from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import PostgresServer, SettableClock, perform, service_database
from contracts.types import Money, PaymentInstrument
from payment.gateway import Authorized, Declined, Done, MeansOfPayment, Refused, StubPsp, refund_key
from payment.handlers import import_settlement, issue_gift_card
from payment.model import ImportSettlement, PaymentKey, SettledRow, SettledType
from payment.model.gift_card import IssueGiftCard, mark_of, new_code, sealed
from payment.store import audit, find_payment

from .shop import OK, TOTAL, Shop, euros

pytestmark = pytest.mark.database


class GiftShop(Shop):
    """An order that is paid by gift card, or by gift card and card."""

    def __init__(self, database: Database, clock: SettableClock) -> None:
        super().__init__(database, clock)
        self.stub, self.code, self.card_id = self.psp, new_code(), new_id()
        self.psp: Any = MeansOfPayment(self.stub, lambda: database)

    def contacts(self, token: str = OK, change_id: Any = None) -> Any:
        contacts = super().contacts(token or "gift_card", change_id)
        instrument = PaymentInstrument(
            method="card" if token else "gift_card", token=contacts.payment.token, gift_card=self.code
        )
        return contacts.model_copy(update={"payment": instrument})

    async def issues(self, amount: int, currency: str = "EUR", expires_at: Any = None) -> None:
        wish = IssueGiftCard(
            self.card_id, mark_of(self.code, ""), self.code[-4:], Money(amount=amount, currency=currency), expires_at
        )
        await perform(self.database, issue_gift_card, wish)

    async def balance(self) -> int:
        async with self.database.transaction() as transaction:
            rows = await transaction.fetch("SELECT balance FROM gift_card WHERE gift_card_id = $1", self.card_id)
        found: int = rows[0]["balance"]
        return found

    def card(self) -> tuple[int, int, int]:
        """Tell what the PSP has open, captured and refunded for the order."""
        mine = [one for one in self.stub.books.values() if one.order_id == self.order_id]
        return sum(one.open for one in mine), sum(one.captured for one in mine), sum(one.refunded for one in mine)

    async def accounts(self) -> dict[str, int]:
        """Sum up the order's ledger: debits less credits."""
        async with self.database.transaction() as transaction:
            rows = await transaction.fetch("SELECT debit, credit, amount FROM ledger_entry WHERE order_id = $1", self.order_id)
        sums: dict[str, int] = {}
        for row in rows:
            sums[row["debit"]] = sums.get(row["debit"], 0) + row["amount"]
            sums[row["credit"]] = sums.get(row["credit"], 0) - row["amount"]
        return {name: amount for name, amount in sums.items() if amount}


@pytest.fixture
async def gifts(database: Database) -> AsyncIterator[GiftShop]:
    """Open a shop with a gift card; when its story has come to rest, the books are right."""
    clock = database.clock
    assert isinstance(clock, SettableClock)
    shop = GiftShop(database, clock)
    yield shop
    await shop.rests()
    async with database.reading() as session:
        books = await audit(session)
    assert books.violations == [], "the books are right after every story"


@pytest.fixture
async def apart(postgres: PostgresServer) -> AsyncIterator[GiftShop]:
    """Open a shop whose books nobody looks at afterwards: what is asked there of our own means is asked past payment."""
    clock = SettableClock()
    async with service_database(postgres, payment, clock) as database:
        yield GiftShop(database, clock)


async def test_a_gift_card_pays_all_of_an_order_and_the_psp_hears_nothing(gifts: GiftShop) -> None:
    await gifts.issues(5000)
    await gifts.holds(token="")
    assert await gifts.told() == ["PaymentAuthorized 3000"]
    assert await gifts.balance() == 2000
    await gifts.ships(1000, 2000)
    assert await gifts.told() == ["PaymentAuthorized 3000", "PaymentCaptured 1000", "PaymentCaptured 2000"]
    assert gifts.stub.calls == 0
    assert await gifts.accounts() == {"gift_cards": 3000, "revenue": -3000}


async def test_a_gift_card_pays_first_and_the_card_the_rest(gifts: GiftShop) -> None:
    await gifts.issues(1200)
    await gifts.holds()
    assert await gifts.told() == ["PaymentAuthorized 3000"]
    assert (await gifts.balance(), gifts.card()) == (0, (1800, 0, 0))
    await gifts.ships(1000)
    assert gifts.card() == (1800, 0, 0), "the gift card pays for the first parcel alone"
    await gifts.ships(500, 1500)
    assert gifts.card() == (0, 1800, 0)
    assert await gifts.accounts() == {"gift_cards": 1200, "psp_receivable": 1800, "revenue": -3000}


async def test_a_refund_goes_to_the_card_first_and_to_the_gift_card_last(gifts: GiftShop) -> None:
    await gifts.issues(1200)
    await gifts.holds()
    await gifts.ships(TOTAL)
    await gifts.hears(gifts.asked_back(1000))
    await gifts.works()
    assert (await gifts.balance(), gifts.card()) == (0, (0, 1800, 1000))
    await gifts.hears(gifts.asked_back(1500), gifts.asked_back(501), gifts.asked_back(500))
    await gifts.works()
    assert (await gifts.balance(), gifts.card()) == (1200, (0, 1800, 1800))
    assert (await gifts.told())[-1] == "PaymentRefunded 500"
    assert "RefundFailed 501" in await gifts.told(), "never more than was paid"


async def test_a_settlement_of_the_psp_knows_nothing_of_the_gift_card(gifts: GiftShop) -> None:
    await gifts.issues(1200)
    await gifts.holds()
    await gifts.ships(TOTAL)
    [reference] = [name for name, one in gifts.stub.books.items() if one.order_id == gifts.order_id]
    settled = SettledRow(2, reference, SettledType.CHARGE, 1800, 20, 1780, "EUR", gifts.clock())
    await perform(gifts.database, import_settlement, ImportSettlement(reference, [settled]))
    async with gifts.database.transaction() as transaction:
        [row] = await transaction.fetch("SELECT * FROM settlement_row WHERE reference = $1", reference)
        differing = await transaction.fetch(
            "SELECT * FROM settlement_difference WHERE settlement_id = $1", row["settlement_id"]
        )
    assert (row["order_id"], differing) == (gifts.order_id, [])
    async with gifts.database.reading() as session:
        assert await find_payment(session, reference) == (gifts.order_id, row["payment_id"])


async def test_a_cancelled_order_gives_the_balance_back(gifts: GiftShop) -> None:
    await gifts.issues(1200)
    await gifts.holds()
    await gifts.hears(gifts.cancelled())
    await gifts.works()
    assert (await gifts.balance(), gifts.card()) == (1200, (0, 0, 0))
    assert await gifts.told() == ["PaymentAuthorized 3000", "PaymentVoided 3000"]


async def test_a_declined_card_leaves_the_gift_card_as_it_was(gifts: GiftShop) -> None:
    await gifts.issues(1200)
    await gifts.holds(token="tok_declined")
    assert await gifts.balance() == 1200
    assert await gifts.told() == ["PaymentDeclined 3000"]


async def test_where_the_card_is_refused_the_gift_card_is_free_again(gifts: GiftShop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(*_: object, **__: object) -> Refused:
        return Refused("card_declined")

    await gifts.issues(1200)
    await gifts.holds()
    monkeypatch.setattr(gifts.stub, "capture", refuses)
    await gifts.ships(TOTAL)
    await gifts.rests()
    assert (await gifts.told())[1:] == ["PaymentCaptureFailed 3000"]
    assert (await gifts.balance(), gifts.card()) == (1200, (0, 0, 0))


async def test_an_order_cancelled_before_the_psp_answered_holds_nothing_of_the_card(gifts: GiftShop) -> None:
    await gifts.issues(1200)
    gifts.stub.misbehave("timeout_lost")
    await gifts.hears(gifts.contacts(), gifts.reserved())
    await gifts.works("authorize")
    await gifts.hears(gifts.cancelled())
    await gifts.rests()
    assert (await gifts.balance(), gifts.card()) == (1200, (0, 0, 0))
    assert [name for name in await gifts.told() if name.startswith("PaymentVoided")] != []


@pytest.mark.parametrize(
    ("issue", "code"),
    [
        ({"amount": 2999}, "gift_card_insufficient"),
        ({"amount": 5000, "currency": "USD"}, "gift_card_unknown"),
        (None, "gift_card_unknown"),
    ],
)
async def test_a_gift_card_that_cannot_pay_is_declined(gifts: GiftShop, issue: dict[str, Any] | None, code: str) -> None:
    if issue is not None:
        await gifts.issues(**issue)
    await gifts.holds(token="")
    [told] = await gifts.facts()
    assert (type(told).__name__, told.code) == ("PaymentDeclined", code)  # type: ignore[attr-defined]


async def test_an_expired_gift_card_pays_nothing(gifts: GiftShop) -> None:
    await gifts.issues(5000, expires_at=gifts.clock())
    await gifts.holds(token="")
    assert [one.code for one in await gifts.facts()] == ["gift_card_insufficient"]  # type: ignore[attr-defined]


async def test_twenty_orders_at_once_get_no_more_than_is_on_the_card(gifts: GiftShop) -> None:
    await gifts.issues(5000)
    mark, means = mark_of(gifts.code, ""), MeansOfPayment(StubPsp(), lambda: gifts.database)
    keys = [PaymentKey(new_id()) for _ in range(20)]
    answers = await asyncio.gather(*(means.authorize(key, euros(1000), "gift_card", mark) for key in keys))
    held = {key: answer for key, answer in zip(keys, answers, strict=True) if isinstance(answer, Authorized)}
    assert (len(held), await gifts.balance()) == (5, 0)
    assert {answer for answer in answers if isinstance(answer, Declined)} == {Declined("gift_card_insufficient")}
    for key, answer in held.items():
        assert await means.void(key, answer.reference) == Done()
    assert await gifts.balance() == 5000


async def test_what_comes_twice_at_once_is_done_once(apart: GiftShop) -> None:
    await apart.issues(2000)
    mark, means, key = mark_of(apart.code, ""), apart.psp, PaymentKey(apart.order_id)
    method, token = "gift_card+card", f"{mark}.tok_ok"
    held = set(await asyncio.gather(*(means.authorize(key, euros(3000), method, token) for _ in range(4))))
    [answer] = held
    assert (await apart.balance(), apart.card()) == (0, (1000, 0, 0))
    shipment_id, refund = new_id(), refund_key(new_id(), new_id(), 0)
    for _ in range(2):
        taken = await asyncio.gather(
            *(means.capture(key, shipment_id, answer.reference, euros(3000), final=True) for _ in range(3))
        )
        assert {one.own for one in taken} == {2000}
        given = await asyncio.gather(*(means.refund(key, answer.reference, euros(1500), refund) for _ in range(3)))
        assert {one.own for one in given} == {500}
    assert (await apart.balance(), apart.card()) == (500, (0, 1000, 1000))
    assert await means.refund(key, answer.reference, euros(1501), "refund-more") == Refused("amount_too_large")
    await means.refund(key, answer.reference, euros(1500))
    assert await apart.balance() == 2000


async def test_a_refund_that_the_psp_refuses_takes_nothing_of_what_may_be_given_back(apart: GiftShop) -> None:
    await apart.issues(1200)
    await apart.holds()
    await apart.ships(TOTAL)
    [reference] = await apart.row("psp_reference")
    card = str(reference).partition(".")[0]
    apart.stub.books[card].refunded = 1800  # somebody gave it back in the PSP's own pages
    key = PaymentKey(apart.order_id)
    assert isinstance(await apart.psp.refund(key, reference, euros(2000), "refund-1"), Refused)
    apart.stub.books[card].refunded = 0
    assert await apart.psp.refund(key, reference, euros(2000), "refund-2") == await apart.psp.refund(
        key, reference, euros(2000), "refund-2"
    )
    assert (await apart.balance(), apart.card()) == (200, (0, 1800, 1800))
    async with apart.database.reading() as session:
        rules = {one.rule for one in (await audit(session)).violations}
    assert rules == {"own-movements-equal-ledger"}, "what nobody asked for is found"


def test_a_code_is_recognised_however_it_is_typed_and_is_not_kept() -> None:
    code = new_code()
    assert mark_of(code, "a") == mark_of(f" {code.lower().replace('-', ' ')} ", "a") != mark_of(code, "b")
    kept = sealed(PaymentInstrument(method="card", token="tok_ok", gift_card=code), "a")
    assert (kept.method, kept.gift_card) == ("gift_card+card", None)
    assert code not in kept.token
