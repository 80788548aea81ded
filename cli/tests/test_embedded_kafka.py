"""The embedded Kafka: topics as the contracts promise them, and a log that survives a kill."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import UnknownTopicOrPartitionError

from chassis.topics import CONSUMERS, plan
from contracts import TOPICS
from waybill.embedded import EmbeddedKafka
from waybill.embedded.kafka import DEFAULT_PARTITIONS

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedKafka]:
    async with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as running:
        await running.create_topics()
        await running.create_topics()  # a second time is harmless
        yield running


@pytest.fixture
async def admin(broker: EmbeddedKafka) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await client.start()
    yield client
    await client.close()


def test_every_topic_and_every_dead_letter_topic_is_planned() -> None:
    names = {topic.name for topic in plan(DEFAULT_PARTITIONS, 1)}
    expected = {topic.dead_letters(consumer) for topic in TOPICS.values() for consumer in CONSUMERS} | set(TOPICS)
    assert names == expected


async def test_topics_have_partitions_and_settings(admin: AIOKafkaAdminClient) -> None:
    described = {topic["topic"]: topic for topic in await admin.describe_topics(list(TOPICS))}
    assert {len(topic["partitions"]) for topic in described.values()} == {DEFAULT_PARTITIONS}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in TOPICS])
    settings = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]} for answer in answers for resource in answer.resources
    }
    for name, topic in TOPICS.items():
        assert settings[name]["cleanup.policy"] == ("compact" if topic.compacted else "delete"), name
        kept = -1 if topic.retention_seconds is None else topic.retention_seconds * 1000
        assert int(settings[name]["retention.ms"]) == kept, name


async def test_a_stray_name_makes_no_topic(broker: EmbeddedKafka, admin: AIOKafkaAdminClient) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, request_timeout_ms=1000)
    await producer.start()
    try:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait("order.evnets", b"{}")
    finally:
        await producer.stop()
    assert "order.evnets" not in await admin.list_topics()


async def test_what_was_acknowledged_survives_a_kill(broker: EmbeddedKafka) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all")
    await producer.start()
    stored = [await producer.send_and_wait("order.events", str(number).encode(), partition=0) for number in range(5)]
    await producer.stop()
    await broker.kill()
    await broker.start()
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition = TopicPartition("order.events", 0)
        consumer.assign([partition])
        consumer.seek(partition, stored[0].offset)
        found = [await consumer.getone() for _ in stored]
    finally:
        await consumer.stop()
    assert [record.value for record in found] == [b"0", b"1", b"2", b"3", b"4"]
