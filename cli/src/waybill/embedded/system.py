"""The parts of an embedded Waybill: what they are, on which ports they listen, and what they are told about each other."""

import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from chassis import topics
from waybill.embedded import migrations
from waybill.embedded.cluster import MOST_NODES, SIZES, KafkaCluster, node_name
from waybill.embedded.gateway import Gateway
from waybill.embedded.identity import AUDIENCE, IdentityProvider
from waybill.embedded.jvm import Tier
from waybill.embedded.kafka import DEFAULT_PARTITIONS
from waybill.embedded.places import project_root
from waybill.embedded.postgres import EmbeddedPostgres
from waybill.embedded.server import Command, Server
from waybill.embedded.web import WebServer
from waybill.errors import WaybillError

SERVICES: Final = ("order", "payment", "inventory", "notification")
DEFAULT_PORT_BASE: Final = 8080
MAX_REPLICAS: Final = 10
MAX_PORT: Final = 65535

# Offsets from --port-base. Services have ten ports each, from SERVICE_PORTS on; further nodes of the broker follow.
PORTS: Final = {
    "gateway": 0, "identity": 1, "kafka": 2, "controller": 3, "psp": 4, "smtp": 5, "mail": 6, "sms": 7, "carrier": 8,
}  # fmt: skip
SERVICE_PORTS: Final = {name: 10 + 10 * index for index, name in enumerate(SERVICES)}
NODE_PORTS: Final = max(SERVICE_PORTS.values()) + MAX_REPLICAS
LAST_PORT: Final = NODE_PORTS + 2 * (MOST_NODES - 1) - 1

SECRETS: Final = {
    "psp_api_key": "sk_test",
    "psp_webhook_secret": "whsec",
    "carrier_api_key": "EZTK",
    "carrier_webhook_secret": "whsec",
    "link_secret": "link",
    "risk_secret": "risk",
    "gift_card_secret": "gift",
}
"""What parts share in confidence, and how each of these begins."""

CARRIER_PACE_SECONDS: Final = 20
"""How long a parcel takes from one step to the next, once it was handed over to the simulated carriers."""


