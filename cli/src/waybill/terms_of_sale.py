"""The demo's terms of sale: what shipping costs where, and which taxes are due, put in through the API an operator uses.

They are set only where nobody has set any: each document names the version it expects, so a start that was interrupted between
the two is completed by the next one, and terms that someone has changed are left alone.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

from waybill.errors import WaybillError
from waybill.tokens import token

FILE: Final = Path(__file__).with_name("terms_of_sale.json")
CALL_TIMEOUT_SECONDS: Final = 15.0
SET: Final = 200
CHANGED_MEANWHILE: Final = 412


def documents(file: Path = FILE) -> dict[str, list[dict[str, Any]]]:
    """Read the demo's terms: the items of each document by the name of its route."""
    found: dict[str, list[dict[str, Any]]] = json.loads(file.read_text(encoding="utf-8"))
    return found


async def seed(gateway_url: str, issuer: str) -> None:
    """Set the terms of a shop that has none. Raises WaybillError when a call is refused."""
    import httpx2  # noqa: PLC0415 - only the first start needs it

    bearer = await asyncio.to_thread(token, issuer, "finance", ["finance"])
    headers = {"Authorization": f"Bearer {bearer}"}
    async with httpx2.AsyncClient(base_url=gateway_url, headers=headers, timeout=CALL_TIMEOUT_SECONDS) as client:
        try:
            for version, (name, items) in enumerate(documents().items()):
                expected = {"If-Match": f'"{version}"'}
                answer = await client.put(f"/api/admin/{name}", json={"items": items}, headers=expected)
                if answer.status_code not in {SET, CHANGED_MEANWHILE}:
                    text = answer.text[:200].replace("\n", " ")
                    raise WaybillError(
                        f"the demo's {name} cannot be set: the order service answers {answer.status_code} {text}"
                    )
        except httpx2.HTTPError as error:
            raise WaybillError(f"the demo's terms cannot be set: {error!r} (see `./waybill logs order`)") from error
