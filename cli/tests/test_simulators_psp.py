"""The PSP simulator as the official Stripe client sees it, over real HTTP against the real process."""

import asyncio
import concurrent.futures
import functools
import http.server
import json
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stripe
from stripe import PaymentIntent, StripeClient

from waybill.simulators.launching import launched
from waybill.simulators.psp.ledger import Intent, Ledger
from waybill.simulators.psp.parameters import decode, search_condition

# The Stripe client hands httpx its form in a way that httpx is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

HTTP = httpx2.Client(trust_env=False)
SECRET = "whsec_of_the_test"
QUICK = {"delay_seconds": 0.2, "hang_seconds": 60}


class Receiver:
    """Takes in webhooks; answers 500 to the first ``failures`` of them."""

    def __init__(self) -> None:
        self.received: queue.Queue[tuple[bytes, str]] = queue.Queue()
        self.failures = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.received.put((body, self.headers["stripe-signature"]))
                self.send_response(500 if receiver.failures > 0 else 200)
                receiver.failures -= 1
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/webhooks/psp"

    def genuine(self, payment_intent: str, kind: str) -> dict[str, Any]:
        """Wait for one event of an intent; every other is passed over. A bad signature is an error."""
        while True:
            event = verified(*self.next())
            subject = event["data"]["object"]
            if event["type"] == kind and payment_intent in {subject["id"], subject.get("payment_intent")}:
                return event

    def next(self) -> tuple[bytes, str]:
        try:
            return self.received.get(timeout=5)
        except queue.Empty:
            pytest.fail("no webhook came within 5 s")


def verified(payload: bytes, signature: str) -> dict[str, Any]:
    event: dict[str, Any] = stripe.Webhook.construct_event(payload, signature, SECRET).to_dict()
    return event


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[str]:
    ledger = tmp_path_factory.mktemp("psp") / "ledger.db"
    arguments = ("--port", "0", "--ledger", str(ledger), "--webhook-url", receiver.url, "--webhook-secret", SECRET)
    with launched("psp", *arguments) as simulator:
        yield simulator.addresses["http"]


@pytest.fixture
def psp(process: str, receiver: Receiver) -> Iterator[str]:
    """Give the address of a PSP in its normal mode whose earlier webhooks are out of the way."""
    yield process
    HTTP.delete(f"{process}/sim/psp/mode").raise_for_status()
    receiver.failures = 0
    while not receiver.received.empty():
        receiver.received.get()


@functools.cache
def client(address: str, patience: float = 5.0, retries: int = 0) -> StripeClient:
    return StripeClient(
        "sk_test_waybill",
        base_addresses={"api": address},
        max_network_retries=retries,
        http_client=stripe.HTTPXClient(timeout=patience),
    )


async def authorise(
    address: str,
    order: str,
    payment_method: str = "tok_ok",
    *,
    amount: int = 5_000,
    patience: float = 5.0,
    change: str | None = None,
) -> PaymentIntent:
    return await client(address, patience).v1.payment_intents.create_async(
        {
            "amount": amount,
            "currency": "eur",
            "confirm": True,
            "capture_method": "manual",
            "payment_method": payment_method,
            "metadata": {"order_id": order} if change is None else {"order_id": order, "change_id": change},
        },
        {"idempotency_key": f"authorise-{order}" if change is None else f"authorise-{order}-{change}"},
    )


def set_mode(address: str, **setting: Any) -> None:
    HTTP.put(f"{address}/sim/psp/mode", json=setting).raise_for_status()


def ledger_of(address: str, order: str) -> dict[str, Any]:
    items = HTTP.get(f"{address}/sim/psp/ledger", params={"order_id": order}).raise_for_status().json()["items"]
    assert len(items) == 1, f"{len(items)} intents for one order"
    item: dict[str, Any] = items[0]
    return item


async def test_a_payment_is_authorised_then_captured(psp: str) -> None:
    intent = await authorise(psp, "flow")
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 5_000, 0)

    captured = await client(psp).v1.payment_intents.capture_async(intent.id, {}, {"idempotency_key": "capture-flow"})
    assert (captured.status, captured.amount_capturable, captured.amount_received) == ("succeeded", 0, 5_000)

    entry = ledger_of(psp, "flow")
    assert (entry["authorised"], entry["open"], entry["captured"], entry["currency"]) == (5_000, 0, 5_000, "EUR")
    assert [(each["amount"], each["idempotency_key"]) for each in entry["captures"]] == [(5_000, "capture-flow")]


