"""An order's money as a story: facts in any order, a PSP that fails, and what payment tells in the end."""

from uuid import UUID

import pytest

from chassis.reactions import Erased
from chassis.testing import hear_again, perform
from contracts.payment import PaymentCaptured, PaymentCaptureFailed, PaymentDeclined
from payment import handlers
from payment.gateway import Refused, WebhookHeard
from payment.model import PaymentKey
from payment.store import AuthorizationDue, CaptureDue, VoidDue

from .shop import Shop

pytestmark = pytest.mark.database


@pytest.mark.parametrize("contacts_first", [True, False])
async def test_total_is_held_whichever_comes_first(shop: Shop, contacts_first: bool) -> None:  # noqa: FBT001 - a scenario
    facts = [shop.contacts(), shop.reserved()]
    await shop.hears(facts[0] if contacts_first else facts[1])
    assert await shop.works() == 0, "half of what is needed asks nothing"
    await shop.hears(facts[1] if contacts_first else facts[0])
    assert await shop.works() == 1
    assert await shop.told() == ["PaymentAuthorized 3000"]
    assert shop.books() == (3000, 0, 0)
    assert await shop.row("token", "instrument") == (), "a decided payment needs no instrument"


async def test_every_fact_three_times_is_as_good_as_once(shop: Shop) -> None:
    assert await hear_again(shop.database, handlers.note_instrument, shop.contacts(), 3) == [1, 0, 0]
    assert await hear_again(shop.database, handlers.authorize_payment, shop.reserved(), 3) == [1, 0, 0]
    await shop.hears(shop.reserved(), shop.contacts(), shop.reserved())
    await shop.works()
    parcel = shop.dispatched(3000)
    await shop.hears(parcel, parcel, parcel)
    await shop.works()
    await shop.hears(shop.contacts(), shop.reserved())
    await shop.works()
    assert await shop.told() == ["PaymentAuthorized 3000", "PaymentCaptured 3000"]
    assert shop.books() == (0, 3000, 0)
    assert await shop.row("token", "instrument") == ()


async def test_order_cancelled_before_anything_is_barred(shop: Shop) -> None:
    await shop.hears(shop.cancelled(), shop.reserved(), shop.contacts())
    assert await shop.works() == 0
    assert shop.psp.calls == 0
    assert await shop.told() == ["PaymentVoided 0"]
    assert await shop.row("token", "instrument") == ()


async def test_order_cancelled_before_the_reservation_needs_no_instrument(shop: Shop) -> None:
    await shop.hears(shop.contacts(), shop.cancelled(), shop.reserved())
    assert await shop.works() == 0
    assert await shop.told() == ["PaymentVoided 0"]
    assert await shop.row("token", "instrument") == ()


async def test_order_cancelled_before_the_instrument_is_known(shop: Shop) -> None:
    await shop.hears(shop.reserved(), shop.cancelled(), shop.contacts())
    assert await shop.works() == 0
    assert await shop.told() == ["PaymentVoided 0"]


async def test_decline_is_told_and_a_cancellation_after_it_answered(shop: Shop) -> None:
    await shop.holds("tok_declined")
    await shop.hears(shop.cancelled(), shop.cancelled())
    await shop.works()
    assert await shop.told() == ["PaymentDeclined 3000", "PaymentVoided 0"]


async def test_instrument_nobody_knows_is_a_decline(shop: Shop) -> None:
    await shop.holds("tok_of_nobody")
    [fact] = await shop.facts()
    assert isinstance(fact, PaymentDeclined)
    assert fact.code == "resource_missing"


async def test_held_money_is_let_go_when_the_order_is_cancelled(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.cancelled())
    assert await shop.told() == ["PaymentAuthorized 3000"], "the PSP is asked before anything is told"
    await shop.works()
    assert await shop.told() == ["PaymentAuthorized 3000", "PaymentVoided 3000"]
    assert shop.books() == (0, 0, 0)


