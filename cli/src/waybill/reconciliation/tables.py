"""Invariants of one database each, as one statement each: its rows are the violations (`subject`, `says`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from order.model import TRANSITIONS
from payment.model.ledger import SIDES
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.sources import Connection, Snapshot

WHOLE: Final = "order"
"""What an invoice is for that is issued at confirmation."""
FACTS_ARE_KEPT_FOR: Final = "6 days"
"""A database whose oldest fact is younger has dropped none yet, so every key's facts must be there from the first on."""


@dataclass(frozen=True, slots=True)
class Check:
    """A statement whose rows are violations of an invariant; `count` counts what it looks at."""

    invariant: Invariant
    count: str
    violations: str
    values: tuple[Any, ...] = ()


BY_A_CHANGE: Final = ["Processing > Delivered", "Shipped > Processing", "Delivered > Processing"]
"""What becomes of an order whose rest is cancelled, or to which something is added while the last of it leaves."""
LEGAL: Final = [
    step for one, others in TRANSITIONS.items() for other in others if (step := f"{one} > {other}") not in BY_A_CHANGE
]

ORDER: Final = (
    Check(
        Invariant.ORDER_ONCE,
        "SELECT count(*) FROM orders",
        """
        WITH placed AS (
            SELECT principal, key, split_part(headers ->> 'Location', '/', 4)::uuid AS order_id FROM idempotency
            WHERE status = 201 AND headers ->> 'Location' ~ '^/api/orders/[0-9a-f-]{36}$'
        )
        SELECT p.order_id AS subject, format('acknowledged to %s (key %s), and there is no such order of theirs',
            p.principal, p.key) AS says
        FROM placed p LEFT JOIN orders o ON o.order_id = p.order_id AND o.user_id = p.principal WHERE o.order_id IS NULL
        UNION ALL
        SELECT order_id, format('answered to %s different keys', count(*)) FROM placed GROUP BY order_id HAVING count(*) > 1
        UNION ALL
        SELECT o.order_id, format('told as placed %s times', count(f.id))
        FROM orders o LEFT JOIN outbox f ON f.aggregateid = o.order_id::text AND f.type = 'order.placed.v1'
        WHERE o.order_date > (SELECT min(occurred_at) FROM outbox) GROUP BY o.order_id HAVING count(f.id) <> 1
        UNION ALL
        SELECT f.aggregateid::uuid, 'told as placed, and there is no such order'
        FROM outbox f LEFT JOIN orders o ON o.order_id = f.aggregateid::uuid
        WHERE f.type = 'order.placed.v1' AND o.order_id IS NULL
        """,
    ),
    Check(
        Invariant.HISTORY,
        "SELECT count(*) FROM order_status_history WHERE kind IS NULL",
        """
        SELECT h.order_id AS subject, CASE
            WHEN before IS NULL THEN format('begins as %s', h.status)
            WHEN h.actor = '' THEN format('became %s by nobody', h.status)
            ELSE format('went from %s to %s', before, h.status) END AS says
        FROM (
            SELECT order_id, status, actor, lag(status) OVER (PARTITION BY order_id ORDER BY history_id) AS before
            FROM order_status_history WHERE kind IS NULL
        ) h
        WHERE (before IS NULL AND h.status <> 'Pending') OR h.actor = ''
            OR (before <> h.status AND format('%s > %s', before, h.status) <> ALL ($1::text[])
                AND NOT (format('%s > %s', before, h.status) = ANY ($2::text[])
                    AND EXISTS (SELECT FROM order_change c WHERE c.order_id = h.order_id AND c.state = 'applied')))
        UNION ALL
        SELECT o.order_id, CASE WHEN e.last <> o.status THEN format('is %s, and its history ends with %s', o.status, e.last)
            ELSE format('version %s with %s entries of history', o.version, coalesce(e.entries, 0)) END
        FROM orders o LEFT JOIN (
            SELECT order_id, count(*) FILTER (WHERE kind IS NULL) AS entries, count(*) FILTER (WHERE kind = 'note') AS notes,
                (array_agg(status ORDER BY history_id DESC) FILTER (WHERE kind IS NULL))[1] AS last
            FROM order_status_history GROUP BY order_id
        ) e ON e.order_id = o.order_id
        -- A note may be a version of its order: that staff have dealt with what it was held for.
        WHERE (o.version BETWEEN e.entries AND e.entries + e.notes) IS NOT TRUE OR e.last <> o.status
        """,
        (LEGAL, BY_A_CHANGE),
    ),
    Check(
        Invariant.DOCUMENTS,
        "SELECT count(*) FROM document",
        """
        WITH placed AS (
            SELECT *, lag(position) OVER series_of AS behind, lag(hash) OVER series_of AS last_hash
            FROM document WINDOW series_of AS (PARTITION BY series ORDER BY position)
        ), sums AS (
            SELECT order_id, sum(total_amount) AS invoiced FROM document GROUP BY order_id
        ), confirming AS (
            SELECT min(issued_at) AS first, max(issued_at) AS last FROM document WHERE subject = $1 AND kind = 'invoice'
        )
        SELECT order_id AS subject, format('%s follows on number %s of its series', number, coalesce(behind, 0)) AS says
        FROM placed WHERE position <> coalesce(behind, 0) + 1
        UNION ALL
        SELECT order_id, format('%s does not carry the hash of the document before', number)
        FROM placed WHERE previous_hash <> coalesce(last_hash, repeat('0', 64))
        UNION ALL
        SELECT o.order_id, format('captured %s, refunded %s, and its documents come to %s', captured_amount, refunded_amount,
            coalesce(invoiced, 0))
        FROM orders o LEFT JOIN sums USING (order_id)
        WHERE CASE WHEN invoiced IS NULL THEN captured_amount <> refunded_amount
            ELSE invoiced NOT IN (captured_amount - refunded_amount, total_amount - refunded_amount) END
        UNION ALL
        SELECT o.order_id, 'was confirmed at a time of invoices at confirmation, and has none'
        FROM confirming c CROSS JOIN orders o
        WHERE c.first IS NOT NULL AND o.order_state = 'confirmed' AND o.total_amount > 0
            AND NOT EXISTS (SELECT FROM document d WHERE d.order_id = o.order_id)
            AND EXISTS (SELECT FROM order_status_history h WHERE h.order_id = o.order_id AND h.status = 'Processing'
                AND h.timestamp BETWEEN c.first AND c.last)
        """,
        (WHOLE,),
    ),
)