async def test_a_payment_can_be_captured_at_once(psp: str) -> None:
    intent = await client(psp).v1.payment_intents.create_async(
        {
            "amount": 700,
            "currency": "eur",
            "confirm": True,
            "payment_method_data": {"type": "card", "card": {"token": "tok_ok"}},  # type: ignore[typeddict-unknown-key]
            "metadata": {"order_id": "at-once"},
            "expand": ["latest_charge"],
        }
    )
    assert (intent.status, intent.amount_received) == ("succeeded", 700)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.amount_captured == 700


@pytest.mark.parametrize(
    ("token", "reason"), [("tok_declined", "generic_decline"), ("tok_insufficient_funds", "insufficient_funds")]
)
async def test_a_declined_card_is_a_card_error_and_authorises_nothing(psp: str, token: str, reason: str) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await authorise(psp, token, token)
    assert declined.value.http_status == 402
    assert declined.value.code == "card_declined"
    assert declined.value.error is not None
    assert declined.value.error.decline_code == reason
    assert declined.value.error.payment_intent is not None
    entry = ledger_of(psp, token)
    assert (entry["payment_intent"], entry["status"]) == (declined.value.error.payment_intent.id, "requires_payment_method")
    assert (entry["authorised"], entry["open"]) == (0, 0)


async def test_an_unknown_payment_method_is_refused_and_not_booked(psp: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await authorise(psp, "unknown-token", "tok_nobody_knows")
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, "resource_missing", "payment_method")
    found = HTTP.get(f"{psp}/sim/psp/ledger", params={"order_id": "unknown-token"}).json()
    assert found["items"] == []


async def test_a_key_is_needed(psp: str) -> None:
    answer = HTTP.get(f"{psp}/v1/payment_intents/pi_x")
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_the_same_key_gives_the_same_answer_and_one_payment(psp: str) -> None:
    first = await authorise(psp, "twice")
    again = await asyncio.gather(*(authorise(psp, "twice") for _ in range(10)))
    assert {each.id for each in again} == {first.id}
    assert again[0].last_response is not None
    assert again[0].last_response.headers["idempotent-replayed"] == "true"
    assert ledger_of(psp, "twice")["authorised"] == 5_000


async def test_a_decline_is_replayed_too(psp: str) -> None:
    intents = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            await authorise(psp, "declined-twice", "tok_declined")
        assert declined.value.error is not None
        assert declined.value.error.payment_intent is not None
        intents.append(declined.value.error.payment_intent.id)
    assert intents[0] == intents[1] == ledger_of(psp, "declined-twice")["payment_intent"]


async def test_another_request_under_the_same_key_is_refused(psp: str) -> None:
    await authorise(psp, "changed")
    with pytest.raises(stripe.IdempotencyError) as refused:
        await authorise(psp, "changed", amount=5_001)
    assert refused.value.http_status == 400


async def test_a_second_request_while_the_first_is_worked_on_is_a_conflict(psp: str) -> None:
    set_mode(psp, mode="slow", delay_seconds=0.5)
    outcomes = await asyncio.gather(*(authorise(psp, "in-flight") for _ in range(2)), return_exceptions=True)
    conflicts = [each for each in outcomes if isinstance(each, stripe.APIError)]
    assert [(each.http_status, each.error and each.error.code) for each in conflicts] == [(409, "idempotency_key_in_use")]
    assert (await authorise(psp, "in-flight")).id in {each.id for each in outcomes if isinstance(each, PaymentIntent)}
    assert ledger_of(psp, "in-flight")["authorised"] == 5_000


