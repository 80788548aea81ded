"""Payments with what is written beside them: the ledger's postings and the log of attempts.

Rows are locked in key order. A payment that two processes make at the same time is made by one of them; the other's work is
undone and done again on what it finds then. Postings go down in the transaction that changes the payment, and an instrument is
forgotten as soon as its payment is decided.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

import asyncpg

from chassis.database import Transaction
from payment.model import Action, Attempt, Payment, Posting, Status
from payment.store.due import LEASE, AuthorizationDue
from payment.store.rows import Columns

PAYMENTS: Final = Columns(
    "payment",
    ("order_id",),
    {
        "order_id": "uuid",
        "payment_id": "uuid",
        "user_id": "text",
        "amount": "bigint",
        "currency": "text",
        "status": "text",
        "authorized_amount": "bigint",
        "captured_amount": "bigint",
        "released_amount": "bigint",
        "refunded_amount": "bigint",
        "psp_reference": "text",
        "code": "text",
        "barred_at": "timestamptz",
        "action": "text",
        "due_at": "timestamptz",
        "attempts": "int",
        "sent_at": "timestamptz",
        "actor": "text",
        "causation_id": "uuid",
        "traceparent": "text",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
    },
)
STATUS: Final = PAYMENTS.names.index("status")
ATTEMPTS: Final = Columns(
    "psp_attempt",
    (),
    {
        "order_id": "uuid",
        "attempt_id": "uuid",
        "purpose": "text",
        "idempotency_key": "text",
        "result": "text",
        "code": "text",
        "shipment_id": "uuid",
        "at": "timestamptz",
    },
)


class MadeElsewhereError(asyncpg.SerializationError):
    """Another process made a row of the same order at the same time; the work is to be done again."""


class PaymentStore:
    """The payments of a batch of messages, each of which names its `order_id`."""

    lock_rank: ClassVar[int] = 10

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found: dict[UUID, Payment] = {}
        self._before: dict[UUID, tuple[Any, ...]] = {}
        self._new: dict[UUID, Payment] = {}
        self._attempts: list[Attempt] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock the payments of the orders that the messages are about."""
        orders = list({message.order_id for message in messages})
        query = "SELECT * FROM payment WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE"
        for row in await self._transaction.fetch(query, orders):
            payment = Payment.stored(row)
            self._found[payment.order_id] = payment
            self._before[payment.order_id] = PAYMENTS.snapshot(payment)

    def get(self, order_id: UUID) -> Payment | None:
        """Answer the order's payment, if there is one."""
        return self._found.get(order_id)

    def known(self, order_id: UUID) -> Payment:
        """Answer the payment that a job has worked on; raises LookupError where it is gone."""
        payment = self._found.get(order_id)
        if payment is None:
            raise LookupError(f"the payment of order {order_id} is gone")
        return payment

    def add(self, payment: Payment) -> Payment:
        """Keep a new payment."""
        self._found[payment.order_id] = self._new[payment.order_id] = payment
        return payment

    def log(self, attempt: Attempt) -> None:
        """Add to the log of what was asked of the PSP."""
        self._attempts.append(attempt)

    async def flush(self) -> None:
        """Write new and changed payments, their postings and the attempts, and forget instruments no longer needed."""
        changed = [self._found[key] for key, before in self._before.items() if PAYMENTS.snapshot(self._found[key]) != before]
        if self._new:
            await self._begin([payment for payment in self._new.values() if payment.action is Action.AUTHORIZE])
            await self._insert(sorted(self._new.values(), key=lambda payment: payment.order_id))
        if changed:
            await self._transaction.fetch(PAYMENTS.update, *PAYMENTS.arrays(changed))
        touched = [*self._new.values(), *changed]
        await self._forget_instruments([payment.order_id for payment in touched if self._is_decided_now(payment)])
        await self._post([posting for payment in touched for posting in payment.postings])
        if self._attempts:
            await self._transaction.fetch(ATTEMPTS.insert, *ATTEMPTS.arrays(self._attempts))
        for payment in touched:
            if payment.action is not None and payment.due_at is not None and payment.due_at <= self._transaction.now:
                self._transaction.wake(payment.action)

    async def _begin(self, payments: Sequence[Payment]) -> None:
        """Claim new payments whose instrument is known, as many as the workers of this process have room for."""
        payments = payments[: self._transaction.room(Action.AUTHORIZE)]
        if not payments:
            return
        now = self._transaction.now
        begun = []
        query = "SELECT order_id, method, token FROM instrument WHERE order_id = ANY($1::uuid[])"
        for row in await self._transaction.fetch(query, [payment.order_id for payment in payments]):
            payment = self._new[row["order_id"]]
            payment.begin(now, now + LEASE)
            begun.append(AuthorizationDue.begun(payment, row["method"], row["token"], now))
        self._transaction.begin(Action.AUTHORIZE, begun)

    async def _insert(self, payments: Sequence[Payment]) -> None:
        query = f"{PAYMENTS.insert} ON CONFLICT (order_id) DO NOTHING RETURNING order_id"
        if len(await self._transaction.fetch(query, *PAYMENTS.arrays(payments))) != len(payments):
            raise MadeElsewhereError("a payment of the same order was made at the same time")

    def _is_decided_now(self, payment: Payment) -> bool:
        before = self._before.get(payment.order_id)
        return payment.status != Status.PENDING and (before is None or before[STATUS] == Status.PENDING)

    async def _forget_instruments(self, decided: list[UUID]) -> None:
        if decided:
            await self._transaction.fetch("DELETE FROM instrument WHERE order_id = ANY($1::uuid[])", decided)

    async def _post(self, postings: Sequence[Posting]) -> None:
        if not postings:
            return
        query = """
            INSERT INTO ledger_entry (order_id, entry, reference, debit, credit, amount, currency, at)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                                 $8::timestamptz[])
        """
        columns: list[list[Any]] = [
            [posting.order_id for posting in postings],
            [posting.entry for posting in postings],
            [posting.reference for posting in postings],
            [posting.debit for posting in postings],
            [posting.credit for posting in postings],
            [posting.amount for posting in postings],
            [posting.currency for posting in postings],
            [posting.at for posting in postings],
        ]
        await self._transaction.fetch(query, *columns)
