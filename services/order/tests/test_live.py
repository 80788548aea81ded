"""Following an order: what cannot be followed is refused before a stream begins; no wait takes back that an order is placed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from chassis.domain import new_id
from chassis.limits import Streams
from services.order.tests.conftest import Shop, order_body

SEVENTEEN = "wait=17"


class QuietTail:
    """Hears of nothing."""

    alive = True

    @asynccontextmanager
    async def changes(self, _: str) -> AsyncIterator[asyncio.Event]:
        yield asyncio.Event()


class BrokenTail(QuietTail):
    """Fails of something that nobody thought of."""

    @asynccontextmanager
    async def changes(self, _: str) -> AsyncIterator[asyncio.Event]:
        raise AttributeError("no source yet")
        yield asyncio.Event()


class QuietSource:
    """Stands for a consumer of a topic on which nothing happens."""

    def rest(self) -> None: ...

    async def follow(self) -> None: ...

    async def poll(self, *_: Any) -> list[Any]:
        await asyncio.Event().wait()
        return []

    async def close(self) -> None: ...


class Listener:
    """A caller who opened the stream of an order, read up to its first event, until they leave."""

    def __init__(self, shop: Shop, order_id: str, user: str) -> None:
        self.messages: asyncio.Queue[Any] = asyncio.Queue()
        self._left = asyncio.Event()
        self._asked = False
        headers = [(name.lower().encode(), value.encode()) for name, value in shop.of(user).items()]
        path = f"/api/orders/{order_id}/events"
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
        self._task = asyncio.create_task(shop.app(scope, self._receive, self.messages.put))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def first(self) -> tuple[int, bytes]:
        """Answer the status and the first piece."""
        async with asyncio.timeout(10):
            return (await self.messages.get())["status"], (await self.messages.get())["body"]

    async def leave(self) -> None:
        self._left.set()
        async with asyncio.timeout(10):
            await self._task


@pytest.fixture
def quiet(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(shop.app.state.process, "tail", QuietTail())
    return shop


async def test_what_is_not_there_for_the_caller_is_not_followed(quiet: Shop) -> None:
    order = (await quiet.place("ada")).json()
    for user, order_id in (("bob", order["order_id"]), ("ada", str(new_id()))):
        async with asyncio.timeout(10):
            refused = await quiet.ask("GET", f"/api/orders/{order_id}/events", user=user)
        assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")


async def test_one_caller_has_only_so_many_streams_at_once(quiet: Shop) -> None:
    quiet.app.state.streams = Streams(2, 9)
    ordered = {user: (await quiet.place(user)).json()["order_id"] for user in ("ada", "bob")}
    following = [Listener(quiet, ordered["ada"], "ada") for _ in range(2)]
    for one in following:
        status, body = await one.first()
        assert (status, ordered["ada"].encode() in body) == (200, True)
    refused = await quiet.ask("GET", f"/api/orders/{ordered['ada']}/events")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:waybill:problem:too-many-requests")
    assert refused.headers["retry-after"] == "1"
    await following.pop().leave()
    following += [Listener(quiet, ordered[user], user) for user in ("ada", "bob")]
    assert [(await one.first())[0] for one in following[1:]] == [200, 200]
    for one in following:
        await one.leave()


async def test_all_callers_together_have_only_so_many_streams_at_once(quiet: Shop) -> None:
    quiet.app.state.streams = Streams(2, 2)
    ordered = {user: (await quiet.place(user)).json()["order_id"] for user in ("ada", "bob", "cyd")}
    following = {user: Listener(quiet, ordered[user], user) for user in ("ada", "bob")}
    assert [(await one.first())[0] for one in following.values()] == [200, 200]
    refused = await quiet.ask("GET", f"/api/orders/{ordered['cyd']}/events", user="cyd")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:waybill:problem:busy")
    assert refused.headers["retry-after"] == "1"
    await following.pop("ada").leave()
    following["cyd"] = Listener(quiet, ordered["cyd"], "cyd")
    assert (await following["cyd"].first())[0] == 200
    for one in following.values():
        await one.leave()


async def test_while_it_cannot_be_followed_yet_an_order_is_acknowledged(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    process, begun, ready = shop.app.state.process, asyncio.Event(), asyncio.Event()

    async def subscribe(*_: Any, **__: Any) -> QuietSource:
        begun.set()
        await ready.wait()
        return QuietSource()

    monkeypatch.setattr(process.broker, "subscribe", subscribe)
    starting = asyncio.create_task(process._follow())  # noqa: SLF001 - it is called once the broker is reached
    await begun.wait()
    placed = await shop.http.post("/api/orders", json=order_body(), headers=shop.of("ada") | {"Prefer": SEVENTEEN})
    assert (placed.status_code, placed.json()["status"]) == (201, "Pending")
    path = f"/api/orders/{placed.json()['order_id']}/events"
    refused = await shop.ask("GET", path)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:waybill:problem:live-updates-unavailable")
    ready.set()
    await starting
    listener = Listener(shop, placed.json()["order_id"], "ada")
    assert (await listener.first())[0] == 200
    await listener.leave()


async def test_whatever_a_wait_fails_of_the_order_is_acknowledged(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.app.state.process, "tail", BrokenTail())
    with capture_logs() as logs:
        placed = await shop.http.post("/api/orders", json=order_body(), headers=shop.of("ada") | {"Prefer": SEVENTEEN})
    assert (placed.status_code, placed.json()["status"]) == (201, "Pending")
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["wait_failed"]
