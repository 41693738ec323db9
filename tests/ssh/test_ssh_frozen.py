"""A host that freezes is noticed within ten seconds, whatever we were waiting for. All cases wait side by side."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from sparkctl.errors import UnreachableError
from sparkctl.ssh import faults, watchdog
from sparkctl.ssh.command import Command, Result
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.watchdog import Watched
from tests.ssh.conftest import Connect
from tests.support.sshd import Farm, Sshd, marked_processes


@dataclass
class Seen:
    seconds: float = 0.0
    result: Result | None = None
    error: Exception | None = None


@dataclass
class Case:
    """Something done to a host that freezes: before it, or half a second into it."""

    act: Callable[[SshTransport], Result]
    freeze_first: bool
    seen: Seen = field(default_factory=Seen)


def cases() -> dict[str, Case]:
    return {
        "mid-command": Case(lambda door: door.run(Command(("sleep", "4242.1"))), False),
        "opening a channel": Case(lambda door: door.run(Command(("true",))), True),
        "large stdin": Case(
            lambda door: door.run(
                Command(("sh", "-c", "sleep 1; cat >/dev/null; sleep 4242.3"), stdin=b"x" * (8 << 20))
            ),
            False,
        ),
        "mid-output": Case(lambda door: door.run(Command(("sh", "-c", "sleep 1; yes; sleep 4242.2"))), False),
    }


def _act(case: Case, door: SshTransport, server: Sshd) -> None:
    if case.freeze_first:
        server.freeze()
    else:
        threading.Timer(0.5, server.freeze).start()
    began = time.monotonic()
    try:
        case.seen.result = case.act(door)
    except UnreachableError as error:
        case.seen.error = error
    case.seen.seconds = time.monotonic() - began


@pytest.fixture(scope="module")
def seen(farm: Farm) -> Iterator[dict[str, Seen]]:
    """What each case came to; they all run at once, with a connect to a frozen listener beside them."""
    quicker = pytest.MonkeyPatch()  # a quarter of the time; below ten seconds is then a matter of arithmetic
    quicker.setattr(watchdog, "PERIOD", watchdog.PERIOD / 4)
    quicker.setattr(watchdog, "DEAD", watchdog.DEAD / 4)
    quicker.setattr(faults, "BANNER_SECONDS", 2.0)
    todo, servers, threads = cases(), [], []
    for name, case in todo.items():
        server = farm.start(name.replace(" ", "-"))
        servers.append(server)
        door = SshTransport(server.endpoint, farm.known_hosts(server, name=server.folder.name))
        door.connect()
        threads.append(threading.Thread(target=_act, args=(case, door, server)))
    banner = Seen()
    threads.append(threading.Thread(target=_no_banner, args=(farm, banner)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for server in servers:
        server.thaw()
        server.kill_sessions()
    for pid in (pid for number in "123" for pid in marked_processes(f"sleep\x004242.{number}")):
        os.kill(pid, 9)
    quicker.undo()
    yield {**{name: case.seen for name, case in todo.items()}, "no banner": banner}


def _no_banner(farm: Farm, banner: Seen) -> None:
    server = farm.start("frozen-listener")
    known = farm.known_hosts(server, name="frozen-listener")
    server.freeze(listener=True)
    began = time.monotonic()
    try:
        SshTransport(server.endpoint, known).connect()
    except UnreachableError as error:
        banner.error = error
    finally:
        banner.seconds = time.monotonic() - began
        server.thaw()


def test_a_frozen_host_is_noticed_within_ten_seconds() -> None:
    assert watchdog.PERIOD + watchdog.DEAD + 2 * watchdog._TICK < 10
    assert faults.BANNER_SECONDS < 10


@pytest.mark.parametrize("case", ["mid-command", "mid-output", "large stdin"])
def test_what_was_sent_has_an_unknown_outcome(seen: dict[str, Seen], case: str) -> None:
    one = seen[case]
    assert 0 < one.seconds < 5
    assert one.error is None
    assert one.result is not None
    assert one.result.code is None
    assert "the connection is lost: it has not answered for 2 s" in one.result.stderr


def test_what_was_not_sent_is_an_error(seen: dict[str, Seen]) -> None:
    one = seen["opening a channel"]
    assert 0 < one.seconds < 5
    assert isinstance(one.error, UnreachableError)
    assert "has not answered for 2 s" in one.error.message


def test_an_sshd_that_never_says_its_banner(seen: dict[str, Seen]) -> None:
    one = seen["no banner"]
    assert 0 < one.seconds < 5
    assert "no SSH banner came within 2 s" in str(one.error)


def test_a_slow_command_on_a_live_host_is_left_alone(door: SshTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "PERIOD", 0.1)
    monkeypatch.setattr(watchdog, "DEAD", 0.6)
    assert door.run(Command(("sleep", "1.5"))).ok
    assert door.alive


def test_a_cut_link_is_noticed(farm: Farm, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that stops relaying: the peer's kernel acknowledges, the peer never hears."""
    monkeypatch.setattr(watchdog, "PERIOD", 0.2)
    monkeypatch.setattr(watchdog, "DEAD", 1.0)
    cut = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_relay, args=(server, sshd.port, cut), daemon=True).start()
        known = farm.known_hosts(sshd, name="relay")
        known.pin([replace(sshd.host_key, name=f"[127.0.0.1]:{port}")])
        door = SshTransport(replace(sshd.endpoint, port=port), known)
        door.connect()
        assert door.run(Command(("true",))).ok
        threading.Timer(0.3, cut.set).start()
        began = time.monotonic()
        result = door.run(Command(("sleep", "20")))
        assert result.code is None
        assert "has not answered" in result.stderr
        assert time.monotonic() - began < 4


def _relay(server: socket.socket, port: int, cut: threading.Event) -> None:
    near, _ = server.accept()
    far = socket.create_connection(("127.0.0.1", port))

    def copy(source: socket.socket, sink: socket.socket) -> None:
        while data := source.recv(65536):
            if not cut.is_set():
                sink.sendall(data)

    threading.Thread(target=copy, args=(near, far), daemon=True).start()
    copy(far, near)


class _Asleep:
    """A transport whose peer does not answer."""

    def __init__(self) -> None:
        self.closed = False
        self.sock = self

    def is_active(self) -> bool:
        return not self.closed

    def global_request(self, kind: str, wait: bool) -> None:
        threading.Event().wait(1)

    def close(self) -> None:
        self.closed = True


def test_a_suspended_controller_does_not_blame_the_host() -> None:
    """Ctrl-Z or a closed lid: the answer had no chance to come in, so the clock starts anew."""
    peer = _Asleep()
    one = Watched(peer)  # type: ignore[arg-type]
    now = time.monotonic() + watchdog.PERIOD
    assert one.check(now, slept=False)
    assert one.check(now + 3600, slept=True)
    assert one.check(now + 3600 + watchdog.DEAD - 0.1, slept=False)
    assert not one.check(now + 3600 + watchdog.DEAD + 0.1, slept=False)
    assert peer.closed
    assert one.reason == "it has not answered for 6 s"


def test_a_killed_connection_says_so(farm: Farm, connect: Connect) -> None:
    server = farm.start("gone")
    door = connect(server)
    server.stop()
    farm.running.remove(server)
    time.sleep(0.3)
    with pytest.raises(UnreachableError, match="talking to gone: the connection is lost: it was closed from there"):
        door.run(Command(("true",)))
