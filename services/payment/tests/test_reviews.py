"""Risky orders as stories: assessed whichever fact comes first, reviewed, rejected, cancelled meanwhile, or left to time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import payment
from chassis.database import Database
from chassis.domain import NotFoundError, new_id
from chassis.reactions import Erased
from chassis.testing import Hands, PostgresServer, SettableClock, perform, service_database, told
from contracts.inventory import StockReserved
from contracts.order import OrderContacts
from contracts.payment import PaymentDeclined, PaymentReviewed, PaymentReviewRequired, PaymentVoided, ReviewDecision
from contracts.types import Allocation, Line
from payment import handlers
from payment.api.risk import SetRiskRules, set_risk_rules
from payment.gateway import Absent, Declined
from payment.model import Marker, ReviewDecidedError, RiskTerms
from payment.store import AuthorizationDue, DecideReview, ReviewDue

from . import risky
from .shop import Shop, euros

pytestmark = pytest.mark.database

APPROVE, REJECT = ReviewDecision.APPROVE, ReviewDecision.REJECT
RULES: dict[str, Any] = {
    "rules": [
        {"kind": "disposable_mail", "domains": ["mailinator.com"], "points": 60},
        {"kind": "address_mismatch", "points": 40},
        {"kind": "velocity", "by": "device", "window_seconds": 3600, "at_least": 3, "points": 60},
        {"kind": "velocity", "by": "ip", "window_seconds": 3600, "at_least": 2, "of": "declines", "points": 60},
        {"kind": "quantity_above", "units": 50, "points": 90},
        {"kind": "allow_list", "by": "card", "values": ["tok_trusted"]},
    ],
    "review_at": 60,
    "reject_at": 90,
    "shadow": False,
}


@pytest.fixture(scope="module")
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """Open a fresh database whose process knows a secret, with rules of this module's own."""
    async with service_database(postgres, payment, SettableClock()) as database:
        knows_a_secret(database)
        await perform(database, set_risk_rules, SetRiskRules(RULES, 1))
        yield database


def knows_a_secret(database: Database, default: ReviewDecision = REJECT) -> None:
    database.remembered[RiskTerms] = RiskTerms(Marker("secret of the test"), default=default)


def risk(shop: Shop, **facts: Any) -> OrderContacts:
    """Tell that the shop's order was placed under risky circumstances."""
    return risky.contacts(shop.order_id, "alice", **facts)


async def reviewed(shop: Shop, decision: ReviewDecision, reason: str = "looked at it") -> None:
    await perform(
        shop.database, handlers.decide_review, DecideReview(shop.order_id, decision, reason), actor="fraud_reviewer:rita"
    )


async def in_review(shop: Shop) -> None:
    await shop.hears(risk(shop, mail=risky.DISPOSABLE), shop.reserved())
    await shop.works()
    assert names(await shop.facts()) == ["PaymentReviewRequired"]


def names(facts: list[Any]) -> list[str]:
    return [type(fact).__name__ for fact in facts]


@pytest.mark.parametrize("contacts_first", [True, False])
@pytest.mark.parametrize("handed_over", [True, False])
@pytest.mark.parametrize(
    ("facts", "expected", "held"),
    [
        ({}, "PaymentAuthorized", 3000),
        ({"mail": risky.DISPOSABLE}, "PaymentReviewRequired", 3000),
        ({"mail": risky.DISPOSABLE, "abroad": True}, "PaymentDeclined", 0),
    ],
)
async def test_the_verdict_is_the_same_whichever_fact_comes_first(
    shop: Shop,
    facts: dict[str, Any],
    expected: str,
    held: int,
    contacts_first: bool,  # noqa: FBT001 - a scenario
    handed_over: bool,  # noqa: FBT001 - a scenario
) -> None:
    events: list[Any] = [risk(shop, **facts), shop.reserved()]
    idle, shop.database.workforce = shop.database.workforce, Hands(room=5 if handed_over else 0)
    await shop.hears(*(events if contacts_first else events[::-1]))
    hands, shop.database.workforce = shop.database.workforce, idle
    assert isinstance(hands, Hands)
    for due in hands.begun.get("authorize", []):
        await perform(shop.database, handlers.note_authorization, await handlers.authorize(due, shop.psp))
    await shop.works()
    assert names(await shop.facts()) == [expected]
    assert shop.books() == (held, 0, 0)
    await shop.hears(*events)
    await shop.works()
    assert names(await shop.facts()) == [expected], "said once"


async def test_a_trusted_card_is_asked_for_whatever_else_is_said(shop: Shop) -> None:
    await shop.hears(risk(shop, mail=risky.DISPOSABLE, abroad=True, token="tok_trusted"), shop.reserved())
    await shop.works()
    assert await shop.row("verdict, score, spoken", "assessment") == (("approve", 0, ["allow_list_card"]),)
    [fact] = await shop.facts()
    assert isinstance(fact, PaymentDeclined)
    assert fact.code == "resource_missing", "the PSP was asked, and does not know this card"


async def test_what_is_too_risky_is_declined_without_the_psp(shop: Shop) -> None:
    calls = shop.psp.calls
    await shop.hears(risk(shop, mail=risky.DISPOSABLE, abroad=True), shop.reserved())
    await shop.works()
    [fact] = await shop.facts()
    assert isinstance(fact, PaymentDeclined)
    assert (fact.code, fact.amount) == ("fraud_rejected", euros(3000))
    assert shop.psp.calls == calls
    assert await shop.row("purpose", "psp_attempt") == (), "nothing was asked of it"
    await shop.hears(shop.cancelled())
    assert names(await shop.facts()) == ["PaymentDeclined", "PaymentVoided"]


async def test_quantity_is_counted_over_warehouses_and_what_waits_for_stock(shop: Shop) -> None:
    parts = [Allocation(warehouse_id=name, lines=[Line(product_id="MUG", quantity=20)]) for name in ("north", "south")]
    waits = [Line(product_id="MUG", quantity=11), Line(product_id="PEN", quantity=50)]
    reserved = StockReserved(**shop.order, total_amount=euros(3000), allocations=parts, backordered=waits)
    await shop.hears(risk(shop), reserved)
    await shop.works()
    assert await shop.row("verdict, most_units", "assessment") == (("reject", 51),)


async def test_approved_review_is_told_as_an_authorisation(shop: Shop) -> None:
    await in_review(shop)
    [required] = await shop.facts()
    assert isinstance(required, PaymentReviewRequired)
    assert (required.score, required.facts) == (60, ["disposable_mail"])
    await reviewed(shop, APPROVE)
    await shop.works()
    assert names(await shop.facts()) == ["PaymentReviewRequired", "PaymentReviewed", "PaymentAuthorized"]
    assert await shop.row("state, decided_by, reason", "review") == (("approved", "fraud_reviewer:rita", "looked at it"),)
    assert shop.books() == (3000, 0, 0)


async def test_rejected_review_lets_the_money_go(shop: Shop) -> None:
    await in_review(shop)
    await reviewed(shop, REJECT)
    await shop.works()
    facts = await shop.facts()
    assert names(facts) == ["PaymentReviewRequired", "PaymentReviewed", "PaymentDeclined"]
    assert isinstance(facts[1], PaymentReviewed)
    assert isinstance(facts[2], PaymentDeclined)
    assert (facts[1].decision, facts[1].by_deadline, facts[2].code) == (REJECT, False, "fraud_rejected")
    assert shop.books() == (0, 0, 0)
    await shop.hears(shop.cancelled())
    voided = (await shop.facts())[-1]
    assert isinstance(voided, PaymentVoided)
    assert voided.amount == euros(3000)


async def test_rejection_and_cancellation_before_the_psp_has_let_go(shop: Shop) -> None:
    await in_review(shop)
    await reviewed(shop, REJECT)
    await shop.hears(shop.cancelled())
    await shop.works()
    assert names(await shop.facts())[-1] == "PaymentVoided"
    assert names(await shop.facts()).count("PaymentVoided") == 1
    assert shop.books() == (0, 0, 0)