PAYMENT: Final = (
    Check(
        Invariant.DOUBLE_ENTRY,
        "SELECT count(*) FROM ledger_entry",
        """
        SELECT e.order_id AS subject, format('%s debits %s and credits %s', e.entry, e.debit, e.credit) AS says
        FROM ledger_entry e LEFT JOIN unnest($1::text[], $2::text[], $3::text[]) AS s(entry, debit, credit)
            ON s.entry = e.entry AND s.debit = e.debit AND s.credit = e.credit
        WHERE s.entry IS NULL
        UNION ALL
        SELECT order_id, format(
            '%sledger: held %s, captured %s (%s off the hold), let go %s, refunded %s; payment: %s, %s, %s, %s',
            CASE WHEN change_id IS NOT NULL THEN format('change %s: ', change_id) END, held, captured, off_hold, released,
            refunded, authorized_amount, captured_amount, released_amount, refunded_amount)
        FROM (
            SELECT order_id, p.change_id, coalesce(held, 0) AS held, coalesce(captured, 0) AS captured,
                coalesce(off_hold, 0) AS off_hold, coalesce(released, 0) AS released, coalesce(refunded, 0) AS refunded,
                coalesce(authorized_amount, 0) AS authorized_amount, coalesce(captured_amount, 0) AS captured_amount,
                coalesce(released_amount, 0) AS released_amount, coalesce(refunded_amount, 0) AS refunded_amount
            FROM (
                SELECT e.order_id, coalesce(e.payment_id, main.payment_id) AS payment_id,
                    sum(e.amount) FILTER (WHERE entry = 'hold') AS held,
                    sum(e.amount) FILTER (WHERE entry = 'capture') AS captured,
                    sum(e.amount) FILTER (WHERE entry = 'capture_release') AS off_hold,
                    sum(CASE entry WHEN 'release' THEN e.amount WHEN 'release_undone' THEN -e.amount END) AS released,
                    sum(e.amount) FILTER (WHERE entry = 'refund') AS refunded
                FROM ledger_entry e LEFT JOIN payment main ON main.order_id = e.order_id AND main.change_id IS NULL
                GROUP BY 1, 2
            ) l FULL JOIN payment p USING (order_id, payment_id)
        ) both_sides
        WHERE (held, captured, off_hold, released, refunded) IS DISTINCT FROM
            (authorized_amount, captured_amount, captured_amount, released_amount, refunded_amount)
        UNION ALL
        SELECT order_id, format('change %s let go of %s, and the ledger says %s', change_id, r.amount, coalesce(l.amount, 0))
        FROM reduction r LEFT JOIN (
            SELECT order_id, reference AS change_id, sum(amount) AS amount FROM ledger_entry
            WHERE entry = 'release' GROUP BY 1, 2
        ) l USING (order_id, change_id)
        WHERE r.amount <> coalesce(l.amount, 0)
        UNION ALL
        SELECT order_id, format('refund %s: given back %s, and the ledger says %s', refund_id, coalesce(r.amount, 0),
            coalesce(l.amount, 0))
        FROM (
            SELECT order_id, refund_id, sum(amount) AS amount FROM refund_part WHERE status = 'refunded' GROUP BY 1, 2
        ) r FULL JOIN (
            SELECT e.order_id, e.reference AS refund_id, sum(e.amount) AS amount FROM ledger_entry e
            WHERE e.entry = 'refund' AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.order_id = e.order_id
                AND p.payment_id = e.reference) GROUP BY 1, 2
        ) l USING (order_id, refund_id)
        WHERE r.amount IS DISTINCT FROM l.amount
        UNION ALL
        SELECT order_id, format('refund %s: %s of %s was given back, and it is %s', refund_id, coalesce(p.amount, 0), r.amount,
            r.status)
        FROM refund r LEFT JOIN (
            SELECT order_id, refund_id, sum(amount) AS amount FROM refund_part WHERE status = 'refunded' GROUP BY 1, 2
        ) p USING (order_id, refund_id)
        WHERE (r.status = 'refunded') <> (coalesce(p.amount, 0) = r.amount)
        UNION ALL
        SELECT order_id, format('dispute %s: %s of %s is booked', dispute_id, coalesce(l.amount, 0), d.amount)
        FROM dispute d LEFT JOIN (
            SELECT order_id, reference AS dispute_id, sum(amount) AS amount FROM ledger_entry
            WHERE entry = 'dispute' GROUP BY 1, 2
        ) l USING (order_id, dispute_id)
        WHERE d.amount IS DISTINCT FROM l.amount
        UNION ALL
        SELECT order_id, format('shipment %s: captured %s, and of its payments %s', shipment_id, c.amount, d.amount)
        FROM capture c JOIN (
            SELECT order_id, shipment_id, sum(amount) AS amount FROM draw WHERE status = 'captured' GROUP BY 1, 2
        ) d USING (order_id, shipment_id)
        WHERE c.status = 'captured' AND c.amount <> d.amount
        UNION ALL
        SELECT NULL, format('%s: debits and credits differ by %s', account, sum(amount))
        FROM (
            SELECT CASE WHEN debit LIKE 'authorized%' THEN 'holds' ELSE 'money' END AS account, amount FROM ledger_entry
            UNION ALL
            SELECT CASE WHEN credit LIKE 'authorized%' THEN 'holds' ELSE 'money' END, -amount FROM ledger_entry
        ) sides GROUP BY account HAVING sum(amount) <> 0
        """,
        ([str(entry) for entry in SIDES], [str(debit) for debit, _ in SIDES.values()], [str(c) for _, c in SIDES.values()]),
    ),
)

