"""What notification still owes about an order: messages to be sent."""

from typing import Final

from chassis.open_work import Work

WORK: Final = (
    Work(
        """SELECT 'deliver' AS job, template || ' by ' || channel AS subject, attempts, due_at, last_error AS error
        FROM delivery WHERE order_id = $1 AND due_at IS NOT NULL""",
        "UPDATE delivery SET due_at = $2 WHERE order_id = $1 AND due_at > $3 RETURNING 'deliver' AS job",
    ),
)
