"""Refunds that the customer's bank sends back: sent again under another key, then put before a person; a notice counts once."""

from typing import Any
from uuid import UUID

import pytest
from pydantic_core import to_json

from chassis.domain import new_id
from chassis.testing import perform
from payment import handlers
from payment.gateway import BounceHeard, Refused, Unknown, refund_key
from payment.gateway.webhooks import PspWebhooks
from payment.handlers.bouncing import TooEarlyError
from payment.model import PaymentKey

from .shop import TOTAL, Shop
from .test_api import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.database


async def given(shop: Shop, amount: int = 500) -> UUID:
    """Give money back, which the PSP takes for done."""
    refund_id = new_id()
    await shop.holds()
    await shop.ships(TOTAL)
    await shop.hears(shop.asked_back(amount, refund_id))
    await shop.works()
    return refund_id


async def bounces(shop: Shop, refund_id: UUID, refusals: int = 0, amount: int = 500) -> None:
    """Have the customer's bank send it back, and the PSP tell of it."""
    [payment_id] = await shop.row("payment_id")
    assert isinstance(payment_id, UUID)
    wish = refund_key(refund_id, payment_id, refusals)
    heard = BounceHeard(PaymentKey(shop.order_id), wish, amount, "expired_or_canceled_card")
    await perform(shop.database, handlers.hear_bounce, heard)


async def parts(shop: Shop) -> tuple[object, ...]:
    return await shop.row("status, refusals, bounced", "refund_part")


async def test_what_came_back_is_sent_again_under_another_key_and_told_to_nobody(shop: Shop) -> None:
    refund_id = await given(shop)
    shop.booked().refunded -= 500
    await bounces(shop, refund_id)
    assert (await shop.row("refunded_amount, returned_amount"), await parts(shop)) == (((0, 0),), (("due", 1, 1),))
    shop.clock.forward(seconds=121)
    await shop.works()
    assert (await shop.row("refunded_amount, returned_amount"), await parts(shop)) == (((500, 500),), (("refunded", 1, 1),))
    assert shop.books() == (0, TOTAL, 500)
    assert [one for one in await shop.told() if "Refund" in one] == ["PaymentRefunded 500"]
    assert await shop.row("kind", "incident") == ()


async def test_what_keeps_coming_back_is_put_before_a_person(shop: Shop) -> None:
    refund_id = await given(shop)
    for refusals in range(3):
        shop.booked().refunded -= 500
        await bounces(shop, refund_id, refusals)
        shop.clock.forward(seconds=1000)
        await shop.works()
    assert await parts(shop) == (("failed", 3, 3),)
    assert await shop.row("status, code", "refund") == (("failed", "expired_or_canceled_card"),)
    assert await shop.row("kind, amount", "incident") == (("refund_bounced", 500),)
    assert (await shop.told())[-1] == "RefundBounced 500"
    assert shop.books() == (0, TOTAL, 0)


def answering(shop: Shop, answer: Refused | Unknown) -> Any:
    """Make a PSP that gives nothing back by the main payment, and says so."""
    give = shop.psp.refund

    async def answers(payment: PaymentKey, reference: str, amount: Any, key: str | None = None) -> Any:
        return answer if payment.change_id is None else await give(payment, reference, amount, key)

    return answers


