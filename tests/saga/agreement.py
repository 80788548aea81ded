"""What must hold over all services once nothing is under way: orders, stock, money, labels and changes say the same.

Each rule is told again here from the rows of the databases, apart from how the services or `waybill reconcile` see it.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from payment.store.audit import audit

from .carrying import Saga

LIVE: Final = ("planned", "held", "moving")
SENT: Final = ("dispatched", "delivered")
HOLDING: Final = ("held", "partly_shipped")
"""The states of a reservation that holds stock."""


async def disagreements(saga: Saga) -> list[str]:
    """Say in one line each what does not agree; nothing where all is well."""
    found = Books(
        orders={row["order_id"]: row for row in await saga.rows("order", "SELECT * FROM orders")},
        items=_by_order(await saga.rows("order", "SELECT * FROM order_items")),
        shipments=_by_order(await saga.rows("order", "SELECT * FROM shipments")),
        changes=_by_order(await saga.rows("order", "SELECT * FROM order_change")),
        labels=_by_order(
            [
                *await saga.rows("order", "SELECT * FROM shipment_label"),
                *await saga.rows("order", "SELECT *, return_id AS shipment_id FROM return_label"),
            ]
        ),
        refunds=_by_order(await saga.rows("order", "SELECT * FROM order_refund")),
        returns=_by_order(await saga.rows("order", "SELECT * FROM order_return")),
        reservations={row["order_id"]: row for row in await saga.rows("inventory", "SELECT * FROM reservation")},
        payments=_by_order(await saga.rows("payment", "SELECT * FROM payment")),
        own=_by_order(await saga.rows("payment", "SELECT * FROM own_hold WHERE code IS NULL")),
        moved=_by_order(await saga.rows("payment", "SELECT * FROM exchange_source")),
    )
    lines = [f"order {order_id}: {line}" for order_id in found.orders for line in found.of(order_id)]
    lines += [line async for line in _stock(saga, found)]
    lines += _labels(saga, found)
    lines += _psp(saga, found)
    lines += [line async for line in _exchanges(saga, found)]
    async with saga.databases["payment"].reading() as session:
        lines += [f"payment's audit: {one}" for one in (await audit(session)).violations]
    return lines


class Books:
    """All that the services know, by order."""

    def __init__(self, **tables: Mapping[UUID, Any]) -> None:
        self.orders = tables["orders"]
        self.items = tables["items"]
        self.shipments = tables["shipments"]
        self.changes = tables["changes"]
        self.labels = tables["labels"]
        self.refunds = tables["refunds"]
        self.returns = tables["returns"]
        self.reservations = tables["reservations"]
        self.payments = tables["payments"]
        self.own = tables["own"]
        self.moved = tables["moved"]

    def of(self, order_id: UUID) -> Iterator[str]:
        """Find what does not agree about one order."""
        order = self.orders[order_id]
        yield from self._at_rest(order)
        yield from self._adds_up(order)
        if order["order_state"] == "confirmed":
            yield from self._units(order)
            yield from self._money(order)
            yield from self._back(order)
        if order["order_state"] == "cancelled":
            yield from self._nothing_left(order)

    def _at_rest(self, order: Any) -> Iterator[str]:
        if order["order_state"] == "pending":
            yield "it is still pending"
        for change in self.changes[order["order_id"]]:
            if change["state"] == "requested":
                yield f"change {change['change_id']} is still requested"
            elif change["stock_at"] is None or change["money_at"] is None:
                yield f"change {change['change_id']} ({change['kind']}, {change['state']}) is not settled"
        for shipment in self.shipments[order["order_id"]]:
            if shipment["state"] == "moving":
                yield f"shipment {shipment['shipment_id']} is still being moved"

    def _adds_up(self, order: Any) -> Iterator[str]:
        lines = sum(item["total_amount"] for item in self.items[order["order_id"]])
        if order["total_amount"] != lines + order["shipping_amount"]:
            yield f"its total is {order['total_amount']}, its lines and shipping are {lines} + {order['shipping_amount']}"
        if order["order_state"] == "cancelled":
            return
        units = sum(item["quantity"] for item in self.items[order["order_id"]])
        if order["units"] != units:
            yield f"it counts {order['units']} units, its lines {units}"

    def _units(self, order: Any) -> Iterator[str]:
        """Find units in no parcel or in two, or of which the warehouse says otherwise."""
        order_id = order["order_id"]
        ordered = _count((item["product_id"], item["quantity"]) for item in self.items[order_id])
        planned: Counter[tuple[str, str]] = Counter()
        sent: Counter[tuple[str, str]] = Counter()
        for shipment in self.shipments[order_id]:
            if shipment["state"] in (*LIVE, *SENT):
                into = sent if shipment["state"] in SENT else planned
                for line in shipment["lines"]:
                    into[line["product_id"], shipment["warehouse_id"]] += line["quantity"]
        awaited = _count((line["product_id"], line["quantity"]) for line in order["backordered"] or ())
        placed = _count((sku, units) for (sku, _), units in (planned + sent).items()) + awaited
        if placed != ordered:
            yield f"ordered {dict(ordered)}, in parcels or awaited {dict(placed)}"
        reservation = self.reservations[order_id]
        held: Counter[tuple[str, str]] = Counter()
        shipped: Counter[tuple[str, str]] = Counter()
        for line in reservation["lines"]:
            held[line["product_id"], line["warehouse_id"]] += line["quantity"] - line["shipped"]
            shipped[line["product_id"], line["warehouse_id"]] += line["shipped"]
        waiting = _count((line["product_id"], line["quantity"]) for line in reservation["waiting"])
        for what, ours, theirs in (("held", planned, +held), ("sent", sent, +shipped), ("awaited", awaited, waiting)):
            if ours != theirs:
                yield f"{what}: the order says {dict(ours)}, inventory {dict(theirs)}"

    def _money(self, order: Any) -> Iterator[str]:
        """Compare what is held and taken with what the order costs, and what is taken with what was sent."""
        order_id = order["order_id"]
        due = sum(one["amount"] for one in self.shipments[order_id] if one["state"] in SENT)
        taken = sum(one["captured_amount"] for one in self.payments[order_id])
        if taken != due or order["captured_amount"] != due:
            yield f"{due} is due for what was sent, {taken} was taken, the order knows of {order['captured_amount']}"
        secured = sum(one["authorized_amount"] - one["released_amount"] for one in self.payments[order_id])
        if secured != order["total_amount"]:
            yield f"it costs {order['total_amount']}, {secured} is held or taken"

    def _back(self, order: Any) -> Iterator[str]:
        """Compare what went back with what was promised, what units cost, and what warehouses took in."""
        order_id = order["order_id"]
        refunds = self.refunds[order_id]
        yield from (f"refund {one['refund_id']} is still asked for" for one in refunds if one["state"] == "requested")
        ours, theirs = (sum(one["refunded_amount"] for one in rows) for rows in (refunds, self.payments[order_id]))
        if not ours == theirs == order["refunded_amount"] <= order["captured_amount"]:
            yield f"its refunds are {ours}, payment's {theirs}, it knows of {order['refunded_amount']}"
        counting = [one for one in refunds if one["state"] != "declined" and one["retried_as"] is None]
        for item in self.items[order_id]:
            lines = [line for one in counting for line in one["lines"] if line["item_id"] == str(item["item_id"])]
            units, worth = sum(line["quantity"] for line in lines), sum(line["amount"] for line in lines)
            if units > item["quantity"] or worth != units * item["price"]:  # prices are gross here, and nothing is discounted
                yield f"{worth} is given back for {units} of {item['quantity']} {item['product_id']} at {item['price']}"
        receipts = [receipt for one in self.returns[order_id] for receipt in one["receipts"]]
        came = _count(
            ((receipt["receipt_id"], line["product_id"]), line["quantity"]) for receipt in receipts for line in receipt["lines"]
        )
        noted = self.reservations[order_id]["receipts"]
        taken = _count(((one["receipt_id"], one["product_id"]), one["restocked"] + one["written_off"]) for one in noted)
        if came != taken:
            yield f"came back: the order says {dict(came)}, inventory {dict(taken)}"

    def _nothing_left(self, order: Any) -> Iterator[str]:
        order_id = order["order_id"]
        for one in self.payments[order_id]:
            if one["authorized_amount"] != one["captured_amount"] + one["released_amount"]:
                yield f"payment {one['payment_id']} still holds money"
            if one["captured_amount"] != one["refunded_amount"]:
                yield f"payment {one['payment_id']} has not given back what it took"
        reservation = self.reservations[order_id]
        if reservation["status"] in HOLDING or reservation["waiting"]:
            yield f"inventory still holds {reservation['lines']} {reservation['waiting']}"
        if any(one["state"] != "cancelled" for one in self.shipments[order_id]):
            yield "not all of its parcels are cancelled"
        if order["released_at"] is None or order["voided_at"] is None:
            yield "it does not know that all was given back"


async def _stock(saga: Saga, found: Books) -> AsyncIterator[str]:
    """Find counters that are not the sums of the ledger or of the reservations, and orders that wait for what is free."""
    held: Counter[tuple[str, str]] = Counter()
    for reservation in found.reservations.values():
        for line in reservation["lines"] if reservation["status"] in HOLDING else ():
            for part, each in (line.get("components") or {line["product_id"]: 1}).items():
                held[part, line["warehouse_id"]] += each * (line["quantity"] - line["shipped"])
    moved = await saga.rows(
        "inventory",
        """SELECT sku, warehouse_id, sum(on_hand_delta)::bigint AS on_hand, sum(reserved_delta)::bigint AS reserved
        FROM stock_movement GROUP BY sku, warehouse_id""",
    )
    ledger = {(row["sku"], row["warehouse_id"]): (row["on_hand"], row["reserved"]) for row in moved}
    for row in await saga.rows("inventory", "SELECT * FROM stock"):
        place = (row["sku"], row["warehouse_id"])
        counters = (row["on_hand"], row["reserved"])
        if counters != ledger.get(place, (0, 0)):
            yield f"stock {place}: counters say {counters}, the ledger {ledger.get(place)}"
        if row["reserved"] != held[place]:
            yield f"stock {place}: {row['reserved']} are reserved, reservations hold {held[place]}"
        if not 0 <= row["reserved"] <= row["on_hand"]:
            yield f"stock {place}: {counters}"
    free = {sku: on_hand - reserved for (sku, _), (on_hand, reserved) in ledger.items()}
    waiting = await saga.rows("inventory", "SELECT * FROM backorder WHERE sku = part")
    for row in waiting:
        if free.get(row["sku"], 0) > 0:
            yield f"order {row['order_id']} waits for {row['quantity']} {row['sku']} though some are free"


def _labels(saga: Saga, found: Books) -> Iterator[str]:
    """Find parcels with two labels, and labels that carriers were paid for and nobody needs."""
    ours: set[str] = set()
    for order_id, labels in found.labels.items():
        live = Counter(one["shipment_id"] for one in labels if one["state"] in {"bought", "wanted"})
        yield from (f"order {order_id}: parcel {parcel} has {count} labels" for parcel, count in live.items() if count > 1)
        yield from (f"order {order_id}: label {one['label_id']} is still wanted" for one in labels if one["state"] == "wanted")
        # A carrier keeps a label whose parcel it has had; it is asked again, and a person sees it.
        ours |= {one["tracking_number"] for one in labels if one["state"] in {"bought", "unwanted"} and one["tracking_number"]}
    paid = {one.bought.tracking_number for one in saga.carriers.books.values() if not one.voided}
    if paid != ours:
        yield f"labels: carriers were paid for {sorted(paid - ours)}, and not for {sorted(ours - paid)}"


def _psp(saga: Saga, found: Books) -> Iterator[str]:
    """Compare the books of the PSP with ours."""
    theirs: dict[UUID, Counter[str]] = defaultdict(Counter)
    for book in saga.psp.books.values():
        theirs[book.order_id].update(open=book.open, captured=book.captured, refunded=book.refunded)
    for order_id in found.orders:  # what came back pays as if it were a card, and is kept by the PSP as long as it does
        for one in found.own[order_id]:
            still_open = one["amount"] - one["captured"] - one["released"]
            theirs[order_id].update(open=still_open, captured=one["captured"], refunded=one["refunded"])
        theirs[order_id].update(refunded=sum(one["amount"] - one["paid"] for one in found.moved[order_id]))
    for order_id, payments in found.payments.items():
        ours: Counter[str] = Counter()
        for one in payments:
            ours.update(
                open=one["authorized_amount"] - one["captured_amount"] - one["let_go_amount"]
                if one["status"] in {"authorized", "partially_captured"}
                else 0,
                captured=one["captured_amount"],
                refunded=one["refunded_amount"],
            )
        for name in ("captured", "refunded"):
            if ours[name] != theirs[order_id][name]:
                yield f"order {order_id}: the PSP has {name} {theirs[order_id][name]}, we {ours[name]}"
        held = sum(one["authorized_amount"] - one["captured_amount"] - one["released_amount"] for one in payments)
        if theirs[order_id]["open"] < held or (held == 0 and theirs[order_id]["open"] != 0):
            yield f"order {order_id}: the PSP holds {theirs[order_id]['open']}, we count on {held}"


async def _exchanges(saga: Saga, found: Books) -> AsyncIterator[str]:
    """Find orders of an exchange that do not know of each other, or money that is with neither of them, nor the customer."""
    families: dict[UUID, set[UUID]] = {}
    for order_id, order in found.orders.items():
        source = (order["exchange"] or {}).get("for")
        if source is None:
            continue
        old = UUID(source["order_id"])
        family = families.setdefault(old, {old}) | families.get(order_id, {order_id})
        families.update(dict.fromkeys(family, family))
        back = next(one for one in found.returns[old] if str(one["return_id"]) == source["return_id"])
        if back["exchange"]["order_id"] != str(order_id) or back["exchange"]["credit"] != source["credit"]:
            yield f"order {order_id} is exchanged for {source}, and its return says {back['exchange']}"
        moved = sum(one["refunded_amount"] for one in found.refunds[old] if one["exchange_order_id"] == order_id)
        stage, ended = back["exchange"]["stage"], order["order_state"] == "cancelled"
        if (stage == "settled") != (moved == source["credit"]) or (stage == "ended" and not ended):
            yield f"order {order_id} ({order['order_state']}): {moved} of {source} was moved, and its exchange is {stage}"
        if order["shipped_units"] and (stage != "settled" or source["waits"]):
            yield f"order {order_id} has left, and its exchange is {stage}"
        if stage == "placed" and back["state"] not in {"approved", "partially_received"}:
            yield f"return {back['return_id']} is {back['state']}, and its exchange is not decided"
    credits_ = {row["order_id"]: row for row in await saga.rows("payment", "SELECT * FROM exchange_credit")}
    for together in {frozenset(one) for one in families.values()}:
        books = [one for one in saga.psp.books.values() if one.order_id in together]
        at_psp = sum(one.captured - one.refunded for one in books)
        orders = [found.orders[one] for one in together]
        kept = sum(one["captured_amount"] - one["refunded_amount"] for one in orders)
        held = sum(
            own["amount"] - own["captured"] - own["released"] for one in together & credits_.keys() for own in found.own[one]
        )
        if at_psp != kept + held:
            yield f"orders {sorted(map(str, together))}: the PSP has kept {at_psp}, they have {kept}, and {held} is to be used"
    if await saga.rows("order", "SELECT * FROM exchange_step"):
        yield "steps of exchanges are not taken"


def _by_order(rows: list[Any]) -> Mapping[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(row)
    return found


def _count(pairs: Any) -> Counter[Any]:
    counted: Counter[Any] = Counter()
    for name, units in pairs:
        counted[name] += units
    return +counted
