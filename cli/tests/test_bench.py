"""The benchmark's own parts: the workload is what it says, the generator tells the truth, the account adds up."""

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chassis.testing import eventually
from waybill.commands.bench import bench, modules
from waybill.errors import WaybillError

accounting, checking, client, generator, loading, measuring, profiling, report, scenarios, shipping, topics, workload = modules(
    "accounting",
    "checking",
    "client",
    "generator",
    "loading",
    "measuring",
    "profiling",
    "report",
    "scenarios",
    "shipping",
    "topics",
    "workload",
)
ORDER_ID = "01890000-0000-7000-8000-000000000000"
CREATED = f"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nLocation: /api/orders/{ORDER_ID}\r\n\r\n{{}}".encode()
CANCELLED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"


class Shop(asyncio.Protocol):
    """Answers each request, whole as the client sends it, by `answer`, after a pause."""

    def __init__(self, answer: Callable[[bytes], bytes], pause: float) -> None:
        self.answer = answer
        self.pause = pause

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        answer = self.answer(data)
        if not answer:
            self.transport.close()
        elif self.pause:
            asyncio.get_running_loop().call_later(self.pause, self.transport.write, answer)
        else:
            self.transport.write(answer)


@asynccontextmanager
async def shop(answer: Callable[[bytes], bytes], pause: float = 0.0) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(lambda: Shop(answer, pause), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def plan(port: int, **changes: Any) -> Any:
    usual = generator.Plan(
        host="127.0.0.1", port=port, tokens=("a", "b"), run="run", seed=1, count=200, seconds=20.0, clients=8
    )
    return replace(usual, **changes)


async def load(given: Any) -> Any:
    async with loading.Generator(given) as process:
        return await process.run()


def test_the_workload_is_the_same_every_time_and_popular_products_lead() -> None:
    orders = workload.orders(5000, 100, seed=7)
    assert orders == workload.orders(5000, 100, seed=7)
    assert orders != workload.orders(5000, 100, seed=8)
    assert {len({sku for sku, _ in order.lines}) for order in orders} == {workload.LINES}
    popularity = Counter(sku for order in orders for sku, _ in order.lines)
    first, tenth = popularity[workload.sku(0)], popularity[workload.sku(9)]
    assert 4 < first / tenth < 20  # by Zipf's law 10^1.1 = 12.6; less, since an order has a product only once
    assert len(popularity) > workload.PRODUCTS / 2


def test_every_order_of_the_hot_variant_has_the_hot_product() -> None:
    orders = workload.orders(300, 100, 1, workload.Variant.HOT)
    assert all(workload.sku(0) in dict(order.lines) for order in orders)
    assert {len(order.lines) for order in orders} == {workload.LINES}


def test_the_mix_has_its_shares_and_its_orders_say_what_becomes_of_them() -> None:
    orders = workload.orders(10_000, 100, 1, workload.Variant.MIX)
    shares = {kind: count / len(orders) for kind, count in Counter(order.kind for order in orders).items()}
    assert shares == pytest.approx({"confirmed": 0.83, "cancelled": 0.10, "declined": 0.05, "short": 0.02}, abs=0.01)
    for order in orders:
        body = json.loads(order.body())
        assert (body["payment"]["token"] == "tok_declined") == (order.kind == "declined")
        assert (workload.SOLD_OUT in {item["product_id"] for item in body["items"]}) == (order.kind == "short")


async def test_a_closed_loop_sends_every_order_once_with_its_own_key() -> None:
    heard: list[bytes] = []

    def answer(request: bytes) -> bytes:
        heard.append(request)
        return CREATED

    async with shop(answer) as port:
        outcome = await load(plan(port))
    keys = {line for request in heard for line in request.split(b"\r\n") if line.startswith(b"Idempotency-Key")}
    assert len(heard) == len(keys) == 200
    assert [sent.order_id for sent in outcome.sent] == [ORDER_ID] * 200
    assert outcome.failures == {}
    assert outcome.began_at <= min(sent.due_at for sent in outcome.sent) <= outcome.ended_at


async def test_a_closed_loop_ends_when_its_time_is_up() -> None:
    async with shop(lambda _: CREATED, pause=0.05) as port:
        outcome = await load(plan(port, count=100_000, seconds=0.5, clients=4))
    assert 4 <= len(outcome.sent) <= 60
    assert outcome.ended_at - outcome.began_at < 5


async def test_an_open_loop_counts_latency_from_the_moment_an_order_was_due() -> None:
    stalled_until = 0.0

    def answer(_: bytes) -> bytes:
        nonlocal stalled_until
        if not stalled_until:  # the shop stands still for a while, and everyone due in it is kept waiting
            stalled_until = time.monotonic() + 0.4
            time.sleep(0.4)
        return CREATED

    async with shop(answer) as port:
        outcome = await load(plan(port, rate=100.0, seconds=1.0, clients=2))
    assert len(outcome.sent) == 100
    slow = [sent for sent in outcome.sent if sent.latency > 0.1]
    assert len(slow) >= 20
    due = sorted(sent.due_at for sent in outcome.sent)
    assert due[-1] - due[0] == pytest.approx(0.99, abs=0.01)


async def test_what_is_refused_or_breaks_is_counted_and_never_taken_for_an_order() -> None:
    turns = iter(range(10_000))

    def answer(_: bytes) -> bytes:
        return (CREATED, BUSY, CREATED, b"")[next(turns) % 4]

    async with shop(answer) as port:
        outcome = await load(plan(port, count=40, clients=2))
    assert sum(bool(sent.order_id) for sent in outcome.sent) == 20
    assert {reason.partition(":")[0]: count for reason, count in outcome.failures.items()} == {"503": 10, "broken": 10}


async def test_customers_of_the_mix_cancel_right_after_placing() -> None:
    heard: list[bytes] = []

    def answer(request: bytes) -> bytes:
        heard.append(request.split(b" ")[1])
        return CANCELLED if heard[-1].endswith(b"/cancel") else CREATED

    async with shop(answer) as port:
        outcome = await load(plan(port, variant="mix"))
    cancelled = sum(sent.kind == "cancelled" for sent in outcome.sent)
    assert cancelled == heard.count(f"/api/orders/{ORDER_ID}/cancel".encode()) > 5
    assert outcome.failures == {}


async def test_an_answer_in_pieces_is_put_together_and_one_without_length_breaks() -> None:
    answers: list[Any] = []
    connection = client.Connection(lambda _, answer: answers.append(answer))
    for piece in (CREATED[:30], CREATED[30:90], CREATED[90:]):
        connection.data_received(piece)
    connection.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert [answer.status for answer in answers] == [201, 0]
    assert answers[0].body == b"{}"


def test_the_account_has_the_children_of_a_part_and_not_who_is_left_out() -> None:
    spin = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"
    child = f"subprocess.run([sys.executable, '-c', {spin.format(0.3)!r}])"
    wait = f"import subprocess, sys\n{child}\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", wait], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()  # the child has ended: what it used is booked to its parent
        used = accounting.read({"part": [parent.pid]}).parts["part"]
        without = accounting.read({"part": [parent.pid]}, left_out=[parent.pid]).parts["part"]
        parent.communicate()
    assert used >= 0.28  # the system counts in hundredths of a second, user and system time apart
    assert without == 0.0
    assert accounting.read({"gone": [parent.pid], "us": [os.getpid()]}).parts["gone"] == 0.0


