"""What must be so in the end of an imagined life: orders, facts, money at the PSP and stock, each told again from the rows.

`python -m tests.saga.imagined_ends FIRST COUNT ORDERS` lives through seeds and says what was done and what is wrong.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from order.model import TRANSITIONS, Order, ShipmentState, Status
from tests.saga.imagined import World, imagine
from tests.saga.imagined_rows import PLACES, PRODUCTS, STOCK

SENT: Final = (ShipmentState.DISPATCHED, ShipmentState.DELIVERED)
OFTEN: Final = 9
"""That stock is back may be said again: it is the same answer."""


def complaints(world: World) -> Iterator[str]:
    """Say what is not as it must be once nothing is under way."""
    if world.left:
        yield f"{world.left} things are still under way"
    held: Counter[tuple[str, str]] = Counter()
    for order in world.orders.rows.values():
        for complaint in (*_order(order, world), *_told(order, world), *_money(order, world), *_stock(order, world, held)):
            yield f"order {order.order_id}: {complaint}"
    yield from _shelves(world, held)


def _order(order: Order, world: World) -> Iterator[str]:
    if order.order_state == "pending":
        yield "is pending"
    if len(order.new_history) != order.version:
        yield f"is of version {order.version} with {len(order.new_history)} entries of history"
    statuses = [entry.status for entry in order.new_history]
    for before, after in pairwise(statuses):
        if before != after and Status(after) not in TRANSITIONS[Status(before)]:
            yield f"went from {before} to {after}"
    if any(not entry.actor for entry in order.new_history):
        yield "was changed by nobody"
    if order.order_state == "cancelled" and (order.released_at is None or order.voided_at is None):
        yield "is cancelled, and does not know that all was given back"
    captured = sum(1 for capture in world.captures.of(order.order_id) if capture.status == "captured")
    if len([one for one in world.documents.of(order.order_id) if one.kind == "invoice"]) != captured:
        yield f"has {len(world.documents.of(order.order_id))} documents for {captured} captures"


def _told(order: Order, world: World) -> Iterator[str]:
    """Find facts that may be told once and were told again, or answers that are missing."""
    key = str(order.order_id)

    def times(*types: str) -> int:
        return sum(world.told[key, one] for one in types)

    cancelled = order.order_state == "cancelled"
    wanted = {
        "confirmed or cancelled": (times("order.confirmed.v1", "order.cancelled.v1"), (1, 2)),
        "confirmed": (times("order.confirmed.v1"), (0 if cancelled else 1, 1)),
        "cancelled": (times("order.cancelled.v1"), (cancelled, cancelled)),
        "answered by stock": (times("inventory.stock_released.v1"), (cancelled, cancelled * OFTEN)),
        "answered by money": (times("payment.voided.v1", "payment.refunded.v1"), (cancelled, cancelled)),
        "stock decided": (times("inventory.stock_reserved.v1", "inventory.stock_reservation_failed.v1"), (0, 1)),
        "money decided": (times("payment.authorized.v1", "payment.declined.v1"), (0, 1)),
    }
    for what, (count, (least, most)) in wanted.items():
        if not least <= count <= most:
            yield f"{what} {count} times"
    for shipment in order.shipments:
        sent = shipment.state in SENT
        for one in ("inventory.stock_deducted.v1", "payment.captured.v1", "order.shipment_dispatched.v1"):
            if world.told[f"{key} {shipment.shipment_id}", one] != sent:
                yield f"{one} of a parcel that is {shipment.state}: {world.told[f'{key} {shipment.shipment_id}', one]} times"


def _money(order: Order, world: World) -> Iterator[str]:
    books = [one for one in world.psp.books.values() if one.order_id == order.order_id]
    payments = world.payments.of(order.order_id)
    if len(books) > 1:
        yield f"money was held {len(books)} times"
    opened, captured, refunded = (sum(getattr(one, name) for one in books) for name in ("open", "captured", "refunded"))
    sent = sum(shipment.amount for shipment in order.shipments if shipment.state in SENT)
    if order.order_state == "cancelled":
        if opened or captured != refunded:
            yield f"is cancelled, and the PSP holds {opened}, has taken {captured} and given back {refunded}"
    elif (opened + captured, captured, refunded) != (order.total_amount, sent, 0):
        yield f"costs {order.total_amount}, {sent} of it was sent; the PSP holds {opened}, has taken {captured}"
    ours = sum(one.captured_amount for one in payments), sum(one.refunded_amount for one in payments)
    if ours != (captured, refunded) or order.captured_amount != captured:
        yield f"the PSP has taken {captured} and given back {refunded}, payment says {ours}, order {order.captured_amount}"


def _stock(order: Order, world: World, held: Counter[tuple[str, str]]) -> Iterator[str]:
    reservation = world.room.reservation(order.order_id)
    if reservation is None:
        yield "inventory never heard of it"
        return
    ours: Counter[tuple[str, str]] = Counter()
    for line in reservation.lines if reservation.is_live else ():
        ours[line.product_id, line.warehouse_id] += line.open
    held.update(ours)
    planned: Counter[tuple[str, str]] = Counter()
    for shipment in order.shipments:
        for packed in shipment.lines if shipment.state == ShipmentState.PLANNED else ():
            planned[packed["product_id"], shipment.warehouse_id] += packed["quantity"]
    if +ours != +planned:
        yield f"{dict(+ours)} is held for it, and {dict(+planned)} is to be sent"


def _shelves(world: World, held: Counter[tuple[str, str]]) -> Iterator[str]:
    world.room.begin()
    posted: Counter[tuple[str, str]] = Counter()
    for posting in world.room.ledger:
        posted[posting.sku, posting.warehouse_id] += posting.on_hand_delta
    for row in world.room.stock:
        place = (row.sku, row.warehouse_id)
        if not 0 <= row.reserved <= row.on_hand or row.reserved != held[place]:
            yield f"{place}: {row.reserved} of {row.on_hand} are reserved, orders hold {held[place]}"
        if row.on_hand != STOCK + posted[place]:
            yield f"{place}: {row.on_hand} are there, the ledger says {STOCK + posted[place]}"
    sent: Counter[str] = Counter()
    for order in world.orders.rows.values():
        for shipment in order.shipments:
            for line in shipment.lines if shipment.state in SENT else ():
                sent[line["product_id"]] += line["quantity"]
    for sku in PRODUCTS:
        left = sum(row.on_hand for row in world.room.stock if row.sku == sku)
        if left + sent[sku] != STOCK * len(PLACES):
            yield f"{sku}: {left} are there and {sent[sku]} were sent, of {STOCK * len(PLACES)}"


def main() -> None:
    """Live through `COUNT` seeds from `FIRST` on, with `ORDERS` each; one line of JSON: what was done, and what is wrong."""
    first, count, orders = map(int, sys.argv[1:])
    done: Counter[str] = Counter()
    wrong = {}
    for seed in range(first, first + count):
        world = imagine(seed, orders)
        done.update(world.done)
        if found := list(complaints(world)):
            wrong[seed] = found[:5]
    sys.stdout.write(json.dumps({"done": done, "wrong": wrong, "trace": world.trace.hexdigest()}) + "\n")


if __name__ == "__main__":
    main()
