"""An order over two warehouses, lived to its end by people who repeat what is not answered: cut, labelled, sent, tracked."""

from dataclasses import dataclass
from typing import Any, Final

import httpx2

from chassis.testing import eventually

from .running import documents
from .shop import PRICE, SHIPPING, Shop, order_body

SECOND_WAREHOUSE: Final = "lyon"
BOUGHT: Final = (3, 2)
"""How many units of the product in Berlin and of the one in Lyon are ordered; one of the first is cut before shipping."""
TOTAL: Final = 4 * PRICE + SHIPPING


@dataclass
class Errand:
    """One order on its way; `key` makes each of its requests repeatable."""

    shop: Shop
    second_sku: str
    key: str
    within: float = 20.0
    order_id: str = ""

    async def run(self) -> None:
        """Go the whole way."""
        await self.place()
        await self.cut()
        await self.label()
        await self.send()
        await self.arrive()

    async def place(self) -> dict[str, Any]:
        """Order from two warehouses, and wait until it is confirmed."""
        first, second = BOUGHT
        body = order_body(self.shop.sku, first, email=f"{self.key}@example.com")
        body["items"].append({"product_id": self.second_sku, "quantity": second})
        answer = await self.shop.customer.insist("POST", "/api/orders", body, self.key)
        assert answer.status_code == 201, answer.text
        self.order_id = answer.json()["order_id"]
        self.shop.placed[self.key] = self.order_id
        order = await self._reaches("Processing")
        assert sorted(one["warehouse_id"] for one in order["shipments"]) == ["berlin", "lyon"]
        return order

    async def cut(self) -> None:
        """Take one unit out before anything is sent."""
        order = await self._order()
        line = next(one for one in order["items"] if one["product_id"] == self.shop.sku)
        await self._ask("PATCH", f"/api/orders/{self.order_id}/items/{line['item_id']}", {"quantity": BOUGHT[0] - 1}, "cut")

    async def label(self) -> list[str]:
        """Have a label bought for each parcel; answers their tracking numbers."""
        for shipment in (await self._order())["shipments"]:
            await self._ask("POST", f"{self._admin(shipment)}/label", None, f"label-{shipment['shipment_id']}", 202)
        parcels = await self._parcels("has its label", lambda one: one["tracking_number"])
        return [one["tracking_number"] for one in parcels]

    async def send(self) -> None:
        """Send both parcels."""
        for shipment in (await self._order())["shipments"]:
            await self._ask("POST", f"{self._admin(shipment)}/dispatch", None, f"dispatch-{shipment['shipment_id']}")
            number = shipment["tracking_number"]
            answer = await self.shop.client.post(f"/sim/carrier/parcels/{number}/hand-over")
            assert answer.status_code == 200, answer.text

    async def arrive(self) -> None:
        """Have the carrier bring both parcels, and wait until the order knows."""
        for shipment in (await self._order())["shipments"]:
            for status in ("in_transit", "out_for_delivery", "delivered"):
                path = f"/sim/carrier/parcels/{shipment['tracking_number']}/advance"
                answer = await self.shop.client.post(path, json={"status": status, "city": "Berlin", "country": "DE"})
                assert answer.status_code == 200, answer.text
        await self._reaches("Delivered")

    async def send_back(self) -> None:
        """Send one unit back, which is as good as new, and wait until its money is there."""
        order = await self._order()
        line = next(one for one in order["items"] if one["product_id"] == self.second_sku)
        lines = [{"item_id": line["item_id"], "quantity": 1, "reason": "no_longer_wanted"}]
        back = await self._ask("POST", f"/api/orders/{self.order_id}/returns", {"lines": lines}, "return", 201)
        admin = f"/api/admin/orders/{self.order_id}/returns/{back['return_id']}"
        await self._ask("POST", f"{admin}/approve", None, "approve")
        inspected = [{"item_id": line["item_id"], "quantity": 1, "disposition": "restock"}]
        await self._ask("POST", f"{admin}/receive", {"warehouse_id": SECOND_WAREHOUSE, "lines": inspected}, "receive")
        seen: dict[str, Any] = {}

        async def refunded() -> bool:
            seen.update(await self._order())
            return bool(seen["refunded_amount"]["amount"] == PRICE)

        await eventually(refunded, f"a unit of order {self.order_id} is paid back", within=self.within, seen=lambda: seen)

    async def link(self) -> Any:
        """Look at the parcels as somebody with the link."""
        made = await self.shop.customer.do("POST", f"/api/orders/{self.order_id}/tracking-link")
        answer = await self.shop.client.get(f"/api/tracking/{made['url'].rpartition('/')[2]}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ended_right(self, refunded: int = 0) -> None:
        """Check that money, stock, labels and mails of this order are what they must be."""
        seen: dict[str, Any] = {}

        async def paid() -> bool:
            seen["ledger"] = await self.shop.ledger(self.order_id)
            seen["order"] = await self._order()
            sums = [sum(one[name] for one in seen["ledger"]) for name in ("open", "captured", "refunded")]
            return bool(sums == [0, TOTAL, refunded] and seen["order"]["captured_amount"]["amount"] == TOTAL)

        await eventually(paid, f"{TOTAL} are taken for order {self.order_id}", within=self.within, seen=lambda: seen)
        labels = await self.labels()
        assert [one["status"] for one in labels] == ["live", "live"], labels

    async def labels(self) -> list[dict[str, Any]]:
        """Read what the carriers have in their books for this order's parcels."""
        found: list[dict[str, Any]] = []
        for number in {one["tracking_number"] for one in (await self._order())["shipments"]} - {None}:
            found += documents(await self.shop.client.get(f"/sim/carrier/ledger?tracking_number={number}"))
        return found

    def _admin(self, shipment: dict[str, Any]) -> str:
        return f"/api/admin/orders/{self.order_id}/shipments/{shipment['shipment_id']}"

    async def _ask(self, method: str, path: str, body: Any, what: str, expect: int = 200) -> Any:
        who = self.shop.operator if path.startswith("/api/admin") else self.shop.customer
        answer = await who.insist(method, path, body, f"{self.key}-{what}")
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def _order(self) -> dict[str, Any]:
        async def probe() -> Any:
            try:
                answer = await self.shop.operator.send("GET", f"/api/admin/orders/{self.order_id}")
            except httpx2.HTTPError:  # whoever answered has just been killed
                return None
            return answer.json() if answer.status_code == 200 else None

        found: dict[str, Any] = await eventually(probe, f"order {self.order_id} can be read", within=self.within)
        return found

    async def _reaches(self, status: str) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        async def probe() -> Any:
            seen.update(await self._order())
            return seen if seen["status"] == status else None

        what = f"order {self.order_id} becomes {status}"
        return dict(await eventually(probe, what, within=self.within, seen=lambda: seen.get("status")))

    async def _parcels(self, what: str, such: Any) -> list[dict[str, Any]]:
        async def probe() -> Any:
            parcels = (await self._order())["shipments"]
            return parcels if all(such(one) for one in parcels) else None

        found: list[dict[str, Any]] = await eventually(probe, f"each parcel of {self.order_id} {what}", within=self.within)
        return found