async def test_an_authorisation_is_captured_shipment_by_shipment(psp: str) -> None:
    intent = await authorise(psp, "parts")
    intents = client(psp).v1.payment_intents
    part = await intents.capture_async(
        intent.id, {"amount_to_capture": 2_000, "final_capture": False}, {"idempotency_key": "parts-1"}
    )
    assert (part.status, part.amount_capturable, part.amount_received) == ("requires_capture", 3_000, 2_000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await intents.capture_async(intent.id, {"amount_to_capture": 3_001, "final_capture": False})
    assert refused.value.code == "amount_too_large"
    last = await intents.capture_async(
        intent.id, {"amount_to_capture": 1_500, "final_capture": True}, {"idempotency_key": "parts-2"}
    )
    assert (last.status, last.amount_capturable, last.amount_received) == ("succeeded", 0, 3_500)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await intents.capture_async(intent.id, {"amount_to_capture": 1})
    assert refused.value.code == "payment_intent_unexpected_state"
    entry = ledger_of(psp, "parts")
    assert [(each["idempotency_key"], each["amount"]) for each in entry["captures"]] == [("parts-1", 2_000), ("parts-2", 1_500)]
    assert (entry["captured"], entry["open"]) == (3_500, 0)


async def test_a_canceled_authorisation_is_open_no_more(psp: str) -> None:
    intent = await authorise(psp, "canceled")
    intents = client(psp).v1.payment_intents
    canceled = await intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"}, {"idempotency_key": "void"})
    assert (canceled.status, canceled.amount_capturable, canceled.cancellation_reason) == ("canceled", 0, "abandoned")
    for act in (intents.capture_async, intents.cancel_async):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await act(intent.id)
        assert refused.value.code == "payment_intent_unexpected_state"
    assert ledger_of(psp, "canceled")["open"] == 0


async def test_refunds_stay_within_what_was_captured(psp: str) -> None:
    intent = await authorise(psp, "refunds")
    refunds = client(psp).v1.refunds
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        await refunds.create_async({"payment_intent": intent.id})
    await client(psp).v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 3_000})
    part = await refunds.create_async({"payment_intent": intent.id, "amount": 1_000}, {"idempotency_key": "refund-1"})
    assert (part.status, part.amount) == ("succeeded", 1_000)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        await refunds.create_async({"payment_intent": intent.id, "amount": 2_001})
    rest = await refunds.create_async({"payment_intent": intent.id})
    assert rest.amount == 2_000
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"
    listed = await refunds.list_async({"payment_intent": intent.id})
    assert [each.id for each in listed.data] == [rest.id, part.id]
    assert (await refunds.retrieve_async(part.id)).amount == 1_000
    entry = ledger_of(psp, "refunds")
    assert (entry["captured"], entry["refunded"], len(entry["refunds"])) == (3_000, 3_000, 2)


async def test_what_a_bank_takes_back_is_told_and_cannot_be_refunded(psp: str, receiver: Receiver) -> None:
    intent = await authorise(psp, "disputed")
    await client(psp).v1.payment_intents.capture_async(intent.id)
    raised = HTTP.post(f"{psp}/sim/psp/disputes", json={"payment_intent": intent.id, "amount": 3_000}).raise_for_status().json()
    opened = receiver.genuine(intent.id, "charge.dispute.created")["data"]["object"]
    assert (opened["id"], opened["amount"], opened["status"]) == (raised["id"], 3_000, "needs_response")
    assert opened["evidence_details"]["due_by"] > opened["created"]
    assert opened["metadata"] == {}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client(psp).v1.refunds.create_async({"payment_intent": intent.id, "amount": 2_001})
    assert refused.value.code == "charge_disputed"
    assert ledger_of(psp, "disputed")["disputed"] == 3_000
    HTTP.post(f"{psp}/sim/psp/disputes/{raised['id']}/close", json={"won": True}).raise_for_status()
    assert receiver.genuine(intent.id, "charge.dispute.closed")["data"]["object"]["status"] == "won"
    await client(psp).v1.refunds.create_async({"payment_intent": intent.id, "amount": 5_000})
    assert ledger_of(psp, "disputed")["disputed"] == 0


async def test_a_dispute_that_cannot_be_is_refused(psp: str) -> None:
    intent = await authorise(psp, "not-disputed")
    url = f"{psp}/sim/psp/disputes"
    wishes: list[Any] = [{"payment_intent": intent.id}, {"payment_intent": intent.id, "amount": "1"}, {"amount": 1}, []]
    for wish in wishes:
        assert HTTP.post(url, json=wish).status_code == 400
    assert HTTP.post(url, json={"payment_intent": "pi_none"}).status_code == 404
    assert HTTP.post(f"{url}/dp_none/close", json={"won": True}).status_code == 404
    assert HTTP.post(f"{url}/dp_none/close", content="?").status_code == 400