def test_percentiles_are_milliseconds_and_absent_where_nothing_happened() -> None:
    some = measuring.Percentiles.of([number / 1000 for number in range(101)])
    assert (some.p50, some.p99, some.most) == (50.0, 99.0, 100.0)
    assert measuring.Percentiles.of([]).p50 is None


def test_an_order_is_decided_by_its_first_decision_and_its_steps_are_told_apart() -> None:
    steps = [("order.placed.v1", 1.0), ("inventory.stock_reserved.v1", 1.01), ("payment.authorized.v1", 1.03)]
    facts = [topics.Told(kind, "a", at) for kind, at in (*steps, ("order.confirmed.v1", 1.06), ("order.cancelled.v1", 2.0))]
    story = measuring.Story.of([facts], {"a": 0.99}, 1.1)
    assert story.decided("a") == 1.06
    assert story.decided("b") is None
    assert list(story.hops().values()) == pytest.approx([10, 10, 20, 30])


def test_a_run_that_is_not_right_fails_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = modules("run")
    wrong = figures("max", 100.0, checks=[checking.Check("every accepted order ended as it should", "x is Pending")])

    async def pretend(*_: Any) -> Any:
        return run.Results(measured=[wrong])

    monkeypatch.setattr(run, "run", pretend)
    with pytest.raises(WaybillError, match="x is Pending") as caught:
        bench(as_json=True)
    assert caught.value.exit_code == 2
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_the_json_has_the_headlines_as_medians_and_says_where_they_are_from() -> None:
    runs = [figures("max", rate) for rate in (500.0, 900.0, 700.0)]
    found = report.as_json(runs, {"cores": 2}, [])
    assert found["orders_per_second"] == 700.0
    assert found["sources"]["confirmed_p50_ms"] == "max"
    assert found["passed"] is True
    with_low = report.as_json([*runs, figures("low", 50.0)], {}, [])
    assert with_low["sources"]["confirmed_p50_ms"] == "low"
    wanted = {"orders_per_second", "cpu_ms_per_order", "accept_p50_ms", "accept_p99_ms", "confirmed_p50_ms", "confirmed_p99_ms"}
    assert wanted <= set(found)


