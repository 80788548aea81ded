"""Who may do what, what may not come in, and what never gets out."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from chassis.domain import new_id
from chassis.testing import eventually
from tests.running import Waybill
from tests.shop import Shop, order_body
from tests.tracing import Collector
from waybill.embedded.gateway import Gateway
from waybill.embedded.places import free_ports
from waybill.embedded.system import SERVICES

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SOMEWHERE: Final = "0192f0c1-0000-7000-8000-000000000000"
PROTECTED: Final = (
    ("GET", "/api/cart"),
    ("POST", "/api/orders"),
    ("GET", "/api/orders"),
    ("GET", f"/api/orders/{SOMEWHERE}"),
    ("POST", f"/api/orders/{SOMEWHERE}/cancel"),
    ("GET", f"/api/orders/{SOMEWHERE}/events"),
    ("GET", "/api/admin/orders"),
    ("PUT", f"/api/admin/orders/{SOMEWHERE}/status"),
    ("GET", f"/api/admin/orders/{SOMEWHERE}/saga"),
    ("POST", "/api/admin/products"),
    ("POST", "/api/admin/stock/adjustments"),
    ("GET", "/api/admin/payments"),
    ("GET", "/api/admin/notifications"),
    *(("GET", f"/api/admin/dead-letters/{service}") for service in SERVICES),
    *(("GET", f"/api/admin/facts/{service}/{SOMEWHERE}") for service in SERVICES),
)
FOR_STAFF: Final = tuple((method, path) for method, path in PROTECTED if path.startswith("/api/admin"))


def is_problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """Check that an answer is a problem (RFC 9457) of a status; answers it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"]
    assert problem["title"]
    return problem


