"""So many requests at once and no more: the others are told when to come back, and whoever leaves makes room."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from chassis.limits import AtOnce, Doors


class Slow:
    """An application that answers when it is let, and counts whom it met."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.met = 0

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        self.met += 1
        await self.go.wait()
        if scope["path"] == "/broken":
            raise ZeroDivisionError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/stream":
            await asyncio.Event().wait()
        await send({"type": "http.response.body", "body": b""})


class House:
    """Two may be inside; `refused` counts the others."""

    def __init__(self) -> None:
        self.slow = Slow()
        self.doors = Doors(2)
        self.refused = 0
        self._app = AtOnce(self.slow, self.doors, self._count)

    def _count(self) -> None:
        self.refused += 1

    async def ask(self, path: str = "/") -> list[Message]:
        sent: list[Any] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        await self._app({"type": "http", "path": path, "method": "POST", "headers": []}, receive, send)
        return sent

    async def fill(self, path: str = "/") -> list["asyncio.Task[list[Message]]"]:
        met = self.slow.met
        inside = [asyncio.create_task(self.ask(path)) for _ in range(2)]
        await asyncio.sleep(0)  # one turn of the loop, in which both come as far as they get
        assert self.slow.met == met + 2
        return inside


async def test_past_the_limit_callers_are_told_when_to_come_back() -> None:
    house = House()
    inside = await house.fill()
    assert house.doors.crowded
    start, body = await house.ask()
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert json.loads(body["body"])["type"] == "urn:waybill:problem:busy"
    assert (house.slow.met, house.refused) == (2, 1)
    house.slow.go.set()
    assert [(await one)[0]["status"] for one in inside] == [200, 200]
    assert house.doors.inside == 0
    assert (await house.ask())[0]["status"] == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_whoever_looks_after_a_process_is_let_in(path: str) -> None:
    house = House()
    await house.fill()
    house.slow.go.set()
    house.doors.inside = 2
    assert (await house.ask(path))[0]["status"] == 200


async def test_a_stream_makes_room_when_it_has_begun_and_a_failure_when_it_ends() -> None:
    house = House()
    house.slow.go.set()
    streams = await house.fill("/stream")
    assert house.doors.inside == 0
    for stream in streams:
        stream.cancel()
    await asyncio.wait(streams)
    with pytest.raises(ZeroDivisionError):
        await house.ask("/broken")
    assert house.doors.inside == 0
