"""Real sshds on loopback, shared by the tests of this folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparkctl.ssh.connection import SshTransport
from tests.support.sshd import WHY_NOT, Farm, Sshd


@pytest.fixture(scope="session")
def farm() -> Iterator[Farm]:
    """A place to start sshds; all end with the tests. Other users can read it, as sshd does for their keys."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    with tempfile.TemporaryDirectory(prefix="sparkctl-sshd-") as folder:
        started = Farm(Path(folder))
        yield started
        started.stop()


@pytest.fixture(scope="session")
def sshd(farm: Farm) -> Sshd:
    """One sshd that nothing is wrong with."""
    return farm.start("spark-1")


Connect = Callable[..., SshTransport]


@pytest.fixture
def connect(farm: Farm) -> Iterator[Connect]:
    """Connects to an sshd whose key is pinned; the connections end with the test."""
    opened: list[SshTransport] = []

    def to(server: Sshd, **options: object) -> SshTransport:
        known = farm.known_hosts(server, name=server.folder.name)
        transport = SshTransport(server.endpoint, known, **options)  # type: ignore[arg-type]
        opened.append(transport)
        transport.connect()
        return transport

    yield to
    for transport in opened:
        transport.close()


@pytest.fixture
def door(sshd: Sshd, connect: Connect) -> SshTransport:
    """A connection to the sshd that nothing is wrong with."""
    return connect(sshd)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home: the developer's own ~/.ssh and agent are no part of the tests."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder
