"""Whatever the order of facts, calls and answers, whatever is lost or comes again: the money ends right.

Random schedules of one order's facts (repeated, reordered), of claims, answers that are delayed, lost or heard twice, of faults
of the PSP, webhooks and passing time, run on a real database. When all is told and nothing is due any more, the books hold.
"""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import payment
from chassis import batch
from chassis.batch import Item
from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import PostgresServer, SettableClock, perform, service_database, told, work
from contracts import Event
from contracts.inventory import StockReserved
from contracts.order import CancelReason, OrderCancelled, OrderContacts, ShipmentDispatched
from contracts.types import Address, Contact, Money, PaymentInstrument
from payment import handlers
from payment.gateway import PspGateway, StubPsp, WebhookHeard
from payment.store import audit

pytestmark = pytest.mark.database

TOTAL = 3000
PARCELS = (1000, 2000, 2500)
HOME = Address(name="Alice", line1="1 Main Street", city="Berlin", postal_code="10115", country="DE")
TOKENS = ["tok_ok", "tok_declined", "tok_error", "tok_timeout_captured", "tok_timeout_lost", "tok_timeout_failed"]
STEPS = [
    "contacts", "reserved", "cancelled", "parcel 0", "parcel 1", "parcel 2",
    "call authorize", "call authorize", "call capture", "call void", "call refund", "call inquire",
    "answer", "answer", "answer again", "lose answer", "crash authorize", "crash capture",
    "fault timeout_done", "fault timeout_lost", "fault error", "webhook", "second", "lease",
]  # fmt: skip
HELD = ["contacts", "reserved", "call authorize", "answer"]
BEGINNINGS = [
    [],
    ["contacts", "reserved", "call authorize"],
    HELD,
    [*HELD, "parcel 0", "parcel 1"],
    [*HELD, "parcel 0", "fault timeout_done", "call capture", "answer"],
    [*HELD, "parcel 0", "call capture"],
    [*HELD, "cancelled"],
]


class Schedule:
    """One order, told to payment step by step."""

    def __init__(self, database: Database, clock: SettableClock, token: str) -> None:
        self.database = database
        self.clock = clock
        self.psp = StubPsp()
        self.order_id = new_id()
        self.heard: set[str] = set()
        self._answers: list[tuple[Any, Any]] = []
        self._facts = self._make_facts(token)

    def _make_facts(self, token: str) -> dict[str, Event]:
        order: dict[str, Any] = {"order_id": self.order_id, "user_id": "alice"}
        total = Money(amount=TOTAL, currency="EUR")
        instrument = PaymentInstrument(method="card", token=token)
        contact = Contact(email="alice@example.org")
        facts: dict[str, Event] = {
            "contacts": OrderContacts(
                **order, contact=contact, shipping_address=HOME, billing_address=HOME, payment=instrument
            ),
            "reserved": StockReserved(**order, total_amount=total, allocations=[]),
            "cancelled": OrderCancelled(**order, reason=CancelReason.CUSTOMER, total_amount=total),
        }
        for number, amount in enumerate(PARCELS):
            money = Money(amount=amount, currency="EUR")
            facts[f"parcel {number}"] = ShipmentDispatched(
                **order, shipment_id=UUID(int=self.order_id.int ^ number), warehouse_id="north", lines=[], amount=money
            )
        return facts

    async def take(self, step: str) -> None:
        """Let one thing happen."""
        kind, _, name = step.partition(" ")
        if step in self._facts:
            await self.hear(step)
        elif kind in {"call", "crash"}:
            await self._call(name, lost=kind == "crash")
        elif kind == "fault":
            self.psp.misbehave(name)  # type: ignore[arg-type]
        elif kind == "webhook":
            await perform(
                self.database, handlers.hear_webhook, WebhookHeard(self.order_id, "payment_intent.canceled", doubtful=True)
            )
        elif kind == "second":
            self.clock.forward(seconds=1.1)
        elif kind == "lease":
            self.clock.forward(seconds=21)
        elif self._answers:
            await self._answer(step)

    async def hear(self, fact: str) -> None:
        """Hear a fact of another service, as an event of its own."""
        self.heard.add(fact)
        event = self._facts[fact]
        await perform(self.database, handlers.react.functions[type(event)].call, event)

    async def _call(self, name: str, *, lost: bool) -> None:
        job = handlers.jobs.jobs[name]
        async with self.database.transaction() as transaction:
            claimed = await job.due.claim(transaction, 10)
        if job.call is not None and not lost:
            self._answers += [(await job.call(due, self.psp), due.cause) for due in claimed]

    async def _answer(self, step: str) -> None:
        outcome, cause = self._answers[0] if step == "answer again" else self._answers.pop(0)
        if step != "lose answer":
            await batch.run(self.database, [Item(outcome, handlers.jobs.outcomes[type(outcome)], cause)])

    async def finish(self) -> None:
        """Tell what was not told, answer what was asked, and let time pass until nothing is due."""
        for fact in ("contacts", "reserved"):
            if fact not in self.heard:
                await self.hear(fact)
        while self._answers:
            await self._answer("answer")
        if not self.psp.books and "cancelled" not in self.heard and await self._waits():
            await self.hear("cancelled")  # the order service's deadline
        for _ in range(10):
            await work(self.database, handlers.jobs, {PspGateway: self.psp})
            self.clock.forward(seconds=61)

    async def _waits(self) -> bool:
        await work(self.database, handlers.jobs, {PspGateway: self.psp})
        return not await told(self.database, self.order_id)


