"""What the PSP does with money: authorise, capture in parts, cancel, refund.

Each function runs inside one ledger transaction and either changes the books or raises StripeError having changed nothing.
Captures never exceed what is still capturable, refunds never exceed what is captured and not yet refunded.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waybill.simulators.psp import objects
from waybill.simulators.psp import parameters as read
from waybill.simulators.psp.errors import StripeError, missing, no_such
from waybill.simulators.psp.faults import TOKENS
from waybill.simulators.psp.ledger import Intent, Ledger, Refund
from waybill.simulators.psp.parameters import Parameters

_CREATE = (
    "amount", "automatic_payment_methods", "capture_method", "confirm", "confirmation_method", "currency", "customer",
    "description", "error_on_requires_action", "expand", "metadata", "off_session", "payment_method", "payment_method_data",
    "payment_method_options", "payment_method_types", "receipt_email", "return_url", "shipping", "statement_descriptor_suffix",
)  # fmt: skip
_CANCEL_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
_REFUND_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
_OPEN = frozenset({"requires_action", "requires_capture", "requires_payment_method"})
CHALLENGING = "tok_3ds"
"""The payment method of which the bank asks first who pays, where the cardholder is there to be asked."""
ONCE = "tok_once"
"""The payment method that the bank declines where the cardholder is not there."""


@dataclass(frozen=True)
class Outcome:
    """The answer to a change and the events that tell of it, as (type, object)."""

    status: int
    body: dict[str, Any]
    events: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass(frozen=True)
class Instruction:
    """A change a client asks for; ``decline_code`` makes the card's issuer refuse it."""

    parameters: Parameters
    idempotency_key: str | None
    identifier: str = ""
    decline_code: str | None = None
    hold_seconds: float = 0


Change = Callable[[Ledger, Instruction], Outcome]


def token_of(parameters: Parameters) -> str:
    """Return the payment method of a new intent. Raises StripeError when there is none or nobody knows it."""
    token = parameters.get("payment_method")
    if token is None:
        data = parameters.get("payment_method_data")
        card = data.get("card") if isinstance(data, dict) else None
        token = card.get("token") if isinstance(card, dict) else None
    if token is None:
        raise missing("payment_method", "payment_method")
    if not isinstance(token, str) or token not in TOKENS:
        raise no_such("PaymentMethod", str(token), param="payment_method", status=400)
    return token


def create(ledger: Ledger, instruction: Instruction) -> Outcome:
    """Authorise a payment, and capture it at once where the client asks for that."""
    parameters = instruction.parameters
    read.allow(parameters, _CREATE)
    amount = read.amount(parameters, "amount")
    if amount is None:
        raise missing("amount", "amount")
    if amount == 0:
        raise StripeError(400, "Amount must be at least 1.", code="amount_too_small", param="amount")
    if not read.flag(parameters, "confirm", default=False):
        raise StripeError(400, "This PSP confirms at creation: send confirm=true.", param="confirm")
    notes = read.metadata(parameters)
    absent = read.flag(parameters, "off_session", default=False)
    intent = Intent(
        id=objects.new_id("pi"),
        order_id=notes.get("order_id"),
        amount=amount,
        currency=read.currency(parameters),
        payment_method=token_of(parameters),
        capture_method=read.choice(parameters, "capture_method", ("automatic", "automatic_async", "manual")) or "automatic",
        status="requires_capture",
        charge_id=objects.new_id("ch"),
        metadata=notes,
        description=parameters.get("description"),
        idempotency_key=instruction.idempotency_key,
    )
    declined = "generic_decline" if absent and intent.payment_method == ONCE else instruction.decline_code
    if declined is not None:
        intent.status, intent.decline_code = "requires_payment_method", declined
        ledger.insert_intent(intent)
        failed = objects.payment_intent(intent)
        error = {**objects.card_error(intent), "payment_intent": failed}
        return Outcome(
            402, {"error": error}, (("payment_intent.payment_failed", failed), ("charge.failed", objects.charge(intent)))
        )
    intent.expires = intent.created + instruction.hold_seconds
    if intent.payment_method == CHALLENGING and not absent:
        intent.status = "requires_action"
        ledger.insert_intent(intent)
        asked = objects.payment_intent(intent, read.expansions(parameters))
        return Outcome(200, asked, (("payment_intent.requires_action", asked),))
    intent.authorised = intent.capturable = amount
    ledger.insert_intent(intent)
    events = [("charge.succeeded", objects.charge(intent))]
    if intent.capture_method == "manual":
        events.insert(0, ("payment_intent.amount_capturable_updated", objects.payment_intent(intent)))
    else:
        events += _capture(ledger, intent, amount, instruction.idempotency_key, final=True)
    return Outcome(200, objects.payment_intent(intent, read.expansions(parameters)), tuple(events))


