"""How often the identity provider is asked for its keys: as seldom while it is silent as while it answers."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from chassis import auth
from chassis.auth import (
    KEY_COOLDOWN_SECONDS,
    KEYS_TTL_SECONDS,
    NO_KEYS_COOLDOWN_SECONDS,
    ProviderAwayError,
    UnauthenticatedError,
    Verifier,
)
from chassis.testing import Issuer


class Provider:
    """An identity provider that answers, or does not, and counts how often it was asked."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.asked = 0
        self.silent = False
        self.heard = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        self.verifier = Verifier(self.issuer.url, "waybill", f"{self.issuer.url}/jwks", client)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        self.heard.set()
        await self.answers.wait()
        if self.silent:
            raise httpx2.ReadTimeout("silent", request=request)
        return httpx2.Response(200, json=self.issuer.jwks())

    async def refuses(self, token: str) -> None:
        with pytest.raises(UnauthenticatedError):
            await self.verifier.verify(token)

    async def knows(self, user: str) -> None:
        assert (await self.verifier.verify(self.issuer.token(user))).user_id == user


class Hours:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    hours = Hours()
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=time.time, monotonic=lambda: hours.now))
    return hours


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    yield provider
    await provider.verifier.close()


def expired(issuer: Issuer) -> str:
    return issuer.token("ada", exp=int(time.time()) - 3600)


def of_another(user: str = "ada", **claims: Any) -> str:
    """Sign with a key that the provider does not have, under the name of one that it has."""
    return Issuer().token(user, **claims)


async def test_a_silent_provider_is_asked_once_in_a_while_whatever_tokens_come(provider: Provider, hours: Hours) -> None:
    await provider.knows("ada")
    hours.pass_by(KEYS_TTL_SECONDS)
    provider.silent = True
    for _ in range(3):
        for token in (of_another(), expired(provider.issuer), "no.to.ken"):
            await provider.refuses(token)
        await provider.knows("bob")
    assert provider.asked == 2
    hours.pass_by(KEY_COOLDOWN_SECONDS)
    await provider.refuses(of_another())
    assert provider.asked == 3
    provider.silent = False
    hours.pass_by(KEY_COOLDOWN_SECONDS)
    await provider.knows("cleo")
    assert provider.asked == 4


async def test_only_a_key_that_is_not_known_has_the_provider_asked_anew(provider: Provider, hours: Hours) -> None:
    await provider.knows("ada")
    hours.pass_by(KEY_COOLDOWN_SECONDS)
    for token in (expired(provider.issuer), provider.issuer.token("ada", aud="another"), "no.to.ken", "none"):
        await provider.refuses(token)
    assert provider.asked == 1
    provider.issuer = Issuer()  # it signs with another key from now on
    await provider.knows("bob")
    assert provider.asked == 2
    await provider.refuses(of_another())
    assert provider.asked == 2, "it was asked just now"


async def test_while_the_provider_is_asked_the_known_keys_serve_everybody_else(provider: Provider, hours: Hours) -> None:
    await provider.knows("ada")
    hours.pass_by(KEYS_TTL_SECONDS)
    provider.answers.clear()
    provider.heard.clear()
    first = asyncio.create_task(provider.knows("bob"))
    await provider.heard.wait()
    await asyncio.wait_for(provider.knows("cleo"), 5)
    assert not first.done()
    provider.answers.set()
    await first


async def test_without_any_key_the_provider_is_not_asked_by_every_caller(provider: Provider, hours: Hours) -> None:
    provider.silent = True
    for _ in range(3):
        with pytest.raises(ProviderAwayError):
            await provider.verifier.verify(provider.issuer.token("ada"))
    assert provider.asked == 1
    provider.silent = False
    hours.pass_by(NO_KEYS_COOLDOWN_SECONDS)
    await provider.knows("ada")
