"""One order is one trace, from the request that places it to the mail that tells of it."""

import pytest

from chassis.testing import eventually
from tests.shop import Shop
from tests.tracing import Collector

pytestmark = [pytest.mark.system, pytest.mark.timeout(60)]

EXPORT_SECONDS = 20.0
STEPS = {
    ("order", "POST /api/orders"),
    ("inventory", "reserve_stock"),
    ("payment", "authorize_payment"),
    ("payment", "authorize"),
    ("order", "confirm_order"),
    ("notification", "notify_received"),
    ("notification", "notify_confirmed"),
    ("notification", "deliver"),
}


async def test_an_order_is_one_trace(shop: Shop, collector: Collector) -> None:
    order_id = (await shop.place(Prefer="wait=5"))["order_id"]

    async def exported() -> bool:
        return {(span.service, span.name) for span in collector.of(order_id)} >= STEPS

    def seen() -> set[tuple[str, str]]:
        return {(span.service, span.name) for span in collector.of(order_id)}

    await eventually(exported, "every step of the order is exported", within=EXPORT_SECONDS, every=0.2, seen=seen)
    spans = collector.of(order_id)
    assert len({span.trace_id for span in spans}) == 1
    requests = {span.name for span in spans if span.service == "order" and "/api/orders" in span.name}
    assert requests == {"POST /api/orders"}