INVENTORY: Final = (
    Check(
        Invariant.STOCK_LEDGER,
        "SELECT count(*) FROM stock",
        """
        SELECT format('%s in %s', sku, warehouse_id) AS subject,
            format('counters say %s on hand, %s reserved; movements say %s and %s', coalesce(s.on_hand, 0),
                coalesce(s.reserved, 0), coalesce(m.on_hand, 0), coalesce(m.reserved, 0)) AS says
        FROM stock s FULL JOIN (
            SELECT sku, warehouse_id, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
            FROM stock_movement GROUP BY sku, warehouse_id
        ) m USING (sku, warehouse_id)
        WHERE (coalesce(s.on_hand, 0), coalesce(s.reserved, 0)) <> (coalesce(m.on_hand, 0), coalesce(m.reserved, 0))
        """,
    ),
    Check(
        Invariant.STOCK_NEGATIVE,
        "SELECT count(*) FROM stock",
        """
        SELECT format('%s in %s', sku, warehouse_id) AS subject, format('%s on hand, %s reserved', on_hand, reserved) AS says
        FROM stock WHERE reserved < 0 OR on_hand < reserved
        """,
    ),
    Check(
        Invariant.STOCK_RESERVED,
        "SELECT count(*) FROM stock",
        """
        SELECT format('%s in %s', sku, warehouse_id) AS subject,
            format('%s reserved, and live reservations hold %s', coalesce(s.reserved, 0), coalesce(r.held, 0)) AS says
        FROM stock s FULL JOIN (
            SELECT part.key AS sku, line ->> 'warehouse_id' AS warehouse_id,
                sum(part.value::bigint * ((line ->> 'quantity')::bigint - (line ->> 'shipped')::bigint)) AS held
            FROM reservation, jsonb_array_elements(lines) AS line,
                jsonb_each_text(coalesce(line -> 'components', jsonb_build_object(line ->> 'product_id', 1))) AS part
            WHERE status IN ('held', 'partly_shipped') GROUP BY 1, 2
        ) r USING (sku, warehouse_id)
        WHERE coalesce(s.reserved, 0) <> coalesce(r.held, 0)
        """,
    ),
    Check(
        Invariant.RETURNED_STOCK,
        "SELECT count(*) FROM reservation WHERE receipts <> '[]'",
        """
        WITH came AS (
            SELECT order_id, one.* FROM reservation, jsonb_to_recordset(receipts) AS one(
                warehouse_id text, product_id text, restocked bigint, written_off bigint, components jsonb)
            WHERE receipts <> '[]'
        ), booked AS (
            SELECT order_id, warehouse_id, part.key AS sku, sum(part.value::bigint * (restocked + written_off)) AS returned,
                sum(part.value::bigint * written_off) AS written_off
            FROM came, jsonb_each_text(coalesce(components, jsonb_build_object(product_id, 1))) AS part GROUP BY 1, 2, 3
        ), ledger AS (
            SELECT order_id, warehouse_id, sku, coalesce(sum(on_hand_delta) FILTER (WHERE kind = 'returned'), 0) AS returned,
                coalesce(-sum(on_hand_delta) FILTER (WHERE kind = 'written_off'), 0) AS written_off
            FROM stock_movement WHERE order_id IS NOT NULL AND kind IN ('returned', 'written_off') GROUP BY 1, 2, 3
        ), sent AS (
            SELECT order_id, line ->> 'product_id' AS product_id, sum((line ->> 'shipped')::bigint) AS units
            FROM reservation, jsonb_array_elements(lines) AS line WHERE receipts <> '[]' GROUP BY 1, 2
        )
        SELECT order_id AS subject, format('receipts brought %s of %s to %s, %s of them written off; movements say %s and %s',
            coalesce(b.returned, 0), sku, warehouse_id, coalesce(b.written_off, 0), coalesce(l.returned, 0),
            coalesce(l.written_off, 0)) AS says
        FROM booked b FULL JOIN ledger l USING (order_id, warehouse_id, sku)
        WHERE (coalesce(b.returned, 0), coalesce(b.written_off, 0)) <> (coalesce(l.returned, 0), coalesce(l.written_off, 0))
        UNION ALL
        SELECT order_id, format('%s of %s came back, and %s were sent', c.units, product_id, coalesce(s.units, 0))
        FROM (
            SELECT order_id, product_id, sum(restocked + written_off) AS units FROM came GROUP BY 1, 2
        ) c LEFT JOIN sent s USING (order_id, product_id)
        WHERE c.units > coalesce(s.units, 0)
        """,
    ),
    Check(
        Invariant.BACKORDERS,
        "SELECT count(*) FROM backorder",
        """
        SELECT order_id AS subject, format('the queue has it wait for %s of %s (%s of %s), and its reservation for %s (%s)',
            coalesce(b.quantity, 0), sku, coalesce(b.units, 0), part, coalesce(w.quantity, 0), coalesce(w.units, 0)) AS says
        FROM backorder b FULL JOIN (
            SELECT order_id, line ->> 'product_id' AS sku, part.key AS part, sum((line ->> 'quantity')::bigint) AS quantity,
                sum((line ->> 'quantity')::bigint * part.value::bigint) AS units
            FROM reservation, jsonb_array_elements(waiting) AS line,
                jsonb_each_text(coalesce(line -> 'components', jsonb_build_object(line ->> 'product_id', 1))) AS part
            GROUP BY 1, 2, 3
        ) w USING (order_id, sku, part)
        WHERE (coalesce(b.quantity, 0), coalesce(b.units, 0)) <> (coalesce(w.quantity, 0), coalesce(w.units, 0))
        """,
    ),
)
# Units of a change that is not decided keep their place and are given to nobody. A bundle is served where a warehouse can make
# it; one that none can make lets others pass. What is due to be given out is left to the job that does it.
IDLE: Final = Check(
    Invariant.BACKORDERS,
    "SELECT count(*) FROM backorder",
    """
    WITH waiting AS (
        SELECT order_id, line ->> 'product_id' AS sku, (line ->> 'since')::timestamptz AS since,
            (line ->> 'quantity')::bigint AS quantity, line ? 'change_id' AS undecided,
            coalesce(line -> 'components', jsonb_build_object(line ->> 'product_id', 1)) AS parts
        FROM reservation, jsonb_array_elements(waiting) AS line WHERE status IN ('held', 'partly_shipped')
    ), parts AS (
        SELECT w.*, part.key AS part, part.value::bigint AS each FROM waiting w, jsonb_each_text(w.parts) AS part
    ), kept_apart AS (
        SELECT w.order_id, w.sku, w.since, w.part, sum(a.quantity * a.each) AS units
        FROM parts w JOIN parts a ON a.part = w.part AND a.undecided AND (a.since, a.order_id) < (w.since, w.order_id)
        WHERE NOT w.undecided GROUP BY 1, 2, 3, 4
    ), could AS (
        SELECT p.order_id, p.sku, p.since, s.warehouse_id, min((s.on_hand - s.reserved) / p.each) AS here,
            min((t.free - coalesce(k.units, 0)) / p.each) AS anywhere, count(*) AS parts
        FROM parts p JOIN stock s ON s.sku = p.part
        JOIN (SELECT sku, sum(on_hand - reserved) AS free FROM stock GROUP BY sku) t ON t.sku = p.part
        LEFT JOIN kept_apart k ON (k.order_id, k.sku, k.since, k.part) = (p.order_id, p.sku, p.since, p.part)
        WHERE NOT p.undecided AND NOT EXISTS (SELECT FROM restock r WHERE r.sku = p.part AND r.due_at >= $1)
        GROUP BY 1, 2, 3, 4
    )
    SELECT DISTINCT ON (w.sku, w.since, w.order_id) w.order_id AS subject, format(
        'waits for %s of %s since %s, and %s has %s of it free', w.quantity, w.sku, w.since, c.warehouse_id, c.here) AS says
    FROM waiting w JOIN could c USING (order_id, sku, since)
    WHERE NOT w.undecided AND c.parts = (SELECT count(*) FROM jsonb_object_keys(w.parts)) AND least(c.here, c.anywhere) > 0
    ORDER BY w.sku, w.since, w.order_id
    """,
)

