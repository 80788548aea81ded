"""An order that changes, as a story: what is added is held beside the rest, what is taken out is let go, and all adds up."""

import asyncio

import pytest

from chassis.domain import new_id
from chassis.reactions import Erased
from chassis.testing import cause, eventually, perform
from contracts.order import ChangeKind
from contracts.payment import (
    AdditionAuthorized,
    AdditionDeclined,
    AdditionVoided,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentReduced,
    PaymentRefunded,
)
from payment import handlers
from payment.gateway import WebhookHeard
from payment.model import PaymentKey
from payment.store import AuthorizationDue, CaptureDue, CaptureStore, PaymentStore

from .shop import Shop, euros

pytestmark = pytest.mark.database
HELD = "PaymentAuthorized 3000"


# --- additions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contacts_first", [True, False])
async def test_addition_is_held_beside_the_rest(shop: Shop, contacts_first: bool) -> None:  # noqa: FBT001 - a scenario
    await shop.holds()
    change_id = new_id()
    facts = [shop.contacts("tok_ok", change_id), shop.added(change_id, 500)]
    await shop.hears(*(facts if contacts_first else facts[::-1]))
    await shop.works()
    assert await shop.told() == [HELD, "AdditionAuthorized 500"]
    told = (await shop.facts())[-1]
    assert isinstance(told, AdditionAuthorized)
    assert told.change_id == change_id
    assert await shop.row("change_id, status, authorized_amount") == (
        (None, "authorized", 3000),
        (change_id, "authorized", 500),
    )
    assert await shop.row("payment_id") != (told.payment_id, told.payment_id)
    assert shop.books() == (3500, 0, 0)
    assert await shop.row("token", "change_instrument") == ()


async def test_addition_waits_for_its_own_instrument(shop: Shop) -> None:
    await shop.hears(shop.reserved(), shop.contacts())
    await shop.works()
    change_id, other = new_id(), new_id()
    await shop.hears(shop.added(change_id), shop.contacts("tok_ok", other))
    assert await shop.works() == 0, "the instrument of another change pays for nothing here"
    await shop.hears(shop.contacts("tok_ok", change_id))
    assert await shop.works() == 1
    assert await shop.told() == [HELD, "AdditionAuthorized 500"]
    await shop.hears(shop.withdrawn(other))


async def test_addition_that_is_heard_of_again_is_held_once(shop: Shop) -> None:
    await shop.holds()
    [change_id] = await shop.holds_more(500)
    await shop.hears(shop.added(change_id), shop.contacts("tok_ok", change_id), shop.added(change_id))
    await shop.works()
    assert await shop.told() == [HELD, "AdditionAuthorized 500"]
    assert shop.books() == (3500, 0, 0)
    assert await shop.row("token", "change_instrument") == ()


async def test_declined_addition_leaves_the_main_payment_as_it_was(shop: Shop) -> None:
    await shop.holds()
    before = await shop.row("*", "ONLY payment")
    [change_id] = await shop.holds_more(500, token="tok_declined")
    told = (await shop.facts())[-1]
    assert isinstance(told, AdditionDeclined)
    assert (told.change_id, told.amount, told.code) == (change_id, euros(500), "card_declined")
    assert await shop.row("*", "ONLY payment") == before
    assert shop.books() == (3000, 0, 0)
    assert await shop.row("token", "change_instrument") == ()
    await shop.hears(shop.withdrawn(change_id))
    await shop.works()
    assert await shop.told() == [HELD, "AdditionDeclined 500", "AdditionVoided 0"]
    await shop.hears(shop.dispatched(3000))
    await shop.works()
    assert shop.books() == (0, 3000, 0)


