"""The container that runs Ray on a node."""

from __future__ import annotations

from ipaddress import IPv4Address

from sparkctl.ensure import secret
from sparkctl.ensure.container import ContainerSpec, Mount
from sparkctl.errors import ConfigError
from sparkctl.hardware.nccl import PER_HOST, interface_env
from sparkctl.inventory.cluster import HF_CACHE_IN_CONTAINER, Cluster, Host
from sparkctl.serving.names import DASHBOARD_PORT, HEAD_ROLE, RAY, RAY_PORT, WORKER_ROLE
from sparkctl.serving.node import NodeState

SESSION = "/tmp/ray"
"""Where Ray keeps its sockets and logs: a volume of the container's own, which vLLM's container shares."""

FLAGS = (
    *("--gpus", "all", "--network", "host"),
    *("--ulimit", "memlock=-1", "--ulimit", "stack=67108864"),
    *("--log-opt", "max-size=50m", "--log-opt", "max-file=3"),
    *("--restart", "no"),
)
"""Without memlock NCCL's ibv_reg_mr fails with ENOMEM; no --privileged is needed (NVIDIA's playbooks, 2026).

No restart by docker: after a power cut it comes before the fabric has its addresses, and a node that came back alone
has lost the model's other ranks. `sparkctl up` and `serve` are the repair, and the ended container keeps its log.
"""

SHARED_MEMORY = ("--ipc", "shareable", "--shm-size", "10.24g")
"""A /dev/shm of the container's own, as vLLM's run_cluster.sh has it, and of its size. In the host's, vLLM leaves
segments of 250 MB behind at every stop (psm_*, 0.32), and systemd-logind may remove what is in use (RemoveIPC). All
ranks of a host are in this container."""

COMPILED = (".cache/vllm", ".cache/flashinfer", ".triton")
"""What vLLM, FlashInfer and Triton compile at the first start: without them every start takes minutes more."""

INFINIBAND = ("--device", "/dev/infiniband", "--cap-add", "IPC_LOCK")


def image_of(cluster: Cluster) -> str:
    """The reference that the hosts know the cluster's image by."""
    return cluster.runtime.image or f"sparkctl/{cluster.name}:built"


def check_launcher(cluster: Cluster) -> None:
    """Raises `ConfigError` where the inventory asks for another launcher than Ray: it must not be ignored."""
    if cluster.runtime.launcher not in ("ray", "auto"):
        message = f"serving on {cluster.name} with the launcher {cluster.runtime.launcher}: that is not supported yet"
        raise ConfigError(message, hint="write runtime: {launcher: ray} in the inventory")


def address_of(cluster: Cluster) -> str:
    """Where Ray's GCS listens."""
    return f"{cluster.head.fabric_address}:{RAY_PORT}"


def addresses(cluster: Cluster) -> dict[str, str]:
    """Host -> the address that Ray must know it by, the head's first.

    Raises `ConfigError` where the nodes meet on the management network and a host is given by name.
    """
    for host in cluster.hosts:
        try:
            IPv4Address(host.fabric_address)
        except ValueError:
            message = f"starting Ray on {host.name}: {host.fabric_address} is not an IPv4 address"
            hint = "Ray knows nodes by address: give it a fabric, or its IPv4 address as address"
            raise ConfigError(message, host=host.name, hint=hint) from None
    return {host.name: host.fabric_address for host in cluster.hosts}


def environment(cluster: Cluster, host: Host, node: NodeState) -> dict[str, str]:
    """Of all containers on `host`; the user's shared values win over ours, the host's own over both."""
    ours = {
        # Ray's memory monitor misreads unified memory and kills the model (NVIDIA's playbooks set this, too)
        "RAY_memory_monitor_refresh_ms": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        # vLLM's message queues bind sockets in /tmp otherwise, where its workers, in Ray's container, do not see them
        "VLLM_RPC_BASE_PATH": SESSION,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": f"{secret.INSIDE}/{secret.RAY_TOKEN}",
        "HF_TOKEN_PATH": f"{secret.INSIDE}/{secret.HF_TOKEN}",
    }
    management = node.netdevs.get(host.address)
    interfaces = interface_env(host, cluster, hcas=node.hcas, management=management)
    return {**ours, "VLLM_HOST_IP": host.fabric_address, **interfaces, **cluster.env_of(host)}


def mounts(cluster: Cluster, host: Host, node: NodeState) -> tuple[Mount, ...]:
    """The models, and the directory of our secrets; NFS shares lie at the same path inside as outside."""
    shared = [
        Mount(share.export if share.server == host.name else share.mount, share.mount, share.mode == "ro")
        for share in cluster.shares
        if host.name == share.server or host.name in share.clients
    ]
    return (
        Mount(secret.directory(cluster.name), secret.INSIDE, read_only=True),
        Mount(node.path(cluster.hf_cache_on(host)), HF_CACHE_IN_CONTAINER, make=True),
        *(Mount(f"{node.home}/{cache}", f"/root/{cache}", make=True) for cache in COMPILED),
        *shared,
    )


def ray_spec(cluster: Cluster, host: Host, node: NodeState, gcs: str = "") -> ContainerSpec:
    """Ray on `host`, in the foreground of its container so that its end is docker's to see.

    `gcs` names the run of the head that a worker joins.
    """
    common = (
        *("--node-ip-address", host.fabric_address),
        *("--num-gpus", str(node.gpus or 1)),
        *("--object-store-memory", str(node.object_store)),
        *("--disable-usage-stats", "--block"),
    )
    if host == cluster.head:
        role = HEAD_ROLE
        # Ray leaves the dashboard out by itself where the image lacks what it needs (ray[default])
        where = ("--head", "--port", str(RAY_PORT), "--dashboard-host", "127.0.0.1")
        args: tuple[str, ...] = ("start", *where, "--dashboard-port", str(DASHBOARD_PORT), *common)
    else:
        role = WORKER_ROLE
        args = ("start", "--address", address_of(cluster), *common)
    return ContainerSpec(
        name=RAY,
        cluster=cluster.name,
        role=role,
        image=image_of(cluster),
        entrypoint="ray",
        args=args,
        flags=(*FLAGS, *SHARED_MEMORY, "--init", *(INFINIBAND if node.infiniband else ())),
        user_flags=cluster.runtime.docker_args,
        env=environment(cluster, host, node),
        mounts=(*mounts(cluster, host, node), Mount("", SESSION, kind="volume")),
        depends={"Ray's head": gcs} if gcs else {},
    )


def per_host_names(cluster: Cluster) -> tuple[str, ...]:
    """Names of the variables that vLLM must not copy from the head to the workers: each host has its own values."""
    return tuple(sorted({*PER_HOST, *(name for host in cluster.hosts for name, _ in host.env)}))
