"""Which interfaces NCCL, Gloo and their kin shall use on one host. Names differ from host to host, so this is per host.

Sources: PB = NVIDIA/dgx-spark-playbooks@0db7c14; SPARKRUN = spark-arena/sparkrun@0041b8f.
"""

from __future__ import annotations

from collections.abc import Collection

from sparkctl.hardware.spark import hca_of
from sparkctl.inventory.cluster import Cluster, Host

SOCKET_VARIABLES = (
    "NCCL_SOCKET_IFNAME",
    "GLOO_SOCKET_IFNAME",
    "TP_SOCKET_IFNAME",
    "UCX_NET_DEVICES",
    "OMPI_MCA_btl_tcp_if_include",
)
"""All take the one interface over which the nodes meet (PB vllm). Left alone, Gloo may take docker0, which has the same
address on every host."""

PER_HOST = ("VLLM_HOST_IP", *SOCKET_VARIABLES, "NCCL_IB_HCA")
"""What vLLM's Ray executor must not copy from the head to the workers, as it does with NCCL_* and UCX_*: names for its
ray_non_carry_over_env_vars.json (SPARKRUN issue 135)."""

_RING = {
    "NCCL_IB_SUBNET_AWARE_ROUTING": "1",
    "NCCL_NET_PLUGIN": "none",
    "NCCL_IB_MERGE_NICS": "0",
}
"""A ring has a network a cable; without these NCCL (2.30 or newer) tries HCAs that do not see each other (PB nccl)."""


def interface_env(
    host: Host, cluster: Cluster, *, hcas: Collection[str] = (), management: str | None = None
) -> dict[str, str]:
    """The variables of `host`'s containers that say where collectives run; what is not known is left out, not empty.

    `hcas` are the RDMA devices that are ACTIVE and have an IPv4 RoCEv2 GID: without them nothing is said about RDMA.
    `management` is the network device of the management address, needed where the nodes do not meet on the fabric.
    What the user asks for (`cluster.env_of(host)`) belongs over this.
    """
    meeting = host.rails[0].netdev if host.rails and host.meets_on == "fabric" else management
    found = dict.fromkeys(SOCKET_VARIABLES, meeting) if meeting else {}
    ours = [hca for rail in host.rails if (hca := hca_of(rail.netdev)) and hca in hcas]
    if ours:
        # NCCL_NET=IB fails loudly where NCCL would otherwise fall back to TCP at a tenth of the speed (SPARKRUN).
        found |= {"NCCL_IB_HCA": ",".join(ours), "NCCL_NET": "IB", "NCCL_IGNORE_CPU_AFFINITY": "1"}
        if cluster.fabric.topology == "ring":
            found |= _RING
    return found
