"""Tokens of the development identity provider, for people and tests; production has a provider of its own."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Final

from waybill.errors import WaybillError

TIMEOUT_SECONDS: Final = 10.0


def token(issuer: str, user: str, roles: Sequence[str]) -> str:
    """Ask the provider for a token that speaks for `user` with `roles`; raises WaybillError when it does not answer."""
    form = {
        "grant_type": "client_credentials",
        "client_id": "waybill",
        "client_secret": "unused",
        "user": user,
        "roles": ",".join(roles),
    }
    request = urllib.request.Request(f"{issuer}/token", urllib.parse.urlencode(form).encode())  # noqa: S310 - our own loopback URL
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return str(json.load(answer)["access_token"])
    except (OSError, urllib.error.URLError, ValueError, KeyError) as error:
        raise WaybillError(f"the identity provider at {issuer} gives no token ({error}): see `./waybill status`") from error
