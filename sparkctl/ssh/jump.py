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
    way: Way
    channels: set[paramiko.Channel] = field(default_factory=set)
    opening: int = 0

    @property
    def users(self) -> int:
        return len(self.channels) + self.opening


class Way:
    """The byte stream to one host, through its jump host if it has one; one stream at a time."""

    def __init__(self, jumps: Jumps, to: Resolved) -> None:
        self._jumps = jumps
        self._to = to
        self._channel: paramiko.Channel | None = None

    @property
    def stream(self) -> Stream | None:
        """What opens the stream; None where no jump host is in between."""
        return self._open if self._to.jump else None

    def dial(self, known_hosts: KnownHosts) -> paramiko.Transport:
        """An authenticated transport along this way. Raises what `dial.dial` raises."""
        try:
            return dial(self._to, known_hosts, self.stream)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """The stream is no longer used."""
        channel, self._channel = self._channel, None
        if channel is not None:
            self._jumps.release(channel)

    def _open(self) -> paramiko.Channel:
        self.release()  # that of an attempt which sshd dropped
        self._channel = self._jumps.open(self._to)
        return self._channel


class Jumps:
    """The connections to jump hosts. A connection ends with the last channel through it."""

    def __init__(self, known_hosts: KnownHosts) -> None:
        self._known_hosts = known_hosts
        self._lock = threading.Lock()
        self._connecting: dict[str, threading.Lock] = {}
        self._gateways: dict[str, list[_Gateway]] = {}

    def way(self, to: Resolved) -> Way:
        """The way to `to`; nothing is opened yet."""
        return Way(self, to)

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

    def release(self, channel: paramiko.Channel) -> None:
        """The channel is no longer used."""
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
            way = self.way(jump)
            transport = way.dial(self._known_hosts)
            gateway = _Gateway(transport, watch(transport), way, opening=1)
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
            gateway.way.release()
