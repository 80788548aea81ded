"""Transfers as they came, and the accounts they are for: what was asked for under each reference."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.database import Transaction
from chassis.domain import Cause, NotFoundError
from payment.model.transfer import ReceiveTransfer, TransferAccount
from payment.store.payments import MadeElsewhereError

_ACCOUNT: Final = "reference, order_id, currency, amount, released, refunded, received, paid, code, created_at"
_FETCH: Final = f"SELECT {_ACCOUNT} FROM own_hold WHERE reference = ANY($1::text[]) ORDER BY reference FOR UPDATE"
_KNOWN: Final = """
SELECT bank_reference, reference, amount, currency, received_at FROM transfer WHERE bank_reference = ANY($1::text[])
"""
_INSERT: Final = """
INSERT INTO transfer (bank_reference, reference, amount, currency, received_at, recorded_by, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING bank_reference
"""
_UPDATE: Final = "UPDATE own_hold SET received = $2, paid = $3 WHERE reference = $1"
_OF: Final = f"SELECT {_ACCOUNT} FROM own_hold WHERE reference = :reference AND method = 'bank_transfer'"
_NEWEST: Final = """
AND (CAST(:before AS text) IS NULL
    OR (created_at, reference) < (SELECT created_at, reference FROM own_hold WHERE reference = :before))
ORDER BY created_at DESC, reference DESC LIMIT :limit
"""
_LIST: Final = f"SELECT {_ACCOUNT} FROM own_hold WHERE method = 'bank_transfer' {_NEWEST}"
# An index holds these alone: in its words, else it is not used.
_SURPLUS: Final = f"""
SELECT {_ACCOUNT} FROM own_hold WHERE method = 'bank_transfer' AND (paid OR code IS NOT NULL)
AND received > CASE WHEN paid THEN amount - released - refunded ELSE 0 END {_NEWEST}
"""


class TransferStore:
    """The transfers that a batch of commands tells of; each names the order that its reference is for."""

    lock_rank: ClassVar[int] = 45

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._accounts: dict[str, TransferAccount] = {}
        self._known: dict[str, tuple[Any, ...]] = {}
        self._new: list[tuple[ReceiveTransfer, Cause]] = []

    async def fetch(self, messages: Sequence[ReceiveTransfer]) -> None:
        """Load and lock what the transfers are for, and which of them are known."""
        rows = await self._transaction.fetch(_FETCH, [message.reference for message in messages])
        self._accounts = {row["reference"]: TransferAccount(**row) for row in rows}
        known = await self._transaction.fetch(_KNOWN, [message.bank_reference for message in messages])
        self._known = {row["bank_reference"]: tuple(row)[1:] for row in known}

    def account(self, reference: str) -> TransferAccount:
        """Answer what was asked for under a reference; raises NotFoundError."""
        found = self._accounts.get(reference)
        if found is None:
            raise NotFoundError("No order waits for a transfer with this reference.")
        return found

    def known(self, transfer: ReceiveTransfer) -> bool | None:
        """Tell whether a transfer is known: None where it is, in other words."""
        before = self._known.get(transfer.bank_reference)
        if before is None:
            return False
        return True if before == (transfer.reference, transfer.amount, transfer.currency, transfer.received_at) else None

    def add(self, transfer: ReceiveTransfer, cause: Cause) -> None:
        """Keep a new transfer."""
        self._known[transfer.bank_reference] = (
            transfer.reference,
            transfer.amount,
            transfer.currency,
            transfer.received_at,
        )
        self._new.append((transfer, cause))

    async def flush(self) -> None:
        """Write new transfers and what they make of what was asked for."""
        for one, cause in self._new:
            values = (one.bank_reference, one.reference, one.amount, one.currency, one.received_at, cause.actor, cause.at)
            if not await self._transaction.fetch(_INSERT, *values):
                raise MadeElsewhereError("the same transfer was told of at the same time")
        for reference in sorted({one.reference for one, _ in self._new}):
            account = self._accounts[reference]
            await self._transaction.fetch(_UPDATE, reference, account.received, account.paid)


async def transfer_account(session: AsyncSession, reference: str) -> TransferAccount:
    """Find what was asked for under a reference; raises NotFoundError."""
    rows = (await (await session.connection()).execute(text(_OF), {"reference": reference})).mappings()
    found = rows.first()
    if found is None:
        raise NotFoundError("No order waits for a transfer with this reference.")
    return TransferAccount(**found)


async def transfer_accounts(
    session: AsyncSession, limit: int, before: str | None, *, surplus: bool
) -> Sequence[TransferAccount]:
    """List what was asked for by transfer, newest first; `surplus`: where something is to be paid back."""
    values = {"limit": limit, "before": before}
    rows = (await (await session.connection()).execute(text(_SURPLUS if surplus else _LIST), values)).mappings()
    return [TransferAccount(**row) for row in rows]
