"""What the port promises, checked on the in-process stub and on Stripe's SDK against the PSP simulator in its own process."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import httpx2
import pytest

from chassis.domain import new_id, utc_now
from contracts.types import Money
from payment.gateway import (
    Absent,
    Authorized,
    Canceled,
    Declined,
    Done,
    PspCredentialsError,
    PspGateway,
    Refused,
    StubPsp,
    Unknown,
    idempotency_key,
)
from payment.gateway.stripe_psp import StripePsp

TIMEOUT_SECONDS = 0.7
TOTAL = Money(amount=3000, currency="EUR")
PART = Money(amount=1000, currency="EUR")
REST = Money(amount=2000, currency="EUR")
MODES = {"timeout_done": "timeout_captured", "timeout_lost": "timeout_lost", "error": "error_5xx"}

# Stripe's SDK hands its bodies to httpx by a parameter that httpx is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@dataclass(frozen=True)
class Books:
    """What a PSP has written down about an order, in minor units; `intents` counts the payments it made for it."""

    intents: int
    open: int = 0
    captured: int = 0
    refunded: int = 0


class Provider(Protocol):
    """A PSP under test, with its books and a way to make it fail."""

    psp: PspGateway

    async def books(self, order_id: UUID) -> Books:
        """Read what is written down about an order."""
        ...

    async def fail(self, fault: str) -> None:
        """Have the next call fail: `timeout_done`, `timeout_lost` or `error`."""
        ...


class StubProvider:
    def __init__(self) -> None:
        self.stub = StubPsp()
        self.psp: PspGateway = self.stub

    async def books(self, order_id: UUID) -> Books:
        payments = [payment for payment in self.stub.books.values() if payment.order_id == order_id]
        return Books(
            len(payments), sum(p.open for p in payments), sum(p.captured for p in payments), sum(p.refunded for p in payments)
        )

    async def fail(self, fault: Any) -> None:
        self.stub.misbehave(fault)


class SimulatorProvider:
    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        self.stripe = StripePsp("sk_test", url, timeout_seconds=TIMEOUT_SECONDS)
        self.psp: PspGateway = self.stripe
        self._url = url
        self._client = client

    async def books(self, order_id: UUID) -> Books:
        answer = await self._client.get(f"{self._url}/sim/psp/ledger", params={"order_id": str(order_id)})
        items = answer.raise_for_status().json()["items"]
        return Books(
            sum(item["status"] != "requires_payment_method" for item in items),
            sum(item["open"] for item in items),
            sum(item["captured"] for item in items),
            sum(item["refunded"] for item in items),
        )

    async def fail(self, fault: str) -> None:
        mode = {"mode": MODES[fault], "remaining": 1}
        (await self._client.put(f"{self._url}/sim/psp/mode", json=mode)).raise_for_status()


@pytest.fixture(scope="module")
async def simulator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Start the PSP simulator; gives its address."""
    ledger: Path = tmp_path_factory.mktemp("psp") / "ledger.sqlite"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "waybill.simulators", "psp", "--port", "0", "--ledger", str(ledger), "--api-key", "sk_test",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        ready = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert ready.startswith("ready psp http="), f"the simulator said {ready!r}"
        yield ready.partition("http=")[2].strip()
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture(params=["stub", "stripe"])
async def provider(request: pytest.FixtureRequest, simulator: str) -> AsyncIterator[Provider]:
    """Give each of the PSPs that must keep the port's promises."""
    if request.param == "stub":
        yield StubProvider()
        return
    async with httpx2.AsyncClient(trust_env=False) as client:
        simulated = SimulatorProvider(simulator, client)
        yield simulated
        await simulated.stripe.close()


@dataclass(frozen=True)
class Held:
    """A payment that the PSP holds 30.00 for."""

    provider: Provider
    order_id: UUID
    reference: str

    @property
    def psp(self) -> PspGateway:
        return self.provider.psp

    async def books(self) -> Books:
        return await self.provider.books(self.order_id)


@pytest.fixture
async def held(provider: Provider) -> Held:
    order_id = new_id()
    answer = await provider.psp.authorize(order_id, TOTAL, "card", "tok_ok")
    assert isinstance(answer, Authorized)
    return Held(provider, order_id, answer.reference)