async def test_a_timeout_after_the_work_was_done_is_told_by_asking(psp: str) -> None:
    set_mode(psp, **QUICK)
    with pytest.raises(stripe.APIConnectionError):
        await authorise(psp, "captured-unknown", "tok_timeout_captured", patience=0.3)
    found = await client(psp).v1.payment_intents.search_async({"query": "metadata['order_id']:'captured-unknown'"})
    assert [each.status for each in found.data] == ["requires_capture"]
    resent = await authorise(psp, "captured-unknown", "tok_timeout_captured")
    assert (resent.id, resent.status) == (found.data[0].id, "requires_capture")


async def test_the_clients_own_retry_resolves_a_timeout(psp: str) -> None:
    set_mode(psp, **QUICK, mode="timeout_captured", operations=["capture"])
    intent = await authorise(psp, "retried")
    captured = await client(psp, patience=1.0, retries=2).v1.payment_intents.capture_async(intent.id)
    assert captured.status == "succeeded"
    assert [each["amount"] for each in ledger_of(psp, "retried")["captures"]] == [5_000]


async def test_a_timeout_that_failed_is_told_by_asking(psp: str) -> None:
    set_mode(psp, **QUICK)
    with pytest.raises(stripe.APIConnectionError):
        await authorise(psp, "failed-unknown", "tok_timeout_failed", patience=0.3)
    found = await client(psp).v1.payment_intents.search_async({"query": "metadata['order_id']:'failed-unknown'"})
    assert [each.status for each in found.data] == ["requires_payment_method"]
    with pytest.raises(stripe.CardError) as declined:
        await authorise(psp, "failed-unknown", "tok_timeout_failed")
    assert declined.value.error is not None
    assert declined.value.error.decline_code == "processing_error"
    assert ledger_of(psp, "failed-unknown")["authorised"] == 0


async def test_a_request_that_was_lost_is_executed_when_sent_again(psp: str) -> None:
    set_mode(psp, **QUICK)
    with pytest.raises(stripe.APIConnectionError):
        await authorise(psp, "lost", "tok_timeout_lost", patience=0.3)
    found = await client(psp).v1.payment_intents.search_async({"query": "metadata['order_id']:'lost'"})
    assert found.data == []
    assert (await authorise(psp, "lost", "tok_timeout_lost")).status == "requires_capture"


async def test_errors_leave_nothing_and_end_with_the_storm(psp: str) -> None:
    with pytest.raises(stripe.APIError) as failed:
        await authorise(psp, "token-error", "tok_error")
    assert failed.value.http_status == 500
    set_mode(psp, mode="error_5xx", remaining=2)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await authorise(psp, "storm")
    assert (await authorise(psp, "storm")).status == "requires_capture"
    assert ledger_of(psp, "storm")["authorised"] == 5_000


async def test_slow_answers_are_right_answers(psp: str) -> None:
    set_mode(psp, **QUICK)
    started = time.monotonic()
    assert (await authorise(psp, "slow", "tok_slow")).status == "requires_capture"
    assert time.monotonic() - started >= 0.2


async def test_the_decline_mode_declines_good_cards_and_nothing_else(psp: str) -> None:
    intent = await authorise(psp, "before-decline")
    set_mode(psp, mode="decline")
    with pytest.raises(stripe.CardError):
        await authorise(psp, "in-decline")
    assert (await client(psp).v1.payment_intents.capture_async(intent.id)).status == "succeeded"


async def test_a_mode_that_is_none_is_refused_and_changes_nothing(psp: str) -> None:
    set_mode(psp, mode="slow")
    assert HTTP.put(f"{psp}/sim/psp/mode", json={"mode": "explode"}).status_code == 422
    assert HTTP.post(f"{psp}/sim/psp/mode", content="{").status_code == 422
    assert HTTP.get(f"{psp}/sim/psp/mode").json()["mode"] == "slow"
    assert HTTP.delete(f"{psp}/sim/psp/mode").json()["mode"] == "ok"


async def test_webhooks_are_signed_and_tell_every_step(psp: str, receiver: Receiver) -> None:
    intent = await authorise(psp, "told")
    authorised = receiver.genuine(intent.id, "payment_intent.amount_capturable_updated")
    assert authorised["data"]["object"]["metadata"] == {"order_id": "told"}
    await client(psp).v1.payment_intents.capture_async(intent.id, {}, {"idempotency_key": "told-capture"})
    captured = receiver.genuine(intent.id, "charge.captured")
    assert captured["data"]["object"]["amount_captured"] == 5_000
    assert captured["request"]["idempotency_key"] == "told-capture"
    await client(psp).v1.refunds.create_async({"payment_intent": intent.id, "amount": 100})
    assert receiver.genuine(intent.id, "charge.refunded")["data"]["object"]["amount_refunded"] == 100


