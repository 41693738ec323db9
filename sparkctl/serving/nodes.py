"""Ray's own table of its nodes: the question, the answer, and what it proves."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkctl.facts.base import Fact, FactUnavailable, Output
from sparkctl.serving.names import RAY

_SCRIPT = r"""
import json, logging, sys
address = sys.argv[1]
import ray
logging.disable(logging.CRITICAL)
def light():
    from ray._private.state import GlobalState
    from ray._raylet import GcsClientOptions
    state = GlobalState()
    state._initialize_global_state(
        GcsClientOptions.create(address, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False))
    return state.node_table(), state.available_resources()
def public():
    ray.init(address=address, log_to_driver=False, logging_level="CRITICAL", namespace="sparkctl")
    return ray.nodes(), ray.available_resources()
try:
    nodes, free = light()
except (ImportError, AttributeError, TypeError):
    nodes, free = public()
print("NODES " + json.dumps({"ray": ray.__version__, "gpus_free": free.get("GPU", 0.0), "nodes": [
    {"id": n["NodeID"], "ip": n["NodeManagerAddress"], "alive": bool(n["Alive"]),
     "gpus": (n.get("Resources") or {}).get("GPU", 0.0),
     "head": "node:__internal_head__" in (n.get("Resources") or {})} for n in nodes]}))
"""
"""`ray list nodes` needs the dashboard (ray[default]) and `ray.nodes()` a driver, for which Ray starts worker processes
at every poll; so the table is read from the GCS, as `ray status` does, and by the public way where Ray has moved it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One incarnation of a node; dead ones stay in the table."""

    id: str
    address: str
    alive: bool
    gpus: float
    head: bool = False


@dataclass(frozen=True, slots=True)
class Nodes:
    """The table, and how many GPUs nobody has reserved."""

    nodes: tuple[Node, ...]
    gpus_free: float
    ray: str = ""

    @property
    def alive(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.alive)

    @property
    def gpus(self) -> float:
        return sum(node.gpus for node in self.alive)


def ray_nodes(address: str, seconds: int = 20) -> Fact[Nodes]:
    """Ray's table, asked in the head's container. Unavailable while Ray does not answer; the reason says why.

    `timeout` runs inside the container, because `docker exec` leaves what it started behind when it is killed.
    """
    words = ("docker", "exec", RAY, "timeout", "-k", "1", str(seconds), "python3", "-c", _SCRIPT, address)
    return Fact(f"Ray's nodes at {address}", shlex.join(words), _parse, timeout=seconds + 5)


def _parse(output: Output) -> Nodes:
    for line in output.stdout.splitlines():
        if line.startswith("NODES "):
            return from_json(json.loads(line.removeprefix("NODES ")))
    said = (output.stderr + "\n" + output.stdout).strip()
    if "No such container" in said or "is not running" in said:
        raise FactUnavailable("Ray is not up", hint="sparkctl up")
    if output.code == 124:
        raise FactUnavailable("Ray does not answer")
    if "InvalidAuthToken" in said or "AuthenticationError" in said:
        raise FactUnavailable("Ray does not accept its own token", hint="sparkctl down && sparkctl up")
    lines = said.splitlines()
    raise FactUnavailable(f"Ray does not answer: {lines[-1][:200]}" if lines else "Ray does not answer")


def from_json(said: Mapping[str, Any]) -> Nodes:
    """The answer of our script."""
    rows = (Node(n["id"], n["ip"], n["alive"], float(n["gpus"]), bool(n.get("head"))) for n in said["nodes"])
    return Nodes(tuple(rows), float(said["gpus_free"]), str(said.get("ray", "")))


def from_list(rows: Sequence[Mapping[str, Any]]) -> tuple[Node, ...]:
    """The answer of `ray list nodes --format json` (Ray 2.53 and 2.60)."""
    return tuple(
        Node(
            row["node_id"],
            row["node_ip"],
            row["state"] == "ALIVE",
            float((row.get("resources_total") or {}).get("GPU", 0.0)),
            bool(row.get("is_head_node")),
        )
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Joined:
    """Which of the expected hosts are in the table, alive and with a GPU; `foreign` are addresses nobody expects."""

    present: tuple[str, ...]
    missing: tuple[str, ...]
    without_gpu: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not (self.missing or self.without_gpu)


def joined(nodes: Iterable[Node], expected: Mapping[str, str]) -> Joined:
    """Compare the table with `expected`: host -> fabric address. Never by totals: they lag behind a node's end."""
    alive = [node for node in nodes if node.alive]
    by_address: dict[str, float] = {}
    for node in alive:
        by_address[node.address] = max(node.gpus, by_address.get(node.address, 0.0))
    here = {host: address for host, address in expected.items() if address in by_address}
    return Joined(
        tuple(host for host, address in here.items() if by_address[address] >= 1),
        tuple(host for host in expected if host not in here),
        tuple(host for host, address in here.items() if by_address[address] < 1),
        tuple(address for address in by_address if address not in expected.values()),
    )
