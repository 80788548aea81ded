"""Bank statements that were taken over, each once, with what came of their rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel
from pydantic_core import to_json
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.database import Transaction
from chassis.domain import Cause, NotFoundError
from payment.model.statement import KeepStatement, StatementDifference
from payment.store.payments import MadeElsewhereError

_INSERT: Final = """
INSERT INTO bank_statement (statement_id, digest, rows, recorded, known, differences, imported_by, imported_at)
VALUES ($1, $2, $3, $4, $5, ($6::text)::jsonb, $7, $8) ON CONFLICT (digest) DO NOTHING RETURNING statement_id
"""
_OF: Final = "SELECT statement_id, digest FROM bank_statement WHERE digest = ANY($1::text[])"
_READ: Final = """
SELECT statement_id, rows, recorded, known, differences, imported_by, imported_at FROM bank_statement
WHERE statement_id = :id OR digest = :digest
"""
_KNOWN: Final = "SELECT bank_reference FROM transfer WHERE bank_reference = ANY(CAST(:ids AS text[]))"
_WAITING: Final = """
SELECT reference, order_id FROM own_hold WHERE method = 'bank_transfer' AND reference = ANY(CAST(:references AS text[]))
"""


class StatementView(BaseModel):
    """A statement that was taken over: `recorded` rows were news, `known` ones were not, the rest is among the differences."""

    statement_id: UUID
    rows: int
    recorded: int
    known: int
    differences: list[StatementDifference]
    imported_by: str
    imported_at: AwareDatetime


class StatementStore:
    """The statements that a batch of commands keeps."""

    lock_rank: ClassVar[int] = 46

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._known: dict[str, UUID] = {}
        self._new: list[tuple[KeepStatement, Cause]] = []

    async def fetch(self, messages: Sequence[KeepStatement]) -> None:
        """Load which files are known."""
        rows = await self._transaction.fetch(_OF, [message.digest for message in messages])
        self._known = {row["digest"]: row["statement_id"] for row in rows}

    def keep(self, statement: KeepStatement, cause: Cause) -> UUID:
        """Keep what came of a statement, unless it was kept before; answers under which name."""
        if statement.digest not in self._known:
            self._known[statement.digest] = statement.statement_id
            self._new.append((statement, cause))
        return self._known[statement.digest]

    async def flush(self) -> None:
        """Write new statements."""
        for one, cause in self._new:
            differences = to_json(one.differences).decode()
            values = (one.statement_id, one.digest, one.rows, one.recorded, one.known, differences, cause.actor, cause.at)
            if not await self._transaction.fetch(_INSERT, *values):
                raise MadeElsewhereError("the same statement was taken over at the same time")


async def read_statement(session: AsyncSession, statement_id: UUID | None = None, digest: str = "") -> StatementView:
    """Read what came of a statement, by its name or its file's digest; raises NotFoundError."""
    rows = (await (await session.connection()).execute(text(_READ), {"id": statement_id, "digest": digest})).mappings()
    found = rows.first()
    if found is None:
        raise NotFoundError("There is no such statement.")
    return StatementView.model_validate(dict(found))


async def transfers_known(session: AsyncSession, bank_references: Iterable[str]) -> set[str]:
    """Tell which transfers are known."""
    rows = await (await session.connection()).execute(text(_KNOWN), {"ids": list(bank_references)})
    return {row[0] for row in rows}


async def waited_for(session: AsyncSession, references: Iterable[str]) -> Mapping[str, Any]:
    """Tell for which orders there are transfers with these references."""
    rows = await (await session.connection()).execute(text(_WAITING), {"references": list(references)})
    return {row[0]: row[1] for row in rows}
