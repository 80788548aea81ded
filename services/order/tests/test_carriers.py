"""What the port to carriers promises, checked on the stub and on the adapter against the simulator in its own process.

The adapter alone is checked on recorded examples of EasyPost's documents.
"""

import asyncio
import contextlib
import copy
import hashlib
import hmac
import json
import logging
import random
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import UUID

import httpx2
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr, ValidationError

from chassis.domain import new_id
from chassis.testing import SettableClock
from contracts.order import TrackingStatus
from contracts.types import Address, Money
from order.gateway import (
    Absent,
    Bought,
    CarrierAccountError,
    CarrierGateway,
    CarrierWebhooks,
    InvalidWebhookError,
    Objection,
    Offered,
    Parcel,
    Place,
    PurchaseAnswer,
    Rate,
    Refused,
    StubCarriers,
    Tracked,
    TrackingUpdate,
    Unknown,
    Voided,
    Wish,
    carrier_webhooks,
    carriers,
    label_key,
)
from order.gateway.easypost import EasyPostCarriers
from order.gateway.easypost_documents import money, shipment_wanted, status_of, updates_of
from order.gateway.easypost_notices import PATH, EasyPostNotices
from order.settings import Settings
from order.store.carrying import LEASE

TIMEOUT_SECONDS = 0.4
KEY, SECRET = "EZTK_of_the_test", "whsec_of_the_test"
RECORDED = Path(__file__).parent / "recorded" / "easypost"
WAREHOUSE = Address(name="Warehouse Berlin", line1="Lagerstraße 7", city="Berlin", postal_code="10117", country="DE")
CUSTOMER = Address(
    name="Marthe Exemple", line1="5 rue de l'Exemple", line2="Bâtiment C", city="Lyon", postal_code="69001", country="FR"
)
PARCEL = Parcel("shipment-7", WAREHOUSE, CUSTOMER, 1_500)
HEAVY = replace(PARCEL, weight_grams=32_000)
ANY = Wish()
PERSONAL = ("Marthe", "Exemple", "Bâtiment", "MARTHE", "EXEMPLE")

Fault = Literal["timeout_done", "timeout_lost", "error"]
MODES = {"timeout_done": "timeout_bought", "timeout_lost": "timeout_failed", "error": "error_5xx"}
FAILURES: list[tuple[Fault, str]] = [
    ("timeout_done", "create"),
    ("timeout_lost", "create"),
    ("error", "create"),
    ("timeout_done", "buy"),
    ("timeout_lost", "buy"),
    ("error", "buy"),
    ("error", "read"),
    ("timeout_done", "read"),
]


def new_key() -> str:
    return label_key(new_id())


# ------------------------------------------------------------------------------------- the contract: on stub and simulator


@dataclass(frozen=True)
class Books:
    """How many labels a provider has written down under a key."""

    live: int = 0
    voided: int = 0


class Provider(Protocol):
    """Carriers under test, with their books and ways to make them fail and to move a parcel."""

    carriers: CarrierGateway

    async def books(self, key: str) -> Books:
        """Read what is written down under a key."""
        ...

    async def fail(self, fault: Fault, operation: str) -> None:
        """Have the next call of an operation fail."""
        ...

    async def hand_over(self, tracking_number: str) -> None:
        """Give a parcel to its carrier."""
        ...


class StubProvider:
    def __init__(self) -> None:
        self.stub = StubCarriers()
        self.carriers: CarrierGateway = self.stub

    async def books(self, key: str) -> Books:
        label = self.stub.books.get(key)
        return Books() if label is None else Books(live=not label.voided, voided=label.voided)

    async def fail(self, fault: Fault, operation: str) -> None:  # noqa: ARG002 - the stub has one call for each operation
        self.stub.misbehave(fault)

    async def hand_over(self, tracking_number: str) -> None:
        self.stub.advance(tracking_number, TrackingStatus.IN_TRANSIT)


class SimulatorProvider:
    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        self.easypost = EasyPostCarriers(KEY, url, timeout_seconds=TIMEOUT_SECONDS)
        self.carriers: CarrierGateway = self.easypost
        self._url = f"{url}/sim/carrier"
        self._client = client

    async def books(self, key: str) -> Books:
        answer = await self._client.get(f"{self._url}/ledger", params={"reference": key})
        statuses = [item["status"] for item in answer.raise_for_status().json()["items"]]
        return Books(statuses.count("live"), statuses.count("voided"))

    async def fail(self, fault: Fault, operation: str) -> None:
        await self.mode(mode=MODES[fault], remaining=1, operations=[operation])

    async def hand_over(self, tracking_number: str) -> None:
        await self.move(tracking_number, "hand-over")

    async def mode(self, **setting: Any) -> None:
        (await self._client.put(f"{self._url}/mode", json=setting)).raise_for_status()

    async def move(self, tracking_number: str, act: str, told: Mapping[str, Any] | None = None) -> None:
        answer = await self._client.post(f"{self._url}/parcels/{tracking_number}/{act}", json=told)
        assert answer.status_code == 200, answer.text


@dataclass(frozen=True)
class Notice:
    body: bytes
    headers: dict[str, str]

    @property
    def status(self) -> str:
        return str(json.loads(self.body)["result"]["status"])


class Ear:
    """Takes in the simulator's webhooks and answers as the order service would."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Notice] = asyncio.Queue()
        self.webhooks = CarrierWebhooks(EasyPostNotices(SECRET))
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.splitlines()[1:])}
            notice = Notice(await reader.readexactly(int(headers["content-length"])), headers)
            try:
                self.webhooks.read(notice.body, notice.headers)
                status = "200 OK"
            except InvalidWebhookError:
                status = "400 Bad Request"
            self.heard.put_nowait(notice)
            writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        writer.close()

    async def about(self, tracking_number: str, count: int) -> list[Notice]:
        """Wait for so many notices about a parcel."""
        found: list[Notice] = []
        while len(found) < count:
            notice = await asyncio.wait_for(self.heard.get(), 10)
            if json.loads(notice.body)["result"]["tracking_code"] == tracking_number:
                found.append(notice)
        return found


@pytest.fixture(scope="module")
async def ear() -> AsyncIterator[Ear]:
    ear = Ear()
    server = await asyncio.start_server(ear.answer, "127.0.0.1", 0)
    ear.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PATH}"
    yield ear
    server.close()


@pytest.fixture(scope="module")
async def simulator(tmp_path_factory: pytest.TempPathFactory, ear: Ear) -> AsyncIterator[str]:
    """Start the carriers' simulator; gives its address."""
    ledger: Path = tmp_path_factory.mktemp("carrier") / "ledger.sqlite"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "waybill.simulators", "carrier", "--port", "0", "--ledger", str(ledger), "--api-key", KEY,
        "--webhook-url", ear.url, "--webhook-secret", SECRET,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        ready = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert ready.startswith("ready carrier http="), f"the simulator said {ready!r}"
        yield ready.partition("http=")[2].strip()
    finally:
        process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def adapter(simulator: str) -> AsyncIterator[SimulatorProvider]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        provider = SimulatorProvider(simulator, client)
        yield provider
        await provider.mode(mode="ok")
        await provider.easypost.close()


