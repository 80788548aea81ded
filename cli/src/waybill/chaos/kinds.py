"""The kinds of faults there are: what each does, to whom, for how long, and how to do it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from waybill.chaos import brokers, network, partners, processes, records, stores
from waybill.chaos.world import Hit, World
from waybill.embedded.system import SERVICES


class Hurts(Protocol):
    """Does something to the system for the length of a block, and undoes what does not undo itself."""

    def __call__(self, world: World, hit: Hit) -> AbstractAsyncContextManager[None]:
        """Hurt."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: `lasts` is between how many seconds and how many, `weight` how often it comes in each round.

    It applies where the broker has so many nodes at least, and no more orders are placed than `most_orders`.
    """

    name: str
    says: str
    hurts: Hurts
    targets: Sequence[str] = ()
    lasts: tuple[float, float] = (0.0, 0.0)
    weight: int = 1
    nodes: int = 1
    most_orders: int | None = None

    def unfit(self, nodes: int, orders: int) -> str:
        """Say why it does not apply to a run; nothing where it does."""
        if nodes < self.nodes:
            return f"needs {self.nodes} brokers"
        if self.most_orders is not None and orders > self.most_orders:
            return f"takes too long with more than {self.most_orders} orders"
        return ""


_DATABASES: Final = tuple(f"{service}-postgres" for service in SERVICES)
_BROKERS: Final = tuple(f"{service}-kafka" for service in SERVICES)
_LED: Final = tuple(f"kafka@{topic}" for topic in ("order.events", "__consumer_offsets", "payment.events", "inventory.events"))
_PARTNERS: Final = ("psp", "smtp", "carrier", "webhooks", "sms")
_CLOCKS: Final = tuple(f"{service}@{way}" for way in ("ahead", "behind") for service in SERVICES)
_PLACES: Final = (
    "payment@after_psp_ok",
    "order@before_commit",
    "notification@after_smtp_250",
    "inventory@before_offset_commit",
    "order@after_commit",
    "payment@before_commit",
    "inventory@after_publish",
    "payment@after_commit",
    "notification@before_offset_commit",
    "order@after_publish",
    "inventory@before_commit",
    "payment@after_publish",
)

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("kill", "kill -9 of a service", processes.kill, SERVICES, weight=2),
        Kind("failpoint", "death of a service at a named place", processes.die_at, _PLACES, (3, 5), weight=3),
        Kind("kill-all", "kill -9 of all services at once", processes.kill_all),
        Kind("restart", "a service is stopped in good order and started again", processes.stop, SERVICES),
        Kind("rolling-restart", "one service after the other is restarted", processes.rolling_restart),
        Kind("freeze", "SIGSTOP of a service for some seconds", processes.freeze, SERVICES, (3, 4)),
        Kind("freeze-long", "SIGSTOP of a service until others take its partitions", processes.freeze, SERVICES, (9, 12)),
        Kind(
            "mixed-versions", "a later version of a service works beside this one", processes.mixed_versions, SERVICES, (4, 7)
        ),
        Kind("starve", "a service gets 5 % of a processor", processes.starve, SERVICES, (3, 5)),
        Kind("rebalance", "replicas of a service come and go", processes.rebalance, SERVICES, (4, 6)),
        Kind(
            "clock",
            "the clock of a service's machine is ten minutes wrong",
            processes.wrong_clock,
            _CLOCKS,
            (3, 5),
        ),
        Kind("away", "a service is away", processes.keep_down, ("payment", "inventory", "notification"), (8, 12)),
        Kind("broker-away", "Kafka is away", processes.keep_down, ("kafka",), (8, 12)),
        Kind("database-away", "PostgreSQL is away", processes.keep_down, ("postgres",), (5, 8)),
        Kind("broker-kill", "kill -9 of Kafka", processes.kill, ("kafka",)),
        Kind("broker-restart", "Kafka is stopped in good order and started again", processes.stop, ("kafka",)),
        Kind("broker-freeze", "SIGSTOP of Kafka", processes.freeze, ("kafka",), (3, 5)),
        Kind("leader-kill", "kill -9 of the node that leads a partition", brokers.leader_kill, _LED, nodes=3),
        Kind("controller-kill", "kill -9 of the node that is the controller", brokers.controller_kill, ("kafka",), nodes=3),
        Kind("two-brokers-down", "two of three nodes are away: facts wait", brokers.two_down, ("kafka",), (4, 8), nodes=3),
        Kind(
            "broker-wiped",
            "all that the broker stored is lost, and told anew from the outboxes",
            brokers.wiped,
            ("kafka",),
            most_orders=10_000,
        ),
        Kind("database-kill", "kill -9 of PostgreSQL", processes.kill, ("postgres",)),
        Kind("database-restart", "PostgreSQL is restarted at once", processes.stop_database, ("postgres",)),
        Kind("database-freeze", "SIGSTOP of PostgreSQL's processes", processes.freeze, ("postgres",), (2, 4)),
        Kind("gateway-kill", "kill -9 of the gateway", processes.kill, ("gateway",)),
        Kind("identity-kill", "kill -9 of the identity provider", processes.kill, ("identity",)),
        Kind("partner-kill", "kill -9 of PSP, carriers, mail, SMS", processes.kill, ("psp", "mail", "carrier", "sms")),
        Kind("cut-database", "a service is cut off from its database", network.cut, _DATABASES, (2, 5)),
        Kind("cut-broker", "a service is cut off from Kafka", network.cut, _BROKERS, (3, 6)),
        Kind("cut-partner", "a service is cut off from a partner", network.cut, _PARTNERS, (3, 6)),
        Kind("mute-database", "a database hears its service, and is not heard", network.mute_back, _DATABASES, (2, 4)),
        Kind("mute-broker", "Kafka is not heard by a service", network.mute_back, _BROKERS, (3, 6)),
        Kind("mute-partner", "a partner does not hear a service", network.mute_there, _PARTNERS, (4, 7)),
        Kind("late", "300 ms more on a link", network.late, (*_BROKERS, *_DATABASES, "psp", "smtp"), (3, 6)),
        Kind("loss", "2 % of what passes a link is lost", network.loss, (*_DATABASES, *_BROKERS), (4, 7)),
        Kind("psp-slow", "the PSP takes two seconds", partners.slow, ("psp",), (3, 6)),
        Kind("psp-unknown", "the PSP does its work, or not, and does not answer", partners.unknown, ("psp",), (2, 4)),
        Kind("psp-errors", "the PSP answers 500", partners.errors, ("psp",), (3, 6)),
        Kind(
            "webhooks",
            "the PSP's webhooks come twice, late, forged",
            partners.webhooks,
            ("duplicate", "late", "forged"),
            (4, 8),
        ),
        Kind("mail-refused", "the mail server refuses for now", partners.refuses, ("mail", "sms"), (3, 6)),
        Kind("mail-lost-answer", "the mail server takes mails and hangs up", partners.drops, ("mail", "sms"), (2, 4)),
        Kind("mail-down", "the mail server is down", partners.down, ("mail", "sms"), (3, 6)),
        Kind("carrier-errors", "the carriers answer 500", partners.errors, ("carrier",), (3, 6)),
        Kind("carrier-unknown", "the carriers do not answer", partners.carrier_unknown, ("carrier",), (2, 4)),
        Kind(
            "lock",
            "a table is locked by somebody else",
            stores.lock,
            ("order.orders", "inventory.stock", "payment.payment"),
            (4, 8),
        ),
        Kind("sessions-ended", "a database ends all sessions of its service", stores.end_sessions, SERVICES),
        Kind("pool", "a database refuses its service new sessions", stores.refuse_sessions, SERVICES, (3, 5)),
        Kind("read-only", "a database is read-only for a while", stores.read_only, SERVICES, (2, 4)),
        Kind(
            "poison",
            "records that nobody can read lie on a topic",
            records.poison,
            ("order.events", "payment.events", "inventory.events"),
        ),
        Kind(
            "repeat",
            "the latest events come three times more, shuffled over keys",
            records.repeat,
            ("order.events", "inventory.events", "payment.events"),
        ),
        Kind("replay", "all of a topic comes again", records.replay, ("payment.events", "order.events", "inventory.events")),
    )
}
