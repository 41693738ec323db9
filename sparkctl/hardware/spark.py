"""What a DGX Spark (GB10) is: its ports, rails and HCAs, its memory, what its fabric can do. Constants with sources.

Sources: PB = github.com/NVIDIA/dgx-spark-playbooks@0db7c14; "reported" = two or more independent user reports.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GPUS = 1
"""One GB10 a machine."""

CORES = 20
"""10 Cortex-X925 and 10 Cortex-A725 (reported, /proc/cpuinfo)."""

MEMORY_GIB = 119.0
"""GiB of the 128 GB unified memory that the system sees at least; 121.7 at most (reported, /proc/meminfo)."""

MEMORY_GBPS = 273.0
"""GB/s of the memory; it bounds decoding (NVIDIA's data sheet)."""

GPU_MEMORY_REPORTED = False
"""`nvidia-smi --query-gpu=memory.total` says [N/A]: the memory is the host's, see /proc/meminfo (reported)."""

RDMA_NEEDS_HOST_MEMORY = True
"""GPUDirect RDMA does not exist here; NCCL's "GPU Direct RDMA Disabled" is no fault (NVIDIA forum 348787/6)."""


@dataclass(frozen=True, slots=True)
class RailName:
    """One half of a port: a PCIe function of its own, with a network device and an RDMA device (HCA)."""

    netdev: str
    hca: str
    pci: str


@dataclass(frozen=True, slots=True)
class Port:
    """One QSFP port. Its two rails share the function number (f0, f1), not the PCI domain (PB, ibdev2netdev)."""

    number: int
    where: str
    rails: tuple[RailName, RailName]


PORTS = (
    Port(
        0,
        "next to the RJ45 port",
        (
            RailName("enp1s0f0np0", "rocep1s0f0", "0000:01:00.0"),
            RailName("enP2p1s0f0np0", "roceP2p1s0f0", "0002:01:00.0"),
        ),
    ),
    Port(
        1,
        "the outer one",
        (
            RailName("enp1s0f1np1", "rocep1s0f1", "0000:01:00.1"),
            RailName("enP2p1s0f1np1", "roceP2p1s0f1", "0002:01:00.1"),
        ),
    ),
)
"""The ConnectX-7's ports (PB connect-two-sparks)."""

ETHERNET = "enP7s7"
"""The 10 GbE port (PB nccl)."""

WIFI = "wlP9s9"
"""The Wi-Fi (PB nccl)."""

LINK_MBPS = 200_000
"""What `ethtool` says on both rails of a healthy link, though each rail alone carries about half (PB, step 3.1)."""

RAIL_GBITS = 112.0
"""Gb/s that one rail carries at most: PCIe Gen5 x4 (ib_write_bw 111.7 at MTU 9000, eugr/spark-vllm-docker)."""

PCIE_LINK = "Speed 32GT/s, Width x4"
"""LnkSta of every healthy ConnectX-7 function (PB performance guide)."""

JUMBO_MTU = 9000
"""iperf3 on one rail: 96 Gb/s at 1500, 111 at 9000 (reported); NVIDIA leaves the default behind a switch (PB)."""

ALL_GATHER_FLOOR: tuple[tuple[int, float], ...] = (
    (512 << 20, 17.5),
    (1 << 30, 19.0),
    (2 << 30, 21.0),
    (4 << 30, 21.9),
)
"""GB/s of bus bandwidth that two healthy nodes reach at least, by bytes of the message: a little under the measured
18.4, 19.9, 21.8 and 22.9 (PB nccl and user reports). NVIDIA's pass mark of 21.875 is defined for 16 GB alone."""

RING_FLOOR = 10.0
"""GB/s: NVIDIA's pass mark for three nodes in a ring (PB spark_cluster_setup)."""

_NETDEV = re.compile(r"en(?P<place>[pP][A-Za-z0-9]+?s[0-9]+f[0-9]+)(?:np[0-9]+)?")


def hca_of(netdev: str) -> str | None:
    """The RDMA device of a rail as the kernel names it: enp1s0f1np1 -> rocep1s0f1; None for any other device."""
    match = _NETDEV.fullmatch(netdev)
    return f"roce{match['place']}" if match else None


def port_of(netdev: str) -> Port | None:
    """The QSFP port that a rail belongs to."""
    return next((port for port in PORTS if netdev in (rail.netdev for rail in port.rails)), None)


def sibling_of(netdev: str) -> str | None:
    """The other rail of the same port: without it a link has half its speed."""
    port = port_of(netdev)
    return next((rail.netdev for rail in port.rails if rail.netdev != netdev), None) if port else None


def expected_busbw(nbytes: int) -> float | None:
    """GB/s that an all-gather of `nbytes` reaches on two healthy nodes; None below the smallest that says anything."""
    return max((floor for size, floor in ALL_GATHER_FLOOR if size <= nbytes), default=None)
