"""Carriers behind EasyPost's API (v2), by plain HTTP.

EasyPost has no idempotency keys: a shipment carries our key as its `reference`, and one shipment is bought at most once. So a
purchase first asks what there is under its key. What was bought is answered; what was made and not bought is bought; only where
there is nothing a shipment is made. References are not unique with EasyPost: a shipment whose making was not answered may come
into being late, beside another one that has been bought meanwhile. Therefore a shipment that is found unbought is bought only
after looking for a bought one of the same reference among those made around the same time. A time-out, a broken connection, a
429, a 5xx and EasyPost's own time-outs with a carrier are all `Unknown`. No call is repeated here: the due row is the retry.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2

from chassis.domain import Clock, utc_now
from order.gateway import easypost_documents as documents
from order.gateway.easypost_documents import Document
from order.gateway.port import (
    Absent,
    Bought,
    CarrierAccountError,
    FindAnswer,
    Offered,
    Parcel,
    PurchaseAnswer,
    RatesAnswer,
    Refused,
    TrackAnswer,
    Tracked,
    Unknown,
    VoidAnswer,
    Voided,
    Wish,
)

PATIENCE: Final = 3.0
"""So many times the time-out of one call may pass until an operation of several calls is given up."""
SIBLINGS_WITHIN: Final = timedelta(minutes=15)
PAGE_SIZE: Final = 100
MOST_PAGES: Final = 100
LARGEST_LABEL: Final = 5_000_000

ACCOUNT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN})
PASSING: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
OPEN: Final = frozenset({
    "SHIPMENT.PURCHASE.IN_PROGRESS",
    "SHIPMENT.POSTAGE.TIMED_OUT",
    "SHIPMENT.POSTAGE.NO_RESPONSE",
})  # fmt: skip
"""Refusals by status, but their outcome is open: EasyPost does not know either what the carrier did."""
ALREADY_BOUGHT: Final = "SHIPMENT.POSTAGE.EXISTS"
NOT_FOUND: Final = "NOT_FOUND"


class EasyPostCarriers:
    """Buys and voids labels and follows parcels by EasyPost."""

    def __init__(
        self,
        api_key: str,
        url: str,
        *,
        timeout_seconds: float = 10.0,
        clock: Clock = utc_now,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx2.AsyncClient(timeout=timeout_seconds, transport=transport, headers={"User-Agent": "Waybill"})
        self._api_key = httpx2.BasicAuth(api_key, "")
        self._url = f"{url.rstrip('/')}/v2"
        self._patience = PATIENCE * timeout_seconds
        self._clock = clock
        self._at_work: set[str] = set()

    async def close(self) -> None:
        """Let go of the connections to EasyPost."""
        await self._http.aclose()

    async def rates(self, parcel: Parcel) -> RatesAnswer:
        """Ask all carriers of the account what a parcel would cost."""
        made = await self._ask("POST", "/shipments", documents.shipment_wanted(parcel, None))
        if isinstance(made, Refused | Unknown):
            return made
        return Offered(documents.rates_of(made), documents.objections_of(made))

    async def buy(self, parcel: Parcel, wish: Wish, key: str) -> PurchaseAnswer:
        """Buy a label, or answer the one that was bought for this key."""
        if key in self._at_work:
            return Unknown("at_work")
        self._at_work.add(key)
        try:
            async with asyncio.timeout(self._patience):
                return await self._buy(parcel, wish, key)
        except TimeoutError:
            return Unknown("timeout")
        finally:
            self._at_work.discard(key)

    async def find(self, key: str) -> FindAnswer:
        """Tell what became of a purchase."""
        try:
            async with asyncio.timeout(self._patience):
                shipment = await self._locate(key)
                if isinstance(shipment, Unknown):
                    return shipment
                if shipment is None or not documents.is_bought(shipment):
                    return Absent()
                return _voided(shipment) if documents.is_voided(shipment) else await self._bought(shipment)
        except TimeoutError:
            return Unknown("timeout")

    async def void(self, reference: str) -> VoidAnswer:
        """Give a label back; where EasyPost will not, its shipment tells whether that was done before."""
        place = f"/shipments/{_part(reference)}"
        answer = await self._ask("POST", f"{place}/refund")
        if isinstance(answer, Unknown):
            return answer
        refusal = answer if isinstance(answer, Refused) else None
        shipment = answer if refusal is None else await self._ask("GET", place)
        if isinstance(shipment, Refused | Unknown):
            return shipment
        if documents.is_voided(shipment):
            return _voided(shipment)
        return refusal or Refused(f"refund_{shipment.get('refund_status') or 'unavailable'}")

    async def track(self, carrier: str, tracking_number: str) -> TrackAnswer:
        """Ask what is known of a parcel's way."""
        query = {"tracking_code": tracking_number, "carrier": carrier}
        answer = await self._ask("GET", "/trackers", query=query)
        if isinstance(answer, Unknown):
            return answer
        if isinstance(answer, Refused):
            return Absent() if answer.code == NOT_FOUND else Unknown(answer.code)
        # Carriers use tracking numbers again after a while: the newest tracker is this parcel's.
        found = next((one for one in answer.get("trackers", ()) if isinstance(one, Mapping)), None)
        if found is None:
            return Absent()
        expected = documents.moment_of(found.get("est_delivery_date"))
        return Tracked(documents.updates_of(found), expected.date() if expected is not None else None)

    async def _buy(self, parcel: Parcel, wish: Wish, key: str) -> PurchaseAnswer:
        found = await self._locate(key)
        if isinstance(found, Unknown):
            return found
        if found is not None and documents.is_bought(found):
            return Refused("voided") if documents.is_voided(found) else await self._bought(found)
        if found is None:
            made = await self._ask("POST", "/shipments", documents.shipment_wanted(parcel, key))
        else:
            made = await self._rated_again(found)
        if isinstance(made, Refused | Unknown):
            return made
        rate = documents.choose(made, wish)
        if rate is None:
            return Refused("no_rate", "; ".join(f"{one.carrier}: {one.message}" for one in documents.objections_of(made)))
        answer = await self._ask("POST", f"/shipments/{_part(made['id'])}/buy", {"rate": {"id": rate}})
        if isinstance(answer, Refused) and answer.code == ALREADY_BOUGHT:
            answer = await self._ask("GET", f"/shipments/{_part(made['id'])}")
        return answer if isinstance(answer, Refused | Unknown) else await self._bought(answer)

    async def _locate(self, key: str) -> Document | Unknown | None:
        """Find the shipment of a key, the bought one if there are several."""
        found = await self._ask("GET", f"/shipments/{_part(key)}")
        if isinstance(found, Refused):
            return None if found.code == NOT_FOUND else Unknown(found.code)
        if isinstance(found, Unknown) or documents.is_bought(found):
            return found
        sibling = await self._bought_sibling(key, found)
        return found if sibling is None else sibling

    async def _bought_sibling(self, key: str, shipment: Document) -> Document | Unknown | None:
        made_at = documents.moment_of(shipment.get("created_at")) or self._clock()
        query = {
            "purchased": "true",
            "page_size": str(PAGE_SIZE),
            "start_datetime": _stamp(made_at - SIBLINGS_WITHIN),
            "end_datetime": _stamp(made_at + SIBLINGS_WITHIN),
        }
        for _ in range(MOST_PAGES):
            page = await self._ask("GET", "/shipments", query=query)
            if isinstance(page, Refused):
                return Unknown(page.code)
            if isinstance(page, Unknown):
                return page
            shipments = [one for one in page.get("shipments", ()) if isinstance(one, Mapping)]
            for one in shipments:
                if one.get("reference") == key and documents.is_bought(one):
                    return one
            if not shipments or not page.get("has_more"):
                return None
            query["before_id"] = str(shipments[-1].get("id"))
        return Unknown("too_many_shipments")

    async def _rated_again(self, shipment: Document) -> Document | Refused | Unknown:
        """Ask for fresh rates: those of a shipment that was left lying may not be sold any more."""
        rated = await self._ask("POST", f"/shipments/{_part(shipment['id'])}/rerate")
        if isinstance(rated, Refused | Unknown):
            return rated
        return {**shipment, "rates": rated.get("rates"), "messages": rated.get("messages", shipment.get("messages"))}

    async def _bought(self, shipment: Document) -> Bought | Unknown:
        """Fetch the label's PDF: only with it a purchase is complete."""
        rate = documents.bought_rate(shipment)
        if rate is None or not documents.is_bought(shipment):
            return Unknown("invalid_answer")
        url = documents.label_url(shipment)
        if url is None:
            converted = await self._ask("GET", f"/shipments/{_part(shipment['id'])}/label", query={"file_format": "PDF"})
            if isinstance(converted, Refused):
                return Unknown(converted.code)
            if isinstance(converted, Unknown):
                return converted
            url = documents.label_url(converted)
        label = Unknown("label_missing") if url is None else await self._fetch(url)
        if isinstance(label, Unknown):
            return label
        expected = documents.expected_delivery(shipment)
        if expected is None and rate.delivery_days is not None:
            expected = (self._clock() + timedelta(days=rate.delivery_days)).date()
        number = str(shipment["tracking_code"])
        return Bought(str(shipment["id"]), rate.carrier, rate.service, number, rate.cost, label, expected)

    async def _fetch(self, url: str) -> bytes | Unknown:
        """Fetch a file, which lies elsewhere than the API: without our key."""
        if urlsplit(url).scheme not in {"http", "https"}:
            return Unknown("label_missing")
        try:
            answer = await self._http.get(url)
        except httpx2.HTTPError as error:
            return Unknown(type(error).__name__)
        if answer.status_code != HTTPStatus.OK:
            return Unknown(f"label_http_{answer.status_code}", _retry_after(answer, self._clock()))
        if not answer.content.startswith(b"%PDF-") or len(answer.content) > LARGEST_LABEL:
            return Unknown("label_unreadable")
        return answer.content

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, query: Mapping[str, str] | None = None
    ) -> Document | Refused | Unknown:
        """Make one call; raises CarrierAccountError. What EasyPost writes is no part of any exception."""
        try:
            answer = await self._http.request(method, f"{self._url}{path}", json=body, params=query, auth=self._api_key)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return Unknown(type(error).__name__)
        document: Any = None
        with suppress(ValueError):
            document = answer.json()
        if answer.is_success:
            return document if isinstance(document, Mapping) else Unknown("invalid_answer")
        code, message = documents.complaint(document)
        if answer.status_code in ACCOUNT:
            raise CarrierAccountError(code or f"http_{answer.status_code}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return Refused(NOT_FOUND, message)
        if not answer.is_client_error or answer.status_code in PASSING or code in OPEN:
            return Unknown(code or f"http_{answer.status_code}", _retry_after(answer, self._clock()))
        return Refused(code or f"http_{answer.status_code}", message)


def _voided(shipment: Document) -> Voided:
    return Voided(str(shipment["id"]), settled=shipment.get("refund_status") == documents.REFUNDED)


def _part(text: object) -> str:
    return quote(str(text), safe="")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _retry_after(answer: httpx2.Response, now: datetime) -> float | None:
    """Read when to come back: seconds, or a date."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    with suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(text)
        return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())
    return None
