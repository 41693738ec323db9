from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from sparkctl.errors import UnreachableError
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.forward import LocalForward
from tests.ssh.conftest import Connect
from tests.support.sshd import Farm, eventually, free_port


@pytest.fixture
def echo() -> Iterator[int]:
    """Sends back what it gets, in capitals, and ends when the other side has ended."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(stream: socket.socket) -> None:
        with stream:
            while data := stream.recv(65536):
                stream.sendall(data.upper())
            stream.sendall(b"!")

    def accept() -> None:
        while True:
            try:
                stream, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(stream,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def _send(stream: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)


def ask(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        threading.Thread(target=_send, args=(stream, data), daemon=True).start()
        return b"".join(iter(lambda: stream.recv(65536), b""))


def test_a_port_of_the_node_is_a_port_here(door: SshTransport, echo: int) -> None:
    with LocalForward(door, "127.0.0.1", echo) as forward:
        assert forward.url == f"http://127.0.0.1:{forward.port}"
        assert ask(forward.port, b"hello") == b"HELLO!"
        assert ask(forward.port, b"x" * (3 << 20)) == b"X" * (3 << 20) + b"!"
        answers: list[bytes] = []
        threads = [threading.Thread(target=lambda: answers.append(ask(forward.port, b"many"))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert answers == [b"MANY!"] * 12
        assert forward.failure is None
        assert door.run_script("echo beside").stdout == "beside\n"


def test_nothing_listens_there(door: SshTransport) -> None:
    port = free_port()
    with LocalForward(door, "127.0.0.1", port) as forward:
        with contextlib.suppress(ConnectionResetError):
            assert ask(forward.port, b"hello") == b""
        assert eventually(lambda: forward.failure is not None)
        assert f"connecting from spark-1 to 127.0.0.1:{port}" in str(forward.failure)


def test_its_threads_and_its_port_end_with_it(door: SshTransport, echo: int) -> None:
    before = set(threading.enumerate())
    with LocalForward(door, "127.0.0.1", echo) as forward:
        stream = socket.create_connection(("127.0.0.1", forward.port), timeout=10)
        stream.sendall(b"open")
        assert stream.recv(4) == b"OPEN"
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert stream.recv(1) == b""
    assert eventually(lambda: not {one for one in set(threading.enumerate()) - before if "forward" in one.name})
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", forward.port), timeout=1)


def test_a_port_that_is_taken(door: SshTransport, echo: int) -> None:
    with (
        pytest.raises(UnreachableError, match=f"listening on 127.0.0.1:{echo}"),
        LocalForward(door, "127.0.0.1", 1, local_port=echo),
    ):
        pass


def test_a_node_that_forbids_it(farm: Farm, connect: Connect, echo: int) -> None:
    door = connect(farm.start("no-forward", "AllowTcpForwarding no"))
    with pytest.raises(UnreachableError, match=f"connecting from no-forward to 127.0.0.1:{echo}"):
        door.open_tcp("127.0.0.1", echo)