@pytest.fixture
async def simulated(simulator: str) -> AsyncIterator[SimulatorProvider]:
    async with adapter(simulator) as provider:
        yield provider


@pytest.fixture(params=["stub", "easypost"])
async def provider(request: pytest.FixtureRequest, simulator: str) -> AsyncIterator[Provider]:
    """Give each of the providers that must keep the port's promises."""
    if request.param == "stub":
        yield StubProvider()
        return
    async with adapter(simulator) as simulated:
        yield simulated


def bought(answer: object) -> Bought:
    assert isinstance(answer, Bought), answer
    return answer


async def settled(provider: Provider, key: str, parcel: Parcel = PARCEL, wish: Wish = ANY) -> PurchaseAnswer:
    """Ask again as long as nobody knows, as the due row does."""
    for _ in range(10):
        answer = await provider.carriers.buy(parcel, wish, key)
        if not isinstance(answer, Unknown):
            return answer
    pytest.fail("asked ten times and still nobody knows")


async def test_rates_are_offered_the_cheapest_first_and_buy_nothing(provider: Provider) -> None:
    offered = await provider.carriers.rates(PARCEL)
    assert isinstance(offered, Offered)
    assert len({rate.carrier for rate in offered.rates}) == 2
    assert offered.objections == ()
    costs = [rate.cost.amount for rate in offered.rates]
    assert costs == sorted(costs)
    assert all(rate.cost.currency == "EUR" and rate.cost.amount > 0 and rate.delivery_days for rate in offered.rates)


async def test_carrier_that_does_not_take_a_parcel_objects_and_the_others_offer(provider: Provider) -> None:
    offered = await provider.carriers.rates(HEAVY)
    assert isinstance(offered, Offered)
    (objection,) = offered.objections
    assert {rate.carrier for rate in offered.rates} == {"Postline"}
    assert objection.carrier == "Courio"
    assert await provider.carriers.buy(HEAVY, Wish("Courio"), key := new_key()) == Refused(
        "no_rate", objected(objection, provider)
    )
    assert await provider.books(key) == Books()


def objected(objection: Objection, provider: Provider) -> str:
    """Say what a refusal says of an objection: the stub has no words for it."""
    return "" if isinstance(provider, StubProvider) else f"{objection.carrier}: {objection.message}"


async def test_label_is_what_was_wished_and_the_cheapest_of_that(provider: Provider) -> None:
    offered = await provider.carriers.rates(PARCEL)
    assert isinstance(offered, Offered)
    cheapest, dearest = offered.rates[0], offered.rates[-1]
    of_courio = next(rate for rate in offered.rates if rate.carrier == "Courio")
    for wish, rate in (
        (ANY, cheapest),
        (Wish("Courio"), of_courio),
        (Wish(dearest.carrier, dearest.service), dearest),
        (Wish(service=dearest.service), dearest),
    ):
        label = bought(await provider.carriers.buy(PARCEL, wish, new_key()))
        assert Rate(label.carrier, label.service, label.cost, rate.delivery_days) == rate
        assert label.label.startswith(b"%PDF-")
        assert label.expected_delivery is not None
        assert label.expected_delivery > datetime.now(UTC).date()


async def test_nobody_sells_what_nobody_offers(provider: Provider) -> None:
    for wish in (Wish("Pigeon"), Wish("Postline", "Overnight"), Wish(service="Overnight")):
        answer = await provider.carriers.buy(PARCEL, wish, key := new_key())
        assert isinstance(answer, Refused)
        assert answer.code == "no_rate"
        assert await provider.carriers.find(key) == Absent()
        assert await provider.books(key) == Books()


async def test_buying_again_answers_the_same_label(provider: Provider) -> None:
    key = new_key()
    first = bought(await provider.carriers.buy(PARCEL, ANY, key))
    for wish in (ANY, Wish("Courio"), Wish("Pigeon")):
        assert await provider.carriers.buy(PARCEL, wish, key) == first
    assert await provider.carriers.find(key) == first
    assert await provider.books(key) == Books(live=1)


async def test_another_key_is_another_label(provider: Provider) -> None:
    labels = [bought(await provider.carriers.buy(PARCEL, ANY, label_key(new_id()))) for _ in range(2)]
    assert len({label.tracking_number for label in labels}) == len({label.reference for label in labels}) == 2


async def test_buyers_at_the_same_time_get_one_label(provider: Provider) -> None:
    key = new_key()
    answers = await asyncio.gather(*(provider.carriers.buy(PARCEL, ANY, key) for _ in range(5)))
    labels = [answer for answer in answers if not isinstance(answer, Unknown)]
    assert labels
    assert {bought(label).tracking_number for label in labels} == {bought(await settled(provider, key)).tracking_number}
    assert await provider.books(key) == Books(live=1)


@pytest.mark.parametrize(("fault", "operation"), FAILURES)
async def test_unanswered_purchase_is_unknown_and_bought_once(provider: Provider, fault: Fault, operation: str) -> None:
    key = new_key()
    await provider.fail(fault, operation)
    assert isinstance(await provider.carriers.buy(PARCEL, ANY, key), Unknown)
    label = bought(await settled(provider, key))
    assert await provider.carriers.find(key) == label
    assert await provider.books(key) == Books(live=1)


