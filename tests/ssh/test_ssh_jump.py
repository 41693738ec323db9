from __future__ import annotations

from dataclasses import replace

import pytest

from sparkctl.errors import HostKeyError, UnreachableError
from sparkctl.ssh import jump
from sparkctl.ssh.command import Command, Endpoint
from sparkctl.ssh.connect import close_all, connect_all
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.hostkeys import KnownHosts
from tests.support.sshd import Farm, Sshd, eventually, free_port


@pytest.fixture(scope="module")
def bastion(farm: Farm) -> Sshd:
    return farm.start("bastion")


@pytest.fixture
def known(farm: Farm, bastion: Sshd, sshd: Sshd) -> KnownHosts:
    return farm.known_hosts(bastion, sshd, name="jump")


def logins(server: Sshd) -> int:
    return server.log.count("Accepted publickey")


def test_hosts_behind_one_jump_host_share_its_connection(bastion: Sshd, sshd: Sshd, known: KnownHosts) -> None:
    before = logins(bastion)
    endpoints = [replace(sshd.endpoint, host=f"host-{number}", jump="bastion") for number in range(6)]
    done = connect_all(endpoints, known, others={"bastion": bastion.endpoint})
    try:
        for one in done.values():
            assert isinstance(one, SshTransport), one
            assert one.run(Command(("echo", "through"))).stdout == "through\n"
        assert logins(bastion) - before == 1
        assert len(bastion.children()) > 0
    finally:
        close_all(done.values())
    assert eventually(lambda: not bastion.children())


def test_more_hosts_than_one_connection_takes(
    bastion: Sshd, sshd: Sshd, known: KnownHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jump, "HOSTS_PER_JUMP", 2)
    before = logins(bastion)
    endpoints = [replace(sshd.endpoint, host=f"host-{number}", jump="bastion") for number in range(5)]
    done = connect_all(endpoints, known, others={"bastion": bastion.endpoint})
    try:
        assert all(isinstance(one, SshTransport) for one in done.values())
        assert logins(bastion) - before == 3
    finally:
        close_all(done.values())
    assert eventually(lambda: not bastion.children())


def test_through_two(farm: Farm, bastion: Sshd, sshd: Sshd) -> None:
    inner = farm.start("inner")
    known = farm.known_hosts(bastion, inner, sshd, name="two")
    others = {"bastion": bastion.endpoint, "inner": replace(inner.endpoint, jump="bastion")}
    door = SshTransport(replace(sshd.endpoint, jump="inner"), known, others=others)
    door.connect()
    assert door.run(Command(("echo", "deep"))).stdout == "deep\n"
    assert inner.children()
    door.reconnect()
    assert door.run(Command(("echo", "again"))).stdout == "again\n"
    door.close()
    assert eventually(lambda: not inner.children() and not bastion.children())


def test_the_jump_hosts_key_must_be_pinned_too(farm: Farm, bastion: Sshd, sshd: Sshd) -> None:
    known = farm.known_hosts(sshd, name="only-target")
    with pytest.raises(HostKeyError, match=r"through bastion\): bastion failed: .* not pinned yet") as caught:
        SshTransport(replace(sshd.endpoint, jump="bastion"), known, others={"bastion": bastion.endpoint}).connect()
    assert (caught.value.host, caught.value.hint) == ("spark-1", "sparkctl trust")


def test_the_targets_key_is_checked_behind_a_jump_host(farm: Farm, bastion: Sshd, sshd: Sshd) -> None:
    known = farm.known_hosts(bastion, name="only-bastion")
    known.pin([replace(bastion.host_key, name=sshd.host_key.name)])
    with pytest.raises(HostKeyError, match="not the pinned one"):
        SshTransport(replace(sshd.endpoint, jump="bastion"), known, others={"bastion": bastion.endpoint}).connect()
    assert eventually(lambda: not bastion.children())


def test_a_jump_host_that_cannot_reach_the_target(bastion: Sshd, known: KnownHosts) -> None:
    port = free_port()
    target = Endpoint("spark-9", "127.0.0.1", port, jump="bastion")
    with pytest.raises(UnreachableError, match="bastion could not connect to it") as caught:
        SshTransport(target, known, others={"bastion": bastion.endpoint}).connect()
    assert caught.value.hint == f"on bastion: nc -vz 127.0.0.1 {port}"
    assert eventually(lambda: not bastion.children())


def test_a_jump_host_that_is_down(known: KnownHosts, sshd: Sshd) -> None:
    down = Endpoint("bastion", "127.0.0.1", free_port(), "dan")
    with pytest.raises(UnreachableError, match=r"bastion failed: .*refused"):
        SshTransport(replace(sshd.endpoint, jump="bastion"), known, others={"bastion": down}).connect()


def test_a_jump_host_written_as_an_address(farm: Farm, bastion: Sshd, sshd: Sshd, known: KnownHosts) -> None:
    way = f"{farm.user}@127.0.0.1:{bastion.port}"
    with pytest.raises(UnreachableError, match=r"failed: logging in to .*: no key to offer"):
        SshTransport(replace(sshd.endpoint, jump=way), known).connect()  # it got as far as the empty home has keys
