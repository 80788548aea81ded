"""Means of payment of our own, behind the same port as the PSP: gift cards, transfers, cash on delivery.

A gift card pays first, and the PSP the rest; so does what came back in exchange. A transfer is waited for, and then the money
is there. Cash is as good as held.

What is asked of the PSP alone goes straight to it. The books of our own means are two tables in our database, kept in
transactions of their own, apart from those that decide about an order: whoever asks cannot tell them from a PSP's. A question
that comes again is answered as before, by its key. Where both pay, the gift card pays first and is given back to last, and the
PSP is asked before our own books change: what it refuses has changed nothing, and what was not answered is asked again.

A reference is the PSP's, or one of ours after a dot where nothing is the PSP's, or the two together.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from chassis.database import Database, Transaction
from chassis.domain import new_id
from contracts.payment import PaymentAction
from contracts.types import Money
from payment.gateway.port import (
    Absent,
    AuthorizationAnswer,
    Authorized,
    Canceled,
    Challenged,
    ChangeAnswer,
    Declined,
    Done,
    InquiryAnswer,
    PspGateway,
    Refused,
    Taken,
    Unknown,
    VoidAnswer,
    idempotency_key,
)
from payment.model import Entry, PaymentKey
from payment.model.exchange import EXCHANGE
from payment.model.gift_card import GIFT_CARD, new_code

BANK_TRANSFER: Final = "bank_transfer"
CASH_ON_DELIVERY: Final = "cash_on_delivery"
UNKNOWN_CARD: Final = "gift_card_unknown"
INSUFFICIENT: Final = "gift_card_insufficient"
UNPROVED: Final = "authentication_required"
TOO_LARGE: Final = "amount_too_large"
NOT_GRANTED: Final = "exchange_not_granted"
METHODS: Final[Mapping[str, tuple[str, Entry, Entry]]] = {
    GIFT_CARD: ("gift_", Entry.GIFT_CARD, Entry.GIFT_CARD_BACK),
    BANK_TRANSFER: ("WB-", Entry.TRANSFER, Entry.TRANSFER_BACK),
    CASH_ON_DELIVERY: ("cash_", Entry.CASH, Entry.CASH_BACK),
    EXCHANGE: ("exch_", Entry.EXCHANGE, Entry.EXCHANGE_BACK),
}
"""How references begin, and how is booked what is taken and what is given back."""
NOT_RECEIVED: Final = "transfer_not_received"
OURS: Final = "."
"""What a reference has before the part that is ours."""

_COLUMNS: Final = """
reference, order_id, change_id, method, gift_card_id, psp_reference, currency, amount, captured, released, refunded, rest,
rest_captured, rest_refunded, paid, code
"""
_FIND: Final = f"""
SELECT {_COLUMNS} FROM own_hold WHERE order_id = $1 AND change_id IS NOT DISTINCT FROM $2 FOR UPDATE
"""
_FIND_CARD: Final = "SELECT gift_card_id, balance, currency, expires_at FROM gift_card WHERE code_mark = $1 FOR UPDATE"
_HOLD: Final = f"""
INSERT INTO own_hold (reference, order_id, change_id, method, gift_card_id, currency, amount, rest, created_at, paid)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $4 <> 'bank_transfer') ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""
_MOVE: Final = """
INSERT INTO own_movement (key, reference, gift_card_id, kind, amount, rest, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (key) DO NOTHING RETURNING key
"""
_MOVED: Final = "SELECT kind, amount, rest FROM own_movement WHERE key = $1"
_CHANGE_BALANCE: Final = "UPDATE gift_card SET balance = balance + $2 WHERE gift_card_id = $1"
_GRANTED: Final = "SELECT granted FROM exchange_credit WHERE order_id = $1"
_PAY_OUT: Final = "UPDATE exchange_credit SET due_at = $2, attempts = 0 WHERE order_id = $1"
_CHANGE: Final = """
UPDATE own_hold SET captured = captured + $2, released = released + $3, refunded = refunded + $4,
    rest_captured = rest_captured + $5, rest_refunded = rest_refunded + $6, code = coalesce($7, code),
    psp_reference = coalesce($8, psp_reference)
WHERE reference = $1
"""


