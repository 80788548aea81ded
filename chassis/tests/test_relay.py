"""The relay keeps the order of each key: with several replicas, a dead one, a slow one and a broker that fails."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis import failpoints
from chassis import relay as relay_module
from chassis.database import Database, Outgoing
from chassis.relay import Relay
from chassis.testing import cause, eventually
from contracts.order import OrderDelivered, OrderShipped

pytestmark = pytest.mark.database


class Topic:
    """A broker that acknowledges when the test lets it, and remembers what came in which order."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.away = False
        self.silent = False
        self.waiting: list[tuple[Outgoing, asyncio.Future[Any]]] = []

    async def send(self, facts: Sequence[Outgoing]) -> "list[asyncio.Future[Any]]":
        return [self._take(fact) for fact in facts]

    def _take(self, fact: Outgoing) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.away:
            raise ConnectionError("no broker")
        if self.silent:
            self.waiting.append((fact, future))
            return future
        self.records.append(fact)
        future.set_result(None)
        return future

    def first_appearances(self) -> dict[str, list[int]]:
        seen: dict[str, list[int]] = defaultdict(list)
        for record in self.records:
            if record.envelope.sequence not in seen[record.key]:
                seen[record.key].append(record.envelope.sequence)
        return seen

    def repeats(self) -> int:
        return len(self.records) - len({record.envelope.event_id for record in self.records})


async def tell(database: Database, order_id: UUID, times: int = 1) -> None:
    """Tell facts about an order, in one transaction."""
    async with database.transaction() as transaction:
        for _ in range(times):
            transaction.emit(OrderShipped(order_id=order_id, user_id="ada"), cause())


async def unpublished(database: Database) -> int:
    async with database.transaction() as transaction:
        rows = await transaction.fetch("SELECT count(*) AS n FROM outbox_unpublished")
    count: int = rows[0]["n"]
    return count


@asynccontextmanager
async def relaying(database: Database, topic: Topic) -> AsyncIterator[Relay]:
    relay = Relay(database, topic)
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


async def expired(database: Database) -> None:
    """Let the claims of the committing process run out."""
    async with database.transaction() as transaction:
        await transaction.fetch("UPDATE outbox_unpublished SET claimed_until = now() - interval '1 second'")


async def another_replica(database: Database) -> Database:
    return await Database.open("order", database.url, clock=database.clock)


async def test_a_fact_goes_out_at_once_and_is_cleared(database: Database) -> None:
    topic, order_id = Topic(), uuid4()
    async with relaying(database, topic):
        await tell(database, order_id)
        await eventually(lambda: _is(len(topic.records) == 1), "the fact is on the topic", within=2)
        await eventually(lambda: _none_left(database), "the database knows it", within=3)
    (record,) = topic.records
    assert (record.key, record.envelope.sequence, record.envelope.source) == (str(order_id), 1, "order")


async def test_facts_of_one_transaction_leave_in_order_each_after_the_acknowledgement(database: Database) -> None:
    topic, order_id = Topic(), uuid4()
    topic.silent = True
    async with relaying(database, topic):
        await tell(database, order_id, times=3)
        for expected in (1, 2, 3):
            await eventually(lambda: _is(bool(topic.waiting)), f"fact {expected} is on its way", within=2)
            ((fact, future),) = topic.waiting
            assert fact.envelope.sequence == expected
            topic.waiting.clear()
            topic.records.append(fact)
            future.set_result(None)


async def test_the_next_fact_waits_for_one_that_another_replica_has_not_published(database: Database) -> None:
    """Replica A commits fact 1 and hangs; B commits fact 2: B must not overtake."""
    topic, order_id = Topic(), uuid4()
    await tell(database, order_id)
    b = await another_replica(database)
    async with relaying(b, topic):
        await tell(b, order_id)
        for _ in range(20):
            await asyncio.wait([asyncio.create_task(unpublished(b))])
        assert topic.records == []
        await expired(database)
        await eventually(lambda: _is(len(topic.records) >= 2), "the sweep sends both", within=5)
    assert topic.first_appearances() == {str(order_id): [1, 2]}
    await b.close()


async def test_the_next_fact_goes_at_once_when_another_replica_has_published_the_first(database: Database) -> None:
    topic, order_id = Topic(), uuid4()
    async with relaying(database, topic):
        await tell(database, order_id)
        await eventually(lambda: _none_left(database), "fact 1 is published and cleared", within=3)
    b = await another_replica(database)
    async with relaying(b, topic):
        await tell(b, order_id)
        await eventually(lambda: _is(len(topic.records) == 2), "fact 2 follows", within=2)
    assert topic.first_appearances() == {str(order_id): [1, 2]}
    await b.close()


async def test_what_a_dead_process_left_is_found_and_sent_in_order(database: Database) -> None:
    topic = Topic()
    orders = [uuid4() for _ in range(50)]
    for order_id in orders:
        await tell(database, order_id, times=3)
    await expired(database)
    async with relaying(database, topic):
        await eventually(lambda: _none_left(database), "all is published", within=10)
    assert topic.first_appearances() == {str(order_id): [1, 2, 3] for order_id in orders}
    assert topic.repeats() == 0