EVERY: Final = (
    Check(
        Invariant.SEQUENCE,
        "SELECT count(*) FROM outbox_sequence",
        f"""
        SELECT format('%s %s', topic, key) AS subject, CASE
            WHEN f.key IS NULL THEN format('%s facts counted, none kept', s.last)
            ELSE format('%s facts numbered %s to %s; counted up to %s', facts, first, f.last, coalesce(s.last, 0)) END AS says
        FROM outbox_sequence s FULL JOIN (
            SELECT aggregatetype AS topic, aggregateid AS key, count(*) AS facts, count(DISTINCT sequence) AS numbers,
                min(sequence) AS first, max(sequence) AS last
            FROM outbox GROUP BY aggregatetype, aggregateid
        ) f USING (topic, key)
        WHERE f.last <> coalesce(s.last, 0) OR f.facts <> f.numbers OR f.last - f.first + 1 <> f.numbers
            OR ((f.key IS NULL OR f.first <> 1)
                AND (SELECT min(occurred_at) FROM outbox) > now() - interval '{FACTS_ARE_KEPT_FOR}')
        """,
    ),
    Check(
        Invariant.DEAD_LETTERS,
        "SELECT count(*) FROM dead_letter",
        """
        SELECT id AS subject, format('%s of %s: %s: %s', coalesce(type, 'a record'), topic, reason, left(error, 120)) AS says
        FROM dead_letter WHERE status = 'open'
        """,
    ),
)