class MeansOfPayment:
    """Asks the PSP for what cards pay, and our own books for what our own means do."""

    def __init__(self, psp: PspGateway, database: Callable[[], Database]) -> None:
        self.psp = psp
        self._database = database

    async def authorize(self, payment: PaymentKey, amount: Money, method: str, token: str) -> AuthorizationAnswer:
        """Hold `amount`: of a gift card as far as its balance goes, the rest on the card beside it."""
        if method in {BANK_TRANSFER, CASH_ON_DELIVERY}:
            return _standing(await self._promise(payment, amount, method)) if amount.amount > 0 else Refused("amount_too_small")
        if not method.startswith((GIFT_CARD, EXCHANGE)):
            return await self.psp.authorize(payment, amount, method, token)
        mark, _, card = token.partition(".")
        if method.startswith(EXCHANGE):
            hold = await self._hold_credit(payment, amount, int(mark), alone=method == EXCHANGE)
        else:
            hold = await self._hold(payment, amount, mark, alone=method == GIFT_CARD)
        if isinstance(hold, Declined):
            return hold
        if hold["code"] is not None:
            return Declined(hold["code"])
        if not hold["rest"]:
            return Authorized(OURS + hold["reference"])
        rest = Money(amount=hold["rest"], currency=amount.currency)
        answer: AuthorizationAnswer = await self._beside(
            payment, await self.psp.authorize(payment, rest, method.partition("+")[2], card)
        )
        return answer

    async def capture(
        self, payment: PaymentKey, shipment_id: UUID, reference: str, amount: Money, *, final: bool
    ) -> ChangeAnswer:
        """Take a part of what is held, of the gift card first."""
        theirs, ours = _parts(reference)
        if ours is None:
            return await self.psp.capture(payment, shipment_id, theirs, amount, final=final)
        key = idempotency_key("capture", payment, shipment_id)
        async with self._database().transaction() as transaction:
            hold, done = await _find(transaction, payment), await _moved(transaction, key)
        if done is not None:
            return Done(own=done["amount"], entry=METHODS[hold["method"]][1])
        share = min(_open(hold), amount.amount)
        rest = amount.amount - share
        if rest > hold["rest"] - hold["rest_captured"]:
            return Refused(TOO_LARGE)
        if hold["method"] == EXCHANGE and not await self._is_granted(hold, share):
            return Unknown(NOT_GRANTED)
        answer: VoidAnswer = Done()
        if rest:
            money = Money(amount=rest, currency=amount.currency)
            answer = await self.psp.capture(payment, shipment_id, theirs, money, final=final)
        elif final and theirs and not hold["rest_captured"]:
            answer = await self.psp.void(payment, theirs)
        if not isinstance(answer, Done):
            return Refused("payment_intent_unexpected_state") if isinstance(answer, Taken) else answer
        async with self._database().transaction() as transaction:
            hold = await _find(transaction, payment)
            if await _move(transaction, hold, key, "capture", share, rest):
                await _change(transaction, hold, captured=share, rest_captured=rest)
                if final:
                    await _release(transaction, hold, _open(hold) - share)
        return Done(own=share, entry=METHODS[hold["method"]][1])

    async def void(self, payment: PaymentKey, reference: str) -> VoidAnswer:
        """Let go of what is held and not captured, of the gift card and of the card beside it."""
        theirs, ours = _parts(reference)
        if ours is None:
            return await self.psp.void(payment, theirs)
        answer = await self.psp.void(payment, theirs) if theirs else Done()
        if isinstance(answer, Done | Taken):
            async with self._database().transaction() as transaction:
                hold = await _find(transaction, payment)
                await _release(transaction, hold, _open(hold))
                if theirs and hold["psp_reference"] is None:
                    await _change(transaction, hold, code=UNPROVED)
                elif not hold["paid"]:
                    await _change(transaction, hold, code=NOT_RECEIVED)
                if isinstance(answer, Taken):
                    await _change(transaction, hold, rest_captured=answer.amount - hold["rest_captured"])
                    return Taken(reference, answer.amount + hold["captured"])
        return answer

    async def refund(self, payment: PaymentKey, reference: str, amount: Money, key: str | None = None) -> ChangeAnswer:
        """Give back captured money: to the card first, to the gift card last."""
        theirs, ours = _parts(reference)
        if ours is None:
            return await self.psp.refund(payment, theirs, amount, key)
        name = key or idempotency_key("refund", payment)
        async with self._database().transaction() as transaction:
            hold, done = await _find(transaction, payment), await _moved(transaction, name)
            if done is not None:
                return Done(own=done["amount"], entry=METHODS[hold["method"]][2])
            plan = await self._plan(transaction, hold, name, amount.amount)
        if plan is None:
            return Refused(TOO_LARGE)
        share, rest = plan
        answer: ChangeAnswer = Done()
        if rest:
            answer = await self.psp.refund(payment, theirs, Money(amount=rest, currency=amount.currency), key)
        if isinstance(answer, Unknown):
            return answer
        async with self._database().transaction() as transaction:
            hold = await _find(transaction, payment)
            undone = await _moved(transaction, f"undone:{name}") is not None
            if isinstance(answer, Refused):
                if await _move(transaction, hold, f"undone:{name}", "refund_undone", share, rest):
                    await _change(transaction, hold, refunded=-share, rest_refunded=-rest)
                return answer
            if await _move(transaction, hold, name, "refund", share, rest):
                await _change(transaction, hold, refunded=share * undone, rest_refunded=rest * undone)
                await transaction.fetch(_CHANGE_BALANCE, hold["gift_card_id"], share)
                if hold["method"] == EXCHANGE:
                    await _pay_out_soon(transaction, payment.order_id)
        return Done(own=share, entry=METHODS[hold["method"]][2])

    async def inquire(
        self, payment: PaymentKey, *, reference: str | None = None, sent_at: datetime | None = None
    ) -> InquiryAnswer:
        """Tell how a payment stands; what was held for one that did not come about is let go."""
        theirs, ours = _parts(reference) if reference is not None else (None, None)
        hold = None
        if ours is not None or reference is None:
            async with self._database().transaction() as transaction:
                hold = await _find(transaction, payment)
        if hold is None:
            return await self.psp.inquire(payment, reference=theirs, sent_at=sent_at)
        if hold["code"] is not None:
            return Declined(hold["code"])
        if hold["rest"]:
            answer = await self.psp.inquire(payment, reference=theirs or None, sent_at=sent_at)
            return answer if isinstance(answer, Taken) else await self._beside(payment, answer)
        return _standing(hold) if _open(hold) else Canceled(OURS + hold["reference"])

    async def _promise(self, payment: PaymentKey, amount: Money, method: str) -> Any:
        """Note, once, that an amount will be paid in another way than by card."""
        async with self._database().transaction() as transaction:
            reference = METHODS[method][0] + new_code(2, "")
            values = (reference, payment.order_id, payment.change_id, method, None, amount.currency, amount.amount, 0)
            made = await transaction.fetch(_HOLD, *values, transaction.now)
            if made:
                await _move(transaction, made[0], f"hold:{reference}", "hold", amount.amount)
            return made[0] if made else await _find(transaction, payment)

    async def _hold_credit(self, payment: PaymentKey, amount: Money, credit: int, *, alone: bool) -> Any:
        """Hold, once, what goods that are to come back will pay of an amount."""
        share = min(credit, amount.amount)
        rest = amount.amount - share
        if not share or (alone and rest):
            return Declined(INSUFFICIENT)
        reference = METHODS[EXCHANGE][0] + new_id().hex
        async with self._database().transaction() as transaction:
            values = (reference, payment.order_id, payment.change_id, EXCHANGE, None, amount.currency, share, rest)
            made = await transaction.fetch(_HOLD, *values, transaction.now)
            if made:
                await _move(transaction, made[0], f"hold:{reference}", "hold", share, rest)
            return made[0] if made else await _find(transaction, payment)

    async def _is_granted(self, hold: Any, share: int) -> bool:
        """Tell whether the goods are in that are to pay so much more of an order."""
        async with self._database().transaction() as transaction:
            found = await transaction.fetch(_GRANTED, hold["order_id"])
        return not share or bool(found and found[0]["granted"] >= hold["captured"] + share)

    async def _hold(self, payment: PaymentKey, amount: Money, mark: str, *, alone: bool) -> Any:
        """Hold what a gift card has of an amount, once; under the card's lock, so that it never pays more than it has."""
        async with self._database().transaction() as transaction:
            hold = await _find(transaction, payment)
            if hold is not None:
                return hold
            cards = await transaction.fetch(_FIND_CARD, mark)
            now = transaction.now
            # Two workers that ask for the same payment meet at the card's lock; the second one finds what the first has made.
            hold = await _find(transaction, payment)
            if hold is not None:
                return hold
            if not cards or cards[0]["currency"] != amount.currency:
                return Declined(UNKNOWN_CARD)
            card = cards[0]
            expired = card["expires_at"] is not None and card["expires_at"] <= now
            share = 0 if expired else min(card["balance"], amount.amount)
            rest = amount.amount - share
            if not share or (alone and rest):
                return Declined(INSUFFICIENT)
            values = (
                METHODS[GIFT_CARD][0] + new_id().hex,
                payment.order_id,
                payment.change_id,
                GIFT_CARD,
                card["gift_card_id"],
            )
            [hold] = await transaction.fetch(_HOLD, *values, amount.currency, share, rest, now)
            await _move(transaction, hold, f"hold:{hold['reference']}", "hold", share, rest)
            await transaction.fetch(_CHANGE_BALANCE, hold["gift_card_id"], -share)
            return hold

    async def _beside(self, payment: PaymentKey, answer: Any) -> Any:
        """Add to the PSP's answer about the rest what is ours; where the PSP holds nothing, neither is the gift card held."""
        async with self._database().transaction() as transaction:
            hold = await _find(transaction, payment)
            match answer:
                case Authorized(theirs):
                    await _change(transaction, hold, psp_reference=theirs)
                    return replace(answer, reference=f"{theirs}{OURS}{hold['reference']}")
                case Challenged(theirs):
                    return replace(answer, reference=f"{theirs}{OURS}{hold['reference']}")
                case Declined() | Refused() | Canceled() | Absent():
                    code: str = getattr(answer, "code", "not_authorized")
                    await _release(transaction, hold, _open(hold))
                    if hold["psp_reference"] is None:
                        await _change(transaction, hold, code=code)
        return answer

    async def _plan(self, transaction: Transaction, hold: Any, name: str, amount: int) -> tuple[int, int] | None:
        """Decide what goes back to the gift card and what to the card, once for each wish; None where it was not taken."""
        planned = await _moved(transaction, f"planned:{name}")
        if planned is not None:
            return planned["amount"], planned["rest"]
        rest = min(amount, hold["rest_captured"] - hold["rest_refunded"])
        share = amount - rest
        if share > hold["captured"] - hold["refunded"]:
            return None
        await _move(transaction, hold, f"planned:{name}", "refund_planned", share, rest)
        await _change(transaction, hold, refunded=share, rest_refunded=rest)
        return share, rest


