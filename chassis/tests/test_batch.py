"""Commands share transactions; what one of them does wrong, the others do not feel."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from chassis import batch, failpoints, reactions
from chassis.batch import REST, Answer, Batcher, BusyError, Function, Item, Later, Rest
from chassis.commands import Commands
from chassis.database import Database, Transaction
from chassis.domain import Refusal
from chassis.idempotency import InFlightError, KeyReusedError, Request
from chassis.testing import cause, told
from contracts.order import OrderShipped

pytestmark = pytest.mark.database


@dataclass(frozen=True)
class Ship:
    """Tell that an order left; `mood` says what happens on the way."""

    mood: str = "fine"


class TooLateError(Refusal):
    slug = "too-late"
    title = "Too late"


class Ledger:
    """A store that counts how often it was asked, and fails on request."""

    lock_rank: ClassVar[int] = 1
    fetches: ClassVar[int] = 0
    conflicts: ClassVar[int] = 0
    hold: ClassVar[asyncio.Event | None] = None
    held: ClassVar[asyncio.Event] = asyncio.Event()

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.written = False
        self.changes = 0
        self.silent_changes = 0

    async def fetch(self, messages: Sequence[Any]) -> None:
        Ledger.fetches += 1
        if Ledger.conflicts:
            Ledger.conflicts -= 1
            raise asyncpg.SerializationError("met another")
        assert all(isinstance(message, Ship) for message in messages)
        hold, Ledger.hold = Ledger.hold, None
        if hold is not None:
            Ledger.held.set()
            await hold.wait()

    def version_of(self, _: Any) -> int:
        return self.changes

    async def flush(self) -> None:
        await self._transaction.fetch("SELECT 1")
        self.written = True
        for _ in range(self.changes + self.silent_changes):
            self._transaction.emit(OrderShipped(order_id=uuid4(), user_id="changed"), cause())


def ship(command: Ship, ledger: Ledger) -> Answer[OrderShipped]:
    """Tell it, refuse it, or break."""
    assert isinstance(ledger, Ledger)
    if command.mood == "changed":
        ledger.changes += 1
    if command.mood == "changed, then late":
        ledger.changes += 1
        raise TooLateError("It is too late.")
    if command.mood == "silently changed, then late":
        ledger.silent_changes += 1
        raise TooLateError("It is too late.")
    if command.mood == "late":
        raise TooLateError("It is too late.")
    if command.mood == "bug":
        raise ZeroDivisionError
    return Answer(b'{"ok": true}', events=[OrderShipped(order_id=uuid4(), user_id=command.mood)], status=201)


def item(mood: str = "fine", key: str | None = None) -> Item:
    request = Request.of("ada", key, "POST", "/", mood.encode()) if key is not None else None
    return Item(Ship(mood), Function.of(ship), cause(), request=request)


async def outcome(batcher: Batcher, one: Item) -> Any:
    try:
        return (await batcher.submit(one)).status
    except Exception as error:  # noqa: BLE001 - the outcome is what is asked for
        return type(error).__name__


async def test_callers_at_once_share_transactions_and_each_gets_its_own_outcome(database: Database) -> None:
    batcher = Batcher(database, lanes=1)
    moods = ["fine", "late", "fine", "bug", "fine"]
    outcomes = await asyncio.gather(*(outcome(batcher, item(mood)) for mood in moods))
    assert outcomes == [201, "TooLateError", 201, "ZeroDivisionError", 201]
    assert len(await told(database)) == 3


async def test_what_was_changed_before_a_refusal_is_not_written(database: Database) -> None:
    batcher = Batcher(database, lanes=1)
    moods = ["changed", "changed, then late", "fine", "changed, then late"]
    with capture_logs() as logs:
        outcomes = await asyncio.gather(*(outcome(batcher, item(mood)) for mood in moods))
    assert outcomes == [201, "TooLateError", 201, "TooLateError"]
    facts = [fact.user_id for fact in await told(database) if isinstance(fact, OrderShipped)]
    assert sorted(facts) == ["changed", "changed", "fine"], "the change and the fact of the first, and the fact of the other"
    assert [(entry["event"], entry["function"]) for entry in logs] == [("refused_late", "ship")] * 2


async def test_of_who_is_refused_alone_nothing_is_written_but_the_reply(database: Database) -> None:
    batcher = Batcher(database, lanes=1)
    for _ in range(2):
        assert await outcome(batcher, item("silently changed, then late", key="k")) in {"TooLateError", 409}
    assert not await told(database)
    assert (await batcher.submit(item("silently changed, then late", key="k"))).replayed


async def test_a_command_of_a_service_that_changes_before_it_refuses_fails_its_test(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ship, "__module__", "order.handlers.shipping")
    assert await outcome(Batcher(database), item("late")) == "TooLateError"
    with pytest.raises(AssertionError, match="ship has changed something before it refused"):
        await Batcher(database).submit(item("silently changed, then late"))


def number(command: Ship, ledger: Ledger) -> list[OrderShipped | Later[OrderShipped]]:
    """Tell one fact now and one that is known only when it is written."""
    order_id = uuid4()
    later = Later(lambda: OrderShipped(order_id=order_id, user_id=f"{command.mood}, written: {ledger.written}"))
    return [later, OrderShipped(order_id=order_id, user_id=f"{command.mood}, written: {ledger.written}")]


async def test_a_fact_that_is_known_when_it_is_written_is_told_after_the_others(database: Database) -> None:
    function = Function.of(number)
    assert function.tells == (OrderShipped, OrderShipped)
    await Batcher(database).submit(Item(Ship(), function, cause()))
    facts = [fact.user_id for fact in await told(database) if isinstance(fact, OrderShipped)]
    assert facts == ["fine, written: False", "fine, written: True"]


async def test_a_hundred_callers_cost_few_batches(database: Database) -> None:
    batcher = Batcher(database)
    await asyncio.gather(*(batcher.submit(item()) for _ in range(100)))
    assert batcher.batches <= 3
    assert len(await told(database)) == 100


async def test_after_a_busy_batch_the_next_one_gathers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "REST", Rest(REST.busy, 0.5, 0.5, 1.0))
    batcher = Batcher(database, lanes=1)
    await asyncio.gather(*(batcher.submit(item()) for _ in range(REST.busy)))
    first = asyncio.create_task(batcher.submit(item()))
    await told(database)  # a round trip: who is not kept waiting has begun
    await asyncio.gather(first, batcher.submit(item()))
    assert batcher.batches == 2


@pytest.mark.parametrize(
    ("found", "took", "rests"),
    [
        (1, 9.0, 0.0),
        (reactions.REST.busy - 1, 9.0, 0.0),
        (reactions.REST.busy, 0.001, 0.05),
        (reactions.REST.busy, 0.04, 0.12),
        (499, 9.0, 0.25),
        (500, 9.0, 0.0),
    ],
    ids=["a lone message", "few messages", "a short batch", "a longer batch", "a very long batch", "more are waiting already"],
)
def test_a_consumer_rests_as_long_as_batches_are_dear(found: int, took: float, rests: float) -> None:
    assert reactions.REST.after(found, 500, took) == pytest.approx(rests)


async def test_a_batch_that_is_held_up_does_not_hold_up_those_who_come_later(database: Database) -> None:
    batcher = Batcher(database)
    Ledger.hold, Ledger.held = hold, held = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(batcher.submit(item()))
    await asyncio.wait_for(held.wait(), 5)
    later = await asyncio.wait_for(batcher.submit(item()), 5)
    assert (later.status, first.done()) == (201, False)
    hold.set()
    assert (await first).status == 201


async def test_a_transaction_that_meets_another_is_tried_again(database: Database) -> None:
    Ledger.conflicts = 2
    assert await outcome(Batcher(database), item()) == 201
    assert len(await told(database)) == 1


async def test_past_the_limit_callers_are_told_to_come_back(database: Database) -> None:
    batcher = Batcher(database, limit=5, lanes=1)
    outcomes = await asyncio.gather(*(outcome(batcher, item()) for _ in range(20)))
    assert outcomes.count(201) + outcomes.count(BusyError.__name__) == 20
    assert outcomes.count(BusyError.__name__) > 0
    assert len(await told(database)) == outcomes.count(201)


async def test_a_stored_reply_is_found_by_another_process(database: Database) -> None:
    first = await Batcher(database).submit(item(key="k"))
    second = await Batcher(database).submit(item(key="k"))
    assert (first.status, second.status, second.replayed) == (201, 201, True)
    assert second.body == first.body
    assert len(await told(database)) == 1


async def test_a_process_that_dies_after_the_commit_has_stored_its_reply(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(place: str) -> None:
        if place == "after_commit":
            raise ZeroDivisionError

    monkeypatch.setattr(failpoints, "reach", dies)
    with pytest.raises(ZeroDivisionError):
        await Batcher(database).submit(item(key="k"))
    monkeypatch.undo()
    again = await Batcher(database).submit(item(key="k"))
    assert (again.status, again.replayed) == (201, True)
    assert len(await told(database)) == 1


async def test_the_same_key_twice_in_one_batch_is_one(database: Database) -> None:
    batcher = Batcher(database, lanes=1)
    replies = await asyncio.gather(*(batcher.submit(item(key="k")) for _ in range(3)))
    assert [reply.status for reply in replies] == [201, 201, 201]
    assert len(await told(database)) == 1


async def test_a_key_of_another_request_is_refused(database: Database) -> None:
    batcher = Batcher(database)
    await batcher.submit(item(key="k"))
    with pytest.raises(KeyReusedError):
        await batcher.submit(item("late", key="k"))


async def test_replicas_with_the_same_key_at_once_do_it_once_and_answer_alike(database: Database) -> None:
    other = await Database.open("order", database.url, clock=database.clock)
    replicas = [Batcher(one) for one in (database, other, database, other)]
    for turn in range(10):
        replies = await asyncio.gather(*(replica.submit(item(key=f"k{turn}")) for replica in replicas))
        assert [reply.status for reply in replies] == [201] * 4
        assert {bytes(reply.body) for reply in replies} == {b'{"ok": true}'}
        assert len(await told(database)) == turn + 1
    await other.close()


async def test_a_replica_that_finds_the_key_answered_when_it_writes_answers_the_same(database: Database) -> None:
    other = await Database.open("order", database.url, clock=database.clock)
    Ledger.hold, Ledger.held = hold, held = asyncio.Event(), asyncio.Event()
    late = asyncio.create_task(Batcher(database).submit(item(key="k")))
    await held.wait()
    first = await Batcher(other).submit(item(key="k"))
    hold.set()
    again = await late
    assert (first.status, again.status, again.replayed) == (201, 201, True)
    assert again.body == first.body
    assert len(await told(database)) == 1
    await other.close()


async def test_a_repeat_while_the_first_is_at_work_is_told_to_wait(database: Database) -> None:
    commands = Commands(Batcher(database))
    request = Request.of("ada", "k", "POST", "/", b"")
    first = asyncio.create_task(commands.run(ship, Ship(), cause(), request))
    await asyncio.sleep(0)
    with pytest.raises(InFlightError):
        await commands.run(ship, Ship(), cause(), request)
    assert (await first).status == 201


async def test_a_caller_that_goes_away_does_not_undo_what_was_committed(database: Database) -> None:
    batcher = Batcher(database)
    caller = asyncio.create_task(batcher.submit(item()))
    await asyncio.sleep(0)
    caller.cancel()
    await batcher.submit(item())
    assert len(await told(database)) == 2
