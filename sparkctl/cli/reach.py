"""From the inventory to open doors: what every command that talks to hosts begins with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sparkctl.converge.events import Emit, Event, Kind, Outcome
from sparkctl.converge.fleet import Fleet
from sparkctl.errors import ConfigError
from sparkctl.ssh.command import Endpoint

if TYPE_CHECKING:
    from sparkctl.cli.session import Session
    from sparkctl.inventory.cluster import Cluster, Host
    from sparkctl.ssh.connection import SshTransport
    from sparkctl.ssh.hostkeys import KnownHosts


@dataclass(frozen=True, slots=True)
class Stack:
    """The cluster of the inventory and how to get to its hosts. `hosts` are those that `--hosts` means."""

    cluster: Cluster
    hosts: tuple[str, ...]
    endpoints: dict[str, Endpoint]
    known_hosts: KnownHosts


def inventory(wanted: str | None) -> tuple[Cluster, str]:
    """The cluster that `-i WANTED` means, and the file that describes it. Raises `ConfigError`."""
    from sparkctl.inventory import files, loader

    path = _file(wanted)
    return loader.load(files.read(path), str(path)), str(path)


def stack(session: Session) -> Stack:
    """Load the inventory and, where it describes a lab, enter the lab's network; before any thread is started."""
    from sparkctl.ssh.hostkeys import KnownHosts

    cluster, _ = inventory(session.options.inventory)
    hosts = tuple(host.name for host in cluster.select(session.options.hosts))
    if cluster.lab is not None:
        from sparkctl.lab import lab

        lab.join(cluster.lab)
    endpoints = {host.name: _endpoint(host) for host in cluster.hosts}
    return Stack(cluster, hosts, endpoints, KnownHosts.for_cluster(cluster.name))


def _file(wanted: str | None) -> Path:
    from sparkctl.inventory import files

    found = files.find(wanted)
    if found != files.LAB:
        return found
    from sparkctl.lab import lab

    running = lab.inventory_path()
    if running is None:
        raise ConfigError("looking for the lab's inventory: no lab runs on this machine", hint="sparkctl lab up")
    return running


def _endpoint(host: Host) -> Endpoint:
    ssh = host.ssh
    return Endpoint(host.name, host.address, ssh.port, ssh.user, ssh.identity_file, ssh.jump)


class _Ending(Fleet):
    """Ctrl-C ends what runs on the hosts, too: right for a command of the user's, wrong for half an installation."""

    def close(self) -> None:
        from sparkctl.ssh.connect import close_all
        from sparkctl.ssh.connection import SshTransport

        close_all([door for door in self.open.values() if isinstance(door, SshTransport)], cancel=True)


@contextmanager
def fleet(target: Stack, emit: Emit, hosts: tuple[str, ...] | None = None, *, ending: bool = False) -> Iterator[Fleet]:
    """Open connections to `hosts` (default: those that `--hosts` means), all at once, and close them at the end.

    With `ending`, Ctrl-C also ends the commands on the hosts.
    """
    from sparkctl.ssh.connect import close_all, connect_all

    names = target.hosts if hosts is None else hosts
    began, lock = time.monotonic(), Lock()

    def tell(kind: Kind, host: str, outcome: Outcome | None = None) -> None:
        with lock:
            emit(Event(kind, time.monotonic() - began, host, step="connecting", outcome=outcome))

    def reached(host: str, door: object) -> None:
        tell(Kind.STEP_DONE, host, Outcome.UNREACHABLE if isinstance(door, Exception) else Outcome.OK)

    for name in names:
        tell(Kind.STEP_STARTED, name)
    endpoints = [target.endpoints[name] for name in names]
    doors = connect_all(endpoints, target.known_hosts, others=target.endpoints, on_event=reached)
    try:
        yield (_Ending if ending else Fleet)(doors, emit)
    finally:
        close_all(doors.values())


@contextmanager
def door(target: Stack, host: str) -> Iterator[SshTransport]:
    """One host's connection. Raises why there is none."""
    from sparkctl.ssh.connect import close_all, connect_all

    opened = connect_all([target.endpoints[host]], target.known_hosts, others=target.endpoints)[host]
    if isinstance(opened, Exception):
        raise opened
    try:
        yield opened
    finally:
        close_all([opened])
