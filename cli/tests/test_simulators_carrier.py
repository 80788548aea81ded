"""The carriers' simulator over real HTTP against the real process: labels, parcels, notices, faults and books."""

import concurrent.futures
import hashlib
import hmac
import http.server
import itertools
import json
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from waybill.simulators.carrier import code128, labels
from waybill.simulators.carrier.ledger import Ledger, Shipment
from waybill.simulators.carrier.tariff import GRAMS_PER_OUNCE, rate
from waybill.simulators.launching import Simulator, launched

SECRET = "whsec_of_the_test"
KEY = "EZTK_of_the_test"
AUTH = httpx2.BasicAuth(KEY, "")
HTTP = httpx2.Client(trust_env=False)
BERLIN = {"name": "Warehouse Berlin", "street1": "Lagerstraße 7", "city": "Berlin", "zip": "10117", "country": "DE"}
LYON = {"name": "Zoë Example", "street1": "Rue de l'Été 5", "city": "Lyon", "zip": "69001", "country": "FR"}
numbers = itertools.count(1)


class Receiver:
    """Takes in webhooks; answers 500 to the first ``failures`` of them, and 400 to those with a bad signature."""

    def __init__(self) -> None:
        self.received: queue.Queue[tuple[bytes, dict[str, str]]] = queue.Queue()
        self.failures = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()} | {"path": self.path}
                receiver.received.put((body, headers))
                self.send_response(500 if receiver.failures > 0 else 200 if valid(body, headers) else 400)
                receiver.failures -= 1
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/webhooks/carrier"

    def next(self) -> tuple[bytes, dict[str, str]]:
        try:
            return self.received.get(timeout=5)
        except queue.Empty:
            pytest.fail("no webhook came within 5 s")

    def genuine(self, number: str, status: str) -> dict[str, Any]:
        """Wait for one notice about a parcel; every other is passed over."""
        while True:
            body, headers = self.next()
            if not valid(body, headers):  # a forged one of an earlier test may come late, and be anything
                continue
            event: dict[str, Any] = json.loads(body)
            if (event["result"]["tracking_code"], event["result"]["status"]) == (number, status):
                return event

    def none(self) -> bool:
        """Tell whether nothing is waiting and nothing comes for a moment."""
        try:
            self.received.get(timeout=0.4)
        except queue.Empty:
            return True
        return False


def valid(body: bytes, headers: dict[str, str]) -> bool:
    """Check signature, place and time as the receiver's side describes it, with code of its own."""
    signed = f"{headers['x-timestamp']}POST{headers['path']}".encode() + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    age = time.time() - parsedate_to_datetime(headers["x-timestamp"]).timestamp()
    return headers["x-hmac-signature-v2"] == f"hmac-sha256-hex={expected}" and headers["x-path"] == headers["path"] and age < 60


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


