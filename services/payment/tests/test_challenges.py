"""3-D Secure: the customer's bank asks who pays; payment waits, for some time, and then holds the money or declines."""

from datetime import timedelta

import pytest

from chassis.testing import perform
from contracts.payment import PaymentAction, PaymentActionRequired, PaymentDeclined
from payment.gateway import WebhookHeard
from payment.handlers import hear_webhook
from payment.model import PaymentKey

from .shop import TOTAL, Shop
from .test_gift_cards import GiftShop, gifts

__all__ = ["gifts"]
pytestmark = pytest.mark.database
ASKED = "tok_3ds"


async def test_the_customer_is_told_what_to_do_once(shop: Shop) -> None:
    await shop.holds(ASKED)
    shop.clock.forward(seconds=61)
    await shop.works()
    [told] = await shop.facts()
    assert isinstance(told, PaymentActionRequired)
    assert (told.action, told.reference) == (PaymentAction.CHALLENGE, f"/sim/psp/challenge/{shop.reference}")
    assert told.deadline_at == shop.clock() - timedelta(seconds=61) + timedelta(minutes=15)
    assert await shop.row("status, authorized_amount") == (("pending", 0),)


async def test_who_proves_it_pays(shop: Shop) -> None:
    await shop.holds(ASKED)
    shop.psp.answer_challenge(shop.reference, proved=True)
    notice = WebhookHeard(PaymentKey(shop.order_id), "payment_intent.amount_capturable_updated", doubtful=False)
    await perform(shop.database, hear_webhook, notice)
    shop.clock.forward(seconds=3)
    await shop.works()
    assert await shop.told() == ["PaymentActionRequired 3000", "PaymentAuthorized 3000"]
    await shop.ships(TOTAL)
    assert shop.books() == (0, TOTAL, 0)


async def test_who_does_not_is_declined(shop: Shop) -> None:
    await shop.holds(ASKED)
    shop.psp.answer_challenge(shop.reference, proved=False)
    shop.clock.forward(seconds=61)
    await shop.works()
    assert await shop.told() == ["PaymentActionRequired 3000", "PaymentDeclined 3000"]


async def test_who_is_late_is_declined_and_can_prove_nothing_any_more(shop: Shop) -> None:
    await shop.holds(ASKED)
    shop.clock.forward(seconds=901)
    await shop.works()
    declined = (await shop.facts())[-1]
    assert isinstance(declined, PaymentDeclined)
    assert declined.code == "authentication_required"
    assert shop.booked().canceled


@pytest.mark.parametrize("proved", [None, True, False])
async def test_a_cancelled_order_does_not_wait(shop: Shop, *, proved: bool | None) -> None:
    await shop.holds(ASKED)
    if proved is not None:
        shop.psp.answer_challenge(shop.reference, proved=proved)
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert shop.books() == (0, 0, 0)
    told = [type(one).__name__ for one in await shop.facts()]
    assert told == ["PaymentActionRequired", "PaymentVoided"]


async def test_an_addition_does_not_wait_for_it(shop: Shop) -> None:
    await shop.holds()
    await shop.holds_more(500, token=ASKED)
    await shop.rests()
    assert await shop.told() == ["PaymentAuthorized 3000", "AdditionDeclined 500"]


@pytest.mark.parametrize(("proved", "left"), [(True, 0), (False, 1200), (None, 1200)])
async def test_a_gift_card_waits_with_the_card_beside_it(gifts: GiftShop, *, proved: bool | None, left: int) -> None:
    await gifts.issues(1200)
    await gifts.holds(token=ASKED)
    assert await gifts.balance() == 0
    [reference] = [name for name, one in gifts.stub.books.items() if one.order_id == gifts.order_id]
    if proved is not None:
        gifts.stub.answer_challenge(reference, proved=proved)
    gifts.clock.forward(seconds=901)
    await gifts.works()
    assert await gifts.told() == ["PaymentActionRequired 3000", "PaymentAuthorized 3000" if proved else "PaymentDeclined 3000"]
    assert await gifts.balance() == left