@pytest.mark.parametrize(
    ("token", "fact", "held"),
    [
        ("tok_timeout_captured", "PaymentAuthorized 3000", 3000),
        ("tok_timeout_lost", "PaymentAuthorized 3000", 3000),
        ("tok_timeout_failed", "PaymentDeclined 3000", 0),
    ],
)
async def test_unknown_outcome_is_resolved_by_asking(shop: Shop, token: str, fact: str, held: int) -> None:
    await shop.holds(token)
    assert await shop.told() == [], "nothing is told that is not known"
    shop.clock.forward(seconds=1.5)
    assert await shop.works() == 1
    assert await shop.told() == [fact]
    assert shop.books() == (held, 0, 0)


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        ("tok_timeout_captured", "PaymentVoided 3000"),
        ("tok_timeout_lost", "PaymentVoided 3000"),
        ("tok_timeout_failed", "PaymentVoided 0"),
    ],
)
async def test_cancellation_waits_for_an_unknown_outcome(shop: Shop, token: str, answer: str) -> None:
    await shop.holds(token)
    await shop.hears(shop.cancelled())
    assert await shop.told() == []
    shop.clock.forward(seconds=1.5)
    await shop.works()
    assert await shop.told() == [answer]
    assert shop.books() == (0, 0, 0)


async def test_order_cancelled_while_the_psp_is_asked(shop: Shop) -> None:
    await shop.hears(shop.contacts(), shop.reserved())
    async with shop.database.transaction() as transaction:
        [due] = await AuthorizationDue.claim(transaction, 10)
    outcome = await handlers.authorize(due, shop.psp)
    await shop.hears(shop.cancelled())
    await perform(shop.database, handlers.note_authorization, outcome)
    await shop.works()
    assert await shop.told() == ["PaymentVoided 3000"], "an authorisation nobody may act on is not told"
    assert shop.books() == (0, 0, 0)


async def test_process_lost_after_the_psp_said_yes(shop: Shop) -> None:
    await shop.hears(shop.contacts(), shop.reserved())
    async with shop.database.transaction() as transaction:
        [due] = await AuthorizationDue.claim(transaction, 10)
    await handlers.authorize(due, shop.psp)
    assert await shop.works() == 0, "the lease holds"
    shop.clock.forward(seconds=21)
    assert await shop.works() == 1
    assert await shop.told() == ["PaymentAuthorized 3000"]
    assert len([one for one in shop.psp.books.values() if one.order_id == shop.order_id]) == 1


async def test_outcome_that_comes_twice_is_told_once(shop: Shop) -> None:
    await shop.hears(shop.contacts(), shop.reserved())
    async with shop.database.transaction() as transaction:
        [due] = await AuthorizationDue.claim(transaction, 10)
    outcome = await handlers.authorize(due, shop.psp)
    await perform(shop.database, handlers.note_authorization, outcome, outcome)
    await perform(shop.database, handlers.note_authorization, outcome)
    assert await shop.told() == ["PaymentAuthorized 3000"]


async def test_psp_that_only_fails_leaves_nothing_behind_a_cancellation(shop: Shop) -> None:
    await shop.holds("tok_error")
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert await shop.told() == ["PaymentVoided 0"]
    [result] = (await shop.row("result", "psp_attempt"))[-1:]
    assert result == "absent", "it was asked about, not assumed"


async def test_psp_that_fails_is_asked_again_while_the_order_stands(shop: Shop) -> None:
    await shop.holds("tok_error")
    for _ in range(5):
        shop.clock.forward(seconds=61)
        assert await shop.works() == 1
    assert await shop.told() == []
    await shop.hears(shop.cancelled())


async def test_erased_instrument_is_forgotten_and_the_payment_waits_for_its_order(shop: Shop) -> None:
    await shop.hears(shop.contacts())
    await perform(shop.database, handlers.forget_instrument, Erased("order.contacts", str(shop.order_id)))
    await shop.hears(shop.reserved())
    assert await shop.works() == 0
    await shop.hears(shop.cancelled())
    assert await shop.told() == ["PaymentVoided 0"]


@pytest.mark.parametrize(
    ("token", "fact"), [("tok_timeout_captured", "PaymentAuthorized 3000"), ("tok_timeout_lost", "PaymentDeclined 3000")]
)
async def test_instrument_erased_while_the_outcome_is_unknown(shop: Shop, token: str, fact: str) -> None:
    await shop.holds(token)
    await perform(shop.database, handlers.forget_instrument, Erased("order.contacts", str(shop.order_id)))
    await shop.rests()
    assert await shop.told() == [fact], "what was done is found out without the token; what was not is not done any more"


async def test_parcels_are_captured_in_parts(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.dispatched(1000))
    await shop.works()
    await shop.hears(shop.dispatched(500), shop.dispatched(1500))
    await shop.works()
    captured = [fact for fact in await shop.facts() if isinstance(fact, PaymentCaptured)]
    assert [(fact.amount.amount, fact.captured.amount) for fact in captured] == [(1000, 1000), (500, 1500), (1500, 3000)]
    assert shop.books() == (0, 3000, 0)
    assert await shop.row("status, action") == (("captured", None),)


