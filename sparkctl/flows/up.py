"""Ray on all hosts: the head, then the workers, until Ray's own table names every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparkctl.ensure import secret
from sparkctl.ensure.base import Deferred, Ref, Step
from sparkctl.ensure.container import ContainerRunning
from sparkctl.facts.base import Fact
from sparkctl.facts.container import container_log, containers_of, incarnation_of
from sparkctl.flows.phase import Flow, Gate, Phase
from sparkctl.flows.preflight import Preflight, preflight_facts
from sparkctl.flows.proofs import LOG_LINES, Join
from sparkctl.inventory.cluster import Cluster, Host
from sparkctl.serving.hints import RAY as HINTS
from sparkctl.serving.hints import last_words
from sparkctl.serving.names import HEAD_ROLE, JOIN_SECONDS, RAY, SERVE, SERVE_ROLE, WORKER_ROLE
from sparkctl.serving.node import NODE, NodeState
from sparkctl.serving.nodes import ray_nodes
from sparkctl.serving.ray import address_of, addresses, check_launcher, image_of, ray_spec

OLD_TOKEN = (SERVE_ROLE, WORKER_ROLE, HEAD_ROLE)
"""The containers which a new token shuts out."""


def up(cluster: Cluster) -> Flow:
    """Ray up and proven joined. Raises `ConfigError` for another launcher."""
    check_launcher(cluster)
    head, workers = cluster.head.name, tuple(host.name for host in cluster.workers)
    everyone = (head, *workers)
    phases = [
        Phase("Before Ray", everyone, lambda host: (), gate=preflight(cluster)),
        Phase("Ray's token", everyone, lambda host: (ray_token(cluster, host),)),
        Phase("Ray's head", (head,), lambda host: (ray(cluster, cluster.host(host)),), gate=join(cluster, (head,))),
    ]
    if workers:
        steps = Phase("Ray's workers", workers, lambda host: (ray(cluster, cluster.host(host)),), gate=join(cluster))
        phases.append(steps)
    return tuple(phases)


def preflight(cluster: Cluster) -> Gate:
    """What must be so before anything is started, on all hosts in one go."""
    judge = Preflight(cluster.name, image_of(cluster), cluster.head.name, addresses(cluster))
    facts = preflight_facts(cluster.name, image_of(cluster))
    return Gate("the hosts are ready for Ray", dict.fromkeys(addresses(cluster), facts), judge.judge)


def ray_token(cluster: Cluster, host: str) -> Step:
    """The head makes the token; the others get the same one."""
    if host == cluster.head.name:
        return secret.SecretMade(cluster.name, secret.RAY_TOKEN, OLD_TOKEN)

    def build(token: bytes) -> secret.SecretFile:
        return secret.SecretFile(cluster.name, secret.RAY_TOKEN, token, OLD_TOKEN)

    key = f"secret.{secret.RAY_TOKEN}"
    content = secret.secret_content(cluster.name, secret.RAY_TOKEN)
    state = secret.secret_state(cluster.name, secret.RAY_TOKEN)
    return Deferred(key, (Ref(cluster.head.name, content, key),), build, fact=state)


def ray(cluster: Cluster, host: Host) -> Step:
    """Ray's container on `host`.

    The served model cannot outlive the head's, nor can the workers: their raylets end when the GCS they knew is gone.
    """
    head = cluster.head.name
    refs: tuple[Ref[Any], ...] = (Ref(host.name, NODE, ""),)
    if host != cluster.head:
        refs = (*refs, Ref(head, incarnation_of(cluster.name, RAY, "Ray"), f"container.{RAY}"))
    along = (SERVE,) if host == cluster.head else ()

    def build(node: NodeState, gcs: str = "") -> ContainerRunning:
        return ContainerRunning(
            ray_spec(cluster, host, node, gcs), ("image",), takes_along=along, last_words=last_words(HINTS)
        )

    return Deferred(f"container.{RAY}", refs, build)


def join(cluster: Cluster, hosts: Sequence[str] | None = None, *, wait: bool = True) -> Gate:
    """Ray's own node table names all of `hosts` (all of the cluster), head first."""
    expected = {host: address for host, address in addresses(cluster).items() if hosts is None or host in hosts}
    judge = Join(cluster.name, address_of(cluster), expected, wait, tuple(addresses(cluster).values()))
    facts = join_facts(cluster, expected)
    return Gate(
        "all nodes in Ray" if len(expected) == len(cluster.hosts) else f"Ray on {', '.join(expected)}",
        facts,
        judge.judge,
        deadline=JOIN_SECONDS if wait else 0.0,
        every=1.0,
        explain=facts,
        blame=judge.blame,
    )


def join_facts(cluster: Cluster, hosts: Mapping[str, str]) -> dict[str, tuple[Fact[Any], ...]]:
    """The containers of every host and what Ray's said; the head is also asked for Ray's table."""
    mine = (containers_of(cluster.name), container_log(RAY, LOG_LINES))
    table = ray_nodes(address_of(cluster))
    return {host: (*mine, table) if host == cluster.head.name else mine for host in hosts}
