"""Sockets, the HTTP server and the few answers that all simulators share.

Sockets are bound before anything else happens: a port in use is one clear error and not half a start. A request that is being
kept waiting on purpose never holds up a stop for longer than a second.
"""

import asyncio
import contextlib
import json
import socket
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

MAX_BODY_BYTES = 1_000_000
"""Far above what any of the interfaces needs."""


def listen(host: str, port: int) -> socket.socket:
    """Bind a listening socket; port 0 takes any free one. Raises OSError that names the address."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.listen(1024)
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return listener


def address(listener: socket.socket) -> str:
    """Return ``host:port`` of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"{host}:{port}"


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._announcement, flush=True)  # noqa: T201 - the line a supervisor waits for


async def serve(app: ASGIApp, listener: socket.socket, announcement: str) -> None:
    """Serve until SIGTERM or SIGINT; says ``announcement`` on standard output once requests are answered."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, timeout_keep_alive=75)
    await _Server(config, announcement).serve(sockets=[listener])


async def livez(_: Request) -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


def problem(status: int, title: str, detail: str) -> Response:
    """Answer with an RFC 9457 problem."""
    return JSONResponse(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status,
        media_type="application/problem+json",
    )


async def read_json(request: Request) -> Any:
    """Read a JSON body. Raises ValueError when it is none or larger than MAX_BODY_BYTES."""
    return json.loads(await read_body(request))


async def read_body(request: Request) -> bytes:
    """Read a whole body. Raises ValueError when it is larger than MAX_BODY_BYTES."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ValueError(f"a body may have {MAX_BODY_BYTES} bytes")
    return bytes(body)


async def withhold(request: Request, seconds: float) -> None:
    """Keep a client without an answer until it gives up or the time is over."""

    async def client_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(client_gone(), seconds)
