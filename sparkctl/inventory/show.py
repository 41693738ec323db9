"""An inventory as data for people and programs: resolved, and without a single secret. Pure."""

from __future__ import annotations

from typing import Any

from sparkctl.inventory.cluster import Cluster, Host
from sparkctl.inventory.problems import DocumentError, Problem


def resolved(cluster: Cluster) -> dict[str, Any]:
    """Every default filled in, in the shape of the inventory, so that it loads again as the same cluster.

    Secrets are named by file or variable here as there; nothing is read from them.
    """
    runtime = cluster.runtime
    return {
        "cluster": cluster.name,
        "head": cluster.head.name,
        "hosts": {host.name: _host(host) for host in cluster.hosts},
        "fabric": {"topology": cluster.fabric.topology, "mtu": cluster.fabric.mtu},
        "nfs": [
            {
                "export": share.export,
                "server": share.server,
                "mount": share.mount,
                "clients": list(share.clients),
                "mode": share.mode,
            }
            for share in cluster.shares
        ],
        "runtime": {
            "image": {"build": runtime.build} if runtime.build is not None else runtime.image,
            "launcher": runtime.launcher,
            "env": dict(runtime.env),
            "docker_args": list(runtime.docker_args),
            "hf_token_file": runtime.hf_token_file,
            "hf_token_env": runtime.hf_token_env,
            "hf_cache": runtime.hf_cache,
        },
        "serve": {"port": cluster.serve.port, "api_key_file": cluster.serve.api_key_file},
        "lab": cluster.lab,
    }


def check_report(error: DocumentError | None, warnings: tuple[Problem, ...] = ()) -> dict[str, Any]:
    """The answer of `inventory check` and `playbook check`; its schema is `sparkctl.inventory-check/v1`."""
    problems = error.problems if error else ()
    return {
        "ok": not problems,
        "errors": [as_json(problem) for problem in problems],
        "warnings": [as_json(problem) for problem in warnings],
    }


def as_json(problem: Problem) -> dict[str, Any]:
    """One problem, with the keys of the contract."""
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "hint": problem.hint,
    }


def _host(host: Host) -> dict[str, Any]:
    ssh = host.ssh
    return {
        "address": host.address,
        "user": ssh.user,
        "identity_file": ssh.identity_file,
        "port": ssh.port,
        "jump": ssh.jump,
        "fabric": {rail.netdev: {"address": rail.interface} for rail in host.rails},
        "env": dict(host.env),
    }
