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
    Challenged,
    Declined,
    Done,
    PspCredentialsError,
    PspGateway,
    Refused,
    StubPsp,
    Taken,
    Unknown,
    idempotency_key,
)
from payment.gateway.stripe_psp import StripePsp
from payment.model import PaymentKey

TIMEOUT_SECONDS = 0.7
TOTAL = Money(amount=3000, currency="EUR")
PART = Money(amount=1000, currency="EUR")
REST = Money(amount=2000, currency="EUR")
MORE = Money(amount=500, currency="EUR")
LITTLE = Money(amount=100, currency="EUR")
FAILED = "authentication_failure"
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

    async def answer(self, reference: str, *, proved: bool) -> None:
        """Have the customer answer the bank that asks who pays."""
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

    async def answer(self, reference: str, *, proved: bool) -> None:
        self.stub.answer_challenge(reference, proved=proved)

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

    async def answer(self, reference: str, *, proved: bool) -> None:
        said = await self._client.post(
            f"{self._url}/sim/psp/challenge/{reference}", data={"outcome": "approve" if proved else "fail"}
        )
        assert said.raise_for_status().headers["content-type"].startswith("text/html")

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
    key: PaymentKey
    reference: str

    @property
    def psp(self) -> PspGateway:
        return self.provider.psp

    async def books(self) -> Books:
        return await self.provider.books(self.key.order_id)


@pytest.fixture
async def held(provider: Provider) -> Held:
    key = PaymentKey(new_id())
    answer = await provider.psp.authorize(key, TOTAL, "card", "tok_ok")
    assert isinstance(answer, Authorized)
    return Held(provider, key, answer.reference)


async def test_authorizing_again_answers_the_same_and_holds_once(held: Held) -> None:
    again = await held.psp.authorize(held.key, TOTAL, "card", "tok_ok")
    assert again == Authorized(held.reference)
    assert await held.books() == Books(intents=1, open=3000)


@pytest.mark.parametrize("proved", [True, False, None])
async def test_nothing_is_held_before_the_bank_knows_who_pays(provider: Provider, *, proved: bool | None) -> None:
    key = PaymentKey(new_id())
    asked = await provider.psp.authorize(key, TOTAL, "card", "tok_3ds")
    assert isinstance(asked, Challenged)
    assert asked.page == f"/sim/psp/challenge/{asked.reference}"
    assert await provider.psp.authorize(key, TOTAL, "card", "tok_3ds") == asked
    assert await provider.psp.inquire(key, reference=asked.reference) == asked
    assert (await provider.books(key.order_id)).open == 0
    if proved is None:
        assert await provider.psp.void(key, asked.reference) == Done()
        assert await provider.psp.inquire(key, reference=asked.reference) == Canceled(asked.reference)
        return
    await provider.answer(asked.reference, proved=proved)
    answer = await provider.psp.inquire(key, reference=asked.reference)
    assert answer == (Authorized(asked.reference) if proved else Declined("payment_intent_authentication_failure", FAILED))
    assert (await provider.books(key.order_id)).open == (3000 if proved else 0)


@pytest.mark.parametrize(
    ("token", "detail"), [("tok_declined", "generic_decline"), ("tok_insufficient_funds", "insufficient_funds")]
)
async def test_decline_is_an_answer_with_the_issuers_reason(provider: Provider, token: str, detail: str) -> None:
    order_id = new_id()
    for _ in range(2):
        assert await provider.psp.authorize(PaymentKey(order_id), TOTAL, "card", token) == Declined("card_declined", detail)
    assert await provider.psp.inquire(PaymentKey(order_id)) == Declined("card_declined", detail)
    assert await provider.books(order_id) == Books(intents=0)


async def test_unknown_instrument_is_refused(provider: Provider) -> None:
    assert await provider.psp.authorize(PaymentKey(new_id()), TOTAL, "card", "tok_of_nobody") == Refused("resource_missing")


@pytest.mark.parametrize(
    ("token", "truth"), [("tok_timeout_captured", True), ("tok_timeout_lost", True), ("tok_timeout_failed", False)]
)
async def test_unanswered_authorization_is_unknown_until_asked_again(provider: Provider, token: str, truth: bool) -> None:  # noqa: FBT001 - a column of the table above
    order_id = new_id()
    assert isinstance(await provider.psp.authorize(PaymentKey(order_id), TOTAL, "card", token), Unknown)
    answer = await provider.psp.authorize(PaymentKey(order_id), TOTAL, "card", token)
    assert isinstance(answer, Authorized if truth else Declined)
    assert await provider.books(order_id) == (Books(intents=1, open=3000) if truth else Books(intents=0))


