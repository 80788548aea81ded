"""What is looked at in the end: every invariant of `waybill reconcile`, topics too, and what people were told.

People's books are held against the orders: each that was acknowledged is there once, and no other; each has ended, and where a
wish was granted last, as it was promised; none is cancelled that its fate, or a refusal by the PSP, does not explain. Dead
letters are those records that nobody could read, and no others.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from waybill.chaos.books import Acknowledged, Books
from waybill.chaos.people import Person
from waybill.chaos.plan import EXPLAINED, REJECTED
from waybill.chaos.world import World
from waybill.commands.reconcile import until_clean
from waybill.embedded.system import SERVICES
from waybill.reconciliation.books import refused_at_psp
from waybill.reconciliation.sources import Sources

GRACE_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 20.0
ENDED: Final = frozenset({"Processing", "Shipped", "Delivered", "Cancelled", "Refunded"})
CANCELLED: Final = "Cancelled"
DECLINED: Final = "payment_declined"
NAMED: Final = 50


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be: which rule, about what, and what is wrong."""

    rule: str
    subject: str
    says: str


@dataclass
class Verdict:
    """What was found in the end; `document` is reconciliation's own."""

    violations: list[Violation] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing is violated."""
        return not self.violations

    def add(self, rule: str, subject: object, says: str) -> None:
        """Note a violation."""
        self.violations.append(Violation(rule, str(subject), says))


async def judge(world: World, staff: Person, books: Books) -> Verdict:
    """Look at everything, and discard the dead letters that had to be."""
    verdict = Verdict()
    for subject, says in books.complaints:
        verdict.add("answered", subject, says)
    sources = Sources.running(world.running.system.data_dir)
    await _orders(world, sources, books, verdict)
    await _messages(world, verdict)
    await _dead_letters(world, staff, verdict)
    findings = await until_clean(sources, timedelta(seconds=GRACE_SECONDS), WAIT_SECONDS, topics=True)
    verdict.document = findings.document()
    for check in verdict.document["checks"]:
        for one in check["named"][:NAMED]:
            verdict.add(check["name"], one["subject"], one["says"])
    if findings.in_flight:
        verdict.add("at-rest", "reconciliation", f"{findings.in_flight} orders are still in flight")
    return verdict


async def _orders(world: World, sources: Sources, books: Books, verdict: Verdict) -> None:
    connection = await world.database("order")
    try:
        rows = await connection.fetch(
            "SELECT order_id::text AS order_id, user_id, status, cancel_reason FROM orders WHERE user_id LIKE 'chaos-%'"
        )
    finally:
        await connection.close()
    there = {row["order_id"]: row for row in rows}
    verdict.ends = Counter(row["status"] for row in rows)
    acknowledged = Counter(one.order_id for one in books.orders.values())
    for order_id in acknowledged.keys() - there.keys():
        verdict.add("acknowledged", order_id, "was acknowledged, and is not there")
    for order_id in there.keys() - acknowledged.keys():
        verdict.add("acknowledged", order_id, f"is there for {there[order_id]['user_id']}, and nobody was told")
    for order_id, times in acknowledged.items():
        if times > 1:
            verdict.add("acknowledged", order_id, f"was acknowledged under {times} Idempotency-Keys")
    declines = await _declines(world, sources)
    for one in books.orders.values():
        row = there.get(one.order_id)
        if row is not None:
            _check_end(one, row["status"], verdict)
            if row["status"] == CANCELLED:
                why = declines.get(one.order_id, "nobody refused") if row["cancel_reason"] == DECLINED else row["cancel_reason"]
                _check_reason(one, why, verdict)


async def _declines(world: World, sources: Sources) -> Mapping[str, str]:
    """Tell why payments were refused, by order: by those who looked at it, or as the PSP's own books say."""
    connection = await world.database("payment")
    try:
        rejected = await connection.fetch("SELECT order_id::text AS order_id FROM review WHERE state = 'rejected'")
    finally:
        await connection.close()
    refused = await refused_at_psp(sources.psp_ledger) if sources.psp_ledger is not None else {}
    return {row["order_id"]: REJECTED for row in rejected} | {str(order_id): code for order_id, code in refused.items()}


def _check_end(one: Acknowledged, status: str, verdict: Verdict) -> None:
    if status not in ENDED:
        verdict.add("ended", one.order_id, f"is {status}")
    elif one.promised is not None and status not in one.promised:
        verdict.add("promised", one.order_id, f"is {status}, and {' or '.join(sorted(one.promised))} was promised")


def _check_reason(one: Acknowledged, why: str, verdict: Verdict) -> None:
    """Check that an order that is cancelled was meant to be, or that its payment was refused by a fault."""
    if one.fate is None or why not in EXPLAINED[one.fate]:
        meant = "it was to be kept" if one.fate is None else f"its fate was {one.fate}"
        verdict.add("cancelled", one.order_id, f"is cancelled ({why}), and {meant}")


async def _messages(world: World, verdict: Verdict) -> None:
    """Check that no message was given up: every customer can be reached, whatever breaks."""
    connection = await world.database("notification")
    try:
        rows = await connection.fetch("SELECT order_id, template, channel, last_error FROM delivery WHERE status = 'failed'")
    finally:
        await connection.close()
    for row in rows:
        verdict.add("messages", row["order_id"], f"{row['template']} by {row['channel']} was given up: {row['last_error']}")


async def _dead_letters(world: World, staff: Person, verdict: Verdict) -> None:
    """Compare the dead letters with the poison; those that had to be are discarded, so that the books can be clean."""
    listening = await _topics_by_service(world)
    verdict.dead_letters = world.put_aside
    for service in SERVICES:
        connection = await world.database(service)
        try:
            rows = await connection.fetch(
                """SELECT id::text AS id, topic, kafka_partition AS partition, kafka_offset AS "offset", reason, error
                FROM dead_letter WHERE status = 'open'"""
            )
        finally:
            await connection.close()
        wanted = {(one.topic, one.partition, one.offset) for one in world.poisoned if one.topic in listening[service]}
        found = {(row["topic"], row["partition"], row["offset"]): row for row in rows}
        verdict.dead_letters += len(found)
        for place in sorted(found.keys() - wanted):
            row = found[place]
            verdict.add("dead-letters", f"{service} {place}", f"was put aside: {row['reason']}: {row['error'][:200]}")
        for place in sorted(wanted - found.keys()):
            verdict.add("dead-letters", f"{service} {place}", "cannot be read, and was not put aside")
        await _discard(staff, service, (found[place]["id"] for place in found.keys() & wanted))


async def _discard(staff: Person, service: str, letters: Iterable[str]) -> None:
    for letter in letters:
        path = f"/api/admin/dead-letters/{service}/{letter}/discard"
        await staff.ask("POST", path, {"reason": "it was put there on purpose"}, key=f"discard {letter}")


async def _topics_by_service(world: World) -> dict[str, set[str]]:
    """Tell which topics each service listens to, as the broker knows it."""
    from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415

    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka)
    await admin.start()
    try:
        return {
            service: {partition.topic for partition in await admin.list_consumer_group_offsets(service)} for service in SERVICES
        }
    finally:
        await admin.close()


def text_of(verdict: Verdict) -> str:
    """Write a verdict for programs."""
    return json.dumps([{"rule": one.rule, "subject": one.subject, "says": one.says} for one in verdict.violations], indent=1)
