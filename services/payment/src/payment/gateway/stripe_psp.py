"""A PSP that speaks Stripe's API, by Stripe's own SDK. Imported only where it is used: the SDK is large.

Payments are PaymentIntents with manual capture. Sending a change again with the same idempotency key is the authoritative way
to ask what became of it: the PSP answers what it recorded, does what it never heard of, or says that it is still at work. So
a time-out, a broken connection, a 5xx, a 409 and a 429 are all `Unknown`. The SDK's own retries are off: the
due row is the retry. Messages of errors may quote the token and are never handed on; codes are.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import stripe

from chassis.domain import Clock, utc_now
from contracts.types import Money
from payment.gateway.port import (
    Absent,
    AuthorizationAnswer,
    Authorized,
    Canceled,
    Challenged,
    ChangeAnswer,
    Declined,
    Done,
    InquiryAnswer,
    PspCredentialsError,
    Refused,
    Taken,
    Unknown,
    VoidAnswer,
    idempotency_key,
)
from payment.gateway.webhooks import WISH
from payment.model import PaymentKey

ALREADY_REFUNDED: Final = "charge_already_refunded"
FAILED: Final = "failed"
"""How a refund stands that the PSP took up and could not carry out."""
UNEXPECTED_STATE: Final = "payment_intent_unexpected_state"
USUAL_HOLD: Final = timedelta(days=7)
"""How long a card is held where nothing else is said."""
T = TypeVar("T")


class StripePsp:
    """Holds, captures and gives back money at a PSP that speaks Stripe's API."""

    def __init__(
        self,
        api_key: str,
        url: str,
        *,
        timeout_seconds: float = 5.0,
        search_lag_seconds: float = 60.0,
        return_url: str = "",
        clock: Clock = utc_now,
    ) -> None:
        logging.getLogger("stripe").setLevel(logging.WARNING)  # below that it writes requests down, tokens and all
        secure = urlsplit(url).scheme == "https"
        self._http = stripe.HTTPXClient(timeout=timeout_seconds, verify_ssl_certs=secure)
        client = stripe.StripeClient(
            api_key, base_addresses={"api": url.rstrip("/")}, http_client=self._http, max_network_retries=0
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds
        self._search_lag = timedelta(seconds=search_lag_seconds)
        self._return = {"return_url": return_url} if return_url else {}
        self._clock = clock

    async def close(self) -> None:
        """Let go of the connections to the PSP."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def authorize(self, payment: PaymentKey, amount: Money, method: str, token: str) -> AuthorizationAnswer:
        """Hold `amount`; where the key was used with another instrument before, answer what became of that."""
        parameters: Any = {
            "amount": amount.amount,
            "currency": amount.currency.lower(),
            "capture_method": "manual",
            "confirm": True,
            "expand": ["latest_charge"],
            "metadata": _metadata(payment),
            "payment_method_types": [method],
            **_instrument(method, token),
            **self._return,
        }
        return await self._hold(payment, parameters, idempotency_key("authorize", payment))

    async def reauthorize(self, payment: PaymentKey, amount: Money, reference: str) -> AuthorizationAnswer:
        """Hold `amount` off session, on the payment method of an earlier payment.

        Stripe does so where the shop's checkout has saved it for that, and refuses where it has not.
        """
        try:
            earlier = await _asked(lambda: self._intents.retrieve_async(reference))
        except stripe.InvalidRequestError as error:
            return Refused(error.code or "invalid_request")
        if isinstance(earlier, Unknown):
            return earlier
        if earlier.payment_method is None:
            return Refused("payment_method_missing")
        parameters: Any = {
            "amount": amount.amount,
            "currency": amount.currency.lower(),
            "capture_method": "manual",
            "confirm": True,
            "off_session": True,
            "expand": ["latest_charge"],
            "metadata": _metadata(payment),
            "payment_method_types": list(earlier.payment_method_types),
            "payment_method": str(earlier.payment_method),
            **({} if earlier.customer is None else {"customer": str(earlier.customer)}),
        }
        return await self._hold(payment, parameters, idempotency_key("renew", payment))

    async def _hold(self, payment: PaymentKey, parameters: Any, key: str) -> AuthorizationAnswer:
        options: Any = {"idempotency_key": key}
        try:
            answer = await _asked(lambda: self._intents.create_async(parameters, options))
        except stripe.CardError as error:
            return Declined(error.code or "card_declined", _decline_code(error))
        except stripe.IdempotencyError:
            found = await self.inquire(payment)
            return found if isinstance(found, Authorized | Challenged | Declined) else Unknown("key_used_before")
        except stripe.InvalidRequestError as error:
            return Refused(error.code or "invalid_request")
        if isinstance(answer, Unknown):
            return answer
        standing = _standing(answer)
        return standing if isinstance(standing, Authorized | Challenged) else Unknown(f"status_{answer.status}")

    async def capture(
        self, payment: PaymentKey, shipment_id: UUID, reference: str, amount: Money, *, final: bool
    ) -> ChangeAnswer:
        """Take a part of what is held."""
        parameters: Any = {"amount_to_capture": amount.amount}
        if not final:
            parameters["final_capture"] = False
        options: Any = {"idempotency_key": idempotency_key("capture", payment, shipment_id)}
        return await _changed(lambda: self._intents.capture_async(reference, parameters, options))

    async def void(self, payment: PaymentKey, reference: str) -> VoidAnswer:
        """Let go of what is held; an intent that is canceled already is as good, one that was captured is not."""
        options: Any = {"idempotency_key": idempotency_key("void", payment)}
        answer = await _changed(lambda: self._intents.cancel_async(reference, None, options))
        if answer == Refused(UNEXPECTED_STATE):
            found = await self.inquire(payment, reference=reference)
            if isinstance(found, Taken):
                return found
            return Done() if isinstance(found, Canceled) else answer
        return answer

    async def refund(self, payment: PaymentKey, reference: str, amount: Money, key: str | None = None) -> ChangeAnswer:
        """Give back captured money."""
        wish = key or idempotency_key("refund", payment)
        notes = {**_metadata(payment), WISH: wish}
        parameters: Any = {"payment_intent": reference, "amount": amount.amount, "metadata": notes}
        options: Any = {"idempotency_key": wish}
        answer = await _changed(lambda: self._refunds.create_async(parameters, options))
        return Done() if key is None and answer == Refused(ALREADY_REFUNDED) else answer

    async def inquire(
        self, payment: PaymentKey, *, reference: str | None = None, sent_at: datetime | None = None
    ) -> InquiryAnswer:
        """Tell how a payment stands: by its reference, or by search, which sees new payments late."""
        try:
            found = await _asked(lambda: self._find(payment, reference))
        except stripe.InvalidRequestError as error:
            return Unknown(error.code or "invalid_request")
        if isinstance(found, Unknown):
            return found
        if found is not None:
            return _standing(found)
        late = sent_at is not None and self._clock() >= sent_at + self._search_lag
        return Absent() if late else Unknown("not_found_yet")

    async def _find(self, payment: PaymentKey, reference: str | None) -> stripe.PaymentIntent | None:
        """Find a payment; the main one of an order by what it lacks, which no search can say."""
        if reference is not None:
            return await self._intents.retrieve_async(reference)
        named = _metadata(payment)
        query = " AND ".join(f"metadata['{name}']:'{value}'" for name, value in named.items())
        found = await self._intents.search_async({"query": query, "limit": 100})
        async for intent in found.auto_paging_iter():
            if intent.metadata.to_dict().get("change_id") == named.get("change_id"):
                return intent
        return None


async def _asked(call: Callable[[], Awaitable[T]]) -> T | Unknown:
    """Make a call; answers Unknown where its outcome is open, raises PspCredentialsError and the PSP's refusals."""
    try:
        return await call()
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise PspCredentialsError(type(error).__name__) from None
    except stripe.APIConnectionError as error:
        return Unknown(type(error.__cause__).__name__ if error.__cause__ is not None else "connection")
    except (stripe.APIError, stripe.RateLimitError) as error:
        return Unknown(error.code or f"http_{error.http_status}")


async def _changed(call: Callable[[], Awaitable[object]]) -> ChangeAnswer:
    try:
        answer = await _asked(call)
    except stripe.CardError as error:
        return Refused(error.code or "card_declined")
    except stripe.InvalidRequestError as error:
        return Refused(error.code or "invalid_request")
    except stripe.IdempotencyError:
        return Refused("idempotency_error")
    if getattr(answer, "status", None) == FAILED:
        return Refused(getattr(answer, "failure_reason", None) or "refund_failed")
    return answer if isinstance(answer, Unknown) else Done()


def _metadata(payment: PaymentKey) -> dict[str, str]:
    """Name a payment in its notes at the PSP; those of an order's main payment name the order alone."""
    notes = {"order_id": str(payment.order_id)}
    return notes if payment.change_id is None else {**notes, "change_id": str(payment.change_id)}


def _instrument(method: str, token: str) -> dict[str, Any]:
    """Name the instrument as Stripe wants it: a saved payment method, or the token of a card."""
    if token.startswith("pm_"):
        return {"payment_method": token}
    return {"payment_method_data": {"type": method, method: {"token": token}}}


def _decline_code(error: stripe.CardError) -> str | None:
    details: Any = error.error
    code: str | None = getattr(details, "decline_code", None)
    return code


def _held(intent: stripe.PaymentIntent) -> Authorized:
    """Tell until when the PSP holds the amount: what the card's network says, where the charge came with it."""
    charge: Any = intent.latest_charge
    card: Any = None if isinstance(charge, str | None) else getattr(charge.payment_method_details, "card", None)
    before: int | None = getattr(card, "capture_before", None)
    until = datetime.fromtimestamp(intent.created, UTC) + USUAL_HOLD if before is None else datetime.fromtimestamp(before, UTC)
    return Authorized(intent.id, expires_at=until)


def _page(intent: stripe.PaymentIntent) -> str:
    """Tell where the payer's bank asks; empty where it asks in another way than on a page."""
    action: Any = intent.next_action
    page: str | None = getattr(getattr(action, "redirect_to_url", None), "url", None)
    return page or ""


def _standing(intent: stripe.PaymentIntent) -> InquiryAnswer:
    match intent.status:
        case "requires_capture":
            return _held(intent)
        case "succeeded":
            return Taken(intent.id, intent.amount_received)
        case "canceled":
            return Canceled(intent.id)
        case "requires_action":
            return Challenged(intent.id, _page(intent))
        case "requires_payment_method":
            error: Any = intent.last_payment_error
            return Declined(getattr(error, "code", None) or "card_declined", getattr(error, "decline_code", None))
        case status:
            return Unknown(f"status_{status}")
