"""What became of changes and moves, loaded and written for a whole batch at once.

They are looked at after the reservations of their orders are locked, by whoever changes them; so no two transactions decide the
same change.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

import asyncpg

from chassis.database import Transaction
from contracts.order import OrderChanged, OrderChangeRequested, OrderChangeWithdrawn, ShipmentMoveRequested
from inventory.model import Amendment, NotHeldError

_COLUMNS: Final = ("order_id", "change_id", "kind", "status", "version", "created_at", "updated_at")

_FETCH: Final = f"""
SELECT {", ".join(f"a.{name}" for name in _COLUMNS)}
FROM amendment a JOIN unnest($1::uuid[], $2::uuid[]) AS m(order_id, change_id)
    ON a.order_id = m.order_id AND a.change_id = m.change_id
ORDER BY a.order_id, a.change_id FOR NO KEY UPDATE OF a
"""

_WRITE: Final = f"""
INSERT INTO amendment AS a ({", ".join(_COLUMNS)})
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::timestamptz[], $7::timestamptz[])
ON CONFLICT (order_id, change_id) DO UPDATE
SET status = excluded.status, version = excluded.version, updated_at = excluded.updated_at
WHERE a.version = excluded.version - 1
RETURNING a.change_id
"""

Key = tuple[UUID, UUID]
About = OrderChangeRequested | OrderChangeWithdrawn | OrderChanged | ShipmentMoveRequested


class Amendments:
    """The changes and moves that a batch's messages are about."""

    lock_rank: ClassVar[int] = 30

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._amendments: dict[Key, Amendment] = {}
        self._versions: dict[Key, int] = {}

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load what is known of the messages' changes and moves."""
        keys = sorted({_key(message) for message in messages})
        for row in await self._transaction.fetch(_FETCH, [key[0] for key in keys], [key[1] for key in keys]):
            amendment = self.keep(Amendment.stored(dict(row)))
            self._versions[amendment.order_id, amendment.change_id] = amendment.version

    def get(self, about: About) -> Amendment | None:
        """Answer what is known of a change or move; None where it was never heard of."""
        return self._amendments.get(_key(about))

    def known(self, about: About) -> Amendment:
        """Answer what is known of a change; raises NotHeldError where it was never heard of."""
        found = self.get(about)
        if found is None:
            raise NotHeldError(f"Change {_key(about)[1]} was never heard of.")
        return found

    def keep(self, amendment: Amendment) -> Amendment:
        """Take up a new amendment."""
        self._amendments[amendment.order_id, amendment.change_id] = amendment
        return amendment

    async def flush(self) -> None:
        """Write new and changed amendments.

        Raises asyncpg.SerializationError, on which the batch is tried again, where another process wrote one of them first.
        """
        changed = [one for key, one in self._amendments.items() if one.version != self._versions.get(key)]
        if not changed:
            return
        columns: dict[str, list[Any]] = {name: [getattr(one, name) for one in changed] for name in _COLUMNS}
        columns["version"] = [self._versions.get((one.order_id, one.change_id), 0) + 1 for one in changed]
        if len(await self._transaction.fetch(_WRITE, *columns.values())) != len(changed):
            raise asyncpg.SerializationError("another process has written one of these amendments")


def _key(about: About) -> Key:
    return about.order_id, about.move_id if isinstance(about, ShipmentMoveRequested) else about.change_id
