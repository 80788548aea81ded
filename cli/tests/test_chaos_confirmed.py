"""That all orders are confirmed is measured: one that is cancelled is not, nor one that nobody decides in time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from waybill.chaos import outages, people, recovery, verdict
from waybill.chaos.books import Books
from waybill.chaos.outages import OUTAGES
from waybill.chaos.people import Person
from waybill.chaos.plan import EXPLAINED, FATES, Fate, Plan
from waybill.chaos.recovery import LOSSES, Figure, LostOrderError, confirmed
from waybill.chaos.trade import Trade
from waybill.chaos.verdict import Verdict
from waybill.reconciliation.sources import Sources

from .answering import Answering, answering

PATH = "/api/orders/o-1"


@contextmanager
def nobody(*_: str) -> Iterator[None]:
    yield


RUNNING: Any = SimpleNamespace(
    system=SimpleNamespace(identity=SimpleNamespace(issuer="http://nobody.invalid")),
    supervisor=SimpleNamespace(keeping_down=nobody),
    replicas=lambda service: [service],
)


@pytest.fixture(autouse=True)
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def bearer(_: people.Person) -> str:
        return "a-token"

    monkeypatch.setattr(people.Person, "bearer", bearer)


def shop(*statuses: str) -> httpx2.AsyncClient:
    """Answer with an order: when it is placed in the first status, and then in one after the other, the last for ever."""
    left = list(statuses)

    def answer(request: httpx2.Request) -> httpx2.Response:
        status = left.pop(0) if len(left) > 1 else left[0]
        return httpx2.Response(201 if request.method == "POST" else 200, json={"order_id": "o-1", "status": status})

    return httpx2.AsyncClient(base_url="http://gateway.invalid", transport=httpx2.MockTransport(answer))


def trade_in(client: httpx2.AsyncClient) -> Trade:
    return Trade(RUNNING, Plan.make(1, 1, 0, 1.0), Books(), client)


async def wait_for(client: httpx2.AsyncClient, seconds: float) -> None:
    await confirmed(Person(client, "http://nobody.invalid", "ada", ("customer",), 5.0), PATH, seconds)


async def test_an_order_is_confirmed_when_it_is_processed_and_not_when_it_is_cancelled_or_undecided() -> None:
    async with shop("Pending", "Processing") as client:
        await wait_for(client, 5.0)
    async with shop("Pending", "Cancelled") as client:
        with pytest.raises(LostOrderError, match="is cancelled"):
            await wait_for(client, 5.0)
    async with shop("Pending") as client:
        with pytest.raises(TimeoutError, match="not confirmed in time: Pending"):
            await wait_for(client, 0.0)


@pytest.mark.parametrize(("statuses", "counted"), [(("Processing",), 1), (("Pending", "Shipped"), 1), (("Cancelled",), 0)])
async def test_a_recovery_time_is_one_of_a_confirmed_order(statuses: tuple[str, ...], counted: int) -> None:
    async with shop(*statuses) as client:
        trade, waiting = trade_in(client), recovery._Waiting()  # noqa: SLF001
        await recovery._order(trade, waiting, waiting.after)  # noqa: SLF001
    assert len(waiting.after) == counted
    assert len(trade.books.complaints) == 1 - counted
    assert waiting.open == {}
    (placed,) = trade.books.orders.values()
    assert placed.promised == frozenset({"Processing"})


def test_a_loss_is_not_recovered_from_when_no_order_was_confirmed() -> None:
    assert Figure(LOSSES[0], 10, 0.1, 0.5, orders=3).met
    assert not Figure(LOSSES[0], 10, 0.1, 0.0, orders=0).met


@pytest.mark.parametrize(("statuses", "caught_up"), [(("Pending", "Processing"), True), (("Pending", "Cancelled"), False)])
async def test_an_outage_is_caught_up_with_when_all_its_orders_are_confirmed(
    statuses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, *, caught_up: bool
) -> None:
    monkeypatch.setattr(outages, "EVERY_SECONDS", 0.001)
    world: Any = SimpleNamespace(running=RUNNING)
    async with shop(*statuses) as client:
        trade = trade_in(client)
        endured = await outages._endure(world, trade, OUTAGES[0], 0.0001)  # noqa: SLF001
    assert endured.taken == endured.asked > 0
    assert endured.met is caught_up
    assert bool(trade.books.complaints) is not caught_up


# --- in the end ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def psp() -> Iterator[Answering]:
    with answering() as gateway:
        gateway.answers["GET /sim/psp/ledger"] = {
            "items": [
                {"order_id": "00000000-0000-0000-0000-000000000001", "decline_code": "processing_error", "metadata": {}},
                {"order_id": "00000000-0000-0000-0000-000000000002", "decline_code": "generic_decline", "metadata": {}},
                {
                    "order_id": "00000000-0000-0000-0000-000000000003",
                    "decline_code": "processing_error",
                    "metadata": {"change_id": "c"},
                },
            ]
        }
        yield gateway


async def complaints(psp: Answering, books: Books, rejected: str = "", **order: Any) -> list[tuple[str, str]]:
    """Judge one order that is in the databases as said."""
    known = next(iter(books.orders.values()))
    row = {"order_id": known.order_id, "user_id": known.user, "cancel_reason": None} | order

    class Connection:
        async def fetch(self, statement: str) -> list[Mapping[str, Any]]:
            if "FROM review" in statement:
                return [{"order_id": rejected}] if rejected else []
            return [row]

        async def close(self) -> None:
            return None

    async def database(_: str) -> Connection:
        return Connection()

    world: Any = SimpleNamespace(database=database)
    found = Verdict()
    await verdict._orders(world, Sources({}, psp_ledger=f"{psp.url}/sim/psp/ledger"), books, found)  # noqa: SLF001
    assert psp.seen[-1].query == {"status": ["requires_payment_method"]}, "the books are long"
    return [(one.rule, one.says) for one in found.violations]


def told(number: int, fate: Fate | None) -> Books:
    """Make books of one order that was acknowledged."""
    books = Books()
    order_id = f"00000000-0000-0000-0000-{number:012}"
    Trade(RUNNING, Plan.make(1, 1, 0, 1.0), books, httpx2.AsyncClient()).note("k", order_id, "chaos-1", fate)
    return books


DECLINED = {"status": "Cancelled", "cancel_reason": "payment_declined"}


@pytest.mark.parametrize(
    ("number", "fate", "order"),
    [
        (1, Fate.KEEP, DECLINED),
        (2, Fate.DECLINE, DECLINED),
        (9, Fate.KEEP, {"status": "Processing"}),
        (9, Fate.CANCEL, {"status": "Cancelled", "cancel_reason": "customer"}),
        (9, Fate.SOLD_OUT, {"status": "Cancelled", "cancel_reason": "out_of_stock"}),
        (9, None, {"status": "Processing"}),
    ],
)
async def test_a_cancellation_is_explained_by_its_fate_or_by_the_books_of_the_psp(
    psp: Answering, number: int, fate: Fate | None, order: dict[str, Any]
) -> None:
    assert await complaints(psp, told(number, fate), **order) == []


@pytest.mark.parametrize(
    ("number", "fate", "order"),
    [
        (2, Fate.KEEP, DECLINED),
        (3, Fate.ADD, DECLINED),
        (9, Fate.DECLINE, DECLINED),
        (9, Fate.REJECT, DECLINED),
        (9, Fate.KEEP, {"status": "Cancelled", "cancel_reason": "customer"}),
        (9, Fate.SHIP, {"status": "Cancelled", "cancel_reason": "out_of_stock"}),
        (9, Fate.UNKNOWN, {"status": "Cancelled", "cancel_reason": "deadline"}),
    ],
)
async def test_any_other_cancellation_is_a_violation(
    psp: Answering, number: int, fate: Fate | None, order: dict[str, Any]
) -> None:
    assert [rule for rule, _ in await complaints(psp, told(number, fate), **order)] == ["cancelled"]


async def test_an_order_that_a_person_rejects_is_cancelled_and_no_other(psp: Answering) -> None:
    books = told(9, Fate.REJECT)
    (known,) = books.orders.values()
    assert await complaints(psp, books, rejected=known.order_id, **DECLINED) == []
    ((rule, says),) = await complaints(psp, told(9, Fate.APPROVE), rejected=known.order_id, **DECLINED)
    assert (rule, says) == ("cancelled", "is cancelled (rejected in review), and its fate was approve")


@pytest.mark.parametrize(("fate", "status"), [(Fate.SOLD_OUT, "Processing"), (Fate.REJECT, "Processing")])
async def test_what_was_never_to_be_confirmed_is_a_violation_when_it_is(psp: Answering, fate: Fate, status: str) -> None:
    assert await complaints(psp, told(9, fate), status=status) == [("promised", f"is {status}, and Cancelled was promised")]


async def test_an_order_that_is_placed_in_calm_is_kept(psp: Answering) -> None:
    found = await complaints(psp, told(1, None), **DECLINED)
    assert [rule for rule, _ in found] == ["promised", "cancelled"]


async def test_a_message_that_was_given_up_is_a_violation() -> None:
    class Connection:
        async def fetch(self, statement: str) -> list[Mapping[str, Any]]:
            assert "status = 'failed'" in statement
            return [{"order_id": "o-1", "template": "confirmed", "channel": "sms", "last_error": "away"}]

        async def close(self) -> None:
            return None

    async def database(service: str) -> Connection:
        assert service == "notification"
        return Connection()

    world: Any = SimpleNamespace(database=database)
    found = Verdict()
    await verdict._messages(world, found)  # noqa: SLF001
    assert [(one.rule, one.subject, one.says) for one in found.violations] == [
        ("messages", "o-1", "confirmed by sms was given up: away")
    ]


def test_every_fate_says_what_may_cancel_it() -> None:
    assert set(EXPLAINED) == set(FATES)