async def test_captures_of_an_order_go_one_after_the_other(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.dispatched(1000), shop.dispatched(2000))
    async with shop.database.transaction() as transaction:
        first = await CaptureDue.claim(transaction, 10)
    async with shop.database.transaction() as transaction:
        second = await CaptureDue.claim(transaction, 10)
    assert ([(due.amount.amount, due.final) for due in first], list(second)) == ([(1000, False)], [])
    shop.clock.forward(seconds=21)
    await shop.works()
    assert shop.books() == (0, 3000, 0)


async def test_more_than_the_total_is_not_captured(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.dispatched(2000), shop.dispatched(1001), shop.dispatched(1000))
    await shop.works()
    assert await shop.told() == [
        "PaymentAuthorized 3000",
        "PaymentCaptureFailed 1001",
        "PaymentCaptured 2000",
        "PaymentCaptured 1000",
    ]
    assert shop.books() == (0, 3000, 0)


async def test_parcel_heard_of_before_the_money_is_held(shop: Shop) -> None:
    await shop.hears(shop.dispatched(3000))
    assert await shop.works() == 0
    await shop.holds()
    await shop.works()
    assert await shop.told() == ["PaymentAuthorized 3000", "PaymentCaptured 3000"]


async def test_parcel_of_a_cancelled_order_is_not_captured(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.cancelled(), shop.dispatched(1000))
    await shop.works()
    assert sorted(await shop.told()) == ["PaymentAuthorized 3000", "PaymentCaptureFailed 1000", "PaymentVoided 3000"]
    assert shop.books() == (0, 0, 0)


async def test_capture_with_unknown_outcome_happens_once(shop: Shop) -> None:
    await shop.holds()
    shop.psp.misbehave("timeout_done")
    await shop.hears(shop.dispatched(3000))
    await shop.rests()
    assert await shop.told() == ["PaymentAuthorized 3000", "PaymentCaptured 3000"]
    assert shop.books() == (0, 3000, 0)


async def test_cancellation_waits_for_a_capture_with_unknown_outcome(shop: Shop) -> None:
    await shop.holds()
    shop.psp.misbehave("timeout_done")
    await shop.hears(shop.dispatched(1000))
    await shop.works()
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert await shop.told() == ["PaymentAuthorized 3000", "PaymentCaptured 1000", "PaymentRefunded 1000"]
    assert shop.books() == (0, 1000, 1000)


async def test_capture_the_psp_refuses_is_told_for_a_person(shop: Shop) -> None:
    await shop.holds()
    await shop.psp.void(PaymentKey(shop.order_id), shop.reference)
    await shop.hears(shop.dispatched(3000))
    await shop.works()
    fact = (await shop.facts())[-1]
    assert isinstance(fact, PaymentCaptureFailed)
    assert fact.code == "payment_intent_unexpected_state"
    await shop.rests()
    assert await shop.row("status, released_amount") == (("voided", 3000),), "nothing is kept that nobody asks for again"


async def test_captured_money_goes_back_when_the_order_is_cancelled(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.dispatched(3000))
    await shop.works()
    shop.psp.misbehave("timeout_done")
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert (await shop.told())[2:] == ["PaymentRefunded 3000"]
    assert shop.books() == (0, 3000, 3000)


@pytest.mark.parametrize("fault", ["timeout_done", "timeout_lost", "error"])
async def test_void_with_unknown_outcome_is_told_once(shop: Shop, fault: str) -> None:
    await shop.holds()
    shop.psp.misbehave(fault, 3)  # type: ignore[arg-type]
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert await shop.told() == ["PaymentAuthorized 3000", "PaymentVoided 3000"]
    assert shop.books() == (0, 0, 0)


