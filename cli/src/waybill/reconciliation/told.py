"""What customers were told of their orders: of each fact they care about once by each channel, and of nothing else."""

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final
from uuid import UUID

from contracts.order import OrderPlaced
from notification.model import ASKS_TO_PAY, CHANNELS, WORTH_TELLING, Template
from order.model import OrderState
from waybill.reconciliation.pictures import Picture, Row
from waybill.reconciliation.sources import kept_from

SKIPPED: Final = "skipped"
"""A message that its customer could not take, or to which nothing was left to say."""
ERASED: Final = "erased"
EMAIL: Final = "email"
FAILED: Final = "failed"
MOST_ATTEMPTS: Final = 30
"""So often a message is tried, if `NOTIFICATION_MAX_ATTEMPTS` does not say otherwise; one that failed before cannot arrive."""
UNDER_WAY: Final = frozenset({"waiting_for_contact", "queued", "sending"})
TRACKED: Final = "order.shipment_tracked.v1"
REFUNDED: Final = "order.refunded.v1"
INVOICED: Final = "order.invoice_issued.v1"
ACTION: Final = "payment.action_required.v1"
TOLD_BY: Final[Mapping[str, Template]] = {
    "order.placed.v1": Template.RECEIVED,
    "order.confirmed.v1": Template.CONFIRMED,
    "order.cancelled.v1": Template.CANCELLED,
    "order.shipment_dispatched.v1": Template.SHIPPED,
    "order.shipment_delivered.v1": Template.DELIVERED,
    "order.changed.v1": Template.CHANGED,
    "order.change_withdrawn.v1": Template.CHANGE_REFUSED,
    TRACKED: Template.TRACKING,
    "order.return_requested.v1": Template.RETURN_REQUESTED,
    "order.return_approved.v1": Template.RETURN_APPROVED,
    "order.return_declined.v1": Template.RETURN_DECLINED,
    "order.return_received.v1": Template.RETURN_RECEIVED,
    REFUNDED: Template.REFUNDED,
    INVOICED: Template.INVOICE_ISSUED,
}
"""What a customer is told of which fact; of a parcel's way, once of each step that is worth telling."""
TO_DO: Final = {"transfer": Template.TRANSFER_DUE, "challenge": Template.PAYMENT_CHALLENGE}

Complaints = Iterator[str]
Message = tuple[UUID, str]
"""Of which fact a message tells, and by which channel."""


def customer_told(picture: Picture) -> Complaints:
    """For each fact a customer cares about there is a delivery by each channel; and none tells of anything else.

    Deliveries stay when the facts they tell of are dropped: what tells of nothing is judged while all of those are kept.
    """
    order, known = picture.order, picture.deliveries
    if order is None or order["fact_ids"] is None or (known is not None and known["state"] == ERASED):
        return
    told, skipped = _told(known)
    wanted, allowed = _wanted(order, picture.payment, known)
    for (_, channel), (ids, event_type) in wanted.items():
        # Nobody is asked to pay what was paid or cancelled by the time of sending.
        enough = told.keys() | (skipped if event_type == ACTION else ())
        if not any((event_id, channel) in enough for event_id in ids):
            yield f"its customer is not told by {channel} of {event_type} ({', '.join(map(str, ids))})"
    if OrderPlaced.type in order["fact_types"]:
        asked_from = kept_from(picture.payment["kept_since"] if picture.payment is not None else None)
        for event_id, by in told.keys() - allowed:
            if told[event_id, by] not in ASKS_TO_PAY or event_id >= asked_from:
                yield f"its customer is told by {by} of {event_id}, which was never told as a fact"


def _told(known: Row | None) -> tuple[Mapping[Message, str], AbstractSet[Message]]:
    """List the templates of the messages of an order, and the messages that were skipped."""
    told, skipped = dict[Message, str](), set[Message]()
    if known is not None and known["events"] is not None:
        columns = (known[name] for name in ("events", "channels", "states", "templates"))
        for event_id, channel, state, template in zip(*columns, strict=True):
            if state == SKIPPED:
                skipped.add((event_id, channel))
            else:
                told[event_id, channel] = template
    return told, skipped


def _wanted(
    order: Row, payment: Row | None, known: Row | None
) -> tuple[Mapping[tuple[str, str], tuple[list[UUID], str]], AbstractSet[Message]]:
    """List of what a customer must be told by which channel, by one of the facts of it; and what all they may be told of."""
    wanted = dict[tuple[str, str], tuple[list[UUID], str]]()
    # Who gives another e-mail is told of it by a mail to the old one.
    allowed = {(event_id, EMAIL) for event_id in order["contact_ids"] or ()}
    # A contact may have got a phone, or lost it, between two facts.
    readdressed = any(change["kind"] == "address" for change in order["changes"])
    facts = zip(order["fact_ids"], order["fact_types"], order["fact_payloads"], strict=True)
    for event_id, event_type, payload in (*facts, *_asked(payment)):
        template, told_of = TOLD_BY.get(event_type), str(event_id)
        # Whether invoices are mailed is a setting, and who is to pay may have cancelled before that was heard.
        may_be_silent = event_type == INVOICED or (event_type == ACTION and order["order_state"] == OrderState.CANCELLED)
        if event_type == ACTION:
            template = TO_DO[json.loads(payload)["action"]]
        if event_type == REFUNDED and json.loads(payload)["refund_id"] is None:
            template = None  # the message about the cancellation says it
        if event_type == TRACKED:
            fact = json.loads(payload)
            told_of = f"{fact['shipment_id']} {fact['status']}"
            template = template if fact["status"] in WORTH_TELLING else None
        for channel in CHANNELS[template] if template is not None else ():
            if channel == EMAIL or order["has_phone"] or readdressed:
                allowed.add((event_id, str(channel)))
            if not may_be_silent and (
                channel == EMAIL or (order["has_phone"] and not readdressed and _sends_sms(known, event_id))
            ):
                wanted.setdefault((told_of, str(channel)), ([], event_type))[0].append(event_id)
    return wanted, allowed


def _sends_sms(known: Row | None, event_id: UUID) -> bool:
    """Tell whether there was a provider of SMS at the time of a fact: some were sent before, and later."""
    if known is None or known["first_sms"] is None:
        return False
    return bool(known["first_sms"] <= event_id <= known["last_sms"])


def _asked(payment: Row | None) -> Iterable[tuple[UUID, str, str]]:
    """List what payment has asked the customer to do."""
    if payment is None or payment["asked_ids"] is None:
        return ()
    return zip(payment["asked_ids"], payment["asked_types"], payment["asked_payloads"], strict=True)


def tried_in_vain(picture: Picture) -> Complaints:
    """No message fails because its provider was away for too long: whoever mends that has it tried again."""
    known = picture.deliveries
    if known is None or known["events"] is None or known["state"] == ERASED:
        return
    columns = (known[name] for name in ("templates", "channels", "states", "attempts", "errors"))
    for template, channel, state, attempts, error in zip(*columns, strict=True):
        if state == FAILED and attempts >= MOST_ATTEMPTS:
            yield f"its message {template} by {channel} was given up after {attempts} attempts: {error}"


def deliveries_at_rest(picture: Picture) -> Complaints:
    """No message waits for long."""
    known = picture.deliveries
    if known is not None and known["events"] is not None:
        for template, channel, state, since in zip(
            known["templates"], known["channels"], known["states"], known["times"], strict=True
        ):
            if state in UNDER_WAY:
                yield f"its message {template} by {channel} is {state} since {since}"
