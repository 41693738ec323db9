"""Everything of ours down, nothing of anyone else's touched."""

from __future__ import annotations

from sparkctl.ensure.container import ContainersAbsent
from sparkctl.ensure.secret import SecretsAbsent
from sparkctl.flows.phase import Flow, Phase
from sparkctl.inventory.cluster import Cluster
from sparkctl.serving.names import SERVE_ROLE, WORKER_ROLE


def down(cluster: Cluster) -> Flow:
    """vLLM first, then the workers, which tell the head that they leave, then the head and whatever else is ours."""
    everyone, name = tuple(host.name for host in cluster.hosts), cluster.name
    return (
        Phase("vLLM ends", everyone, lambda host: (ContainersAbsent(name, (SERVE_ROLE,)),)),
        Phase("Ray's workers leave", everyone, lambda host: (ContainersAbsent(name, (WORKER_ROLE,)),)),
        Phase("Ray's head ends", everyone, lambda host: (ContainersAbsent(name),)),
        Phase("Secrets go", everyone, lambda host: (SecretsAbsent(name),)),
    )
