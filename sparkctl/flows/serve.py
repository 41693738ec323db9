"""A model served: vLLM on the head, over all nodes of Ray, until real completions came back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkctl.ensure import secret
from sparkctl.ensure.base import Deferred, Ref, Step
from sparkctl.ensure.container import ContainerRunning
from sparkctl.facts.base import Fact
from sparkctl.facts.container import container_log, containers_of, incarnation_of
from sparkctl.facts.memory import MEMORY
from sparkctl.flows.phase import Flow, Gate, Phase
from sparkctl.flows.preflight import Room
from sparkctl.flows.proofs import LOG_LINES, WHOLE_LOG, Served
from sparkctl.flows.up import join
from sparkctl.inventory.cluster import Cluster
from sparkctl.serving.hints import VLLM, last_words
from sparkctl.serving.names import RAY, SERVE, SERVE_ROLE
from sparkctl.serving.node import NODE, NodeState, readable_in
from sparkctl.serving.ports import LISTENERS
from sparkctl.serving.ray import check_launcher
from sparkctl.serving.ready import answer
from sparkctl.serving.vllm import Request, port_of, serve_spec


def serve(cluster: Cluster, request: Request) -> Flow:
    """vLLM serving `request` on a Ray that is up, proven by completions. Raises `ConfigError` for another launcher."""
    check_launcher(cluster)
    head = cluster.head.name
    everyone = tuple(host.name for host in cluster.hosts)
    return (
        Phase("Ray", everyone, lambda host: (), gate=join(cluster, wait=False)),
        Phase("Before vLLM", everyone, lambda host: secrets(cluster, request, host), gate=room(cluster, request)),
        Phase("vLLM", (head,), lambda host: (vllm(cluster, request),), gate=served(cluster, request)),
    )


def secrets(cluster: Cluster, request: Request, host: str) -> Sequence[Step]:
    """The Hugging Face token everywhere, as every rank loads its own part; the API key on the head."""
    steps: list[Step] = []
    if request.hf_token is not None:
        steps.append(secret.SecretFile(cluster.name, secret.HF_TOKEN, request.hf_token))
    if request.api_key is not None and host == cluster.head.name:
        steps.append(secret.SecretFile(cluster.name, secret.API_KEY, request.api_key, ends=(SERVE_ROLE,)))
    return steps


def vllm(cluster: Cluster, request: Request) -> Step:
    """vLLM's container, made for the very Ray that runs on the head now."""

    def build(ray: str, node: NodeState) -> ContainerRunning:
        return ContainerRunning(serve_spec(cluster, request, ray, node), ("image",), last_words=last_words(VLLM))

    head = cluster.head.name
    refs = (Ref(head, incarnation_of(cluster.name, RAY, "Ray"), f"container.{RAY}"), Ref(head, NODE, ""))
    return Deferred(f"container.{SERVE}", refs, build)


def room(cluster: Cluster, request: Request) -> Gate:
    """The port is free or ours, memory is free, and every node can read a model that is given as a path."""
    judge = Room(cluster.name, cluster.head.name, port_of(cluster, request), request.model, request.free_memory_gib)
    facts: dict[str, tuple[Fact[Any], ...]] = {}
    for host in cluster.hosts:
        here: tuple[Fact[Any], ...] = (MEMORY,) if request.free_memory_gib else ()
        if request.model.startswith("/"):
            here = (*here, readable_in(RAY, request.model))
        if host == cluster.head:
            here = (*here, LISTENERS, containers_of(cluster.name))
        facts[host.name] = here
    return Gate("the hosts are ready for vLLM", {host: asked for host, asked in facts.items() if asked}, judge.judge)


def served(cluster: Cluster, request: Request) -> Gate:
    """The API names the model and completes."""
    head, port, key = cluster.head.name, port_of(cluster, request), request.api_key is not None
    judge = Served(cluster.name, head, request.name, port, request.prompts, key)
    mine = containers_of(cluster.name)
    asked = answer(port, request.name, request.prompts, key=key)
    return Gate(
        f"{request.name} answers",
        {head: (mine, container_log(SERVE, LOG_LINES), asked)},
        judge.judge,
        deadline=request.ready_seconds,
        every=2.0,
        explain={head: (mine, container_log(SERVE, WHOLE_LOG))},
        blame=judge.blame,
    )
