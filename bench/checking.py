"""Checks what a load has left in the databases: a benchmark of wrong results counts nothing.

Every accepted order must have ended as its kind says, with stock, money and messages to match; the counters of stock must be
what their ledger adds up to; nothing may be left unpublished, waiting or dead.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from bench.databases import Databases
from bench.generator import Outcome, Sent
from bench.workload import Kind
from waybill.embedded.system import SERVICES

STATUS: Final = {
    Kind.CONFIRMED: ("Processing", None),
    Kind.CANCELLED: ("Cancelled", "customer"),
    Kind.DECLINED: ("Cancelled", "payment_declined"),
    Kind.SHORT: ("Cancelled", "out_of_stock"),
}
TEMPLATES: Final = {kind: "confirmed" if kind is Kind.CONFIRMED else "cancelled" for kind in Kind}
SHOWN: Final = 3

_STOCK: Final = """
SELECT count(*) FROM stock s LEFT JOIN (
    SELECT sku, warehouse_id, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved FROM stock_movement GROUP BY 1, 2
) m USING (sku, warehouse_id)
WHERE s.on_hand <> coalesce(m.on_hand, 0) OR s.reserved <> coalesce(m.reserved, 0)
"""
_HELD: Final = """
SELECT coalesce(sum(part.value::bigint * ((line ->> 'quantity')::bigint - (line ->> 'shipped')::bigint)), 0)::bigint
FROM reservation, jsonb_array_elements(lines) AS line,
    jsonb_each_text(coalesce(line -> 'components', jsonb_build_object(line ->> 'product_id', 1))) AS part
WHERE status IN ('held', 'partly_shipped')
"""
_PARCELS: Final = """
SELECT o.order_id FROM orders o LEFT JOIN (
    SELECT order_id, sum(amount) AS amount, sum((SELECT sum((line ->> 'quantity')::bigint)
        FROM jsonb_array_elements(lines) AS line)) AS units
    FROM shipments WHERE state <> 'cancelled' AND order_id = ANY($1::uuid[]) GROUP BY order_id
) s USING (order_id)
WHERE o.order_id = ANY($1::uuid[]) AND (coalesce(s.amount, 0), coalesce(s.units, 0)) IS DISTINCT FROM
    (CASE o.order_state WHEN 'confirmed' THEN o.total_amount ELSE 0 END, o.units)