def test_a_profile_adds_up_samples_by_function_whatever_the_line() -> None:
    lines = ["main (a/run.py:1);work (a/run.py:7) 3", "main (a/run.py:2);work (a/run.py:8);f (b.py:1) 1", "no sample"]
    profile = profiling.Profile.read("order", lines)
    assert profile.samples == 4
    assert profile.top(profile.own, 1) == [("work (a/run.py)", 75.0)]
    assert dict(profile.top(profile.total, 9)) == {"main (a/run.py)": 100.0, "work (a/run.py)": 100.0, "f (b.py)": 25.0}


def test_a_profile_gives_samples_to_the_innermost_layer_and_leaves_out_threads_that_wait() -> None:
    lines = [
        "run (asyncio/runners.py:1);place (order/commands/place.py:7);__get__ (enum.py:3) 5",
        "run (asyncio/runners.py:1);_handle (chassis/batch.py:7);fetch (asyncpg/connection.py:9) 3",
        "run (asyncio/runners.py:1) 1",
        "main (somewhere.py:1) 1",
        "run (anyio/_backends/_asyncio.py:9);Queue.get (queue.py:171);Condition.wait (threading.py:320) 90",
    ]
    profile = profiling.Profile.read("order", lines)
    assert dict(profile.top(profile.layers, 9)) == {
        "models, reactions, stores, routes": 50.0,
        "database driver": 30.0,
        "event loop": 10.0,
        profiling.OTHER: 10.0,
    }


def test_an_open_loop_lasts_as_long_as_its_limits_allow() -> None:
    low = scenarios.SCENARIOS[scenarios.Name.LOW]
    assert low.limited(None, 4.0).orders == 200
    assert low.limited(30, 4.0).orders == 30
    assert scenarios.SCENARIOS[scenarios.Name.MAX].limited(None, 4.0).orders == scenarios.CLOSED_ORDERS


