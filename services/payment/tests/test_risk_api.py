"""Risk over HTTP: who may see and change rules and decide reviews, and what a back-test answers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

import payment
from chassis.domain import new_id
from chassis.testing import Issuer, PostgresServer, SettableClock, perform, service_database, serving, work
from contracts.inventory import StockReserved
from contracts.types import Money
from payment import handlers
from payment.main import create
from payment.settings import Settings

from . import risky

pytestmark = pytest.mark.database
RULES = "/api/admin/risk-rules"
REVIEWS = "/api/admin/reviews"


@dataclass
class Desk:
    """The desk of those who look at risky orders."""

    app: FastAPI
    http: httpx2.AsyncClient
    issuer: Issuer
    clock: SettableClock

    async def ask(self, method: str, path: str, *roles: str, **more: Any) -> httpx2.Response:
        headers = self.issuer.headers("rita", *(roles or ("fraud_reviewer",))) | more.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **more)

    async def placed(self, **facts: Any) -> UUID:
        """Have an order's payment assessed and asked for."""
        order_id = new_id()
        total = Money(amount=3000, currency="EUR")
        await perform(self.app.state.database, handlers.note_instrument, risky.contacts(order_id, "mallory", **facts))
        reserved = StockReserved(order_id=order_id, user_id="mallory", total_amount=total, allocations=[])
        await perform(self.app.state.database, handlers.authorize_payment, reserved)
        await work(self.app.state.database, handlers.jobs, self.app.state.gateways)
        return order_id

    async def risky(self) -> UUID:
        """Have an order in review, by the rules that a shop begins with."""
        return await self.placed(mail=risky.DISPOSABLE, abroad=True)


@pytest.fixture
async def desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    clock, issuer = SettableClock(), Issuer()
    async with service_database(postgres, payment, clock) as database:
        settings = Settings(
            database_url=SecretStr(database.url),
            kafka_bootstrap_servers="127.0.0.1:9",
            auth_issuer=issuer.url,
            auth_jwks_url=f"{issuer.url}/jwks",
            roles=frozenset({"api"}),
            psp="stub",
            risk_secret=SecretStr("risk_of_the_test"),
        )
        app = create(settings, clock=clock)
        async with serving(app, issuer) as http:
            yield Desk(app, http, issuer, clock)


async def test_the_rules_a_shop_begins_with_can_be_read_and_put_back(desk: Desk) -> None:
    shown = await desk.ask("GET", RULES)
    assert (shown.status_code, shown.headers["ETag"]) == (200, '"1"')
    document = {name: value for name, value in shown.json().items() if name not in {"version", "actor", "created_at"}}
    put = await desk.ask("PUT", RULES, json=document, headers={"If-Match": '"1"'})
    assert put.status_code == 200, put.text
    assert (put.json()["version"], put.json()["actor"], put.headers["ETag"]) == (2, "fraud_reviewer:rita", '"2"')
    assert put.json()["rules"] == (await desk.ask("GET", RULES)).json()["rules"]


async def test_rules_are_changed_by_who_has_seen_them_and_every_version_is_kept(desk: Desk) -> None:
    rules = [{"kind": "deny_list", "by": "user", "values": ["mallory"], "points": 100}]
    assert (await desk.ask("PUT", RULES, json={"rules": rules}, headers={"If-Match": '"1"'})).status_code == 200
    late = await desk.ask("PUT", RULES, json={"rules": []}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["version"]) == (412, 2)
    assert "mallory" not in (await desk.ask("GET", RULES)).text
    assert len((await desk.ask("GET", f"{RULES}?version=1")).json()["rules"]) > 1
    assert (await desk.ask("GET", f"{RULES}?version=3")).status_code == 404
    order_id = await desk.placed()
    assert (await desk.ask("GET", f"/api/admin/payments/{order_id}", "finance")).json()["payments"][0][
        "code"
    ] == "fraud_rejected"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rules": [{"kind": "velocity", "by": "ip"}]}, "rules.0.window_seconds"),
        ({"rules": [{"kind": "horoscope"}]}, "rules.0.kind"),
        ({"rules": [], "review_at": "60"}, "body.review_at"),
        ({"rules": [], "colour": "red"}, "body.colour"),
        ({"rules": [{"kind": ["velocity"]}]}, "rules.0.kind"),
        ({"rules": [{"kind": "disposable_mail", "domains": ["mail.test", "mail\0.test"]}]}, "rules.0.domains.1"),
        ({"rules": [{"kind": "deny_list", "by": "user", "values": ["mallory", "mark:\0"]}]}, "rules.0.values.1"),
    ],
)
async def test_bad_rules_are_refused_by_the_name_of_their_field(desk: Desk, body: dict[str, Any], field: str) -> None:
    refused = await desk.ask("PUT", RULES, json=body)
    assert refused.status_code == 422, refused.text
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert field.removeprefix("body.") in [one["field"].removeprefix("body.") for one in refused.json()["errors"]]
    assert (await desk.ask("GET", RULES)).json()["version"] == 1


