"""Holds that near their end: held anew first and let go then, once, whatever happens between; else told in time."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from chassis.testing import perform
from payment import handlers
from payment.gateway import Authorized, Refused
from payment.gateway.stub import Fault
from payment.handlers import RenewalOutcome
from payment.store import RenewalDue

from .shop import OK, TOTAL, Shop

pytestmark = pytest.mark.database
WEEK = timedelta(days=7)
DAY = timedelta(days=1)
FAULTS: list[Fault] = ["timeout_done", "timeout_lost", "error"]


@pytest.fixture(autouse=True)
async def _ends(shop: Shop) -> AsyncIterator[None]:
    """Have no order's hold renewed in the stories of others."""
    yield
    await shop.hears(shop.cancelled())


async def _holds_for(shop: Shop, time: timedelta, token: str = OK) -> None:
    shop.psp.holds_until = shop.clock() + time
    await shop.holds(token)


async def _a_day_before(shop: Shop) -> None:
    """Let time pass until a hold is to be renewed, and have it asked for."""
    shop.clock.forward(seconds=(WEEK - DAY).total_seconds() + 1)
    shop.psp.holds_until = shop.clock() + WEEK
    await perform_expiry(shop)


async def perform_expiry(shop: Shop) -> None:
    await shop.works("renew_expiring")


async def _holds(shop: Shop) -> list[tuple[int, bool]]:
    """List what the PSP was ever asked to hold, and whether it holds it still."""
    return [(one.authorized, one.open > 0) for one in shop.psp.books.values() if one.order_id == shop.order_id]


