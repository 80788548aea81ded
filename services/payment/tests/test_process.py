"""The service as a process against the PSP simulator: killed between the PSP's yes and the database, and started again."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

import payment
from chassis.database import Database
from chassis.domain import new_id
from chassis.migrations import migrate
from chassis.testing import PostgresServer, eventually, perform
from contracts.inventory import StockReserved
from contracts.order import OrderContacts
from contracts.types import Address, Contact, Money, PaymentInstrument
from payment import handlers

pytestmark = pytest.mark.database
HOME = Address(name="Alice", line1="1 Main Street", city="Berlin", postal_code="10115", country="DE")
SECRET = "whsec_test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python module until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def test_killed_between_the_psps_yes_and_the_database(postgres: PostgresServer, tmp_path: Path) -> None:
    url = await postgres.create_service_database(f"payment_{new_id().hex[-10:]}")
    await asyncio.to_thread(migrate, payment, url)
    database = await Database.open("payment", url)
    port, order_id = free_port(), new_id()
    await tell_of(database, order_id)
    psp = (
        "waybill.simulators", "psp", "--port", "0", "--ledger", str(tmp_path / "ledger.sqlite"),
        "--webhook-url", f"http://127.0.0.1:{port}/api/webhooks/psp", "--webhook-secret", SECRET,
    )  # fmt: skip
    async with running(*psp) as simulator, httpx2.AsyncClient(trust_env=False) as client:
        assert simulator.stdout is not None
        ready = (await asyncio.wait_for(simulator.stdout.readline(), 20)).decode()
        address = ready.partition("http=")[2].strip()
        settings = {
            "PAYMENT_DATABASE_URL": url,
            "PAYMENT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
            "PAYMENT_HTTP_PORT": str(port),
            "PAYMENT_ROLES": "api,workers",
            "PAYMENT_AUTH_ISSUER": "https://issuer.test",
            "PAYMENT_AUTH_JWKS_URL": "https://issuer.test/jwks",
            "PAYMENT_PSP_URL": address,
            "PAYMENT_PSP_API_KEY": "sk_test",
            "PAYMENT_PSP_WEBHOOK_SECRET": SECRET,
        }
        async with running("payment", **settings, WAYBILL_FAILPOINTS="after_psp_ok") as dying:
            assert await asyncio.wait_for(dying.wait(), 30) == -signal.SIGKILL
        assert await status(url, order_id) == "pending"
        assert await held(client, address, order_id) == [3000], "the PSP holds what we know nothing of"

        await pass_the_lease(url, order_id)
        async with running("payment", **settings) as alive:

            async def authorized() -> bool:
                return bool(await status(url, order_id) == "authorized")

            await eventually(authorized, "the total is held after the restart", within=30)

            async def heard() -> bool:
                text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
                lines = [line for line in text.splitlines() if line.startswith('psp_webhooks_total{result="heard"}')]
                return float(lines[0].split()[-1]) > 0

            await eventually(heard, "the PSP's webhooks are heard", within=30)
            assert alive.returncode is None
        assert await held(client, address, order_id) == [3000], "it was held once"
    await database.close()


async def tell_of(database: Database, order_id: Any) -> None:
    """Have payment hear of an order's instrument and stock."""
    contacts = OrderContacts(
        order_id=order_id,
        user_id="alice",
        contact=Contact(email="alice@example.org"),
        shipping_address=HOME,
        billing_address=HOME,
        payment=PaymentInstrument(method="card", token="tok_ok"),
    )
    total = Money(amount=3000, currency="EUR")
    await perform(database, handlers.note_instrument, contacts)
    reserved = StockReserved(order_id=order_id, user_id="alice", total_amount=total, allocations=[])
    await perform(database, handlers.authorize_payment, reserved)


async def status(url: str, order_id: Any) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT status FROM payment WHERE order_id = $1", order_id)
    finally:
        await connection.close()


async def pass_the_lease(url: str, order_id: Any) -> None:
    """Let the dead process's lease end now."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("UPDATE payment SET due_at = now() WHERE order_id = $1", order_id)
    finally:
        await connection.close()


async def held(client: httpx2.AsyncClient, address: str, order_id: Any) -> list[int]:
    answer = await client.get(f"{address}/sim/psp/ledger", params={"order_id": str(order_id)})
    return [item["open"] for item in answer.raise_for_status().json()["items"]]
