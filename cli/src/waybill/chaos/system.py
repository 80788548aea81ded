"""The system that is hurt: as `./waybill up` starts it, with links that can be hurt between services and what they talk to.

PostgreSQL and each node of Kafka are reached by each service through a link of its own, so is the PSP by payment, the carriers
by order, mail and SMS by notification, and the gateway by the PSP's webhooks. Kafka tells clients where to go, so each service
has a listener of its own at each node, which says that it is to be found behind that service's link. Processes can be armed to
die at a failpoint, and told another time.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from waybill.chaos.links import FarLink, Links
from waybill.chaos.proxy import Address, Link
from waybill.embedded.cluster import MOST_NODES
from waybill.embedded.kafka import EmbeddedKafka
from waybill.embedded.places import socket_directory
from waybill.embedded.postgres import SOCKET_NAME
from waybill.embedded.state import State, data_dir_lock
from waybill.embedded.supervisor import Supervisor
from waybill.embedded.system import LAST_PORT, SERVICES, Options, System
from waybill.embedded.web import WebServer
from waybill.errors import WaybillError

LISTENERS: Final = LAST_PORT + 1
LINKS: Final = LISTENERS + MOST_NODES * len(SERVICES)
PARTNERS: Final = ("psp", "carrier", "smtp", "sms", "webhooks")
PARTNER_LINKS: Final = LINKS + MOST_NODES * len(SERVICES)
HANDS: Final = PARTNER_LINKS + len(PARTNERS)
"""From here on, ports of processes that come and go."""
HELPER_PORTS: Final = 20
LAST_USED: Final = HANDS + HELPER_PORTS - 1
QUICK_DEATHS: Final = 1000
"""A supervisor gives up a part that dies again and again; here it is we who kill it."""
SETTINGS: Final = {
    # The simulator finds a payment at once; a PSP's search takes a minute.
    "payment": {"PAYMENT_PSP_SEARCH_LAG_SECONDS": "1"},
    # What was cut off is tried again soon, since the outages are short.
    "notification": {
        "NOTIFICATION_RETRY_SCHEDULE_SECONDS": "1,2,5",
        # A busy machine answers late: more mails are on their way at once.
        "NOTIFICATION_SMTP_CONNECTIONS": "16",
    },
}

HOST: Final = "127.0.0.1"


class HurtSystem(System):
    """A system whose services go through links."""

    def __init__(self, options: Options, seed: int) -> None:
        super().__init__(options)
        self.seed = seed
        self.links = Links(list(self._make_links()))
        for node in self.kafka.nodes:
            node.settings = {**node.settings, **self._listeners(node)}

    def _make_links(self) -> Iterator[Link]:
        for service in SERVICES:
            socket = self._sockets(service) / SOCKET_NAME
            yield self._link(f"{service}-postgres", socket, self.postgres.sockets / SOCKET_NAME)
            for node in self.kafka.nodes:
                near, far = (self._kafka(first, service, node) for first in (LINKS, LISTENERS))
                yield self._link(f"{service}-{node.name}", near, far)
        targets = {name: self.options.port(name) for name in ("psp", "carrier", "smtp", "sms")}
        targets["webhooks"] = self.options.port("gateway")
        for name in PARTNERS:
            yield self._link(name, (HOST, self._partner(name)), (HOST, targets[name]))

    def _link(self, name: str, listens: Address, target: Address) -> Link:
        return Link(name, listens, target, self.seed)

    def _kafka(self, first: int, service: str, node: EmbeddedKafka) -> tuple[str, int]:
        """Tell where a service finds a node, counted from the `first` port of its kind."""
        row = node.membership.node - 1
        return HOST, self.options.port_base + first + row * len(SERVICES) + SERVICES.index(service)

    def _partner(self, name: str) -> int:
        return self.options.port_base + PARTNER_LINKS + PARTNERS.index(name)

    def _sockets(self, service: str) -> Path:
        folder = socket_directory(self.data_dir / "links" / service, SOCKET_NAME)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _listeners(self, node: EmbeddedKafka) -> dict[str, str]:
        ours, told = (
            [f"{service.upper()}://{':'.join(map(str, self._kafka(first, service, node)))}" for service in SERVICES]
            for first in (LISTENERS, LINKS)
        )
        plain = f"PLAINTEXT://{HOST}:{node.port}"
        controller = f"CONTROLLER://{HOST}:{node.controller_port}"
        protocols = ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT", *(f"{name.upper()}:PLAINTEXT" for name in SERVICES)]
        return {
            "listeners": ",".join([plain, controller, *ours]),
            "advertised.listeners": ",".join([plain, *told]),
            "listener.security.protocol.map": ",".join(protocols),
        }

    def service_environment(self, service: str) -> dict[str, str]:
        """Return the settings of a service: as usual, with the links in the place of what they lead to."""
        usual = super().service_environment(service)
        prefix = service.upper()
        host = str(self.postgres.sockets)
        through = {
            f"{prefix}_DATABASE_URL": usual[f"{prefix}_DATABASE_URL"].replace(host, str(self._sockets(service))),
            f"{prefix}_KAFKA_BOOTSTRAP_SERVERS": ",".join(
                ":".join(map(str, self._kafka(LINKS, service, node))) for node in self.kafka.nodes
            ),
            "WAYBILL_FAILPOINTS": f"@{self.failpoints(service)}",
            "WAYBILL_CLOCK": f"@{self.clock(service)}",
        }
        partners = {
            "order": {"ORDER_CARRIER_URL": f"http://{HOST}:{self._partner('carrier')}"},
            "payment": {"PAYMENT_PSP_URL": f"http://{HOST}:{self._partner('psp')}"},
            "notification": {
                "NOTIFICATION_SMTP_PORT": str(self._partner("smtp")),
                "NOTIFICATION_SMS_URL": f"http://{HOST}:{self._partner('sms')}",
            },
        }
        return usual | through | partners.get(service, {})

    def failpoints(self, service: str) -> Path:
        """Name the file that arms a service to die."""
        return self.data_dir / f"failpoints-{service}"

    def clock(self, service: str) -> Path:
        """Name the file that tells a service's clock how many seconds it is wrong."""
        return self.data_dir / f"clock-{service}"

    def _simulator(self, name: str, arguments: list[str], port: int, env: Mapping[str, str] | None = None) -> WebServer:
        given = dict(env or {})
        if name == "psp":
            given["SIMULATOR_WEBHOOK_URL"] = f"http://{HOST}:{self._partner('webhooks')}/api/webhooks/psp"
        return super()._simulator(name, arguments, port, given)

    def helper(self, service: str, number: int, program: Sequence[str] | None = None) -> WebServer:
        """Make another process of a service that reacts and works, and is behind no gateway; `program`: not the usual one."""
        port = self.options.port_base + HANDS + number
        prefix = service.upper()
        env = self.service_environment(service) | {f"{prefix}_HTTP_PORT": str(port), f"{prefix}_ROLES": "reactions,workers"}
        argv = program or self.services[service][0].command().argv
        name = f"{service}-helper-{number}"
        return WebServer(name, self.log(name), argv, env, folder=self.services[service][0].command().folder, port=port)


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """A system that takes orders, and can be hurt."""

    system: HurtSystem
    supervisor: Supervisor

    @property
    def state(self) -> State:
        """How its parts are at this moment."""
        return self.supervisor.state

    @property
    def links(self) -> Mapping[str, FarLink]:
        """The links between its parts, by name."""
        return self.system.links.by_name

    def pid(self, name: str) -> int | None:
        """Tell the process id of a part that runs at this moment."""
        process = self.state.parts[name].process
        return process.pid if process is not None and process.alive else None

    def replicas(self, service: str) -> list[str]:
        """Name the processes of a service, or the nodes of the broker."""
        return [name for name in self.state.parts if name == service or name.startswith(f"{service}-")]


