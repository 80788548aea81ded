"""Reconciliation where not the PSP alone was paid: what our own means hold counts beside it, and a fault in either is named."""

from typing import Any

import pytest

from chassis.domain import new_id
from waybill.reconciliation.findings import Invariant

from .test_reconcile_money_and_stock import EARLIER, ORDER, SHIPMENT, World, named, world

__all__ = ["world"]
pytestmark = pytest.mark.database
CAPTURE = f"waybill:capture:{ORDER}:{SHIPMENT}"


async def hold(world: World, method: str, amount: int, reference: str, psp_reference: str | None = None, **more: Any) -> None:
    """Write down that one of our own means paid a part of the order, or all of it."""
    card_id = new_id() if method == "gift_card" else None
    if card_id is not None:
        await world.run(
            "payment",
            """INSERT INTO gift_card (gift_card_id, code_mark, hint, amount, balance, currency, issued_by, issued_at)
            VALUES ($1, 'mark', 'ABCD', $2, 0, 'EUR', 'test', $3)""",
            card_id,
            amount,
            EARLIER,
        )
    await world.run(
        "payment",
        """INSERT INTO own_hold (reference, order_id, method, gift_card_id, psp_reference, currency, amount, captured, rest,
        rest_captured, created_at) VALUES ($1, $2, $3, $4, $5, 'EUR', $6, $7, $8, $8, $9)""",
        reference,
        ORDER,
        method,
        card_id,
        psp_reference,
        amount,
        more.get("captured", amount),
        1000 - amount,
        EARLIER,
    )
    if more.get("captured", amount):
        await world.run(
            "payment",
            "INSERT INTO own_movement (key, reference, kind, amount, at) VALUES ($1, $2, 'capture', $3, $4)",
            CAPTURE,
            reference,
            amount,
            EARLIER,
        )
    paid_by = f"{psp_reference or ''}.{reference}"
    await world.run("payment", "UPDATE payment SET psp_reference = $2 WHERE order_id = $1", ORDER, paid_by)


def card_pays(world: World, amount: int) -> None:
    captures = [{"id": "c1", "amount": amount, "idempotency_key": CAPTURE}]
    world.psp[0].update(authorised=amount, captured=amount, captures=captures)


async def test_a_gift_card_and_a_card_pay_together(world: World) -> None:
    await hold(world, "gift_card", 400, "gift_1", "pi_1")
    card_pays(world, 600)
    assert named(await world.look()) == []
    card_pays(world, 500)
    assert any("1000/0/1000/0 in payments, 900/0/900/0 at the PSP" in one for one in named(await world.look()))


@pytest.mark.parametrize(("method", "reference"), [("gift_card", "gift_1"), ("bank_transfer", "WB-ABCDEFGH")])
async def test_what_no_card_has_a_part_in_is_not_missed_at_the_psp(world: World, method: str, reference: str) -> None:
    world.psp.clear()
    await hold(world, method, 1000, reference)
    assert named(await world.look()) == []
    await world.run("payment", "UPDATE own_hold SET captured = 0")
    assert any("at the PSP" in one for one in named(await world.look()))


async def test_cash_is_not_due_before_the_parcel_is_delivered(world: World) -> None:
    world.psp.clear()
    await hold(world, "cash_on_delivery", 1000, "cash_1")
    assert [one for one in named(await world.look()) if one.startswith(Invariant.MONEY_KEPT)] != [], "it is taken too early"


async def test_an_order_that_waits_for_its_customer_is_at_rest_until_its_time_is_over(world: World) -> None:
    async def under_way(deadline: str) -> list[str]:
        await world.run(
            "order",
            """UPDATE orders SET order_state = 'pending', payment_action = '{}', deadline_at = now() + $2::text::interval
            WHERE order_id = $1""",
            ORDER,
            deadline,
        )
        return [one for one in named(await world.look()) if one.startswith("at-rest")]

    await world.run("payment", "UPDATE payment SET status = 'pending', action = 'authorize', due_at = now() + interval '1 day'")
    assert await under_way("1 day") == []
    assert len(await under_way("-1 hour")) == 2
