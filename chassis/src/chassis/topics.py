"""Make Waybill's topics where they do not exist yet: `python -m chassis.topics`, a job that runs once and may run again.

The contracts say which topics there are and how long they keep; the environment says where and how wide:
`KAFKA_BOOTSTRAP_SERVERS`, `TOPIC_PARTITIONS` (4), `TOPIC_REPLICATION_FACTOR` (1). With three copies or more, all but one must
have a record before its producer is told that it is stored. A topic that exists is left as it is: more partitions would send a
key to another place, and order per key would be lost.
"""

import asyncio
import os
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from contracts import TOPICS

CONSUMERS = ("order", "payment", "inventory", "notification")
FOR_EVER = "-1"


def in_sync(replication_factor: int) -> int:
    """Tell how many copies must have a record before it counts as stored: one may be away where there are three."""
    return max(1, replication_factor - 1)


def plan(partitions: int, replication_factor: int) -> list[NewTopic]:
    """Return every topic of the contracts and, for each consumer, where its dead letters of that topic wait for a person."""
    planned = []
    safe = {"min.insync.replicas": str(in_sync(replication_factor))}
    for topic in TOPICS.values():
        kept = FOR_EVER if topic.retention_seconds is None else str(topic.retention_seconds * 1000)
        settings = {"cleanup.policy": "compact" if topic.compacted else "delete", "retention.ms": kept} | safe
        planned.append(NewTopic(topic.name, partitions, replication_factor, topic_configs=settings))
        planned += [
            NewTopic(topic.dead_letters(consumer), 1, replication_factor, topic_configs={"retention.ms": FOR_EVER} | safe)
            for consumer in CONSUMERS
        ]
    return planned


async def create(bootstrap_servers: str, planned: list[NewTopic]) -> list[str]:
    """Make what is missing and return its names. Raises KafkaError when the broker refuses."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        present = set(await admin.list_topics())
        missing = [topic for topic in planned if topic.name not in present]
        answer = await admin.create_topics(missing) if missing else None
    finally:
        await admin.close()
    for name, code, *message in answer.topic_errors if answer else ():
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"{name}: {' '.join(filter(None, message))}")
    return [topic.name for topic in missing]


def main() -> int:
    """Run the job; says in one line what it did or why it could not."""
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
    if not servers:
        sys.stderr.write("KAFKA_BOOTSTRAP_SERVERS is not set\n")
        return 2
    planned = plan(int(os.environ.get("TOPIC_PARTITIONS", "4")), int(os.environ.get("TOPIC_REPLICATION_FACTOR", "1")))
    try:
        made = asyncio.run(create(servers, planned))
    except KafkaError as error:
        sys.stderr.write(f"topics: {type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"topics: {len(made)} made, {len(planned) - len(made)} there already\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
