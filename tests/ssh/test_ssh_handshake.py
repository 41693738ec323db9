"""A connection that breaks or goes silent at any byte of the handshake ends soon, with one sentence."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from sparkctl.errors import SparkctlError, UnreachableError
from sparkctl.ssh import dial, faults
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.parallel import side_by_side
from tests.support.sshd import Farm, Sshd

# sshd sends about 1.8 KB until we are logged in: banner, algorithms, keys, signature, authentication.
PLACES = [0, 1, 10, 41, 60, 300, 900, 1100, 1200, 1300, 1400, 1500, 1600]


def relay(server: socket.socket, port: int, limit: int, silent: bool) -> None:
    """Pass on `limit` bytes of what sshd says, then close, or say nothing more."""
    near, _ = server.accept()
    far = socket.create_connection(("127.0.0.1", port))

    def upwards() -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    threading.Thread(target=upwards, daemon=True).start()
    left = limit
    with suppress(OSError):
        while left and (data := far.recv(left)):
            near.sendall(data)
            left -= len(data)
        if silent:
            while far.recv(65536):
                pass
    for stream in (near, far):
        with suppress(OSError):
            stream.shutdown(socket.SHUT_RDWR)
        stream.close()


def outcome(farm: Farm, sshd: Sshd, limit: int, silent: bool) -> tuple[SparkctlError | None, float]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=relay, args=(server, sshd.port, limit, silent), daemon=True).start()
        known = farm.known_hosts(sshd, name=f"handshake-{silent}-{limit}")
        known.pin([replace(sshd.host_key, name=f"[127.0.0.1]:{port}")])
        door = SshTransport(replace(sshd.endpoint, port=port), known)
        began = time.monotonic()
        try:
            door.connect()
        except SparkctlError as error:
            return error, time.monotonic() - began
        door.close()
        return None, time.monotonic() - began


@pytest.mark.parametrize("silent", [False, True], ids=["closed", "silent"])
def test_a_handshake_that_ends_anywhere(farm: Farm, sshd: Sshd, monkeypatch: pytest.MonkeyPatch, silent: bool) -> None:
    monkeypatch.setattr(faults, "BANNER_SECONDS", 0.5)
    monkeypatch.setattr(faults, "AUTH_SECONDS", 0.5)
    monkeypatch.setattr(dial, "ATTEMPTS", 1)

    def work(place: int) -> tuple[SparkctlError | None, float]:
        return outcome(farm, sshd, place, silent)

    failed = 0
    for place, (error, seconds) in zip(PLACES, side_by_side(PLACES, work), strict=True):
        assert seconds < 5, place
        if error is not None:
            failed += 1
            assert isinstance(error, UnreachableError), place
            assert error.host == "spark-1"
            assert error.hint
    assert failed == len(PLACES)
