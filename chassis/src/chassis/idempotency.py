"""A mutating request carries an `Idempotency-Key`; its answer is stored in the transaction that does the work.

A repeat with the same key and the same request gets the stored status and body, in whichever replica and after whichever
crash. The same key with another request is refused (422). While the first is still at work a repeat is told to come back
(409, `Retry-After`). Refusals are answers and are stored too; a 5xx is not, since nothing was decided.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from chassis.database import Transaction
from chassis.domain import Refusal

RETENTION_HOURS: Final = 48


@dataclass(frozen=True, slots=True)
class Request:
    """What identifies a request: who asks (`principal`), the key, and a digest of method, path and body."""

    principal: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, principal: str, key: str, method: str, path: str, body: bytes) -> "Request":
        """Digest a request."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(f"{method} {path}\n".encode())
        digest.update(body)
        return cls(principal, key, digest.digest())


@dataclass(frozen=True, slots=True)
class Reply:
    """A stored answer; `replayed` when it was stored by an earlier request."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    replayed: bool = False


class KeyReusedError(Refusal):
    """The Idempotency-Key was used before for another request."""

    slug = "idempotency-key-reused"
    title = "Idempotency-Key was used for another request"
    status = 422


class InFlightError(Refusal):
    """The first request with this Idempotency-Key is still at work."""

    slug = "request-in-flight"
    title = "A request with this Idempotency-Key is still at work"
    status = 409


class Replies:
    """The stored replies of a batch of requests."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._stored: dict[tuple[str, str], tuple[bytes, Reply]] = {}
        self._new: dict[tuple[str, str], tuple[Request, Reply]] = {}

    _FIND: ClassVar[str] = """
        SELECT i.principal, i.key, i.fingerprint, i.status, i.headers, i.body
        FROM idempotency i JOIN unnest($1::text[], $2::text[]) AS r(principal, key)
        ON i.principal = r.principal AND i.key = r.key
    """
    _KEEP: ClassVar[str] = """
        INSERT INTO idempotency (principal, key, fingerprint, status, headers, body)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::int[], $5::jsonb[], $6::text[])
    """

    async def fetch(self, requests: Sequence[Request]) -> None:
        """Load the replies that are there already."""
        for row in await self._transaction.fetch(self._FIND, [r.principal for r in requests], [r.key for r in requests]):
            reply = Reply(row["status"], row["body"].encode(), row["headers"], replayed=True)
            self._stored[row["principal"], row["key"]] = (row["fingerprint"], reply)

    def find(self, request: Request) -> Reply | None:
        """Answer the stored reply, if there is one; raises KeyReusedError where it belongs to another request."""
        place = (request.principal, request.key)
        if place in self._new:
            earlier, reply = self._new[place]
            fingerprint = earlier.fingerprint
        elif place in self._stored:
            fingerprint, reply = self._stored[place]
        else:
            return None
        if fingerprint != request.fingerprint:
            raise KeyReusedError("This Idempotency-Key was used for another request; use a new key for a new request.")
        return Reply(reply.status, reply.body, reply.headers, replayed=True)

    def keep(self, request: Request, reply: Reply) -> None:
        """Store a reply with this transaction."""
        self._new[request.principal, request.key] = (request, reply)

    async def flush(self) -> None:
        """Write the new replies, by key: two replicas with the same ones then wait for each other in turn.

        A unique violation means that another replica answered meanwhile: the batch is run again, and finds its reply.
        """
        if not self._new:
            return
        kept = [self._new[place] for place in sorted(self._new)]
        columns: list[Any] = [
            [request.principal for request, _ in kept],
            [request.key for request, _ in kept],
            [request.fingerprint for request, _ in kept],
            [reply.status for _, reply in kept],
            [reply.headers for _, reply in kept],
            [reply.body.decode() for _, reply in kept],
        ]
        await self._transaction.fetch(self._KEEP, *columns)
