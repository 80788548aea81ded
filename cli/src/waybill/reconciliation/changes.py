"""Changes of an order, as order, inventory and payment know them: decided, and decided alike."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from order.model import ChangeState, OrderState
from waybill.reconciliation.pictures import Picture, Row

CUTS: Final = frozenset({"reduction", "rest_cancelled"})
LIVE: Final = frozenset({"held", "partly_shipped"})
WITH_ITS_ORDER: Final = "order_cancelled"
"""The reason of a change that was still asked for when its order was cancelled."""

Complaints = Iterator[str]
Document = Mapping[str, Any]


def changes_at_rest(picture: Picture) -> Complaints:
    """No change stays open, least of all past its deadline; stock and money have followed those that are over."""
    for change in picture.order["changes"] if picture.order is not None else ():
        name = _name(change)
        if change["state"] == ChangeState.REQUESTED:
            late = f"is open past its deadline ({change['deadline_at']})" if change["late"] else "is open"
            yield f"{name} {late} since {change['created_at']}"
        else:
            for what, followed in (("stock", change["stock_at"]), ("money", change["money_at"])):
                if followed is None:
                    yield f"{name} is {change['state']}, and {what} is not said to have followed"


def changes_decided_alike(picture: Picture) -> Complaints:
    """Check that order, inventory and payment made the same of each change: all three took it, or none did."""
    order = picture.order
    if order is None:
        return
    amendments = _by_change(picture.reservation, "amendments")
    payments = _by_change(picture.payment, "payments")
    reductions = _by_change(picture.payment, "reductions")
    for change in order["changes"]:
        amendment, payment = amendments.pop(change["change_id"], None), payments.pop(change["change_id"], None)
        reduction = reductions.pop(change["change_id"], None)
        if change["kind"] == "addition":
            yield from _addition(change, order, amendment, payment, picture.reservation)
        elif change["kind"] in CUTS:
            yield from _cut(change, amendment, reduction)
    for where, found in (("the inventory", amendments), ("payment", payments), ("payment", reductions)):
        for change_id, one in found.items():
            if one.get("kind") != "move":
                yield f"{where} knows of change {change_id}, and it has no such change"


def _addition(
    change: Document, order: Row, amendment: Document | None, payment: Document | None, reservation: Row | None
) -> Complaints:
    name, due = _name(change), change["new_total"] - change["previous_total"]
    if change["state"] == ChangeState.APPLIED:
        if amendment is None or amendment["status"] != "kept":
            yield f"{name} is applied, and in the inventory it is {_status(amendment)}"
        if not _is_paid(payment, due, may_be_gone=_gives_back(order, change)):
            yield f"{name} costs {due} more, and its payment is {_money(payment)}"
    elif change["state"] == ChangeState.WITHDRAWN:
        fell = change["reason"] == WITH_ITS_ORDER  # then nobody is told of it: its reservation fell with the order's
        if amendment is not None and amendment["status"] in {"kept", *(() if fell else ("held", "refused"))}:
            yield f"{name} is withdrawn, and in the inventory it is {amendment['status']}"
        if payment is not None and _is_kept(payment):
            yield f"{name} is withdrawn, and its payment is {_money(payment)}"
    if change["state"] != ChangeState.REQUESTED and reservation is not None and reservation["status"] in LIVE:
        lines = [*reservation["lines"], *reservation["waiting"]]
        units = sum(line["quantity"] for line in lines if line.get("change_id") == change["change_id"])
        if units:
            yield f"{name} is {change['state']}, and {units} units are held or waited for apart for it"


def _is_paid(payment: Document | None, due: int, *, may_be_gone: bool) -> bool:
    """Tell whether what an addition costs was authorised, and not let go without a reason."""
    if payment is None or (payment["amount"], payment["authorized"]) != (due, due) or payment["withdrawn"]:
        return False
    return may_be_gone or payment["status"] != "voided" or payment["replaced"] or not due


def _cut(change: Document, amendment: Document | None, reduction: Document | None) -> Complaints:
    name, less = _name(change), change["previous_total"] - change["new_total"]
    if amendment is None or amendment["status"] != "done":
        yield f"{name} is applied, and in the inventory it is {_status(amendment)}"
    if reduction is None:
        yield f"{name} makes it cost {less} less, and payment has not let go of it"
    elif (reduction["due"], reduction["amount"]) != (change["new_total"], less):
        yield (
            f"{name} makes it cost {less} less, {change['new_total']} in all;"
            f" payment let go of {reduction['amount']}, and says {reduction['due']}"
        )


def _gives_back(order: Row, change: Document) -> bool:
    """Tell whether all that an addition cost may have been given back: with the order, or by a later change."""
    later = any(one["kind"] in CUTS and one["change_id"] > change["change_id"] for one in order["changes"])
    return later or order["order_state"] == OrderState.CANCELLED


def _is_kept(payment: Document) -> bool:
    """Tell whether money is held or taken."""
    held = payment["authorized"] - payment["captured"] - payment["released"]
    return bool(held or payment["captured"] != payment["refunded"])


def _by_change(row: Row | None, name: str) -> dict[str, Document]:
    found: Sequence[Document] = row[name] if row is not None else ()
    return {one["change_id"]: one for one in found if one["change_id"] is not None and one.get("renews") is None}


def _name(change: Document) -> str:
    return f"its {change['kind'].replace('_', ' ')} {change['change_id']}"


def _status(amendment: Document | None) -> str:
    return "unknown" if amendment is None else str(amendment["status"])


def _money(payment: Document | None) -> str:
    if payment is None:
        return "missing"
    return f"{payment['status']} with {payment['authorized']} of {payment['amount']} authorised"
