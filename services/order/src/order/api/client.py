"""From where a request comes, as far as that tells something of a customer.

The gateway writes the address it was asked from as the last one of X-Forwarded-For; what stands before it anybody can claim. A
private address is that of the shop's own network, or of a proxy that hides its clients, and says nothing.
"""

import hmac
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from uuid import UUID

from fastapi import Request

from chassis.problems import invalid
from contracts.types import Client
from order.settings import Settings

FORWARDED: Final = "X-Forwarded-For"
DEVICE: Final = "X-Device-Id"
LONGEST_DEVICE: Final = 200


def client_of(request: Request, settings: Settings) -> Client | None:
    """Tell from where a request comes, if that is known; raises InvalidRequestError for a device that is none."""
    device = request.headers.get(DEVICE, "").strip() or None
    if device is not None and (len(device) > LONGEST_DEVICE or not device.isprintable()):
        raise invalid(DEVICE, f"must be a name of at most {LONGEST_DEVICE} characters")
    address = _address(request.headers.get(FORWARDED, ""), private=settings.private_clients)
    return Client(ip=address, device=device) if address or device else None


def client_mark(client: Client | None, settings: Settings) -> UUID | None:
    """Mark an address, so that it can be recognised and not read; of IPv6 the network, which is one customer's."""
    secret = settings.risk_secret.get_secret_value()
    if client is None or client.ip is None or not secret:
        return None
    address = ip_address(client.ip)
    place = str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else client.ip
    return UUID(bytes=hmac.digest(secret.encode(), f"client:{place}".encode(), "sha256")[:16])


def _address(forwarded: str, *, private: bool) -> str | None:
    try:
        address = ip_address(forwarded.rpartition(",")[2].strip())
    except ValueError:
        return None
    return None if address.is_private and not private else str(address)
