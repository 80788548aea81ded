"""People in chaos: nothing that happens to one errand is lost or ends another's, and the system gives way to them."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from chassis.testing import eventually
from waybill.chaos import course as courses
from waybill.chaos import lookout, people, precedence
from waybill.chaos.books import Books
from waybill.chaos.course import Course
from waybill.chaos.plan import Plan
from waybill.chaos.trade import Trade

RUNNING: Any = SimpleNamespace(
    system=SimpleNamespace(
        identity=SimpleNamespace(issuer="http://nobody.invalid"),
        gateway_url="http://gateway.invalid",
        links=SimpleNamespace(pids=()),
    )
)


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def bearer(_: people.Person) -> str:
        return "a-token"

    monkeypatch.setattr(people.Person, "bearer", bearer)


def answering(answer: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url="http://gateway.invalid", transport=httpx2.MockTransport(answer))


@pytest.mark.usefixtures("signed_in")
async def test_an_answer_nobody_reckoned_with_is_a_violation_and_ends_no_other_errand() -> None:
    plan = Plan.make(1, 3, 0, 0.1)
    books = Books()
    async with answering(lambda _: httpx2.Response(201, text="no JSON")) as client:
        await Trade(RUNNING, plan, books, client).run()
    assert [says.partition(",")[0] for _, says in books.complaints] == ["its errand broke in raw_decode"] * 3
    assert books.finished == books.asked == 3


@pytest.mark.usefixtures("signed_in")
async def test_whatever_keeps_an_answer_away_the_request_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PAUSE_SECONDS", 0.001)
    troubles: list[Exception] = [RuntimeError("the handler is closed"), httpx2.ConnectError("refused"), OSError("no route")]

    def answer(_: httpx2.Request) -> httpx2.Response:
        if troubles:
            raise troubles.pop()
        return httpx2.Response(200, json={"status": "Pending"})

    async with answering(answer) as client:
        person = people.Person(client, "http://nobody.invalid", "ada", ("customer",), 10.0)
        assert await person.read("/api/orders/1") == {"status": "Pending"}


@pytest.mark.usefixtures("signed_in")
async def test_who_waits_for_an_order_hears_of_it_when_it_is_missing_in_a_look_at_all_that_began_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 0.001)
    looks: list[str] = []
    pages = [("a", "2"), ("b", None), ("a", None), ("c", None)]

    def answer(request: httpx2.Request) -> httpx2.Response:
        order_id, following = pages[len(looks)] if len(looks) < len(pages) else ("c", None)
        looks.append(str(request.url.params.get("cursor")))
        return httpx2.Response(200, json={"items": [{"order_id": order_id}], "next_cursor": following})

    async with answering(answer) as client:
        looking = lookout.Lookout(people.Person(client, "http://nobody.invalid", "staff", ("support",), 10.0))
        task = asyncio.create_task(looking.run())
        await asyncio.wait_for(looking.decided("b", people.Patience(5.0)), 5)
        assert len(looks) >= 3
        await asyncio.wait_for(looking.decided("a", people.Patience(5.0)), 5)
        assert len(looks) >= 4
        assert looks[:3] == ["None", "2", "None"]
        await asyncio.wait_for(looking.decided("c", people.Patience(0.05)), 5)
        task.cancel()


async def test_a_trade_that_breaks_off_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> float:
        return 0.0

    async def breaks(_: Trade) -> None:
        raise KeyError("order_id")

    monkeypatch.setattr(Trade, "run", breaks)
    monkeypatch.setattr(Trade, "open", nothing)
    for name in ("_hurt", "_heal", "_watch", "at_rest", "judge"):
        monkeypatch.setattr(courses, name, nothing)
    course = Course(Plan.make(1, 3, 0, 0.1))
    with pytest.raises(KeyError, match="order_id"):
        await courses.run(RUNNING, course, 1.0)


@contextlib.asynccontextmanager
async def child() -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1, start_new_session=True)
    try:
        yield process.pid
    finally:
        process.kill()
        await process.wait()


async def test_what_a_run_starts_gives_way_to_people_except_the_links() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    async with child() as system, child() as links:
        polite = asyncio.create_task(precedence.give_way((links,)))
        try:

            async def gives_way() -> bool:
                return os.getpriority(os.PRIO_PROCESS, system) == min(19, before + precedence.NICENESS)

            await eventually(gives_way, "a process that was started gives way")
            assert os.getpriority(os.PRIO_PROCESS, links) == before
        finally:
            polite.cancel()
