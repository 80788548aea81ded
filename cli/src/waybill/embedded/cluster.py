"""The broker of a system: one Kafka node, or three that are broker and controller each.

With three, every topic has three copies, and a producer is told that a record is stored when two have it: any one node may be
lost without a word, and while two are, nothing is written and nothing forgotten. How many nodes there are is decided on the
first start and written down beside the data, since topics keep the copies they were made with.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from chassis import topics
from waybill.embedded.jvm import Tier
from waybill.embedded.kafka import EmbeddedKafka, Membership
from waybill.embedded.server import StartError
from waybill.errors import WaybillError

SIZES: Final = (1, 3)
MOST_NODES: Final = max(SIZES)
NAME: Final = "kafka"


def node_name(node: int) -> str:
    """Name a node as the replicas of a service are named."""
    return NAME if node == 1 else f"{NAME}-{node}"


def made_with(directory: Path) -> int | None:
    """Tell how many nodes the broker of a directory has; None where it was never started."""
    try:
        return int((directory / "cluster").read_text().split()[1])
    except FileNotFoundError:
        return 1 if (directory / "data").exists() else None


class KafkaCluster:
    """All nodes of a system's broker; the first keeps its data in `kafka`, the others beside it."""

    def __init__(
        self,
        data_dir: Path,
        ports: Mapping[int, tuple[int, int]],
        wanted: int | None,
        *,
        log: Callable[[str], Path],
        tier: Tier = Tier.QUICK,
        make: type[EmbeddedKafka] = EmbeddedKafka,
    ) -> None:
        self.directory = data_dir / NAME
        before = made_with(self.directory)
        if wanted is not None and before not in {None, wanted}:
            raise WaybillError(
                f"the broker of {data_dir} has {before} node{'s' if before != 1 else ''}, and topics keep the copies they were"
                f" made with: say --brokers {before} or nothing, or use another --data-dir"
            )
        numbers = range(1, (wanted or before or 1) + 1)
        controllers = {node: ports[node][1] for node in numbers}
        self.nodes = [
            make(
                data_dir / node_name(node),
                *ports[node],
                log_file=log(node_name(node)),
                tier=tier,
                name=node_name(node),
                membership=Membership(node, controllers, self.directory / "cluster"),
            )
            for node in numbers
        ]

    @property
    def bootstrap_servers(self) -> str:
        """Return what clients connect to: any of the nodes."""
        return ",".join(node.bootstrap_servers for node in self.nodes)

    async def create_topics(self, partitions: int) -> None:
        """Make the topics of the contracts that do not exist yet, with a copy on every node; raises StartError."""
        try:
            await topics.create(self.bootstrap_servers, topics.plan(partitions, len(self.nodes)))
        except KafkaError as error:
            raise StartError(f"Kafka refused to make the topics: {type(error).__name__}: {error}") from error
