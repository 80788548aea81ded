"""A body comes soon and is of bounded size, or it is refused; who has sent all of theirs may wait as long as they like."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import fastapi.routing
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.types import ASGIApp, Message

from chassis import problems, requests
from chassis.commands import DirectRoute
from chassis.limits import AtOnce, Doors
from chassis.requests import BODY_LIMIT, BodyLimit, RequestModel


class Wish(RequestModel):
    """What is asked for."""

    quantity: int


async def _itself(request: Request) -> Request:
    return request


async def wish(_: Annotated[Request, Depends(_itself)], wanted: Wish) -> Response:
    """Answer for how many was asked."""
    return Response(str(wanted.quantity))


async def count() -> AsyncIterator[ServerSentEvent]:
    """Tell two events, with a turn of the loop between them."""
    yield ServerSentEvent(raw_data="1")
    await asyncio.sleep(0)
    yield ServerSentEvent(raw_data="2")


def house(doors: Doors) -> ASGIApp:
    """Make an application behind the limits, as every service's is."""
    app = FastAPI()
    direct = APIRouter(route_class=DirectRoute)
    direct.post("/direct")(wish)
    usual = APIRouter(route_class=fastapi.routing.APIRoute)
    usual.post("/usual")(wish)
    usual.get("/stream", response_class=EventSourceResponse)(count)
    for router in (direct, usual):
        app.router.routes.extend(router.routes)
    problems.install(app)
    app.add_middleware(BodyLimit)
    return AtOnce(app, doors, lambda: None)


class Connection:
    """A caller whose body comes in `parts`; what is missing of it never comes, and they stay until they are told to go."""

    def __init__(self, *parts: bytes, whole: bool) -> None:
        self.sent: list[Any] = []
        self.gone = asyncio.Event()
        self._left = [
            {"type": "http.request", "body": part, "more_body": not whole or number < len(parts)}
            for number, part in enumerate(parts, 1)
        ]

    async def receive(self) -> Message:
        if self._left:
            return self._left.pop(0)
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def ask(self, app: ASGIApp, method: str, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers, "state": {}}
        await app(scope, self.receive, self.send)
        body = b"".join(message["body"] for message in self.sent[1:])
        return self.sent[0]["status"], dict(self.sent[0]["headers"]), body


@pytest.mark.parametrize("path", ["/direct", "/usual"])
async def test_a_body_that_takes_too_long_is_refused_and_makes_room(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.02)
    doors = Doors(1)
    slow = Connection(b'{"quan', whole=False)
    status, headers, body = await asyncio.wait_for(slow.ask(house(doors), "POST", path), 5)
    assert (status, json.loads(body)["type"], doors.inside) == (408, "urn:waybill:problem:too-slow", 0)
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"connection"] == b"close"


@pytest.mark.parametrize("path", ["/direct", "/usual"])
async def test_a_body_in_parts_is_read_whole(path: str) -> None:
    status, _, body = await Connection(b'{"quan', b'tity": 2', b"}", whole=True).ask(house(Doors(1)), "POST", path)
    assert (status, body) == (200, b"2")


async def test_a_body_that_grows_too_large_is_refused() -> None:
    status, _, body = await Connection(b" " * BODY_LIMIT, b" ", whole=False).ask(house(Doors(1)), "POST", "/usual")
    assert (status, json.loads(body)["type"]) == (413, "urn:waybill:problem:too-large")


async def test_a_stream_outlasts_what_a_body_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.0)
    status, _, body = await Connection(b"", whole=True).ask(house(Doors(1)), "GET", "/stream")
    assert (status, body) == (200, b"data: 1\n\ndata: 2\n\n")


async def test_who_waits_for_their_caller_to_go_waits_as_long_as_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.0)
    heard: list[str] = []

    async def waits(_: Any, receive: Any, __: Any) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])

    caller = Connection(b"", whole=True)
    asyncio.get_running_loop().call_later(0.02, caller.gone.set)
    await BodyLimit(waits)({"type": "http", "headers": []}, caller.receive, caller.send)
    assert heard == ["http.request", "http.disconnect"]