async def test_a_zombie_repeats_and_never_inverts(database: Database) -> None:
    """A process stalls with fact 1 in hand, others send 1 and 2 for it, then it wakes and sends 1 again."""
    topic, stalled, order_id = Topic(), Topic(), uuid4()
    stalled.silent = True
    zombie = await another_replica(database)
    async with relaying(zombie, stalled):
        await tell(zombie, order_id)
        await eventually(lambda: _is(bool(stalled.waiting)), "the zombie has it in hand", within=2)
        zombie.pool.terminate()
        await tell(database, order_id)
        async with relaying(database, topic):
            await expired(database)
            await eventually(lambda: _is(len(topic.records) >= 2), "others sent both", within=5)
        ((late, future),) = stalled.waiting
        topic.records.append(late)
        future.set_result(None)
    assert topic.first_appearances() == {str(order_id): [1, 2]}
    assert topic.repeats() == 1


async def test_an_outage_loses_nothing_and_keeps_the_order(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "PUBLISH_GRACE_SECONDS", 0.2)
    topic, orders = Topic(), [uuid4() for _ in range(10)]
    async with relaying(database, topic) as relay:
        topic.away = True
        for _ in range(3):
            for order_id in orders:
                await tell(database, order_id)
        await eventually(lambda: _is(relay.failing_since is not None), "the relay knows", within=2)
        topic.away = False
        await expired(database)
        await eventually(lambda: _none_left(database), "all is published", within=15)
        assert relay.failing_since is None
    assert topic.first_appearances() == {str(order_id): [1, 2, 3] for order_id in orders}


async def test_four_replicas_with_a_flaky_broker(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many transactions on few keys over four replicas while the broker fails now and then."""
    monkeypatch.setattr(relay_module, "PUBLISH_GRACE_SECONDS", 0.5)
    topic, orders = Topic(), [uuid4() for _ in range(5)]
    replicas = [database, *[await another_replica(database) for _ in range(3)]]
    relays = [Relay(one, topic) for one in replicas]
    for relay in relays:
        await relay.start()
    for turn in range(40):
        topic.away = turn % 10 in {3, 4}
        await asyncio.gather(*(tell(replicas[(turn + n) % 4], order_id) for n, order_id in enumerate(orders)))
    topic.away = False
    await expired(database)
    await eventually(lambda: _none_left(database), "all is published", within=30)
    for relay in relays:
        await relay.stop()
    assert topic.first_appearances() == {str(order_id): list(range(1, 41)) for order_id in orders}
    for one in replicas[1:]:
        await one.close()


async def test_a_fact_whose_commit_fails_is_not_sent(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(place: str) -> None:
        if place == "before_commit":
            raise ZeroDivisionError

    topic = Topic()
    order_id = uuid4()
    async with relaying(database, topic):
        monkeypatch.setattr(failpoints, "reach", dies)
        with pytest.raises(ZeroDivisionError):
            await tell(database, order_id)
        monkeypatch.undo()
        await tell(database, order_id)
        await eventually(lambda: _sent(topic, 1), "the fact that was committed goes out")
        await eventually(lambda: _none_left(database), "it is known to be out")
    assert topic.first_appearances() == {str(order_id): [1]}
    assert len(topic.records) == 1


async def _sent(topic: Topic, count: int) -> bool:
    return len(topic.records) >= count


async def test_a_fact_that_is_committed_late_is_found_however_old_it_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "SWEEP_SECONDS", 0.05)
    topic = Topic()
    dead = await another_replica(database)  # it has no relay: only the sweep finds what it has told
    async with relaying(database, topic):
        async with dead.transaction() as older:
            older.emit(OrderShipped(order_id=uuid4(), user_id="ada"), cause())
            await older.flush()
            await tell(dead, uuid4())
            await expired(dead)
            await eventually(lambda: _sent(topic, 1), "the younger fact goes out, whose transaction was committed first")
        await expired(dead)
        await eventually(lambda: _sent(topic, 2), "the older fact goes out too")
    assert topic.records[0].envelope.event_id > topic.records[1].envelope.event_id
    await dead.close()


async def test_a_tombstone_is_told_like_a_fact(database: Database) -> None:
    topic, order_id = Topic(), uuid4()
    async with relaying(database, topic):
        async with database.transaction() as transaction:
            transaction.emit(OrderDelivered(order_id=order_id, user_id="ada"), cause())
            transaction.erase(OrderDelivered, str(order_id), cause())
        await eventually(lambda: _is(len(topic.records) == 2), "both are out", within=2)
    assert [record.value is None for record in topic.records] == [False, True]


async def test_sequences_have_no_holes_even_after_a_rollback(database: Database) -> None:
    order_id = uuid4()
    await tell(database, order_id)
    with pytest.raises(RuntimeError, match="changed my mind"):
        await _tell_and_fail(database, order_id)
    await tell(database, order_id, times=2)
    async with database.transaction() as transaction:
        rows = await transaction.fetch("SELECT sequence FROM outbox ORDER BY sequence")
    sequences = [row["sequence"] for row in rows]
    assert sequences == [1, 2, 3]
    assert all(after == before + 1 for before, after in pairwise(sequences))


async def _tell_and_fail(database: Database, order_id: UUID) -> None:
    async with database.transaction() as transaction:
        transaction.emit(OrderShipped(order_id=order_id, user_id="ada"), cause())
        raise RuntimeError("changed my mind")


async def _is(state: bool) -> bool:  # noqa: FBT001
    return state


async def _none_left(database: Database) -> bool:
    return await unpublished(database) == 0
