"""The arithmetic of growth: what follows from costs that are easy to reckon with."""

from dataclasses import replace

import pytest

from waybill.generate.scaling import SERVICES, Assumed, Costs, brokers, limits, processes, servers, tables

COSTS = Costs(
    cpu=dict.fromkeys((*SERVICES, "gateway", "postgres", "kafka"), 0.6),
    database_cpu=dict.fromkeys(SERVICES, 0.3),
    wal=dict.fromkeys(SERVICES, 5000.0) | {"order": 10_000.0},
    topics={"order.events": 1000.0, "payment.events": 500.0},
    readers={"order.events": ["inventory", "payment", "notification"], "payment.events": ["order"]},
)
GIVEN = Assumed()


def results(**left_out: object) -> dict[str, object]:
    most = {
        "cpu_ms_by_part": dict.fromkeys((*SERVICES, "gateway", "postgres", "kafka"), 0.2),
        "database_ms_per_order": dict.fromkeys(SERVICES, 0.1) | {"order": 0.2},
        "wal_bytes_per_order": 30_000,
        "wal_bytes_by_service": dict.fromkeys(SERVICES, 5000) | {"order": 10_000},
        "log_bytes_per_order": {"order.events": 900.0, "catalog.products": 0.0},
    }
    return {"runs": {"max": {name: one for name, one in most.items() if name not in left_out}}}


def test_processes_are_the_cpu_of_the_rate_at_the_use_that_is_allowed() -> None:
    assert processes(0.6, 100_000, GIVEN) == 100
    assert processes(0.6, 100_001, GIVEN) == 101


def test_a_database_needs_servers_for_its_wal_and_for_its_cpu() -> None:
    assert servers(COSTS, "order", 100_000, GIVEN) == (4, 2)
    assert servers(COSTS, "payment", 100_000, GIVEN) == (2, 2)


def test_brokers_are_needed_for_disks_and_for_what_is_sent_to_readers_and_copies() -> None:
    # 150 MB/s come in: three copies on disk; 3,500 bytes an order are read and 3,000 go to the other copies.
    assert brokers(COSTS, 100_000, GIVEN) == (2, 2)
    assert brokers(COSTS, 100_000, replace(GIVEN, network_mb=100.0)) == (2, 7)


def test_what_breaks_first_comes_first() -> None:
    found = limits(replace(COSTS, hot_per_second=500.0), GIVEN)
    assert found[0][:2] == ("one product in every order, on the machine measured", 500.0)
    assert [most for _, most, _ in found] == sorted(most for _, most, _ in found)
    assert {what: most for what, most, _ in found}["the database of order on a server of its own (WAL)"] == 25_000


def test_wholes_are_divided_as_parts_of_them_were_booked() -> None:
    costs = Costs.of(results(), COSTS.readers)
    assert costs is not None
    assert costs.wal["order"] == pytest.approx(12_000)
    assert sum(costs.wal.values()) == pytest.approx(30_000)
    assert costs.database_cpu["order"] == pytest.approx(0.08)
    assert list(costs.topics) == ["order.events"]
    assert costs.bytes_read == pytest.approx(2700)


@pytest.mark.parametrize("left_out", ["wal_bytes_by_service", "log_bytes_per_order", "cpu_ms_by_part"])
def test_without_a_cost_nothing_is_worked_out(left_out: str) -> None:
    assert Costs.of(results(**{left_out: True}), {}) is None
    assert "not measured" in tables(None)


def test_the_tables_hold_every_need() -> None:
    page = tables(COSTS, GIVEN)
    assert "| processes of order | R c / 1000 u | 100 |" in page
    assert "| partitions of each topic | the most processes of a service that reads it | 100 |" in page
    assert "| database servers of order | max(R w / W, R d / 1000 u C) = max(4, 2) | 4 |" in page
    assert "| WAL of all databases | R w | 2.5 GB/s |" in page