async def test_a_review_is_decided_once(shop: Shop) -> None:
    await in_review(shop)
    outcomes = await asyncio.gather(*(reviewed(shop, one) for one in (APPROVE, REJECT) * 3), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert all(isinstance(outcome, ReviewDecidedError) for outcome in refused)
    assert names(await shop.facts()).count("PaymentReviewed") == 1
    assert isinstance(refused[0], ReviewDecidedError)
    assert refused[0].facts["decided_by"] == "fraud_reviewer:rita"


async def test_a_cancellation_meanwhile_wins(shop: Shop) -> None:
    await in_review(shop)
    await shop.hears(shop.cancelled())
    with pytest.raises(ReviewDecidedError):
        await reviewed(shop, APPROVE)
    await shop.works()
    assert names(await shop.facts()) == ["PaymentReviewRequired", "PaymentVoided"]
    assert shop.books() == (0, 0, 0)
    shop.clock.forward(hours=5)
    await shop.works()
    assert await shop.row("state, reason", "review") == (("closed", "order cancelled"),)
    assert names(await shop.facts()) == ["PaymentReviewRequired", "PaymentVoided"]


async def test_a_cancellation_that_races_a_decision_is_answered_in_every_case(shop: Shop) -> None:
    await in_review(shop)
    await asyncio.gather(reviewed(shop, APPROVE), shop.hears(shop.cancelled()), return_exceptions=True)
    await shop.works()
    assert names(await shop.facts()).count("PaymentVoided") == 1
    assert shop.books() == (0, 0, 0)


async def test_a_cancellation_before_the_psp_answered_opens_no_review(shop: Shop) -> None:
    await shop.hears(risk(shop, mail=risky.DISPOSABLE), shop.reserved())
    async with shop.database.transaction() as transaction:
        [due] = await AuthorizationDue.claim(transaction, 10)
    outcome = await handlers.authorize(due, shop.psp)
    await shop.hears(shop.cancelled())
    await perform(shop.database, handlers.note_authorization, outcome)
    await shop.works()
    assert names(await shop.facts()) == ["PaymentVoided"]
    assert await shop.row("state", "review") == ()


@pytest.mark.parametrize(("default", "last"), [(REJECT, "PaymentDeclined"), (APPROVE, "PaymentAuthorized")])
async def test_what_nobody_decides_in_time_the_default_decides(shop: Shop, default: ReviewDecision, last: str) -> None:
    knows_a_secret(shop.database, default)
    await in_review(shop)
    shop.clock.forward(hours=3, minutes=59)
    assert await shop.works("decide_by_default") == 0
    shop.clock.forward(minutes=2)
    assert await shop.works("decide_by_default") == 1
    facts = await shop.facts()
    assert names(facts) == ["PaymentReviewRequired", "PaymentReviewed", last]
    assert isinstance(facts[1], PaymentReviewed)
    assert (facts[1].decision, facts[1].by_deadline) == (default, True)
    assert await shop.row("decided_by", "review") == ("deadline",)
    knows_a_secret(shop.database)


async def test_a_deadline_that_comes_with_a_decision_changes_nothing(shop: Shop) -> None:
    await in_review(shop)
    shop.clock.forward(hours=5)
    async with shop.database.transaction() as transaction:
        [due] = await ReviewDue.claim(transaction, 10)
    await reviewed(shop, APPROVE)
    assert await perform(shop.database, handlers.decide_by_default, due) == [[]]
    assert names(await shop.facts()) == ["PaymentReviewRequired", "PaymentReviewed", "PaymentAuthorized"]


async def test_an_order_that_is_in_no_review_cannot_be_decided(shop: Shop) -> None:
    await shop.holds()
    with pytest.raises(NotFoundError):
        await reviewed(shop, APPROVE)


async def test_an_unknown_answer_keeps_its_verdict(shop: Shop) -> None:
    await shop.hears(risk(shop, mail=risky.DISPOSABLE, token="tok_timeout_captured"), shop.reserved())
    await shop.works()
    assert await shop.facts() == []
    await perform(shop.database, set_risk_rules, SetRiskRules({**RULES, "rules": []}, None))
    shop.clock.forward(seconds=1.5)
    await shop.works()
    assert names(await shop.facts()) == ["PaymentReviewRequired"], "assessed once, by the rules of then"
    await perform(shop.database, set_risk_rules, SetRiskRules(RULES, None))


async def test_many_orders_from_one_device_are_noticed_within_and_across_batches(shop: Shop) -> None:
    device = f"device-{new_id()}"
    for batch in (2, 3):
        orders = [new_id() for _ in range(batch)]
        for order_id in orders:
            reserved = StockReserved(order_id=order_id, user_id="dora", total_amount=euros(3000), allocations=[])
            await shop.hears(risky.contacts(order_id, "dora", device=device), reserved)
        await shop.works()
        if batch == 3:
            found = [names(list(await told(shop.database, order_id))) for order_id in orders]
            assert sorted(found) == [["PaymentAuthorized"], ["PaymentReviewRequired"], ["PaymentReviewRequired"]]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Declined("card_declined"), "PaymentReviewRequired"),
        (Absent(), "PaymentAuthorized"),
        (Declined("processing_error"), "PaymentAuthorized"),
    ],
)
async def test_declines_are_counted_and_outages_are_not(shop: Shop, answer: Declined | Absent, expected: str) -> None:
    ip = f"203.0.113.{new_id()}"
    for order_id in (new_id(), new_id()):
        reserved = StockReserved(order_id=order_id, user_id="dan", total_amount=euros(3000), allocations=[])
        await shop.hears(risky.contacts(order_id, "dan", ip=ip), reserved)
        async with shop.database.transaction() as transaction:
            [due] = await AuthorizationDue.claim(transaction, 10)
        outcome = handlers.AuthorizationOutcome(order_id, due.payment_id, answer, due.assessment)
        await perform(shop.database, handlers.note_authorization, outcome)
        assert names(list(await told(shop.database, order_id))) == ["PaymentDeclined"]
    await shop.hears(risk(shop, ip=ip), shop.reserved())
    await shop.works()
    assert names(await shop.facts()) == [expected]


async def test_erasure_takes_the_marks_away(shop: Shop) -> None:
    await in_review(shop)
    assert (await shop.row("user_mark", "assessment"))[0] is not None
    await perform(shop.database, handlers.forget_instrument, Erased("order.contacts", str(shop.order_id)))
    assert await shop.row("user_mark, email_mark, domain_mark, card_mark", "assessment") == ((None, None, None, None),)
