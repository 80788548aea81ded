"""The routing rules, loaded and written for a change of them."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from chassis.database import Transaction
from inventory.model import RoutingPlan, RoutingRule

_LOCK_PLAN: Final = "SELECT plan, version, updated_at, actor FROM routing_plan FOR UPDATE"

_WRITE_PLAN: Final = """
WITH planned AS (UPDATE routing_plan SET version = $1, updated_at = $2, actor = $3),
gone AS (DELETE FROM routing_rule WHERE rank > cardinality($4::text[]))
INSERT INTO routing_rule (rank, kind, parameters, active)
SELECT rank, kind, parameters, active
FROM unnest($4::text[], $5::jsonb[], $6::boolean[]) WITH ORDINALITY AS r(kind, parameters, active, rank)
ON CONFLICT (rank) DO UPDATE SET kind = excluded.kind, parameters = excluded.parameters, active = excluded.active
"""


class RoutingRules:
    """The plan under change; changes take turns."""

    lock_rank: ClassVar[int] = 5

    plan: RoutingPlan
    warehouses: frozenset[str]

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._rules: Sequence[RoutingRule] | None = None

    async def fetch(self, _: Sequence[Any]) -> None:
        """Take the turn, and see which warehouses there are."""
        (row,) = await self._transaction.fetch(_LOCK_PLAN)
        self.plan = RoutingPlan.stored(dict(row))
        rows = await self._transaction.fetch("SELECT warehouse_id FROM warehouse")
        self.warehouses = frozenset(row["warehouse_id"] for row in rows)

    def replace(self, rules: Sequence[RoutingRule]) -> None:
        """Take these rules instead of those there are."""
        self._rules = rules

    async def flush(self) -> None:
        """Write the plan and its rules."""
        if self._rules is None:
            return
        await self._transaction.fetch(
            _WRITE_PLAN,
            self.plan.version,
            self.plan.updated_at,
            self.plan.actor,
            [rule.kind for rule in self._rules],
            [rule.parameters for rule in self._rules],
            [rule.active for rule in self._rules],
        )
