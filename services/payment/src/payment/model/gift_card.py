"""Gift cards: a balance behind a code. The code itself is kept nowhere, only a mark by which it is recognised."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field

from contracts.types import Money, PaymentInstrument
from payment.model.exchange import EXCHANGE
from payment.model.table import Table

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Letters and digits that nobody takes for one another."""
GROUPS: Final = 4
GIFT_CARD: Final = "gift_card"
BESIDE: Final = f"{GIFT_CARD}+"
"""How the method begins where a gift card pays first and another instrument the rest."""


def new_code(groups: int = GROUPS, between: str = "-") -> str:
    """Make up a code of 20 random bits a group, that can be read out."""
    return between.join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(groups))


def mark_of(code: str, secret: str) -> str:
    """Tell the mark of a code, however it was typed."""
    plain = "".join(code.upper().split()).replace("-", "")
    return hmac.new(secret.encode(), plain.encode(), hashlib.sha256).hexdigest()


def sealed(instrument: PaymentInstrument, secret: str) -> PaymentInstrument:
    """Write how is paid as it is kept: a gift card by its mark, or the credit of an exchange, before what pays the rest."""
    if instrument.credit is not None:
        credit = str(instrument.credit.amount)
        if instrument.method == EXCHANGE:
            return PaymentInstrument(method=EXCHANGE, token=credit)
        return PaymentInstrument(method=f"{EXCHANGE}+{instrument.method}", token=f"{credit}.{instrument.token}")
    if instrument.gift_card is None:
        return instrument
    mark = mark_of(instrument.gift_card, secret)
    if instrument.method == GIFT_CARD:
        return PaymentInstrument(method=GIFT_CARD, token=mark)
    return PaymentInstrument(method=BESIDE + instrument.method, token=f"{mark}.{instrument.token}")


@dataclass(frozen=True, slots=True)
class IssueGiftCard:
    """The wish for a gift card, whose code only the one who asks will know."""

    gift_card_id: UUID
    code_mark: str
    hint: str
    amount: Money
    expires_at: datetime | None


class GiftCard(Table, table=True):
    """A gift card; amounts in minor units of `currency`, `hint` the end of its code."""

    __tablename__ = "gift_card"

    gift_card_id: UUID = Field(primary_key=True)
    code_mark: str
    hint: str
    amount: int = Field(sa_type=BigInteger)
    balance: int = Field(sa_type=BigInteger)
    currency: str
    expires_at: datetime | None = Field(default=None)
    issued_by: str
    issued_at: datetime

    def balance_at(self, at: datetime) -> int:
        """Tell how much can be paid with it."""
        return 0 if self.expires_at is not None and self.expires_at <= at else self.balance

    def document(self) -> dict[str, Any]:
        """Tell what staff may know of it; the code is not among it."""
        return {
            "gift_card_id": self.gift_card_id,
            "hint": self.hint,
            "amount": {"amount": self.amount, "currency": self.currency},
            "balance": {"amount": self.balance, "currency": self.currency},
            "expires_at": self.expires_at,
            "issued_by": self.issued_by,
            "issued_at": self.issued_at,
        }