async def test_authorizing_again_answers_the_same_and_holds_once(held: Held) -> None:
    again = await held.psp.authorize(held.order_id, TOTAL, "card", "tok_ok")
    assert again == Authorized(held.reference)
    assert await held.books() == Books(intents=1, open=3000)


@pytest.mark.parametrize(
    ("token", "detail"), [("tok_declined", "generic_decline"), ("tok_insufficient_funds", "insufficient_funds")]
)
async def test_decline_is_an_answer_with_the_issuers_reason(provider: Provider, token: str, detail: str) -> None:
    order_id = new_id()
    for _ in range(2):
        assert await provider.psp.authorize(order_id, TOTAL, "card", token) == Declined("card_declined", detail)
    assert await provider.psp.inquire(order_id) == Declined("card_declined", detail)
    assert await provider.books(order_id) == Books(intents=0)


async def test_unknown_instrument_is_refused(provider: Provider) -> None:
    assert await provider.psp.authorize(new_id(), TOTAL, "card", "tok_of_nobody") == Refused("resource_missing")


@pytest.mark.parametrize(
    ("token", "truth"), [("tok_timeout_captured", True), ("tok_timeout_lost", True), ("tok_timeout_failed", False)]
)
async def test_unanswered_authorization_is_unknown_until_asked_again(provider: Provider, token: str, truth: bool) -> None:  # noqa: FBT001 - a column of the table above
    order_id = new_id()
    assert isinstance(await provider.psp.authorize(order_id, TOTAL, "card", token), Unknown)
    answer = await provider.psp.authorize(order_id, TOTAL, "card", token)
    assert isinstance(answer, Authorized if truth else Declined)
    assert await provider.books(order_id) == (Books(intents=1, open=3000) if truth else Books(intents=0))


async def test_server_error_is_unknown_and_leaves_nothing(provider: Provider) -> None:
    order_id = new_id()
    for _ in range(2):
        assert isinstance(await provider.psp.authorize(order_id, TOTAL, "card", "tok_error"), Unknown)
    assert await provider.books(order_id) == Books(intents=0)


async def test_payment_that_never_was_is_absent_once_it_would_be_found(provider: Provider) -> None:
    assert await provider.psp.inquire(new_id(), sent_at=utc_now() - timedelta(hours=1)) == Absent()


async def test_inquiry_tells_how_a_payment_stands(held: Held) -> None:
    assert await held.psp.inquire(held.order_id) == Authorized(held.reference)
    assert await held.psp.inquire(held.order_id, reference=held.reference) == Authorized(held.reference)
    assert await held.psp.void(held.order_id, held.reference) == Done()
    assert await held.psp.inquire(held.order_id) == Canceled(held.reference)


async def test_captures_in_parts_each_once(held: Held) -> None:
    first, second = new_id(), new_id()
    for _ in range(2):
        assert await held.psp.capture(held.order_id, first, held.reference, PART, final=False) == Done()
    assert await held.books() == Books(intents=1, open=2000, captured=1000)
    for _ in range(2):
        assert await held.psp.capture(held.order_id, second, held.reference, REST, final=True) == Done()
    assert await held.books() == Books(intents=1, captured=3000)


async def test_captures_never_more_than_held(held: Held) -> None:
    too_much = Money(amount=3001, currency="EUR")
    assert await held.psp.capture(held.order_id, new_id(), held.reference, too_much, final=True) == Refused("amount_too_large")
    assert await held.books() == Books(intents=1, open=3000)


async def test_void_lets_go_and_can_be_repeated(held: Held) -> None:
    for _ in range(2):
        assert await held.psp.void(held.order_id, held.reference) == Done()
    assert await held.books() == Books(intents=1)
    answer = await held.psp.capture(held.order_id, new_id(), held.reference, PART, final=False)
    assert answer == Refused("payment_intent_unexpected_state")


async def test_void_after_a_part_was_captured_keeps_that_part(held: Held) -> None:
    await held.psp.capture(held.order_id, new_id(), held.reference, PART, final=False)
    assert await held.psp.void(held.order_id, held.reference) == Done()
    assert await held.books() == Books(intents=1, captured=1000)
    assert await held.psp.refund(held.order_id, held.reference, PART) == Done()
    assert await held.books() == Books(intents=1, captured=1000, refunded=1000)


async def test_void_of_captured_money_is_refused(held: Held) -> None:
    await held.psp.capture(held.order_id, new_id(), held.reference, TOTAL, final=True)
    assert await held.psp.void(held.order_id, held.reference) == Refused("payment_intent_unexpected_state")