@pytest.mark.parametrize("seed", range(8))
async def test_label_is_bought_once_whatever_fails_one_after_the_other(provider: Provider, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same failures each time
    key = new_key()
    for fault, operation in chance.sample(FAILURES, 3):
        await provider.fail(fault, operation)
        buying = chance.random() < 0.7
        answer = await (provider.carriers.buy(PARCEL, ANY, key) if buying else provider.carriers.find(key))
        assert not isinstance(answer, Refused | Voided)
    label = bought(await settled(provider, key))
    assert bought(await settled(provider, key)) == label
    assert await provider.books(key) == Books(live=1)


async def test_what_was_never_bought_is_absent(provider: Provider) -> None:
    assert await provider.carriers.find(new_key()) == Absent()


async def test_question_that_is_not_answered_is_unknown(provider: Provider) -> None:
    key = new_key()
    label = bought(await provider.carriers.buy(PARCEL, ANY, key))
    await provider.fail("error", "read")
    assert isinstance(await provider.carriers.find(key), Unknown)
    await provider.fail("error", "read")
    assert isinstance(await provider.carriers.track(label.carrier, label.tracking_number), Unknown)
    await provider.fail("error", "create")
    assert isinstance(await provider.carriers.rates(PARCEL), Unknown)


async def test_label_is_voided_once_and_its_key_buys_no_other(provider: Provider) -> None:
    key = label_key(new_id())
    label = bought(await provider.carriers.buy(PARCEL, ANY, key))
    for _ in range(2):
        answer = await provider.carriers.void(label.reference)
        assert isinstance(answer, Voided)
        assert answer.reference == label.reference
    assert isinstance(await provider.carriers.find(key), Voided)
    assert await provider.carriers.buy(PARCEL, ANY, key) == Refused("voided")
    assert await provider.books(key) == Books(voided=1)
    assert bought(await provider.carriers.buy(PARCEL, ANY, label_key(new_id()))).tracking_number != label.tracking_number


@pytest.mark.parametrize("fault", ["timeout_done", "timeout_lost", "error"])
async def test_unanswered_void_is_done_when_asked_again(provider: Provider, fault: Fault) -> None:
    label = bought(await provider.carriers.buy(PARCEL, ANY, key := new_key()))
    await provider.fail(fault, "refund")
    assert isinstance(await provider.carriers.void(label.reference), Unknown)
    assert isinstance(await provider.carriers.void(label.reference), Voided)
    assert await provider.books(key) == Books(voided=1)


async def test_label_of_a_parcel_on_its_way_is_not_voided(provider: Provider) -> None:
    label = bought(await provider.carriers.buy(PARCEL, ANY, key := new_key()))
    await provider.hand_over(label.tracking_number)
    answer = await provider.carriers.void(label.reference)
    assert isinstance(answer, Refused)
    assert answer.code == "SHIPMENT.REFUND.UNAVAILABLE"
    assert await provider.books(key) == Books(live=1)


async def test_label_of_nobody_is_not_voided(provider: Provider) -> None:
    answer = await provider.carriers.void("shp_of_nobody")
    assert isinstance(answer, Refused)
    assert answer.code == "NOT_FOUND"


async def test_parcel_is_tracked_from_its_label_on(provider: Provider) -> None:
    label = bought(await provider.carriers.buy(PARCEL, ANY, new_key()))
    tracked = await provider.carriers.track(label.carrier, label.tracking_number)
    assert isinstance(tracked, Tracked)
    assert [update.status for update in tracked.updates] == [TrackingStatus.PRE_TRANSIT]
    assert tracked.expected_delivery == label.expected_delivery
    await provider.hand_over(label.tracking_number)
    tracked = await provider.carriers.track(label.carrier, label.tracking_number)
    assert isinstance(tracked, Tracked)
    assert [update.status for update in tracked.updates] == [TrackingStatus.PRE_TRANSIT, TrackingStatus.IN_TRANSIT]
    assert len({update.fingerprint for update in tracked.updates}) == 2
    for update in tracked.updates:
        assert (update.carrier, update.tracking_number) == (label.carrier, label.tracking_number)
        assert update.occurred_at.tzinfo is not None


async def test_parcel_of_nobody_is_absent(provider: Provider) -> None:
    label = bought(await provider.carriers.buy(PARCEL, ANY, new_key()))
    assert await provider.carriers.track(label.carrier, "XX1") == Absent()
    assert await provider.carriers.track("Pigeon", label.tracking_number) == Absent()


async def test_no_answer_shows_who_gets_a_parcel(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answers = [
            PARCEL,
            await provider.carriers.rates(PARCEL),
            label := bought(await provider.carriers.buy(PARCEL, ANY, new_key())),
            await provider.carriers.track(label.carrier, label.tracking_number),
            await provider.carriers.void(label.reference),
        ]
    assert not [word for word in PERSONAL if word in repr(answers) + caplog.text]


def test_keys_follow_from_the_label_alone() -> None:
    assert label_key(UUID(int=7)) == "waybill-label-00000000-0000-0000-0000-000000000007"


def test_the_lease_of_a_label_is_longer_than_any_purchase_may_take() -> None:
    longest = next(one.le for one in Settings.model_fields["carrier_timeout_seconds"].metadata if hasattr(one, "le"))
    assert timedelta(seconds=3 * longest) < LEASE


# ----------------------------------------------------------------------------------- the adapter against the simulator only


async def test_refused_purchase_is_refused_with_the_carriers_code(simulated: SimulatorProvider) -> None:
    await simulated.mode(mode="refuse")
    answer = await simulated.carriers.buy(PARCEL, ANY, key := new_key())
    assert isinstance(answer, Refused)
    assert answer.code == "SHIPMENT.POSTAGE.FAILURE"
    assert await simulated.carriers.find(key) == Absent()


async def test_too_many_requests_tell_when_to_come_back(simulated: SimulatorProvider) -> None:
    await simulated.mode(mode="rate_limited")
    assert await simulated.carriers.buy(PARCEL, ANY, new_key()) == Unknown("RATE_LIMITED", 1.0)


async def test_whole_purchase_takes_three_timeouts_at_the_most() -> None:
    async def never(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    easypost = EasyPostCarriers(KEY, "http://nowhere.test", timeout_seconds=0.1, transport=httpx2.MockTransport(never))
    began = asyncio.get_running_loop().time()
    for ask in (lambda: easypost.buy(PARCEL, ANY, "key"), lambda: easypost.find("key")):
        assert await ask() == Unknown("timeout")
    assert asyncio.get_running_loop().time() - began < 2 * 0.3 + 0.5
    await easypost.close()


async def test_wrong_key_is_an_operators_business(simulator: str) -> None:
    easypost = EasyPostCarriers("EZTK_of_somebody", simulator, timeout_seconds=TIMEOUT_SECONDS)
    with pytest.raises(CarrierAccountError, match=r"APIKEY\.INACTIVE"):
        await easypost.buy(PARCEL, ANY, new_key())
    await easypost.close()


async def test_nobody_listening_is_unknown() -> None:
    easypost = EasyPostCarriers(KEY, "http://127.0.0.1:9", timeout_seconds=TIMEOUT_SECONDS)
    away = Unknown("ConnectError")
    assert await easypost.rates(PARCEL) == away
    assert await easypost.buy(PARCEL, ANY, new_key()) == away
    assert await easypost.find(new_key()) == away
    assert await easypost.void("shp_1") == away
    assert await easypost.track("Postline", "PL1") == away
    await easypost.close()


async def test_notices_tell_what_asking_tells(simulated: SimulatorProvider, ear: Ear) -> None:
    label = bought(await simulated.carriers.buy(PARCEL, ANY, new_key()))
    for act, told in (
        ("hand-over", None),
        ("advance", {"status": "attempt_failed", "city": None}),
        ("advance", {"status": "available_for_pickup"}),
        ("advance", None),
    ):
        await simulated.move(label.tracking_number, act, told)
    notices = await ear.about(label.tracking_number, 5)
    last = max((ear.webhooks.read(notice.body, notice.headers) for notice in notices), key=len)
    asked = await simulated.carriers.track(label.carrier, label.tracking_number)
    assert isinstance(asked, Tracked)
    assert last == asked.updates
    assert [(update.status, update.place.city) for update in last] == [
        (TrackingStatus.PRE_TRANSIT, None),
        (TrackingStatus.IN_TRANSIT, "Berlin"),
        (TrackingStatus.ATTEMPT_FAILED, None),
        (TrackingStatus.AVAILABLE_FOR_PICKUP, "Lyon"),
        (TrackingStatus.DELIVERED, "Lyon"),
    ]


@pytest.mark.parametrize("name", [status.value for status in TrackingStatus])
async def test_every_status_comes_through(simulated: SimulatorProvider, name: str) -> None:
    label = bought(await simulated.carriers.buy(PARCEL, ANY, new_key()))
    await simulated.move(label.tracking_number, "advance", {"status": name})
    tracked = await simulated.carriers.track(label.carrier, label.tracking_number)
    assert isinstance(tracked, Tracked)
    assert tracked.updates[-1].status == name


@pytest.mark.parametrize("kind", ["forged", "stale"])
async def test_bad_notice_is_refused_and_the_good_one_heard(simulated: SimulatorProvider, ear: Ear, kind: str) -> None:
    await simulated.mode(webhooks=kind)
    label = bought(await simulated.carriers.buy(PARCEL, ANY, new_key()))
    bad, good = await ear.about(label.tracking_number, 2)
    with pytest.raises(InvalidWebhookError):
        ear.webhooks.read(bad.body, bad.headers)
    (update,) = ear.webhooks.read(good.body, good.headers)
    assert update.status is TrackingStatus.PRE_TRANSIT


async def test_notice_that_comes_twice_tells_the_same(simulated: SimulatorProvider, ear: Ear) -> None:
    await simulated.mode(webhooks="duplicate")
    label = bought(await simulated.carriers.buy(PARCEL, ANY, new_key()))
    first, second = [ear.webhooks.read(one.body, one.headers) for one in await ear.about(label.tracking_number, 2)]
    assert [one.fingerprint for one in first] == [one.fingerprint for one in second]


async def test_notices_that_come_the_youngest_first_tell_all(simulated: SimulatorProvider, ear: Ear) -> None:
    label = bought(await simulated.carriers.buy(PARCEL, ANY, new_key()))
    await ear.about(label.tracking_number, 1)
    await simulated.mode(webhooks="out_of_order", webhook_delay_seconds=0.2)
    for _ in range(3):
        await simulated.move(label.tracking_number, "advance")
    notices = await ear.about(label.tracking_number, 3)
    assert [notice.status for notice in notices] == ["delivered", "out_for_delivery", "in_transit"]
    told = [{update.fingerprint for update in ear.webhooks.read(one.body, one.headers)} for one in notices]
    assert told[0] > told[1] > told[2]


# ------------------------------------------------------------------------------------------ the adapter on recorded examples

SHIPMENT = "shp_7f1c2ab94d0e4c6f8a3b5d6e7f809142"
RECORDED_KEY = "waybill-label-0195b2c4-7a10-7c3e-9f00-5b1d2e3f4a5b-1"
LABEL_URL = "https://files.example/postage_label/20260302/e8b1.pdf"
PDF = b"%PDF-1.7 a label"
NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BASE = "/v2/shipments"


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


def error(name: str) -> httpx2.Response:
    told = recorded("errors")[name]
    return httpx2.Response(told["status"], json=told["body"], headers=told.get("headers"))


def ok(name: str, **changes: Any) -> httpx2.Response:
    return httpx2.Response(200, json=recorded(name) | changes)


def pdf(content: bytes = PDF) -> httpx2.Response:
    return httpx2.Response(200, content=content)


Exchange = tuple[str, httpx2.Response | Exception]


class Replay:
    """Answers what was recorded, in that order, and nothing else."""

    def __init__(self, *exchanges: Exchange) -> None:
        self.left = list(exchanges)
        self.requests: list[httpx2.Request] = []
        transport = httpx2.MockTransport(self._answer)
        self.easypost = EasyPostCarriers(
            KEY, "https://api.easypost.test/", timeout_seconds=5, clock=SettableClock(NOON), transport=transport
        )

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        asked = f"{request.method} {request.url.path}"
        assert self.left, f"{asked}: nothing more was expected"
        expected, answer = self.left.pop(0)
        assert asked == expected
        if isinstance(answer, Exception):
            raise answer
        return answer

    def body(self, number: int) -> Any:
        return json.loads(self.requests[number].content)


LOOK: Exchange = (f"GET {BASE}/{RECORDED_KEY}", error("not_found"))
CREATE: Exchange = (f"POST {BASE}", ok("shipment_created"))
BUY: Exchange = (f"POST {BASE}/{SHIPMENT}/buy", ok("shipment_bought"))
FETCH: Exchange = ("GET /postage_label/20260302/e8b1.pdf", pdf())
LABEL = Bought(SHIPMENT, "UPS", "Standard", "1Z0R1W000310000042", Money(amount=1192, currency="EUR"), PDF, date(2026, 3, 5))
UPS = Wish("UPS", "Standard")


async def test_purchase_makes_a_shipment_under_our_key_buys_the_wished_rate_and_fetches_the_label() -> None:
    replay = Replay(LOOK, CREATE, BUY, FETCH)
    assert await replay.easypost.buy(PARCEL, UPS, RECORDED_KEY) == LABEL
    assert replay.left == []
    shipment = replay.body(1)["shipment"]
    assert shipment["reference"] == RECORDED_KEY
    assert shipment["to_address"] == {
        "name": "Marthe Exemple",
        "street1": "5 rue de l'Exemple",
        "street2": "Bâtiment C",
        "city": "Lyon",
        "zip": "69001",
        "country": "FR",
    }
    assert shipment["parcel"] == {"weight": 53.0}
    assert (shipment["options"]["label_format"], shipment["options"]["print_custom_1"]) == ("PDF", "shipment-7")
    assert replay.body(2) == {"rate": {"id": "rate_0a0000000000000000000000000000a1"}}
    assert [request.headers.get("authorization", "")[:6] for request in replay.requests] == ["Basic "] * 3 + [""]


async def test_rates_of_several_carriers_are_read_and_the_one_that_offers_nothing_is_named() -> None:
    offered = await Replay(CREATE).easypost.rates(PARCEL)
    assert isinstance(offered, Offered)
    assert [(rate.carrier, rate.service, rate.cost.amount, rate.delivery_days) for rate in offered.rates] == [
        ("DHLExpress", "EconomySelect", 905, 4),
        ("UPS", "Standard", 1192, 3),
        ("UPS", "ExpressSaver", 3840, 1),
        ("DHLExpress", "ExpressWorldwide", 4110, None),
    ]
    assert [objection.carrier for objection in offered.objections] == ["FedEx"]


async def test_rating_makes_no_shipment_that_a_purchase_would_find() -> None:
    replay = Replay(CREATE)
    await replay.easypost.rates(PARCEL)
    assert "reference" not in replay.body(0)["shipment"]


async def test_no_rate_at_all_is_refused_with_what_the_carriers_say() -> None:
    refused = await Replay(LOOK, (f"POST {BASE}", ok("shipment_created", rates=[]))).easypost.buy(PARCEL, ANY, RECORDED_KEY)
    assert isinstance(refused, Refused)
    assert refused == Refused("no_rate", "FedEx: The origin postal code is not served for this account.")
    assert "postal" not in repr(refused)


@pytest.mark.parametrize(
    ("step", "answer", "expected"),
    [
        (0, error("internal"), Unknown("INTERNAL_SERVER_ERROR")),
        (0, error("rate_limited"), Unknown("RATE_LIMITED", 7.0)),
        (0, error("rate_limited_until"), Unknown("RATE_LIMITED", 30.0)),
        (0, error("unavailable"), Unknown("SERVICE_UNAVAILABLE")),
        (0, httpx2.ReadTimeout("late"), Unknown("ReadTimeout")),
        (1, httpx2.ConnectError("no way"), Unknown("ConnectError")),
        (1, httpx2.Response(502, html="<p>bad gateway</p>"), Unknown("http_502")),
        (1, httpx2.Response(200, text="[]"), Unknown("invalid_answer")),
        (1, httpx2.Response(302, headers={"Location": "https://elsewhere.test"}), Unknown("http_302")),
        (1, httpx2.Response(409, json={}), Unknown("http_409")),
        (
            1,
            error("invalid"),
            Refused("SHIPMENT.INVALID_PARAMS", "Unable to create shipment, one or more parameters were invalid."),
        ),
        (1, error("message_is_a_list"), Refused("SHIPMENT.INVALID_PARAMS", "")),
        (1, httpx2.Response(400, text="?"), Refused("http_400", "")),
        (2, httpx2.RemoteProtocolError("cut off"), Unknown("RemoteProtocolError")),
        (2, error("purchase_in_progress"), Unknown("SHIPMENT.PURCHASE.IN_PROGRESS")),
        (2, error("postage_timed_out"), Unknown("SHIPMENT.POSTAGE.TIMED_OUT")),
        (2, error("postage_no_response"), Unknown("SHIPMENT.POSTAGE.NO_RESPONSE")),
        (3, httpx2.ReadTimeout("late"), Unknown("ReadTimeout")),
        (3, httpx2.Response(403, text="<Error/>"), Unknown("label_http_403")),
        (3, pdf(b"<html>no label</html>"), Unknown("label_unreadable")),
    ],
)
async def test_purchase_that_does_not_come_about(step: int, answer: httpx2.Response | Exception, expected: object) -> None:
    steps = [LOOK, CREATE, BUY, FETCH][: step + 1]
    steps[step] = (steps[step][0], answer)
    assert await Replay(*steps).easypost.buy(PARCEL, UPS, RECORDED_KEY) == expected


async def test_refusal_that_quotes_the_address_shows_it_to_nobody_who_did_not_ask() -> None:
    replay = Replay(LOOK, CREATE, (BUY[0], error("postage_failure")))
    refused = await replay.easypost.buy(PARCEL, UPS, RECORDED_KEY)
    assert isinstance(refused, Refused)
    assert refused.code == "SHIPMENT.POSTAGE.FAILURE"
    assert "MARTHE" in refused.message
    assert "MARTHE" not in repr(refused)


@pytest.mark.parametrize(("name", "code"), [("api_key", "APIKEY.INACTIVE"), ("no_funds", "INSUFFICIENT_FUNDS")])
async def test_account_that_is_not_accepted_is_an_operators_business(name: str, code: str) -> None:
    with pytest.raises(CarrierAccountError) as raised:
        await Replay(LOOK, CREATE, (BUY[0], error(name))).easypost.buy(PARCEL, UPS, RECORDED_KEY)
    assert str(raised.value) == code


async def test_what_was_bought_is_answered_and_never_bought_again() -> None:
    found = (LOOK[0], ok("shipment_bought"))
    assert await Replay(found, FETCH).easypost.buy(PARCEL, UPS, RECORDED_KEY) == LABEL
    assert await Replay(found, FETCH).easypost.find(RECORDED_KEY) == LABEL


async def test_label_that_was_bought_in_the_very_moment_is_taken() -> None:
    again = (f"GET {BASE}/{SHIPMENT}", ok("shipment_bought"))
    replay = Replay(LOOK, CREATE, (BUY[0], error("postage_exists")), again, FETCH)
    assert await replay.easypost.buy(PARCEL, UPS, RECORDED_KEY) == LABEL


async def test_shipment_that_was_made_and_not_bought_is_bought_at_a_fresh_rate() -> None:
    replay = Replay(
        (LOOK[0], ok("shipment_created")),
        (f"GET {BASE}", ok("shipments_list")),
        (f"POST {BASE}/{SHIPMENT}/rerate", ok("shipment_rated_again")),
        BUY,
        FETCH,
    )
    assert await replay.easypost.buy(PARCEL, UPS, RECORDED_KEY) == LABEL
    assert dict(replay.requests[1].url.params) == {
        "purchased": "true",
        "page_size": "100",
        "start_datetime": "2026-03-02T08:00:04Z",
        "end_datetime": "2026-03-02T08:30:04Z",
    }
    assert replay.body(3) == {"rate": {"id": "rate_0a0000000000000000000000000000b1"}}


def two_pages() -> Sequence[Exchange]:
    """Make a list whose second page has a bought shipment of our key, made beside the one that the reference leads to."""
    other = recorded("shipments_list")["shipments"][0]
    sibling = recorded("shipment_bought")
    return [
        (f"GET {BASE}", httpx2.Response(200, json={"shipments": [other], "has_more": True})),
        (f"GET {BASE}", httpx2.Response(200, json={"shipments": [sibling], "has_more": False})),
    ]


async def test_shipment_that_came_into_being_late_beside_a_bought_one_is_not_bought() -> None:
    late = (LOOK[0], ok("shipment_created", id="shp_that_came_late"))
    replay = Replay(late, *two_pages(), FETCH)
    assert await replay.easypost.buy(PARCEL, UPS, RECORDED_KEY) == LABEL
    assert replay.requests[2].url.params["before_id"] == "shp_11111111111111111111111111111111"
    assert await Replay(late, *two_pages(), FETCH).easypost.find(RECORDED_KEY) == LABEL


async def test_list_that_cannot_be_read_leaves_it_unknown_whether_there_is_a_bought_one() -> None:
    late = (LOOK[0], ok("shipment_created"))
    for answer, expected in ((error("internal"), "INTERNAL_SERVER_ERROR"), (error("invalid"), "SHIPMENT.INVALID_PARAMS")):
        assert await Replay(late, (f"GET {BASE}", answer)).easypost.buy(PARCEL, UPS, RECORDED_KEY) == Unknown(expected)


async def test_label_that_is_a_picture_is_converted() -> None:
    replay = Replay(
        LOOK,
        CREATE,
        (BUY[0], ok("shipment_bought_as_picture")),
        (f"GET {BASE}/{SHIPMENT}/label", ok("shipment_label_converted")),
        FETCH,
    )
    assert await replay.easypost.buy(PARCEL, UPS, RECORDED_KEY) == LABEL
    assert dict(replay.requests[3].url.params) == {"file_format": "PDF"}


@pytest.mark.parametrize("url", [None, "file:///etc/passwd"])
async def test_label_that_is_nowhere_leaves_the_purchase_open(url: str | None) -> None:
    label = recorded("shipment_bought")["postage_label"] | {"label_url": url, "label_pdf_url": url}
    found = ok("shipment_bought", postage_label=label)
    conversion = [(f"GET {BASE}/{SHIPMENT}/label", ok("shipment_bought", postage_label=label))] if url is None else []
    replay = Replay(LOOK, CREATE, (BUY[0], found), *conversion)
    assert await replay.easypost.buy(PARCEL, UPS, RECORDED_KEY) == Unknown("label_missing")


@pytest.mark.parametrize(
    ("tracker", "delivery", "expected"),
    [
        ({"est_delivery_date": "2026-03-07T00:00:00Z"}, None, date(2026, 3, 7)),
        (None, "2026-03-06T12:00:00Z", date(2026, 3, 6)),
        ({"est_delivery_date": None}, None, date(2026, 3, 5)),
    ],
)
async def test_expected_delivery_comes_from_the_tracker_or_the_rate(
    tracker: dict[str, Any] | None, delivery: str | None, expected: date
) -> None:
    document = recorded("shipment_bought")
    document["tracker"] = tracker
    document["selected_rate"]["delivery_date"] = delivery
    answer = await Replay((LOOK[0], httpx2.Response(200, json=document)), FETCH).easypost.find(RECORDED_KEY)
    assert bought(answer).expected_delivery == expected


REFUND = f"POST {BASE}/{SHIPMENT}/refund"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("submitted", Voided(SHIPMENT, settled=False)),
        ("refunded", Voided(SHIPMENT, settled=True)),
        ("rejected", Refused("refund_rejected")),
        ("not_applicable", Refused("refund_not_applicable")),
        (None, Refused("refund_unavailable")),
    ],
)
async def test_refund_is_what_its_status_says(status: str | None, expected: object) -> None:
    answer = ok("shipment_refund_submitted", refund_status=status)
    assert await Replay((REFUND, answer)).easypost.void(SHIPMENT) == expected
    found = await Replay((LOOK[0], answer), FETCH).easypost.find(RECORDED_KEY)
    assert found == expected if isinstance(expected, Voided) else bought(found) == LABEL


async def test_refund_that_is_refused_is_done_where_the_shipment_says_so() -> None:
    refused = (REFUND, error("refund_unavailable"))
    read = f"GET {BASE}/{SHIPMENT}"
    assert await Replay(refused, (read, ok("shipment_refund_submitted"))).easypost.void(SHIPMENT) == Voided(
        SHIPMENT, settled=False
    )
    answer = await Replay(refused, (read, ok("shipment_bought"))).easypost.void(SHIPMENT)
    assert answer == Refused("SHIPMENT.REFUND.UNAVAILABLE", "This shipment can not be refunded.")
    assert await Replay(refused, (read, error("internal"))).easypost.void(SHIPMENT) == Unknown("INTERNAL_SERVER_ERROR")


EXPECTED_WAY = [
    (TrackingStatus.PRE_TRANSIT, "2026-03-02T08:16:00+00:00", Place(None, None, "DE")),
    (TrackingStatus.IN_TRANSIT, "2026-03-02T17:05:00+00:00", Place("BERLIN", None, "DE")),
    (TrackingStatus.IN_TRANSIT, "2026-03-03T02:40:00+00:00", Place()),
    (TrackingStatus.OUT_FOR_DELIVERY, "2026-03-04T06:31:00+00:00", Place("LYON", "ARA", "FR")),
    (TrackingStatus.ATTEMPT_FAILED, "2026-03-04T11:10:00+00:00", Place("LYON", "ARA", "FR")),
    (TrackingStatus.DELIVERED, "2026-03-05T09:02:00+00:00", Place("LYON", "ARA", "FR")),
]


def way(updates: Sequence[TrackingUpdate]) -> list[tuple[TrackingStatus, str, Place]]:
    return [(update.status, update.occurred_at.astimezone(UTC).isoformat(), update.place) for update in updates]


async def test_tracker_is_read_with_all_its_oddities() -> None:
    replay = Replay(("GET /v2/trackers", ok("trackers_list")))
    tracked = await replay.easypost.track("UPS", "1Z0R1W000310000042")
    assert isinstance(tracked, Tracked)
    assert way(tracked.updates) == EXPECTED_WAY
    assert tracked.expected_delivery == date(2026, 3, 5)
    assert tracked.updates[-1].description == "Delivered"
    assert "EXEMPLE" not in repr(tracked)
    assert dict(replay.requests[0].url.params) == {"tracking_code": "1Z0R1W000310000042", "carrier": "UPS"}


async def test_tracking_that_is_not_answered_well() -> None:
    for answer, expected in (
        (httpx2.Response(200, json={"trackers": [], "has_more": False}), Absent()),
        (error("not_found"), Absent()),
        (error("invalid"), Unknown("SHIPMENT.INVALID_PARAMS")),
        (error("rate_limited"), Unknown("RATE_LIMITED", 7.0)),
    ):
        assert await Replay(("GET /v2/trackers", answer)).easypost.track("UPS", "1Z") == expected


@pytest.mark.parametrize(
    ("status", "detail", "expected"),
    [
        ("unknown", "unknown", None),
        ("pre_transit", "label_created", TrackingStatus.PRE_TRANSIT),
        ("in_transit", "arrived_at_facility", TrackingStatus.IN_TRANSIT),
        ("in_transit", "delivery_exception", TrackingStatus.ATTEMPT_FAILED),
        ("in_transit", "weather_delay", TrackingStatus.IN_TRANSIT),
        ("out_for_delivery", "out_for_delivery", TrackingStatus.OUT_FOR_DELIVERY),
        ("available_for_pickup", "arrived_at_pickup_location", TrackingStatus.AVAILABLE_FOR_PICKUP),
        ("delivered", "arrived_at_destination", TrackingStatus.DELIVERED),
        ("delivered", "damaged", TrackingStatus.DELIVERED),
        ("return_to_sender", "return", TrackingStatus.RETURNED),
        ("in_transit", "return", TrackingStatus.RETURNED),
        ("failure", "delivery_exception", TrackingStatus.ATTEMPT_FAILED),
        ("failure", "lost", TrackingStatus.EXCEPTION),
        ("failure", "refused", TrackingStatus.EXCEPTION),
        ("failure", None, TrackingStatus.EXCEPTION),
        ("cancelled", "cancelled", TrackingStatus.EXCEPTION),
        ("error", "unknown", TrackingStatus.EXCEPTION),
        ("unknown", "expired", TrackingStatus.EXPIRED),
        ("swimming", "status_update", None),
        (None, None, None),
    ],
)
def test_easyposts_statuses_in_ours(status: str | None, detail: str | None, expected: TrackingStatus | None) -> None:
    assert status_of({"status": status, "status_detail": detail}) is expected


def test_every_status_of_ours_has_one_of_easyposts() -> None:
    found = {status_of({"status": status, "status_detail": detail}) for status in STATUS_NAMES for detail in DETAIL_NAMES}
    assert found == {None, *TrackingStatus}


STATUS_NAMES = (
    "unknown", "pre_transit", "in_transit", "out_for_delivery", "available_for_pickup", "delivered", "return_to_sender",
    "failure", "cancelled", "error",
)  # fmt: skip
DETAIL_NAMES = ("status_update", "delivery_exception", "return", "expired", "damaged", "lost", "refused")


def test_tracker_without_scans_tells_its_status() -> None:
    tracker = recorded("trackers_list")["trackers"][1]
    (update,) = updates_of(tracker)
    assert (update.status, update.occurred_at) == (TrackingStatus.RETURNED, datetime(2024, 1, 20, tzinfo=UTC))
    assert updates_of(tracker | {"status": "unknown"}) == ()
    assert updates_of(tracker | {"carrier": None}) == ()
    assert updates_of(tracker | {"updated_at": "recently"}) == ()


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("9.05", "EUR", 905),
        ("11.92000", "EUR", 1192),
        ("0.005", "EUR", 1),
        ("1200", "JPY", 1200),
        ("1.2345", "KWD", 1235),
        (7.5, "USD", 750),
    ],
)
def test_money_is_read_into_minor_units(amount: object, currency: str, minor: int) -> None:
    assert money(amount, currency) == Money(amount=minor, currency=currency)