PUBLISHED: Final = Check(
    Invariant.OUTBOX_EMPTY,
    "SELECT count(*) FROM outbox",
    """
    SELECT format('%s %s', topic, key) AS subject, format('fact %s waits since %s', sequence, created_at) AS says
    FROM outbox_unpublished WHERE created_at < $1
    """,
)

CHECKS: Final[dict[str, Sequence[Check]]] = {
    "order": (*ORDER, *EVERY),
    "payment": (*PAYMENT, *EVERY),
    "inventory": (*INVENTORY, *EVERY),
    "notification": EVERY,
}


async def check_tables(service: str, snapshot: Snapshot, findings: Findings) -> None:
    """Check what can be checked within the database of one service."""
    connection = snapshot.databases[service]
    for check in CHECKS[service]:
        await _run(service, check, connection, findings, check.values)
    await _run(service, PUBLISHED, connection, findings, (snapshot.settled_before,))
    if service == "inventory":
        await _run(service, IDLE, connection, findings, (snapshot.settled_before,))


async def _run(service: str, check: Check, connection: Connection, findings: Findings, values: tuple[Any, ...]) -> None:
    findings.checked(check.invariant, await connection.fetchval(check.count))
    for row in await connection.fetch(check.violations, *values):
        findings.violated(check.invariant, row["subject"] or "all", f"{service}: {row['says']}")
