"""The risk rules under change, every version of which is kept; and what they would have said of past orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from sqlmodel import text
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.database import Transaction
from payment.model import MARKS, Assessment, Facts, Marker, Replay, RuleSet, Verdict
from payment.store.risk import terms_of

MOST_REPLAYED: Final = 50_000
MOST_CHANGES_SHOWN: Final = 1000

# Changes take turns; whoever assesses is not held up by them.
_LOCK: Final = "LOCK TABLE risk_rules IN SHARE ROW EXCLUSIVE MODE"
_NEWEST: Final = "SELECT version, document, actor, created_at FROM risk_rules ORDER BY version DESC LIMIT 1"
_ADD: Final = "INSERT INTO risk_rules (version, document, actor, created_at) VALUES ($1, $2, $3, $4)"
_VERSION: Final = """
SELECT version, document, actor, created_at FROM risk_rules
WHERE version = coalesce(CAST(:version AS int), (SELECT max(version) FROM risk_rules))
"""
_PAST: Final = f"""
SELECT order_id, at, version, verdict, score, spoken, shadow, declined, amount, most_units, abroad, domain_mark,
    {", ".join(f"{by}_mark" for by in MARKS)}
FROM (SELECT * FROM assessment WHERE at >= :since ORDER BY at DESC, order_id DESC LIMIT {MOST_REPLAYED}) AS past
ORDER BY at, order_id
"""


class RiskRulesStore:
    """The rules in force, and the version that comes after them."""

    lock_rank: ClassVar[int] = 5

    version: int
    marker: Marker

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.marker = terms_of(transaction).marker
        self._added: list[tuple[int, dict[str, Any], str]] = []

    async def fetch(self, _: Sequence[Any]) -> None:
        """Take the turn, and see which version is in force."""
        await self._transaction.fetch(_LOCK)
        rows = await self._transaction.fetch(_NEWEST)
        self.version = rows[0]["version"] if rows else 0

    def add(self, rules: RuleSet, actor: str) -> int:
        """Have orders assessed by these rules from now on; answers their version."""
        self.version += 1
        self._added.append((self.version, rules.document(), actor))
        return self.version

    async def flush(self) -> None:
        """Write the new version."""
        for version, document, actor in self._added:
            await self._transaction.fetch(_ADD, version, document, actor, self._transaction.now)


@dataclass(frozen=True, slots=True)
class StoredRules:
    """A version of the rules, and who made it when."""

    version: int
    document: dict[str, Any]
    actor: str
    created_at: datetime


async def risk_rules(session: AsyncSession, version: int | None = None) -> StoredRules | None:
    """Read a version of the rules, the one in force if none is named."""
    connection = await session.connection()
    row = (await connection.execute(text(_VERSION), {"version": version})).one_or_none()
    return None if row is None else StoredRules(*row)


@dataclass(frozen=True, slots=True)
class Reassessed:
    """An order that other rules see otherwise."""

    row: Any
    now: Assessment


@dataclass(frozen=True, slots=True)
class Backtest:
    """What rules would have said of past orders: how many there were, what was said then and now, and of which it differs."""

    assessed: int
    then: dict[Verdict, int]
    now: dict[Verdict, int]
    changed: int
    changes: list[Reassessed]


async def backtest(session: AsyncSession, rules: RuleSet, since: datetime) -> Backtest:
    """Assess the newest past orders anew, in the order they came; shadow or not, what the rules said is compared."""
    replay = Replay(rules)
    then, now = (dict.fromkeys(Verdict, 0) for _ in range(2))
    changes: list[Reassessed] = []
    changed = assessed = 0
    connection = await session.connection()
    for row in await connection.execute(text(_PAST), {"since": since}):
        marks = {by: mark for by in MARKS if (mark := getattr(row, f"{by}_mark")) is not None}
        facts = Facts(row.amount, row.most_units, row.abroad, row.domain_mark, marks)
        was, again = Verdict(row.verdict), replay.assess(facts, row.at)
        replay.add(facts, row.at, was if not row.shadow else Verdict.APPROVE, declined=row.declined)
        assessed += 1
        then[was] += 1
        now[again.verdict] += 1
        if again.verdict != was:
            changed += 1
            if len(changes) < MOST_CHANGES_SHOWN:
                changes.append(Reassessed(row, again))
    return Backtest(assessed, then, now, changed, changes)