async def test_a_day_before_a_hold_lapses_it_is_held_anew_and_then_let_go(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    shop.clock.forward(seconds=(WEEK - DAY).total_seconds() - 1)
    await shop.works()
    assert await _holds(shop) == [(TOTAL, True)]
    shop.clock.forward(seconds=2)
    shop.psp.holds_until = shop.clock() + WEEK
    await shop.works()
    assert await _holds(shop) == [(TOTAL, False), (TOTAL, True)]
    assert await shop.told() == [f"PaymentAuthorized {TOTAL}"], "nobody need know"
    await shop.ships(TOTAL)
    assert (await shop.told())[1:] == [f"PaymentCaptured {TOTAL}"]
    assert shop.books() == (0, TOTAL, 0)


async def test_a_renewed_hold_is_renewed_in_turn(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    for count in (2, 3):
        await _a_day_before(shop)
        await shop.works()
        assert await _holds(shop) == [(TOTAL, False)] * (count - 1) + [(TOTAL, True)]


async def test_only_what_is_still_to_be_taken_is_held_anew(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    await shop.ships(1000)
    await shop.hears(shop.changed(500))
    await _a_day_before(shop)
    await shop.works()
    assert await _holds(shop) == [(TOTAL, False), (1500, True)]
    await shop.ships(1500)
    assert shop.books() == (0, 2500, 0)


@pytest.mark.parametrize("shipped", [1000, TOTAL])
async def test_what_leaves_while_the_psp_is_asked_is_not_held_twice(shop: Shop, shipped: int) -> None:
    await _holds_for(shop, WEEK)
    await _a_day_before(shop)
    await shop.ships(shipped)
    await shop.works()
    assert shop.books()[1:] == (shipped, 0)
    rest = TOTAL - shipped
    if rest:
        await shop.ships(rest)
    await shop.rests()
    assert shop.books() == (0, TOTAL, 0)


async def test_a_capture_under_way_comes_first(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    shop.clock.forward(seconds=(WEEK - DAY).total_seconds() + 1)
    await shop.hears(shop.dispatched(1000))
    await shop.works("renew_expiring")
    assert await shop.row("status") == ("authorized",), "what is left is known after the capture only"
    await shop.works("capture")
    shop.clock.forward(seconds=21)
    await shop.works()
    assert await _holds(shop) == [(TOTAL, False), (2000, True)]


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_unknown_answer_is_asked_for_with_the_same_key(shop: Shop, fault: Fault) -> None:
    await _holds_for(shop, WEEK)
    await _a_day_before(shop)
    shop.psp.misbehave(fault)
    await shop.works()
    shop.clock.forward(seconds=2)
    await shop.works()
    assert await _holds(shop) == [(TOTAL, False), (TOTAL, True)]


async def test_the_process_may_die_between_the_new_hold_and_letting_go_of_the_old(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    await _a_day_before(shop)
    async with shop.database.transaction() as transaction:
        [due] = [one for one in await RenewalDue.claim(transaction, 100) if one.key.order_id == shop.order_id]
    await handlers.renew(due, shop.psp)  # and nothing of it was written down
    shop.clock.forward(seconds=21)
    await shop.works("renew")
    assert await _holds(shop) == [(TOTAL, True), (TOTAL, True)], "and here again, before the old one is let go"
    await shop.works()
    assert await _holds(shop) == [(TOTAL, False), (TOTAL, True)]


async def test_an_answer_that_comes_again_changes_nothing(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    await _a_day_before(shop)
    await shop.works()
    before = await shop.row("payment_id, status, authorized_amount, released_amount")
    [_, renewal] = await shop.row("payment_id")
    assert isinstance(renewal, UUID)
    await perform(shop.database, handlers.note_renewal, RenewalOutcome(shop.order_id, renewal, Authorized("stub_again")))
    assert await shop.row("payment_id, status, authorized_amount, released_amount") == before


async def test_nothing_is_held_of_an_order_that_was_cancelled_meanwhile(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    await _a_day_before(shop)
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert shop.books() == (0, 0, 0)
    assert (await shop.told())[1:] == [f"PaymentVoided {TOTAL}"]


async def test_a_cancelled_order_lets_go_of_what_was_held_anew_and_tells_it_once(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    await _a_day_before(shop)
    await shop.works("renew")
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert shop.books() == (0, 0, 0)
    assert (await shop.told())[1:] == [f"PaymentVoided {TOTAL}"]


async def test_where_the_psp_declines_it_is_told_and_the_old_hold_stands(shop: Shop) -> None:
    await _holds_for(shop, WEEK, "tok_once")
    await shop.ships(1000)
    await _a_day_before(shop)
    await shop.works()
    assert (await shop.told())[2:] == ["ReauthorizationDeclined 2000"]
    await shop.ships(2000)
    assert shop.books() == (0, TOTAL, 0)


@pytest.mark.parametrize("pending", [True, False])
async def test_a_hold_that_lapses_early_is_told_unless_another_one_is_on_its_way(shop: Shop, pending: bool) -> None:  # noqa: FBT001
    await _holds_for(shop, WEEK)
    if pending:
        await _a_day_before(shop)
    old = shop.booked()
    old.canceled, old.open = True, 0
    await shop.hears_webhook(doubtful=True)
    await shop.works("inquire")
    await shop.works()
    if pending:
        assert await shop.told() == [f"PaymentAuthorized {TOTAL}"]
        await shop.ships(TOTAL)
        assert shop.books() == (0, TOTAL, 0)
    else:
        assert (await shop.told())[1:] == [f"ReauthorizationDeclined {TOTAL}"]


async def test_an_addition_is_renewed_like_the_order_and_withdrawn_with_it(shop: Shop) -> None:
    shop.psp.holds_until = shop.clock() + WEEK
    await shop.holds()
    [change_id] = await shop.holds_more(500)
    await _a_day_before(shop)
    await shop.works()
    assert sorted(await _holds(shop)) == [(500, False), (500, True), (TOTAL, False), (TOTAL, True)]
    await shop.hears(shop.withdrawn(change_id))
    await shop.works()
    assert [one for one in await _holds(shop) if one[1]] == [(TOTAL, True)]
    assert [one for one in await shop.told() if "Addition" in one] == ["AdditionAuthorized 500", "AdditionVoided 0"]


@pytest.mark.parametrize("end", ["captured", "cancelled"])
async def test_nothing_is_renewed_where_nothing_is_to_be_taken(shop: Shop, end: str) -> None:
    await _holds_for(shop, WEEK)
    await shop.hears(shop.dispatched(TOTAL) if end == "captured" else shop.cancelled())
    await shop.rests()
    shop.clock.forward(seconds=WEEK.total_seconds())
    await shop.works()
    assert len(await _holds(shop)) == 1


@pytest.mark.parametrize("refused", [1000, TOTAL])
async def test_what_was_refused_of_a_hold_is_let_go_and_not_held_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    async def refuses(*_: object, **__: object) -> Refused:
        return Refused("card_declined")

    await _holds_for(shop, WEEK)
    with monkeypatch.context() as patched:
        patched.setattr(shop.psp, "capture", refuses)
        await shop.ships(refused)
    await shop.works()
    for _ in range(2):
        await _a_day_before(shop)
        await shop.works()
    held = [amount for amount, still in await _holds(shop) if still]
    assert held == ([TOTAL - refused] if refused < TOTAL else []), "no shipment asks for it again"
    assert (await shop.told())[1:] == [f"PaymentCaptureFailed {refused}"]


async def test_what_is_refused_while_the_psp_is_asked_is_let_go_of_the_new_hold(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object, **__: object) -> Refused:
        return Refused("card_declined")

    await _holds_for(shop, WEEK)
    await _a_day_before(shop)
    monkeypatch.setattr(shop.psp, "capture", refuses)
    await shop.hears(shop.dispatched(1000))
    await shop.works("capture")
    await shop.works()
    assert await shop.row("released_amount, replaced_at IS NULL") == ((TOTAL, False), (1000, True))


async def test_what_a_gift_card_holds_a_part_of_is_put_before_a_person(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    async with shop.database.transaction() as transaction:
        await transaction.fetch(
            "UPDATE payment SET psp_reference = psp_reference || '.gift_1' WHERE order_id = $1", shop.order_id
        )
    await _a_day_before(shop)
    assert (await shop.told())[1:] == [f"PaymentIncident {TOTAL}"]
    async with shop.database.transaction() as transaction:
        await transaction.fetch(
            "UPDATE payment SET psp_reference = replace(psp_reference, '.gift_1', '') WHERE order_id = $1", shop.order_id
        )
