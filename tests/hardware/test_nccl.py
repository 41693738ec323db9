"""Which interfaces collectives use, host by host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkctl.hardware.nccl import PER_HOST, SOCKET_VARIABLES, interface_env
from sparkctl.inventory.cluster import Cluster, Fabric, Host, Rail

R1, R2 = Rail("enp1s0f1np1", "192.168.100.10", 24), Rail("enP2p1s0f1np1", "192.168.101.10", 24)
BOTH = frozenset({"rocep1s0f1", "roceP2p1s0f1"})
HOST = Host("a", "10.0.0.1", rails=(R1, R2))
PAIR = Cluster("c", (HOST, Host("b", "10.0.0.2")), Fabric("pair"))
RING = replace(PAIR, fabric=Fabric("ring"))
SOCKETS = dict.fromkeys(SOCKET_VARIABLES, "enp1s0f1np1")
RDMA = {"NCCL_NET": "IB", "NCCL_IGNORE_CPU_AFFINITY": "1"}
SUBNETS = {"NCCL_IB_SUBNET_AWARE_ROUTING": "1", "NCCL_NET_PLUGIN": "none", "NCCL_IB_MERGE_NICS": "0"}


@pytest.mark.parametrize(
    ("host", "cluster", "hcas", "management", "env"),
    [
        pytest.param(HOST, PAIR, frozenset(), None, SOCKETS, id="no RDMA: nothing said about it"),
        pytest.param(
            HOST,
            PAIR,
            BOTH,
            None,
            SOCKETS | {"NCCL_IB_HCA": "rocep1s0f1,roceP2p1s0f1"} | RDMA,
            id="both rails, in the order of the rails",
        ),
        pytest.param(
            HOST,
            PAIR,
            BOTH - {"rocep1s0f1"} | {"rocep1s0f0"},
            None,
            SOCKETS | {"NCCL_IB_HCA": "roceP2p1s0f1"} | RDMA,
            id="only HCAs that are active and belong to our rails",
        ),
        pytest.param(replace(HOST, rails=()), PAIR, BOTH, None, {}, id="no rails: nothing to say"),
        pytest.param(
            replace(HOST, rails=()),
            PAIR,
            BOTH,
            "enP7s7",
            dict.fromkeys(SOCKET_VARIABLES, "enP7s7"),
            id="no rails: the management network",
        ),
        pytest.param(
            replace(HOST, meets_on="management"),
            RING,
            BOTH,
            "enP7s7",
            dict.fromkeys(SOCKET_VARIABLES, "enP7s7") | {"NCCL_IB_HCA": "rocep1s0f1,roceP2p1s0f1"} | RDMA | SUBNETS,
            id="a ring: meet on management, compute on the rails",
        ),
        pytest.param(
            replace(HOST, meets_on="management"),
            RING,
            BOTH,
            None,
            {"NCCL_IB_HCA": "rocep1s0f1,roceP2p1s0f1"} | RDMA | SUBNETS,
            id="a ring whose management network is not known",
        ),
        pytest.param(
            replace(HOST, rails=(Rail("eth1", "10.1.0.1", 24),)),
            PAIR,
            BOTH,
            None,
            dict.fromkeys(SOCKET_VARIABLES, "eth1"),
            id="a rail that is no ConnectX",
        ),
    ],
)
def test_interface_env(
    host: Host, cluster: Cluster, hcas: frozenset[str], management: str | None, env: dict[str, str]
) -> None:
    assert interface_env(host, cluster, hcas=hcas, management=management) == env


def test_nothing_is_ever_empty() -> None:
    """An empty variable masks /etc/nccl.conf."""
    for cluster in (PAIR, RING):
        for rails in ((), (R1,), (R1, R2)):
            for hcas in (frozenset[str](), BOTH):
                assert all(interface_env(replace(HOST, rails=rails), cluster, hcas=hcas).values())


def test_what_differs_between_hosts_is_not_carried_over() -> None:
    other = replace(HOST, rails=(Rail("enp1s0f0np0", "192.168.100.11", 24),))
    one = interface_env(HOST, PAIR, hcas=BOTH)
    two = interface_env(other, PAIR, hcas=frozenset({"rocep1s0f0"}))
    assert {name for name in one if one[name] != two[name]} <= set(PER_HOST)
