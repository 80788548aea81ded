"""Captures with their draws: one row per shipment, and one for what is taken for it of each payment."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from chassis.database import Transaction
from payment.model import Capture, CaptureStatus, Draw
from payment.store.payments import MadeElsewhereError
from payment.store.tables import CAPTURES, DRAWS

_DRAWS: Final = """
(SELECT jsonb_agg(to_jsonb(d) ORDER BY d.place) FROM draw d WHERE d.order_id = c.order_id AND d.shipment_id = c.shipment_id)
"""
_FETCH: Final = f"""
SELECT {", ".join(f"c.{name}" for name in CAPTURES.names)}, {_DRAWS} AS draws
FROM capture c WHERE c.order_id = ANY($1::uuid[]) ORDER BY c.order_id, c.shipment_id FOR UPDATE OF c
"""
_DRAW: Final = f"""
INSERT INTO draw ({DRAWS.listed}) SELECT * FROM unnest({DRAWS.parameters(len(CAPTURES.names) + 1)})
ON CONFLICT (order_id, shipment_id, payment_id) DO UPDATE SET status = excluded.status, code = excluded.code
"""
_INSERT: Final = f"""
WITH drawn AS ({_DRAW}) {CAPTURES.insert} ON CONFLICT (order_id, shipment_id) DO NOTHING RETURNING shipment_id
"""
_UPDATE: Final = f"WITH drawn AS ({_DRAW}) {CAPTURES.update}"


def _stored(row: Mapping[str, Any]) -> Capture:
    capture = Capture.stored({name: row[name] for name in CAPTURES.names})
    capture.draws.extend(_drawn(capture, draw) for draw in row["draws"] or ())
    return capture


def _drawn(capture: Capture, draw: Mapping[str, Any]) -> Draw:
    return Draw(
        order_id=capture.order_id,
        shipment_id=capture.shipment_id,
        payment_id=UUID(draw["payment_id"]),
        place=draw["place"],
        amount=draw["amount"],
        final=draw["final"],
        status=CaptureStatus(draw["status"]),
        code=draw["code"],
        sent_at=None if draw["sent_at"] is None else datetime.fromisoformat(draw["sent_at"]),
    )


class CaptureStore:
    """The captures of the orders that a batch of messages is about."""

    lock_rank: ClassVar[int] = 20

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found: dict[UUID, dict[UUID, Capture]] = {}
        self._before: dict[tuple[UUID, UUID], tuple[Any, ...]] = {}
        self._drawn: dict[tuple[UUID, UUID, UUID], tuple[Any, ...]] = {}
        self._new: list[Capture] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock all captures of the orders."""
        for row in await self._transaction.fetch(_FETCH, list({message.order_id for message in messages})):
            capture = _stored(row)
            self._found.setdefault(capture.order_id, {})[capture.shipment_id] = capture
            self._before[capture.order_id, capture.shipment_id] = CAPTURES.snapshot(capture)
            for draw in capture.draws:
                self._drawn[draw.order_id, draw.shipment_id, draw.payment_id] = DRAWS.snapshot(draw)

    def get(self, order_id: UUID, shipment_id: UUID) -> Capture | None:
        """Answer the capture of a shipment, if there is one."""
        return self._found.get(order_id, {}).get(shipment_id)

    def known(self, order_id: UUID, shipment_id: UUID) -> Capture:
        """Answer the capture that a job has worked on; raises LookupError where it is gone."""
        capture = self.get(order_id, shipment_id)
        if capture is None:
            raise LookupError(f"the capture of shipment {shipment_id} is gone")
        return capture

    def of(self, order_id: UUID) -> Sequence[Capture]:
        """Answer all captures of an order."""
        return list(self._found.get(order_id, {}).values())

    def add(self, capture: Capture) -> Capture:
        """Keep a new capture."""
        self._found.setdefault(capture.order_id, {})[capture.shipment_id] = capture
        self._new.append(capture)
        return capture

    async def flush(self) -> None:
        """Write new and changed captures, and what came of their draws."""
        if self._new:
            await self._insert(sorted(self._new, key=lambda capture: (capture.order_id, capture.shipment_id)))
        loaded = [self._found[order_id][shipment_id] for order_id, shipment_id in self._before]
        changed = [one for one in loaded if CAPTURES.snapshot(one) != self._before[one.order_id, one.shipment_id]]
        drawn = [
            draw
            for capture in loaded
            for draw in capture.draws
            if DRAWS.snapshot(draw) != self._drawn.get((draw.order_id, draw.shipment_id, draw.payment_id))
        ]
        if changed or drawn:
            await self._transaction.fetch(_UPDATE, *CAPTURES.arrays(changed), *DRAWS.arrays(drawn))
        pending = [capture for one in [*self._new, *changed] for capture in self.of(one.order_id) if capture.pending]
        for job, wanted in (("capture", True), ("draw", False)):
            if any(bool(capture.draws) is wanted for capture in pending):
                self._transaction.wake(job)

    async def _insert(self, captures: Sequence[Capture]) -> None:
        draws = DRAWS.arrays(draw for capture in captures for draw in capture.draws)
        if len(await self._transaction.fetch(_INSERT, *CAPTURES.arrays(captures), *draws)) != len(captures):
            raise MadeElsewhereError("a capture of the same shipment was made at the same time")
