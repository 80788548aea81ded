"""Records that could not be handled: kept with the reason, shown, sent back or discarded, and every decision audited.

A dead letter goes to the topic `<topic>.<service>.dlt` and to a table of the service's database, both before the offset is
committed, so none is lost; the same record put aside twice is one row. Of a restricted topic only the coordinates are kept,
since its records are personal data, and of a huge record what is small about it: who sends one back finds it on its topic.
"""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from aiokafka.errors import KafkaError

from chassis.broker import Broker
from chassis.database import TRANSIENT, Database, backoff
from chassis.domain import NotFoundError, Refusal, new_id
from chassis.records import Record
from contracts import TOPICS

LARGEST_VALUE: Final = 256 * 1024
LARGEST_KEY: Final = 16 * 1024
LARGEST_HEADER: Final = 2048
MOST_HEADERS: Final = 64
"""A dead letter must fit where it goes, however large the record was: all of this together is less than a topic takes."""
_LISTED: Final = (
    "id, topic, kafka_partition, kafka_offset, key, type, reason, error, status, created_at, resolved_at, resolved_by, note"
)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as a dead letter keeps it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record put aside, with the reason in a word and the error in a sentence."""

    id: UUID
    record: Record
    reason: str
    error: str
    at: datetime

    @classmethod
    def of(cls, record: Record, reason: str, error: str, at: datetime) -> "DeadLetter":
        """Put a record aside."""
        return cls(new_id(), record, reason, error[:1000], at)

    @property
    def restricted(self) -> bool:
        """Whether the record's content is confidential."""
        topic = TOPICS.get(self.record.topic)
        return topic is not None and topic.restricted

    @property
    def headers(self) -> dict[str, str]:
        """The record's headers in readable form."""
        ours_first = sorted(self.record.headers, key=lambda header: not header[0].startswith("ce_"))[:MOST_HEADERS]
        return {_text(name)[:LARGEST_HEADER]: _text(value)[:LARGEST_HEADER] for name, value in ours_first}

    @property
    def key(self) -> str | None:
        """The record's key in readable form."""
        return _key(self.record.key)


class AlreadyResolvedError(Refusal):
    """The dead letter was sent back or discarded before."""

    slug = "dead-letter-resolved"
    title = "The dead letter is resolved already"


class GoneError(Refusal):
    """The record's content was not kept, and its topic does not have it any more."""

    slug = "dead-letter-gone"
    title = "The record is no longer there"


class NotHandledError(Refusal):
    """The record was sent back and failed again."""

    slug = "dead-letter-failed-again"
    title = "The record still cannot be handled"
    status = 422