def answer_challenge(ledger: Ledger, identifier: str, *, proved: bool) -> Outcome:
    """Have the cardholder prove, or fail to prove, who pays: the amount is held, or the payment declined."""
    intent = find(ledger, identifier)
    if intent.status != "requires_action":
        raise _unexpected(intent, "authenticated", "requires_action")
    if proved:
        intent.status, intent.authorised, intent.capturable = "requires_capture", intent.amount, intent.amount
    else:
        intent.status, intent.decline_code = "requires_payment_method", "authentication_failure"
    ledger.update_intent(intent)
    told = "payment_intent.amount_capturable_updated" if proved else "payment_intent.payment_failed"
    return Outcome(200, objects.payment_intent(intent), ((told, objects.payment_intent(intent)),))


def lapse(ledger: Ledger, identifier: str) -> Outcome:
    """Have the cardholder's bank let go of what it holds, as it does when its time is over."""
    intent = find(ledger, identifier)
    if intent.status != "requires_capture":
        raise _unexpected(intent, "canceled", "requires_capture")
    intent.status, intent.capturable = "canceled", 0
    intent.canceled, intent.cancellation_reason = time.time(), "automatic"
    ledger.update_intent(intent)
    told = (("charge.expired", objects.charge(intent)), ("payment_intent.canceled", objects.payment_intent(intent)))
    return Outcome(200, objects.payment_intent(intent), told)


