"""Ways through jump hosts: one authenticated connection per jump host, shared by the hosts behind it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import paramiko

from sparkctl.errors import SparkctlError
from sparkctl.ssh import faults
from sparkctl.ssh.config import Resolved
from sparkctl.ssh.dial import Stream, dial
from sparkctl.ssh.hostkeys import KnownHosts
from sparkctl.ssh.watchdog import Watched, end, watch

HOSTS_PER_JUMP = 10
"""At most so many hosts behind one connection to a jump host (MaxSessions 10, sshd_config(5))."""


@dataclass(slots=True, eq=False)
class _Gateway:
    transport: paramiko.Transport
    watched: Watched
    own: paramiko.Channel | None
    channels: set[paramiko.Channel] = field(default_factory=set)
    opening: int = 0

    @property
    def users(self) -> int:
        return len(self.channels) + self.opening


class Jumps:
    """The connections to jump hosts. A connection ends with the last channel through it."""

    def __init__(self, known_hosts: KnownHosts) -> None:
        self._known_hosts = known_hosts
        self._lock = threading.Lock()
        self._connecting: dict[str, threading.Lock] = {}
        self._gateways: dict[str, list[_Gateway]] = {}

    def stream(self, to: Resolved) -> Stream | None:
        """What opens the byte stream to `to`; None where no jump host is in between."""
        return (lambda: self.open(to)) if to.jump else None

    def open(self, to: Resolved) -> paramiko.Channel:
        """A channel to `to` through its jump host. Raises `UnreachableError` or a subclass."""
        assert to.jump is not None
        try:
            gateway = self._gateway(to.jump)
        except SparkctlError as error:
            raise faults.through_jump(to, error) from error
        try:
            channel = gateway.transport.open_channel(
                "direct-tcpip", (to.address, to.port), ("127.0.0.1", 0), timeout=faults.CHANNEL_SECONDS
            )
        except (paramiko.SSHException, EOFError, OSError) as error:
            with self._lock:
                gateway.opening -= 1
            self._end_unused()
            raise faults.jump_refused(to, gateway.watched.reason or str(error)) from error
        with self._lock:
            gateway.opening -= 1
            gateway.channels.add(channel)
        return channel

    def release(self, channel: paramiko.Channel | None) -> None:
        """The channel is no longer used."""
        if channel is None:
            return
        with self._lock:
            for gateways in self._gateways.values():
                for gateway in gateways:
                    gateway.channels.discard(channel)
        self._end_unused()

    def _gateway(self, jump: Resolved) -> _Gateway:
        """A connection to the jump host with a place reserved on it."""
        place = f"{jump.user}@{jump.place}"
        with self._lock:
            turn = self._connecting.setdefault(place, threading.Lock())
        with turn:
            with self._lock:
                for known in self._gateways.get(place, []):
                    if known.transport.is_active() and known.users < HOSTS_PER_JUMP:
                        known.opening += 1
                        return known
            own: list[paramiko.Channel] = []

            def through() -> paramiko.Channel:
                own.append(self.open(jump))
                return own[-1]

            transport = dial(jump, self._known_hosts, through if jump.jump else None)
            gateway = _Gateway(transport, watch(transport), own[-1] if own else None, opening=1)
            with self._lock:
                self._gateways.setdefault(place, []).append(gateway)
            return gateway

    def _end_unused(self) -> None:
        with self._lock:
            unused = [one for all_ in self._gateways.values() for one in all_ if not one.users]
            for place, gateways in self._gateways.items():
                self._gateways[place] = [one for one in gateways if one.users]
        for gateway in unused:
            end(gateway.transport)
            self.release(gateway.own)
