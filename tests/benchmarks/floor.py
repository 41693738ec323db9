"""The floor: connect with TCP_NODELAY, send one script, read the answer, in one thread a host. Nothing else.

`python -m tests.benchmarks.floor TARGETS.json`, where the file holds known_hosts, identity, and per target address,
port, user and script. This is the least that any tool built on paramiko must do.
"""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko


def ask(target: dict[str, Any], identity: str, known_hosts: str) -> int:
    door = socket.create_connection((target["address"], target["port"]), timeout=30)
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = paramiko.SSHClient()
    client.load_host_keys(known_hosts)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        target["address"],
        port=target["port"],
        username=target["user"],
        key_filename=identity,
        allow_agent=False,
        look_for_keys=False,
        sock=door,
        banner_timeout=60,
    )
    transport = client.get_transport()
    assert transport is not None
    channel = transport.open_session(timeout=10)
    channel.exec_command("exec sh -s")
    channel.sendall(target["script"].encode())
    channel.shutdown_write()
    answer = b"".join(iter(lambda: channel.recv(65536), b""))
    channel.recv_exit_status()
    client.close()
    return len(answer)


def main(path: str) -> None:
    given = json.loads(Path(path).read_text())
    if given.get("namespace"):
        from sparkctl.lab import lab

        lab.join()
    with ThreadPoolExecutor(len(given["targets"])) as pool:
        sizes = list(pool.map(lambda t: ask(t, given["identity"], given["known_hosts"]), given["targets"]))
    if not all(sizes):
        sys.exit("a host gave no answer")


if __name__ == "__main__":
    main(sys.argv[1])
