"""The broker of several nodes: where they lie, how many they are, and who of them is the controller.

That it outlives the loss of one, and writes nothing while two are away, is proved in tests/faults/test_three_brokers.py.
"""

import json
from pathlib import Path

import pytest

from chassis import topics
from contracts import TOPICS
from waybill.chaos.brokers import QUORUM, controller
from waybill.embedded.cluster import KafkaCluster, made_with
from waybill.embedded.system import SERVICES, Options, System
from waybill.errors import WaybillError


def cluster(data_dir: Path, wanted: int | None) -> KafkaCluster:
    ports = {node: Options(data_dir).node_ports(node) for node in (1, 2, 3)}
    return KafkaCluster(data_dir, ports, wanted, log=lambda name: data_dir / f"{name}.log")


def test_nodes_have_ports_names_and_folders_of_their_own_and_one_id(tmp_path: Path) -> None:
    three = cluster(tmp_path, 3)
    assert [node.name for node in three.nodes] == ["kafka", "kafka-2", "kafka-3"]
    assert len({node.data for node in three.nodes}) == 3
    assert three.bootstrap_servers == ",".join(node.bootstrap_servers for node in three.nodes)
    assert len({node.membership.cluster_id() for node in three.nodes}) == 1


def test_no_port_of_a_node_is_anybody_elses(tmp_path: Path) -> None:
    system = System(Options(tmp_path, scale=dict.fromkeys(SERVICES, 10), brokers=3))
    ports = system.ports()
    assert len(ports) == len(set(ports.values()))
    assert {node.port for node in system.kafka.nodes} | {node.controller_port for node in system.kafka.nodes} <= set(
        ports.values()
    )
    assert [part.name for part in system.parts() if part.kind == "broker"] == ["kafka", "kafka-2", "kafka-3"]


def test_how_many_they_are_is_decided_once(tmp_path: Path) -> None:
    assert made_with(tmp_path / "kafka") is None
    assert len(cluster(tmp_path, None).nodes) == 1
    cluster(tmp_path, 3).nodes[0].membership.cluster_id()
    assert len(cluster(tmp_path, None).nodes) == 3
    with pytest.raises(WaybillError, match=r"has 3 nodes.*--brokers 3 or nothing"):
        cluster(tmp_path, 1)


def test_data_of_before_there_were_three_are_of_one(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    assert len(cluster(tmp_path, None).nodes) == 1
    with pytest.raises(WaybillError, match="has 1 node,"):
        cluster(tmp_path, 3)


def test_two_nodes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WaybillError, match=r"--brokers 2: give 1 or 3"):
        Options(tmp_path, brokers=2)


@pytest.mark.parametrize(("copies", "safe"), [(1, "1"), (2, "1"), (3, "2")])
def test_a_record_is_stored_when_all_copies_but_one_have_it(copies: int, safe: str) -> None:
    planned = topics.plan(4, copies)
    assert {topic.replication_factor for topic in planned} == {copies}
    assert {topic.topic_configs["min.insync.replicas"] for topic in planned} == {safe}
    assert len(planned) > len(TOPICS)


def test_the_controller_is_whom_the_latest_election_made_it(tmp_path: Path) -> None:
    three = cluster(tmp_path, 3)
    assert controller(three.nodes) is None
    for node, (epoch, leader) in zip(three.nodes, ((4, 1), (7, 3), (7, 3)), strict=True):
        file = node.data / QUORUM
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"leaderEpoch": epoch, "leaderId": leader}))
    assert controller(three.nodes) is three.nodes[2]