async def test_refund_gives_back_once(held: Held) -> None:
    await held.psp.capture(held.order_id, new_id(), held.reference, TOTAL, final=True)
    for _ in range(2):
        assert await held.psp.refund(held.order_id, held.reference, TOTAL) == Done()
    assert await held.books() == Books(intents=1, captured=3000, refunded=3000)


@pytest.mark.parametrize("fault", ["timeout_done", "timeout_lost", "error"])
async def test_unanswered_change_is_done_once_when_asked_again(held: Held, fault: str) -> None:
    shipment = new_id()
    await held.provider.fail(fault)
    assert isinstance(await held.psp.capture(held.order_id, shipment, held.reference, TOTAL, final=True), Unknown)
    assert await held.psp.capture(held.order_id, shipment, held.reference, TOTAL, final=True) == Done()
    await held.provider.fail(fault)
    assert isinstance(await held.psp.refund(held.order_id, held.reference, TOTAL), Unknown)
    assert await held.psp.refund(held.order_id, held.reference, TOTAL) == Done()
    assert await held.books() == Books(intents=1, captured=3000, refunded=3000)


@pytest.mark.parametrize("fault", ["timeout_done", "timeout_lost", "error"])
async def test_unanswered_void_is_done_when_asked_again(held: Held, fault: str) -> None:
    await held.provider.fail(fault)
    assert isinstance(await held.psp.void(held.order_id, held.reference), Unknown)
    assert await held.psp.void(held.order_id, held.reference) == Done()
    assert await held.books() == Books(intents=1)


async def test_inquiry_that_is_not_answered_is_unknown(held: Held) -> None:
    await held.provider.fail("error")
    assert isinstance(await held.psp.inquire(held.order_id), Unknown)


def test_keys_follow_from_the_order_alone() -> None:
    order_id, shipment_id = UUID(int=1), UUID(int=2)
    assert idempotency_key("authorize", order_id) == f"waybill:authorize:{order_id}"
    assert idempotency_key("capture", order_id, shipment_id) == f"waybill:capture:{order_id}:{shipment_id}"


async def test_wrong_key_is_an_operators_business(simulator: str) -> None:
    psp = StripePsp("sk_wrong", simulator, timeout_seconds=TIMEOUT_SECONDS)
    with pytest.raises(PspCredentialsError):
        await psp.authorize(new_id(), TOTAL, "card", "tok_ok")
    await psp.close()


async def test_nobody_listening_is_unknown() -> None:
    psp = StripePsp("sk_test", "http://127.0.0.1:9", timeout_seconds=TIMEOUT_SECONDS)
    order_id = new_id()
    assert await psp.authorize(order_id, TOTAL, "card", "tok_ok") == Unknown("ConnectError")
    assert await psp.void(order_id, "pi_1") == Unknown("ConnectError")
    assert await psp.inquire(order_id) == Unknown("ConnectError")
    await psp.close()


async def test_key_used_with_another_instrument_is_resolved_by_inquiry(simulator: str) -> None:
    psp = StripePsp("sk_test", simulator, timeout_seconds=TIMEOUT_SECONDS)
    order_id = new_id()
    first = await psp.authorize(order_id, TOTAL, "card", "tok_ok")
    assert isinstance(first, Authorized)
    assert await psp.authorize(order_id, TOTAL, "card", "tok_slow") == first
    await psp.close()


async def test_payment_not_found_is_unknown_while_search_lags(simulator: str) -> None:
    psp = StripePsp("sk_test", simulator, search_lag_seconds=60)
    assert await psp.inquire(new_id(), sent_at=utc_now() - timedelta(seconds=30)) == Unknown("not_found_yet")
    assert await psp.inquire(new_id()) == Unknown("not_found_yet")
    await psp.close()


async def test_sdk_never_writes_the_token_down(simulator: str, caplog: pytest.LogCaptureFixture) -> None:
    psp = StripePsp("sk_test", simulator)
    with caplog.at_level(logging.DEBUG):
        answers = [await psp.authorize(new_id(), TOTAL, "card", token) for token in ("tok_ok", "tok_declined", "tok_of_nobody")]
    await psp.close()
    assert caplog.records, "the HTTP client logs its requests"
    assert "tok_" not in caplog.text + repr(answers)
