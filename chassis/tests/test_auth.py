"""Whatever stands in place of a token is refused as none, and a caller is named by a role of ours."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.auth import Caller, UnauthenticatedError, Verifier
from chassis.testing import Issuer

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(["ES256", "none", "test"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
HEADERS = JSON | st.fixed_dictionaries(
    {"alg": JSON | st.just("ES256")}, optional=dict.fromkeys(("kid", "crit", "b64", "typ", "jwk", "x5c", "cty"), JSON)
)


def part(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
async def verifier() -> AsyncIterator[Verifier]:
    verifier = Issuer().verifier()
    yield verifier
    await verifier.close()


@pytest.mark.parametrize(
    "header",
    [
        ["alg"],
        "alg",
        5,
        None,
        {},
        {"alg": "ES256", "crit": 5},
        {"alg": ["ES256"]},
        {"alg": "ES256", "kid": {}},
        b"[" * 9000,
        b"\xff",
    ],
    ids=lambda header: repr(header)[:30],
)
async def test_a_header_that_is_none_makes_no_token(verifier: Verifier, header: Any) -> None:
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(f"{part(header)}.{part({'sub': 'ada'})}.{part(b'signature')}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(max_size=99)
    | st.builds(
        lambda header, claims, signature: f"{part(header)}.{part(claims)}.{part(signature)}", HEADERS, JSON, st.binary()
    )
)
async def test_junk_is_no_token(verifier: Verifier, token: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(token)


@pytest.mark.parametrize(
    ("roles", "named"),
    [
        ({"customer"}, "customer:ada"),
        ({"customer", "default-roles-waybill", "offline_access", "uma_authorization"}, "customer:ada"),
        ({"default-roles-waybill", "offline_access", "uma_authorization", "warehouse"}, "warehouse:ada"),
        ({"warehouse", "finance", "account-admin"}, "finance:ada"),
        (set(), "customer:ada"),
    ],
)
def test_a_caller_is_named_by_a_role_that_waybill_knows(roles: set[str], named: str) -> None:
    assert Caller("ada", frozenset(roles), 0.0).actor == named
