"""A busy route answers exactly as a usual one does; it only spares the work of finding out what its endpoint takes."""

from typing import Annotated, Any

import fastapi.routing
import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import Field

from chassis import problems
from chassis.auth import UnauthenticatedError
from chassis.commands import DirectRoute
from chassis.requests import RequestModel


class Wish(RequestModel):
    """What is asked for."""

    quantity: Annotated[int, Field(ge=1)]


async def caller(request: Request) -> str:
    who = request.headers.get("authorization")
    if who is None:
        raise UnauthenticatedError("Send a bearer token in the Authorization header.")
    return who


async def endpoint(request: Request, who: Annotated[str, Depends(caller)], wish: Wish) -> Response:
    """Say who asked for how many."""
    return Response(f"{request.method} {who} {wish.quantity}")


def client(route_class: type[fastapi.routing.APIRoute]) -> httpx2.AsyncClient:
    app = FastAPI()
    router = APIRouter(route_class=route_class)
    router.post("/wishes")(endpoint)
    app.router.routes.extend(router.routes)
    problems.install(app)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://service.test")


ADA = {"Authorization": "ada", "Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"quantity": 2}', ADA, 200),
        (b'{"quantity": 2}', ADA | {"Content-Type": "application/json; charset=utf-8"}, 200),
        (b'{"quantity": 2}', {"Content-Type": "application/json"}, 401),
        (b'{"quantity": 0}', ADA, 422),
        (b'{"quantity": 1, "price": 1}', ADA, 422),
        (b'{"quantity": ', ADA, 400),
        (b'{"quantity": 0}', {"Content-Type": "application/json"}, 401),
        (b"", ADA, 422),
        (b'{"quantity": 2}', ADA | {"Content-Type": "text/plain"}, 422),
    ],
)
async def test_it_answers_as_a_usual_route_does(body: bytes, headers: dict[str, str], status: int) -> None:
    answers = []
    for kind in (DirectRoute, fastapi.routing.APIRoute):
        async with client(kind) as asked:
            response = await asked.post("/wishes", content=body, headers=headers)
            answers.append((response.status_code, response.text))
    assert answers[0] == answers[1]
    assert answers[0][0] == status


async def test_a_request_in_order_costs_no_dependency_solving(monkeypatch: pytest.MonkeyPatch) -> None:
    async def solved(**_: Any) -> None:
        pytest.fail("FastAPI found out again what the endpoint takes")

    async with client(DirectRoute) as asked:
        monkeypatch.setattr(fastapi.routing, "solve_dependencies", solved)
        response = await asked.post("/wishes", content=b'{"quantity": 2}', headers=ADA)
    assert response.text == "POST ada 2"


def test_an_endpoint_that_takes_more_is_refused_when_it_is_declared() -> None:
    async def paged(limit: int, wish: Wish) -> Response:
        return Response(f"{limit} {wish}")

    with pytest.raises(TypeError, match="not to be had from the request alone"):
        APIRouter(route_class=DirectRoute).post("/wishes")(paged)