async def test_addition_of_nothing_is_authorized_without_the_psp(shop: Shop) -> None:
    await shop.holds()
    calls, change_id = shop.psp.calls, new_id()
    await shop.hears(shop.contacts("tok_ok", change_id), shop.added(change_id, 0))
    assert await shop.told() == [HELD, "AdditionAuthorized 0"]
    assert await shop.works() == 0
    assert shop.psp.calls == calls
    assert await shop.row("token", "change_instrument") == ()
    await shop.hears(shop.withdrawn(change_id), shop.withdrawn(change_id))
    assert await shop.told() == [HELD, "AdditionAuthorized 0", "AdditionVoided 0"]
    assert shop.psp.calls == calls


async def test_withdrawn_addition_is_let_go_and_told_once(shop: Shop) -> None:
    await shop.holds()
    [change_id, kept] = await shop.holds_more(500, 700)
    shop.psp.misbehave("timeout_done")
    await shop.hears(shop.withdrawn(change_id), shop.withdrawn(change_id))
    assert "AdditionVoided 500" not in await shop.told(), "the PSP is asked before anything is told"
    await shop.rests()
    await shop.hears(shop.withdrawn(change_id), shop.added(change_id))
    await shop.rests()
    assert (await shop.told())[3:] == ["AdditionVoided 500"]
    assert [shop.booked(change_id).open, shop.booked(kept).open, shop.booked().open] == [0, 700, 3000]


async def test_withdrawal_that_overtakes_the_addition_bars_it(shop: Shop) -> None:
    await shop.holds()
    change_id, calls = new_id(), shop.psp.calls
    await shop.hears(shop.contacts("tok_ok", change_id), shop.withdrawn(change_id))
    assert await shop.told() == [HELD, "AdditionVoided 0"]
    assert await shop.row("token", "change_instrument") == (), "what will not be asked for is forgotten at once"
    await shop.hears(shop.added(change_id), shop.contacts("tok_ok", change_id), shop.withdrawn(change_id))
    assert await shop.works() == 0
    assert shop.psp.calls == calls
    assert await shop.told() == [HELD, "AdditionVoided 0"]
    assert await shop.row("token", "change_instrument") == (), "an instrument that comes too late is not kept"


async def test_withdrawal_before_the_psp_is_asked(shop: Shop) -> None:
    await shop.holds()
    change_id = new_id()
    await shop.hears(shop.added(change_id), shop.withdrawn(change_id), shop.contacts("tok_ok", change_id))
    assert await shop.works() == 0
    assert await shop.told() == [HELD, "AdditionVoided 0"]
    assert await shop.row("token", "change_instrument") == ()


@pytest.mark.parametrize(
    ("token", "voided"),
    [
        ("tok_timeout_captured", "AdditionVoided 500"),
        ("tok_timeout_lost", "AdditionVoided 500"),
        ("tok_timeout_failed", "AdditionVoided 0"),
    ],
)
async def test_withdrawal_waits_for_an_unknown_outcome(shop: Shop, token: str, voided: str) -> None:
    await shop.holds()
    [change_id] = await shop.holds_more(500, token=token)
    await shop.hears(shop.withdrawn(change_id))
    assert await shop.told() == [HELD]
    shop.clock.forward(seconds=1.5)
    await shop.works()
    assert await shop.told() == [HELD, voided]
    assert shop.books() == (3000, 0, 0)


@pytest.mark.parametrize(
    ("token", "fact"), [("tok_timeout_captured", "AdditionAuthorized 500"), ("tok_timeout_failed", "AdditionDeclined 500")]
)
async def test_unknown_outcome_of_an_addition_is_resolved_by_asking(shop: Shop, token: str, fact: str) -> None:
    await shop.holds()
    await shop.holds_more(500, token=token)
    assert await shop.told() == [HELD]
    await shop.rests()
    assert await shop.told() == [HELD, fact]


async def test_addition_withdrawn_while_the_psp_is_asked(shop: Shop) -> None:
    await shop.holds()
    change_id = new_id()
    await shop.hears(shop.contacts("tok_ok", change_id), shop.added(change_id))
    async with shop.database.transaction() as transaction:
        [due] = await AuthorizationDue.claim(transaction, 10)
    outcome = await handlers.authorize(due, shop.psp)
    await shop.hears(shop.withdrawn(change_id))
    await perform(shop.database, handlers.note_authorization, outcome, outcome)
    await shop.works()
    assert await shop.told() == [HELD, "AdditionVoided 500"], "an authorisation nobody may act on is not told"