async def test_void_the_psp_refuses_stays_due_and_says_why(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.holds()
    await shop.hears(shop.cancelled())

    async def refuses(*_: object) -> Refused:
        return Refused("charge_under_review")

    with monkeypatch.context() as patched:
        patched.setattr(shop.psp, "void", refuses)
        await shop.works()
    assert await shop.row("status, action, code") == (("voiding", "void", "charge_under_review"),)


async def test_money_taken_after_the_cancellation_goes_back_once_and_an_operator_is_told(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.cancelled())
    shop.psp.take_unasked(shop.reference)
    await shop.rests()
    assert (await shop.told())[1:] == ["PaymentIncident 3000", "PaymentRefunded 3000"]
    assert shop.books() == (0, 3000, 3000)


async def test_money_that_a_change_had_let_go_goes_back_too_when_it_is_taken_after_the_cancellation(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.changed(500), shop.cancelled())
    shop.psp.take_unasked(shop.reference)
    await shop.rests()
    assert (await shop.told())[2:] == ["PaymentIncident 3000", "PaymentRefunded 3000"]
    assert shop.books() == (0, 3000, 3000)


async def test_money_taken_after_a_part_was_is_told_for_itself(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.dispatched(1000))
    await shop.works()
    await shop.hears(shop.cancelled())
    shop.psp.take_unasked(shop.reference)
    await shop.rests()
    assert (await shop.told())[2:] == ["PaymentIncident 2000", "PaymentRefunded 3000"]


async def test_outcome_of_a_void_that_comes_twice_is_told_once(shop: Shop) -> None:
    await shop.holds()
    await shop.hears(shop.cancelled())
    async with shop.database.transaction() as transaction:
        [due] = await VoidDue.claim(transaction, 10)
    outcome = await handlers.void(due, shop.psp)
    await perform(shop.database, handlers.note_void, outcome, outcome)
    assert await shop.told() == ["PaymentAuthorized 3000", "PaymentVoided 3000"]


def notice(order_id: UUID, kind: str = "payment_intent.canceled", *, doubtful: bool = True) -> WebhookHeard:
    return WebhookHeard(PaymentKey(order_id), kind, doubtful)


async def test_notice_makes_us_ask_and_a_standing_hold_stands(shop: Shop) -> None:
    await shop.holds()
    await perform(shop.database, handlers.hear_webhook, notice(shop.order_id), notice(shop.order_id))
    shop.clock.forward(seconds=3)
    assert await shop.works() == 1
    assert await shop.row("status, action") == (("authorized", None),)


async def test_hold_that_the_psp_let_go_lapses_and_cancels_cleanly(shop: Shop) -> None:
    await shop.holds()
    shop.psp.books[shop.reference].canceled = True
    shop.psp.books[shop.reference].open = 0
    await perform(shop.database, handlers.hear_webhook, notice(shop.order_id))
    shop.clock.forward(seconds=3)
    await shop.works()
    assert await shop.row("status, released_amount") == (("lapsed", 3000),)
    await shop.hears(shop.dispatched(1000))
    await shop.works()
    await shop.hears(shop.cancelled())
    await shop.works()
    assert (await shop.told())[1:] == ["ReauthorizationDeclined 3000", "PaymentCaptureFailed 1000", "PaymentVoided 0"]


async def test_notice_about_an_unknown_order_or_a_voided_one_changes_nothing(shop: Shop) -> None:
    await perform(shop.database, handlers.hear_webhook, notice(shop.order_id))
    await shop.hears(shop.cancelled())
    before = await shop.row("*")
    await perform(shop.database, handlers.hear_webhook, notice(shop.order_id))
    assert await shop.row("*") == before
    assert await shop.works() == 0


async def test_token_stands_in_no_table_but_its_own(shop: Shop) -> None:
    await shop.hears(shop.contacts("tok_timeout_captured"), shop.reserved())
    await shop.works()
    async with shop.database.transaction() as transaction:
        tables = await transaction.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'instrument'"
        )
        for table in tables:
            name = table["tablename"]
            found = await transaction.fetch(f"SELECT 1 FROM {name} t WHERE t::text LIKE '%tok\\_%' LIMIT 1")
            assert found == [], f"a token is in {name}"
    await shop.rests()
    assert await shop.told() == ["PaymentAuthorized 3000"]


async def test_facts_continue_what_caused_them(shop: Shop) -> None:
    await shop.holds()
    async with shop.database.transaction() as transaction:
        causes = await transaction.fetch("SELECT causation_id FROM payment WHERE order_id = $1", shop.order_id)
        told_by = await transaction.fetch(
            "SELECT causation_id, correlation_id FROM outbox WHERE aggregateid = $1", str(shop.order_id)
        )
    assert causes[0]["causation_id"] is not None
    assert [(row["causation_id"], row["correlation_id"]) for row in told_by] == [
        (causes[0]["causation_id"], str(shop.order_id))
    ]
