"""From bare machines to a stack that can serve: what `sparkctl bootstrap` makes true."""

from __future__ import annotations

from collections.abc import Sequence

from sparkctl.ensure.base import Step
from sparkctl.ensure.group import GroupMember
from sparkctl.ensure.service import Service
from sparkctl.errors import ConfigError
from sparkctl.flows.fabric import fabric
from sparkctl.flows.images import images
from sparkctl.flows.phase import Flow, Phase
from sparkctl.flows.shares import shares
from sparkctl.flows.trust import own_key, trust
from sparkctl.inventory.cluster import Cluster

INSTALL_DOCKER = "sudo apt-get install docker.io"


def bootstrap(cluster: Cluster) -> Flow:
    """The phases, in order; those that do not apply (no fabric, no share, one host) are absent."""
    return (
        access(cluster),
        *fabric(cluster),
        *trust(cluster),
        *shares(cluster),
        *images(image_of(cluster), [host.name for host in cluster.hosts]),
    )


def access(cluster: Cluster) -> Phase:
    """We may talk to a docker that runs, and each node has a key of its own."""

    def steps(name: str) -> Sequence[Step]:
        return [
            Service("docker.service", hint=INSTALL_DOCKER),
            GroupMember("docker", hint=INSTALL_DOCKER),
            *own_key(cluster, name),
        ]

    return Phase("Access", tuple(host.name for host in cluster.hosts), steps)


def image_of(cluster: Cluster) -> str:
    """The image to pull. Raises ConfigError where the inventory names a Dockerfile instead."""
    if cluster.runtime.image is None:
        message = f"bootstrapping {cluster.name}: building {cluster.runtime.build} on the hosts is not supported yet"
        raise ConfigError(message, hint="push the image to a registry and name it as runtime.image")
    return cluster.runtime.image