@pytest.fixture(scope="module")
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    async with service_database(postgres, payment, SettableClock()) as database:
        yield database


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    beginning=st.sampled_from(BEGINNINGS),
    steps=st.lists(st.sampled_from(STEPS), max_size=25),
    cancelled_after=st.one_of(st.none(), st.integers(min_value=0, max_value=6)),
    token=st.one_of(st.just("tok_ok"), st.sampled_from(TOKENS)),
)
async def test_money_ends_right(
    database: Database, beginning: list[str], steps: list[str], cancelled_after: int | None, token: str
) -> None:
    clock = database.clock
    assert isinstance(clock, SettableClock)
    schedule = Schedule(database, clock, token)
    if cancelled_after is not None:
        steps = [*steps[:cancelled_after], "cancelled", *steps[cancelled_after:]]
    for step in [*beginning, *steps]:
        await schedule.take(step)
    await schedule.finish()
    await check(schedule)


async def check(schedule: Schedule) -> None:
    """Compare facts, database and the PSP's books."""
    facts = Counter(type(fact).__name__ for fact in await told(schedule.database, schedule.order_id))
    async with schedule.database.transaction() as transaction:
        [row] = await transaction.fetch("SELECT * FROM payment WHERE order_id = $1", schedule.order_id)
        captures = await transaction.fetch("SELECT * FROM capture WHERE order_id = $1", schedule.order_id)
        tokens = await transaction.fetch("SELECT 1 FROM instrument WHERE order_id = $1", schedule.order_id)
    async with schedule.database.reading() as session:
        books = await audit(session)
    answers = facts["PaymentVoided"] + facts["PaymentRefunded"]
    assert books.violations == []
    assert row["due_at"] is None, f"something is due for ever: {dict(row)}"
    assert answers == ("cancelled" in schedule.heard), "a cancellation has exactly one answer, and nothing else has one"
    assert facts["PaymentAuthorized"] + facts["PaymentDeclined"] <= 1
    assert all(capture["due_at"] is None for capture in captures)
    assert len(captures) == sum(fact.startswith("parcel") for fact in schedule.heard)
    assert facts["PaymentCaptured"] + facts["PaymentCaptureFailed"] == len(captures), "each parcel has exactly one answer"
    assert tokens == []
    assert len(schedule.psp.books) <= 1, "the PSP was never asked for the same money twice"
    for held in schedule.psp.books.values():
        assert held.captured <= held.authorized
        assert (held.captured, held.refunded) == (row["captured_amount"], row["refunded_amount"])
        assert held.open == row["authorized_amount"] - row["captured_amount"] - row["released_amount"]
        if "cancelled" in schedule.heard:
            assert (held.open, held.captured) == (0, held.refunded), "nothing is kept of a cancelled order"


@pytest.mark.parametrize(
    "steps",
    [
        ["reserved", "contacts", "call authorize", "cancelled", "answer", "call void", "cancelled", "answer", "answer again"],
        ["contacts", "reserved", "crash authorize", "cancelled", "lease", "call authorize", "answer"],
        ["contacts", "reserved", "call authorize", "answer", "parcel 0", "call capture", "cancelled", "answer", "call void"],
        ["parcel 0", "cancelled", "reserved", "contacts"],
        [*HELD, "parcel 0", "fault timeout_done", "call capture", "answer", "cancelled"],
        [*HELD, "parcel 0", "fault timeout_lost", "call capture", "answer", "cancelled", "call void"],
        [
            "contacts",
            "reserved",
            "call authorize",
            "answer",
            "parcel 1",
            "parcel 2",
            "parcel 0",
            "webhook",
            "lease",
            "cancelled",
        ],
    ],
)
async def test_schedules_worth_remembering(database: Database, steps: list[str]) -> None:
    clock = database.clock
    assert isinstance(clock, SettableClock)
    schedule = Schedule(database, clock, "tok_ok")
    for step in steps:
        await schedule.take(step)
    await schedule.finish()
    await check(schedule)
