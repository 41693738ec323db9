"""Real sshds on loopback for tests: own host keys, free ports, a user of our choice, nothing left behind."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.hostkeys import HostKey, KnownHosts, known_name

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
WHY_NOT = (
    None if SSHD and shutil.which("ssh-keygen") else "sshd and ssh-keygen are needed: apt-get install openssh-server"
)


@dataclass
class Sshd:
    """One running sshd, and the endpoint that reaches it."""

    name: str
    port: int
    folder: Path
    endpoint: Endpoint
    process: subprocess.Popen[bytes]
    host_key: HostKey
    lines: tuple[str, ...] = ()
    stopped: list[int] = field(default_factory=list)

    @property
    def log(self) -> str:
        """What sshd logged."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def children(self) -> list[int]:
        """The sshd processes of the connections now open, their own children included."""
        found, todo = [], [self.process.pid]
        while todo:
            parent = todo.pop()
            for task in Path(f"/proc/{parent}/task").glob("*/children"):
                pids = [int(pid) for pid in task.read_text().split()]
                todo += pids
                found += [pid for pid in pids if _name(pid).startswith("sshd")]
        return found

    def freeze(self, *, listener: bool = False) -> None:
        """SIGSTOP the open connections, or the listener."""
        self.stopped = [self.process.pid] if listener else self.children()
        for pid in self.stopped:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them run again."""
        for pid in self.stopped:
            _signal(pid, signal.SIGCONT)
        self.stopped = []

    def kill_sessions(self) -> None:
        """SIGKILL the sshd processes of the open connections."""
        for pid in self.children():
            _signal(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it and every connection."""
        self.thaw()
        children = self.children()
        self.process.terminate()
        for pid in children:
            _signal(pid, signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


class Farm:
    """Starts sshds that accept one client key for one user."""

    def __init__(self, folder: Path, user: str | None = None) -> None:
        self.folder = folder
        self.user = user or pwd.getpwuid(os.geteuid()).pw_name
        self.home = folder / "home"  # empty: the start-up files of whoever runs the tests are no part of them
        self.identity = folder / "id"
        self.running: list[Sshd] = []
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        self.home.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.home, self.user)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # privilege separation directory
        if not self.identity.exists():
            keygen(self.identity)
        shutil.copy(f"{self.identity}.pub", folder / "authorized_keys")
        self._also = ("PerSourcePenalties no",) if _knows_penalties() else ()

    def start(self, name: str, *lines: str, key_type: str = "ed25519", port: int | None = None) -> Sshd:
        """An sshd called `name`; `lines` come first in its sshd_config and so win."""
        folder = self.folder / f"{name}-{len(self.running)}"
        folder.mkdir()
        keygen(folder / "host_key", key_type)
        port = port or free_port()
        config = [
            *lines,
            *self._also,
            f"Port {port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {folder}/host_key",
            f"PidFile {folder}/pid",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "StrictModes no",
            "PrintMotd no",
            "LogLevel VERBOSE",
            f"SetEnv HOME={self.home}",
        ]
        (folder / "config").write_text("\n".join(config) + "\n")
        assert SSHD
        argv = [SSHD, "-D", "-f", str(folder / "config"), "-E", str(folder / "log")]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(port, process, folder / "log")
        endpoint = Endpoint(name, "127.0.0.1", port, self.user, str(self.identity))
        sshd = Sshd(name, port, folder, endpoint, process, public_key(folder / "host_key.pub", port, name), lines)
        self.running.append(sshd)
        return sshd

    def known_hosts(self, *sshds: Sshd, name: str = "known_hosts") -> KnownHosts:
        """A known_hosts file that pins these sshds (all that run, when none is named)."""
        known = KnownHosts(self.folder / "clusters" / name)
        known.pin(sshd.host_key for sshd in sshds or self.running)
        return known

    def stop(self) -> None:
        """End all."""
        for sshd in self.running:
            sshd.stop()
        self.running.clear()


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> None:
    """A new key pair at `path`."""
    size = ("-b", "2048") if kind == "rsa" else ()
    argv = ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def public_key(file: Path, port: int, comment: str) -> HostKey:
    """The public key in `file` as it is pinned for 127.0.0.1."""
    kind, blob = file.read_text().split()[:2]
    return HostKey(known_name("127.0.0.1", port), kind, blob, comment)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path, seconds: float = 10.0) -> None:
    """Until somebody listens."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"sshd did not start: {log.read_text() if log.exists() else 'no log'}")


def marked_processes(marker: str) -> list[int]:
    """The processes whose command line or environment holds `marker`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "cmdline").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def environment(**values: str) -> Mapping[str, str]:
    """This process's environment with some values changed."""
    return {**os.environ, **values}


def eventually(check: object, seconds: float = 5.0) -> bool:
    """Whether `check()` becomes true in time."""
    assert callable(check)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.02)
    return bool(check())


def _knows_penalties() -> bool:
    """Whether sshd punishes the failed logins that tests are full of (OpenSSH >= 9.8)."""
    assert SSHD
    asked = subprocess.run([SSHD, "-T", "-f", "/dev/null", "-o", "PerSourcePenalties=no"], capture_output=True)
    return b"ad configuration option" not in asked.stderr


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


__all__: Sequence[str] = (
    "WHY_NOT",
    "Farm",
    "Sshd",
    "eventually",
    "free_port",
    "keygen",
    "marked_processes",
    "public_key",
)
