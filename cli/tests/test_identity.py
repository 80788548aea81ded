"""The identity provider for development: tokens for whoever asks, signed with a key of this data directory."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from waybill import tokens
from waybill.embedded.identity import IdentityProvider
from waybill.embedded.places import free_ports
from waybill.errors import WaybillError

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[IdentityProvider]:
    folder = tmp_path_factory.mktemp("identity")
    async with IdentityProvider(folder, free_ports(1)[0], log_file=folder / "identity.log") as running:
        yield running


async def published(provider: IdentityProvider) -> KeySet:
    async with httpx2.AsyncClient() as client:
        return KeySet.import_key_set((await client.get(provider.keys_url)).json())


async def test_a_token_says_who_and_what(provider: IdentityProvider) -> None:
    token = tokens.token(provider.issuer, "alice", ["customer", "support"])
    decoded = jwt.decode(token, await published(provider), algorithms=["ES256"])
    assert decoded.claims["sub"] == "alice"
    assert decoded.claims["roles"] == "customer,support"
    assert decoded.claims["iss"] == provider.issuer
    assert decoded.claims["aud"] == "waybill"
    assert decoded.claims["exp"] - decoded.claims["iat"] == 24 * 60 * 60


async def test_the_key_is_ours_private_and_kept_over_a_restart(provider: IdentityProvider) -> None:
    key_file = provider.directory / "signing-key.json"
    assert key_file.stat().st_mode & 0o077 == 0
    token = tokens.token(provider.issuer, "alice", ["customer"])
    await provider.stop()
    await provider.start()
    keys = await published(provider)
    assert keys.keys[0].as_dict(private=False)["x"] == json.loads(key_file.read_text())["x"]
    assert jwt.decode(token, keys, algorithms=["ES256"]).claims["sub"] == "alice"


def test_a_provider_that_is_away_is_one_line(tmp_path: Path) -> None:
    away = IdentityProvider(tmp_path, free_ports(1)[0], log_file=tmp_path / "log")
    with pytest.raises(WaybillError, match=r"gives no token .*see `\./waybill status`") as error:
        tokens.token(away.issuer, "alice", ["customer"])
    assert "\n" not in str(error.value)
