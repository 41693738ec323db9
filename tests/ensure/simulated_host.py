"""A fake Spark: a small state machine that understands exactly the actions our ensures send.

Nothing here is real; it says only whether facts, diffs and actions fit together. A command it does not know is an error
of the test. What the real commands do is shown on the virtual Sparks.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field

import yaml

from sparkctl.ensure import directory, netplan, ssh_key
from sparkctl.ensure.mount import escape_path
from sparkctl.ssh.command import Action, Command, Put, Reconnect

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"


class Refused(AssertionError):
    """The fake does not know this command, or the real one would have failed here."""


@dataclass
class Entry:
    content: bytes
    mode: int = 0o644
    owner: str = "dan:dan"
    kind: str = "file"


@dataclass
class Nic:
    mtu: int = 1500
    up: bool = False
    carrier: bool = True
    addresses: list[str] = field(default_factory=list)


@dataclass
class Unit:
    file_state: str = "disabled"
    active: str = "inactive"
    load: str = "loaded"
    need_reload: bool = False


def _nics() -> dict[str, Nic]:
    rails = ("enp1s0f0np0", "enp1s0f1np1", "enP2p1s0f0np0", "enP2p1s0f1np1")
    return {"enP7s7": Nic(1500, True, True, ["192.168.1.21/24"])} | {name: Nic() for name in rails}


@dataclass
class SimulatedHost:
    name: str = "spark-1"
    user: str = "dan"
    uid: int = 1000
    home: str = "/home/dan"
    session: str = "192.168.1.21"
    login_groups: list[str] = field(default_factory=lambda: ["dan", "sudo"])
    groups: dict[str, list[str]] = field(default_factory=lambda: {"docker": []})
    files: dict[str, Entry] = field(default_factory=dict)
    directories: dict[str, Entry] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    candidates: set[str] = field(default_factory=set)
    units: dict[str, Unit] = field(default_factory=lambda: {"docker.service": Unit("enabled", "active")})
    nics: dict[str, Nic] = field(default_factory=_nics)
    has_netplan: bool = True
    exports: dict[tuple[str, str], str] = field(default_factory=dict)
    mounts: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    alive: str = "ok"
    images: dict[str, tuple[str, ...]] = field(default_factory=dict)
    registry: tuple[str, ...] = ("sha256:base", "sha256:top")
    key: str | None = None

    def carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Put):
                self._put(action)
            elif isinstance(action, Reconnect):
                self.login_groups += [g for g, members in self.groups.items() if self.user in members]
            else:
                self._run(action)

    def _put(self, put: Put) -> None:
        if not put.path.startswith("/"):
            raise Refused(f"a path must be absolute: {put}")
        if not put.sudo and not put.path.startswith(self.home + "/"):
            raise Refused(f"only root may write there: {put}")
        owner = put.owner or ("root:root" if put.sudo else f"{self.user}:{self.user}")
        self.files[put.path] = Entry(put.content, put.mode, owner)
        directory_, _, unit = put.path.rpartition("/")
        if directory_ == "/etc/systemd/system" and unit in self.units:
            self.units[unit].need_reload = True

    def _run(self, command: Command) -> None:
        argv = list(command.argv)
        if argv[0] == "env":
            argv = [word for word in argv[1:] if "=" not in word or word.startswith("-")]
        if argv[0] == "sh":
            self._script(argv[2], argv[4:])
            return
        words = [word for word in argv if word != "--"]
        verb = getattr(self, f"_{words[0].replace('-', '_')}", None)
        if verb is None:
            raise Refused(f"no such command here: {command}")
        if words[0] not in ("docker", "sh") and not command.sudo:
            raise Refused(f"only root may: {command}")
        if not command.mutates:
            raise Refused(f"this changes something and does not say so: {command}")
        verb(words[1:])

    def _script(self, script: str, args: list[str]) -> None:
        if script == ssh_key.MAKE_KEY:
            self.key = PUBLIC + self.name.encode().hex().ljust(44, "A")
        elif script == directory.MAKE:
            self.directories[args[0]] = Entry(b"", 0o755, f"{self.user}:{self.user}", "directory")
        elif script == netplan.AWAIT:
            for netdev, _, address in (pair.partition("=") for pair in args[1:]):
                if address not in self.nics[netdev].addresses:
                    raise Refused(f"{netdev} did not get its address")
        else:
            raise Refused(f"no such script here: {script}")

    def _usermod(self, words: list[str]) -> None:
        _, group, user = words
        if user not in self.groups[group]:
            self.groups[group].append(user)

    def _chown(self, words: list[str]) -> None:
        self.directories[words[1]].owner = f"{words[0]}{words[0].rstrip(':')}"

    def _chmod(self, words: list[str]) -> None:
        assert words[0] == "o+rx"
        self.directories[words[1]].mode |= 0o005

    def _apt_get(self, words: list[str]) -> None:
        if "update" in words:
            self.candidates |= {"nfs-kernel-server", "nfs-common"}
            return
        names = words[words.index("install") + 3 :]
        for name in names:
            if name not in self.candidates:
                raise Refused(f"unable to locate package {name}")
            self.packages[name] = "installed"
            if name == "nfs-kernel-server":
                self.units.setdefault("nfs-server.service", Unit("disabled", "inactive"))

    def _dpkg(self, words: list[str]) -> None:
        assert words == ["--configure", "-a"]
        self.packages = dict.fromkeys(self.packages, "installed")

    def _systemctl(self, words: list[str]) -> None:
        verb, unit = words[0], words[-1]
        if verb == "daemon-reload":
            for path in self.files:
                if path.startswith("/etc/systemd/system/"):
                    self.units.setdefault(path.rpartition("/")[2], Unit()).need_reload = False
            return
        if unit not in self.units:
            raise Refused(f"unit {unit} not found")
        if verb == "enable":
            self.units[unit].file_state = "enabled"
        elif verb in ("start", "restart"):
            self.units[unit].active = "active"
            if unit.endswith(".mount"):
                self._mount(unit)
        else:
            raise Refused(f"systemctl {shlex.join(words)}")

    def _mount(self, unit: str) -> None:
        if self.packages.get("nfs-common") != "installed":
            raise Refused("bad option; you might need a /sbin/mount.<type> helper program")
        said = dict(
            line.split("=", 1)
            for line in self.files[f"/etc/systemd/system/{unit}"].content.decode().splitlines()
            if "=" in line and not line.startswith("#")
        )
        where = said["Where"].replace("%%", "%")
        if unit != f"{escape_path(where)}.mount":
            raise Refused("Where= setting doesn't match unit name")
        self.mounts[where] = (said["What"].replace("%%", "%"), "nfs4", said["Options"])
        self.directories.setdefault(where, Entry(b"", 0o755, "root:root", "directory"))
        self.alive = "ok"

    def _umount(self, words: list[str]) -> None:
        self.mounts.pop(words[-1])

    def _exportfs(self, words: list[str]) -> None:
        if words != ["-ra"] or self.packages.get("nfs-kernel-server") != "installed":
            raise Refused("exportfs: not found")
        self.exports.clear()
        for path, entry in self.files.items():
            if path.startswith("/etc/exports"):
                for line in entry.content.decode().splitlines():
                    if line and not line.startswith("#"):
                        where, *clients = line.split()
                        for client in clients:
                            name, _, options = client.partition("(")
                            self.exports[(where, name)] = options.rstrip(")")

    def network(self) -> dict[str, dict[str, object]]:
        """netplan's merged view: files by name, lists joined, everything else overridden."""
        merged: dict[str, dict[str, object]] = {}
        paths = [path for path in self.files if path.startswith("/etc/netplan/")]
        for path in sorted(paths, key=lambda p: p.rpartition("/")[2]):
            for netdev, body in (yaml.safe_load(self.files[path].content)["network"].get("ethernets") or {}).items():
                into = merged.setdefault(netdev, {})
                for name, value in body.items():
                    known = into.get(name)
                    joined = name == "addresses" and isinstance(known, list)
                    into[name] = list(dict.fromkeys([*known, *value])) if joined else value
        return merged

    def _netplan(self, words: list[str]) -> None:
        merged = self.network()
        if words == ["apply"]:
            for netdev, body in merged.items():
                nic = self.nics[netdev]
                nic.up = True
                nic.mtu = int(str(body.get("mtu", 1500)))
                kept = nic.carrier or bool(body.get("ignore-carrier"))
                addresses = body.get("addresses")
                nic.addresses = list(addresses) if kept and isinstance(addresses, list) else []
        elif words != ["generate"]:
            raise Refused(f"netplan {shlex.join(words)}")

    def _docker(self, words: list[str]) -> None:
        if self.uid and "docker" not in self.login_groups:
            raise Refused("permission denied while trying to connect to the Docker daemon socket")
        if words[0] != "pull":
            raise Refused(f"docker {shlex.join(words)}")
        self.images[words[1]] = self.registry