async def test_webhooks_are_sent_again_until_they_are_taken(psp: str, receiver: Receiver) -> None:
    receiver.failures = 2
    intent = await authorise(psp, "refused-webhook")
    wanted = {"payment_intent.amount_capturable_updated", "charge.succeeded"}
    told: list[str] = []
    while len(told) < 4:
        event = verified(*receiver.next())
        assert intent.id in {event["data"]["object"]["id"], event["data"]["object"].get("payment_intent")}
        told.append(event["type"])
    assert {kind: told.count(kind) for kind in wanted} == dict.fromkeys(wanted, 2)


async def test_webhooks_can_be_duplicated_late_forged_and_off(psp: str, receiver: Receiver) -> None:
    set_mode(psp, webhooks="duplicate")
    intent = await authorise(psp, "duplicate")
    ids = [receiver.genuine(intent.id, "charge.succeeded")["id"] for _ in range(2)]
    assert ids[0] == ids[1]

    set_mode(psp, webhooks="late", webhook_delay_seconds=0.4)
    started = time.monotonic()
    intent = await authorise(psp, "late")
    receiver.genuine(intent.id, "charge.succeeded")
    assert time.monotonic() - started >= 0.4

    set_mode(psp, webhooks="off")
    await authorise(psp, "off")
    set_mode(psp, webhooks="forged")
    intent = await authorise(psp, "forged")
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for _ in range(4):
        payload, header = receiver.next()
        assert json.loads(payload)["data"]["object"]["metadata"] in ({"order_id": "forged"}, {"order_id": "late"})
        try:
            kinds[True].append(verified(payload, header)["type"])
        except stripe.SignatureVerificationError:
            kinds[False].append(json.loads(payload)["type"])
    assert kinds[False] == ["payment_intent.canceled"] * len(kinds[False])
    assert len(kinds[False]) > 0
    assert (await client(psp).v1.payment_intents.retrieve_async(intent.id)).status == "requires_capture"


async def test_payments_are_found_by_search_and_listed_by_page(psp: str) -> None:
    made = [await authorise(psp, f"page-{number}", amount=4_200 + number) for number in range(3)]
    intents = client(psp).v1.payment_intents
    found = await intents.search_async({"query": "metadata['order_id']:'page-1' AND status:'requires_capture' AND amount:4201"})
    assert [each.id for each in found.data] == [made[1].id]
    first = await intents.list_async({"limit": 2})
    assert [each.id for each in first.data] == [made[2].id, made[1].id]
    second = await intents.list_async({"limit": 1, "starting_after": made[1].id})
    assert [each.id for each in second.data] == [made[0].id]
    with pytest.raises(stripe.InvalidRequestError, match="parse your search query"):
        await intents.search_async({"query": "order_id=page-1"})


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": 10**9}, "amount"),
        ({"currency": "euro"}, "currency"),
        ({"capture_method": "later"}, "capture_method"),
        ({"confirm": False}, "confirm"),
        ({"colour": "red"}, "colour"),
        ({"metadata": {"order_id": "x" * 501}}, "metadata[order_id]"),
    ],
)
async def test_a_bad_parameter_is_named(psp: str, parameters: dict[str, Any], named: str) -> None:
    good = {"amount": 100, "currency": "eur", "confirm": True, "payment_method": "tok_ok"}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client(psp).v1.payment_intents.create_async({**good, **parameters})  # type: ignore[typeddict-item]
    assert (refused.value.http_status, refused.value.param) == (400, named)