class Carriers:
    """A running simulator and its client."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.url = simulator.addresses["http"]

    def ask(self, method: str, path: str, body: Any = None, *, timeout: float = 5.0, **query: str) -> httpx2.Response:
        return HTTP.request(method, f"{self.url}/v2{path}", json=body, params=query or None, auth=AUTH, timeout=timeout)

    def control(self, method: str, path: str, body: Any = None, **query: str) -> httpx2.Response:
        return HTTP.request(method, f"{self.url}/sim/carrier{path}", json=body, params=query or None)

    def create(self, reference: str | None = None, **changes: Any) -> dict[str, Any]:
        answer = self.ask("POST", "/shipments", {"shipment": wanted(reference, **changes)})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def buy(self, shipment: dict[str, Any], number: int = 0, *, timeout: float = 5.0) -> httpx2.Response:
        body = {"rate": {"id": shipment["rates"][number]["id"]}}
        return self.ask("POST", f"/shipments/{shipment['id']}/buy", body, timeout=timeout)

    def bought(self, reference: str | None = None, **changes: Any) -> dict[str, Any]:
        answer = self.buy(self.create(reference, **changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def mode(self, **setting: Any) -> None:
        self.control("PUT", "/mode", setting).raise_for_status()

    def ledger(self, **query: str) -> dict[str, Any]:
        return dict(self.control("GET", "/ledger", **query).raise_for_status().json())


def wanted(reference: str | None = None, *, grams: float = 1_000, **changes: Any) -> dict[str, Any]:
    shipment: dict[str, Any] = {
        "from_address": BERLIN,
        "to_address": LYON,
        "parcel": {"weight": round(grams / GRAMS_PER_OUNCE, 1)},
        "options": {"label_format": "PDF", "print_custom_1": "shipment 7"},
    }
    return shipment | ({} if reference is None else {"reference": reference}) | changes


def new_reference() -> str:
    return f"label-{next(numbers)}"


def arguments(ledger: Path, receiver: Receiver, *more: str) -> tuple[str, ...]:
    hook = ("--webhook-url", receiver.url, "--webhook-secret", SECRET, "--api-key", KEY)
    return ("carrier", "--port", "0", "--ledger", str(ledger), *hook, *more)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Carriers]:
    with launched(*arguments(tmp_path_factory.mktemp("carrier") / "ledger.db", receiver)) as simulator:
        yield Carriers(simulator)


@pytest.fixture
def carriers(process: Carriers, receiver: Receiver) -> Iterator[Carriers]:
    """Give carriers in their normal mode whose earlier webhooks are out of the way."""
    yield process
    process.control("DELETE", "/mode").raise_for_status()
    receiver.failures = 0
    while not receiver.received.empty():
        receiver.received.get()


# ------------------------------------------------------------------------------------------------------------------- rates


def test_two_carriers_with_two_services_each_offer_a_rate(carriers: Carriers) -> None:
    rates = carriers.create()["rates"]
    assert [(one["carrier"], one["service"], one["rate"], one["currency"], one["delivery_days"]) for one in rates] == [
        ("Postline", "Economy", "9.90", "EUR", 7),
        ("Postline", "Priority", "14.90", "EUR", 4),
        ("Courio", "Standard", "11.90", "EUR", 5),
        ("Courio", "Express", "29.90", "EUR", 2),
    ]


@pytest.mark.parametrize(
    ("grams", "country", "cheapest"),
    [
        (200, "DE", "3.90"),
        (1_000, "DE", "3.90"),
        (1_010, "DE", "4.50"),
        (5_000, "DE", "6.30"),
        (5_000, "FR", "15.10"),
        (5_000, "US", "44.50"),
    ],
)
def test_rates_follow_weight_and_country(grams: float, country: str, cheapest: str) -> None:
    document = wanted(grams=grams, to_address=LYON | {"country": country})
    rates, _ = rate("shp_1", document, "2026-03-02T09:00:00Z")
    assert rates[0]["rate"] == cheapest


def test_one_carrier_takes_nothing_over_31_5_kg(carriers: Carriers) -> None:
    assert {one["carrier"] for one in carriers.create(grams=31_500)["rates"]} == {"Postline", "Courio"}
    heavy = carriers.create(grams=31_600)
    assert {one["carrier"] for one in heavy["rates"]} == {"Postline"}
    (message,) = heavy["messages"]
    assert (message["carrier"], message["type"]) == ("Courio", "rate_error")
    assert "31.5 kg" in message["message"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"parcel": {"weight": 0}}, "parcel.weight"),
        ({"to_address": {"name": "Zoë"}}, "to_address.street1"),
        ({"from_address": BERLIN | {"country": "Germany"}}, "from_address.country"),
        ({"options": {"label_format": "GIF"}}, "options.label_format"),
    ],
)
def test_a_shipment_that_is_none_is_refused(carriers: Carriers, changes: dict[str, Any], field: str) -> None:
    answer = carriers.ask("POST", "/shipments", {"shipment": wanted(**changes)})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "SHIPMENT.INVALID_PARAMS"
    assert answer.json()["error"]["errors"][0]["field"] == field


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_cannot_be_read_is_refused(carriers: Carriers, body: bytes) -> None:
    assert HTTP.post(f"{carriers.url}/v2/shipments", content=body, auth=AUTH).status_code == 400


def test_a_key_is_needed(carriers: Carriers) -> None:
    for auth in (None, httpx2.BasicAuth("EZTK_of_somebody", "")):
        answer = HTTP.get(f"{carriers.url}/v2/shipments", auth=auth)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "APIKEY.INACTIVE")


# ------------------------------------------------------------------------------------------------------------------ labels


def test_a_label_is_bought_once_for_a_shipment(carriers: Carriers) -> None:
    reference = new_reference()
    shipment = carriers.create(reference)
    first = carriers.buy(shipment, 2)
    again = carriers.buy(shipment, 0)
    assert (again.status_code, again.json()["error"]["code"]) == (422, "SHIPMENT.POSTAGE.EXISTS")
    bought = carriers.ask("GET", f"/shipments/{reference}").json()
    assert bought["tracking_code"] == first.json()["tracking_code"]
    assert bought["selected_rate"]["carrier"] == "Courio"
    assert bought["tracker"]["status"] == "pre_transit"
    ledger = carriers.ledger(reference=reference)
    assert ledger["totals"] == {
        "EUR": {"labels": 1, "references": 1, "live": 1, "voided": 0, "spent": 1190, "given_back": 0},
    }
    (item,) = ledger["items"]
    assert (item["carrier"], item["status"], item["cost"]) == ("Courio", "live", {"amount": 1190, "currency": "EUR"})
    assert ledger["bought_twice"] == []


def test_buyers_at_the_same_time_get_one_label(carriers: Carriers) -> None:
    shipment = carriers.create(reference := new_reference())
    carriers.mode(mode="slow", delay_seconds=0.3)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(carriers.buy, shipment) for _ in range(8)]
        codes = [answer.result().json().get("error", {}).get("code") for answer in answers]
    assert sorted(map(str, codes)) == ["None", *["SHIPMENT.PURCHASE.IN_PROGRESS"] * 7]
    assert carriers.ledger(reference=reference)["totals"]["EUR"]["labels"] == 1


def test_an_unknown_rate_is_not_sold(carriers: Carriers) -> None:
    shipment = carriers.create()
    for body in ({}, {"rate": {"id": "rate_of_nobody"}}, {"rate": "x"}):
        answer = carriers.ask("POST", f"/shipments/{shipment['id']}/buy", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "SHIPMENT.MISSING_RATE")


def test_old_rates_are_not_sold_after_new_ones_were_asked_for(carriers: Carriers) -> None:
    shipment = carriers.create()
    fresh = carriers.ask("POST", f"/shipments/{shipment['id']}/rerate").json()
    assert carriers.buy(shipment).status_code == 422
    assert carriers.buy(shipment | fresh).status_code == 200
    assert carriers.ask("POST", f"/shipments/{shipment['id']}/rerate").status_code == 422


def test_two_labels_of_one_reference_are_seen(carriers: Carriers) -> None:
    reference = new_reference()
    first, second = carriers.bought(reference), carriers.bought(reference)
    assert carriers.ask("GET", f"/shipments/{reference}").json()["id"] == second["id"]
    assert carriers.ledger(reference=reference)["bought_twice"] == [reference]
    assert carriers.ask("POST", f"/shipments/{first['id']}/refund").status_code == 200
    assert carriers.ledger(reference=reference)["bought_twice"] == []


def test_a_label_is_a_pdf_that_anybody_with_its_name_may_fetch(carriers: Carriers) -> None:
    bought = carriers.bought()
    label = bought["postage_label"]
    assert (label["label_file_type"], label["label_pdf_url"]) == ("application/pdf", label["label_url"])
    answer = HTTP.get(label["label_url"])
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert HTTP.get(label["label_url"].replace(".pdf", "0.pdf")).status_code == 404
    same = carriers.control("GET", f"/parcels/{bought['tracking_code']}/label.pdf")
    assert same.content == answer.content


def test_a_label_can_be_a_picture_and_converted(carriers: Carriers) -> None:
    bought = carriers.bought(options={})
    label = bought["postage_label"]
    assert (label["label_file_type"], label["label_pdf_url"]) == ("image/png", None)
    assert HTTP.get(label["label_url"]).content.startswith(b"\x89PNG")
    converted = carriers.ask("GET", f"/shipments/{bought['id']}/label", file_format="PDF").json()
    assert HTTP.get(converted["postage_label"]["label_pdf_url"]).content.startswith(b"%PDF-")


def printable(**changes: Any) -> Shipment:
    facts: dict[str, Any] = {"carrier": "Courio", "service": "Express", "tracking_code": "CR00012345678901", "bought": 1.8e9}
    return Shipment("shp_1", None, wanted(to_address=LYON | {"name": '*#let x = [1]* $ "'}), [], [], **facts | changes)


async def test_a_label_is_printed_fast_and_the_same_each_time() -> None:
    printer = labels.Labels()
    await printer.label(printable(), "pdf")
    began = time.perf_counter()
    for number in range(20):
        shipment = printable(tracking_code=f"CR{number:014d}")
        shipment.id = f"shp_{number}"
        assert (await printer.label(shipment, "pdf")).startswith(b"%PDF-")
    assert (time.perf_counter() - began) / 20 < 0.1
    assert await printer.label(printable(), "pdf") == await labels.Labels().label(printable(), "pdf")


def test_bars_are_code_128() -> None:
    # Read back by an independent reader once; the widths of what it read are kept here.
    assert code128.widths("AB1") == "211214" + "111323" + "131123" + "123221" + "231131" + "2331112"
    assert code128.widths("PL12") == "211214" + "313121" + "132131" + "113141" + "112232" + "112412" + "2331112"
    for text in ("", "Ä", "\n"):
        with pytest.raises(ValueError, match="ASCII"):
            code128.widths(text)


def test_a_label_is_taken_back_once_and_its_price_comes_later(carriers: Carriers) -> None:
    bought = carriers.bought(reference := new_reference())
    place = f"/shipments/{bought['id']}/refund"
    assert carriers.ask("POST", place).json()["refund_status"] == "submitted"
    again = carriers.ask("POST", place)
    assert (again.status_code, again.json()["error"]["code"]) == (422, "SHIPMENT.REFUND.UNAVAILABLE")
    totals = carriers.ledger(reference=reference)["totals"]["EUR"]
    assert (totals["live"], totals["voided"], totals["spent"], totals["given_back"]) == (0, 1, 990, 990)
    unsold = carriers.create()
    assert carriers.ask("POST", f"/shipments/{unsold['id']}/refund").status_code == 422


def test_shipments_are_listed_newest_first_by_page(carriers: Carriers) -> None:
    made = [carriers.bought()["id"] for _ in range(3)]
    unsold = carriers.create()["id"]
    first = carriers.ask("GET", "/shipments", page_size="2", purchased="true").json()
    assert ([one["id"] for one in first["shipments"]], first["has_more"]) == (made[:0:-1], True)
    second = carriers.ask("GET", "/shipments", page_size="1", purchased="true", before_id=made[1]).json()
    assert [one["id"] for one in second["shipments"]] == [made[0]]
    assert carriers.ask("GET", "/shipments", page_size="1").json()["shipments"][0]["id"] == unsold
    future = carriers.ask("GET", "/shipments", start_datetime="2099-01-01T00:00:00Z").json()
    assert (future["shipments"], future["has_more"]) == ([], False)
    assert carriers.ask("GET", "/shipments", page_size="0").status_code == 422
    assert carriers.ask("GET", "/shipments", end_datetime="soon").status_code == 422


# ----------------------------------------------------------------------------------------------------------------- parcels


def statuses(parcel: dict[str, Any]) -> list[str]:
    return [event["status"] for event in parcel["events"]]


def test_a_parcel_walks_to_its_end_as_it_is_told(carriers: Carriers, receiver: Receiver) -> None:
    number = carriers.bought()["tracking_code"]
    assert carriers.control("POST", f"/parcels/{number}/hand-over").json()["status"] == "in_transit"
    assert statuses(carriers.control("POST", f"/parcels/{number}/hand-over").json()) == ["pre_transit", "in_transit"]
    for status in ("out_for_delivery", "delivered"):
        assert carriers.control("POST", f"/parcels/{number}/advance").json()["status"] == status
    stands = carriers.control("POST", f"/parcels/{number}/advance")
    assert (stands.status_code, stands.headers["content-type"]) == (409, "application/problem+json")
    event = receiver.genuine(number, "delivered")
    assert (event["description"], event["previous_attributes"]) == ("tracker.updated", {"status": "out_for_delivery"})
    details = event["result"]["tracking_details"]
    assert [one["tracking_location"]["city"] for one in details] == [None, "Berlin", "Lyon", "Lyon"]
    moments = [one["datetime"] for one in details]
    assert moments == sorted(set(moments))
    (tracker,) = carriers.ask("GET", "/trackers", tracking_code=number, carrier="Postline").json()["trackers"]
    assert tracker["tracking_details"] == details
    assert carriers.ask("GET", f"/trackers/{tracker['id']}").json() == tracker
    assert carriers.ask("GET", "/trackers", tracking_code=number, carrier="Courio").json()["trackers"] == []


def test_what_happens_can_be_told_with_place_and_time(carriers: Carriers) -> None:
    number = carriers.bought()["tracking_code"]
    told = {"status": "in_transit", "occurred_at": "2026-03-02T09:30:00+01:00", "city": "Köln", "region": None, "country": "DE"}
    carriers.control("POST", f"/parcels/{number}/advance", {"status": "delivered", "city": None}).raise_for_status()
    parcel = carriers.control("POST", f"/parcels/{number}/advance", told).json()
    assert statuses(parcel) == ["in_transit", "pre_transit", "delivered"]
    assert (parcel["status"], parcel["events"][2]["city"]) == ("delivered", None)
    early = parcel["events"][0]
    assert (early["city"], early["region"], early["occurred_at"]) == ("Köln", None, "2026-03-02T08:30:00+00:00")


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("attempt_failed", "failure", "delivery_exception"),
        ("returned", "return_to_sender", "return"),
        ("expired", "failure", "expired"),
        ("available_for_pickup", "available_for_pickup", "arrived_at_pickup_location"),
    ],
)
def test_every_turn_of_a_way_has_a_name(carriers: Carriers, name: str, status: str, detail: str) -> None:
    number = carriers.bought()["tracking_code"]
    parcel = carriers.control("POST", f"/parcels/{number}/advance", {"status": name}).json()
    assert (parcel["status"], parcel["status_detail"]) == (status, detail)


@pytest.mark.parametrize(
    "told", [{"status": "lost in space"}, {"occurred_at": "soon"}, {"town": "Köln"}, {"country": "Germany"}]
)
def test_what_does_not_happen_to_parcels_is_refused(carriers: Carriers, told: dict[str, str]) -> None:
    number = carriers.bought()["tracking_code"]
    assert carriers.control("POST", f"/parcels/{number}/advance", told).status_code == 422
    assert statuses(carriers.control("GET", f"/parcels/{number}").json()) == ["pre_transit"]


def test_a_parcel_of_nobody_does_not_move(carriers: Carriers) -> None:
    for path in ("/parcels/PL1", "/parcels/PL1/label.pdf"):
        assert carriers.control("GET", path).status_code == 404
    for act in ("hand-over", "advance"):
        assert carriers.control("POST", f"/parcels/PL1/{act}").status_code == 404


def test_no_carrier_takes_a_parcel_whose_label_was_given_back(carriers: Carriers) -> None:
    bought = carriers.bought()
    carriers.ask("POST", f"/shipments/{bought['id']}/refund").raise_for_status()
    for act in ("hand-over", "advance"):
        assert carriers.control("POST", f"/parcels/{bought['tracking_code']}/{act}").status_code == 409


def test_no_label_is_taken_back_once_its_parcel_was_handed_over(carriers: Carriers) -> None:
    bought = carriers.bought(reference := new_reference())
    carriers.control("POST", f"/parcels/{bought['tracking_code']}/hand-over").raise_for_status()
    refused = carriers.ask("POST", f"/shipments/{bought['id']}/refund")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "SHIPMENT.REFUND.UNAVAILABLE")
    (item,) = carriers.ledger(reference=reference)["items"]
    assert (item["status"], item["tracking_status"]) == ("live", "in_transit")


def test_parcels_are_listed_and_found_by_reference(carriers: Carriers) -> None:
    bought = carriers.bought(reference := new_reference())
    (parcel,) = carriers.control("GET", "/parcels", reference=reference).json()["items"]
    assert parcel["tracking_number"] == bought["tracking_code"]
    assert carriers.control("GET", "/parcels", limit="1").json()["items"][0] == parcel
    assert carriers.control("GET", "/parcels", limit="none").status_code == 400


def awaited(probe: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not probe():
        assert time.monotonic() < deadline, f"not within 10 s: {what}"
        time.sleep(0.02)


def test_a_parcel_moves_by_itself_once_it_was_handed_over(tmp_path: Path, receiver: Receiver) -> None:
    ledger = tmp_path / "ledger.db"
    with launched(*arguments(ledger, receiver, "--pace", "0.2")) as simulator:
        carriers = Carriers(simulator)
        left, taken = carriers.bought()["tracking_code"], carriers.bought()["tracking_code"]
        carriers.control("POST", f"/parcels/{taken}/hand-over").raise_for_status()
        assert carriers.control("GET", f"/parcels/{taken}").json()["next_step_at"] is not None
        simulator.kill()  # on its way: it goes on when the carriers are back
    with launched(*arguments(ledger, receiver, "--pace", "0.2")) as simulator:
        carriers = Carriers(simulator)

        def arrived() -> bool:
            return bool(carriers.control("GET", f"/parcels/{taken}").json()["status"] == "delivered")

        awaited(arrived, "the parcel is delivered")
        parcel = carriers.control("GET", f"/parcels/{taken}").json()
        assert statuses(parcel) == ["pre_transit", "in_transit", "out_for_delivery", "delivered"]
        assert parcel["next_step_at"] is None
        assert statuses(carriers.control("GET", f"/parcels/{left}").json()) == ["pre_transit"]


# ----------------------------------------------------------------------------------------------------------------- notices


def test_a_purchase_is_told_with_a_signature_and_the_whole_tracker(carriers: Carriers, receiver: Receiver) -> None:
    number = carriers.bought()["tracking_code"]
    event = receiver.genuine(number, "pre_transit")
    assert (event["object"], event["description"], event["result"]["object"]) == ("Event", "tracker.created", "Tracker")


def test_a_notice_that_is_not_taken_comes_again(carriers: Carriers, receiver: Receiver) -> None:
    number = carriers.bought()["tracking_code"]
    receiver.genuine(number, "pre_transit")
    receiver.failures = 1
    carriers.control("POST", f"/parcels/{number}/hand-over")
    first = receiver.genuine(number, "in_transit")
    assert receiver.genuine(number, "in_transit")["id"] == first["id"]


def test_notices_can_come_twice(carriers: Carriers, receiver: Receiver) -> None:
    carriers.mode(webhooks="duplicate")
    number = carriers.bought()["tracking_code"]
    assert receiver.genuine(number, "pre_transit")["id"] == receiver.genuine(number, "pre_transit")["id"]


def test_notices_can_come_late(carriers: Carriers, receiver: Receiver) -> None:
    carriers.mode(webhooks="late", webhook_delay_seconds=0.5)
    began = time.monotonic()
    receiver.genuine(carriers.bought()["tracking_code"], "pre_transit")
    assert time.monotonic() - began >= 0.5


def test_notices_can_come_the_youngest_first(carriers: Carriers, receiver: Receiver) -> None:
    number = carriers.bought()["tracking_code"]
    receiver.genuine(number, "pre_transit")
    carriers.mode(webhooks="out_of_order", webhook_delay_seconds=0.3)
    for _ in range(3):
        carriers.control("POST", f"/parcels/{number}/advance").raise_for_status()
    told = [json.loads(receiver.next()[0])["result"]["status"] for _ in range(3)]
    assert told == ["delivered", "out_for_delivery", "in_transit"]


@pytest.mark.parametrize("kind", ["forged", "stale"])
def test_bad_notices_can_come_before_the_good_one(carriers: Carriers, receiver: Receiver, kind: str) -> None:
    carriers.mode(webhooks=kind)
    number = carriers.bought()["tracking_code"]
    bad, headers = receiver.next()
    assert not valid(bad, headers)
    assert json.loads(bad)["result"]["status"] == ("delivered" if kind == "forged" else "pre_transit")
    assert receiver.genuine(number, "pre_transit")["result"]["tracking_code"] == number
    assert receiver.none()


def test_notices_can_stay_away(carriers: Carriers, receiver: Receiver) -> None:
    carriers.mode(webhooks="off")
    carriers.bought()
    assert receiver.none()


# ------------------------------------------------------------------------------------------------------------------ faults


@pytest.mark.parametrize(("mode", "status", "retry"), [("error_5xx", 500, None), ("rate_limited", 429, "1")])
def test_requests_can_fail_without_a_trace(carriers: Carriers, mode: str, status: int, retry: str | None) -> None:
    shipment = carriers.create(reference := new_reference())
    carriers.mode(mode=mode, remaining=2)
    for answer in (carriers.buy(shipment), carriers.ask("GET", f"/shipments/{reference}")):
        assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry)
    assert carriers.ledger(reference=reference)["items"] == []
    assert carriers.buy(shipment).status_code == 200


def test_a_carrier_can_refuse_to_sell_and_to_take_back(carriers: Carriers) -> None:
    shipment = carriers.create(reference := new_reference())
    carriers.mode(mode="refuse")
    refused = carriers.buy(shipment)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "SHIPMENT.POSTAGE.FAILURE")
    carriers.mode(mode="refuse", operations=["refund"])
    assert carriers.buy(shipment).status_code == 200
    assert carriers.ask("POST", f"/shipments/{shipment['id']}/refund").json()["error"]["code"] == "SHIPMENT.REFUND.FAILURE"
    assert carriers.ledger(reference=reference)["totals"]["EUR"]["live"] == 1


def test_a_timeout_after_the_label_was_sold_is_told_by_asking(carriers: Carriers) -> None:
    shipment = carriers.create(reference := new_reference())
    carriers.mode(mode="timeout_bought")
    with pytest.raises(httpx2.ReadTimeout):
        carriers.buy(shipment, timeout=0.3)
    assert carriers.ask("GET", f"/shipments/{reference}").json()["tracking_code"] is not None
    assert carriers.buy(shipment).json()["error"]["code"] == "SHIPMENT.POSTAGE.EXISTS"
    assert carriers.ledger(reference=reference)["totals"]["EUR"]["labels"] == 1


def test_a_timeout_before_anything_was_sold_is_told_by_asking(carriers: Carriers) -> None:
    reference = new_reference()
    carriers.mode(mode="timeout_failed")
    with pytest.raises(httpx2.ReadTimeout):
        carriers.ask("POST", "/shipments", {"shipment": wanted(reference)}, timeout=0.3)
    assert carriers.ask("GET", f"/shipments/{reference}").status_code == 404
    shipment = carriers.create(reference)
    with pytest.raises(httpx2.ReadTimeout):
        carriers.buy(shipment, timeout=0.3)
    assert carriers.ask("GET", f"/shipments/{reference}").json()["tracking_code"] is None
    assert carriers.buy(shipment).status_code == 200


def test_a_mode_that_is_none_is_refused(carriers: Carriers) -> None:
    assert carriers.control("PUT", "/mode", {"mode": "asleep"}).status_code == 422
    assert carriers.control("GET", "/mode").json()["mode"] == "ok"


# ------------------------------------------------------------------------------------------------------------------- books


def test_the_ledger_comes_by_page_and_holds_no_address(carriers: Carriers) -> None:
    bought = carriers.bought()
    page = carriers.ledger(limit="1")
    assert (len(page["items"]), page["next_cursor"] is None) == (1, False)
    assert page["requests"]["buy"] > 0
    (item,) = carriers.ledger(tracking_number=bought["tracking_code"])["items"]
    assert item["shipment"] == bought["id"]
    assert not {"Zoë", "Lyon", "Rue"} & set(json.dumps(carriers.ledger(), ensure_ascii=False).replace('"', " ").split())
    assert carriers.control("GET", "/ledger", cursor="x").status_code == 400


def test_a_label_survives_the_death_of_the_process(tmp_path: Path, receiver: Receiver) -> None:
    ledger = tmp_path / "ledger.db"
    with launched(*arguments(ledger, receiver)) as simulator:
        bought = Carriers(simulator).bought("kept")
        simulator.kill()
    with launched(*arguments(ledger, receiver)) as simulator:
        carriers = Carriers(simulator)
        assert carriers.ask("GET", "/shipments/kept").json()["tracking_code"] == bought["tracking_code"]
        assert carriers.ledger()["totals"]["EUR"]["live"] == 1


def test_the_books_themselves_refuse_what_cannot_be(tmp_path: Path) -> None:
    books = Ledger(tmp_path / "ledger.db")
    unsold = Shipment("shp_1", None, {}, [], [])
    books.insert(unsold)
    unsold.voided = 1.0
    with pytest.raises(sqlite3.IntegrityError):
        books.update(unsold)
    books.close()


def test_a_taken_port_is_said_in_one_line(carriers: Carriers, tmp_path: Path) -> None:
    port = carriers.url.rpartition(":")[2]
    with (
        pytest.raises(RuntimeError, match="ended before it answered"),
        launched("carrier", "--port", port, "--ledger", str(tmp_path / "l.db")),
    ):
        pass
