"""The whole of Waybill from the command line: up, used, killed here and there, down, and up again with its data."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from waybill.catalogue import products

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
TEA = "TEA-ASSAM-250"


class Waybill:
    """The command line on one data directory."""

    def __init__(self, data_dir: Path, port_base: int) -> None:
        self.data_dir = data_dir
        self.port_base = port_base
        self.url = f"http://127.0.0.1:{port_base}"

    async def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end."""
        command = [sys.executable, "-m", "waybill", *arguments]
        env = {**os.environ, "WAYBILL_DATA_DIR": str(self.data_dir)}
        return await asyncio.to_thread(
            subprocess.run, command, env=env, capture_output=True, text=True, check=False, timeout=300, cwd=self.data_dir.parent
        )

    async def up(self, *options: str) -> None:
        """Start detached; fails with what the start said."""
        done = await self.run("up", "--detach", "--port-base", str(self.port_base), *options)
        assert done.returncode == 0, done.stderr + done.stdout
        assert f"Waybill is ready: {self.url}" in done.stdout

    async def status(self) -> dict[str, Any]:
        """Ask for the status as programs do."""
        return dict(json.loads((await self.run("status", "--json")).stdout))

    async def ready(self, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until everything is ready again."""
        deadline = time.monotonic() + seconds
        while not (found := await self.status())["ready"]:
            assert time.monotonic() < deadline, f"not ready within {seconds} s: {found['parts']}"
        return found

    async def call(self, role: str, path: str) -> Any:
        """Ask the API as a user with a role."""
        token = (await self.run("token", "--user", "alice", "--role", role)).stdout.strip()
        async with httpx2.AsyncClient(base_url=self.url, timeout=30) as client:
            answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def waybill(data_dir: Path, port_base: int) -> AsyncIterator[Waybill]:
    subject = Waybill(data_dir, port_base)
    yield subject
    await subject.run("down")


def part(status: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in status["parts"] if one["name"] == name)


async def test_the_life_of_a_data_directory(waybill: Waybill) -> None:
    # A first start: everything is there, and two payment processes.
    await waybill.up("--scale", "payment=2")
    status = await waybill.ready()
    names = {one["name"] for one in status["parts"]}
    assert {"gateway", "order", "payment", "payment-2", "inventory", "notification", "postgres", "kafka", "identity"} <= names
    assert {"psp", "carrier", "mail", "sms"} <= names
    assert all(one["pid"] and one["rss_bytes"] > 0 for one in status["parts"])
    assert len((await waybill.call("customer", "/api/products?limit=100"))["items"]) == len(products())
    stock = await waybill.call("admin", f"/api/admin/stock?product_id={TEA}")
    assert {(one["warehouse_id"], one["on_hand"]) for one in stock["items"]} == {("berlin", 260), ("lyon", 240)}
    assert "items" in await waybill.call("customer", "/api/cart")

    # A second one on the same data is refused, in one line.
    refused = await waybill.run("up", "--detach")
    assert refused.returncode == 1
    assert "already runs" in refused.stderr
    assert refused.stderr.count("\n") == 1

    # Children that die come back.
    for name in ("order", "postgres"):
        os.kill(part(status, name)["pid"], signal.SIGKILL)
    after = await waybill.ready()
    while part(after, "postgres")["restarts"] == 0 or part(after, "order")["restarts"] == 0:
        after = await waybill.ready()
    assert part(after, "payment")["pid"] == part(status, "payment")["pid"]
    assert (await waybill.run("logs", "order", "-n", "5")).stdout.count("\n") == 5

    # The supervisor is killed: its children are found and stopped.
    left = [one["pid"] for one in after["parts"]]
    os.kill(after["supervisor_pid"], signal.SIGKILL)
    down = await waybill.run("down")
    assert down.returncode == 0, down.stderr
    assert "Waybill is stopped." in down.stdout
    assert not [pid for pid in left if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    assert (await waybill.run("status")).returncode == 1

    # A second start has the data of the first, once.
    await waybill.up()
    assert "payment-2" not in {one["name"] for one in (await waybill.status())["parts"]}
    again = await waybill.call("admin", f"/api/admin/stock?product_id={TEA}")
    assert again == stock