@dataclass(frozen=True, slots=True)
class Options:
    """How this run differs from the usual one.

    `service_env` holds further settings of services: by service name, or under "" for all of them.
    """

    data_dir: Path
    port_base: int = DEFAULT_PORT_BASE
    scale: Mapping[str, int] = field(default_factory=dict)
    service_env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tier: Tier = Tier.QUICK
    partitions: int = DEFAULT_PARTITIONS
    brokers: int | None = None
    """How many nodes the broker has; None: as many as it was made with, one at first."""

    def __post_init__(self) -> None:
        if not 1 <= self.port_base <= MAX_PORT - LAST_PORT:
            raise WaybillError(f"--port-base {self.port_base} leaves no room: give a number from 1 to {MAX_PORT - LAST_PORT}")
        for name, count in self.scale.items():
            if name not in SERVICES:
                raise WaybillError(f"--scale {name}={count}: there is no service {name}; there are {', '.join(SERVICES)}")
            if not 1 <= count <= MAX_REPLICAS:
                raise WaybillError(f"--scale {name}={count}: give a number from 1 to {MAX_REPLICAS}")
        if self.brokers is not None and self.brokers not in SIZES:
            raise WaybillError(
                f"--brokers {self.brokers}: give {' or '.join(map(str, SIZES))}; two would not outlive the loss of one"
            )

    def port(self, name: str) -> int:
        """Return the port of a part that is no service."""
        return self.port_base + PORTS[name]

    def service_port(self, name: str, replica: int) -> int:
        """Return the port of a service's replica, counted from 0."""
        return self.port_base + SERVICE_PORTS[name] + replica

    def node_ports(self, node: int) -> tuple[int, int]:
        """Return the ports of a node of the broker, counted from 1: for clients, and for the other controllers."""
        if node == 1:
            return self.port("kafka"), self.port("controller")
        first = self.port_base + NODE_PORTS + 2 * (node - 2)
        return first, first + 1


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the system: its program, its kind (which decides when it stops) and its address for people."""

    name: str
    kind: str
    server: Server
    address: str


class System:
    """All parts of one run, made from its options; nothing is started here."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.data_dir = options.data_dir
        self.secrets = _secrets(options.data_dir)
        self.postgres = EmbeddedPostgres(self.data_dir / "postgres", log_file=self.log("postgres"))
        self.kafka = self._broker()
        self.identity = IdentityProvider(self.data_dir / "identity", options.port("identity"), log_file=self.log("identity"))
        self.simulators = [self._psp(), self._mail(), self._sms(), self._carrier()]
        self.gateway = self._gateway()
        self.services: dict[str, list[WebServer]] = {name: [] for name in SERVICES}

    def log(self, name: str) -> Path:
        """Return the log file of a part."""
        return self.data_dir / "logs" / f"{name}.log"

    @property
    def gateway_url(self) -> str:
        """Return where clients go."""
        return f"http://127.0.0.1:{self.options.port('gateway')}"

    def replicas(self) -> Iterator[tuple[str, str, int]]:
        """List service, name of the process and number of each replica."""
        for service in SERVICES:
            for replica in range(self.options.scale.get(service, 1)):
                yield service, service if replica == 0 else f"{service}-{replica + 1}", replica

    def parts(self) -> list[Part]:
        """List all parts in the order in which they are shown."""
        simulators = [
            Part(server.name, "simulator", server, f"{'smtp' if server.name == 'mail' else 'http'}://127.0.0.1:{port}")
            for server, port in zip(self.simulators, map(self.options.port, ("psp", "smtp", "sms", "carrier")), strict=True)
        ]
        services = [
            Part(server.name, "service", server, f"http://127.0.0.1:{server.port}")
            for name in SERVICES
            for server in self.services[name]
        ]
        return [
            Part("gateway", "gateway", self.gateway, self.gateway_url),
            *services,
            Part("postgres", "database", self.postgres, str(self.postgres.sockets)),
            *(Part(node.name, "broker", node, node.bootstrap_servers) for node in self.kafka.nodes),
            Part("identity", "identity", self.identity, self.identity.issuer),
            *simulators,
        ]

    def make_services(self) -> None:
        """Make the service processes; the passwords of their databases are chosen here on the first start."""
        for service, name, replica in self.replicas():
            port = self.options.service_port(service, replica)
            prefix = service.upper()
            env = self.service_environment(service) | {f"{prefix}_HTTP_PORT": str(port), f"{prefix}_INSTANCE": name}
            argv = [sys.executable, "-m", service]
            self.services[service].append(WebServer(name, self.log(name), argv, env, folder=project_root(), port=port))

    def service_environment(self, service: str) -> dict[str, str]:
        """Return the settings of a service, without its port."""
        settings = {
            "DATABASE_URL": self.postgres.service_url(service),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "HTTP_HOST": "127.0.0.1",
            "AUTH_ISSUER": self.identity.issuer,
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_JWKS_URL": self.identity.keys_url,
        }
        if service == "order":
            settings |= {
                "GATEWAY_URL": self.gateway_url,
                "CARRIERS": "easypost",
                "CARRIER_URL": f"http://127.0.0.1:{self.options.port('carrier')}",
                "CARRIER_API_KEY": self.secrets["carrier_api_key"],
                "CARRIER_WEBHOOK_SECRET": self.secrets["carrier_webhook_secret"],
                "RISK_SECRET": self.secrets["risk_secret"],
                **self._links,
            }
        if service == "payment":
            settings |= {
                "PSP": "stripe",
                "PSP_URL": f"http://127.0.0.1:{self.options.port('psp')}",
                "PSP_API_KEY": self.secrets["psp_api_key"],
                "PSP_WEBHOOK_SECRET": self.secrets["psp_webhook_secret"],
                "RISK_SECRET": self.secrets["risk_secret"],
                "GIFT_CARD_SECRET": self.secrets["gift_card_secret"],
            }
        if service == "notification":
            settings |= {
                "PROVIDERS": "real",
                "SMTP_HOST": "127.0.0.1",
                "SMTP_PORT": str(self.options.port("smtp")),
                "SMTP_SENDER": "Waybill <orders@waybill.example>",
                "SMS_URL": f"http://127.0.0.1:{self.options.port('sms')}",
                **self._links,
            }
        prefixed = {f"{service.upper()}_{name}": value for name, value in settings.items()}
        given = self.options.service_env
        return prefixed | {"PYTHONUNBUFFERED": "1"} | dict(given.get("", {})) | dict(given.get(service, {}))

    @property
    def _links(self) -> dict[str, str]:
        """Where tracking links lead, and the secret that one service signs them with and the other reads."""
        return {"PUBLIC_URL": self.gateway_url, "LINK_SECRET": self.secrets["link_secret"]}

    async def migration(self) -> Command | None:
        """Return the command that brings the databases that are behind to their newest version, None when none is."""
        services = await migrations.behind({service: self.postgres.url(service) for service in SERVICES})
        env = {key: value for service in services for key, value in self.service_environment(service).items()}
        argv = [sys.executable, "-m", migrations.__name__, *services]
        return Command(argv, env, project_root()) if services else None

    async def create_databases(self) -> None:
        """Make the database and the role of each service."""
        await asyncio.gather(*(self.postgres.create_service_database(service) for service in SERVICES))

    async def create_topics(self) -> None:
        """Make the topics of the contracts, and remember which they were."""
        await self.kafka.create_topics(self.options.partitions)
        self._topics_mark.write_text(self._topics_wanted())

    @property
    def _topics_mark(self) -> Path:
        return self.kafka.directory / "topics"

    def _topics_wanted(self) -> str:
        return "\n".join(sorted(plan.name for plan in topics.plan(DEFAULT_PARTITIONS, 1)))

    def has_topics(self) -> bool:
        """Tell whether all topics were made by an earlier start: then services need not wait for the broker to be ready."""
        return self._topics_mark.exists() and self._topics_mark.read_text() == self._topics_wanted()

    @property
    def _catalogue_mark(self) -> Path:
        # Beside the data: who removes them starts with an empty catalogue, and gets the demo again.
        return self.postgres.directory / "catalogue-filled"

    def catalogue_is_due(self) -> bool:
        """Tell whether the demo catalogue was never put in."""
        return not self._catalogue_mark.exists()

    async def fill_catalogue(self) -> None:
        """Put the demo catalogue and its terms of sale in through the gateway."""
        from waybill import catalogue, terms_of_sale  # noqa: PLC0415 - only the first start needs them

        await asyncio.gather(
            catalogue.seed(self.gateway_url, self.identity.issuer), terms_of_sale.seed(self.gateway_url, self.identity.issuer)
        )
        self._catalogue_mark.touch()

    def _broker(self) -> KafkaCluster:
        ports = {node: self.options.node_ports(node) for node in range(1, MOST_NODES + 1)}
        return KafkaCluster(self.data_dir, ports, self.options.brokers, log=self.log, tier=self.options.tier)

    def _psp(self) -> WebServer:
        port = self.options.port("psp")
        argv = ["psp", "--port", str(port), "--ledger", str(self.data_dir / "simulators" / "psp.sqlite")]
        env = {
            "SIMULATOR_WEBHOOK_URL": f"{self.gateway_url}/api/webhooks/psp",
            "SIMULATOR_WEBHOOK_SECRET": self.secrets["psp_webhook_secret"],
            "SIMULATOR_API_KEY": self.secrets["psp_api_key"],
        }
        return self._simulator("psp", argv, port, env)

    def _carrier(self) -> WebServer:
        port = self.options.port("carrier")
        ledger = self.data_dir / "simulators" / "carrier.sqlite"
        argv = ["carrier", "--port", str(port), "--ledger", str(ledger), "--pace", str(CARRIER_PACE_SECONDS)]
        env = {
            "SIMULATOR_WEBHOOK_URL": f"{self.gateway_url}/api/webhooks/carrier",
            "SIMULATOR_WEBHOOK_SECRET": self.secrets["carrier_webhook_secret"],
            "SIMULATOR_API_KEY": self.secrets["carrier_api_key"],
        }
        return self._simulator("carrier", argv, port, env)

    def _mail(self) -> WebServer:
        port = self.options.port("mail")
        store = self.data_dir / "simulators" / "mail.jsonl"
        argv = ["smtp", "--port", str(self.options.port("smtp")), "--http-port", str(port), "--store", str(store)]
        return self._simulator("mail", argv, port)

    def _sms(self) -> WebServer:
        port = self.options.port("sms")
        store = self.data_dir / "simulators" / "sms.jsonl"
        return self._simulator("sms", ["sms", "--port", str(port), "--store", str(store)], port)

    def _simulator(self, name: str, arguments: list[str], port: int, env: Mapping[str, str] | None = None) -> WebServer:
        (self.data_dir / "simulators").mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "waybill.simulators", *arguments]
        return WebServer(name, self.log(name), argv, env or {}, folder=project_root(), port=port, health="/livez")

    def _gateway(self) -> Gateway:
        upstreams: dict[str, list[str]] = {service: [] for service in SERVICES}
        for service, _, replica in self.replicas():
            upstreams[service].append(f"127.0.0.1:{self.options.service_port(service, replica)}")
        for name in ("psp", "mail", "sms", "carrier"):
            upstreams[name] = [f"127.0.0.1:{self.options.port(name)}"]
        directory = self.data_dir / "gateway"
        return Gateway(
            directory, self.options.port("gateway"), upstreams, log_file=self.log("gateway"), issuer=self.identity.issuer
        )

    def ports(self) -> dict[str, int]:
        """Return every port that is going to be listened on, by the name of its part."""
        named = {name: self.options.port(name) for name in PORTS}
        for node in range(2, len(self.kafka.nodes) + 1):
            name = node_name(node)
            named[name], named[f"{name}'s controller"] = self.options.node_ports(node)
        return named | {name: self.options.service_port(service, replica) for service, name, replica in self.replicas()}


def check_ports(ports: Mapping[str, int]) -> None:
    """Raise WaybillError that names the part, the port and who has it when one is taken."""
    for name, port in ports.items():
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError as error:
                raise WaybillError(
                    f"port {port}, wanted by {name}, is in use{_user_of(port)}: free it, or choose other ports with --port-base"
                ) from error


def _user_of(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return ""  # other users' connections are not shown to everyone
    return ""


def _secrets(data_dir: Path) -> dict[str, str]:
    """Read what the parts of this data directory share in confidence; chosen on the first start that needs it."""
    path = data_dir / "secrets.json"
    try:
        found: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        found = {}
    missing = SECRETS.keys() - found.keys()
    if missing:
        found |= {name: f"{SECRETS[name]}_{secrets.token_hex(16)}" for name in missing}
        data_dir.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.touch(mode=0o600)
        part.write_text(json.dumps(found))
        part.replace(path)
    return found