class DeadLetters:
    """The dead letters of one service."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker

    async def put_aside(self, letter: DeadLetter) -> None:
        """Keep a dead letter on its topic and in the table, waiting for either to be there."""
        attempt = 0
        while True:
            try:
                await self._keep(letter)
            except (*TRANSIENT, KafkaError) as error:
                log.warning("dead_letter_waits", error=type(error).__name__)
                await asyncio.sleep(backoff(attempt))
                attempt += 1
            else:
                return

    async def _keep(self, letter: DeadLetter) -> None:
        record = letter.record
        topic = TOPICS.get(record.topic)
        value = None if letter.restricted or (record.value and len(record.value) > LARGEST_VALUE) else record.value
        if topic is not None:
            headers = letter.headers | {
                "dlt-reason": letter.reason,
                "dlt-error": letter.error,
                "dlt-topic": record.topic,
                "dlt-partition": str(record.partition),
                "dlt-offset": str(record.offset),
                "dlt-consumer": self._database.service,
            }
            key = None if record.key is None else record.key[:LARGEST_KEY]
            await self._broker.put(topic.dead_letters(self._database.service), key, value, headers)
        async with self._database.transaction() as transaction:
            # Of another record at this place: its topic was lost and made anew.
            await transaction.fetch(
                """UPDATE dead_letter SET kafka_offset = least(0, (SELECT min(kafka_offset) FROM dead_letter)) - 1
                WHERE topic = $1 AND kafka_partition = $2 AND kafka_offset = $3
                AND (key, headers, value) IS DISTINCT FROM ($4::text, $5::jsonb, $6::bytea)""",
                record.topic,
                record.partition,
                record.offset,
                letter.key,
                letter.headers,
                value,
            )
            await transaction.fetch(
                """INSERT INTO dead_letter
                (id, topic, kafka_partition, kafka_offset, key, type, reason, error, headers, value, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING""",
                letter.id,
                record.topic,
                record.partition,
                record.offset,
                letter.key,
                letter.headers.get("ce_type"),
                letter.reason,
                letter.error.replace("\x00", ""),
                letter.headers,
                value,
                letter.at,
            )
        log.error("dead_letter", topic=record.topic, offset=record.offset, reason=letter.reason, error=letter.error)

    async def list(self, status: str | None, limit: int, before: UUID | None = None) -> list[Mapping[str, Any]]:
        """List dead letters without their content, newest first."""
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(
                f"""SELECT {_LISTED} FROM dead_letter
                WHERE ($1::text IS NULL OR status = $1) AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $2""",
                status,
                limit,
                before,
            )
        return [dict(row) for row in rows]

    async def whole(self, letter_id: UUID) -> Mapping[str, Any]:
        """Answer a dead letter with its headers and content; raises NotFoundError.

        `value` is the record's text, or with `value_encoding` base64 what is none; null where nothing was kept: it was empty,
        too large, or confidential.
        """
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(f"SELECT {_LISTED}, headers, value FROM dead_letter WHERE id = $1", letter_id)
        if not rows:
            raise NotFoundError(f"There is no dead letter {letter_id}.")
        value, encoding = _readable(rows[0]["value"])
        return {**dict(rows[0]), "value": value, "value_encoding": encoding}

    async def record(self, letter_id: UUID) -> Record:
        """Give back the record of an open dead letter; raises NotFoundError, AlreadyResolvedError, GoneError, NotHandledError.

        Where no content was kept it is read from its topic: the absence of a value means something there.
        """
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch("SELECT * FROM dead_letter WHERE id = $1", letter_id)
        if not rows:
            raise NotFoundError(f"There is no dead letter {letter_id}.")
        row = rows[0]
        if row["status"] != "open":
            raise AlreadyResolvedError(f"It was {row['status']} by {row['resolved_by']}.")
        if row["value"] is None:
            return await self._on_topic(row["topic"], row["kafka_partition"], row["kafka_offset"], row["key"])
        return StoredRecord(
            row["topic"],
            row["kafka_partition"],
            row["kafka_offset"],
            None if row["key"] is None else row["key"].encode(),
            row["value"],
            [(name, text.encode()) for name, text in row["headers"].items()],
        )

    async def _on_topic(self, topic: str, partition: int, offset: int, key: str | None) -> Record:
        """Read a record where it lay; one of another key is another record, of a topic that was made anew."""
        try:
            found = await self._broker.fetch(topic, partition, offset) if offset >= 0 else None
        except UnicodeDecodeError as error:
            raise NotHandledError("A header of it has a name that is no text.") from error
        except KafkaError as error:
            raise ConnectionError(f"the record cannot be read from {topic} now: {type(error).__name__}") from error
        if found is None or _key(found.key) != key:
            raise GoneError(
                f"Its content was not kept, and {topic} no longer has it at {partition}/{offset}: it can be discarded."
            )
        return found

    async def resolve(self, letter_id: UUID, status: str, who: str, note: str) -> None:
        """Close an open dead letter as `retried` or `discarded`."""
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(
                """UPDATE dead_letter SET status = $2, resolved_by = $3, note = $4, resolved_at = $5
                WHERE id = $1 AND status = 'open' RETURNING id""",
                letter_id,
                status,
                who,
                note,
                transaction.now,
            )
        if not rows:
            raise AlreadyResolvedError("Somebody else resolved it meanwhile.")
        log.info("dead_letter_resolved", id=str(letter_id), status=status, by=who)


def _text(value: str | bytes | None) -> str:
    """Make anything readable, and such that PostgreSQL takes it."""
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else value or ""
    return text.replace("\x00", "")


def _key(key: bytes | None) -> str | None:
    return None if key is None else _text(key[:LARGEST_KEY])


def _readable(value: bytes | None) -> tuple[str | None, str | None]:
    if value is None:
        return None, None
    try:
        return value.decode(), "text"
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), "base64"
