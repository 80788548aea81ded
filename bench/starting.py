"""Measures starts: of the whole system on data that are there already, and of each service beside parts that run."""

import time
from collections.abc import Callable
from typing import Any

from bench.system import running
from waybill.embedded.apart import data_folder, free_port_base
from waybill.embedded.jvm import Tier
from waybill.embedded.kafka import DEFAULT_PARTITIONS
from waybill.embedded.system import LAST_PORT, SERVICES


async def start(repeat: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Start a system that ran before, and each of its services again, so often; answers the seconds of every start."""
    whole: list[float] = []
    services: dict[str, list[float]] = {service: [] for service in SERVICES}
    with data_folder("bench-start", None, keep=False) as folder:
        base = free_port_base(None, LAST_PORT)
        for turn in range(repeat + 1):
            tell(f"starting a system on {folder}" if not turn else f"starting it again ({turn} of {repeat})")
            async with running(folder, base, Tier.QUICK, DEFAULT_PARTITIONS, 1, lambda _: None) as system:
                if not turn:
                    continue  # it made the databases and filled the catalogue
                whole.append(round(system.state.ready_at - system.state.started_at, 2))
                for service, took in services.items():
                    await system.halt(service)
                    begun = time.monotonic()
                    await system.resume(service)
                    took.append(round(time.monotonic() - begun, 2))
    return {"system_seconds": whole, "service_seconds": services}