async def test_notice_about_an_addition_asks_about_it_alone(shop: Shop) -> None:
    await shop.holds()
    [change_id] = await shop.holds_more(500)
    booked = shop.booked(change_id)
    booked.canceled, booked.open = True, 0
    calls = shop.psp.calls
    heard = WebhookHeard(PaymentKey(shop.order_id, change_id), "payment_intent.canceled", doubtful=True)
    await perform(shop.database, handlers.hear_webhook, heard)
    shop.clock.forward(seconds=3)
    await shop.works()
    assert shop.psp.calls == calls + 1
    assert await shop.row("status") == ("authorized", "lapsed")


# --- instruments ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decided", [True, False])
async def test_contacts_without_a_token_disturb_nothing(shop: Shop, decided: bool) -> None:  # noqa: FBT001 - a scenario
    await shop.hears(shop.contacts(), shop.reserved())
    if decided:
        await shop.works()
    change_id = new_id()
    await shop.hears(shop.contacts("", change_id), shop.contacts("", None))
    assert await shop.row("token", "change_instrument") == ()
    assert await shop.row("token", "instrument") == (() if decided else ("tok_ok",))
    await shop.hears(shop.contacts("tok_ok", change_id), shop.contacts("", change_id), shop.added(change_id))
    await shop.works()
    assert await shop.told() == [HELD, "AdditionAuthorized 500"]
    await shop.hears(shop.contacts("", change_id), shop.contacts(""))
    assert await shop.works() == 0
    assert (await shop.row("token", "instrument"), await shop.row("token", "change_instrument")) == ((), ())


async def test_cancelled_order_keeps_no_instrument_of_its_changes(shop: Shop) -> None:
    await shop.holds()
    change_id, other = new_id(), new_id()
    await shop.hears(shop.contacts("tok_ok", change_id), shop.cancelled(), shop.contacts("tok_ok", other))
    assert await shop.row("token", "change_instrument") == ()
    await shop.hears(shop.added(change_id))
    await shop.works()
    assert await shop.told() == [HELD, "PaymentVoided 3000"]


async def test_cancelled_order_keeps_the_instrument_of_what_was_asked_until_it_is_decided(shop: Shop) -> None:
    await shop.holds()
    await shop.holds_more(500, token="tok_timeout_lost")
    await shop.hears(shop.cancelled())
    assert await shop.row("token", "change_instrument") == ("tok_timeout_lost",), "it is asked for again with the same key"
    shop.clock.forward(seconds=1.5)
    await shop.works()
    assert await shop.told() == [HELD, "PaymentVoided 3500"]
    assert await shop.row("token", "change_instrument") == ()


async def test_erased_order_forgets_the_instruments_of_its_changes(shop: Shop) -> None:
    await shop.holds()
    change_id = new_id()
    await shop.hears(shop.contacts("tok_ok", change_id))
    await perform(shop.database, handlers.forget_instrument, Erased("order.contacts", str(shop.order_id)))
    assert await shop.row("token", "change_instrument") == ()
    await shop.hears(shop.added(change_id))
    assert await shop.works() == 0
    await shop.hears(shop.withdrawn(change_id))
    assert await shop.told() == [HELD, "AdditionVoided 0"]


