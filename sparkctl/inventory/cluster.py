"""The resolved stack: what the inventory says, with every default filled in. Plain values, no I/O, no pydantic."""

from __future__ import annotations

import difflib
import ipaddress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal

from sparkctl.errors import UsageError

Topology = Literal["pair", "ring", "switch", "none"]
Launcher = Literal["ray", "mp", "auto", "slurm"]


@dataclass(frozen=True, slots=True)
class Rail:
    """One half of the cabled QSFP port: a netdev with its fabric address (`192.168.100.10`, prefix 24)."""

    netdev: str
    address: str
    prefix: int

    @property
    def interface(self) -> str:
        return f"{self.address}/{self.prefix}"

    @property
    def network(self) -> str:
        return str(ipaddress.ip_interface(self.interface).network)


@dataclass(frozen=True, slots=True)
class Ssh:
    """How the controller logs in; None leaves the choice to ssh_config and OpenSSH's defaults."""

    user: str | None = None
    identity_file: str | None = None
    port: int = 22
    jump: str | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """One Spark. `address` is where the controller reaches it; `rails` are in the inventory's order."""

    name: str
    address: str
    role: Literal["head", "worker"]
    ssh: Ssh = field(default_factory=Ssh)
    rails: tuple[Rail, ...] = ()
    env: tuple[tuple[str, str], ...] = ()

    @property
    def fabric_address(self) -> str:
        """Where the other nodes reach it: its first rail, or the management address where it has none."""
        return self.rails[0].address if self.rails else self.address


@dataclass(frozen=True, slots=True)
class Fabric:
    topology: Topology = "none"
    mtu: int = 9000


@dataclass(frozen=True, slots=True)
class Share:
    """An NFS export of `server`, mounted at `mount` by `clients` (host names)."""

    export: str
    server: str
    mount: str
    clients: tuple[str, ...]
    mode: Literal["rw", "ro"] = "rw"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the containers run. `hf_cache` is a directory on the hosts; a leading `~/` means the login user's home."""

    image: str | None = None
    build: str | None = None
    launcher: Launcher = "ray"
    env: tuple[tuple[str, str], ...] = ()
    docker_args: tuple[str, ...] = ()
    hf_token_file: str | None = None
    hf_token_env: str | None = None
    hf_cache: str = "~/.cache/huggingface"


@dataclass(frozen=True, slots=True)
class Serve:
    port: int = 8000
    api_key_file: str | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """The whole stack, head first, then in the inventory's order. `lab` names the lab it lives in, if any."""

    name: str
    hosts: tuple[Host, ...]
    fabric: Fabric = field(default_factory=Fabric)
    shares: tuple[Share, ...] = ()
    runtime: Runtime = field(default_factory=Runtime)
    serve: Serve = field(default_factory=Serve)
    lab: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def head(self) -> Host:
        return self.hosts[0]

    @property
    def workers(self) -> tuple[Host, ...]:
        return self.hosts[1:]

    def host(self, name: str) -> Host:
        """The host called `name`. Raises UsageError with a "did you mean"."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise _no_such_host(name, self)

    def select(self, pattern: str | None) -> tuple[Host, ...]:
        """The hosts that `--hosts PATTERN` names: a comma list of names and globs, `!` excludes. Raises UsageError."""
        if pattern is None:
            return self.hosts
        chosen: dict[str, Host] = {}
        parts = [part.strip() for part in pattern.split(",") if part.strip()]
        if parts and all(part.startswith("!") for part in parts):
            chosen = {host.name: host for host in self.hosts}
        for part in parts:
            found = [host for host in self.hosts if fnmatchcase(host.name, part.removeprefix("!"))]
            if not found:
                raise _no_such_host(part.removeprefix("!"), self)
            for host in found:
                if part.startswith("!"):
                    chosen.pop(host.name, None)
                else:
                    chosen[host.name] = host
        if not chosen:
            raise UsageError(f"choosing hosts: {pattern!r} names none", hint="sparkctl inventory show")
        return tuple(host for host in self.hosts if host.name in chosen)

    def only(self, hosts: tuple[Host, ...]) -> Cluster:
        """This cluster with some of its hosts, the head kept first."""
        return replace(self, hosts=hosts)


def _no_such_host(name: str, cluster: Cluster) -> UsageError:
    names = [host.name for host in cluster.hosts]
    close = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {close[0]}?" if close else f"the hosts are: {', '.join(names)}"
    return UsageError(f"choosing hosts: there is no host {name!r} in {cluster.name}", hint=hint)