@pytest.mark.parametrize(
    ("options", "says"),
    [({"scenario": ["fast"]}, "no scenario fast"), ({"profile": ["web"]}, "no service web")],
    ids=["scenario", "service"],
)
def test_what_is_not_known_is_told_in_one_line(options: dict[str, Any], says: str) -> None:
    with pytest.raises(WaybillError, match=says):
        bench(**options)


def test_a_missing_sampler_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(WaybillError, match="py-spy"):
        bench(profile=["order"])


def figures(scenario: str, rate: float, checks: list[Any] | None = None) -> Any:
    some = measuring.Percentiles.of([0.001, 0.002])
    return measuring.Measured(
        scenario=scenario,
        orders=10,
        orders_per_second=rate,
        accepted_per_second=rate,
        accept=some,
        confirmed=some,
        confirmed_since_order_date=some,
        hops_p50_ms={},
        cpu_ms_per_order=1.0,
        cpu_ms_by_part=dict.fromkeys(accounting.SERVING, 0.1),
        cpu_ms_of_others={},
        generator_cpu_ms_per_order=0.1,
        foreign_cpu_percent=0.0,
        busy_percent=50.0,
        wal_syncs_per_order=0.3,
        wal_bytes_per_order=1000.0,
        messages_per_order={"order.events": 2.0},
        statements_per_order={},
        database_ms_per_order={},
        checks=checks or [checking.Check("all is well")],
    )


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have warehouses tick a hundred times a second."""
    monkeypatch.setattr(shipping, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(shipping, "PAUSE_TICKS", 2)


def parcels(count: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    return [(uuid.uuid4(), uuid.uuid4()) for _ in range(count)]


@pytest.mark.usefixtures("hurried")
async def test_a_warehouse_takes_each_parcel_through_its_three_steps() -> None:
    heard: list[tuple[str, str]] = []

    def answer(request: bytes) -> bytes:
        path = request.split(b" ", 2)[1].decode()
        shipment, step = path.split("/")[-2:]
        heard.append((shipment, step))
        return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" if step == "label" else CANCELLED

    async with shop(answer) as port:
        warehouse = shipping.Warehouse("127.0.0.1", port, "t", parcels(500), rate=200.0)
        async with warehouse.working():
            await eventually(lambda: _true(warehouse.answers["deliver granted"] >= 4), "some parcels have arrived")
    assert warehouse.check.passed, warehouse.check.problem
    steps: dict[str, list[str]] = {}
    for shipment, step in heard:
        steps.setdefault(shipment, []).append(step)
    assert set(map(tuple, steps.values())) == {("label", "dispatch", "deliver")}, "what was begun is finished, in order"


async def _true(value: bool) -> bool:  # noqa: FBT001
    return value


@pytest.mark.usefixtures("hurried")
async def test_a_warehouse_that_is_refused_counts_against_the_run() -> None:
    async with shop(lambda _: BUSY) as port:
        warehouse = shipping.Warehouse("127.0.0.1", port, "t", parcels(500), rate=200.0)
        async with warehouse.working():
            await eventually(lambda: _true(warehouse.answers.total() > 0), "a parcel was refused")
    assert not warehouse.check.passed
    assert "label answered 503" in warehouse.check.problem
    assert "no parcel was sent" in warehouse.check.problem


@pytest.mark.usefixtures("hurried")
async def test_a_warehouse_without_parcels_says_so() -> None:
    async with shop(lambda _: CANCELLED) as port:
        warehouse = shipping.Warehouse("127.0.0.1", port, "t", parcels(1), rate=200.0)
        with pytest.raises(WaybillError, match="all 1 parcels have left"):
            async with warehouse.working():
                await asyncio.sleep(0.2)  # the load that goes on meanwhile


async def test_no_warehouse_works_where_none_is_wanted() -> None:
    warehouse = shipping.Warehouse("127.0.0.1", 1, "t", [], rate=0.0)
    async with warehouse.working():
        pass
    assert warehouse.answers.total() == 0
