"""A peer under load: started on the same embedded parts as Waybill, with the same settings, and stopped after it."""

import importlib.util
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka.admin import NewTopic

from bench.peers import tables
from waybill.embedded.gateway import Gateway
from waybill.embedded.identity import IdentityProvider
from waybill.embedded.jvm import Tier
from waybill.embedded.kafka import EmbeddedKafka
from waybill.embedded.places import project_root
from waybill.embedded.postgres import EmbeddedPostgres
from waybill.embedded.system import PORTS, SERVICE_PORTS, SERVICES
from waybill.embedded.web import WebServer
from waybill.errors import WaybillError

REQUIREMENTS: Final = "bench/peers/requirements.txt"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way to build the same: its programs by the part they count as, what it keeps beside the four databases."""

    name: str
    title: str
    programs: Mapping[str, tuple[str, ...]]
    topics: tuple[str, ...] = ()
    own_database: str = ""
    needs: str = ""


PEERS: Final = {
    peer.name: peer
    for peer in (
        Peer(
            "dbos",
            "DBOS: a durable workflow per order",
            {"order": ("bench.peers.with_dbos",)},
            own_database="dbos",
            needs="dbos",
        ),
        Peer(
            "plain",
            "FastStream and an ORM: one message a transaction, outbox polled at 100 ms",
            {service: ("bench.peers.plain", service) for service in SERVICES},
            topics=tables.TOPICS,
        ),
    )
}


def check_installed(peer: Peer) -> None:
    """Raise WaybillError that says what to install where a peer's package is missing."""
    if peer.needs and importlib.util.find_spec(peer.needs) is None:
        raise WaybillError(
            f"the peer {peer.name} needs {peer.needs}: install it with `.venv/bin/python -m uv pip install -r {REQUIREMENTS}`"
        )


class Serving:
    """A peer that takes orders: its parts, made from a data directory and ports of its own."""

    def __init__(self, peer: Peer, folder: Path, base: int, tier: Tier) -> None:
        self.peer = peer
        self.port = base + PORTS["gateway"]
        logs = folder / "logs"
        self.postgres = EmbeddedPostgres(folder / "postgres", log_file=logs / "postgres.log")
        self.identity = IdentityProvider(folder / "identity", base + PORTS["identity"], log_file=logs / "identity.log")
        self.kafka = EmbeddedKafka(
            folder / "kafka", base + PORTS["kafka"], base + PORTS["controller"], log_file=logs / "kafka.log", tier=tier
        )
        entry = f"127.0.0.1:{base + SERVICE_PORTS['order']}"
        self.gateway = Gateway(
            folder / "gateway",
            self.port,
            {service: [entry] for service in SERVICES},
            log_file=logs / "gateway.log",
            issuer=self.identity.issuer,
            simulators=False,
            web=folder,
        )
        self.programs: dict[str, WebServer] = {}
        self._logs = logs
        self._base = base

    def make_programs(self) -> None:
        """Make the peer's own programs, which must know the databases."""
        databases = (*SERVICES, *([self.peer.own_database] if self.peer.own_database else []))
        env = {f"PEER_{name.upper()}_DATABASE": self.postgres.url(name) for name in databases}
        env |= {"PEER_ISSUER": self.identity.issuer, "PEER_KAFKA": self.kafka.bootstrap_servers, "PYTHONUNBUFFERED": "1"}
        for part, words in self.peer.programs.items():
            port = self._base + SERVICE_PORTS[part]
            argv = [sys.executable, "-m", *words]
            self.programs[part] = WebServer(
                part,
                self._logs / f"{part}.log",
                argv,
                env | {"PEER_PORT": str(port)},
                folder=project_root(),
                port=port,
                health="/livez",
            )

    @property
    def processes(self) -> dict[str, list[int]]:
        """Return the process ids of each part; of a part that a peer does not have, none."""
        servers = {"gateway": self.gateway, "postgres": self.postgres, "kafka": self.kafka, "identity": self.identity}
        found = {name: [server.pid] if server.pid is not None else [] for name, server in servers.items()}
        for service in SERVICES:
            pid = self.programs[service].pid if service in self.programs else None
            found[service] = [] if pid is None else [pid]
        return found

    def check_alive(self) -> None:
        """Raise WaybillError when a program has ended."""
        for name, program in self.programs.items():
            if not program.running:
                raise WaybillError(f"{self.peer.name} has lost its program {name}: see {program.log_file}")


@asynccontextmanager
async def serving(peer: Peer, folder: Path, base: int, tier: Tier, partitions: int) -> AsyncIterator[Serving]:
    """Start a peer and stop it afterwards; raises WaybillError when it does not start."""
    check_installed(peer)
    one = Serving(peer, folder, base, tier)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(one.postgres)
        await tables.create(one.postgres, messages=bool(peer.topics))
        if peer.own_database:
            await one.postgres.create_service_database(peer.own_database)
        await stack.enter_async_context(one.identity)
        if peer.topics:
            await stack.enter_async_context(one.kafka)
            await one.kafka.create_topics([NewTopic(topic, partitions, 1) for topic in peer.topics])
        one.make_programs()
        for program in one.programs.values():
            await stack.enter_async_context(program)
        await stack.enter_async_context(one.gateway)
        yield one
