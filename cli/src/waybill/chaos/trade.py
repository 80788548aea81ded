"""The trade that goes on whatever breaks: orders are placed as planned, and each is led where it is meant to go.

People ask until they are answered, wait for what takes time, and take a refusal for an answer where a fault may have brought it
about (a card that is declined because the PSP lost the call). What was granted is written down, and must be so in the end.
"""

import asyncio
import itertools
import random
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx2

from chassis import tasks
from waybill.chaos.books import Acknowledged, Books
from waybill.chaos.lookout import Lookout
from waybill.chaos.people import PAUSE_SECONDS, Patience, Person, UnansweredError
from waybill.chaos.plan import CUSTOMERS, PRODUCTS, Fate, Plan, Wish
from waybill.chaos.system import Running
from waybill.errors import WaybillError

PATIENCE_SECONDS: Final = 150.0
"""How long anybody waits for an answer, or for something that was promised; longer than any outage."""
REVIEW_SECONDS: Final = 900.0
"""Who reviews comes back for longer: an order that nobody decided about would wait for hours, and not be at its end."""
LOOK_AGAIN_SECONDS: Final = 0.7
LOOKS_A_SECOND: Final = 100
"""All who wait look so often together, however many they are: looking is not what the system is to be tried with."""
REQUEST_SECONDS: Final = 12.0
MOST_UNDER_WAY: Final = 250
SHARE_UNDER_WAY: Final = 0.014
"""With so many errands not done, or this share of all, nobody comes to place another order: a machine that is slower than the
plan stretches it."""
STOCK: Final = 1_000_000
PRICE: Final = 1250
RISKY_UNITS: Final = 20
ABSURD_UNITS: Final = 900
"""More than is in any warehouse of the product that is scarce."""
PHONES: Final = 0.25
"""The share of orders whose customers want to be told by SMS, too."""
SCARCE: Final = "CHAOS-SCARCE"
PLACES: Final = ("berlin", "lyon")
CREATED: Final = 201
ADDRESSES: Final = (
    {"name": "Ada Lovelace", "line1": "Hauptstraße 1", "city": "Berlin", "postal_code": "10115", "country": "DE"},
    {"name": "Chloé Petit", "line1": "12 rue de la Paix", "city": "Lyon", "postal_code": "69002", "country": "FR"},
)
DECIDED: Final = ("Processing", "Cancelled", "Shipped", "Delivered", "Refunded")


class RefusedError(Exception):
    """A wish was not granted; the errand ends here."""