async def test_reviews_wait_in_the_order_of_their_deadlines_and_are_decided_once(desk: Desk) -> None:
    orders = []
    for _ in range(3):
        orders.append(str(await desk.risky()))
        desk.clock.forward(minutes=1)
    first = (await desk.ask("GET", f"{REVIEWS}?limit=2")).json()
    second = (await desk.ask("GET", f"{REVIEWS}?limit=2&cursor={first['next_cursor']}")).json()
    assert [one["order_id"] for one in first["items"] + second["items"]] == orders
    assert first["items"][0]["facts"] == ["address_mismatch", "disposable_mail"]
    body = {"decision": "reject", "reason": "three orders, three names"}
    decided = await desk.ask("POST", f"{REVIEWS}/{orders[0]}", json=body)
    assert decided.status_code == 200, decided.text
    assert (decided.json()["state"], decided.json()["decided_by"]) == ("rejected", "fraud_reviewer:rita")
    again = await desk.ask("POST", f"{REVIEWS}/{orders[0]}", json=body | {"decision": "approve"})
    assert (again.status_code, again.json()["decided_by"]) == (409, "fraud_reviewer:rita")
    assert [one["order_id"] for one in (await desk.ask("GET", REVIEWS)).json()["items"]] == orders[1:]
    past = (await desk.ask("GET", f"{REVIEWS}?state=decided")).json()["items"]
    assert past == [decided.json()]


async def test_a_decision_says_why(desk: Desk) -> None:
    order_id = await desk.risky()
    for body in ({"decision": "approve"}, {"decision": "approve", "reason": " "}, {"decision": "maybe", "reason": "because"}):
        assert (await desk.ask("POST", f"{REVIEWS}/{order_id}", json=body)).status_code == 422
    assert (await desk.ask("POST", f"{REVIEWS}/{new_id()}", json={"decision": "approve", "reason": "x"})).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "readers", "body"),
    [
        ("GET", RULES, {"fraud_reviewer", "support", "auditor", "admin"}, None),
        ("PUT", RULES, {"fraud_reviewer", "admin"}, {"rules": []}),
        ("POST", f"{RULES}/backtest", {"fraud_reviewer", "admin"}, {"rules": []}),
        ("GET", REVIEWS, {"fraud_reviewer", "support", "auditor", "admin"}, None),
        ("POST", REVIEWS, {"fraud_reviewer", "admin"}, {"decision": "approve", "reason": "known"}),
    ],
)
async def test_roles(desk: Desk, method: str, path: str, readers: set[str], body: Any) -> None:
    where = f"{path}/{await desk.risky()}" if (method, path) == ("POST", REVIEWS) else path
    allowed = set()
    for role in ("customer", "warehouse", "finance", "support", "auditor", "fraud_reviewer", "admin"):
        answer = await desk.ask(method, where, role, json=body)
        assert answer.status_code in {200, 403, 409}, answer.text
        allowed |= {role} if answer.status_code != 403 else set()
    assert allowed == readers
    assert (await desk.http.request(method, where, json=body)).status_code == 401


async def test_a_back_test_shows_what_would_have_changed_and_changes_nothing(desk: Desk) -> None:
    risky_one, harmless = await desk.risky(), await desk.placed()
    stricter = {"rules": [{"kind": "address_mismatch", "points": 100}]}
    found = (await desk.ask("POST", f"{RULES}/backtest", json=stricter)).json()
    assert (found["assessed"], found["changed"]) == (2, 1)
    assert found["then"] == {"approve": 1, "review": 1, "reject": 0}
    assert found["now"] == {"approve": 1, "review": 0, "reject": 1}
    [change] = found["changes"]
    assert (change["order_id"], change["then"], change["now"], change["now_facts"]) == (
        str(risky_one),
        "review",
        "reject",
        ["address_mismatch"],
    )
    denied = {"rules": [{"kind": "deny_list", "by": "user", "values": ["mallory"], "points": 100}]}
    assert (await desk.ask("POST", f"{RULES}/backtest?days=1", json=denied)).json()["now"]["reject"] == 2
    assert (await desk.ask("GET", RULES)).json()["version"] == 1
    assert str(harmless) not in (await desk.ask("GET", REVIEWS)).text


async def test_shadow_rules_are_noted_and_hold_nothing_back(desk: Desk) -> None:
    rules = (await desk.ask("GET", RULES)).json()["rules"]
    await desk.ask("PUT", RULES, json={"rules": rules, "shadow": True})
    order_id = await desk.risky()
    assert (await desk.ask("GET", REVIEWS)).json()["items"] == []
    found = (await desk.ask("POST", f"{RULES}/backtest", json={"rules": []})).json()
    assert [(one["order_id"], one["then"], one["now"]) for one in found["changes"]] == [(str(order_id), "review", "approve")]
