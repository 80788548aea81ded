"""Money given back on request: each refund once, never more than was taken, whatever comes in whichever order."""

import asyncio
from collections import Counter

import pytest

from chassis.domain import new_id
from chassis.testing import perform
from contracts.payment import RefundFailed
from payment import handlers
from payment.gateway import Refused

from .shop import TOTAL, Shop

pytestmark = pytest.mark.database


async def _refunded(shop: Shop, *amounts: int) -> None:
    await shop.hears(*(shop.asked_back(amount) for amount in amounts))
    await shop.rests()


async def test_a_part_is_given_back(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    await _refunded(shop, 900)
    assert (await shop.told())[2:] == ["PaymentRefunded 900"]
    assert shop.books() == (0, TOTAL, 900)
    assert await shop.row("status, refunded_amount, returned_amount") == (("captured", 900, 900),)


async def test_a_refund_asked_for_again_is_given_once(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    asked = shop.asked_back(900)
    await shop.hears(asked, asked)
    await shop.rests()
    await shop.hears(asked)
    await shop.rests()
    assert shop.books() == (0, TOTAL, 900)
    assert (await shop.told()).count("PaymentRefunded 900") == 1


async def test_it_is_drawn_from_the_newest_payment_first(shop: Shop) -> None:
    await shop.holds()
    [change] = await shop.holds_more(500)
    await shop.ships(TOTAL, 500)
    await _refunded(shop, 800)
    assert shop.booked(change).refunded == 500
    assert shop.booked().refunded == 300
    assert (await shop.told())[-1] == "PaymentRefunded 800"


async def test_what_exceeds_the_rest_is_refused_whole(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    await _refunded(shop, 2000, 1001, 1000)
    assert (await shop.told())[2:] == ["RefundFailed 1001", "PaymentRefunded 2000", "PaymentRefunded 1000"]
    [failed] = [fact for fact in await shop.facts() if isinstance(fact, RefundFailed)]
    assert failed.code == "exceeds_captured"


@pytest.mark.parametrize(("currency", "amount", "code"), [("USD", 100, "currency_mismatch"), ("EUR", 0, "exceeds_captured")])
async def test_what_makes_no_sense_is_refused(shop: Shop, currency: str, amount: int, code: str) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    asked = shop.asked_back(amount)
    await shop.hears(asked.model_copy(update={"amount": asked.amount.model_copy(update={"currency": currency})}))
    await shop.rests()
    [failed] = [fact for fact in await shop.facts() if isinstance(fact, RefundFailed)]
    assert failed.code == code
    assert shop.books() == (0, TOTAL, 0)


async def test_a_refund_waits_for_the_capture_under_way(shop: Shop) -> None:
    await shop.holds()
    shop.psp.misbehave("timeout_done")
    await shop.ships(TOTAL)
    await shop.hears(shop.asked_back(500))
    assert not any("Refund" in told for told in await shop.told())
    await shop.rests()
    assert (await shop.told())[1:] == [f"PaymentCaptured {TOTAL}", "PaymentRefunded 500"]


async def test_a_refund_of_an_order_that_is_not_known_waits(shop: Shop) -> None:
    await shop.hears(shop.asked_back(500))
    await shop.works()
    assert await shop.told() == []
    await shop.holds()
    await shop.ships(TOTAL)
    await shop.rests()
    assert (await shop.told())[-1] == "PaymentRefunded 500"


async def test_a_refund_of_nothing_fails_after_an_hour(shop: Shop) -> None:
    await shop.hears(shop.asked_back(500))
    for _ in range(6):
        await shop.rests()
    assert await shop.told() == ["RefundFailed 500"]


@pytest.mark.parametrize("fault", ["timeout_done", "timeout_lost", "error"])
async def test_an_unknown_outcome_is_asked_for(shop: Shop, fault: str) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    await shop.hears(shop.asked_back(500))
    shop.psp.misbehave(fault, 3)  # type: ignore[arg-type]
    await shop.rests()
    assert shop.books() == (0, TOTAL, 500)
    assert (await shop.told()).count("PaymentRefunded 500") == 1


async def test_a_final_refusal_fails_it_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.holds()
    await shop.ships(TOTAL)

    async def refuses(*_: object) -> Refused:
        return Refused("charge_disputed")

    with monkeypatch.context() as patched:
        patched.setattr(shop.psp, "refund", refuses)
        await _refunded(shop, 500)
    assert (await shop.told())[2:] == ["RefundFailed 500"]
    await _refunded(shop, TOTAL)
    assert (await shop.told())[3:] == [f"PaymentRefunded {TOTAL}"], "what failed is free to be given back"


async def test_a_refusal_for_now_is_another_wish_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    keys: list[str] = []
    give = shop.psp.refund

    async def refuses_twice(payment: object, reference: str, amount: object, key: str) -> object:
        keys.append(key)
        return Refused("balance_insufficient") if len(keys) <= 2 else await give(payment, reference, amount, key)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.psp, "refund", refuses_twice)
    refund = shop.asked_back(500)
    await shop.hears(refund)
    await shop.rests()
    [payment_id] = await shop.row("payment_id")
    first = f"refund-{refund.refund_id}-{payment_id}"
    assert keys == [first, f"{first}-1", f"{first}-2"]
    assert (await shop.told())[2:] == ["PaymentRefunded 500"]


async def test_where_a_part_is_refused_both_are_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.holds()
    [change] = await shop.holds_more(500)
    await shop.ships(TOTAL, 500)
    give = shop.psp.refund

    async def refuses_the_main_payment(payment: object, reference: str, amount: object, key: str) -> object:
        if getattr(payment, "change_id", None) is None:
            return Refused("charge_disputed")
        return await give(payment, reference, amount, key)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.psp, "refund", refuses_the_main_payment)
    await _refunded(shop, 800)
    assert (await shop.told())[-2:] == ["PaymentRefunded 500", "RefundFailed 300"]
    assert shop.booked(change).refunded == 500


async def test_a_cancelled_order_gets_the_rest_back(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(1000)
    await shop.hears(shop.asked_back(400))
    shop.psp.misbehave("timeout_done")
    await shop.works("give_back")
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert shop.books() == (0, 1000, 1000)
    assert (await shop.told())[2:] == ["PaymentRefunded 400", "PaymentRefunded 600"]
    await _refunded(shop, 100)
    assert (await shop.told())[-1] == "RefundFailed 100"


async def test_a_cancelled_order_whose_money_is_back_already_is_answered(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    await _refunded(shop, TOTAL)
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert (await shop.told())[2:] == [f"PaymentRefunded {TOTAL}", "PaymentVoided 0"]


async def test_twenty_refunds_at_once_give_back_no_more_than_was_taken(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    asked = [shop.asked_back(TOTAL // 10, new_id()) for _ in range(20)]
    await asyncio.gather(*(perform(shop.database, handlers.request_refund, one) for one in asked))
    await asyncio.gather(*(shop.works("give_back") for _ in range(3)))
    await shop.rests()
    assert shop.books() == (0, TOTAL, TOTAL)
    told = await shop.told()
    assert told.count("PaymentRefunded 300") == 10
    assert told.count("RefundFailed 300") == 10
    balance = Counter[str]()
    async with shop.database.transaction() as transaction:
        for row in await transaction.fetch("SELECT * FROM ledger_entry WHERE order_id = $1", shop.order_id):
            balance[row["debit"]] += row["amount"]
            balance[row["credit"]] -= row["amount"]
    assert sum(balance.values()) == 0
    assert balance["customer_receivable"] == balance["psp_receivable"] == 0
    assert (balance["revenue"], balance["refunds"]) == (-TOTAL, TOTAL)
