"""Whatever the order of facts, calls and answers, whatever is lost or comes again: the money ends right.

Random schedules of one order's facts (repeated, reordered), of its changes, of claims, answers that are delayed, lost or heard
twice, of faults of the PSP, webhooks and passing time, run on a real database. When all is told and nothing is due any more,
the books hold; and so they do when several replicas do all of it at once.
"""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis import batch
from chassis.batch import Item
from chassis.database import TRANSIENT, Database
from chassis.domain import new_id
from chassis.testing import THOROUGHLY, SettableClock, perform
from contracts import Event
from contracts.payment import PaymentRefunded, PaymentVoided, RefundFailed
from payment import handlers
from payment.gateway import WebhookHeard
from payment.model import PaymentKey
from payment.store import audit

from .shop import OK, Shop

pytestmark = pytest.mark.database

INTERLEAVED = settings(
    max_examples=30 * THOROUGHLY,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

PARCELS = (1000, 2000, 2500)
ADDED = (500, 0)
LESS = 400
TOKENS = ["tok_ok", "tok_declined", "tok_error", "tok_timeout_captured", "tok_timeout_lost", "tok_timeout_failed"]
STEPS = [
    "contacts", "reserved", "cancelled", "parcel 0", "parcel 1", "parcel 2",
    "call authorize", "call authorize", "call capture", "call void", "call refund", "call inquire", "call draw",
    "answer", "answer", "answer again", "lose answer", "crash authorize", "crash capture",
    "fault timeout_done", "fault timeout_lost", "fault error", "webhook", "webhook 0", "second", "lease",
]  # fmt: skip
CHANGES = ["pays 0", "added 0", "withdrawn 0", "pays 1", "added 1", "withdrawn 1", "reduced", "readdressed"]
REFUNDS = (700, 1500, 2500)
GIVING_BACK = [
    "back 0", "back 1", "back 2", "back 0", "call allot", "call give_back", "call give_back", "crash give_back",
    "taken unasked",
]  # fmt: skip
HELD = ["contacts", "reserved", "call authorize", "answer"]
MORE = [*HELD, "pays 0", "added 0", "call authorize", "answer"]
BEGINNINGS = [
    [],
    ["contacts", "reserved", "call authorize"],
    HELD,
    [*HELD, "parcel 0", "parcel 1"],
    [*HELD, "parcel 0", "fault timeout_done", "call capture", "answer"],
    [*HELD, "parcel 0", "call capture"],
    [*HELD, "cancelled"],
]
BEGINNINGS_OF_CHANGES = [
    HELD,
    [*HELD, "pays 0", "added 0", "call authorize"],
    MORE,
    [*MORE, "added 1", "parcel 0", "call capture", "answer"],
    [*MORE, "parcel 2", "call capture", "answer", "parcel 0", "call capture"],
    [*MORE, "reduced"],
    [*MORE, "withdrawn 0", "call void"],
]
TAKEN = [*HELD, "parcel 0", "call capture", "answer", "parcel 1", "call capture", "answer"]
BEGINNINGS_OF_REFUNDS = [
    HELD,
    TAKEN,
    [*TAKEN, "back 0", "back 1", "call give_back"],
    [*TAKEN, "back 2", "fault timeout_done", "call give_back", "answer", "cancelled"],
    [*HELD, "parcel 1", "fault timeout_done", "call capture", "answer", "back 1"],
    [*MORE, "parcel 2", "call capture", "answer", "parcel 0", "call capture", "answer", "back 1", "call give_back"],
]


class Schedule(Shop):
    """One order, told to payment step by step."""

    def __init__(self, database: Database, clock: SettableClock, token: str, token_of_additions: str = OK) -> None:
        super().__init__(database, clock)
        self.heard: set[str] = set()
        self.changes = [new_id() for _ in ADDED]
        self._answers: list[tuple[Any, Any]] = []
        self._facts: dict[str, Event] = {
            "contacts": self.contacts(token),
            "reserved": self.reserved(),
            "cancelled": self.cancelled(),
            "reduced": self.changed(LESS),
            "readdressed": self.contacts(""),
            **{f"parcel {number}": self.dispatched(amount) for number, amount in enumerate(PARCELS)},
            **{f"back {number}": self.asked_back(amount) for number, amount in enumerate(REFUNDS)},
        }
        for number, (change_id, difference) in enumerate(zip(self.changes, ADDED, strict=True)):
            self._facts |= {
                f"pays {number}": self.contacts(token_of_additions, change_id),
                f"added {number}": self.added(change_id, difference),
                f"withdrawn {number}": self.withdrawn(change_id),
            }

    async def take(self, step: str) -> None:
        """Let one thing happen."""
        kind, _, name = step.partition(" ")
        if step in self._facts:
            await self.hear(step)
        elif kind == "taken":
            await self._take_unasked()
        elif kind == "webhook" and name:
            await self._notice(PaymentKey(self.order_id, self.changes[int(name)]))
        elif kind in {"call", "crash"}:
            await self._call(name, lost=kind == "crash")
        elif kind == "fault":
            self.psp.misbehave(name)  # type: ignore[arg-type]
        elif kind == "webhook":
            await self._notice(PaymentKey(self.order_id))
        elif kind == "second":
            self.clock.forward(seconds=1.1)
        elif kind == "lease":
            self.clock.forward(seconds=21)
        elif self._answers:
            await self._answer(step)

    async def hear(self, fact: str) -> None:
        """Hear a fact of another service, as an event of its own."""
        self.heard.add(fact)
        await self.hears(self._facts[fact])

    async def _take_unasked(self) -> None:
        """Have somebody take, at the PSP, what is being let go of a cancelled order."""
        async with self.database.transaction() as transaction:
            rows = await transaction.fetch("SELECT * FROM payment WHERE order_id = $1", self.order_id)
        for row in rows:
            letting_go = row["status"] == "voiding" and row["withdrawn_at"] is None and "cancelled" in self.heard
            if letting_go and self.psp.books[row["psp_reference"]].open:
                self.psp.take_unasked(row["psp_reference"])

    async def _notice(self, key: PaymentKey) -> None:
        heard = WebhookHeard(key, "payment_intent.canceled", doubtful=True)
        await perform(self.database, handlers.hear_webhook, heard)

    async def _call(self, name: str, *, lost: bool) -> None:
        job = handlers.jobs.jobs[name]
        async with self.database.transaction() as transaction:
            claimed = await job.due.claim(transaction, 10)
        if job.heard_by is not None:
            await batch.run(self.database, [Item(due, job.heard_by, due.cause) for due in claimed])
        elif job.call is not None and not lost:
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
        for number in range(len(ADDED)):
            if {f"pays {number}", f"added {number}"} & self.heard and f"withdrawn {number}" not in self.heard:
                for fact in (f"pays {number}", f"added {number}"):
                    if fact not in self.heard:
                        await self.hear(fact)
                if await self._waits_for(self.changes[number]):
                    await self.hear(f"withdrawn {number}")
        await self.rests()

    async def _waits(self) -> bool:
        await self.works()
        return not await self.facts()

    async def _waits_for(self, change_id: UUID) -> bool:
        await self.works()
        return not any(getattr(fact, "change_id", None) == change_id for fact in await self.facts())


@INTERLEAVED
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


@INTERLEAVED
@given(
    beginning=st.sampled_from(BEGINNINGS_OF_CHANGES),
    steps=st.lists(st.sampled_from([*STEPS, *CHANGES, *CHANGES]), max_size=25),
    token=st.one_of(st.just("tok_ok"), st.sampled_from(TOKENS)),
)
async def test_money_of_a_changing_order_ends_right(
    database: Database, beginning: list[str], steps: list[str], token: str
) -> None:
    clock = database.clock
    assert isinstance(clock, SettableClock)
    schedule = Schedule(database, clock, "tok_ok", token)
    for step in [*beginning, *steps]:
        await schedule.take(step)
    await schedule.finish()
    await check(schedule)


@INTERLEAVED
@given(
    beginning=st.sampled_from(BEGINNINGS_OF_REFUNDS),
    steps=st.lists(st.sampled_from([*STEPS, *GIVING_BACK, *GIVING_BACK]), max_size=25),
)
async def test_money_given_back_ends_right(database: Database, beginning: list[str], steps: list[str]) -> None:
    clock = database.clock
    assert isinstance(clock, SettableClock)
    schedule = Schedule(database, clock, "tok_ok")
    for step in [*beginning, *steps]:
        await schedule.take(step)
    await schedule.finish()
    await check(schedule)


async def check(schedule: Schedule) -> None:
    """Compare facts, database and the PSP's books."""
    facts = await schedule.facts()
    counted = Counter(type(fact).__name__ for fact in facts)
    async with schedule.database.transaction() as transaction:
        rows = await transaction.fetch("SELECT * FROM payment WHERE order_id = $1", schedule.order_id)
        captures = await transaction.fetch("SELECT * FROM capture WHERE order_id = $1", schedule.order_id)
    async with schedule.database.reading() as session:
        books = await audit(session)
    cancelled = "cancelled" in schedule.heard
    assert books.violations == []
    assert [dict(row) for row in rows if row["due_at"] is not None] == [], "something is due for ever"
    ends = [one for one in facts if isinstance(one, PaymentVoided | PaymentRefunded) and not getattr(one, "refund_id", None)]
    assert len(ends) == cancelled, "a cancellation has exactly one answer"
    back = Counter(one.refund_id for one in facts if isinstance(one, PaymentRefunded | RefundFailed) and one.refund_id)
    assert set(back.values()) <= {1}, "a refund has exactly one answer"
    assert len(back) == sum(fact.startswith("back") for fact in schedule.heard)
    assert counted["PaymentAuthorized"] + counted["PaymentDeclined"] <= 1
    assert all(capture["due_at"] is None for capture in captures)
    assert len(captures) == sum(fact.startswith("parcel") for fact in schedule.heard)
    assert counted["PaymentCaptured"] + counted["PaymentCaptureFailed"] == len(captures), "each parcel has exactly one answer"
    assert counted["PaymentReduced"] == ("reduced" in schedule.heard)
    for number, change_id in enumerate(schedule.changes):
        answers = Counter(type(fact).__name__ for fact in facts if getattr(fact, "change_id", None) == change_id)
        assert answers["AdditionVoided"] == (f"withdrawn {number}" in schedule.heard)
        assert answers["AdditionAuthorized"] + answers["AdditionDeclined"] <= 1
    assert await schedule.row("token", "instrument") == ()
    assert await schedule.row("token", "change_instrument") == ()
    mine = Counter(held.key for held in schedule.psp.books.values())
    assert all(count == 1 for count in mine.values()), "the PSP was never asked for the same money twice"
    for row in rows:
        check_books(schedule, row, cancelled=cancelled)


def check_books(schedule: Schedule, row: Any, *, cancelled: bool) -> None:
    """Compare a payment with what the PSP has written down of it."""
    key = PaymentKey(schedule.order_id, row["change_id"])
    for held in (one for one in schedule.psp.books.values() if one.key == key):
        assert held.captured <= held.authorized
        assert (held.captured, held.refunded) == (row["captured_amount"], row["refunded_amount"])
        taken_or_kept = row["captured_amount"] + (0 if row["status"] == "authorized" else row["released_amount"])
        assert held.open == row["authorized_amount"] - taken_or_kept, "a part that is not needed goes with the last capture"
        if cancelled:
            assert (held.open, held.captured) == (0, held.refunded), "nothing is kept of a cancelled order"
        if row["withdrawn_at"] is not None:
            assert held.open == 0, "nothing is held for a withdrawn change"


@pytest.mark.parametrize(
    "steps",
    [
        ["reserved", "contacts", "call authorize", "cancelled", "answer", "call void", "cancelled", "answer", "answer again"],
        ["contacts", "reserved", "crash authorize", "cancelled", "lease", "call authorize", "answer"],
        ["contacts", "reserved", "call authorize", "answer", "parcel 0", "call capture", "cancelled", "answer", "call void"],
        ["parcel 0", "cancelled", "reserved", "contacts"],
        [*HELD, "parcel 0", "fault timeout_done", "call capture", "answer", "cancelled"],
        [*HELD, "parcel 0", "fault timeout_lost", "call capture", "answer", "cancelled", "call void"],
        [*HELD, "parcel 1", "parcel 2", "parcel 0", "webhook", "lease", "cancelled"],
        [*HELD, "withdrawn 0", "pays 0", "added 0", "cancelled", "added 1", "pays 1", "withdrawn 1"],
        [*HELD, "pays 0", "added 0", "call authorize", "cancelled", "answer", "withdrawn 0", "call void"],
        [*MORE, "parcel 2", "parcel 0", "call capture", "reduced", "answer", "call capture", "cancelled", "answer"],
        [*MORE, "added 1", "reduced", "parcel 1", "parcel 0", "call capture", "lose answer", "withdrawn 0", "lease"],
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


async def replica(schedule: Schedule, steps: list[str]) -> None:
    """Hear and work as one process of several: what was done elsewhere at the same moment is done again."""
    for step in steps:
        while True:
            try:
                await (schedule.works() if step == "work" else schedule.hear(step))
            except TRANSIENT:
                continue
            break


async def test_replicas_that_give_back_at_once_give_back_once(database: Database) -> None:
    clock = database.clock
    assert isinstance(clock, SettableClock)
    for ending in (["cancelled"], [], ["parcel 0"]):
        schedule = Schedule(database, clock, "tok_ok")
        for step in TAKEN:
            await schedule.take(step)
        asking = [
            ["back 0", "work", "back 1", "work"],
            ["back 2", "work", "back 0"],
            ["back 1", "back 2", "work", *ending, "work"],
        ]
        await asyncio.gather(*(replica(schedule, steps) for steps in asking))
        await schedule.finish()
        await check(schedule)


@pytest.mark.parametrize("ending", [["cancelled"], ["withdrawn 0"], ["parcel 0", "reduced"], []])
async def test_replicas_that_do_it_all_at_once_do_it_once(database: Database, ending: list[str]) -> None:
    clock = database.clock
    assert isinstance(clock, SettableClock)
    for _ in range(5):
        schedule = Schedule(database, clock, "tok_ok")
        for step in HELD:
            await schedule.take(step)
        changing = ["pays 0", "work", "added 0", "work"]
        adding, taking = ["added 0", "work", "pays 0", "added 1", "work"], ["parcel 1", "work", "readdressed", "work"]
        await asyncio.gather(*(replica(schedule, steps) for steps in (changing, adding, taking, ["work", *ending, "work"])))
        await schedule.finish()
        await check(schedule)
