"""Payments with what is written beside them: the ledger's postings and the log of attempts.

All payments of an order are loaded together, and their rows locked in key order. A payment that two processes make at the same
time is made by one of them; and whoever decided about an order without having seen a payment that was made meanwhile finds out
when the changes are written: the work is undone, and done again on what it finds then. Postings go down in the transaction that
changes the payment, and an instrument is forgotten as soon as its payment is decided.

An order's main payment lies in `payment`; further ones, and their postings, in tables that inherit from those of the main ones
(migration 0002 says why). So a statement over `payment` or `ledger_entry` is about all of them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

import asyncpg

from chassis.database import Transaction
from contracts.payment import PaymentAction
from payment.model import Action, Attempt, Payment, PaymentKey, Posting, Status
from payment.settings import CHALLENGE_SECONDS, TRANSFER_SECONDS, Settings
from payment.store.due import LEASE, AuthorizationDue
from payment.store.risk import assess, assessing, known_version
from payment.store.rows import Columns
from payment.store.tables import ATTEMPTS, ENTRIES, FURTHER_ENTRIES, FURTHER_PAYMENTS, PAYMENTS

STATUS: Final = PAYMENTS.names.index("status")
BARRED_AT: Final = PAYMENTS.names.index("barred_at")

_FETCH: Final = f"""
SELECT {PAYMENTS.listed} FROM payment WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, payment_id FOR UPDATE
"""
_UPDATE: Final = f"""
WITH changed AS ({PAYMENTS.update}), not_to_be_asked_for AS (
    DELETE FROM change_instrument i WHERE i.order_id = ANY(${len(PAYMENTS.names) + 2}::uuid[]) AND NOT EXISTS (
        SELECT 1 FROM payment p WHERE p.order_id = i.order_id AND p.change_id = i.change_id AND p.status = 'pending'
    )
)
SELECT count(*) AS found FROM payment WHERE order_id = ANY(${len(PAYMENTS.names) + 1}::uuid[])
"""
_FIND_INSTRUMENTS: Final = f"""
WITH found AS (
    SELECT order_id, NULL::uuid AS change_id, method, token, facts FROM instrument WHERE order_id = ANY($1::uuid[])
    UNION ALL SELECT order_id, change_id, method, token, NULL FROM change_instrument WHERE order_id = ANY($1::uuid[])
), {assessing("found", now="$2::timestamptz", known="$3")}
"""
_FORGET_INSTRUMENTS: Final = """
WITH of_changes AS (
    DELETE FROM change_instrument i USING unnest($2::uuid[], $3::uuid[]) AS n(order_id, change_id)
    WHERE i.order_id = n.order_id AND i.change_id = n.change_id
)
DELETE FROM instrument WHERE order_id = ANY($1::uuid[])
"""


class MadeElsewhereError(asyncpg.SerializationError):
    """Another process made a row of the same order at the same time; the work is to be done again."""


class PaymentStore:
    """The payments of the orders that a batch of messages is about; each message names its `order_id`."""

    lock_rank: ClassVar[int] = 10

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found: dict[UUID, list[Payment]] = {}
        self._before: dict[UUID, tuple[Any, ...]] = {}
        self._new: list[Payment] = []
        self._attempts: list[Attempt] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock all payments of the orders that the messages are about."""
        for row in await self._transaction.fetch(_FETCH, list({message.order_id for message in messages})):
            payment = Payment.stored(row)
            self._found.setdefault(payment.order_id, []).append(payment)
            self._before[payment.payment_id] = PAYMENTS.snapshot(payment)

    def of(self, order_id: UUID) -> Sequence[Payment]:
        """Answer all payments of an order."""
        return self._found.get(order_id, ())

    def get(self, key: PaymentKey) -> Payment | None:
        """Answer the payment for an order as it was placed, or for a change of it, if there is one."""
        return next((payment for payment in self.of(key.order_id) if payment.change_id == key.change_id), None)

    def known(self, order_id: UUID, payment_id: UUID) -> Payment:
        """Answer the payment that a job has worked on; raises LookupError where it is gone."""
        for payment in self.of(order_id):
            if payment.payment_id == payment_id:
                return payment
        raise LookupError(f"payment {payment_id} of order {order_id} is gone")

    def add(self, payment: Payment) -> Payment:
        """Keep a new payment."""
        self._found.setdefault(payment.order_id, []).append(payment)
        self._new.append(payment)
        return payment

    def waits_until(self, action: PaymentAction) -> datetime:
        """Tell until when a customer who is asked now has time to do something."""
        settings: Settings | None = self._transaction.remembered.get(Settings)
        challenge, transfer = (
            (CHALLENGE_SECONDS, TRANSFER_SECONDS)
            if settings is None
            else (settings.challenge_seconds, settings.transfer_seconds)
        )
        return self._transaction.now + timedelta(seconds=transfer if action is PaymentAction.TRANSFER else challenge)

    def log(self, attempt: Attempt) -> None:
        """Add to the log of what was asked of the PSP."""
        self._attempts.append(attempt)

    async def flush(self) -> None:
        """Write new and changed payments, their postings and the attempts, and forget instruments no longer needed."""
        changed = [one for one in self._loaded() if one.postings or PAYMENTS.snapshot(one) != self._before[one.payment_id]]
        touched = [*self._new, *changed]
        if self._new:
            await self._begin([payment for payment in self._new if payment.action is Action.AUTHORIZE])
            await self._insert()
        if changed:
            await self._update(changed)
        await self._forget_instruments([payment for payment in touched if self._is_decided_now(payment)])
        await self._post(ENTRIES, (posting for one in touched if one.change_id is None for posting in one.postings))
        await self._post(FURTHER_ENTRIES, (posting for one in touched if one.change_id for posting in one.postings))
        if self._attempts:
            await self._transaction.fetch(ATTEMPTS.insert, *ATTEMPTS.arrays(self._attempts))
        for payment in touched:
            if payment.action is not None and payment.due_at is not None and payment.due_at <= self._transaction.now:
                self._transaction.wake(payment.action)

    def _loaded(self) -> Iterable[Payment]:
        return (one for payments in self._found.values() for one in payments if one.payment_id in self._before)

    async def _begin(self, payments: Sequence[Payment]) -> None:
        """Claim new payments whose instrument is known, as many as the workers of this process have room for."""
        waiting = {payment.key: payment for payment in payments[: self._transaction.room(Action.AUTHORIZE)]}
        if not waiting:
            return
        now, orders = self._transaction.now, list({key.order_id for key in waiting})
        rows = await self._transaction.fetch(_FIND_INSTRUMENTS, orders, now, known_version(self._transaction))
        found = [(row, payment) for row in rows if (payment := waiting.get(PaymentKey(row["order_id"], row["change_id"])))]
        mains = sorted(((row, one) for row, one in found if one.change_id is None), key=lambda pair: pair[1].order_id)
        assessed = await assess(self._transaction, [(row, one.amount, one.most_units) for row, one in mains])
        begun = []
        for row, payment in found:
            payment.begin(now, now + LEASE)
            assessment = assessed.get(payment.order_id) if payment.change_id is None else None
            begun.append(AuthorizationDue.begun(payment, row["method"], row["token"], now, assessment))
        self._transaction.begin(Action.AUTHORIZE, begun)

    async def _insert(self) -> None:
        new = sorted(self._new, key=lambda payment: (payment.order_id, payment.payment_id))
        for columns, payments in (
            (PAYMENTS, [payment for payment in new if payment.change_id is None]),
            (FURTHER_PAYMENTS, [payment for payment in new if payment.change_id is not None]),
        ):
            key = "(order_id)" if columns is PAYMENTS else "(order_id, change_id)"
            query = f"{columns.insert} ON CONFLICT {key} DO NOTHING RETURNING payment_id"
            if payments and len(await self._transaction.fetch(query, *columns.arrays(payments))) != len(payments):
                raise MadeElsewhereError("a payment of the same order was made at the same time")

    async def _update(self, changed: Sequence[Payment]) -> None:
        orders = {payment.order_id for payment in changed}
        barred = [one.order_id for one in changed if one.change_id is None and self._is_barred_now(one)]
        rows = await self._transaction.fetch(_UPDATE, *PAYMENTS.arrays(changed), list(orders), barred)
        if rows[0]["found"] != sum(len(self._found[order_id]) for order_id in orders):
            raise MadeElsewhereError("another payment of the same order was made at the same time")

    def _is_decided_now(self, payment: Payment) -> bool:
        before = self._before.get(payment.payment_id)
        return payment.status != Status.PENDING and (before is None or before[STATUS] == Status.PENDING)

    def _is_barred_now(self, payment: Payment) -> bool:
        return payment.barred and self._before[payment.payment_id][BARRED_AT] is None

    async def _forget_instruments(self, decided: Sequence[Payment]) -> None:
        if decided:
            orders = [payment.order_id for payment in decided if payment.change_id is None]
            changes = [payment for payment in decided if payment.change_id is not None]
            of_changes = [payment.order_id for payment in changes], [payment.change_id for payment in changes]
            await self._transaction.fetch(_FORGET_INSTRUMENTS, orders, *of_changes)

    async def _post(self, columns: Columns, postings: Iterable[Posting]) -> None:
        rows = [[getattr(posting, name) for name in columns.names] for posting in postings]
        if rows:
            await self._transaction.fetch(columns.insert, *(list(column) for column in zip(*rows, strict=True)))
