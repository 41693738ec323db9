"""All hosts at once: each result as soon as it is there, no host waiting for another."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from sparkctl.errors import ConfigError, SparkctlError, UnreachableError
from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.hostkeys import KnownHosts
from sparkctl.ssh.jump import Jumps

THREADS = 64
"""Connections attempted at once; a dead host holds its thread for 5 s, so more hosts than this take longer."""
OnEvent = Callable[[str, "SshTransport | UnreachableError"], None]
"""Called with a host's name and its connection, or why there is none; from the thread that connected."""


def connect_all(
    endpoints: Iterable[Endpoint],
    known_hosts: KnownHosts,
    *,
    on_event: OnEvent | None = None,
    others: Mapping[str, Endpoint] | None = None,
) -> dict[str, SshTransport | UnreachableError]:
    """Connect to every host at once; the dict has one entry a host, in the order given.

    Raises `ConfigError` (after closing what was opened) for what is wrong in the inventory or in our own files.
    """
    wanted = tuple(endpoints)
    named = {**(others or {}), **{endpoint.host: endpoint for endpoint in wanted}}
    jumps = Jumps(known_hosts)
    opened: list[SshTransport] = []
    lock = threading.Lock()

    def one(endpoint: Endpoint) -> SshTransport | UnreachableError:
        transport = SshTransport(endpoint, known_hosts, others=named, jumps=jumps)
        result: SshTransport | UnreachableError
        try:
            transport.connect()
            with lock:
                opened.append(transport)
            result = transport
        except UnreachableError as error:
            result = error
        if on_event is not None:
            on_event(endpoint.host, result)
        return result

    pool = concurrent.futures.ThreadPoolExecutor(max(1, min(len(wanted), THREADS)), "sparkctl-connect")
    try:
        futures = {endpoint.host: pool.submit(one, endpoint) for endpoint in wanted}
        return {host: future.result() for host, future in futures.items()}
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        close_all(opened)
        raise
    finally:
        pool.shutdown(wait=False)


def close_all(transports: Iterable[SshTransport | SparkctlError], *, cancel: bool = False) -> None:
    """Close every connection, with `cancel` after ending the commands under way; errors among them are skipped."""
    alive = [one for one in transports if isinstance(one, SshTransport)]

    def close(transport: SshTransport) -> None:
        if cancel:
            with suppress(UnreachableError, ConfigError):
                transport.cancel()
        transport.close()

    if alive:
        with concurrent.futures.ThreadPoolExecutor(min(len(alive), THREADS), "sparkctl-close") as pool:
            list(pool.map(close, alive))
