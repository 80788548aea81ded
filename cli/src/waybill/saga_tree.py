"""An order's saga as a tree: each fact below the one that caused it, with what it tells in a few words.

Roots are facts that no event caused: commands over HTTP, and deadlines. A fact whose cause is not among those that were found
(its service did not answer) stands at the root too, and says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

Fact = Mapping[str, Any]

COLOURS: Final = {"order": "cyan", "inventory": "green", "payment": "magenta", "notification": "yellow"}


@dataclass(slots=True)
class Node:
    """A fact with those it caused; `orphan` where its own cause was not found."""

    fact: Fact
    orphan: bool = False
    children: list["Node"] = field(default_factory=list)


def grow(facts: Sequence[Fact]) -> list[Node]:
    """Arrange facts by their causes, oldest first."""
    nodes = {fact["event_id"]: Node(fact) for fact in sorted(facts, key=_moment)}
    roots = []
    for node in nodes.values():
        cause = node.fact["causation_id"]
        if cause in nodes and nodes[cause] is not node:
            nodes[cause].children.append(node)
        else:
            node.orphan = cause is not None
            roots.append(node)
    return [*roots, *_unreached(roots, nodes)]


def _unreached(roots: Sequence[Node], nodes: Mapping[str, Node]) -> Iterator[Node]:
    """Facts that cause each other in a circle would be lost: show each at the root instead."""
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        reached.add(node.fact["event_id"])
        waiting += node.children
    for event_id, node in nodes.items():
        if event_id not in reached:
            yield Node(node.fact, orphan=True)


def _moment(fact: Fact) -> tuple[datetime, int]:
    return datetime.fromisoformat(fact["time"]), fact["sequence"]


def draw(saga: Mapping[str, Any], now: datetime | None = None) -> RenderableType:
    """Draw a saga as the API answers it; offsets are milliseconds since the first fact."""
    facts = saga["facts"]
    began = min((datetime.fromisoformat(fact["time"]) for fact in facts), default=None)
    tree = Tree(Text(f"order {saga['order_id']}  {saga['status']}", style="bold"), guide_style="dim")
    if began is not None:
        for node in grow(facts):
            _branch(tree, node, began)
    else:
        tree.add(Text("no facts are kept any more", style="dim"))
    return Group(tree, *_notes(saga, now or datetime.now(UTC)))


def _branch(tree: Tree, node: Node, began: datetime) -> None:
    branch = tree.add(_label(node, began))
    for child in node.children:
        _branch(branch, child, began)


def _label(node: Node, began: datetime) -> Text:
    fact = node.fact
    milliseconds = (datetime.fromisoformat(fact["time"]) - began).total_seconds() * 1000
    label = Text.assemble(
        (f"{milliseconds:+8.0f} ms  ", "dim"),
        (fact["source"], COLOURS.get(fact["source"], "")),
        "  ",
        (name_of(fact["type"]), "bold"),
        (f"  {fact['topic']} #{fact['sequence']}", "dim"),
    )
    if short := in_short(fact):
        label.append(f"  {short}")
    if fact["unpublished"]:
        label.append("  not published yet", style="bold yellow")
    if node.orphan:
        label.append(f"  (its cause {fact['causation_id']} was not found)", style="yellow")
    return label


def _notes(saga: Mapping[str, Any], now: datetime) -> Iterator[Text]:
    waits = saga["waits_for"]
    until = saga["deadline_at"]
    if waits:
        line = f"waits for {', '.join(map(name_of, waits))}"
        if until is not None:
            left = (datetime.fromisoformat(until) - now).total_seconds()
            line += f", at the latest until {until} ({f'{left:.0f} s left' if left > 0 else 'overdue'})"
        yield Text(line, style="yellow")
    if saga["missing_services"]:
        yield Text(f"no answer from {', '.join(saga['missing_services'])}: its facts are missing here", style="bold red")


def name_of(event_type: str) -> str:
    """Name an event the way people do: `order.placed.v1` is "order placed"."""
    words = event_type.split(".")
    version = words.pop() if words[-1][:1] == "v" and words[-1][1:].isdigit() else "v1"
    name = " ".join(words[-1:] if "_" in words[-1] else words).replace("_", " ")
    return name if version == "v1" else f"{name} ({version})"


def money(amount: Mapping[str, Any]) -> str:
    """Write an amount of minor units: 1999 EUR is "19.99 EUR"."""
    return f"{amount['amount'] / 100:.2f} {amount['currency']}"


def _lines(lines: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{line['quantity']} x {line['product_id']}" for line in lines)


def _split(parts: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{part['warehouse_id']}: {_lines(part['lines'])}" for part in parts)


def _told(data: Mapping[str, Any]) -> str:
    return f"{data['template']} by {data['channel']}"


def _short(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{each['product_id']} {each['available']} of {each['requested']}" for each in data["shortages"])


SHORT: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "order.placed.v1": lambda data: f"{money(data['total_amount'])}: {_lines(data['items'])}",
    "order.confirmed.v1": lambda data: f"{money(data['total_amount'])}, {len(data['shipments'])} parcels",
    "order.cancelled.v1": lambda data: data["reason"].replace("_", " "),
    "order.invoice_issued.v1": lambda data: f"{data['number']}, {money(data['total_amount'])}",
    "order.credit_note_issued.v1": lambda data: f"{data['number']}, {money(data['total_amount'])}",
    "order.shipment_dispatched.v1": lambda data: f"{data['warehouse_id']}: {_lines(data['lines'])}, {money(data['amount'])}",
    "inventory.stock_reserved.v1": lambda data: _split(data["allocations"]),
    "inventory.stock_reservation_failed.v1": lambda data: f"{data['reason'].replace('_', ' ')}: {_short(data)}",
    "inventory.stock_released.v1": lambda data: _lines(data["lines"]) or "nothing had been held",
    "inventory.stock_deducted.v1": lambda data: f"{data['warehouse_id']}: {_lines(data['lines'])}",
    "payment.authorized.v1": lambda data: money(data["amount"]),
    "payment.declined.v1": lambda data: f"{money(data['amount'])}: {data['code'].replace('_', ' ')}",
    "payment.voided.v1": lambda data: money(data["amount"]) if data["amount"]["amount"] else "nothing had been held",
    "payment.captured.v1": lambda data: f"{money(data['amount'])}, {money(data['captured'])} in all",
    "payment.capture_failed.v1": lambda data: f"{money(data['amount'])}: {data['code'].replace('_', ' ')}",
    "payment.refunded.v1": lambda data: f"{money(data['amount'])}, {money(data['refunded'])} in all",
    "notification.sent.v1": _told,
    "notification.failed.v1": lambda data: f"{_told(data)}: {data['reason']}",
}
"""What a fact tells in a few words; a type that is not listed shows its name alone."""


def in_short(fact: Fact) -> str:
    """Tell in a few words what a fact says; "confidential" where its content is not shown."""
    if fact["data"] is None:
        return "confidential"
    return SHORT[fact["type"]](fact["data"]) if fact["type"] in SHORT else ""
