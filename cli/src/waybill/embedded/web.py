"""Programs that answer HTTP: asked for their health until they give it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from waybill.embedded.server import Command, NotReadyError, Server

PROBE_TIMEOUT = 3.0


async def get(host: str, port: int, path: str) -> tuple[int, bytes]:
    """Ask for a small document and return status and body; raises OSError or TimeoutError when there is no answer."""
    async with asyncio.timeout(PROBE_TIMEOUT):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004 - "HTTP/1.1 200 …"
        raise ConnectionError("the answer is not HTTP")
    return int(words[1]), body


async def probe(host: str, port: int, path: str) -> None:
    """Ask for a health document; raises NotReadyError with what it complains about unless the answer is 200."""
    try:
        status, body = await get(host, port, path)
    except (OSError, TimeoutError) as error:
        raise NotReadyError(f"no answer on port {port} ({type(error).__name__})") from error
    if status != 200:  # noqa: PLR2004
        raise NotReadyError(f"{path} answers {status}: {complaint(body)}")


def complaint(body: bytes) -> str:
    """Say in a few words what a health document complains about."""
    try:
        parts = json.loads(body[body.find(b"{") : body.rfind(b"}") + 1])["parts"]
        return ", ".join(f"{name} {state}" for name, state in parts.items() if state != "ok")
    except (ValueError, KeyError, TypeError, AttributeError):
        return body.decode(errors="replace").strip()[:120] or "no reason given"


class WebServer(Server):
    """A program of ours that needs no preparation and tells its health over HTTP."""

    def __init__(
        self,
        name: str,
        log_file: Path,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        folder: Path,
        port: int,
        health: str = "/readyz",
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(name, log_file)
        self._command = Command(argv, env, folder)
        self.host = host
        self.port = port
        self.health = health

    async def prepare(self) -> None:
        """Nothing to prepare."""

    def command(self) -> Command:
        """Run it in the foreground."""
        return self._command

    async def probe(self) -> None:
        """Ask for its health."""
        await probe(self.host, self.port, self.health)
