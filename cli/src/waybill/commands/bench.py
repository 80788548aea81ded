"""`waybill bench`: measure a system of its own under the place-order workload."""

import asyncio
import importlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from rich.console import Console

from waybill.embedded.jvm import Tier
from waybill.embedded.kafka import DEFAULT_PARTITIONS
from waybill.embedded.places import project_root
from waybill.embedded.system import MAX_REPLICAS, SERVICES
from waybill.errors import WaybillError
from waybill.progress import console as plain_or_terminal


class WrongResultsError(WaybillError):
    """The load left wrong results, so its figures count nothing."""

    exit_code = 2


def bench(
    scenario: Annotated[
        list[str] | None,
        typer.Option(help="max, low, accept, hot, mix, ship, drain or read; repeatable. Default: max, accept and low."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,  # noqa: FBT002
    orders: Annotated[int | None, typer.Option(min=1, help="Orders of a run.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="The longest a run sends.")] = None,
    clients: Annotated[int, typer.Option(min=1, max=512, help="Customers at the same time in a closed loop.")] = 64,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each scenario, in turn; medians are told.")] = 1,
    profile: Annotated[
        list[str] | None,
        typer.Option(metavar="SERVICE", help="Sample a service under the first scenario's load (py-spy); repeatable."),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where to keep data (default: a temporary directory).")] = None,
    port_base: Annotated[int | None, typer.Option(help="Port of the gateway (default: a free one).")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary directory with data and logs.")] = False,  # noqa: FBT002
    jvm_tier: Annotated[Tier, typer.Option(help="How far the broker's code is compiled.")] = Tier.QUICK,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of the topics.")] = DEFAULT_PARTITIONS,
    replicas: Annotated[int, typer.Option(min=1, max=MAX_REPLICAS, help="Processes of each service.")] = 1,
    rates: Annotated[
        str,
        typer.Option(help="Open loops at so many orders a second, as in 50,100,200,400; alone, unless --scenario is given."),
    ] = "",
    peers: Annotated[bool, typer.Option("--peers", help="Run other designs in turn with Waybill, and compare.")] = False,  # noqa: FBT002
    peer: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this one: dbos or plain; repeatable.")] = None,
    start: Annotated[bool, typer.Option("--start", help="Measure how long it takes to start, and nothing else.")] = False,  # noqa: FBT002
    record: Annotated[bool, typer.Option("--record", help="Keep the figures for docs/performance.md.")] = False,  # noqa: FBT002
    history: Annotated[int, typer.Option(min=0, help="Finished orders that lie in the databases before anything runs.")] = 0,
    history_whole: Annotated[
        int | None, typer.Option(min=1, help="How many of them are whole; of older ones there are orders, lines and parcels.")
    ] = None,
) -> None:
    """Measure throughput, latency and CPU per order on a system that is started for it; with --peers, beside others."""
    run, scenarios, report = modules("run", "scenarios", "report")
    beside = _peers(peer or [], every=peers)
    usual = () if rates else scenarios.COMPARED if beside else scenarios.DEFAULT
    names = [_one_of(name, list(scenarios.Name), "scenario") for name in scenario or usual]
    wanted = run.Wanted(
        scenarios=[scenarios.Name(name) for name in names],
        rates=_rates(rates) or (scenarios.RATES_COMPARED if beside and not scenario else []),
        orders=orders,
        seconds=seconds,
        clients=clients,
        repeat=repeat,
        profile=[_one_of(name, SERVICES, "service") for name in profile or []],
        data_dir=data_dir.expanduser().resolve() if data_dir is not None else None,
        port_base=port_base,
        keep=keep,
        tier=jvm_tier,
        partitions=partitions,
        replicas=replicas,
        history=history,
        history_whole=history_whole,
    )
    progress = Console(stderr=True, highlight=False)

    def tell(line: str) -> None:
        progress.print(line, style="dim")

    if start:
        _start(repeat, tell, record=record)
        return
    if beside:
        _compare(wanted, beside, tell, as_json=as_json, record=record)
        return
    results = asyncio.run(run.run(wanted, tell))
    told = report.as_json(results.measured, results.conditions, results.profiles)
    if record and all(run.passed for run in results.measured):  # what took minutes to measure is not lost by showing it
        _record(told, tell)
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        report.show(plain_or_terminal(), results.measured, results.profiles)
    _fail_on_wrong(results.measured)


def _start(repeat: int, tell: Callable[[str], None], *, record: bool) -> None:
    """Measure starts; they are few figures, so people and programs read the same."""
    (starting,) = modules("starting")
    told = {"start": asyncio.run(starting.start(repeat, tell)), "conditions": {"repeat": repeat}}
    typer.echo(json.dumps(told["start"], indent=1))
    if record:
        _record(told, tell)


def _compare(wanted: Any, peers: list[str], tell: Callable[[str], None], *, as_json: bool, record: bool) -> None:
    """Run this system and its peers in turn, and set them side by side."""
    comparing, report = modules("peers.comparing", "peers.report")
    found, conditions = asyncio.run(comparing.compare(wanted, peers, tell))
    told = report.as_json(found, conditions)
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        report.show(plain_or_terminal(), found)
    _fail_on_wrong([run for runs in found.values() for run in runs])
    if record:
        _record(told, tell)


def _record(told: dict[str, Any], tell: Callable[[str], None]) -> None:
    """Keep figures for the pages of performance and scaling, and write these anew."""
    from waybill.generate import files, performance, scaling, system  # noqa: PLC0415 - loads four services, rarely needed

    (recording,) = modules("recording")
    root = project_root()
    recording.record(root, told)
    for path in files.write(root, {**performance.documents(root), **scaling.documents(root, system.load())}):
        tell(f"written: {path}")


def _peers(named: list[str], *, every: bool) -> list[str]:
    if not named and not every:
        return []
    (system,) = modules("peers.system")
    return list(system.PEERS) if every else [_one_of(name, list(system.PEERS), "peer") for name in dict.fromkeys(named)]


def modules(*names: str) -> list[ModuleType]:
    """Find the benchmark, which lies beside the packages in a checkout and is in none of them."""
    root = project_root()
    if not (root / "bench" / "run.py").exists():
        raise WaybillError("the benchmark is part of a checkout of Waybill: run it there")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return [importlib.import_module(f"bench.{name}") for name in names]


def _rates(text: str) -> list[float]:
    try:
        rates = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        rates = [0.0]
    if any(not 0 < rate < math.inf for rate in rates):
        raise WaybillError(f"--rates {text}: give numbers of orders a second, as in 50,100,200")
    return rates


def _one_of(name: str, known: Any, what: str) -> str:
    if name not in known:
        raise WaybillError(f"there is no {what} {name}: choose from {', '.join(known)}")
    return name


def _fail_on_wrong(measured: Any) -> None:
    wrong = [f"{run.scenario}: {check.what}: {check.problem}" for run in measured for check in run.checks if not check.passed]
    if wrong:
        raise WrongResultsError(f"the results are wrong, so the figures count nothing: {wrong[0]}")