async def test_server_error_is_unknown_and_leaves_nothing(provider: Provider) -> None:
    order_id = new_id()
    for _ in range(2):
        assert isinstance(await provider.psp.authorize(PaymentKey(order_id), TOTAL, "card", "tok_error"), Unknown)
    assert await provider.books(order_id) == Books(intents=0)


async def test_payment_that_never_was_is_absent_once_it_would_be_found(provider: Provider) -> None:
    assert await provider.psp.inquire(PaymentKey(new_id()), sent_at=utc_now() - timedelta(hours=1)) == Absent()


async def test_inquiry_tells_how_a_payment_stands(held: Held) -> None:
    assert await held.psp.inquire(held.key) == Authorized(held.reference)
    assert await held.psp.inquire(held.key, reference=held.reference) == Authorized(held.reference)
    assert await held.psp.void(held.key, held.reference) == Done()
    assert await held.psp.inquire(held.key) == Canceled(held.reference)


async def test_a_hold_is_made_anew_once_beside_the_earlier_one(held: Held) -> None:
    renewal = PaymentKey(held.key.order_id, new_id())
    first = await held.psp.reauthorize(renewal, REST, held.reference)
    assert isinstance(first, Authorized)
    assert await held.psp.reauthorize(renewal, REST, held.reference) == first
    assert first.reference != held.reference
    assert await held.provider.books(held.key.order_id) == Books(2, open=TOTAL.amount + REST.amount)
    assert await held.psp.inquire(renewal) == first
    assert await held.psp.void(PaymentKey(held.key.order_id), held.reference) == Done()
    assert await held.psp.capture(renewal, new_id(), first.reference, REST, final=True) == Done()
    assert await held.provider.books(held.key.order_id) == Books(2, captured=REST.amount)


async def test_a_card_whose_holder_is_away_may_be_declined(provider: Provider) -> None:
    order_id = new_id()
    first = await provider.psp.authorize(PaymentKey(order_id), TOTAL, "card", "tok_once")
    assert isinstance(first, Authorized)
    again = await provider.psp.reauthorize(PaymentKey(order_id, new_id()), TOTAL, first.reference)
    assert isinstance(again, Declined)
    assert (await provider.books(order_id)).open == TOTAL.amount


async def test_captures_in_parts_each_once(held: Held) -> None:
    first, second = new_id(), new_id()
    for _ in range(2):
        assert await held.psp.capture(held.key, first, held.reference, PART, final=False) == Done()
    assert await held.books() == Books(intents=1, open=2000, captured=1000)
    for _ in range(2):
        assert await held.psp.capture(held.key, second, held.reference, REST, final=True) == Done()
    assert await held.books() == Books(intents=1, captured=3000)


async def test_captures_never_more_than_held(held: Held) -> None:
    too_much = Money(amount=3001, currency="EUR")
    assert await held.psp.capture(held.key, new_id(), held.reference, too_much, final=True) == Refused("amount_too_large")
    assert await held.books() == Books(intents=1, open=3000)


async def test_void_lets_go_and_can_be_repeated(held: Held) -> None:
    for _ in range(2):
        assert await held.psp.void(held.key, held.reference) == Done()
    assert await held.books() == Books(intents=1)
    answer = await held.psp.capture(held.key, new_id(), held.reference, PART, final=False)
    assert answer == Refused("payment_intent_unexpected_state")


async def test_void_after_a_part_was_captured_keeps_that_part(held: Held) -> None:
    await held.psp.capture(held.key, new_id(), held.reference, PART, final=False)
    assert await held.psp.void(held.key, held.reference) == Done()
    assert await held.books() == Books(intents=1, captured=1000)
    assert await held.psp.refund(held.key, held.reference, PART) == Done()
    assert await held.books() == Books(intents=1, captured=1000, refunded=1000)


async def test_void_of_captured_money_tells_how_much_was_taken(held: Held) -> None:
    await held.psp.capture(held.key, new_id(), held.reference, TOTAL, final=True)
    taken = Taken(held.reference, TOTAL.amount)
    assert await held.psp.void(held.key, held.reference) == taken
    assert await held.psp.inquire(held.key, reference=held.reference) == taken


