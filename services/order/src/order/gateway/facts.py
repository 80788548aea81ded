"""What the other services told about an order and still owe, for the saga view, and how they are asked to get on with it.

It goes through the gateway, with the token of the person who looks, so each service decides what they may see. A service that
does not answer is named as missing; the view shows the rest.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx2

SERVICES: Final = ("inventory", "payment", "notification")
TIMEOUT_SECONDS: Final = 3.0
FORBIDDEN: Final = 403


@dataclass(frozen=True, slots=True)
class Told:
    """What services told about a key, what they owe about it, and which did not answer."""

    facts: list[dict[str, Any]]
    work: list[dict[str, Any]]
    missing: list[str]


class Facts:
    """The facts of the other services."""

    def __init__(self, gateway_url: str, client: httpx2.AsyncClient) -> None:
        self._gateway_url = gateway_url.rstrip("/")
        self._client = client

    async def about(self, key: str, authorization: str) -> Told:
        """Answer what the other services told about `key` and owe, and which of them did not answer."""
        answers, missing = await self._all("GET", key, "", authorization)
        facts = [fact for answer in answers.values() for fact in answer["items"]]
        return Told(facts, [work for answer in answers.values() for work in answer.get("work", ())], missing)

    async def nudge(self, key: str, authorization: str) -> tuple[dict[str, Any], list[str]]:
        """Have the other services do now what they owe about `key`; answers what each did, and who did not answer."""
        return await self._all("POST", key, "/nudge", authorization)

    async def _all(self, method: str, key: str, what: str, authorization: str) -> tuple[dict[str, Any], list[str]]:
        if not self._gateway_url:
            return {}, list(SERVICES)
        asked = (self._ask(method, service, f"{quote(key, safe='')}{what}", authorization) for service in SERVICES)
        answers = zip(SERVICES, await asyncio.gather(*asked), strict=True)
        known = {service: answer for service, answer in answers if answer is not None}
        return known, [service for service in SERVICES if service not in known]

    async def payments(self, reference: str, authorization: str) -> list[dict[str, Any]] | None:
        """Answer the payments that go under this name; None where payment does not answer, none where it may not."""
        url = f"{self._gateway_url}/api/admin/payments"
        if not self._gateway_url:
            return None
        try:
            given = {"reference": reference, "limit": "10"}
            response = await self._client.get(url, params=given, headers={"Authorization": authorization})
            if response.status_code == FORBIDDEN:
                return []
            response.raise_for_status()
            found: list[dict[str, Any]] = response.json()["items"]
        except (httpx2.HTTPError, ValueError, KeyError):
            return None
        return found

    async def _ask(self, method: str, service: str, path: str, authorization: str) -> dict[str, Any] | None:
        url = f"{self._gateway_url}/api/admin/facts/{service}/{path}"
        try:
            response = await self._client.request(method, url, headers={"Authorization": authorization})
            response.raise_for_status()
            answer: dict[str, Any] = response.json()
        except (httpx2.HTTPError, ValueError):
            return None
        return answer
