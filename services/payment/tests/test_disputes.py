"""Chargebacks: written down and told once, whatever notices come of them; what a bank took back is not given back again."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from chassis.testing import MORNING, SettableClock, perform
from contracts.payment import DisputeClosed, RefundFailed
from payment import handlers
from payment.gateway import DisputeHeard, PspWebhooks, Refused
from payment.gateway.webhooks import Heard
from payment.handlers import DisputeNotice

from .shop import TOTAL, Shop

SECRET = "whsec_test"


def notice(kind: str, status: str, amount: int = 1000) -> bytes:
    told = {
        "id": "dp_1",
        "object": "dispute",
        "amount": amount,
        "payment_intent": "pi_1",
        "reason": "fraudulent",
        "status": status,
        "evidence_details": {"due_by": 1_900_000_000},
        "metadata": {},
    }
    return json.dumps({"type": kind, "data": {"object": told}}).encode()


def read(body: bytes) -> Heard | None:
    moment = int(MORNING.timestamp())
    signature = hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return PspWebhooks(SECRET, SettableClock()).read(body, f"t={moment},v1={signature}")


def test_a_dispute_is_read_from_the_notice() -> None:
    opened = read(notice("charge.dispute.created", "needs_response"))
    due = datetime.fromtimestamp(1_900_000_000, UTC)
    assert opened == DisputeHeard("dp_1", "pi_1", 1000, "fraudulent", due, closed=False, won=False)
    for status, won in (("won", True), ("lost", False)):
        closed = read(notice("charge.dispute.closed", status))
        assert isinstance(closed, DisputeHeard)
        assert (closed.closed, closed.won) == (True, won)


@pytest.mark.parametrize(
    "body",
    [
        notice("charge.dispute.created", "warning_needs_response"),
        notice("charge.dispute.created", "needs_response", amount=0),
        b'{"type": "charge.dispute.created", "data": {"object": {"id": "dp_1", "status": "lost"}}}',
        b'{"type": "charge.dispute.closed", "data": {"object": null}}',
    ],
)
def test_what_is_no_dispute_of_money_is_ignored(body: bytes) -> None:
    assert read(body) is None


async def _heard(shop: Shop, name: str = "dp_1", amount: int = 1000, *, closed: bool = False, won: bool = False) -> None:
    [payment_id] = await shop.row("payment_id")
    heard = DisputeHeard(name, shop.reference, amount, "fraudulent", None, closed, won)
    await perform(shop.database, handlers.hear_dispute, DisputeNotice(shop.order_id, payment_id, heard))  # type: ignore[arg-type]


async def _booked(shop: Shop) -> int:
    """Tell what the PSP owes us by the ledger."""
    query = "SELECT sum(amount * ((debit = $2)::int - (credit = $2)::int)) FROM ledger_entry WHERE order_id = $1"
    async with shop.database.transaction() as transaction:
        [row] = await transaction.fetch(query, shop.order_id, "psp_receivable")
    return int(row[0])


@pytest.mark.database
@pytest.mark.parametrize(("won", "left"), [(True, TOTAL), (False, TOTAL - 1000)])
async def test_it_is_opened_and_closed_once(shop: Shop, won: bool, left: int) -> None:  # noqa: FBT001 - drawn
    await shop.holds()
    await shop.ships(TOTAL)
    await _heard(shop)
    await _heard(shop)
    assert await _booked(shop) == TOTAL - 1000
    await _heard(shop, closed=True, won=won)
    await _heard(shop, closed=True, won=won)
    await _heard(shop)
    assert (await shop.told())[2:] == ["DisputeOpened 1000", "DisputeClosed 1000"]
    assert await _booked(shop) == left


@pytest.mark.database
async def test_the_end_of_one_tells_whether_another_one_is_open(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    await _heard(shop)
    await _heard(shop, "dp_2")
    await _heard(shop, closed=True, won=True)
    await _heard(shop, "dp_2", closed=True, won=False)
    closed = [(fact.won, fact.others_open) for fact in await shop.facts() if isinstance(fact, DisputeClosed)]
    assert closed == [(True, True), (False, False)]


@pytest.mark.database
async def test_a_closing_that_comes_first_tells_both(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    await _heard(shop, closed=True, won=False)
    await _heard(shop)
    kinds = [type(fact).__name__ for fact in await shop.facts()]
    assert kinds[2:] == ["DisputeOpened", "DisputeClosed"]


@pytest.mark.database
async def test_what_the_bank_took_back_is_not_given_back_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    await _heard(shop, amount=2000)
    await shop.hears(shop.asked_back(1001), shop.asked_back(1000))
    await shop.rests()
    assert (await shop.told())[3:] == ["RefundFailed 1001", "PaymentRefunded 1000"]
    await _heard(shop, amount=2000, closed=True, won=True)

    async def refuses(*_: object) -> Refused:
        return Refused("charge_disputed")

    await shop.hears(shop.asked_back(2000))
    monkeypatch.setattr(shop.psp, "refund", refuses)
    await shop.works()
    assert [fact.code for fact in await shop.facts() if isinstance(fact, RefundFailed)] == [
        "exceeds_captured",
        "charge_disputed",
    ]