async def test_refunds_under_keys_of_their_own_are_apart(held: Held) -> None:
    await held.psp.capture(held.key, new_id(), held.reference, TOTAL, final=True)
    part = Money(amount=TOTAL.amount // 2, currency=TOTAL.currency)
    for key in ("refund-a", "refund-b", "refund-b"):
        assert await held.psp.refund(held.key, held.reference, part, key) == Done()
    assert isinstance(await held.psp.refund(held.key, held.reference, part, "refund-c"), Refused)
    assert await held.psp.refund(held.key, held.reference, part) == Done(), "all of it is back"


async def test_refund_gives_back_once(held: Held) -> None:
    await held.psp.capture(held.key, new_id(), held.reference, TOTAL, final=True)
    for _ in range(2):
        assert await held.psp.refund(held.key, held.reference, TOTAL) == Done()
    assert await held.books() == Books(intents=1, captured=3000, refunded=3000)


@pytest.mark.parametrize("fault", ["timeout_done", "timeout_lost", "error"])
async def test_unanswered_change_is_done_once_when_asked_again(held: Held, fault: str) -> None:
    shipment = new_id()
    await held.provider.fail(fault)
    assert isinstance(await held.psp.capture(held.key, shipment, held.reference, TOTAL, final=True), Unknown)
    assert await held.psp.capture(held.key, shipment, held.reference, TOTAL, final=True) == Done()
    await held.provider.fail(fault)
    assert isinstance(await held.psp.refund(held.key, held.reference, TOTAL), Unknown)
    assert await held.psp.refund(held.key, held.reference, TOTAL) == Done()
    assert await held.books() == Books(intents=1, captured=3000, refunded=3000)


@pytest.mark.parametrize("fault", ["timeout_done", "timeout_lost", "error"])
async def test_unanswered_void_is_done_when_asked_again(held: Held, fault: str) -> None:
    await held.provider.fail(fault)
    assert isinstance(await held.psp.void(held.key, held.reference), Unknown)
    assert await held.psp.void(held.key, held.reference) == Done()
    assert await held.books() == Books(intents=1)


async def test_inquiry_that_is_not_answered_is_unknown(held: Held) -> None:
    await held.provider.fail("error")
    assert isinstance(await held.psp.inquire(held.key), Unknown)


def test_keys_follow_from_order_and_change_alone() -> None:
    order_id, change_id, shipment_id = UUID(int=1), UUID(int=2), UUID(int=3)
    main, addition = PaymentKey(order_id), PaymentKey(order_id, change_id)
    assert idempotency_key("authorize", main) == f"waybill:authorize:{order_id}"
    assert idempotency_key("capture", main, shipment_id) == f"waybill:capture:{order_id}:{shipment_id}"
    assert idempotency_key("authorize", addition) == f"waybill:authorize:{order_id}:{change_id}"
    assert idempotency_key("capture", addition, shipment_id) == f"waybill:capture:{order_id}:{change_id}:{shipment_id}"


@dataclass(frozen=True)
class Extended:
    """An order that the PSP holds 30.00 for, and 5.00 for each of so many additions."""

    main: Held
    additions: list[Held]

    async def books(self) -> Books:
        return await self.main.books()


@pytest.fixture
async def extended(held: Held) -> Extended:
    additions = []
    for _ in range(3):
        key = PaymentKey(held.key.order_id, new_id())
        answer = await held.psp.authorize(key, MORE, "card", "tok_ok")
        assert isinstance(answer, Authorized)
        additions.append(Held(held.provider, key, answer.reference))
    return Extended(held, additions)


async def test_each_payment_of_an_order_is_one_of_its_own(extended: Extended) -> None:
    for one in (extended.main, *extended.additions):
        amount = TOTAL if one is extended.main else MORE
        assert await one.psp.authorize(one.key, amount, "card", "tok_ok") == Authorized(one.reference)
    assert len({one.reference for one in (extended.main, *extended.additions)}) == 4
    assert await extended.books() == Books(intents=4, open=4500)


async def test_inquiry_finds_the_right_payment_of_an_order(extended: Extended) -> None:
    first, second, _ = extended.additions
    for one in (extended.main, first, second):
        assert await one.psp.inquire(one.key) == Authorized(one.reference)
    assert await first.psp.void(first.key, first.reference) == Done()
    assert await first.psp.inquire(first.key) == Canceled(first.reference)
    assert await second.psp.inquire(second.key) == Authorized(second.reference)
    assert await extended.main.psp.inquire(extended.main.key) == Authorized(extended.main.reference)


async def test_payment_that_never_was_is_not_taken_for_another_of_its_order(provider: Provider) -> None:
    main, addition = PaymentKey(new_id()), PaymentKey(new_id(), new_id())
    long_ago = utc_now() - timedelta(hours=1)
    await provider.psp.authorize(main, TOTAL, "card", "tok_ok")
    await provider.psp.authorize(addition, MORE, "card", "tok_ok")
    assert await provider.psp.inquire(PaymentKey(main.order_id, new_id()), sent_at=long_ago) == Absent()
    assert await provider.psp.inquire(PaymentKey(addition.order_id), sent_at=long_ago) == Absent()


async def test_a_shipment_is_captured_of_several_payments_once_each(extended: Extended) -> None:
    shipment, addition = new_id(), extended.additions[0]
    for _ in range(2):
        assert await addition.psp.capture(extended.main.key, shipment, extended.main.reference, TOTAL, final=True) == Done()
        assert await addition.psp.capture(addition.key, shipment, addition.reference, LITTLE, final=False) == Done()
    assert await extended.books() == Books(intents=4, open=1400, captured=3100)


async def test_the_last_capture_lets_go_of_what_is_not_needed(held: Held) -> None:
    assert await held.psp.capture(held.key, new_id(), held.reference, PART, final=True) == Done()
    assert await held.books() == Books(intents=1, captured=1000)


async def test_refunds_and_voids_of_several_payments_do_not_meet(extended: Extended) -> None:
    one, other, third = extended.additions
    for addition in (one, other):
        assert await addition.psp.capture(addition.key, new_id(), addition.reference, MORE, final=True) == Done()
    assert await one.psp.refund(one.key, one.reference, MORE) == Done()
    assert await extended.books() == Books(intents=4, open=3500, captured=1000, refunded=500)
    assert await other.psp.refund(other.key, other.reference, MORE) == Done()
    assert await third.psp.void(third.key, third.reference) == Done()
    assert await extended.main.psp.void(extended.main.key, extended.main.reference) == Done()
    assert await extended.books() == Books(intents=4, captured=1000, refunded=1000)


async def test_main_payment_is_found_among_more_than_a_page_of_additions(simulator: str) -> None:
    psp, order_id = StripePsp("sk_test", simulator, timeout_seconds=TIMEOUT_SECONDS), new_id()
    main = await psp.authorize(PaymentKey(order_id), TOTAL, "card", "tok_ok")
    for _ in range(101):
        await psp.authorize(PaymentKey(order_id, new_id()), LITTLE, "card", "tok_ok")
    assert await psp.inquire(PaymentKey(order_id)) == main
    await psp.close()


async def test_wrong_key_is_an_operators_business(simulator: str) -> None:
    psp = StripePsp("sk_wrong", simulator, timeout_seconds=TIMEOUT_SECONDS)
    with pytest.raises(PspCredentialsError):
        await psp.authorize(PaymentKey(new_id()), TOTAL, "card", "tok_ok")
    await psp.close()


async def test_nobody_listening_is_unknown() -> None:
    psp = StripePsp("sk_test", "http://127.0.0.1:9", timeout_seconds=TIMEOUT_SECONDS)
    order_id = new_id()
    assert await psp.authorize(PaymentKey(order_id), TOTAL, "card", "tok_ok") == Unknown("ConnectError")
    assert await psp.void(PaymentKey(order_id), "pi_1") == Unknown("ConnectError")
    assert await psp.inquire(PaymentKey(order_id)) == Unknown("ConnectError")
    await psp.close()


async def test_key_used_with_another_instrument_is_resolved_by_inquiry(simulator: str) -> None:
    psp = StripePsp("sk_test", simulator, timeout_seconds=TIMEOUT_SECONDS)
    order_id = new_id()
    first = await psp.authorize(PaymentKey(order_id), TOTAL, "card", "tok_ok")
    assert isinstance(first, Authorized)
    assert await psp.authorize(PaymentKey(order_id), TOTAL, "card", "tok_slow") == first
    await psp.close()


async def test_payment_not_found_is_unknown_while_search_lags(simulator: str) -> None:
    psp = StripePsp("sk_test", simulator, search_lag_seconds=60)
    assert await psp.inquire(PaymentKey(new_id()), sent_at=utc_now() - timedelta(seconds=30)) == Unknown("not_found_yet")
    assert await psp.inquire(PaymentKey(new_id())) == Unknown("not_found_yet")
    await psp.close()


async def test_sdk_never_writes_the_token_down(simulator: str, caplog: pytest.LogCaptureFixture) -> None:
    psp = StripePsp("sk_test", simulator)
    with caplog.at_level(logging.DEBUG):
        answers = [
            await psp.authorize(PaymentKey(new_id()), TOTAL, "card", token)
            for token in ("tok_ok", "tok_declined", "tok_of_nobody")
        ]
    await psp.close()
    assert caplog.records, "the HTTP client logs its requests"
    assert "tok_" not in caplog.text + repr(answers)
