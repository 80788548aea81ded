"""The gateway: who answers which path, what it refuses itself, and what it does when nobody answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from waybill.embedded.gateway import Gateway
from waybill.embedded.places import free_ports
from waybill.embedded.system import SERVICES

pytestmark = pytest.mark.system
BEHIND: Final = (*SERVICES, "psp", "mail", "sms", "carrier")
LIMIT: Final = 256 * 1024
ISSUER: Final = "http://127.0.0.1:9/waybill"

ROUTES: Final = {
    "/api/products": "inventory",
    "/api/products?limit=3": "inventory",
    "/api/products/TEA-1": "inventory",
    "/api/admin/products": "inventory",
    "/api/admin/products/TEA-1": "inventory",
    "/api/admin/stock": "inventory",
    "/api/admin/stock/adjustments": "inventory",
    "/api/admin/warehouses": "inventory",
    "/api/admin/routing-rules": "inventory",
    "/api/admin/payments/7": "payment",
    "/api/admin/reviews": "payment",
    "/api/admin/gift-cards/7": "payment",
    "/api/admin/transfers": "payment",
    "/api/gift-cards/ABCD-EFGH/balance": "payment",
    "/api/webhooks/psp": "payment",
    "/api/webhooks/carrier": "order",
    "/api/admin/notifications": "notification",
    "/api/admin/webhooks/3": "notification",
    "/api/admin/dead-letters/order": "order",
    "/api/admin/dead-letters/payment": "payment",
    "/api/admin/dead-letters/inventory/5/retry": "inventory",
    "/api/admin/dead-letters/notification": "notification",
    "/api/admin/facts/payment/7": "payment",
    "/api/admin/facts/payment/7/nudge": "payment",
    "/api/admin/reports/inventory/stock": "inventory",
    "/api/admin/reports/notification/health": "notification",
    "/api/admin/reports/order/orders": "order",
    "/api/admin/facts/order/7": "order",
    "/api/tracking/some.token": "order",
    "/api/admin/shipments": "order",
    "/api/admin/shipping-methods": "order",
    "/api/admin/tax-rates": "order",
    "/api/cart": "order",
    "/api/cart/items": "order",
    "/api/orders": "order",
    "/api/orders/7/events": "order",
    "/api/admin/orders": "order",
    "/api/admin/orders/7/saga": "order",
    "/api/productsandmore": "order",
    "/openapi/order.json": "order",
    "/openapi/payment.json": "payment",
    "/openapi/inventory.json": "inventory",
    "/openapi/notification.json": "notification",
    "/sim/psp/ledger": "psp",
    "/sim/mail/messages": "mail",
    "/sim/sms/messages": "sms",
    "/sim/carrier/ledger": "carrier",
    "/sim/carrier/parcels/PL1/hand-over": "carrier",
}


class Upstream:
    """Stands for one service: answers with its name and the path it was asked for; `/events` gives an event and stays open."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.gone = asyncio.Event()
        self.asked: list[str] = []

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.asked.append(head.partition(" HTTP")[0])
            length = next(
                (int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")), 0
            )
            await reader.readexactly(length)
            if path.endswith("/stream"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
                await writer.drain()
                await reader.read()
                self.gone.set()
            else:
                body = json.dumps({"service": self.name, "path": path}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        finally:
            writer.close()


class Running:
    """A gateway with its upstreams and a client."""

    def __init__(self, client: httpx2.AsyncClient, upstreams: dict[str, Upstream]) -> None:
        self.client = client
        self.upstreams = upstreams


def built(folder: Path) -> Path:
    """Stand for a built front end: two pages and an asset."""
    for name, text in (
        ("index.html", "shop {{placeholder `http.request.uuid`}}"),
        ("admin/index.html", "admin"),
        ("assets/a.js", "1"),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


async def start(tmp_path: Path, upstreams: dict[str, list[str]], *, simulators: bool = True) -> Gateway:
    (port,) = free_ports(1)
    gateway = Gateway(
        tmp_path / "gateway",
        port,
        upstreams,
        log_file=tmp_path / "gateway.log",
        issuer=ISSUER,
        simulators=simulators,
        web=built(tmp_path / "web"),
    )
    await gateway.start()
    return gateway


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    upstreams = {name: Upstream(name) for name in BEHIND}
    servers = [await upstream.listen() for upstream in upstreams.values()]
    addresses = {name: [f"127.0.0.1:{upstream.port}"] for name, upstream in upstreams.items()}
    # A second replica of payment that is not there: the gateway has to do without it.
    addresses["payment"].insert(0, f"127.0.0.1:{free_ports(1)[0]}")
    gateway = await start(tmp_path_factory.mktemp("gateway"), addresses)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=10) as client:
        yield Running(client, upstreams)
    await gateway.stop()
    for server in servers:
        server.close()


@pytest.mark.parametrize("path", ROUTES)
async def test_each_path_has_its_service(running: Running, path: str) -> None:
    answer = await running.client.get(path)
    expected = "/openapi.json" if path.startswith("/openapi/") else path
    assert answer.json() == {"service": ROUTES[path], "path": expected}
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/nothing", "/api", "/metrics", "/readyz", "/openapi/else.json", "/sim/else"])
async def test_what_is_not_served_is_a_problem(running: Running, path: str) -> None:
    answer = await running.client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:waybill:problem:not-found"


async def test_a_body_has_at_most_256_kb(running: Running) -> None:
    assert (await running.client.post("/api/orders", content=b"x" * LIMIT)).status_code == 200
    answer = await running.client.post("/api/orders/7/large", content=b"x" * (LIMIT + 1))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 413
    await running.client.get("/api/cart")
    assert "POST /api/orders/7/large" not in running.upstreams["order"].asked, "the service would refuse it at the same time"


async def test_a_body_that_comes_slowly_takes_nobodys_place(running: Running) -> None:
    heard = running.upstreams["order"].asked
    reader, writer = await asyncio.open_connection("127.0.0.1", running.client.base_url.port)
    writer.write(b"POST /api/orders/7/slow HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nContent-Length: 7\r\n\r\n{")
    await writer.drain()
    for _ in range(10):
        await running.client.get("/api/cart")
    assert "POST /api/orders/7/slow" not in heard
    writer.write(b'"a":1}')
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    assert "POST /api/orders/7/slow" in heard
    writer.close()


PAGES: Final = {
    "/": "shop",
    "/cart": "shop",
    "/checkout": "shop",
    "/orders": "shop",
    "/orders/7": "shop",
    "/products/TEA-1": "shop",
    "/signed-in?code=1": "shop",
    "/track/dG9rZW4.c2lnbmF0dXJl": "shop",
    "/admin": "admin",
    "/admin/orders/7": "admin",
}


@pytest.mark.parametrize(("path", "front"), PAGES.items())
async def test_pages_are_served_under_a_policy_with_a_nonce_of_their_own(running: Running, path: str, front: str) -> None:
    replies = [await running.client.get(path) for _ in range(2)]
    assert [(one.status_code, one.headers["content-type"], one.text.split()[0]) for one in replies] == [
        (200, "text/html; charset=utf-8", front)
    ] * 2
    policies = [one.headers["content-security-policy"] for one in replies]
    assert policies[0] != policies[1]
    assert all(
        "unsafe" not in one and "script-src 'self';" in one and "connect-src 'self' http://127.0.0.1:9;" in one
        for one in policies
    )
    if front == "shop":
        assert f"'nonce-{replies[0].text.split()[1]}'" in policies[0]
    assert replies[0].headers["cache-control"] == ("private, no-store" if path.startswith("/track/") else "no-cache")


async def test_a_tracking_link_is_passed_on_to_nobody(running: Running) -> None:
    reply = await running.client.get("/track/dG9rZW4.c2lnbmF0dXJl")
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-robots-tag"] == "noindex"
    assert reply.headers["cache-control"] == "private, no-store"


async def test_assets_may_be_kept_and_settings_may_not(running: Running) -> None:
    assert "immutable" in (await running.client.get("/assets/a.js")).headers["cache-control"]
    reply = await running.client.get("/web-settings.json")
    assert reply.json() == {"authority": ISSUER, "client_id": "waybill", "surroundings": "embedded"}
    assert reply.headers["cache-control"] == "no-cache"


async def test_events_come_at_once_and_a_client_that_leaves_is_noticed(running: Running) -> None:
    order = running.upstreams["order"]
    async with running.client.stream("GET", "/api/orders/7/stream") as answer:
        async for line in answer.aiter_lines():
            assert line == "data: first"
            break
    await asyncio.wait_for(order.gone.wait(), 10)
    assert order.gone.is_set()


async def test_in_production_there_are_no_simulators(tmp_path: Path) -> None:
    nobody = [f"127.0.0.1:{port}" for port in free_ports(1)]
    gateway = await start(tmp_path, dict.fromkeys(BEHIND, nobody), simulators=False)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=20) as client:
            assert (await client.get("/sim/psp/ledger")).status_code == 404
            assert (await client.get("/web-settings.json")).json()["surroundings"] == "none"
            away = await client.get("/api/orders")
    finally:
        await gateway.stop()
    assert away.status_code == 503
    assert away.headers["content-type"] == "application/problem+json"
    assert away.headers["retry-after"] == "2"