async def test_instrument_waits_for_a_withdrawal_in_another_process(shop: Shop) -> None:
    await shop.holds()
    change_id = new_id()
    async with shop.database.transaction() as transaction:
        payments, captures = PaymentStore(transaction), CaptureStore(transaction)
        await payments.fetch([shop.withdrawn(change_id)])
        told = handlers.void_addition(shop.withdrawn(change_id), payments, captures, cause())
        await payments.flush()
        hearing = asyncio.create_task(shop.hears(shop.contacts("tok_ok", change_id)))

        async def waits() -> bool:
            rows = await shop.database.pool.fetch(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return bool(rows)

        await eventually(waits, "who keeps the instrument waits for the decision")
    await hearing
    assert told is not None
    assert await shop.row("token", "change_instrument") == ()


# --- reductions -----------------------------------------------------------------------------------------------------------


async def test_reduction_is_released_of_the_newest_payments_first(shop: Shop) -> None:
    await shop.holds()
    first, second = await shop.holds_more(500, 700)
    change = shop.changed(900, before=4200)
    await shop.hears(change, change)
    assert (await shop.told())[3:] == ["PaymentReduced 900"]
    told = (await shop.facts())[-1]
    assert isinstance(told, PaymentReduced)
    assert (told.change_id, told.due) == (change.change_id, euros(3300))
    assert await shop.row("released_amount, status") == ((0, "authorized"), (200, "authorized"), (700, "voiding"))
    async with shop.database.transaction() as transaction:
        entries = await transaction.fetch(
            "SELECT amount FROM ledger_entry WHERE order_id = $1 AND entry = 'release' AND reference = $2 ORDER BY amount",
            shop.order_id,
            change.change_id,
        )
    assert [row["amount"] for row in entries] == [200, 700]
    await shop.works()
    assert (shop.booked(second).canceled, shop.booked(first).open) == (True, 500), "a part is let go with the last capture"
    assert await shop.told() == [HELD, "AdditionAuthorized 500", "AdditionAuthorized 700", "PaymentReduced 900"]
    await shop.hears(shop.dispatched(3300))
    await shop.works()
    assert shop.books() == (0, 3300, 0)
    assert await shop.row("status") == ("captured", "captured", "voided")


@pytest.mark.parametrize("kind", [ChangeKind.ADDITION, ChangeKind.ADDRESS])
async def test_other_changes_let_nothing_go(shop: Shop, kind: ChangeKind) -> None:
    await shop.holds()
    await shop.hears(shop.changed(900, kind=kind))
    assert await shop.works() == 0
    assert await shop.told() == [HELD]
    assert (await shop.row("released_amount"), await shop.row("*", "reduction")) == ((0,), ())


@pytest.mark.parametrize("kind", [ChangeKind.REDUCTION, ChangeKind.REST_CANCELLED])
async def test_each_change_reduces_once(shop: Shop, kind: ChangeKind) -> None:
    await shop.holds()
    change, other = shop.changed(400, kind=kind), shop.changed(100, kind=kind, before=2600)
    await shop.hears(change, other)
    await shop.hears(change, other, change)
    assert (await shop.told())[1:] == ["PaymentReduced 400", "PaymentReduced 100"]
    assert await shop.row("released_amount") == (500,)
    await shop.hears(shop.dispatched(2500))
    await shop.works()
    assert shop.books() == (0, 2500, 0)


async def test_change_of_no_money_is_answered_too(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.changed(0))
    assert (await shop.told())[1:] == ["PaymentReduced 0"]
    assert await shop.works() == 0


async def test_rest_cancelled_lets_go_what_no_parcel_takes(shop: Shop) -> None:
    await shop.holds()
    parcel = shop.dispatched(1000)
    await shop.hears(parcel)
    await shop.works()
    await shop.hears(shop.changed(2000, kind=ChangeKind.REST_CANCELLED))
    await shop.works()
    assert (await shop.told())[1:] == ["PaymentCaptured 1000", "PaymentReduced 2000"]
    assert await shop.row("status, captured_amount, refunded_amount") == (("captured", 1000, 0),)
    assert shop.books() == (0, 1000, 0), "what was taken stays, the rest is let go"


async def test_reduction_never_takes_what_a_parcel_under_way_is_due(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.dispatched(2500), shop.changed(500))
    assert (await shop.told())[1:] == ["PaymentReduced 500"]
    await shop.works()
    assert (await shop.told())[2:] == ["PaymentCaptured 2500"]
    assert shop.books() == (0, 2500, 0)


async def test_reduction_between_the_question_and_its_answer_is_let_go_afterwards(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.dispatched(2500))
    async with shop.database.transaction() as transaction:
        [due] = await CaptureDue.claim(transaction, 10)
    outcome = await handlers.capture(due, shop.psp)
    assert due.final is False
    await shop.hears(shop.changed(500))
    await perform(shop.database, handlers.note_capture, outcome)
    await shop.rests()
    assert await shop.row("status") == ("captured",)
    assert shop.books() == (0, 2500, 0)


# --- captures -------------------------------------------------------------------------------------------------------------


async def test_parcel_is_drawn_of_several_payments_and_told_once(shop: Shop) -> None:
    await shop.holds()
    first, second = await shop.holds_more(500, 700)
    await shop.hears(shop.dispatched(2000))
    await shop.works()
    parcel = shop.dispatched(1800)
    await shop.hears(parcel, parcel)
    await shop.works()
    captured = [fact for fact in await shop.facts() if isinstance(fact, PaymentCaptured)]
    assert [(fact.amount.amount, fact.captured.amount) for fact in captured] == [(2000, 2000), (1800, 3800)]
    taken = [shop.booked().captured, shop.booked(first).captured, shop.booked(second).captured]
    assert (taken, shop.booked(second).open) == ([3000, 500, 300], 400)
    assert len(await shop.row("payment_id", "draw")) == 4
    await shop.hears(shop.dispatched(400))
    await shop.works()
    assert shop.books() == (0, 4200, 0)
    assert await shop.row("status") == ("captured", "captured", "captured")


async def test_parcels_and_their_parts_are_taken_one_after_the_other(shop: Shop) -> None:
    await shop.holds()
    await shop.holds_more(500)
    await shop.hears(shop.dispatched(3200), shop.dispatched(300))
    seen = []
    for _ in range(3):
        async with shop.database.transaction() as transaction:
            [due] = await CaptureDue.claim(transaction, 10)
        async with shop.database.transaction() as transaction:
            assert await CaptureDue.claim(transaction, 10) == [], "one at a time"
        seen.append((due.amount.amount, due.final))
        await perform(shop.database, handlers.note_capture, await handlers.capture(due, shop.psp))
    assert seen == [(3000, True), (200, False), (300, True)]
    assert shop.books() == (0, 3500, 0)


async def test_refused_part_fails_the_parcel_once(shop: Shop) -> None:
    await shop.holds()
    [change_id] = await shop.holds_more(500)
    booked = shop.booked(change_id)
    booked.canceled, booked.open = True, 0
    parcel = shop.dispatched(3300)
    await shop.hears(parcel)
    await shop.works()
    await shop.hears(parcel)
    assert await shop.works() == 0
    told = (await shop.facts())[2:]
    assert [type(fact) for fact in told] == [PaymentCaptureFailed]
    [failed] = told
    assert isinstance(failed, PaymentCaptureFailed)
    assert (failed.shipment_id, failed.amount) == (parcel.shipment_id, euros(300)), "so much is still to be had"
    assert shop.books()[1] == 3000
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert (await shop.told())[3:] == ["PaymentRefunded 3000"]


async def test_part_with_unknown_outcome_is_taken_once(shop: Shop) -> None:
    await shop.holds()
    await shop.holds_more(500)
    shop.psp.misbehave("timeout_done")
    await shop.hears(shop.dispatched(3500))
    await shop.works()
    shop.psp.misbehave("timeout_lost")
    await shop.rests()
    assert (await shop.told())[2:] == ["PaymentCaptured 3500"]
    assert shop.books() == (0, 3500, 0)


async def test_parcel_waits_for_an_addition_that_is_not_decided_yet(shop: Shop) -> None:
    await shop.holds()
    change_id = new_id()
    await shop.hears(shop.added(change_id), shop.dispatched(3500))
    assert await shop.works() == 0
    await shop.hears(shop.contacts("tok_ok", change_id))
    await shop.works()
    assert (await shop.told())[1:] == ["AdditionAuthorized 500", "PaymentCaptured 3500"]


# --- cancellation ---------------------------------------------------------------------------------------------------------


async def test_cancellation_gives_back_additions_too_and_is_answered_once(shop: Shop) -> None:
    await shop.holds()
    await shop.holds_more(500, 700)
    await shop.hears(shop.cancelled(), shop.cancelled())
    await shop.works()
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert (await shop.told())[3:] == ["PaymentVoided 4200"]
    assert shop.books() == (0, 0, 0)


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        ("tok_timeout_captured", "PaymentVoided 3500"),
        ("tok_timeout_failed", "PaymentVoided 3000"),
        ("tok_error", "PaymentVoided 3000"),
    ],
)
async def test_cancellation_waits_for_an_addition_of_unknown_outcome(shop: Shop, token: str, answer: str) -> None:
    await shop.holds()
    await shop.holds_more(500, token=token)
    await shop.hears(shop.cancelled())
    await shop.works()
    assert await shop.told() == [HELD], "the answer speaks for all payments"
    await shop.rests()
    assert await shop.told() == [HELD, answer]
    assert shop.books() == (0, 0, 0)


