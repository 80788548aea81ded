"""`waybill bench`: measure a system of its own under the place-order workload."""

import asyncio
import importlib
import json
import math
import sys
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
    history: Annotated[int, typer.Option(min=0, help="Finished orders that lie in the databases before anything runs.")] = 0,
    history_elsewhere: Annotated[
        int | None, typer.Option(min=1, help="How many of them lie in the other databases than that of the orders (all).")
    ] = None,
) -> None:
    """Measure throughput, latency and CPU per order on a system that is started for it."""
    run, scenarios, report = modules("run", "scenarios", "report")
    usual = () if rates else scenarios.DEFAULT
    names = [_one_of(name, list(scenarios.Name), "scenario") for name in scenario or usual]
    wanted = run.Wanted(
        scenarios=[scenarios.Name(name) for name in names],
        rates=_rates(rates),
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
        history_elsewhere=history_elsewhere,
    )
    progress = Console(stderr=True, highlight=False)
    results = asyncio.run(run.run(wanted, lambda line: progress.print(line, style="dim")))
    if as_json:
        typer.echo(json.dumps(report.as_json(results.measured, results.conditions, results.profiles), indent=1))
    else:
        report.show(plain_or_terminal(), results.measured, results.profiles)
    _fail_on_wrong(results.measured)


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