@pytest.mark.parametrize(("amount", "currency"), [("free", "EUR"), (None, "EUR"), ("1", None), ("1", "euro"), ("NaN", "EUR")])
def test_what_is_no_money_is_no_rate(amount: object, currency: object) -> None:
    assert money(amount, currency) is None


@pytest.mark.parametrize(("grams", "ounces"), [(1, 0.1), (28, 1.0), (1_000, 35.3), (1_500, 53.0), (31_500, 1_111.2)])
def test_parcel_is_never_declared_lighter_than_it_is(grams: int, ounces: float) -> None:
    declared = shipment_wanted(replace(PARCEL, weight_grams=grams), None)["shipment"]["parcel"]["weight"]
    assert declared == ounces
    assert declared * 28.349523125 >= grams


# ----------------------------------------------------------------------------------------------------------------- webhooks


def signed(body: bytes, moment: datetime = NOON, *, secret: str = SECRET, path: str = PATH) -> dict[str, str]:
    stamp = format_datetime(moment)
    mac = hmac.new(secret.encode(), f"{stamp}POST{path}".encode() + body, hashlib.sha256).hexdigest()
    return {"x-timestamp": stamp, "x-path": path, "x-hmac-signature-v2": f"hmac-sha256-hex={mac}"}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
def webhooks(clock: SettableClock) -> CarrierWebhooks:
    return CarrierWebhooks(EasyPostNotices(SECRET, clock))


