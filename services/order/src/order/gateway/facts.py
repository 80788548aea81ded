"""What the other services told about an order, for the saga view.

It goes through the gateway, with the token of the person who looks, so each service decides what they may see. A service that
does not answer is named as missing; the view shows the rest.
"""

import asyncio
from typing import Any, Final
from urllib.parse import quote

import httpx2

SERVICES: Final = ("inventory", "payment", "notification")
TIMEOUT_SECONDS: Final = 3.0
FORBIDDEN: Final = 403


class Facts:
    """The facts of the other services."""

    def __init__(self, gateway_url: str, client: httpx2.AsyncClient) -> None:
        self._gateway_url = gateway_url.rstrip("/")
        self._client = client

    async def about(self, key: str, authorization: str) -> tuple[list[dict[str, Any]], list[str]]:
        """Answer what the other services told about `key`, and which of them did not answer."""
        if not self._gateway_url:
            return [], list(SERVICES)
        answers = await asyncio.gather(*(self._ask(service, key, authorization) for service in SERVICES))
        facts = [fact for answer in answers if answer is not None for fact in answer]
        return facts, [service for service, answer in zip(SERVICES, answers, strict=True) if answer is None]

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

    async def _ask(self, service: str, key: str, authorization: str) -> list[dict[str, Any]] | None:
        url = f"{self._gateway_url}/api/admin/facts/{service}/{quote(key, safe='')}"
        try:
            response = await self._client.get(url, headers={"Authorization": authorization})
            response.raise_for_status()
            facts: list[dict[str, Any]] = response.json()["items"]
        except (httpx2.HTTPError, ValueError, KeyError):
            return None
        return facts
