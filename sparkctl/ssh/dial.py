"""From an address to an authenticated paramiko transport on our own socket, its host key verified before we log in."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from sparkctl.errors import SparkctlError
from sparkctl.ssh import faults
from sparkctl.ssh.authenticate import authenticate
from sparkctl.ssh.config import Resolved
from sparkctl.ssh.hostkeys import HostKey, KnownHosts
from sparkctl.ssh.watchdog import end

HANDSHAKES = 8
"""At most so many unauthenticated connections to one sshd: from the tenth on it drops some (MaxStartups 10:30:100)."""
ATTEMPTS = 8
"""How often a connection that sshd drops before its banner is tried."""
_KEEPIDLE, _KEEPINTVL, _KEEPCNT = 5, 2, 3
_USER_TIMEOUT_MS = 10_000
_HEAD_BYTES = 512
# AES-GCM first: 44 to 74 % faster than the AES-CTR that paramiko prefers. No CBC, 3DES, SHA-1 nor MD5 anywhere.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr", "aes192-ctr")
_DIGESTS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_DISABLED = {
    "keys": ["ssh-rsa", "ssh-dss"],
    "pubkeys": ["ssh-rsa", "ssh-dss"],
    "kex": ["diffie-hellman-group-exchange-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"],
}
_MIN_RSA_BITS = 2048
T = TypeVar("T")
Stream = Callable[[], Any]
"""Opens the byte stream to a host: a connected socket, or a channel through its jump host."""

# paramiko logs tracebacks as errors, which Python prints where nobody configured logging.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


class Limits:
    """Counts the handshakes under way per sshd."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: dict[str, threading.BoundedSemaphore] = {}

    @contextlib.contextmanager
    def handshake(self, to: Resolved) -> Iterator[None]:
        """One of the `HANDSHAKES` places at `to`, and at the jump host that it is reached through."""
        places = [to.place] + ([f"through {to.jump.place}"] if to.jump else [])
        with contextlib.ExitStack() as held:
            for place in places:
                with self._lock:
                    free = self._free.setdefault(place, threading.BoundedSemaphore(HANDSHAKES))
                held.enter_context(free)
            yield


LIMITS = Limits()
"""The handshakes of this process."""