async def test_what_does_not_exist_is_not_found(psp: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client(psp).v1.payment_intents.retrieve_async("pi_nothing")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client(psp).v1.customers.list_async()
    assert refused.value.http_status == 404


async def test_the_ledger_adds_up_and_is_read_by_page(psp: str) -> None:
    await authorise(psp, "totals")
    whole = HTTP.get(f"{psp}/sim/psp/ledger").json()
    for name in ("authorised", "open", "captured", "refunded"):
        assert whole["totals"]["EUR"][name] == sum(item[name] for item in whole["items"])
    assert whole["totals"]["EUR"]["intents"] == len(whole["items"])
    pages, cursor = [], "0"
    while cursor is not None:
        page = HTTP.get(f"{psp}/sim/psp/ledger", params={"limit": 7, "cursor": cursor}).json()
        pages += page["items"]
        cursor = page["next_cursor"]
    assert pages == whole["items"]


async def test_the_ledger_of_an_order_adds_up_over_its_payments(psp: str, receiver: Receiver) -> None:
    main = await authorise(psp, "several", amount=3_000)
    first, second = [await authorise(psp, "several", amount=500, change=change) for change in ("one", "two")]
    intents = client(psp).v1.payment_intents
    for number, (intent, amount) in enumerate(((main, 3_000), (first, 200))):
        await intents.capture_async(intent.id, {"amount_to_capture": amount}, {"idempotency_key": f"several-{number}"})
    await intents.cancel_async(second.id)
    await client(psp).v1.refunds.create_async({"payment_intent": main.id, "amount": 1_000})
    shown = HTTP.get(f"{psp}/sim/psp/ledger", params={"order_id": "several"}).json()
    sums = {"intents": 3, "authorised": 4_000, "open": 0, "captured": 3_200, "refunded": 1_000}
    assert shown["totals"]["EUR"] == sums
    assert [(item["metadata"].get("change_id"), item["captured"]) for item in shown["items"]] == [
        (None, 3_000),
        ("one", 200),
        ("two", 0),
    ]
    told = receiver.genuine(first.id, "charge.captured")["data"]["object"]
    assert told["metadata"] == {"order_id": "several", "change_id": "one"}


async def test_a_search_is_read_page_by_page(psp: str) -> None:
    made = [await authorise(psp, "searched", change=f"{number}") for number in range(5)]
    intents = client(psp).v1.payment_intents
    first = await intents.search_async({"query": "metadata['order_id']:'searched'", "limit": 2})
    assert first.has_more
    assert [each.id for each in first.data] == [made[4].id, made[3].id]
    assert [each.id async for each in first.auto_paging_iter()] == [each.id for each in reversed(made)]
    for wrong in ("2", "page_", "page_x", "page_-1"):
        with pytest.raises(stripe.InvalidRequestError, match="Invalid page"):
            await intents.search_async({"query": "metadata['order_id']:'searched'", "page": wrong})


async def test_a_killed_psp_forgets_nothing(tmp_path: Path) -> None:
    arguments = ("psp", "--port", "0", "--ledger", str(tmp_path / "ledger.db"), "--api-key", "sk_test_waybill")
    with launched(*arguments) as simulator:
        intent = await authorise(simulator.addresses["http"], "durable")
        await client(simulator.addresses["http"]).v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 1_000})
        simulator.kill()
    with launched(*arguments) as simulator:
        address = simulator.addresses["http"]
        assert (await authorise(address, "durable")).id == intent.id
        entry = ledger_of(address, "durable")
        assert (entry["captured"], entry["open"], entry["status"]) == (1_000, 0, "succeeded")
        wrong = StripeClient("sk_wrong", base_addresses={"api": address}, http_client=stripe.HTTPXClient())
        with pytest.raises(stripe.AuthenticationError):
            await wrong.v1.payment_intents.retrieve_async(intent.id)


async def test_it_keeps_up_with_hundreds_of_payments(psp: str) -> None:
    body = "amount=100&currency=eur&confirm=true&capture_method=manual&payment_method=tok_ok&metadata[order_id]=load-{}"

    def pay(first: int) -> int:
        headers = {"Authorization": "Bearer sk", "Content-Type": "application/x-www-form-urlencoded"}
        with httpx2.Client(base_url=psp, headers=headers) as http:
            answers = [
                http.post("/v1/payment_intents", content=body.format(number), headers={"Idempotency-Key": f"load-{number}"})
                for number in range(first, first + 100)
            ]
        return sum(answer.status_code == 200 for answer in answers)

    set_mode(psp, webhooks="off")
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(pay, range(0, 400, 100))) == 400
    # A generous bound: it only has to show that the PSP is not what limits a system under load.
    assert time.monotonic() - started < 4