"""
_AUTHORISED: Final = """
SELECT order_id, string_agg(DISTINCT status, ', ') AS status, sum(amount)::bigint AS amount FROM payment
WHERE order_id = ANY($1::uuid[]) AND withdrawn_at IS NULL GROUP BY order_id
"""
_TOLD: Final = """
SELECT template, count(DISTINCT order_id) AS n, count(*) AS all FROM delivery
WHERE order_id = ANY($1::uuid[]) AND channel = 'email' GROUP BY template
"""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be true after a load, and what was found where it is not."""

    what: str
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is true."""
        return not self.problem


async def check(databases: Databases, outcome: Outcome) -> list[Check]:
    """Check the results of a load that is at rest."""
    accepted = [sent for sent in outcome.sent if sent.order_id]
    return [
        _failures(outcome),
        await _orders(databases, accepted),
        await _parcels(databases, accepted),
        await _reservations(databases, accepted),
        await _stock(databases),
        await _payments(databases, accepted),
        await _notifications(databases, accepted),
        await _rest(databases),
    ]


def _failures(outcome: Outcome) -> Check:
    told = "; ".join(f"{count} x {reason}" for reason, count in sorted(outcome.failures.items())[:SHOWN])
    return Check("every order was accepted", told)


async def _orders(databases: Databases, accepted: Sequence[Sent]) -> Check:
    rows = await databases.rows(
        "order", "SELECT order_id, status, cancel_reason FROM orders WHERE order_id = ANY($1::uuid[])", _ids(accepted)
    )
    found = {str(row["order_id"]): (row["status"], row["cancel_reason"]) for row in rows}
    wrong = [
        f"{sent.order_id} is {_words(found.get(sent.order_id))}, not {_words(STATUS[Kind(sent.kind)])}"
        for sent in accepted
        if found.get(sent.order_id) != STATUS[Kind(sent.kind)]
    ]
    return Check("every accepted order ended as it should", _some(wrong))


async def _parcels(databases: Databases, accepted: Sequence[Sent]) -> Check:
    wrong = [
        f"{row['order_id']} has parcels that do not make its units and its total"
        for row in await databases.rows("order", _PARCELS, _ids(accepted))
    ]
    return Check("the parcels of each order make its units and its total", _some(wrong))


async def _reservations(databases: Databases, accepted: Sequence[Sent]) -> Check:
    query = "SELECT order_id, status FROM reservation WHERE order_id = ANY($1::uuid[])"
    found = {str(row["order_id"]): row["status"] for row in await databases.rows("inventory", query, _ids(accepted))}
    wrong = [
        f"{sent.order_id} ({sent.kind}) has a reservation that is {found.get(sent.order_id, 'missing')}"
        for sent in accepted
        if (found.get(sent.order_id) == "held") != (sent.kind == Kind.CONFIRMED)
    ]
    return Check("stock is held for the confirmed orders, and for no others", _some(wrong))


async def _stock(databases: Databases) -> Check:
    differing = await databases.value("inventory", _STOCK)
    reserved = await databases.value("inventory", "SELECT sum(reserved)::bigint FROM stock")
    held = await databases.value("inventory", _HELD)
    problems = [f"{differing} counters differ from their ledger"] if differing else []
    if reserved != held:
        problems.append(f"{reserved} units are reserved and {held} are held for orders")
    return Check("stock, its ledger and the reservations agree", "; ".join(problems))


async def _payments(databases: Databases, accepted: Sequence[Sent]) -> Check:
    totals = {
        str(row["order_id"]): row["total_amount"]
        for row in await databases.rows(
            "order", "SELECT order_id, total_amount FROM orders WHERE order_id = ANY($1::uuid[])", _ids(accepted)
        )
    }
    rows = await databases.rows("payment", _AUTHORISED, _ids(accepted))
    found = {str(row["order_id"]): (row["status"], row["amount"]) for row in rows}
    wrong = [
        f"{sent.order_id} ({sent.kind}) has a payment that is {_words(found.get(sent.order_id))}"
        for sent in accepted
        if (found.get(sent.order_id) == ("authorized", totals.get(sent.order_id))) != (sent.kind == Kind.CONFIRMED)
    ]
    return Check("the total is authorised for the confirmed orders, and for no others", _some(wrong))


async def _notifications(databases: Databases, accepted: Sequence[Sent]) -> Check:
    due = Counter(TEMPLATES[Kind(sent.kind)] for sent in accepted) + Counter({"received": len(accepted)})
    rows = await databases.rows("notification", _TOLD, _ids(accepted))
    found = {row["template"]: row["n"] for row in rows}
    allowed_more = sum(sent.kind == Kind.CANCELLED for sent in accepted)  # confirmed first, then cancelled
    wrong = [
        f"{found.get(name, 0)} of {count} were told: {name}"
        for name, count in due.items()
        if not count <= found.get(name, 0) <= count + (allowed_more if name == "confirmed" else 0)
    ]
    twice = sum(row["all"] - row["n"] for row in rows)
    return Check("every customer was told once", "; ".join([*wrong, *([f"{twice} were told twice"] if twice else [])]))


async def _rest(databases: Databases) -> Check:
    undone = await databases.undone()
    for service in SERVICES:
        undone[f"{service} dead letters"] = await databases.value(service, "SELECT count(*) FROM dead_letter")
    undone["notifications failed"] = await databases.value(
        "notification", "SELECT count(*) FROM delivery WHERE status = 'failed'"
    )
    return Check("nothing is unpublished, waiting, dead or failed", "; ".join(f"{n} {what}" for what, n in undone.items() if n))


def _ids(sent: Iterable[Sent]) -> list[UUID]:
    return [UUID(one.order_id) for one in sent]


def _words(values: tuple[Any, ...] | None) -> str:
    return "missing" if values is None else " ".join(str(value) for value in values if value is not None)


def _some(wrong: Sequence[str]) -> str:
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return "; ".join(wrong[:SHOWN]) + more
