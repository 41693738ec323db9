"""Serving ended, Ray left up."""

from __future__ import annotations

from sparkctl.ensure.container import ContainersAbsent
from sparkctl.facts.container import containers_of
from sparkctl.flows.phase import Flow, Gate, Phase
from sparkctl.flows.proofs import Freed
from sparkctl.inventory.cluster import Cluster
from sparkctl.serving.names import SERVE_ROLE
from sparkctl.serving.nodes import ray_nodes
from sparkctl.serving.ray import address_of

FREE_SECONDS = 60.0
"""Until Ray must have taken the GPUs back: it ends the ranks when their driver has gone."""


def stop(cluster: Cluster) -> Flow:
    """No vLLM of ours on any host, and no GPU reserved in Ray."""
    everyone = tuple(host.name for host in cluster.hosts)
    return (
        Phase(
            "vLLM ends", everyone, lambda host: (ContainersAbsent(cluster.name, (SERVE_ROLE,)),), gate=freed(cluster)
        ),
    )


def freed(cluster: Cluster) -> Gate:
    """Ray has its GPUs back."""
    head, address = cluster.head.name, address_of(cluster)
    return Gate(
        "the GPUs are free",
        {head: (containers_of(cluster.name), ray_nodes(address))},
        Freed(cluster.name, head, address).judge,
        deadline=FREE_SECONDS,
    )
