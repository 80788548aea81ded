"""The ledger as operators, tests and reconciliation read it: every intent, and totals per currency.

The whole of it comes from one snapshot of the books, streamed, so that totals and items agree while payments go on.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from waybill.simulators.psp.ledger import Ledger

_ITEMS = """
SELECT i.*,
  (SELECT json_group_array(json_object('id', id, 'amount', amount, 'idempotency_key', idempotency_key, 'created', created))
     FROM (SELECT * FROM captures WHERE intent_id = i.id ORDER BY created)) AS captures,
  (SELECT json_group_array(json_object(
            'id', id, 'amount', amount, 'reason', reason, 'idempotency_key', idempotency_key, 'created', created))
     FROM (SELECT * FROM refunds WHERE intent_id = i.id AND failure_reason IS NULL ORDER BY seq)) AS refunds,
  (SELECT coalesce(sum(amount), 0) FROM disputes WHERE intent_id = i.id AND status <> 'won') AS disputed
FROM intents i WHERE {condition} ORDER BY i.seq LIMIT ?
"""
_TOTALS = """
SELECT currency, count(*) AS intents, sum(authorised) AS authorised, sum(capturable) AS open, sum(captured) AS captured,
  sum(refunded) AS refunded
FROM intents i WHERE {condition} GROUP BY currency ORDER BY currency
"""
_NO_LIMIT = -1


def statement(
    ledger: Ledger,
    requests: Mapping[str, int],
    *,
    order_id: str | None = None,
    status: str | None = None,
    after: int = 0,
    limit: int | None = None,
) -> Iterator[str]:
    """Yield the JSON text of the ledger. Amounts in minor units; ``after`` is the ``next_cursor`` of the page before."""
    chosen, values = ["1"], list[Any]()
    for column, value in (("order_id", order_id), ("status", status)):
        if value is not None:
            chosen.append(f"i.{column} = ?")
            values.append(value)
    with closing(ledger.snapshot()) as view:
        condition = " AND ".join(chosen)
        totals = {row["currency"].upper(): _totals(row) for row in view.execute(_TOTALS.format(condition=condition), values)}
        yield f'{{"totals": {json.dumps(totals)}, "requests": {json.dumps(dict(requests))}, "items": ['
        rows = view.execute(
            _ITEMS.format(condition=f"{condition} AND i.seq > ?"),
            [*values, after, _NO_LIMIT if limit is None else limit + 1],
        )
        yielded, last = 0, None
        for row in rows:
            if yielded == limit:
                yield f'], "next_cursor": "{last}"}}'
                return
            yield (", " if yielded else "") + json.dumps(_item(row))
            yielded, last = yielded + 1, row["seq"]
        yield '], "next_cursor": null}'


def _totals(row: sqlite3.Row) -> dict[str, int]:
    return {name: row[name] for name in ("intents", "authorised", "open", "captured", "refunded")}


def _item(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "payment_intent": row["id"],
        "order_id": row["order_id"],
        "amount": row["amount"],
        "currency": row["currency"].upper(),
        "status": row["status"],
        "payment_method": row["payment_method"],
        "authorised": row["authorised"],
        "open": row["capturable"],
        "captured": row["captured"],
        "refunded": row["refunded"],
        "disputed": row["disputed"],
        "captures": [_entry(each) for each in json.loads(row["captures"])],
        "refunds": [_entry(each) for each in json.loads(row["refunds"])],
        "idempotency_key": row["idempotency_key"],
        "decline_code": row["decline_code"],
        "metadata": json.loads(row["metadata"]),
        "created_at": _iso(row["created"]),
        "canceled_at": None if row["canceled"] is None else _iso(row["canceled"]),
    }


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in entry.items() if name != "created"}, "created_at": _iso(entry["created"])}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
