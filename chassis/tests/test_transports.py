"""Whoever closes a connection under us, the process goes on publishing and hearing, and no work is taken for bad."""
# ruff: noqa: SLF001 - a connection can be broken from outside only where aiokafka keeps it

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from chassis import tasks
from chassis.broker import Broker
from chassis.database import TRANSIENT, Database, Outgoing
from chassis.domain import utc_now
from contracts import Envelope

CLOSED = "unable to perform operation on <TCPTransport closed=True reading=False 0x969a010>; the handler is closed"
TOPIC = "inventory.events"

pytestmark = [pytest.mark.database, pytest.mark.kafka]


def fact() -> Outgoing:
    key = str(uuid4())
    envelope = Envelope(
        event_id=uuid4(), type="a.fact.v1", source="inventory", time=utc_now(), subject=key, sequence=1, correlation_id=key
    )
    return Outgoing(TOPIC, key, envelope, b"{}")


async def is_sent(broker: Broker) -> bool:
    async with asyncio.timeout(20):
        (outcome,) = await asyncio.gather(*await broker.send([fact()]))
    return bool(outcome.topic == TOPIC)


def close_under(client: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Have the next write to each connection fail as uvloop says it; answers how many there are."""

    def write(_: bytes) -> None:
        raise RuntimeError(CLOSED)

    connections = list(client._conns.values())
    for connection in connections:
        monkeypatch.setattr(connection._writer, "write", write)
    return len(connections)


async def test_facts_go_out_again_after_a_connection_was_closed_while_one_was_sent(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await is_sent(broker)
    producer = broker._producer
    assert close_under(producer.client, monkeypatch)
    assert await is_sent(broker)
    assert broker._producer is producer


async def test_a_producer_whose_sending_ended_is_replaced(broker: Broker) -> None:
    dead = broker._producer
    await tasks.cancel([dead._sender.sender_task])
    assert await is_sent(broker)
    assert broker._producer is not dead


async def test_records_come_again_after_a_connection_was_closed_while_they_were_asked_for(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await broker.subscribe([TOPIC], group=f"transports-{uuid4()}")
    assert close_under(source._consumer._client, monkeypatch)
    assert await is_sent(broker)
    async with asyncio.timeout(20):
        while not await source.poll(1.0, 10):
            pass
    await source.close()


async def test_a_consumer_that_hears_nothing_any_more_says_so(broker: Broker) -> None:
    source = await broker.subscribe([TOPIC], group=f"transports-{uuid4()}")
    await tasks.cancel([source._consumer._fetcher._fetch_task])
    with pytest.raises(RuntimeError, match="begin anew"):
        await source.poll(1.0, 10)
    source.closing = True
    await source.close()


@pytest.mark.parametrize(("says", "passes"), [(CLOSED, True), ("a bug of ours", False)])
async def test_of_a_database_it_is_a_failure_that_passes(says: str, *, passes: bool, database: Database) -> None:
    with pytest.raises(Exception, match="closed the connection" if passes else says) as raised:
        async with database.transaction():
            raise RuntimeError(says)
    assert isinstance(raised.value, TRANSIENT) is passes
