"""Gift cards: issued by finance; orders pay with them as with any other means."""

from typing import Never

from pydantic_core import to_json

from chassis.batch import Answer
from chassis.domain import Cause
from payment.model.gift_card import GiftCard, IssueGiftCard
from payment.store import GiftCardStore


def issue_gift_card(command: IssueGiftCard, cards: GiftCardStore, cause: Cause) -> Answer[Never]:
    """Issue a gift card with a balance."""
    card = GiftCard(
        gift_card_id=command.gift_card_id,
        code_mark=command.code_mark,
        hint=command.hint,
        amount=command.amount.amount,
        balance=command.amount.amount,
        currency=command.amount.currency,
        expires_at=command.expires_at,
        issued_by=cause.actor,
        issued_at=cause.at,
    )
    cards.add(card)
    return Answer(to_json({**card.document(), "code": None}), status=201)
