"""Reviews of risky orders, across order and payment: what waits for a person is held, and what was decided says by whom."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from order.model import OrderState
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.sources import Snapshot

OVERDUE: Final = timedelta(minutes=1)
"""So long after its deadline a review must have ended by its default."""
PENDING: Final = "pending"
IN_REVIEW: Final = "in_review"
"""Why an order waits, in its own words."""

# What is told of a review is compared as long as its fact is kept.
_REVIEWS: Final = """
SELECT r.order_id, r.state, r.deadline_at, r.decided_by, r.reason, p.held, p.captured, p.barred,
    coalesce(r.decided_at < (SELECT min(occurred_at) FROM outbox), true) AS told_long_ago,
    (SELECT count(*) FROM outbox o WHERE o.aggregateid = r.order_id::text AND o.type = 'payment.reviewed.v1') AS told
FROM review r LEFT JOIN (
    SELECT order_id, bool_or(status = 'authorized') AS held, sum(captured_amount) AS captured,
        bool_or(barred_at IS NOT NULL) AS barred, max(updated_at) AS updated_at
    FROM payment GROUP BY order_id
) p ON p.order_id = r.order_id
WHERE greatest(r.opened_at, r.decided_at, p.updated_at) < $1
"""
_ORDERS: Final = """
SELECT order_id, order_state, hold_reason, updated_at < $1 AS settled FROM orders
WHERE order_id = ANY($2::uuid[]) OR (hold_reason = $3 AND updated_at < $1)
"""


async def check_reviews(snapshot: Snapshot, findings: Findings) -> None:
    """Check each review with its payment and its order, and that no order waits for a review that is none."""
    reviews = await snapshot.databases["payment"].fetch(_REVIEWS, snapshot.settled_before)
    known = [review["order_id"] for review in reviews]
    rows = await snapshot.databases["order"].fetch(_ORDERS, snapshot.settled_before, known, IN_REVIEW)
    orders = {row["order_id"]: row for row in rows}
    findings.checked(Invariant.REVIEWS, len(reviews))
    for review in reviews:
        order = orders.pop(review["order_id"], None)
        if order is None or order["settled"]:
            for says in (*_of_payment(review, snapshot), *_of_order(review, order)):
                findings.violated(Invariant.REVIEWS, review["order_id"], says)
    begun = await snapshot.databases["payment"].fetch("SELECT order_id FROM review WHERE order_id = ANY($1::uuid[])", [*orders])
    for order_id in orders.keys() - {row["order_id"] for row in begun}:
        findings.violated(Invariant.REVIEWS, order_id, "waits for a review, and there is none")


def _of_payment(review: Mapping[str, Any], snapshot: Snapshot) -> Iterator[str]:
    if review["state"] != PENDING:
        if not review["decided_by"] or not review["reason"]:
            yield f"its review was {review['state']}, and nobody knows by whom or why"
        if not review["told_long_ago"] and review["told"] != (review["state"] != "closed"):
            yield f"its review was {review['state']}, and told {review['told']} times"
        return
    if review["barred"]:
        return  # the order is cancelled: the review ends with its deadline
    if not review["held"] or review["captured"]:
        yield f"is in review, and its payment is {'captured' if review['captured'] else 'not authorised'}"
    if review["deadline_at"] + OVERDUE < snapshot.at:
        yield f"is in review past its deadline ({review['deadline_at'].isoformat()})"


def _of_order(review: Mapping[str, Any], order: Mapping[str, Any] | None) -> Iterator[str]:
    if order is None:
        yield "is in review, and is no order"
        return
    waits = (order["order_state"], order["hold_reason"]) == (OrderState.PENDING, IN_REVIEW)
    if review["state"] == PENDING and not review["barred"] and not waits:
        yield f"is in review, and the order is {order['order_state']} ({order['hold_reason'] or 'not held'})"
    if review["state"] != PENDING and order["hold_reason"] == IN_REVIEW:
        yield f"its review was {review['state']}, and the order still waits for it"