async def test_what_came_back_and_is_refused_then_is_told_as_not_arriving(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    refund_id = await given(shop)
    shop.booked().refunded -= 500
    await bounces(shop, refund_id)
    monkeypatch.setattr(shop.psp, "refund", answering(shop, Refused("charge_disputed")))
    shop.clock.forward(seconds=121)
    await shop.works()
    assert await parts(shop) == (("failed", 2, 1),)
    assert (await shop.told())[2:] == ["PaymentRefunded 500", "RefundBounced 500"], "it was told as given back"
    assert await shop.row("kind, amount", "incident") == (("refund_bounced", 500),)


async def both_given(shop: Shop, refund_id: UUID) -> None:
    """Ask for all of an order that was paid by two payments, of which the second one is given back first."""
    await shop.holds()
    await shop.holds_more(500)
    await shop.ships(TOTAL, 500)
    await shop.hears(shop.asked_back(TOTAL + 500, refund_id))
    await shop.works()


async def bounces_of(shop: Shop, refund_id: UUID, payment_id: object, amount: int) -> None:
    [change_id] = [one for one in await shop.row("change_id") if one is not None]
    assert isinstance(payment_id, UUID)
    assert isinstance(change_id, UUID)
    wish = refund_key(refund_id, payment_id, 0)
    heard = BounceHeard(PaymentKey(shop.order_id, change_id), wish, amount, "declined")
    await perform(shop.database, handlers.hear_bounce, heard)


async def test_a_part_that_is_sent_again_does_not_make_up_for_one_that_was_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund_id = new_id()
    with monkeypatch.context() as patched:
        patched.setattr(shop.psp, "refund", answering(shop, Refused("charge_disputed")))
        await both_given(shop, refund_id)
    assert (await shop.told())[-2:] == ["PaymentRefunded 500", f"RefundFailed {TOTAL}"]
    [_, addition] = await shop.row("payment_id")
    [change_id] = [one for one in await shop.row("change_id") if one is not None]
    shop.booked(change_id).refunded -= 500  # type: ignore[arg-type]
    await bounces_of(shop, refund_id, addition, 500)
    shop.clock.forward(seconds=121)
    await shop.works()
    assert await shop.row("status", "refund") == ("failed",)
    assert sorted(map(str, await shop.row("status", "refund_part"))) == ["failed", "refunded"]


async def test_a_notice_about_a_refund_that_is_not_done_yet_is_to_come_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund_id = new_id()
    with monkeypatch.context() as patched:
        patched.setattr(shop.psp, "refund", answering(shop, Unknown("timeout")))
        await both_given(shop, refund_id)
    assert sorted(map(str, await shop.row("status", "refund_part"))) == ["due", "refunded"]
    [_, addition] = await shop.row("payment_id")
    with pytest.raises(TooEarlyError):
        await bounces_of(shop, refund_id, addition, 500)
    await shop.rests()
    assert (await shop.told())[-1] == f"PaymentRefunded {TOTAL + 500}"


async def test_a_notice_that_comes_again_or_late_changes_nothing(shop: Shop) -> None:
    refund_id = await given(shop)
    shop.booked().refunded -= 500
    await bounces(shop, refund_id)
    await bounces(shop, refund_id)
    shop.clock.forward(seconds=121)
    await shop.works()
    await bounces(shop, refund_id)
    assert await parts(shop) == (("refunded", 1, 1),)
    await bounces(shop, new_id())
    assert await shop.row("refunded_amount") == (500,)


async def test_a_notice_that_comes_before_the_answer_is_to_come_again(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    refund_id = new_id()
    await shop.hears(shop.asked_back(500, refund_id))
    with pytest.raises(TooEarlyError):
        await bounces(shop, refund_id)
    assert await parts(shop) == (("due", 0, 0),)


async def test_a_cancelled_orders_money_that_came_back_is_put_before_a_person_once(shop: Shop) -> None:
    await shop.holds()
    shop.psp.take_unasked(shop.reference)
    await shop.hears(shop.cancelled())
    await shop.rests()
    heard = BounceHeard(PaymentKey(shop.order_id), f"waybill:refund:{shop.order_id}", TOTAL, "declined")
    for _ in range(2):
        await perform(shop.database, handlers.hear_bounce, heard)
    kinds = await shop.row("kind", "incident")
    assert sorted(map(str, kinds)) == ["captured_after_cancellation", "refund_bounced"]


def notice(kind: str, status: str = "failed", **notes: str) -> bytes:
    refund: dict[str, Any] = {"id": "re_1", "object": "refund", "amount": 500, "status": status, "metadata": notes}
    return to_json({"type": kind, "data": {"object": {**refund, "failure_reason": "declined"}}})


@pytest.mark.parametrize("kind", ["refund.failed", "charge.refund.updated"])
def test_notices_of_refunds_are_read(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PspWebhooks, "_verify", lambda *_: None)
    webhooks, order_id = PspWebhooks("secret"), new_id()
    read = webhooks.read(notice(kind, order_id=str(order_id), wish="refund-1"), "")
    assert read == BounceHeard(PaymentKey(order_id), "refund-1", 500, "declined")
    assert webhooks.read(notice(kind, "succeeded", order_id=str(order_id), wish="refund-1"), "") is None
    assert webhooks.read(notice(kind, order_id=str(order_id)), "") is None


async def test_a_forged_notice_is_refused(desk: Desk) -> None:
    body = notice("refund.failed", order_id=str(new_id()), wish="refund-1")
    answer = await desk.client.post("/api/webhooks/psp", content=body, headers={"Stripe-Signature": "t=1,v1=0"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:waybill:problem:invalid-webhook")
