"""Getting in: whose key it is, who we are, and what stands in the way, each told apart."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from sparkctl.errors import AuthenticationError, ConfigError, HostKeyError, SparkctlError, UnreachableError
from sparkctl.ssh import dial, faults
from sparkctl.ssh.command import Command, Endpoint
from sparkctl.ssh.config import resolve
from sparkctl.ssh.connect import close_all, connect_all
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.hostkeys import KnownHosts
from tests.ssh.conftest import Connect
from tests.support.sshd import Farm, Sshd, free_port, keygen


def refused(endpoint: Endpoint, known: KnownHosts) -> SparkctlError:
    """What connecting says, which must not take long and must leave nothing open."""
    began = time.monotonic()
    with pytest.raises(SparkctlError) as caught:
        SshTransport(endpoint, known).connect()
    assert time.monotonic() - began < 3
    assert caught.value.host == endpoint.host
    return caught.value


@contextmanager
def listener(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something on a loopback port that is no sshd."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    stream, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(stream,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def hold(stream: socket.socket) -> None:
    time.sleep(10)
    stream.close()


def at(port: int, address: str = "127.0.0.1") -> Endpoint:
    return Endpoint("spark-9", address, port, "dan")


@pytest.fixture
def nothing_pinned(tmp_path: Path) -> KnownHosts:
    return KnownHosts(tmp_path / "c" / "known_hosts")


def test_only_safe_algorithms_are_spoken(door: SshTransport) -> None:
    transport = door._transport
    assert transport is not None
    assert transport.remote_cipher == "aes128-gcm@openssh.com"
    offered = {*transport.preferred_ciphers, *transport.preferred_macs, *transport.preferred_keys}
    offered |= {*transport.preferred_kex, *transport.preferred_pubkeys}
    assert not [name for name in offered if any(weak in name for weak in ("cbc", "3des", "md5", "sha1", "dss"))]
    assert "ssh-rsa" not in offered
    assert transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000


def test_an_unknown_key_is_refused_before_anything_is_sent(sshd: Sshd, nothing_pinned: KnownHosts) -> None:
    error = refused(sshd.endpoint, nothing_pinned)
    assert isinstance(error, HostKeyError)
    assert sshd.host_key.fingerprint in error.message
    assert error.hint == "sparkctl trust"


def test_a_changed_key_is_a_hard_stop(farm: Farm, nothing_pinned: KnownHosts) -> None:
    server = farm.start("changed")
    other = farm.running[0].host_key
    nothing_pinned.pin([replace(server.host_key, blob=other.blob)])
    error = refused(server.endpoint, nothing_pinned)
    assert isinstance(error, HostKeyError)
    assert error.hint == "sparkctl trust --forget changed"
    assert server.host_key.fingerprint in str(error.evidence)
    assert other.fingerprint in str(error.evidence)
    assert "Accepted publickey" not in server.log
    assert "userauth" not in server.log


def test_the_pinned_kind_of_key_is_asked_for(farm: Farm, connect: Connect) -> None:
    folder = farm.folder / "second_key"
    keygen(folder, "rsa")
    server = farm.start("rsa-pinned", f"HostKey {folder}")
    words = Path(f"{folder}.pub").read_text().split()
    server.host_key = replace(server.host_key, kind=words[0], blob=words[1])
    assert connect(server).run(Command(("true",))).ok


def test_a_host_that_no_longer_has_the_pinned_kind_has_changed(farm: Farm, nothing_pinned: KnownHosts) -> None:
    server = farm.start("ecdsa-now", key_type="ecdsa")
    nothing_pinned.pin([replace(farm.running[0].host_key, name=server.host_key.name)])
    assert "not the pinned one" in refused(server.endpoint, nothing_pinned).message


def test_every_way_to_be_unreachable_is_told_apart(nothing_pinned: KnownHosts) -> None:
    said = {
        "refused": refused(at(free_port()), nothing_pinned),
        "does not resolve": refused(at(22, "no-such-host.invalid"), nothing_pinned),
        "ended the connection in the key exchange": _answering(b"SSH-2.0-Broken\r\n", nothing_pinned),
        "not an SSH server": _answering(b"HTTP/1.1 400 Bad Request\r\nServer: \x1b[31mnginx\r\n\r\n", nothing_pinned),
        "PerSourcePenalties": _answering(b"Not allowed at this time\r\n", nothing_pinned),
    }
    for words, error in said.items():
        assert words in error.message
        assert isinstance(error, UnreachableError)
        assert not isinstance(error, faults.Dropped)
        assert error.hint
        assert error.exit_code == 4
    assert said["not an SSH server"].evidence == "HTTP/1.1 400 Bad Request\nServer: nginx"


def _answering(answer: bytes, known: KnownHosts) -> SparkctlError:
    def say(stream: socket.socket) -> None:
        stream.sendall(answer)
        stream.recv(100)
        stream.close()

    with listener(say) as port:
        return refused(at(port), known)


def test_an_sshd_that_only_knows_what_is_no_longer_safe(farm: Farm) -> None:
    server = farm.start("old", "Ciphers aes128-cbc", "MACs hmac-sha1")
    error = refused(server.endpoint, farm.known_hosts(server, name="old"))
    assert "only has algorithms that are no longer safe" in error.message


def test_no_route_and_no_answer_are_told_apart() -> None:
    to = resolve(at(22))
    assert "no route" in faults.connect_failure(to, OSError(113, "No route to host")).message
    assert "no answer within 5 s" in faults.connect_failure(to, TimeoutError()).message


def test_sshd_that_always_drops_us(nothing_pinned: KnownHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "ATTEMPTS", 3)
    tried: list[float] = []

    def drop(stream: socket.socket) -> None:
        tried.append(time.monotonic())
        stream.close()

    with listener(drop) as port:
        error = refused(at(port), nothing_pinned)
    assert "before its banner" in error.message
    assert len(tried) == 3


def test_a_refused_key(farm: Farm, sshd: Sshd, tmp_path: Path) -> None:
    keygen(tmp_path / "other")
    endpoint = replace(sshd.endpoint, identity_file=str(tmp_path / "other"))
    error = refused(endpoint, farm.known_hosts(sshd, name="refused"))
    assert isinstance(error, AuthenticationError)
    assert str(error.hint).startswith(f"ssh-copy-id -i {tmp_path / 'other'} -p {sshd.port} ")
    assert str(tmp_path / "other") in str(error.evidence)


def test_no_key_at_all(farm: Farm, sshd: Sshd) -> None:
    error = refused(replace(sshd.endpoint, identity_file=None), farm.known_hosts(sshd, name="refused"))
    assert "no key to offer" in error.message
    assert str(error.hint).startswith("ssh-keygen ")


@pytest.mark.parametrize("kind", ["missing", "garbage", "readable"])
def test_an_identity_file_that_is_of_no_use(farm: Farm, sshd: Sshd, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "id"
    if kind == "garbage":
        file.write_text("not a key\n")
        file.chmod(0o600)
    elif kind == "readable":
        keygen(file)
        file.chmod(0o644)
    error = refused(replace(sshd.endpoint, identity_file=str(file)), farm.known_hosts(sshd, name="refused"))
    assert isinstance(error, ConfigError)
    assert str(file) in error.message
    assert error.exit_code == 3


def test_an_encrypted_key_needs_the_agent_and_then_works(
    farm: Farm, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "encrypted"
    keygen(file)
    (farm.folder / "authorized_keys").open("a").write(Path(f"{file}.pub").read_text())
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.DEVNULL)
    try:
        while not (tmp_path / "agent").exists():
            time.sleep(0.01)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        added = subprocess.run(["ssh-add", "-q", str(file)], capture_output=True)
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(file)], check=True)
        known = farm.known_hosts(sshd, name="agent")
        endpoint = replace(sshd.endpoint, identity_file=str(file))
        assert added.returncode == 0
        for one in (endpoint, replace(endpoint, identity_file=None)):
            transport = SshTransport(one, known)
            transport.connect()
            assert transport.run(Command(("true",))).ok
            transport.close()
        subprocess.run(["ssh-add", "-q", "-D"], check=True, stderr=subprocess.DEVNULL)
        error = refused(endpoint, known)
        assert "is encrypted and no agent holds it" in error.message
        assert error.hint == f"ssh-add {file}"
    finally:
        agent.terminate()
        agent.wait(5)


def test_a_certificate_beside_the_key_is_offered(farm: Farm, tmp_path: Path) -> None:
    keygen(tmp_path / "ca")
    keygen(tmp_path / "id")
    argv = ["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "test", "-n", farm.user, str(tmp_path / "id.pub")]
    subprocess.run(argv, check=True, capture_output=True)
    trusted = farm.folder / "ca.pub"
    trusted.write_text((tmp_path / "ca.pub").read_text())
    server = farm.start("certified", f"TrustedUserCAKeys {trusted}")
    endpoint = replace(server.endpoint, identity_file=str(tmp_path / "id"))
    door = SshTransport(endpoint, farm.known_hosts(server, name="ca"))
    door.connect()
    door.close()
    assert "ED25519-CERT" in server.log


def test_an_agent_that_never_answers_does_not_hang_us(
    farm: Farm, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "AUTH_SECONDS", 0.5)
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "agent"))
        mute.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        transport = SshTransport(sshd.endpoint, farm.known_hosts(sshd, name="mute"))
        transport.connect()
        transport.close()


def test_an_account_that_is_not_allowed(farm: Farm) -> None:
    server = farm.start("not-allowed", "AllowUsers somebody-else")
    error = refused(server.endpoint, farm.known_hosts(server, name="not-allowed"))
    assert isinstance(error, AuthenticationError)


def test_more_is_asked_than_a_key(farm: Farm) -> None:
    server = farm.start("second-factor", "PasswordAuthentication yes", "AuthenticationMethods publickey,password")
    error = refused(server.endpoint, farm.known_hosts(server, name="second"))
    assert "password is asked for too" in error.message


def test_many_at_once_at_an_sshd_that_allows_two(farm: Farm) -> None:
    server = farm.start("busy", "MaxStartups 2:100:2")
    known = farm.known_hosts(server, name="busy")
    endpoints = [replace(server.endpoint, host=f"host-{number}") for number in range(12)]
    done = connect_all(endpoints, known)
    try:
        assert [name for name, one in done.items() if not isinstance(one, SshTransport)] == []
        assert "drop connection" in server.log or "MaxStartups" in server.log  # else nothing was proven
    finally:
        close_all(done.values())


def test_each_host_is_told_as_soon_as_it_is_there(farm: Farm, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "BANNER_SECONDS", 1.1)
    came: dict[str, float] = {}
    began = time.monotonic()
    with listener(hold) as mute:
        endpoints = [at(mute), replace(at(free_port()), host="spark-8"), sshd.endpoint]
        known = farm.known_hosts(sshd, name="each")
        done = connect_all(endpoints, known, on_event=lambda host, _: came.update({host: time.monotonic() - began}))
    try:
        assert list(done) == ["spark-9", "spark-8", "spark-1"]
        assert came["spark-1"] < 1 < came["spark-9"] < 3
        assert isinstance(done["spark-1"], SshTransport)
        assert "no SSH banner" in str(done["spark-9"])
        assert "refused" in str(done["spark-8"])
    finally:
        close_all(done.values())


def test_a_broken_file_of_ours_stops_all_and_leaves_nothing_open(farm: Farm, sshd: Sshd) -> None:
    endpoints = [sshd.endpoint, replace(sshd.endpoint, host="spark-2", identity_file="/nonexistent/key")]
    before = set(threading.enumerate())
    with pytest.raises(ConfigError, match="/nonexistent/key"):
        connect_all(endpoints, farm.known_hosts(sshd, name="broken"))
    until = time.monotonic() + 3
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.05)
    assert not [one for one in set(threading.enumerate()) - before if isinstance(one, paramiko.Transport)]


def test_paramiko_is_silent(nothing_pinned: KnownHosts, capfd: pytest.CaptureFixture[str]) -> None:
    _answering(b"SSH-2.0-Broken\r\n\x00\x00\x00", nothing_pinned)
    assert capfd.readouterr() == ("", "")