def _standing(hold: Any) -> Authorized | Challenged | Declined:
    """Tell how it stands with what no card has a part in."""
    if hold["code"] is not None:
        return Declined(hold["code"])
    reference = OURS + hold["reference"]
    return Authorized(reference) if hold["paid"] else Challenged(reference, hold["reference"], PaymentAction.TRANSFER)


def _parts(reference: str) -> tuple[str, str | None]:
    """Tell the PSP's part of a reference, and ours."""
    theirs, has_ours, ours = reference.partition(OURS)
    return theirs, ours if has_ours else None


def _open(hold: Any) -> int:
    open_amount: int = hold["amount"] - hold["captured"] - hold["released"]
    return open_amount


async def _find(transaction: Transaction, payment: PaymentKey) -> Any:
    found = await transaction.fetch(_FIND, payment.order_id, payment.change_id)
    return found[0] if found else None


async def _moved(transaction: Transaction, key: str) -> Any:
    found = await transaction.fetch(_MOVED, key)
    return found[0] if found else None


async def _move(transaction: Transaction, hold: Any, key: str, kind: str, amount: int, rest: int = 0) -> bool:
    """Write a movement down; answers whether it is new."""
    values = (key, hold["reference"], hold["gift_card_id"], kind, amount, rest, transaction.now)
    return bool(await transaction.fetch(_MOVE, *values))


async def _change(transaction: Transaction, hold: Any, **changes: Any) -> None:
    numbers = [changes.get(name, 0) for name in ("captured", "released", "refunded", "rest_captured", "rest_refunded")]
    await transaction.fetch(_CHANGE, hold["reference"], *numbers, changes.get("code"), changes.get("psp_reference"))


async def _pay_out_soon(transaction: Transaction, exchange_order_id: UUID) -> None:
    """Have looked at what of a credit the order does not need any more."""
    await transaction.fetch(_PAY_OUT, exchange_order_id, transaction.now)
    transaction.wake("pay_out")


async def _release(transaction: Transaction, hold: Any, amount: int) -> None:
    if amount > 0 and await _move(transaction, hold, f"release:{hold['reference']}", "release", amount):
        await _change(transaction, hold, released=amount)
        await transaction.fetch(_CHANGE_BALANCE, hold["gift_card_id"], amount)
        if hold["method"] == EXCHANGE:
            await _pay_out_soon(transaction, hold["order_id"])
