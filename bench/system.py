"""The system under load: started for the benchmark on a data directory and ports of its own, and stopped after it.

Everything in it is as `./waybill up` starts it, gateway, tokens and durable commits included. Only PSP and mail are the stubs
inside their services, which answer at once, so that every system is measured on the same work; and its catalogue is the
workload's.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import catalogue
from bench.accounting import service_of
from waybill.embedded.jvm import Tier
from waybill.embedded.state import State, data_dir_lock
from waybill.embedded.supervisor import Supervisor
from waybill.embedded.system import SERVICES, Options, System
from waybill.errors import WaybillError

STUBS: Final = {
    "order": {"ORDER_CARRIERS": "stub"},
    "payment": {"PAYMENT_PSP": "stub"},
    "notification": {"NOTIFICATION_PROVIDERS": "stub"},
}


class BenchSystem(System):
    """A system whose catalogue is the workload's."""

    async def fill_catalogue(self) -> None:
        """Put the products of the workload in, with stock that suffices."""
        await catalogue.fill(self)


@dataclass(frozen=True, slots=True)
class Running:
    """A system that takes orders."""

    system: BenchSystem
    supervisor: Supervisor

    @property
    def state(self) -> State:
        """Return the state of all parts."""
        return self.supervisor.state

    @property
    def processes(self) -> dict[str, list[int]]:
        """Return the process ids of each part; those of a service's replicas together."""
        found: dict[str, list[int]] = {}
        for name, part in self.state.parts.items():
            if part.process is not None:
                found.setdefault(service_of(name), []).append(part.process.pid)
        return found

    @property
    def restarts(self) -> int:
        """Count the parts' restarts; a measured system has none."""
        return sum(part.restarts for part in self.state.parts.values())

    async def halt(self, service: str) -> None:
        """Stop a service until it is resumed."""
        await self.supervisor.halt(service)

    async def resume(self, service: str) -> None:
        """Start a service that was halted; done when it is ready."""
        await self.supervisor.resume(service)


@contextlib.asynccontextmanager
async def running(
    data_dir: Path, port_base: int, tier: Tier, partitions: int, replicas: int, tell: Callable[[str], None]
) -> AsyncIterator[Running]:
    """Start a system and stop it afterwards. Raises WaybillError when it does not start, or ends while it is used."""
    scale = dict.fromkeys(SERVICES, replicas)
    options = Options(data_dir, port_base, scale=scale, service_env=STUBS, tier=tier, partitions=partitions)
    with data_dir_lock(data_dir):
        system = BenchSystem(options)
        ready = asyncio.Event()
        told = ""

        def notify(state: State) -> None:
            nonlocal told
            if state.activity and state.activity != told:
                tell(state.activity)
            told = state.activity
            if state.ready:
                ready.set()

        supervisor = Supervisor(system, notify)
        life = asyncio.create_task(supervisor.run())
        user = asyncio.current_task()
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({life, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if life.done():
            life.result()
            raise WaybillError("the system under load was stopped while it started: run the benchmark again")
        life.add_done_callback(lambda _: user.cancel() if user is not None else None)
        try:
            yield Running(system, supervisor)
        except asyncio.CancelledError:
            if life.done():
                raise WaybillError("the system under load was stopped: run the benchmark again") from None
            raise
        finally:
            supervisor.stop()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(life)
