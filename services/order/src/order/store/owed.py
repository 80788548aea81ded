"""What the order service still owes about an order: labels to be bought or given back, and decisions that time makes."""

from typing import Final

from chassis.open_work import Work

_LABEL: Final = "CASE state WHEN 'wanted' THEN 'buy_{0}' ELSE 'void_{0}' END AS job"

WORK: Final = (
    *(
        Work(
            f"""SELECT {_LABEL.format(name)}, {subject}::text AS subject, attempts, due_at, error FROM {table}
            WHERE order_id = $1 AND due_at IS NOT NULL""",
            f"UPDATE {table} SET due_at = $2 WHERE order_id = $1 AND due_at > $3 RETURNING {_LABEL.format(name)}",
        )
        for table, name, subject in (("shipment_label", "label", "shipment_id"), ("return_label", "return_label", "return_id"))
    ),
    Work(
        """SELECT 'follow_exchange' AS job, return_id::text AS subject, 0 AS attempts, due_at, reason AS error
        FROM exchange_step WHERE order_id = $1""",
        "UPDATE exchange_step SET due_at = $2 WHERE order_id = $1 AND due_at > $3 RETURNING 'follow_exchange' AS job",
    ),
    Work(
        """SELECT 'cancel_expired' AS job, order_id::text AS subject, 0 AS attempts, deadline_at AS due_at, NULL AS error
        FROM orders WHERE order_id = $1 AND deadline_at IS NOT NULL"""
    ),
    Work(
        """SELECT 'withdraw_expired' AS job, change_id::text AS subject, 0 AS attempts, deadline_at AS due_at, NULL AS error
        FROM order_change WHERE order_id = $1 AND deadline_at IS NOT NULL"""
    ),
    Work(
        """SELECT 'end_return' AS job, return_id::text AS subject, 0 AS attempts, deadline_at AS due_at, NULL AS error
        FROM order_return WHERE order_id = $1 AND deadline_at IS NOT NULL"""
    ),
)
