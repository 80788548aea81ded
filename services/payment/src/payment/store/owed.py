"""What payment still owes about an order: questions to the PSP, and the decision about its risk."""

from typing import Final

from chassis.open_work import Work

WORK: Final = (
    Work(
        """SELECT action AS job, payment_id::text AS subject, attempts, due_at, code AS error FROM payment
        WHERE order_id = $1 AND due_at IS NOT NULL""",
        "UPDATE payment SET due_at = $2 WHERE order_id = $1 AND due_at > $3 RETURNING action AS job",
    ),
    Work(
        """SELECT 'capture' AS job, shipment_id::text AS subject, attempts, due_at, code AS error FROM capture
        WHERE order_id = $1 AND due_at IS NOT NULL""",
        "UPDATE capture SET due_at = $2 WHERE order_id = $1 AND due_at > $3 RETURNING 'capture' AS job",
    ),
    Work(
        """SELECT 'give_back' AS job, refund_id::text AS subject, attempts, due_at, code AS error FROM refund
        WHERE order_id = $1 AND due_at IS NOT NULL""",
        "UPDATE refund SET due_at = $2 WHERE order_id = $1 AND due_at > $3 RETURNING 'give_back' AS job",
    ),
    Work(
        """SELECT 'pay_out' AS job, order_id::text AS subject, attempts, due_at, code AS error FROM exchange_credit
        WHERE order_id = $1 AND due_at IS NOT NULL""",
        "UPDATE exchange_credit SET due_at = $2 WHERE order_id = $1 AND due_at > $3 RETURNING 'pay_out' AS job",
    ),
    Work(
        """SELECT 'review' AS job, order_id::text AS subject, 0 AS attempts, due_at, NULL AS error FROM review
        WHERE order_id = $1 AND due_at IS NOT NULL""",
    ),
)
