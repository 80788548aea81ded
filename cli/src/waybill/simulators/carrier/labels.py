"""Labels as PDF or PNG, four by six inches: addresses, service, tracking number and its bars.

The source is compiled once; a label takes some tens of milliseconds after that, in a thread of its own, and is kept for whoever
asks again. The same label is the same file, byte for byte.
"""

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import typst

from waybill.simulators.carrier import code128
from waybill.simulators.carrier.ledger import Shipment
from waybill.simulators.carrier.tariff import GRAMS_PER_OUNCE

Format = Literal["pdf", "png"]
MEDIA_TYPES: Final[Mapping[str, str]] = {"pdf": "application/pdf", "png": "image/png"}
_SOURCE: Final = Path(__file__).with_name("label.typ")
_KEPT: Final = 256
_PNG_DOTS_PER_INCH: Final = 300


class Labels:
    """Prints labels."""

    def __init__(self) -> None:
        self._compiler: typst.Compiler | None = None
        self._printing = threading.Lock()
        self._kept: OrderedDict[tuple[str, Format], bytes] = OrderedDict()

    async def label(self, shipment: Shipment, file_format: Format) -> bytes:
        """Return the label of a bought shipment."""
        key = (shipment.id, file_format)
        if key not in self._kept:
            self._kept[key] = await asyncio.to_thread(self._print, shipment, file_format)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _print(self, shipment: Shipment, file_format: Format) -> bytes:
        with self._printing:
            if self._compiler is None:
                self._compiler = typst.Compiler(_SOURCE, root=_SOURCE.parent, ignore_system_fonts=True)
            printed = self._compiler.compile(
                format=file_format,
                sys_inputs=_inputs(shipment),
                timestamp=int(shipment.bought or 0),
                ppi=_PNG_DOTS_PER_INCH,
                pdf_tags=False,
            )
        if isinstance(printed, list):
            return printed[0]
        return printed or b""


def _inputs(shipment: Shipment) -> dict[str, str]:
    wanted, number = shipment.wanted, shipment.tracking_code or ""
    grams = wanted["parcel"]["weight"] * GRAMS_PER_OUNCE
    return {
        "carrier": shipment.carrier or "",
        "service": shipment.service or "",
        "origin": _lines(wanted["from_address"]),
        "destination": _lines(wanted["to_address"]),
        "weight": f"{math.ceil(grams / 10) / 100:.2f} kg",
        "date": datetime.fromtimestamp(shipment.bought or 0, UTC).date().isoformat(),
        "number": number,
        "shown": " ".join(number[at : at + 4] for at in range(0, len(number), 4)),
        "bars": code128.widths(number),
        "reference": str(wanted.get("options", {}).get("print_custom_1") or ""),
    }


def _lines(address: Mapping[str, Any]) -> str:
    town = " ".join(str(address[name]) for name in ("zip", "city") if address.get(name))
    if address.get("state"):
        town += f", {address['state']}"
    named = [address.get(name) for name in ("name", "company", "street1", "street2")]
    return "\n".join(str(line).replace("\n", " ") for line in [*named, town, address["country"]] if line)
