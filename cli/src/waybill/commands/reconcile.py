"""`waybill reconcile`: whether orders, stock, money, messages and events agree."""

import asyncio
import json
import time
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.table import Table

from waybill.errors import WaybillError
from waybill.options import DataDir
from waybill.progress import console
from waybill.reconciliation.books import check_messages, own_books, psp_intents
from waybill.reconciliation.exchanges import check_exchanges
from waybill.reconciliation.findings import SENTENCES, Finding, Findings, Invariant
from waybill.reconciliation.labels import compare_with_carriers, labels_sold
from waybill.reconciliation.orders import check_orders
from waybill.reconciliation.reviews import check_reviews
from waybill.reconciliation.sources import Snapshot, Sources, snapshot
from waybill.reconciliation.tables import check_tables
from waybill.reconciliation.topics import check_lag, check_topics

SHOWN: Final = 20
LOOK_AGAIN_SECONDS: Final = 1.0


def reconcile(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
    wait: Annotated[float, typer.Option(min=0, help="Look again for so many seconds until all is well.")] = 0.0,
    grace: Annotated[float, typer.Option(min=0, help="What changed within so many seconds may still be under way.")] = 5.0,
    topics: Annotated[bool, typer.Option("--topics", help="Read all records of all topics too.")] = False,  # noqa: FBT002
    data_dir: DataDir = None,
    database: Annotated[
        list[str] | None, typer.Option(help="SERVICE=URL, four times, for a system that runs elsewhere.")
    ] = None,
    kafka: Annotated[str | None, typer.Option(help="With --database: the broker's address.")] = None,
    psp_ledger: Annotated[str | None, typer.Option(help="With --database: where the PSP's ledger is read.")] = None,
    carrier_ledger: Annotated[
        str | None, typer.Option(help="With --database: where the simulated carriers' ledger is read.")
    ] = None,
) -> int:
    """Check every invariant over the four databases, the broker and the books of others; exit code 1 on a violation."""
    named = Sources.named(database, kafka, psp_ledger, carrier_ledger) if database else None
    sources = named or Sources.running(data_dir)
    findings = asyncio.run(until_clean(sources, timedelta(seconds=grace), wait, topics=topics))
    if as_json:
        typer.echo(json.dumps(findings.document(), indent=2, default=str))
    else:
        _show(findings)
    return 0 if findings.clean else 1


async def until_clean(sources: Sources, grace: timedelta, wait: float, *, topics: bool) -> Findings:
    """Look, and look again for so many seconds until all is well."""
    until = time.monotonic() + wait
    while True:
        findings = await look(sources, grace, topics=topics)
        if (findings.clean and not findings.in_flight) or time.monotonic() > until:
            return findings
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def look(sources: Sources, grace: timedelta, *, topics: bool) -> Findings:
    """Look at everything once."""
    findings = Findings()
    async with snapshot(sources, grace) as taken:
        intents = at_psp = None
        if sources.psp_ledger is None:
            findings.left_out(
                "no PSP ledger was named", Invariant.PSP_LEDGER, Invariant.OPEN_AUTHORISATION, Invariant.CAPTURE_ONCE
            )
        else:
            at_psp = await psp_intents(sources.psp_ledger, findings)
            intents = await own_books(taken, at_psp)
        await check_exchanges(taken, at_psp, findings)
        await check_orders(taken, intents, findings)
        await check_reviews(taken, findings)
        await _check_labels(sources.carrier_ledger, taken, findings)
        for service in taken.databases:
            await check_tables(service, taken, findings)
        if sources.sinks is None:
            findings.left_out("no sinks were named", Invariant.MESSAGE_ONCE)
        else:
            await check_messages(sources.sinks, taken, findings)
        if sources.kafka is None:
            findings.left_out("no broker was named", Invariant.CONSUMER_LAG, Invariant.TOPICS)
            return findings
        if topics:
            await check_topics(sources.kafka, taken, findings)
        else:
            findings.left_out("say --topics", Invariant.TOPICS)
    await check_lag(sources.kafka, sources.databases, findings)
    return findings


async def _check_labels(url: str | None, taken: Snapshot, findings: Findings) -> None:
    """Compare the labels with the simulated carriers' books; real carriers show none, and then it is left out."""
    if url is None:
        findings.left_out("no carriers' ledger was named", Invariant.CARRIER_LEDGER)
        return
    try:
        sold = await labels_sold(url)
    except WaybillError as error:
        findings.left_out(str(error), Invariant.CARRIER_LEDGER)
        return
    findings.checked(Invariant.CARRIER_LEDGER, len(sold))
    for violation in await compare_with_carriers(taken, sold):
        findings.violated(Invariant.CARRIER_LEDGER, violation.subject, violation.says)


def _show(findings: Findings) -> None:
    table = Table(box=None, header_style="bold")
    for column in ("", "invariant", "looked at", "violations"):
        table.add_column(column, justify="right" if column in {"looked at", "violations"} else "left")
    for finding in findings.of.values():
        table.add_row(_mark(finding), SENTENCES[finding.invariant], _looked_at(finding), str(finding.count or ""))
    out = console()
    out.print(table)
    for finding in findings.of.values():
        for violation in finding.violations[:SHOWN]:
            out.print(f"[red]{finding.invariant}[/red] {violation.subject}: {violation.says}", soft_wrap=True, highlight=False)
        if finding.count > SHOWN:
            out.print(f"[red]{finding.invariant}[/red] … and {finding.count - SHOWN} more: see --json")
    verdict = "[green]clean[/green]" if findings.clean else "[red]not clean[/red]"
    unreadable = f", {findings.unreadable} records that nobody can read" if findings.unreadable else ""
    out.print(f"{findings.orders} orders, {findings.in_flight} of them still in flight{unreadable}: {verdict}")


def _mark(finding: Finding) -> str:
    if finding.left_out or not (finding.checked or finding.count):
        return "[dim]·[/dim]"
    return "[red]✗[/red]" if finding.count else "[green]✓[/green]"


def _looked_at(finding: Finding) -> str:
    if finding.left_out:
        return f"[dim]{finding.left_out}[/dim]"
    return str(finding.checked) if finding.checked else "[dim]nothing there[/dim]"
