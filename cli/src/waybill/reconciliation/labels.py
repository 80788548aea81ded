"""The labels of an order's parcels, as the order knows them and as the carriers' books do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx2

from order.model import LabelState, OrderState
from waybill.errors import WaybillError
from waybill.reconciliation.books import LEDGER_SECONDS
from waybill.reconciliation.findings import Violation
from waybill.reconciliation.parcels import GONE
from waybill.reconciliation.pictures import Picture
from waybill.reconciliation.sources import Snapshot

KEY: Final = "waybill-label-"
"""What the carriers call a label: this, and its id."""
PAID: Final = frozenset({LabelState.WANTED, LabelState.BOUGHT})
GIVEN_BACK: Final = frozenset({LabelState.UNWANTED, LabelState.VOIDED, LabelState.FAILED})

_LABELS: Final = """
SELECT l.label_id, l.order_id, l.shipment_id, l.state, l.reference, l.tracking_number, l.cost_amount, l.cost_currency,
    o.updated_at < $1 AND l.created_at < $1 AS settled
FROM shipment_label l JOIN orders o USING (order_id)
"""

Complaints = Iterator[str]


def one_live_label(picture: Picture) -> Complaints:
    """Check that a parcel has one paid label at the most, and that each paid label is a parcel's."""
    order = picture.order
    if order is None:
        return
    of = {one["shipment_id"]: one for one in order["shipments"]}
    known = {label["label_id"]: label for label in order["labels"]}
    for shipment_id, shipment in of.items():
        live = [one["label_id"] for one in order["labels"] if one["shipment_id"] == shipment_id and one["state"] in PAID]
        if len(live) > 1:
            yield f"shipment {shipment_id} has {len(live)} labels that are, or will be, paid for: {', '.join(live)}"
        named = known.get(shipment["label_id"]) if shipment["label_id"] is not None else None
        if shipment["label_id"] is not None and (named is None or named["shipment_id"] != shipment_id):
            yield f"shipment {shipment_id} has the label {shipment['label_id']}, which is none of its own"
    for label in order["labels"]:
        shipment = of.get(label["shipment_id"])
        if label["state"] in PAID and (shipment is None or shipment["label_id"] != label["label_id"]):
            yield f"label {label['label_id']} is {label['state']} for shipment {label['shipment_id']}, which does not have it"
    if order["order_state"] == OrderState.CANCELLED:
        for label in (one for one in order["labels"] if one["state"] in PAID):
            yield f"is cancelled, and label {label['label_id']} is {label['state']}"


def sent_under_its_label(picture: Picture) -> Complaints:
    """Check that a parcel that has a label travels under the label's number, with the label's carrier."""
    order = picture.order
    if order is None:
        return
    labels = {label["label_id"]: label for label in order["labels"] if label["state"] == LabelState.BOUGHT}
    for shipment in order["shipments"]:
        label = labels.get(shipment["label_id"])
        if label is None:
            continue
        under = (shipment["carrier"], shipment["tracking_number"])
        if under != (label["carrier"], label["tracking_number"]):
            where = "travels" if shipment["state"] in GONE else "is to travel"
            yield (
                f"shipment {shipment['shipment_id']} {where} as {shipment['tracking_number']} of {shipment['carrier']};"
                f" its label says {label['tracking_number']} of {label['carrier']}"
            )


def labels_at_rest(picture: Picture) -> Complaints:
    """No label waits to be bought or given back; one that its carrier does not take back is a person's matter."""
    for label in picture.order["labels"] if picture.order is not None else ():
        if label["state"] == LabelState.WANTED:
            yield f"label {label['label_id']} is to be bought since {label['created_at']} ({label['error'] or 'not asked for'})"
        elif label["state"] == LabelState.UNWANTED and label["error"] is None:
            yield f"label {label['label_id']} is to be given back"


# --- the carriers' books --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sold:
    """A label in the carriers' books; `reference` is what we called it, `shipment` what they do."""

    shipment: str
    reference: str
    tracking_number: str
    cost: int
    currency: str
    live: bool
    handed_over: bool
    changed_at: datetime


async def labels_sold(url: str) -> Sequence[Sold]:
    """Read the carriers' ledger, all of it as it is at one moment; raises WaybillError where it cannot be read."""
    try:
        async with httpx2.AsyncClient(timeout=LEDGER_SECONDS) as client:
            response = await client.get(url)
            response.raise_for_status()
            return [_sold(item) for item in response.json()["items"]]
    except (httpx2.HTTPError, KeyError, TypeError, ValueError) as error:
        raise WaybillError(f"{url} cannot be read ({type(error).__name__}): see `./waybill status`") from error


def _sold(item: Mapping[str, Any]) -> Sold:
    return Sold(
        shipment=item["shipment"],
        reference=item["reference"] or "",
        tracking_number=item["tracking_number"],
        cost=item["cost"]["amount"],
        currency=item["cost"]["currency"],
        live=item["status"] == "live",
        handed_over=item["handed_over_at"] is not None,
        changed_at=datetime.fromisoformat(item["voided_at"] or item["bought_at"]),
    )


async def compare_with_carriers(snapshot: Snapshot, sold: Sequence[Sold]) -> Sequence[Violation]:
    """Compare all labels with the carriers' books: none is bought twice, paid for in vain, or live there and given back here.

    What was bought or given back lately may still be under way, and is left for later.
    """
    by_label: dict[str, list[Sold]] = {}
    for one in sold:
        by_label.setdefault(one.reference.removeprefix(KEY), []).append(one)
    found = list[Violation]()
    async for row in snapshot.databases["order"].cursor(_LABELS, snapshot.settled_before):
        theirs = by_label.pop(str(row["label_id"]), [])
        if row["settled"] and all(one.changed_at < snapshot.settled_before for one in theirs):
            found += [Violation(str(row["order_id"]), f"label {row['label_id']} {says}") for says in _compare(row, theirs)]
    for one in (one for strays in by_label.values() for one in strays):
        if one.live and one.changed_at < snapshot.settled_before:
            says = f"was sold as {one.reference or 'nothing of ours'} for {one.cost} {one.currency}, and is no label"
            found.append(Violation(one.tracking_number, says))
    return found


def _compare(ours: Any, theirs: Sequence[Sold]) -> Complaints:
    live = [one for one in theirs if one.live]
    if len(live) > 1:
        yield f"was sold {len(live)} times: {', '.join(one.tracking_number for one in live)}"
    if ours["state"] == LabelState.BOUGHT:
        known = next((one for one in theirs if one.shipment == ours["reference"]), None)
        if known is None:
            yield f"is bought as {ours['reference']}, which the carrier does not know"
        elif not known.live:
            yield f"is bought, and the carrier took {known.tracking_number} back"
        else:
            said = (known.tracking_number, known.cost, known.currency)
            says = (ours["tracking_number"], ours["cost_amount"], ours["cost_currency"])
            if said != says:
                yield f"is {says[0]} for {says[1]} {says[2]}, and with the carrier {said[0]} for {said[1]} {said[2]}"
        return
    for one in live:
        if ours["state"] in GIVEN_BACK and not (ours["state"] == LabelState.UNWANTED and one.handed_over):
            yield f"is {ours['state']}, and {one.tracking_number} is live with the carrier for {one.cost} {one.currency}"