class Wire:
    """A stream as paramiko wants it, which remembers the first bytes the peer said: they tell what it is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._quick = isinstance(stream, socket.socket) and hasattr(socket, "TCP_QUICKACK")
        self.head = b""

    def recv(self, size: int) -> bytes:
        """What the peer sent next."""
        if self._quick:
            # sshd leaves Nagle's algorithm on until the session runs, so its answer to the first channel waits for our
            # acknowledgement, which Linux delays by 40 ms. The option is not lasting, tcp(7).
            self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        data: bytes = self._stream.recv(size)
        if len(self.head) < _HEAD_BYTES:
            self.head += data[:_HEAD_BYTES]
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def open_socket(to: Resolved) -> socket.socket:
    """A TCP connection with our options. Raises `UnreachableError`."""
    try:
        found = _look_up(to.address, to.port)
        sock = _first_that_answers(found)
    except OSError as error:
        raise faults.connect_failure(to, error) from error
    # paramiko leaves Nagle's algorithm on, which costs 40 ms a command.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
        ("TCP_KEEPIDLE", _KEEPIDLE),
        ("TCP_KEEPINTVL", _KEEPINTVL),
        ("TCP_KEEPCNT", _KEEPCNT),
    ):
        if hasattr(socket, option):  # macOS has not all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock


def _look_up(address: str, port: int) -> list[tuple[int, Any]]:
    """The addresses of a name; the resolver is given no more time than the connection (it has none of its own)."""
    found: list[tuple[int, Any]] = []
    failure: list[OSError] = []

    def ask() -> None:
        try:
            found.extend((one[0], one[4]) for one in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM))
        except OSError as error:
            failure.append(error)
        except UnicodeError:  # a label of more than 63 characters
            failure.append(socket.gaierror(socket.EAI_NONAME, "not a host name"))

    if all(character in "0123456789." for character in address) or ":" in address:
        ask()
    else:
        asking = threading.Thread(target=ask, daemon=True, name="sparkctl-resolve")
        asking.start()
        asking.join(faults.CONNECT_SECONDS)
    if found:
        return found
    raise failure[0] if failure else socket.gaierror(socket.EAI_AGAIN, "the name server does not answer")


def _first_that_answers(found: list[tuple[int, Any]]) -> socket.socket:
    patience = max(faults.CONNECT_SECONDS / len(found), 1.5)
    failure: OSError = OSError("no address")
    for family, address in found:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(patience)
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            failure = error
    raise failure


def dial(to: Resolved, known_hosts: KnownHosts, stream: Stream | None = None) -> paramiko.Transport:
    """An authenticated transport. Raises `HostKeyError`, `AuthenticationError`, `UnreachableError`, `ConfigError`."""
    pinned = known_hosts.keys(to.known_name)

    def attempt() -> paramiko.Transport:
        transport, offered = _exchange_keys(to, tuple(key.kind for key in pinned), stream)
        try:
            known_hosts.require(to.host, offered)
            authenticate(transport, to)
        except BaseException:
            end(transport)
            raise
        return transport

    return _patiently(to, attempt)


def read_host_key(to: Resolved, kinds: tuple[str, ...] = (), stream: Stream | None = None) -> HostKey:
    """The key that the host shows, of one of `kinds` if it has one, without logging in. Raises `UnreachableError`."""

    def attempt() -> HostKey:
        transport, offered = _exchange_keys(to, kinds, stream)
        end(transport)
        return offered

    return _patiently(to, attempt)


def _patiently(to: Resolved, attempt: Callable[[], T]) -> T:
    """Retry, with jitter, only what sshd dropped before its banner."""
    for count in range(ATTEMPTS):
        try:
            with LIMITS.handshake(to):
                return attempt()
        except faults.Dropped:
            if count == ATTEMPTS - 1:
                raise
        time.sleep(random.uniform(0.5, 1.0) * min(0.1 * 2**count, 2.0))
    raise AssertionError("the last attempt returns or raises")


def _exchange_keys(to: Resolved, kinds: tuple[str, ...], stream: Stream | None) -> tuple[paramiko.Transport, HostKey]:
    """A transport with keys exchanged but nobody logged in, and the key the server proved to own."""
    wire = Wire(stream() if stream else open_socket(to))
    began = time.monotonic()
    transport: paramiko.Transport | None = None
    try:
        transport = paramiko.Transport(wire, disabled_algorithms=_DISABLED)  # type: ignore[arg-type]
        _prefer(transport, kinds)
        transport.start_client(timeout=2 * faults.BANNER_SECONDS)
        key = transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as error:
        if transport is not None:
            end(transport)
        wire.close()
        raise _handshake_failure(to, wire.head, error, time.monotonic() - began) from error
    if key.get_name() == "ssh-rsa" and key.get_bits() < _MIN_RSA_BITS:
        end(transport)
        raise faults.no_agreement(to, f"its RSA host key has only {key.get_bits()} bits")
    return transport, HostKey(to.known_name, key.get_name(), key.get_base64(), to.host)


def _prefer(transport: paramiko.Transport, kinds: tuple[str, ...]) -> None:
    """Our algorithms, with the pinned key's kind first so that the server shows that key."""
    transport.banner_timeout = faults.BANNER_SECONDS
    transport.handshake_timeout = faults.BANNER_SECONDS
    transport.auth_timeout = faults.AUTH_SECONDS
    transport.channel_timeout = faults.CHANNEL_SECONDS
    options = transport.get_security_options()
    options.ciphers = _CIPHERS
    options.digests = _DIGESTS
    wanted = [name for kind in kinds for name in (("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,))]
    first = [name for name in dict.fromkeys(wanted) if name in _KEY_TYPES]
    options.key_types = (*first, *[name for name in _KEY_TYPES if name not in first])


def _handshake_failure(to: Resolved, head: bytes, error: Exception, seconds: float) -> SparkctlError:
    greeting = head.find(b"SSH-")
    if greeting == 0 or (greeting > 0 and head[greeting - 1 : greeting] == b"\n"):
        if isinstance(error, IncompatiblePeer):
            return faults.no_agreement(to, str(error))
        return faults.broken_exchange(to, silent=seconds >= 0.9 * faults.BANNER_SECONDS)
    if not head and seconds >= 0.9 * faults.BANNER_SECONDS:
        return faults.no_banner(to)
    if not head or head.startswith((b"Exceeded MaxStartups", b"Not allowed at this time")):
        return faults.dropped(to, head)
    return faults.not_ssh(to, head)