class Trade:
    """All customers and staff of one run."""

    def __init__(self, running: Running, plan: Plan, books: Books, client: httpx2.AsyncClient) -> None:
        self.plan = plan
        self.books = books
        self.numbers = itertools.count()
        self._room = asyncio.Semaphore(max(MOST_UNDER_WAY, int(SHARE_UNDER_WAY * len(plan.wishes))))
        issuer = running.system.identity.issuer

        def person(user: str, *roles: str) -> Person:
            return Person(client, issuer, user, roles, PATIENCE_SECONDS)

        self.customers = [person(f"chaos-{number}", "customer") for number in range(CUSTOMERS)]
        self.impatient = [
            Person(client, issuer, one.user, ("customer",), PATIENCE_SECONDS, longest_pause=PAUSE_SECONDS)
            for one in self.customers
        ]
        """The same customers in a hurry: they ask again without ever waiting longer, so that what is measured is the system."""
        self.keeper = person("chaos-keeper", "admin")
        self.staff = person("chaos-staff", "support", "warehouse", "finance")
        self.reviewer = person("chaos-reviewer", "fraud_reviewer")
        self.lookout = Lookout(self.staff)

    def note(self, key: str, order_id: str, user: str, fate: Fate | None = None) -> Acknowledged:
        """Write down an order that was acknowledged; one without a fate is kept."""
        known = self.books.orders[key] = Acknowledged(key, order_id, user, fate)
        return known

    async def open(self) -> None:
        """Put products on sale, and say which orders are risky. Raises WaybillError."""
        skus = [f"CHAOS-{number}" for number in range(PRODUCTS)]
        await asyncio.gather(*(self._offer(sku, STOCK) for sku in skus), self._offer(SCARCE, 1))
        rules = {
            "rules": [{"kind": "quantity_above", "units": RISKY_UNITS - 1, "points": 60}],
            "review_at": 60,
            "reject_at": 101,
        }
        await self._must(self.reviewer, "PUT", "/api/admin/risk-rules", rules)
        await asyncio.gather(*(self._on_sale(sku) for sku in (*skus, SCARCE)))

    async def _offer(self, sku: str, stock: int) -> None:
        offer = {"product_id": sku, "name": sku, "price": {"amount": PRICE, "currency": "EUR"}, "weight_grams": 20}
        await self._must(self.keeper, "POST", "/api/admin/products", offer)
        for place in PLACES:
            delivery = {"product_id": sku, "warehouse_id": place, "delta": stock, "reason": "opening stock"}
            await self._must(self.keeper, "POST", "/api/admin/stock/adjustments", delivery)

    async def _must(self, who: Person, method: str, path: str, body: Any) -> None:
        answer = await who.ask(method, path, body, key=f"opening {method} {path} {body}"[:250])
        if answer.is_error:
            raise WaybillError(f"the shop cannot be opened: {method} {path} answers {answer.status_code} {answer.text[:300]}")

    async def _on_sale(self, sku: str) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        cart = {"items": [{"product_id": sku, "quantity": 1}]}
        while (await self.customers[0].ask("PUT", "/api/cart", cart)).is_error:
            if time.monotonic() > until:
                raise WaybillError(f"the order service does not learn of {sku}: see its log")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def run(self) -> None:
        """Place every order at its time; returns when people are done with all of them."""
        looking = asyncio.create_task(self.lookout.run())
        try:
            async with asyncio.TaskGroup() as errands:
                for wish in self.plan.wishes:
                    await asyncio.sleep(max(0.0, wish.at - self.books.seconds))
                    await self._room.acquire()
                    self.books.asked += 1
                    self.books.asked_last = self.books.seconds
                    errands.create_task(self._errand(wish))
        finally:
            await tasks.cancel([looking])
        if not looking.cancelled():
            looking.result()  # whoever waited for it in vain looked at each order alone

    async def _errand(self, wish: Wish) -> None:
        errand = Errand(self, wish)
        self.books.fates[wish.fate] += 1
        try:
            await errand.run()
        except RefusedError as refusal:
            self.books.refused[f"{wish.fate}: {refusal}"] += 1
        except TimeoutError as error:
            self.books.waited_in_vain[f"{wish.fate}: {error}"] += 1
        except UnansweredError as error:
            self.books.complain(errand.key, str(error))
        except Exception as error:  # noqa: BLE001 - an answer nobody reckoned with is told in the report, and ends no other errand
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.books.complain(errand.key, f"its errand broke in {where.name}, line {where.lineno}: {error!r}"[:400])
        self._room.release()
        self.books.finished += 1
        self.books.waiting.pop(errand.key, None)


