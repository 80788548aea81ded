"""Incidents: opened in the transaction that tells the fact, resolved once by a person, or by the order's end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause, NotFoundError
from payment.model.incident import Incident, Matter, Told
from payment.store.rows import Columns

INCIDENTS: Final = Columns(
    "incident",
    ("incident_id",),
    {
        "incident_id": "uuid",
        "order_id": "uuid",
        "user_id": "text",
        "kind": "text",
        "amount": "bigint",
        "currency": "text",
        "code": "text",
        "opened_at": "timestamptz",
        "resolved_at": "timestamptz",
        "resolved_by": "text",
        "note": "text",
    },
)
# With those of the same orders that are open: which of two that are resolved at once is the last one is decided by their locks.
_FETCH: Final = f"""
SELECT {", ".join(f"i.{name}" for name in INCIDENTS.names)} FROM incident i JOIN (
    SELECT unnest($1::uuid[]) AS incident_id
    UNION
    SELECT o.incident_id FROM incident n JOIN incident o ON o.order_id = n.order_id AND o.resolved_at IS NULL
    WHERE n.incident_id = ANY($1::uuid[])
) named USING (incident_id) ORDER BY incident_id FOR UPDATE OF i
"""
_END: Final = """
UPDATE incident i SET resolved_at = $3, resolved_by = n.actor, note = 'the order was cancelled'
FROM unnest($1::uuid[], $2::text[]) AS n(order_id, actor)
WHERE i.order_id = n.order_id AND i.kind = $4 AND i.resolved_at IS NULL
"""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ResolveIncident:
    """The news that a person has dealt with an incident."""

    incident_id: UUID
    note: str


class IncidentStore:
    """What a batch opens of incidents, and what of them it resolves."""

    lock_rank: ClassVar[int] = 50

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found: dict[UUID, Incident] = {}
        self._new: list[Incident] = []
        self._ended: dict[UUID, Cause] = {}

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock the incidents that are to be resolved, and open ones beside; to open one nothing is read."""
        ids = [message.incident_id for message in messages if isinstance(message, ResolveIncident)]
        if ids:
            self._found = {row["incident_id"]: Incident.stored(row) for row in await self._transaction.fetch(_FETCH, ids)}

    def get(self, incident_id: UUID) -> Incident:
        """Answer an incident; raises NotFoundError."""
        found = self._found.get(incident_id)
        if found is None:
            raise NotFoundError("There is no such incident.")
        return found

    def others_open(self, incident: Incident) -> bool:
        """Tell whether another incident of the same order waits for a person."""
        others = [one for one in self._found.values() if one.order_id == incident.order_id and one is not incident]
        return any(one.resolved_at is None for one in others)

    def note(self, told: T, cause: Cause) -> T:
        """Open an incident for each fact of these that a person has to do something about; answers them as they are."""
        facts: Iterable[Any] = told if isinstance(told, list) else (told,)
        self._new += [Incident.of(fact, cause) for fact in facts if isinstance(fact, Told)]
        return told

    def end(self, order_id: UUID, cause: Cause) -> None:
        """Note that an order is cancelled: what is held of it matters no more."""
        self._ended[order_id] = cause

    async def flush(self) -> None:
        """Write what is new, and what is resolved."""
        if self._new:
            await self._transaction.fetch(INCIDENTS.insert, *INCIDENTS.arrays(self._new))
        resolved = [one for one in self._found.values() if one.resolved_at is not None]
        if resolved:
            await self._transaction.fetch(INCIDENTS.update, *INCIDENTS.arrays(resolved))
        if self._ended:
            actors = [cause.actor for cause in self._ended.values()]
            values = (list(self._ended), actors, self._transaction.now, Matter.AUTHORIZATION_EXPIRED)
            await self._transaction.fetch(_END, *values)