def counted(webhooks: CarrierWebhooks) -> dict[str, int]:
    registry = CollectorRegistry()
    for _ in range(2):
        webhooks.measure(registry)
    found = re.findall(r'carrier_webhooks_total\{result="(\w+)"\} (\d+)', generate_latest(registry).decode())
    return {result: int(count) for result, count in found}


def recorded_notice(name: str = "event_tracker_updated") -> bytes:
    return (RECORDED / f"{name}.json").read_bytes()


def test_event_about_a_tracker_tells_its_whole_way(webhooks: CarrierWebhooks) -> None:
    body = recorded_notice()
    assert way(webhooks.read(body, signed(body))) == EXPECTED_WAY
    assert counted(webhooks) == {"heard": 1, "ignored": 0, "refused": 0}


@pytest.mark.parametrize(
    "body", [recorded_notice("event_refund_successful"), b"{}", b"[1]", b"no json", b'{"description": []}']
)
def test_event_about_something_else_is_ignored(webhooks: CarrierWebhooks, body: bytes) -> None:
    assert webhooks.read(body, signed(body)) == ()
    assert counted(webhooks) == {"heard": 0, "ignored": 1, "refused": 0}


BODY = recorded_notice()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(BODY, secret="whsec_of_somebody"),
        signed(BODY + b" "),
        signed(BODY, NOON - timedelta(seconds=301)),
        signed(BODY, NOON + timedelta(seconds=301)),
        signed(BODY, path="/api/webhooks/psp"),
        signed(BODY) | {"x-path": f"/elsewhere{PATH}"},
        signed(BODY) | {"x-timestamp": format_datetime(NOON + timedelta(seconds=1))},
        signed(BODY) | {"x-hmac-signature-v2": signed(BODY)["x-hmac-signature-v2"].removeprefix("hmac-sha256-hex=")},
        {"x-hmac-signature": signed(BODY)["x-hmac-signature-v2"]},
    ],
)
def test_forged_and_stale_notices_are_refused_and_counted(webhooks: CarrierWebhooks, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidWebhookError) as refused:
        webhooks.read(BODY, headers)
    assert (refused.value.slug, refused.value.status) == ("invalid-webhook", 400)
    assert counted(webhooks) == {"heard": 0, "ignored": 0, "refused": 1}