def capture(ledger: Ledger, instruction: Instruction) -> Outcome:
    """Capture all or a part; ``final_capture=false`` keeps the rest authorised for the next shipment."""
    parameters = instruction.parameters
    read.allow(parameters, ("amount_to_capture", "expand", "final_capture", "metadata", "statement_descriptor_suffix"))
    intent = find(ledger, instruction.identifier)
    if intent.status != "requires_capture" or (intent.expires is not None and intent.expires <= time.time()):
        raise _unexpected(intent, "captured", "requires_capture")
    final = read.flag(parameters, "final_capture", default=True)
    asked = read.amount(parameters, "amount_to_capture")
    amount = intent.capturable if asked is None else asked
    if amount > intent.capturable:
        raise StripeError(
            400,
            f"You cannot capture more than the amount_capturable of this PaymentIntent: {amount} > {intent.capturable}.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    if amount == 0 and not (final and intent.captured):
        raise StripeError(400, "Amount to capture must be at least 1.", code="amount_too_small", param="amount_to_capture")
    if instruction.decline_code is not None:
        error = {**objects.card_error(intent), "decline_code": instruction.decline_code}
        return Outcome(402, {"error": {**error, "payment_intent": objects.payment_intent(intent)}})
    intent.metadata = {**intent.metadata, **read.metadata(parameters)}
    events = _capture(ledger, intent, amount, instruction.idempotency_key, final=final)
    return Outcome(200, objects.payment_intent(intent, read.expansions(parameters)), tuple(events))


def _capture(ledger: Ledger, intent: Intent, amount: int, key: str | None, *, final: bool) -> list[tuple[str, dict[str, Any]]]:
    if amount:
        ledger.insert_capture(objects.new_id("cap"), intent, amount, key)
    intent.captured += amount
    intent.capturable = 0 if final else intent.capturable - amount
    if intent.capturable == 0:
        intent.status = "succeeded"
    ledger.update_intent(intent)
    told = "payment_intent.succeeded" if intent.status == "succeeded" else "payment_intent.amount_capturable_updated"
    return [("charge.captured", objects.charge(intent)), (told, objects.payment_intent(intent))]


def cancel(ledger: Ledger, instruction: Instruction) -> Outcome:
    """Release what is authorised and not captured; captured money stays until it is refunded."""
    parameters = instruction.parameters
    read.allow(parameters, ("cancellation_reason", "expand"))
    reason = read.choice(parameters, "cancellation_reason", _CANCEL_REASONS)
    intent = find(ledger, instruction.identifier)
    if intent.status not in _OPEN:
        raise _unexpected(intent, "canceled", "requires_payment_method, requires_capture")
    intent.status, intent.capturable = "canceled", 0
    intent.canceled, intent.cancellation_reason = time.time(), reason
    ledger.update_intent(intent)
    canceled = objects.payment_intent(intent, read.expansions(parameters))
    return Outcome(200, canceled, (("payment_intent.canceled", canceled),))


def refund(ledger: Ledger, instruction: Instruction) -> Outcome:
    """Give captured money back, in part or whole."""
    parameters = instruction.parameters
    read.allow(parameters, ("amount", "charge", "expand", "metadata", "payment_intent", "reason"))
    intent = _refunded_intent(ledger, parameters)
    left = intent.captured - intent.refunded
    if intent.captured == 0:
        raise StripeError(
            400,
            f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
            code="payment_intent_unexpected_state",
        )
    if left == 0:
        raise StripeError(400, f"Charge {intent.charge_id} has already been refunded.", code="charge_already_refunded")
    asked = read.amount(parameters, "amount")
    amount = left if asked is None else asked
    if not 0 < amount <= left:
        raise StripeError(400, f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount")
    if amount > left - ledger.disputed(intent.id):
        raise StripeError(400, f"Charge {intent.charge_id} has been charged back.", code="charge_disputed")
    made = Refund(
        id=objects.new_id("re"),
        intent_id=intent.id,
        amount=amount,
        reason=read.choice(parameters, "reason", _REFUND_REASONS),
        metadata=read.metadata(parameters),
        idempotency_key=instruction.idempotency_key,
        created=time.time(),
    )
    intent.refunded += amount
    ledger.insert_refund(made)
    ledger.update_intent(intent)
    rendered = objects.refund_object(made, intent)
    return Outcome(200, rendered, (("refund.created", rendered), ("charge.refunded", objects.charge(intent))))


def fail_refund(ledger: Ledger, identifier: str, reason: str) -> Outcome:
    """Have the cardholder's bank send a refund back: the money is the merchant's again."""
    made = next(iter(ledger.refunds("id = ?", [identifier], 1)), None)
    if made is None:
        raise no_such("refund", identifier, param="refund")
    if made.failure_reason is not None:
        raise StripeError(400, "This refund has failed already.", param="refund")
    intent = find(ledger, made.intent_id)
    made.failure_reason = reason
    intent.refunded -= made.amount
    ledger.update_refund(made)
    ledger.update_intent(intent)
    rendered = objects.refund_object(made, intent)
    return Outcome(200, rendered, (("refund.failed", rendered), ("charge.refund.updated", rendered)))


def find(ledger: Ledger, identifier: str) -> Intent:
    """Return an intent. Raises StripeError when there is none."""
    intent = ledger.intent(identifier)
    if intent is None:
        raise no_such("payment_intent", identifier, param="intent")
    return intent


def find_charge(ledger: Ledger, identifier: str) -> Intent:
    """Return the intent of a charge. Raises StripeError when there is none."""
    intent = ledger.intent(identifier, column="charge_id")
    if intent is None:
        raise no_such("charge", identifier, param="charge")
    return intent


def _refunded_intent(ledger: Ledger, parameters: Parameters) -> Intent:
    if "payment_intent" in parameters:
        return find(ledger, str(parameters["payment_intent"]))
    if "charge" in parameters:
        return find_charge(ledger, str(parameters["charge"]))
    raise StripeError(400, "One of the following params should be provided for this request: payment_intent or charge.")


def _unexpected(intent: Intent, what: str, wanted: str) -> StripeError:
    error = StripeError(
        400,
        f"This PaymentIntent could not be {what} because it has a status of {intent.status}. "
        f"Only a PaymentIntent with one of the following statuses may be {what}: {wanted}.",
        code="payment_intent_unexpected_state",
    )
    error.body["error"]["payment_intent"] = objects.payment_intent(intent)
    return error