def test_the_books_refuse_what_the_code_should_have_refused(tmp_path: Path) -> None:
    books = Ledger(tmp_path / "ledger.db")
    intent = Intent("pi_1", None, 100, "eur", "tok_ok", "manual", "requires_capture", "ch_1", authorised=100, capturable=100)
    with books.transaction():
        books.insert_intent(intent)
    intent.captured, intent.capturable = 101, 0
    with pytest.raises(sqlite3.IntegrityError), books.transaction():
        books.update_intent(intent)
    intent.captured, intent.refunded = 50, 51
    with pytest.raises(sqlite3.IntegrityError), books.transaction():
        books.update_intent(intent)
    kept = books.intent("pi_1")
    assert kept is not None
    assert (kept.captured, kept.capturable, kept.refunded) == (0, 100, 0)
    books.close()


def test_forms_and_searches_are_read_as_stripe_writes_them() -> None:
    assert decode("amount=5&metadata[order_id]=a%26b&expand[0]=x&expand[1]=y&card[a][b]=") == {
        "amount": "5",
        "metadata": {"order_id": "a&b"},
        "expand": ["x", "y"],
        "card": {"a": {"b": ""}},
    }
    condition, values = search_condition("""metadata["order_id"]:"it's" AND currency:'eur'""")
    assert (condition, values) == ("order_id = ? AND currency = ?", ["it's", "eur"])
    assert search_condition(r"metadata['k']:'a\'b'")[1] == ['$."k"', "a'b"]


async def test_a_hold_lapses_when_its_time_is_over_and_cannot_be_captured(psp: str, receiver: Receiver) -> None:
    set_mode(psp, mode="ok", hold_seconds=1)
    intent = await authorise(psp, "lapsing")
    receiver.genuine(intent.id, "payment_intent.canceled")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client(psp).v1.payment_intents.capture_async(intent.id, {}, {"idempotency_key": "capture-lapsing"})
    assert refused.value.code == "payment_intent_unexpected_state"
    entry = ledger_of(psp, "lapsing")
    assert (entry["status"], entry["authorised"], entry["open"], entry["captured"]) == ("canceled", 5_000, 0, 0)


async def test_a_hold_can_be_made_to_lapse(psp: str, receiver: Receiver) -> None:
    intent = await authorise(psp, "made-to-lapse")
    lapse = f"{psp}/sim/psp/holds/{intent.id}/lapse"
    assert HTTP.post(lapse).raise_for_status().json()["status"] == "canceled"
    assert receiver.genuine(intent.id, "charge.expired")["data"]["object"]["payment_intent"] == intent.id
    assert HTTP.post(lapse).status_code == 400


async def again(address: str, payment_method: str, order: str) -> PaymentIntent:
    return await client(address).v1.payment_intents.create_async(
        {
            "amount": 5_000,
            "currency": "eur",
            "confirm": True,
            "off_session": True,
            "capture_method": "manual",
            "payment_method": payment_method,
            "metadata": {"order_id": order},
        },
        {"idempotency_key": f"again-{order}"},
    )


async def test_a_cardholder_who_is_not_there_is_not_asked_and_may_be_declined(psp: str) -> None:
    assert (await again(psp, "tok_3ds", "absent")).status == "requires_capture"
    assert (await authorise(psp, "once", "tok_once")).status == "requires_capture"
    with pytest.raises(stripe.CardError):
        await again(psp, "tok_once", "once-more")


async def test_a_refund_may_come_back_from_the_bank(psp: str, receiver: Receiver) -> None:
    intent = await authorise(psp, "bounced")
    api = client(psp).v1
    await api.payment_intents.capture_async(intent.id, {}, {"idempotency_key": "capture-bounced"})
    made = await api.refunds.create_async({"payment_intent": intent.id, "amount": 2_000}, {"idempotency_key": "back-bounced"})
    fail = f"{psp}/sim/psp/refunds/{made.id}/fail"
    HTTP.post(fail, json={"reason": "expired_or_canceled_card"}).raise_for_status()
    told = receiver.genuine(intent.id, "refund.failed")["data"]["object"]
    assert (told["id"], told["status"], told["failure_reason"]) == (made.id, "failed", "expired_or_canceled_card")
    entry = ledger_of(psp, "bounced")
    assert (entry["captured"], entry["refunded"], entry["refunds"]) == (5_000, 0, [])
    assert HTTP.post(fail, json={}).status_code == 400
