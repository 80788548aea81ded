"""The ledger as operators, tests and reconciliation read it: every label sold, and totals per currency. No addresses.

The whole of it comes from one snapshot of the books, streamed, so that totals and items agree while labels are sold. A
``reference`` with more than one live label was bought twice.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from waybill.simulators.carrier.journey import moment
from waybill.simulators.carrier.ledger import Ledger

_ITEMS: Final = """
SELECT s.*, (SELECT status FROM scans WHERE shipment_id = s.id ORDER BY occurred DESC, seq DESC LIMIT 1) AS tracking_status
FROM shipments s WHERE {condition} ORDER BY s.seq LIMIT ?
"""
_TOTALS: Final = """
SELECT currency, count(*) AS labels, count(DISTINCT reference) AS "references", count(*) - count(voided) AS live,
  count(voided) AS voided, sum(cost) AS spent, coalesce(sum(cost) FILTER (WHERE voided IS NOT NULL), 0) AS given_back
FROM shipments s WHERE {condition} GROUP BY currency ORDER BY currency
"""
_TWICE: Final = """
SELECT reference FROM shipments s WHERE {condition} AND voided IS NULL AND reference IS NOT NULL
GROUP BY reference HAVING count(*) > 1 ORDER BY reference
"""
_NO_LIMIT: Final = -1


def statement(
    ledger: Ledger,
    requests: Mapping[str, int],
    *,
    reference: str | None = None,
    tracking_number: str | None = None,
    after: int = 0,
    limit: int | None = None,
) -> Iterator[str]:
    """Yield the JSON text of the ledger. Amounts in minor units; ``after`` is the ``next_cursor`` of the page before."""
    chosen, values = ["bought IS NOT NULL"], list[Any]()
    for column, value in (("reference", reference), ("tracking_code", tracking_number)):
        if value is not None:
            chosen.append(f"s.{column} = ?")
            values.append(value)
    condition = " AND ".join(chosen)
    with closing(ledger.snapshot()) as view:
        totals = {row["currency"]: _totals(row) for row in view.execute(_TOTALS.format(condition=condition), values)}
        twice = [row["reference"] for row in view.execute(_TWICE.format(condition=condition), values)]
        head = {"totals": totals, "bought_twice": twice, "requests": dict(requests)}
        yield f'{json.dumps(head)[:-1]}, "items": ['
        query = _ITEMS.format(condition=f"{condition} AND s.seq > ?")
        yielded, last = 0, None
        for row in view.execute(query, [*values, after, _NO_LIMIT if limit is None else limit + 1]):
            if yielded == limit:
                yield f'], "next_cursor": "{last}"}}'
                return
            yield (", " if yielded else "") + json.dumps(_item(row))
            yielded, last = yielded + 1, row["seq"]
        yield '], "next_cursor": null}'


def _totals(row: sqlite3.Row) -> dict[str, int]:
    return {name: row[name] for name in ("labels", "references", "live", "voided", "spent", "given_back")}


def _item(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "shipment": row["id"],
        "reference": row["reference"],
        "carrier": row["carrier"],
        "service": row["service"],
        "tracking_number": row["tracking_code"],
        "cost": {"amount": row["cost"], "currency": row["currency"]},
        "status": "live" if row["voided"] is None else "voided",
        "tracking_status": row["tracking_status"],
        "bought_at": moment(row["bought"]),
        "voided_at": moment(row["voided"]),
        "handed_over_at": moment(row["handed_over"]),
    }
