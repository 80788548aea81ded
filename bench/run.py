"""Runs scenarios on a system of their own, and hands their figures over."""

import asyncio
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from bench import history
from bench.accounting import cores
from bench.databases import Databases
from bench.draining import drain
from bench.figures import Measured
from bench.measuring import Measuring, People
from bench.profiling import Profile, profiled, sampler
from bench.scenarios import DEFAULT, SCENARIOS, WARM_UP, Name, Scenario, at_rate
from bench.system import Running, running
from bench.topics import Topics
from bench.workload import PRODUCTS
from waybill.embedded.apart import data_folder, free_port_base
from waybill.embedded.jvm import Tier
from waybill.embedded.system import LAST_PORT, SERVICES
from waybill.errors import WaybillError
from waybill.tokens import token

CUSTOMERS: Final = 256
TOKENS_AT_ONCE: Final = 8
PRICES_SECONDS: Final = 60.0
DURABLE: Final = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured, and on what."""

    scenarios: Sequence[Name] = DEFAULT
    rates: Sequence[float] = ()
    """Further scenarios: open loops at so many orders a second."""
    orders: int | None = None
    seconds: float | None = None
    clients: int = 64
    repeat: int = 1
    seed: int = 1
    profile: Sequence[str] = ()
    data_dir: Path | None = None
    port_base: int | None = None
    keep: bool = False
    tier: Tier = Tier.QUICK
    partitions: int = 4
    replicas: int = 1
    history: int = 0
    history_whole: int | None = None
    """How many of the past orders are whole; None: all."""


@dataclass(slots=True)
class Results:
    """The figures of all runs, the conditions they were taken under, the profiles."""

    measured: list[Measured] = field(default_factory=list)
    conditions: dict[str, Any] = field(default_factory=dict)
    profiles: list[Profile] = field(default_factory=list)


async def run(wanted: Wanted, tell: Callable[[str], None]) -> Results:
    """Start a system, warm it up, run the scenarios in turn as often as wanted; raises WaybillError."""
    if wanted.profile:
        sampler()  # a missing one is told before anything starts
    results = Results()
    with data_folder("bench", wanted.data_dir, keep=wanted.keep) as folder:
        tell(f"starting a system on {folder}")
        base = free_port_base(wanted.port_base, LAST_PORT)
        async with (
            running(folder, base, wanted.tier, wanted.partitions, wanted.replicas, tell) as system,
            Databases.of(system.system.postgres) as databases,
            Topics.of(system.system.kafka.bootstrap_servers) as topics,
        ):
            await _prices_known(databases)
            measuring = Measuring(system, databases, topics, await _people(system), wanted.clients)
            tell("warming up")
            await measuring.warm_up(WARM_UP.limited(None, None), wanted.seed)
            if wanted.history and await _live_long(measuring, folder, wanted, tell):
                await measuring.warm_up(WARM_UP, wanted.seed)
            results.conditions = await conditions(wanted, folder, databases)
            for turn in range(wanted.repeat):
                for scenario in scenarios(wanted, results.measured):
                    tell(f"measuring {scenario.name}: {scenario.question} (run {turn + 1} of {wanted.repeat})")
                    results.measured.append(await _measure(measuring, scenario, wanted.seed + 1 + turn, tell))
            results.conditions["service_mb"] = _memory(system)
            if wanted.profile:
                tell(f"profiling {', '.join(wanted.profile)}")
                results.profiles = await _profile(wanted, system, measuring, folder)
    return results


def _memory(system: Running) -> dict[str, float]:
    """Tell how much memory each service has resident, the largest of its processes (MB)."""
    processes = {service: system.processes[service] for service in SERVICES}
    return {
        service: round(max(psutil.Process(pid).memory_info().rss for pid in pids) / 2**20, 1)
        for service, pids in processes.items()
    }


async def _live_long(measuring: Measuring, folder: Path, wanted: Wanted, tell: Callable[[str], None]) -> int:
    whole = wanted.history if wanted.history_whole is None else wanted.history_whole
    return await history.load(measuring, folder, wanted.history, whole, wanted.seed, tell)


def scenarios(wanted: Wanted, measured: Sequence[Measured] = ()) -> Iterator[Scenario]:
    """List what is wanted, with its limits; those whose rate is a share of the maximum come after it was measured."""
    for chosen in (*(SCENARIOS[name] for name in wanted.scenarios), *(at_rate(rate) for rate in wanted.rates)):
        scenario = chosen
        if chosen.share_of_max:
            most = [one.orders_per_second for one in measured if one.scenario == Name.MAX]
            if not most:
                raise WaybillError(f"{chosen.name} needs to know the maximum: ask for --scenario max before it")
            scenario = chosen.at_share(most[-1])
        yield scenario.limited(wanted.orders, wanted.seconds)


async def _measure(measuring: Measuring, scenario: Scenario, seed: int, tell: Callable[[str], None]) -> Measured:
    if scenario.beside_per_second:
        return await drain(measuring, scenario, seed, tell)
    return await measuring.measure(scenario, seed)


async def _profile(wanted: Wanted, system: Running, measuring: Measuring, folder: Path) -> list[Profile]:
    processes = {service: system.processes[service][0] for service in wanted.profile}
    scenario = next(scenarios(wanted))
    async with profiled(processes, folder) as files:
        await measuring.warm_up(scenario, wanted.seed + wanted.repeat + 1)
    return [Profile.read(service, file.read_text().splitlines()) for service, file in files.items()]


async def _prices_known(databases: Databases) -> None:
    """Wait until the order service knows every price."""
    deadline = asyncio.get_running_loop().time() + PRICES_SECONDS
    while (known := await databases.products()) <= PRODUCTS:
        if asyncio.get_running_loop().time() > deadline:
            raise WaybillError(f"the order service knows {known} of {PRODUCTS + 1} prices: see `./waybill logs order`")
        await asyncio.sleep(0.1)


async def _people(system: Running) -> People:
    issuer = system.system.identity.issuer
    keeper = await asyncio.to_thread(token, issuer, "keeper", ["warehouse"])
    manager = await asyncio.to_thread(token, issuer, "manager", ["admin"])
    return People(await customers(issuer), keeper, manager)


async def customers(issuer: str) -> tuple[str, ...]:
    """Fetch the tokens of the workload's customers."""
    turn = asyncio.Semaphore(TOKENS_AT_ONCE)

    async def fetch(number: int) -> str:
        async with turn:
            return await asyncio.to_thread(token, issuer, f"customer-{number}", ["customer"])

    return tuple(await asyncio.gather(*(fetch(number) for number in range(CUSTOMERS))))


async def conditions(wanted: Wanted, folder: Path, databases: Databases) -> dict[str, Any]:
    """Tell the conditions under which figures are taken."""
    return {
        "cores": cores(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "system": platform.platform(),
        "python": platform.python_version(),
        "file_system": _file_system(folder),
        "load_average_before": os.getloadavg()[0],
        "customers": CUSTOMERS,
        "products": PRODUCTS,
        "clients": wanted.clients,
        "partitions": wanted.partitions,
        "replicas": wanted.replicas,
        "history": history.loaded(folder)[0],
        "history_whole": history.loaded(folder)[1],
        "jvm_tier": wanted.tier,
        "repeat": wanted.repeat,
        "database": await databases.server_settings(DURABLE),
    }


def _file_system(folder: Path) -> str:
    """Name the kind of file system a folder lies on: durable commits cost nothing on one that lives in memory."""
    mounts = [one for one in psutil.disk_partitions(all=True) if folder.is_relative_to(one.mountpoint)]
    return max(mounts, key=lambda one: len(one.mountpoint)).fstype if mounts else "unknown"
