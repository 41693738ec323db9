"""What the virtual Sparks find on their management network: the registry that answers as nvcr.io, and an apt source."""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path

from sparkctl.errors import StepFailed
from sparkctl.lab import addresses, cgroups, namespaces, places
from sparkctl.lab.golden import Golden
from sparkctl.lab.outer import tail
from sparkctl.lab.places import Places

REGISTRY = "registry"
APT = "apt"
_PORTS = {REGISTRY: 443, APT: 80}


def start(where: Places, golden: Golden, served: Path) -> None:
    """Start both, unless they run, and wait until they answer. Raises StepFailed."""
    where.registry.mkdir(parents=True, exist_ok=True)
    configuration = where.services / "registry.json"
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.write_text(json.dumps(_registry_configuration(where), indent=1))  # YAML includes JSON
    _start(where, REGISTRY, [*golden.program("docker-registry"), "serve", str(configuration)])
    http = [sys.executable, "-I", "-m", "http.server", "--directory", str(served), "--bind", addresses.SERVICES, "80"]
    _start(where, APT, http)
    for name in (REGISTRY, APT):
        _wait(where, name)


def _registry_configuration(where: Places) -> dict[str, object]:
    tls = {"certificate": str(where.keys / "registry.crt"), "key": str(where.keys / "registry.key")}
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(where.registry)}, "delete": {"enabled": True}},
        "http": {"addr": f"{addresses.SERVICES}:443", "tls": tls},
    }


def _start(where: Places, name: str, argv: list[str]) -> None:
    if not cgroups.pids(where.cgroup / name):
        inside = ["nsenter", f"--net={places.NETNS / places.SWITCH}", "--", "env", "-i", "PATH=/usr/bin:/bin", *argv]
        cgroups.start(where, name, inside, where.services / f"{name}.log")


def stop(where: Places, name: str) -> None:
    """End one of the services."""
    cgroups.kill(where.cgroup / name)


def answers(name: str, timeout: float = 1.0) -> bool:
    """Whether a service takes connections."""

    def ask() -> bool:
        try:
            socket.create_connection((addresses.SERVICES, _PORTS[name]), timeout=timeout).close()
        except OSError:
            return False
        return True

    return namespaces.within(places.SWITCH, ask)


def _wait(where: Places, name: str, timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not answers(name):
        if time.monotonic() > deadline:
            log = where.services / f"{name}.log"
            raise StepFailed(
                f"starting the lab's {name}: it does not answer after {timeout:.0f} s",
                evidence=tail(log.read_text(errors="replace")),
            )
        time.sleep(0.05)
