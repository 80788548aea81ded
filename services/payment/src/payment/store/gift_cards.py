"""Gift cards as they are issued and looked at; what orders hold of them is kept by the gateway to our own means of payment."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.database import Transaction
from chassis.domain import NotFoundError
from payment.model.gift_card import GiftCard, IssueGiftCard
from payment.settings import Settings

_INSERT: Final = """
WITH issued AS (
    INSERT INTO gift_card (gift_card_id, code_mark, hint, amount, balance, currency, expires_at, issued_by, issued_at)
    VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8) RETURNING gift_card_id, amount, issued_at
)
INSERT INTO own_movement (key, gift_card_id, kind, amount, at)
SELECT 'issue:' || gift_card_id, gift_card_id, 'issue', amount, issued_at FROM issued
"""
_MOVEMENTS: Final = """
SELECT m.kind, m.amount, h.order_id, m.at FROM own_movement m LEFT JOIN own_hold h USING (reference)
WHERE m.gift_card_id = :id AND m.kind IN ('issue', 'hold', 'capture', 'release', 'refund') AND m.amount > 0 ORDER BY m.at, m.key
"""


def gift_card_secret(remembered: Mapping[Any, Any]) -> str:
    """Tell with what marks of codes are made."""
    settings: Settings | None = remembered.get(Settings)
    return "" if settings is None else settings.gift_card_secret.get_secret_value()


class GiftCardStore:
    """The gift cards that a batch of commands issues."""

    lock_rank: ClassVar[int] = 50

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._new: list[GiftCard] = []

    async def fetch(self, messages: Sequence[IssueGiftCard]) -> None:
        """Read nothing: a new card is nobody's yet."""

    def add(self, card: GiftCard) -> None:
        """Keep a new gift card."""
        self._new.append(card)

    async def flush(self) -> None:
        """Write new cards and what is on them."""
        for one in self._new:
            await self._transaction.fetch(
                _INSERT,
                one.gift_card_id,
                one.code_mark,
                one.hint,
                one.amount,
                one.currency,
                one.expires_at,
                one.issued_by,
                one.issued_at,
            )


async def find_gift_card(session: AsyncSession, code_mark: str) -> GiftCard:
    """Find a gift card by the mark of its code; raises NotFoundError."""
    found: GiftCard | None = (await session.exec(select(GiftCard).where(col(GiftCard.code_mark) == code_mark))).first()
    if found is None:
        raise NotFoundError("There is no gift card with this code.")
    return found


async def gift_card_movements(session: AsyncSession, gift_card_id: UUID) -> list[tuple[str, int, UUID | None, datetime]]:
    """Read what happened to the balance of a gift card, oldest first."""
    connection = await session.connection()
    return [tuple(row) for row in await connection.execute(text(_MOVEMENTS), {"id": gift_card_id})]
