"""What is there, as the contract's JSON: a pure fold over what the hosts said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sparkctl.facts.base import Fact, Missing, lines
from sparkctl.facts.container import Container, containers_of
from sparkctl.inventory.cluster import Cluster, Host
from sparkctl.serving.names import RAY, SERVE
from sparkctl.serving.nodes import Nodes, joined, ray_nodes
from sparkctl.serving.now import ANSWERS_NOW, NAME, PORT
from sparkctl.serving.ray import address_of, addresses
from sparkctl.serving.ready import Answer

State = Literal["down", "up", "starting", "serving", "degraded", "unreachable"]

Seen = Mapping[str, Mapping[str, Any]]

HERE: Fact[tuple[str, ...]] = Fact("reachable", "echo here", lines)


def status_facts(cluster: Cluster) -> dict[str, tuple[Fact[Any], ...]]:
    """What to ask: every host for its containers, the head for Ray's table and one completion."""
    mine: tuple[Fact[Any], ...] = (HERE, containers_of(cluster.name))
    found = {host.name: mine for host in cluster.hosts}
    found[cluster.head.name] = (*mine, ray_nodes(address_of(cluster), 10), ANSWERS_NOW)
    return found


def status(cluster: Cluster, seen: Seen) -> dict[str, Any]:
    """The answer of `sparkctl status`. Only a completion that came back makes the state `serving`."""
    nodes = _value(seen, cluster.head.name, ray_nodes(address_of(cluster), 10))
    answer = _value(seen, cluster.head.name, ANSWERS_NOW)
    hosts = [_host(cluster, host, seen, nodes) for host in cluster.hosts]
    serve = _container(cluster, cluster.head.name, seen, SERVE)
    asked = serve.asked if serve is not None else {}
    state = _state(cluster, seen, hosts, serve, answer)
    served = serve is not None and serve.running
    found: dict[str, Any] = {
        "cluster": cluster.name,
        "state": state,
        "model": asked.get(NAME) if served else None,
        "endpoint": f"http://{cluster.head.address}:{asked.get(PORT, cluster.serve.port)}/v1" if served else None,
        "hosts": hosts,
    }
    if isinstance(answer, Answer) and answer.completions:
        last = answer.completions[-1]
        found["completion"] = {"status": last.status, "text": last.text, "seconds": round(last.seconds, 3)}
    if isinstance(nodes, Nodes):
        found["ray"] = {"version": nodes.ray, "gpus": nodes.gpus, "gpus_free": nodes.gpus_free}
        found["foreign_nodes"] = list(joined(nodes.nodes, addresses(cluster)).foreign)
    return found


def _value(seen: Seen, host: str, fact: Fact[Any]) -> Any:
    return seen.get(host, {}).get(fact.name, Missing("it was not asked"))


def _container(cluster: Cluster, host: str, seen: Seen, name: str) -> Container | None:
    found = _value(seen, host, containers_of(cluster.name))
    if isinstance(found, Missing):
        return None
    return next((one for one in found if one.name == name), None)


def _host(cluster: Cluster, host: Host, seen: Seen, nodes: Nodes | Missing) -> dict[str, Any]:
    here = _value(seen, host.name, HERE)
    containers = _value(seen, host.name, containers_of(cluster.name))
    ray, serve = (_container(cluster, host.name, seen, name) for name in (RAY, SERVE))
    table = joined(nodes.nodes, {host.name: host.fabric_address}) if isinstance(nodes, Nodes) else None
    trouble = next((value.reason for value in (here, containers) if isinstance(value, Missing)), None)
    return {
        "name": host.name,
        "reachable": not isinstance(here, Missing),
        **({"reason": trouble} if trouble else {}),
        "ray": {
            "role": host.role,
            "address": host.fabric_address,
            "container": ray.described if ray else None,
            "joined": bool(table and table.complete),
        },
        "serving": {"container": serve.described if serve else None},
    }


def _state(
    cluster: Cluster, seen: Seen, hosts: Sequence[Mapping[str, Any]], serve: Container | None, answer: Answer | Missing
) -> State:
    if not hosts[0]["reachable"]:
        return "unreachable"
    any_of_ours = any(host["ray"]["container"] or host["serving"]["container"] for host in hosts)
    whole = all(host["reachable"] and host["ray"]["joined"] for host in hosts)
    if not any_of_ours:
        return "degraded" if any("reason" in host for host in hosts) else "down"
    if serve is None:
        return "up" if whole else "degraded"
    if not serve.running or not whole:
        return "degraded"
    if isinstance(answer, Missing):
        return "degraded"
    if answer.refused is not None:
        return "degraded"
    if answer.completions and answer.completions[-1].tokens > 0:
        return "serving"
    return "starting"