@contextlib.asynccontextmanager
async def running(options: Options, seed: int, tell: Callable[[str], None]) -> AsyncIterator[Running]:
    """Start a system and stop it afterwards. Raises WaybillError when it does not start, or is stopped while it is used."""
    with data_dir_lock(options.data_dir):
        system = HurtSystem(options, seed)
        system.postgres.directory.mkdir(parents=True, exist_ok=True)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(system.links.close)
            await system.links.open()
            supervisor, life = await _started(system, tell)
            me = asyncio.current_task()
            life.add_done_callback(lambda _: me.cancel() if me is not None else None)
            try:
                yield Running(system, supervisor)
            except asyncio.CancelledError:
                if life.done():
                    raise WaybillError("the system was stopped by a signal while it was used: run it again") from None
                raise
            finally:
                supervisor.stop()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(life)


async def _started(system: HurtSystem, tell: Callable[[str], None]) -> tuple[Supervisor, "asyncio.Task[None]"]:
    ready = asyncio.Event()
    told = ""

    def notify(state: State) -> None:
        nonlocal told
        if state.activity and state.activity != told:
            tell(state.activity)
        told = state.activity
        if state.ready:
            ready.set()

    supervisor = Supervisor(system, notify, quick_deaths_allowed=QUICK_DEATHS)
    life = asyncio.create_task(supervisor.run())
    waiting: asyncio.Task[Any] = asyncio.create_task(ready.wait())
    await asyncio.wait({life, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if life.done():
        life.result()
        raise WaybillError("the system was stopped while it started: run it again")
    return supervisor, life