def test_notice_is_fresh_for_five_minutes(webhooks: CarrierWebhooks, clock: SettableClock) -> None:
    headers = signed(BODY)
    clock.forward(seconds=299)
    assert webhooks.read(BODY, headers)
    clock.forward(seconds=2)
    with pytest.raises(InvalidWebhookError, match="too old"):
        webhooks.read(BODY, headers)


def test_moment_that_is_none_is_refused_even_if_it_is_signed(webhooks: CarrierWebhooks) -> None:
    mac = hmac.new(SECRET.encode(), f"soonPOST{PATH}".encode() + BODY, hashlib.sha256).hexdigest()
    headers = {"x-timestamp": "soon", "x-path": PATH, "x-hmac-signature-v2": f"hmac-sha256-hex={mac}"}
    with pytest.raises(InvalidWebhookError, match="time"):
        webhooks.read(BODY, headers)


def test_fingerprint_is_of_what_happened_and_not_of_how_it_was_told(webhooks: CarrierWebhooks) -> None:
    updates = webhooks.read(BODY, signed(BODY))
    assert len({update.fingerprint for update in updates}) == len(updates)
    event = json.loads(BODY)
    retold = copy.deepcopy(event) | {"id": "evt_another"}
    for detail in retold["result"]["tracking_details"]:
        detail["datetime"] = detail["datetime"].replace("07:31:00+01:00", "06:31:00Z")
    body = json.dumps(retold).encode()
    assert [one.fingerprint for one in webhooks.read(body, signed(body))] == [one.fingerprint for one in updates]
    assert replace(updates[0], event_id="evt_1").fingerprint != updates[0].fingerprint


