"""All hosts at once: each result as soon as it is there, no host waiting for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from sparkctl.errors import SparkctlError, UnreachableError
from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.hostkeys import KnownHosts
from sparkctl.ssh.jump import Jumps
from sparkctl.ssh.parallel import side_by_side

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
    abandoned = threading.Event()

    def one(endpoint: Endpoint) -> SshTransport | UnreachableError:
        transport = SshTransport(endpoint, known_hosts, others=named, jumps=jumps)
        result: SshTransport | UnreachableError = transport
        try:
            transport.connect()
            opened.append(transport)
        except UnreachableError as error:
            result = error
        if abandoned.is_set():
            transport.close()
        elif on_event is not None:
            on_event(endpoint.host, result)
        return result

    try:
        return dict(zip((endpoint.host for endpoint in wanted), side_by_side(wanted, one), strict=True))
    except BaseException:
        abandoned.set()
        close_all(tuple(opened))
        raise


def close_all(transports: Iterable[SshTransport | SparkctlError], *, cancel: bool = False) -> None:
    """Close every connection, with `cancel` after ending the commands under way; errors among them are skipped."""

    def close(transport: SshTransport) -> None:
        if cancel:
            transport.cancel()
        transport.close()

    side_by_side([one for one in transports if isinstance(one, SshTransport)], close)