class Errand:
    """One order on its way."""

    def __init__(self, trade: Trade, wish: Wish) -> None:
        self.wish = wish
        self.key = f"{trade.plan.seed}-{wish.number}"
        self.chance = random.Random(wish.seed)  # noqa: S311 - the point is that it can be repeated
        self._trade = trade
        self._customer = trade.customers[wish.customer]
        self._order_id = ""
        self._known: Acknowledged | None = None

    async def run(self) -> None:
        """Go the whole way."""
        await self._place()
        if self.wish.fate is Fate.CANCEL:
            await self._cancel()
            return
        if self.wish.fate in {Fate.APPROVE, Fate.REJECT}:
            await self._review()
        self._trade.books.waiting[self.key] = "waits until it is decided"
        await self._trade.lookout.decided(self._order_id, Patience(PATIENCE_SECONDS))
        status = (await self._until(lambda order: order["status"] in DECIDED, "is decided"))["status"]
        self._trade.books.decided += 1
        if status == "Processing":
            await FATES[self.wish.fate](self)

    async def _place(self) -> None:
        books = self._trade.books
        books.waiting[self.key] = "wants to be placed"
        began = books.seconds
        answer = await self._customer.ask("POST", "/api/orders", self._body(), key=self.key)
        if answer.status_code != CREATED:
            books.complain(self.key, f"was refused: {answer.status_code} {answer.text[:200]}")
            raise RefusedError(f"placing {answer.status_code}")
        self._order_id = answer.json()["order_id"]
        self._known = self._trade.note(self.key, self._order_id, self._customer.user, self.wish.fate)
        books.slowest.append((began, books.seconds - began))

    def _body(self) -> dict[str, Any]:
        wish = self.wish
        items = [{"product_id": f"CHAOS-{product}", "quantity": quantity} for product, quantity in wish.lines]
        if wish.fate in {Fate.APPROVE, Fate.REJECT}:
            items[0]["quantity"] = RISKY_UNITS
        if wish.fate is Fate.SOLD_OUT:
            items.append({"product_id": SCARCE, "quantity": ABSURD_UNITS})
        contact = {"email": f"{self._customer.user}@example.com"}
        if self.chance.random() < PHONES:
            contact["phone"] = "+4930123456"
        return {
            "items": items,
            "shipping_address": self.chance.choice(ADDRESSES),
            "contact": contact,
            "payment": {"method": "card", "token": wish.token},
        }

    # --- what becomes of it ---------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        self._promise("Processing")

    async def _leave(self) -> None:
        """Leave alone what was never to be confirmed: in the end it is found."""

    async def _cancel(self) -> None:
        await self._customer_asks("POST", "cancel")
        self._promise("Cancelled")

    async def _reduce(self) -> None:
        order = await self._order()
        line = max(order["items"], key=lambda one: one["quantity"])
        left = self.chance.randrange(line["quantity"])
        await self._customer_asks("PATCH", f"items/{line['item_id']}", {"quantity": left})
        if left and self.chance.random() < 0.5:  # noqa: PLR2004 - every other one
            await self._become("Shipped")

    async def _add(self) -> None:
        answer = await self._customer.ask("GET", f"/api/orders/{self._order_id}")
        body = {
            "items": [{"product_id": f"CHAOS-{self.chance.randrange(PRODUCTS)}", "quantity": 1}],
            "payment": {"method": "card", "token": self.chance.choice(("tok_ok", "tok_ok", "tok_declined"))},
        }
        await self._customer_asks("POST", "edits", body, If_Match=answer.headers.get("ETag", "*"))

    async def _readdress(self) -> None:
        await self._customer_asks("PATCH", "", {"shipping_address": ADDRESSES[1]})

    async def _ship(self) -> None:
        await self._become("Shipped")

    async def _deliver(self) -> None:
        await self._become("Shipped")
        await self._become("Delivered")

    async def _parcels(self) -> None:
        """Have each parcel labelled, sent, handed over and tracked to its end."""
        for parcel in (await self._order())["shipments"]:
            await self._staff_asks("POST", f"shipments/{parcel['shipment_id']}/label")
        labelled = await self._until(lambda order: all(one["tracking_number"] for one in order["shipments"]), "has its labels")
        for parcel in labelled["shipments"]:
            await self._staff_asks("POST", f"shipments/{parcel['shipment_id']}/dispatch")
        for parcel in labelled["shipments"]:
            await self._carry(parcel["tracking_number"])
        await self._until(lambda order: order["status"] == "Delivered", "is delivered by its carrier")
        self._promise("Delivered")

    async def _carry(self, number: str) -> None:
        path = f"/sim/carrier/parcels/{number}"
        await self._trade.staff.ask("POST", f"{path}/hand-over")
        for status in ("in_transit", "out_for_delivery", "delivered"):
            await self._trade.staff.ask("POST", f"{path}/advance", {"status": status, "city": "Berlin", "country": "DE"})

    async def _return(self) -> None:
        await self._deliver()
        order = await self._until(lambda order: order["captured_amount"]["amount"] > 0, "is paid")
        line = self.chance.choice(order["items"])
        units = self.chance.randint(1, line["quantity"])
        wish = {"lines": [{"item_id": line["item_id"], "quantity": units, "reason": "no_longer_wanted"}]}
        back = await self._customer_asks("POST", "returns", wish)
        path = f"returns/{back['return_id']}"
        await self._staff_asks("POST", f"{path}/approve")
        state = self.chance.choice(("restock", "damaged", "write_off"))
        lines = [{"item_id": line["item_id"], "quantity": units, "disposition": state}]
        await self._staff_asks("POST", f"{path}/receive", {"warehouse_id": self.chance.choice(PLACES), "lines": lines})
        self._promise("Delivered", "Refunded")

    async def _refund(self) -> None:
        await self._become("Shipped")
        order = await self._until(lambda order: order["captured_amount"]["amount"] > 0, "is paid")
        line = self.chance.choice(order["items"])
        wishes: list[dict[str, Any]] = [
            {"lines": [{"item_id": line["item_id"], "quantity": 1}]},
            {"shipping": True},
            {"amount": {"amount": self.chance.randint(1, 500), "currency": "EUR"}},
        ]
        await self._staff_asks("POST", "refunds", {"reason": "goodwill", **self.chance.choice(wishes)})
        self._promise("Shipped", "Refunded")

    async def _review(self) -> None:
        """Decide about a risky order as soon as it waits for that."""
        self._trade.books.waiting[self.key] = "waits to be reviewed"
        decision = "approve" if self.wish.fate is Fate.APPROVE else "reject"
        body = {"decision": decision, "reason": "looked at"}
        path = f"/api/admin/reviews/{self._order_id}"
        patience = Patience(REVIEW_SECONDS)
        while (answer := await self._trade.reviewer.ask("POST", path, body)).is_error:
            if not patience.lasts():
                raise TimeoutError("waits to be reviewed")
            if (await self._order())["status"] in DECIDED:  # declined; or decided by an answer that was lost
                return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        self._trade.books.granted[f"review {answer.json()['state']}"] += 1
        self._promise("Processing" if decision == "approve" else "Cancelled")

    # --- how ------------------------------------------------------------------------------------------------------------

    def _promise(self, *ends: str) -> None:
        if self._known is not None:
            self._known.promised = frozenset(ends) or None

    async def _become(self, status: str) -> None:
        path = f"/api/admin/orders/{self._order_id}/status"
        await self._ask(self._trade.staff, "PUT", path, {"status": status}, f"become {status}")
        self._promise(status)

    async def _customer_asks(self, method: str, what: str, body: Any = None, **headers: str) -> Any:
        path = f"/api/orders/{self._order_id}" + (f"/{what}" if what else "")
        return await self._ask(self._customer, method, path, body, f"{method} {what}".strip(), **headers)

    async def _staff_asks(self, method: str, what: str, body: Any = None) -> Any:
        return await self._ask(
            self._trade.staff, method, f"/api/admin/orders/{self._order_id}/{what}", body, f"{method} {what}"
        )

    async def _ask(self, who: Person, method: str, path: str, body: Any, what: str, **headers: str) -> Any:
        self._trade.books.waiting[self.key] = f"wants to {what}"
        before = self._known.promised if self._known is not None else None
        if method != "GET" and self._known is not None:
            self._known.promised = None  # who gets no answer does not know whether the wish was granted
        answer = await who.ask(method, path, body, key=f"{self.key} {what}", **headers)
        name = " ".join(part for part in what.split("/") if "-" not in part)
        if answer.is_error:
            self._promise(*(before or ()))
            raise RefusedError(f"{name} {answer.status_code} {_slug(answer)}")
        self._trade.books.granted[name] += 1
        return answer.json()

    async def _order(self) -> dict[str, Any]:
        found = await self._trade.staff.read(f"/api/admin/orders/{self._order_id}")
        if found is None:
            self._trade.books.complain(self._order_id, "was acknowledged, and is not there")
            raise RefusedError("it is not there")
        order: dict[str, Any] = found
        return order

    async def _until(self, such: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Look at the order now and then until it is as wanted; raises TimeoutError."""
        self._trade.books.waiting[self.key] = f"waits until it {what}"
        patience = Patience(PATIENCE_SECONDS)
        while not such(order := await self._order()):
            if not patience.lasts():
                raise TimeoutError(f"{what}: not within {PATIENCE_SECONDS:.0f} s")
            await asyncio.sleep(max(LOOK_AGAIN_SECONDS, self._trade.books.under_way / LOOKS_A_SECOND))
        return order


def _slug(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return ""


FATES: Final[dict[Fate, Callable[[Errand], Awaitable[None]]]] = {
    Fate.KEEP: Errand._keep,  # noqa: SLF001
    Fate.CANCEL_LATE: Errand._cancel,  # noqa: SLF001
    Fate.DECLINE: Errand._keep,  # noqa: SLF001
    Fate.UNKNOWN: Errand._keep,  # noqa: SLF001
    Fate.SOLD_OUT: Errand._leave,  # noqa: SLF001
    Fate.REDUCE: Errand._reduce,  # noqa: SLF001
    Fate.ADD: Errand._add,  # noqa: SLF001
    Fate.READDRESS: Errand._readdress,  # noqa: SLF001
    Fate.SHIP: Errand._ship,  # noqa: SLF001
    Fate.DELIVER: Errand._deliver,  # noqa: SLF001
    Fate.PARCELS: Errand._parcels,  # noqa: SLF001
    Fate.RETURN: Errand._return,  # noqa: SLF001
    Fate.REFUND: Errand._refund,  # noqa: SLF001
    Fate.APPROVE: Errand._keep,  # noqa: SLF001
    Fate.REJECT: Errand._leave,  # noqa: SLF001
}
