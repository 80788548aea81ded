"""`waybill chaos`: a system of its own is broken in every way while orders are placed, and must be right in the end."""

import asyncio
import json
import random
import time
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console

from waybill.chaos import report
from waybill.chaos.course import Course, Measures, run
from waybill.chaos.kinds import KINDS
from waybill.chaos.plan import LONG, SHORT, Plan
from waybill.chaos.recovery import BUSY, QUIET
from waybill.chaos.screen import line, show
from waybill.chaos.system import LAST_USED, SETTINGS, running
from waybill.embedded.apart import data_folder, free_port_base
from waybill.embedded.jvm import Tier
from waybill.embedded.places import project_root
from waybill.embedded.system import Options
from waybill.errors import WaybillError
from waybill.progress import console as plain_or_terminal

SHORT_OUTAGE_SECONDS: Final = 8.0
LONG_OUTAGE_SECONDS: Final = 600.0
SHOWN: Final = 20
LARGEST_SEED: Final = 10**6


def chaos(
    seed: Annotated[int | None, typer.Option(help="Chooses orders and faults; the same again does the same again.")] = None,
    orders: Annotated[int | None, typer.Option(min=1, help=f"How many orders are placed (default {SHORT.orders}).")] = None,
    faults: Annotated[int | None, typer.Option(min=0, help=f"How many faults there are (default {SHORT.faults}).")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help=f"How long orders are placed (default {SHORT.minutes:g}).")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help=f"{LONG.orders} orders, {LONG.faults} faults, an hour.")] = False,  # noqa: FBT002
    only: Annotated[list[str] | None, typer.Option(help="Only faults of this kind; repeatable.")] = None,
    brokers: Annotated[int, typer.Option(help="Nodes of its broker, 1 or 3: three have faults of their own.")] = 1,
    rest: Annotated[float, typer.Option(min=1, help="Within so many seconds after healing all is at rest.")] = 60.0,
    figures: Annotated[bool, typer.Option(help="Measure in the end how losses, outages and crowds are endured.")] = True,  # noqa: FBT002
    outage: Annotated[
        float | None,
        typer.Option(
            min=1, help=f"So many seconds Kafka is away in the end (default {SHORT_OUTAGE_SECONDS:g}, --long: 10 min)."
        ),
    ] = None,
    kinds: Annotated[bool, typer.Option("--kinds", help="Only list the kinds of faults.")] = False,  # noqa: FBT002
    plan: Annotated[bool, typer.Option("--plan", help="Only list the faults that the seed chooses.")] = False,  # noqa: FBT002
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data directory.")] = False,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
    into: Annotated[Path | None, typer.Option("--report", help="Folder of the report (default: .waybill/chaos/…).")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the system's data lie; they stay (default: a temporary place).")
    ] = None,
    port_base: Annotated[int | None, typer.Option(help="Port of its gateway (default: free ones).")] = None,
) -> int:
    """Break a system of its own in every way while orders are placed, heal it, check everything; exit code 1 on a violation."""
    unknown = set(only or ()) - KINDS.keys()
    if unknown:
        raise WaybillError(f"there is no fault {', '.join(sorted(unknown))}: `./waybill chaos --kinds` lists them")
    if kinds:
        for kind in KINDS.values():
            needs = f" ({why})" if (why := kind.unfit(brokers, 0)) else ""
            typer.echo(f"{kind.name:20} {kind.says}{needs}")
        return 0
    usual = LONG if long else SHORT
    chosen = Plan.make(
        random.randrange(LARGEST_SEED) if seed is None else seed,  # noqa: S311 - it is printed
        orders or usual.orders,
        usual.faults if faults is None else faults,
        (minutes or usual.minutes) * 60,
        only or (),
        brokers=brokers,
    )
    if only and not chosen.faults and chosen.left_out:
        raise WaybillError("; ".join(f"{name} {why}" for name, why in chosen.left_out.items()))
    if plan:
        for fault in chosen.faults:
            typer.echo(f"{fault.at:8.1f} s  {fault.name}{f' for {fault.lasts:g} s' if fault.lasts else ''}")
        return 0
    course = Course(chosen, only=tuple(only or ()))
    console = Console(stderr=True) if as_json else plain_or_terminal()
    console.print(f"seed {chosen.seed}: {report.command(course)}", highlight=False, soft_wrap=True)
    measures = Measures((QUIET, BUSY) if long else (QUIET,), outage or (LONG_OUTAGE_SECONDS if long else SHORT_OUTAGE_SECONDS))
    if chosen.left_out:
        left = ", ".join(f"{name} ({why})" for name, why in chosen.left_out.items())
        console.print(f"left out: {left}", highlight=False, soft_wrap=True)
    wanted = None if data_dir is None else data_dir.expanduser().resolve()
    with data_folder("chaos", wanted, keep=keep) as folder:
        options = Options(
            folder,
            free_port_base(port_base, LAST_USED),
            scale={"order": 2},
            service_env=SETTINGS,
            tier=Tier.FULL if long else Tier.QUICK,
            brokers=brokers,
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(options, course, console, rest, measures if figures else None))
        if keep or data_dir is not None:
            console.print(f"data: {folder}", highlight=False, soft_wrap=True)
    place = into or project_root() / ".waybill" / "chaos" / f"{time.strftime('%Y%m%d-%H%M%S')}-{chosen.seed}"
    file = report.write(course, place)
    if as_json:
        typer.echo(json.dumps(report.document(course), indent=2, default=str))
    else:
        _tell(course, file, console)
    return 0 if course.sound else 1


async def _run(options: Options, course: Course, console: Console, rest: float, measures: Measures | None) -> None:
    def tell(activity: str) -> None:
        course.now = activity

    showing = asyncio.create_task(show(course, console))
    try:
        async with running(options, course.plan.seed, tell) as system:
            await run(system, course, rest, measures)
    finally:
        showing.cancel()
        await asyncio.wait({showing})


def _tell(course: Course, file: Path, console: Console) -> None:
    console.print(line(course), highlight=False, soft_wrap=True)
    for one in course.figures:
        verdict = "met" if one.met else "not met"
        took = f"{one.longest:.2f} s (usual {one.usual * 1000:.0f} ms; goal {one.loss.goal:g} s, {verdict})"
        said = f"{one.loss.says}, {one.rate} orders/s: {took}"
        console.print(said, highlight=False, soft_wrap=True)
    for endured in course.outages:
        said = f"{endured.outage.says} for {endured.seconds:g} s: {endured.taken} of {endured.asked} orders taken"
        console.print(f"{said}, all confirmed {endured.caught_up} s later", highlight=False, soft_wrap=True)
    if course.crowded is not None:
        console.print(f"a crowd before a slow database: memory x {course.crowded.growth}", highlight=False, soft_wrap=True)
    if course.rest_seconds is not None:
        console.print(f"at rest {course.rest_seconds:.1f} s after healing", highlight=False, soft_wrap=True)
    violations = course.verdict.violations if course.verdict else []
    for violation in violations[:SHOWN]:
        console.print(f"[red]{violation.rule}[/red] {violation.subject}: {violation.says}", soft_wrap=True, highlight=False)
    if len(violations) > SHOWN:
        console.print(f"… and {len(violations) - SHOWN} more: see the report")
    console.print(f"report: {file}", highlight=False, soft_wrap=True)
    console.print("[green]no violation[/green]" if course.sound else f"[red]{len(violations)} violations[/red]")
