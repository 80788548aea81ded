"""`waybill reconcile` and the carriers' books: compared where they can be read, said to be left out where they cannot."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from waybill.commands.reconcile import look
from waybill.main import run
from waybill.reconciliation.findings import Finding, Invariant
from waybill.reconciliation.labels import Sold
from waybill.reconciliation.sources import Sources

from .answering import Answering, answering
from .test_reconcile_fulfilment import SECOND, Closed, closed

__all__ = ["closed"]

pytestmark = pytest.mark.database


def ledger(sold: list[Sold]) -> dict[str, Any]:
    """Write books as the simulated carriers do."""
    return {
        "items": [
            {
                "shipment": one.shipment,
                "reference": one.reference,
                "tracking_number": one.tracking_number,
                "cost": {"amount": one.cost, "currency": one.currency},
                "status": "live" if one.live else "voided",
                "bought_at": one.changed_at.isoformat(),
                "voided_at": None if one.live else one.changed_at.isoformat(),
                "handed_over_at": one.changed_at.isoformat() if one.handed_over else None,
            }
            for one in sold
        ],
        "next_cursor": None,
    }


async def found(closed: Closed, gateway: Answering, answer: Any) -> Finding:
    gateway.answers["GET /ledger"] = answer
    sources = Sources(closed.urls, carrier_ledger=f"{gateway.url}/ledger")
    return (await look(sources, SECOND, topics=False)).of[Invariant.CARRIER_LEDGER]


async def test_books_that_agree_are_clean_and_a_label_sold_twice_is_named(closed: Closed) -> None:
    with answering() as gateway:
        well = await found(closed, gateway, ledger(closed.sold))
        twice = [*closed.sold, replace(closed.sold[0], shipment="shp_2", tracking_number="XX2")]
        wrong = await found(closed, gateway, ledger(twice))
    assert (well.checked, well.count, well.left_out) == (3, 0, "")
    (violation,) = wrong.violations
    assert violation.subject == str(closed.orders["ada"])
    assert "was sold 2 times" in violation.says


async def test_books_that_cannot_be_read_are_left_out_and_said_to_be(closed: Closed) -> None:
    with answering() as gateway:
        away = await found(closed, gateway, (502, {}))
    unnamed = (await look(Sources(closed.urls), SECOND, topics=False)).of[Invariant.CARRIER_LEDGER]
    assert "cannot be read" in away.left_out
    assert "\n" not in away.left_out
    assert unnamed.left_out == "no carriers' ledger was named"
    assert away.count == unnamed.count == 0


NAMES = {
    "order": [
        ("UPDATE shipments SET lines = lines || lines WHERE state = 'held'", Invariant.PARCELS),
        ("UPDATE shipments SET amount = amount + 1 WHERE state = 'held'", Invariant.SHARES),
        ("UPDATE shipments SET label_id = NULL WHERE state = 'held'", Invariant.LABELS),
        ("UPDATE order_change SET money_at = NULL WHERE kind = 'reduction'", Invariant.CHANGES),
        ("DELETE FROM outbox WHERE type = 'order.shipment_delivered.v1'", Invariant.RETOLD),
        ("UPDATE shipments SET warehouse_id = 'berlin' WHERE state = 'planned'", Invariant.PARCEL_STOCK),
        ("UPDATE orders SET backordered = '[]' WHERE user_id = 'ben'", Invariant.BACKORDERS),
    ],
    "inventory": [("UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'LAMP'", Invariant.BACKORDERS)],
}


@pytest.mark.parametrize(
    ("service", "statement", "invariant"),
    [(service, *case) for service, cases in NAMES.items() for case in cases],
    ids=[f"{service}-{case[1]}" for service, cases in NAMES.items() for case in cases],
)
async def test_each_invariant_of_fulfilment_has_a_name(
    closed: Closed, service: str, statement: str, invariant: Invariant
) -> None:
    sources = await closed.faulty(service, statement)
    findings = await look(sources, SECOND, topics=False)
    assert findings.of[invariant].count >= 1
    (named,) = [one for one in findings.document()["checks"] if one["name"] == invariant]
    assert {one["subject"] for one in named["named"]} <= {str(order_id) for order_id in closed.orders.values()}


async def test_programs_and_people_are_told_what_was_left_out(closed: Closed, capsys: pytest.CaptureFixture[str]) -> None:
    databases = [part for name, url in closed.urls.items() for part in ("--database", f"{name}={url}")]
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(run, ["reconcile", "--json", *databases])
    document = json.loads(capsys.readouterr().out)
    (books,) = [one for one in document["checks"] if one["name"] == "carrier-ledger"]
    assert (ended.value.code, document["clean"]) == (0, True)
    assert books["left_out"] == "no carriers' ledger was named"
    with pytest.raises(SystemExit):
        await asyncio.to_thread(run, ["reconcile", *databases, "--carrier-ledger", "http://127.0.0.1:9/ledger"])
    assert "cannot be read" in capsys.readouterr().out.replace("\n", " ")