async def test_who_has_no_good_token_gets_nowhere(shop: Shop) -> None:
    good = shop.waybill.token(shop.customer.user, "customer")
    head, _, rest = good.partition(".")
    body, _, signature = rest.partition(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    for method, path in PROTECTED:
        is_problem(await shop.client.request(method, path), 401)
        for token in ("nonsense", forged, f"{head}.{body}."):
            is_problem(await shop.client.request(method, path, headers={"Authorization": f"Bearer {token}"}), 401)


async def test_who_has_the_wrong_role_is_refused(shop: Shop) -> None:
    for method, path in FOR_STAFF:
        is_problem(await shop.customer.send(method, path), 403)
    warehouse = shop.person("packer", "warehouse")
    is_problem(await warehouse.send("POST", "/api/orders", order_body(shop.sku)), 403)
    auditor = shop.person("auditor", "auditor")
    is_problem(await auditor.send("PUT", f"/api/admin/orders/{SOMEWHERE}/status", {"status": "Shipped"}), 403)


async def test_another_customers_order_does_not_exist(shop: Shop) -> None:
    order_id = (await shop.place(Prefer="wait=5"))["order_id"]
    stranger = shop.person("mallory")
    for method, path in (
        ("GET", ""),
        ("GET", "/history"),
        ("GET", "/tracking"),
        ("POST", "/cancel"),
    ):
        is_problem(await stranger.send(method, f"/api/orders/{order_id}{path}"), 404)
    assert (await stranger.get("/api/orders"))["items"] == []
    assert (await shop.order(order_id))["status"] == "Processing"


async def test_simulators_are_behind_the_embedded_gateway_only(shop: Shop, waybill: Waybill, tmp_path: Path) -> None:
    paths = ("/sim/psp/ledger", "/sim/psp/mode", "/sim/mail/messages", "/sim/sms/messages")
    for path in paths:
        assert (await shop.client.get(path)).status_code == 200
    upstreams = {
        name: [waybill.part(one).address.removeprefix("http://") for one in waybill.replicas(name)] for name in SERVICES
    }
    simulators = {name: ["127.0.0.1:9"] for name in ("psp", "mail", "sms")}
    (port,) = free_ports(1)
    gateway = Gateway(
        tmp_path / "gateway",
        port,
        upstreams | simulators,
        log_file=tmp_path / "log",
        issuer="http://127.0.0.1:9/waybill",
        simulators=False,
    )
    async with gateway, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/api/products")).status_code == 200
        for path in paths:
            assert (await client.get(path)).status_code == 404
    assert (await shop.client.get("/v1/payment_intents")).status_code == 404


BAD: Final[tuple[tuple[str, dict[str, Any], str], ...]] = (
    ("unknown product", {"items": [{"product_id": "NOTHING", "quantity": 1}]}, "items"),
    ("nothing of it", {"items": [{"product_id": "SKU", "quantity": 0}]}, "quantity"),
    ("less than nothing", {"items": [{"product_id": "SKU", "quantity": -1}]}, "quantity"),
    ("half of it", {"items": [{"product_id": "SKU", "quantity": 1.5}]}, "quantity"),
    ("far too many", {"items": [{"product_id": "SKU", "quantity": 10**9}]}, "quantity"),
    ("too many lines", {"items": [{"product_id": f"SKU-{n}", "quantity": 1} for n in range(101)]}, "items"),
    ("a price", {"items": [{"product_id": "SKU", "quantity": 1, "price": 1}]}, "price"),
    ("a status", {"status": "Delivered"}, "status"),
    ("a user", {"user_id": "mallory"}, "user_id"),
    ("another currency", {"expected_total": {"amount": 1250, "currency": "USD"}}, "currency"),
    ("a card number for a token", {"payment": {"method": "card", "token": "4242424242424242"}}, "token"),
)


@pytest.mark.parametrize(("change", "field"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
async def test_bad_input_is_refused_by_name(shop: Shop, change: dict[str, Any], field: str) -> None:
    body = order_body(shop.sku) | change
    if "items" in change and field != "items":
        body["items"] = [one | {"product_id": shop.sku} for one in change["items"]]
    answer = await shop.customer.send("POST", "/api/orders", body)
    assert 400 <= answer.status_code < 500
    problem = is_problem(answer, answer.status_code)
    assert field in str(problem), problem
    assert "4242424242424242" not in answer.text
    assert await shop.bought() == []


async def test_bodies_that_are_none_are_refused(shop: Shop) -> None:
    bearer = {"Authorization": f"Bearer {shop.waybill.token(shop.customer.user, 'customer')}"}
    as_json = bearer | {"Content-Type": "application/json"}
    is_problem(await shop.client.post("/api/orders", content=b'{"items": [', headers=as_json), 400)
    is_problem(await shop.client.post("/api/orders", content=b" " * (256 * 1024 + 1), headers=as_json), 413)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1024

    is_problem(await shop.client.post("/api/orders", content=endless(), headers=as_json), 413)
    for text in ("A\x00da", "A" * 10_000, "4242 4242 4242 4242"):
        body = order_body(shop.sku)
        body["shipping_address"]["name"] = text
        problem = is_problem(await shop.customer.send("POST", "/api/orders", body), 422)
        assert "name" in str(problem)
    assert await shop.bought() == []


async def test_personal_data_stay_where_they_belong(shop: Shop, waybill: Waybill, collector: Collector) -> None:
    mark = new_id().hex[-10:]
    street, email, token = f"Canary Street {mark}", f"canary-{mark}@example.com", f"tok_canary_{mark}"
    phone = f"+4930{int(mark, 16) % 10**8:08d}"
    canaries = [street, email, token, phone, phone.removeprefix("+49")]
    finals = []
    for paying in ("tok_ok", token):
        body = order_body(shop.sku, token=paying, email=email, phone=phone)
        body["shipping_address"]["line1"] = street
        placed = await shop.customer.do("POST", "/api/orders", body, expect=201, Prefer="wait=10")
        finals.append(placed["status"])
        await _is_told_twice(shop, placed["order_id"])
    assert finals == ["Processing", "Cancelled"]

    found = {topic for topic, text in await _records(waybill) if any(canary.encode() in text for canary in canaries)}
    assert found == {"order.contacts"}
    for name in waybill.state.parts:
        if waybill.part(name).kind in {"service", "gateway", "broker", "database"}:
            assert not [canary for canary in canaries if canary in waybill.log(name)], f"{name} has logged personal data"
    assert not [span for span in collector.spans if any(canary in span.text for canary in canaries)]
    for service in SERVICES:
        letters = await shop.operator.send("GET", f"/api/admin/dead-letters/{service}")
        assert letters.status_code == 200
        assert not [canary for canary in canaries if canary in letters.text]


async def _is_told_twice(shop: Shop, order_id: str) -> None:
    async def probe() -> bool:
        return len(await shop.mails(order_id)) == 2

    await eventually(probe, "the customer is told of the order and its end")


async def _records(waybill: Waybill) -> list[tuple[str, bytes]]:
    """Read everything on every topic, dead letters too: topic, and key, headers and value in one."""
    address = waybill.part("kafka").address
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await consumer.start()
    await admin.start()
    try:
        topics = [one for one in await admin.describe_topics() if not one["topic"].startswith("__")]
        assert {"order.events", "order.contacts", "order.events.payment.dlt"} <= {one["topic"] for one in topics}
        places = [TopicPartition(one["topic"], each["partition"]) for one in topics for each in one["partitions"]]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        records: list[tuple[str, bytes]] = []
        for place, end in ends.items():
            while await consumer.position(place) < end:
                for one in (await consumer.getmany(place, timeout_ms=2000)).get(place, []):
                    headers = b" ".join(name.encode() + (value or b"") for name, value in one.headers)
                    records.append((place.topic, b" ".join((one.key or b"", headers, one.value or b""))))
    finally:
        await admin.close()
        await consumer.stop()
    return records
