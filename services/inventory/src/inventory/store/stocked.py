"""The shelves as they lie in the database: stock with all that is known of its products, the warehouses and the rules.

One statement reads it all, however many products are asked for, those that their bundles are made of included; with `lock` it
locks the stock rows in key order.
"""

from collections.abc import Iterable
from typing import Any, Final

from inventory.model import Article, Place, Shelves, Stock, rules_of

STOCK_OF: Final = """
WITH needed AS MATERIALIZED (
    SELECT unnest($1::text[]) AS sku
    UNION
    SELECT c.product_id FROM product p CROSS JOIN LATERAL jsonb_to_recordset(p.components) AS c(product_id text)
    WHERE p.sku = ANY($1::text[]) AND p.components <> '[]'
), stocked AS MATERIALIZED (
    SELECT s.sku, s.warehouse_id, s.on_hand, s.reserved FROM stock s WHERE s.sku IN (SELECT sku FROM needed) {lock}
), awaited AS MATERIALIZED (
    SELECT b.part, sum(b.units)::bigint AS units FROM backorder b WHERE b.part IN (SELECT sku FROM needed) GROUP BY b.part
)
SELECT p.sku, p.active, p.backorder, p.low_stock_threshold, nullif(p.components, '[]') AS components, a.units AS waiting,
    s.warehouse_id, s.on_hand, s.reserved, NULL::jsonb AS rules, NULL::jsonb AS places
FROM needed n JOIN product p ON p.sku = n.sku LEFT JOIN stocked s ON s.sku = n.sku LEFT JOIN awaited a ON a.part = n.sku
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, (
    SELECT jsonb_agg(jsonb_build_object('kind', kind, 'parameters', parameters) ORDER BY rank) FROM routing_rule WHERE active
), (SELECT jsonb_object_agg(warehouse_id, jsonb_build_array(country, region)) FROM warehouse)
"""


def read_shelves(rows: Iterable[Any]) -> Shelves:
    """Make shelves of what the statement answers."""
    stock: list[Stock] = []
    articles: dict[str, Article] = {}
    waiting: dict[str, int] = {}
    places: dict[str, Place] = {}
    rules: Any = ()
    for row in rows:
        sku = row["sku"]
        if sku is None:
            rules = rules_of(row["rules"] or ())
            places = {name: Place(*place) for name, place in (row["places"] or {}).items()}
            continue
        if sku not in articles:
            articles[sku] = _article(row)
            if row["waiting"]:
                waiting[sku] = row["waiting"]
        if row["warehouse_id"] is not None:
            stock.append(Stock(sku=sku, warehouse_id=row["warehouse_id"], on_hand=row["on_hand"], reserved=row["reserved"]))
    return Shelves(stock, articles, places, rules=rules, waiting=waiting)


def _article(row: Any) -> Article:
    components = row["components"]
    made_of = None if components is None else {line["product_id"]: line["quantity"] for line in components}
    return Article(row["active"], row["backorder"], row["low_stock_threshold"], made_of)