async def test_addition_of_a_cancelled_order_is_barred(shop: Shop) -> None:
    await shop.holds()
    change_id = new_id()
    await shop.hears(shop.contacts("tok_ok", change_id), shop.cancelled(), shop.added(change_id), shop.cancelled())
    await shop.rests()
    assert await shop.told() == [HELD, "PaymentVoided 3000"]
    assert shop.books() == (0, 0, 0)
    assert await shop.row("status") == ("voided", "voided")


async def test_cancellation_refunds_each_payment_that_was_taken(shop: Shop) -> None:
    await shop.holds()
    first, second = await shop.holds_more(500, 700)
    await shop.hears(shop.dispatched(3200))
    await shop.works()
    shop.psp.misbehave("timeout_done")
    await shop.hears(shop.cancelled())
    await shop.rests()
    told = (await shop.facts())[4:]
    assert [type(fact) for fact in told] == [PaymentRefunded]
    [refunded] = told
    assert isinstance(refunded, PaymentRefunded)
    assert (refunded.amount, refunded.refunded) == (euros(3200), euros(3200))
    assert [shop.booked(one).refunded for one in (None, first, second)] == [3000, 200, 0]
    assert shop.books() == (0, 3200, 3200)


async def test_cancellation_between_two_parts_of_a_parcel_takes_no_more(shop: Shop) -> None:
    await shop.holds()
    await shop.holds_more(500)
    await shop.hears(shop.dispatched(3500))
    async with shop.database.transaction() as transaction:
        [due] = await CaptureDue.claim(transaction, 10)
    outcome = await handlers.capture(due, shop.psp)
    await shop.hears(shop.cancelled())
    assert len(await shop.told()) == 2, "the part that was asked for comes first"
    await perform(shop.database, handlers.note_capture, outcome)
    await shop.rests()
    assert sorted((await shop.told())[2:]) == ["PaymentCaptureFailed 500", "PaymentRefunded 3000"]
    assert shop.books() == (0, 3000, 3000)


async def test_withdrawn_addition_and_cancellation_are_each_answered_once(shop: Shop) -> None:
    await shop.holds()
    [change_id] = await shop.holds_more(500)
    await shop.hears(shop.withdrawn(change_id), shop.cancelled())
    await shop.rests()
    await shop.hears(shop.withdrawn(change_id), shop.cancelled())
    await shop.rests()
    assert sorted((await shop.told())[2:]) == ["AdditionVoided 500", "PaymentVoided 3000"]
    voided = [fact for fact in await shop.facts() if isinstance(fact, AdditionVoided)]
    assert [fact.change_id for fact in voided] == [change_id]