# ------------------------------------------------------------------------------------------------------------------- choice


def settings(**changes: Any) -> Settings:
    given: dict[str, Any] = {
        "database_url": SecretStr("postgresql://nobody@nowhere/none"),
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "auth_issuer": "https://issuer.test",
        "auth_jwks_url": "https://issuer.test/jwks",
    }
    return Settings(**given | changes)


async def test_shop_without_carriers_buys_no_labels() -> None:
    async with carriers(settings()) as none:
        refused = Refused("no_carriers")
        assert await none.rates(PARCEL) == await none.buy(PARCEL, ANY, "key") == await none.void("shp_1") == refused
        assert await none.find("key") == await none.track("UPS", "1Z") == Absent()


async def test_settings_choose_the_carriers(simulator: str) -> None:
    async with carriers(settings(carriers="stub")) as stub:
        assert isinstance(stub, StubCarriers)
    chosen = settings(carriers="easypost", carrier_url=simulator, carrier_api_key=SecretStr(KEY), carrier_timeout_seconds=5)
    async with carriers(chosen) as easypost:
        assert isinstance(easypost, EasyPostCarriers)
        bought(await easypost.buy(PARCEL, ANY, new_key()))
    assert KEY not in repr(chosen)


def test_carriers_need_a_key() -> None:
    with pytest.raises(ValidationError, match="ORDER_CARRIER_API_KEY"):
        settings(carriers="easypost")


def test_without_a_secret_no_notice_is_accepted(clock: SettableClock) -> None:
    deaf = carrier_webhooks(settings(), clock)
    with pytest.raises(InvalidWebhookError):
        deaf.read(BODY, signed(BODY, secret=""))
    hearing = carrier_webhooks(settings(carrier_webhook_secret=SecretStr(SECRET)), clock)
    assert hearing.read(BODY, signed(BODY))
