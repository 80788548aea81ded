"""Apache Kafka 4.4 from its published jars: a node that is broker and controller, on the loopback address.

It stands alone, or is one of three (see `cluster`): then every record is stored by two before a producer is told, so that any
one of them can be lost, and writing waits while two are.

Ready means that an admin client got the cluster described. Topics are made here and never by a stray publish. The log survives
a kill -9: what a producer was told is stored is in the page cache of the machine, and is recovered on the next start.
"""

import asyncio
import contextlib
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from chassis import topics
from waybill.embedded.jars import class_path
from waybill.embedded.jvm import JavaServer, Tier, java
from waybill.embedded.places import cache_dir, free_ports
from waybill.embedded.server import Command, NotReadyError, StartError, last_words

DEFAULT_PARTITIONS: Final = 4
HEAP_MEGABYTES: Final = 384
MEMBERS_HEAP_MEGABYTES: Final = 256
"""Of each node where there are several: the work is shared, the machine's memory too."""
REQUEST_TIMEOUT_MS: Final = 20_000

LOGGING: Final = """\
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS} %p %m (%c{1})%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = INFO
"""


@dataclass(frozen=True, slots=True)
class Membership:
    """A node's place in a cluster: its number, the controllers' ports by number, and the file with the cluster's id."""

    node: int
    controllers: Mapping[int, int]
    id_file: Path

    @property
    def size(self) -> int:
        """How many nodes there are; each record lies on all of them."""
        return len(self.controllers)

    def cluster_id(self) -> str:
        """Read the cluster's id, which the first of its nodes that is made chooses, with how many they are."""
        with contextlib.suppress(FileNotFoundError):
            return self.id_file.read_text().split()[0]
        chosen = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self.id_file.parent.mkdir(parents=True, exist_ok=True)
        self.id_file.write_text(f"{chosen} {self.size}\n")
        return chosen


class EmbeddedKafka(JavaServer):
    """A Kafka node with its log under `directory`, alone unless it is a member; port 0 picks free ones.

    `async with EmbeddedKafka(directory) as kafka: await kafka.create_topics(); kafka.bootstrap_servers`; the log stays.
    """

    start_deadline = 90.0
    stop_deadline = 20.0

    def __init__(
        self,
        directory: Path | str,
        port: int = 0,
        controller_port: int = 0,
        *,
        log_file: Path | None = None,
        tier: Tier = Tier.QUICK,
        settings: dict[str, str] | None = None,
        name: str = "kafka",
        membership: Membership | None = None,
    ) -> None:
        self.directory = Path(directory).resolve()
        super().__init__(name, log_file or self.directory / "kafka.log")
        free = free_ports(2)
        self.port = port or free[0]
        self.controller_port = controller_port or free[1]
        self.tier = tier
        self.settings = settings or {}
        self.membership = membership or Membership(1, {1: self.controller_port}, self.directory / "cluster")
        self.data = self.directory / "data"
        self._properties = self.directory / "server.properties"
        self._logging = self.directory / "log4j2.properties"
        self._jars: list[Path] = []

    @property
    def bootstrap_servers(self) -> str:
        """Return what clients connect to."""
        return f"127.0.0.1:{self.port}"

    async def prepare(self) -> None:
        """Check the jars, write the settings, format the log directory on the first start."""
        self._jars = await asyncio.to_thread(class_path, "kafka", cache_dir())
        self.directory.mkdir(parents=True, exist_ok=True)
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in self._server_properties().items()))
        self._logging.write_text(LOGGING)
        if not (self.data / "meta.properties").exists():
            await self._format()

    def _server_properties(self) -> dict[str, str]:
        copies, safe = str(self.membership.size), str(topics.in_sync(self.membership.size))
        return {
            "process.roles": "broker,controller",
            "node.id": str(self.membership.node),
            "controller.quorum.voters": ",".join(
                f"{node}@127.0.0.1:{port}" for node, port in self.membership.controllers.items()
            ),
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.data),
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": safe,
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": safe,
            "transaction.state.log.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": safe,
            "share.coordinator.state.topic.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            # After a kill -9 the node waits until its former session has expired. It is its own controller: a pause stops both.
            "broker.session.timeout.ms": "1000",
            "broker.heartbeat.interval.ms": "200",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "num.recovery.threads.per.data.dir": "2",
            "background.threads": "4",
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
            # After a kill the last segment of each partition is read again, from a disk that may be slow.
            "log.segment.bytes": str(16 * 1024 * 1024),
            "log.index.size.max.bytes": str(2 * 1024 * 1024),
            "queued.max.requests": "200",
        } | self.settings

    async def _format(self) -> None:
        # The data directory gets the id only when the format succeeded: an interrupted first start is simply done again.
        format_ = [
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={self.membership.cluster_id()}",
            "-c",
            str(self._properties),
            "--ignore-formatted",
        ]
        process = await asyncio.create_subprocess_exec(
            *self._java(),
            f"-Dlog4j2.configurationFile={self._logging}",
            *format_,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            self.log_file.write_bytes(output)
            raise StartError(f"Kafka could not make its log directory {self.data}: {last_words(self.log_file)}")

    def _java(self) -> list[str]:
        heap = HEAP_MEGABYTES if self.membership.size == 1 else MEMBERS_HEAP_MEGABYTES
        return java(self._jars, heap_megabytes=heap, tier=self.tier)

    def command(self) -> Command:
        """Run the node in the foreground."""
        logging = f"-Dlog4j2.configurationFile={self._logging}"
        command = self.with_cache("kafka", self._java(), logging, "kafka.Kafka", str(self._properties))
        return Command(command, {}, self.directory)

    async def probe(self) -> None:
        """Have the cluster described; the node must be among its brokers."""
        try:
            # The port first: a client that finds nobody there logs a page about it.
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.close()
            await writer.wait_closed()
            async with self._admin(2000) as admin:
                cluster = await admin.describe_cluster()
        except (OSError, TimeoutError, KafkaError) as error:
            raise NotReadyError(f"{type(error).__name__}: {error}") from error
        if self.membership.node not in {broker["node_id"] for broker in cluster["brokers"]}:
            raise NotReadyError("it has not joined the cluster")

    @contextlib.asynccontextmanager
    async def _admin(self, timeout_ms: int = REQUEST_TIMEOUT_MS):  # type: ignore[no-untyped-def]  # noqa: ANN202
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers, request_timeout_ms=timeout_ms)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    async def create_topics(self, planned: list[NewTopic] | None = None, partitions: int = DEFAULT_PARTITIONS) -> None:
        """Make the topics that do not exist yet (default: all of the contracts, with dead letters); raises StartError."""
        try:
            await topics.create(self.bootstrap_servers, topics.plan(partitions, 1) if planned is None else planned)
        except KafkaError as error:
            raise StartError(f"Kafka refused to make the topics: {type(error).__name__}: {error}") from error
