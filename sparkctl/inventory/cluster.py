"""The resolved inventory, which every other part works with: plain values, all defaults filled in, checked already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from sparkctl.errors import UsageError
from sparkctl.inventory.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from ipaddress import IPv4Network

Role = Literal["head", "worker"]
Topology = Literal["pair", "ring", "switch", "none"]
Launcher = Literal["ray", "mp", "auto", "slurm"]
Mode = Literal["rw", "ro"]

DEFAULT_IMAGE = "nvcr.io/nvidia/vllm:25.11-py3"
"""NVIDIA's vLLM image for two stacked Sparks from December 2025 to June 2026, and one that holds Ray (PB vllm)."""

DEFAULT_HF_CACHE = "~/.cache/huggingface"
"""Where huggingface_hub keeps models unless told otherwise; `~` is the home of the login user on each host."""

HF_CACHE_IN_CONTAINER = "/root/.cache/huggingface"
"""The same directory inside the containers, which run as root."""


@dataclass(frozen=True, slots=True)
class Rail:
    """One half of the cabled QSFP port: a network device and its IPv4 address, `prefix` bits of which are the net."""

    netdev: str
    address: str
    prefix: int

    @property
    def interface(self) -> str:
        """As netplan and `ip addr` write it: `192.168.100.10/24`."""
        return f"{self.address}/{self.prefix}"

    @property
    def network(self) -> IPv4Network:
        from ipaddress import IPv4Network

        return IPv4Network(self.interface, strict=False)


@dataclass(frozen=True, slots=True)
class Ssh:
    """How the controller logs in. None leaves it to the user's ssh_config, then to OpenSSH's defaults.

    `identity_file` is a path on the controller, `~` not expanded; `jump` is `[user@]host[:port]`.
    """

    user: str | None = None
    identity_file: str | None = None
    port: int = 22
    jump: str | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """One Spark. `address` is where the controller reaches it; `env` is the environment of its containers alone."""

    name: str
    address: str
    ssh: Ssh = Ssh()
    rails: tuple[Rail, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    role: Role = "worker"
    meets_on: Literal["fabric", "management"] = "fabric"

    @property
    def fabric_address(self) -> str:
        """Where the other nodes reach it: the first rail's address, else the management address.

        In a ring no rail reaches all nodes, so they meet on the management network and only NCCL uses the rails.
        """
        return self.rails[0].address if self.rails and self.meets_on == "fabric" else self.address


@dataclass(frozen=True, slots=True)
class Share:
    """One directory of `server` that `clients` mount over NFS at `mount`. Both paths are absolute."""

    export: str
    server: str
    mount: str
    clients: tuple[str, ...]
    mode: Mode = "rw"


@dataclass(frozen=True, slots=True)
class Fabric:
    """How the rails are cabled, and the MTU of their netdevs in bytes."""

    topology: Topology = "none"
    mtu: int = 9000


@dataclass(frozen=True, slots=True)
class Runtime:
    """The containers. Of `image` (a reference to pull) and `build` (a directory with a Dockerfile) one is set.

    `hf_token_file` (a path on the controller) and `hf_token_env` (a variable of the controller's environment) name
    where the Hugging Face token is; the token itself is nowhere in here. `hf_cache` is the directory on the hosts that
    is mounted at `HF_CACHE_IN_CONTAINER`; it may begin with `~/`, the home of the login user on each host.
    """

    image: str | None = DEFAULT_IMAGE
    build: str | None = None
    launcher: Launcher = "ray"
    env: tuple[tuple[str, str], ...] = ()
    docker_args: tuple[str, ...] = ()
    hf_token_file: str | None = None
    hf_token_env: str | None = None
    hf_cache: str = DEFAULT_HF_CACHE


@dataclass(frozen=True, slots=True)
class Serve:
    """The endpoint. `api_key_file` is a path on the controller; the key itself is nowhere in here."""

    port: int = 8000
    api_key_file: str | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A whole stack: the head first, then the other hosts in the order of the inventory.

    `lab` names the lab whose network the controller joins. `warnings` are oddities that work.
    """

    name: str
    hosts: tuple[Host, ...]
    fabric: Fabric = Fabric()
    shares: tuple[Share, ...] = ()
    runtime: Runtime = Runtime()
    serve: Serve = Serve()
    lab: str | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def head(self) -> Host:
        return self.hosts[0]

    @property
    def workers(self) -> tuple[Host, ...]:
        return self.hosts[1:]

    def host(self, name: str) -> Host:
        """The host of that name. Raises `UsageError`."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise _unknown(name, [host.name for host in self.hosts], "did you mean {}?")

    def select(self, pattern: str | None) -> tuple[Host, ...]:
        """The hosts that `--hosts` means, in the cluster's order; see `selected`."""
        names = selected([host.name for host in self.hosts], pattern)
        return tuple(host for host in self.hosts if host.name in names)

    def env_of(self, host: Host) -> dict[str, str]:
        """The environment the user asked for in `host`'s containers: the shared one, then the host's own over it."""
        return dict(self.runtime.env) | dict(host.env)

    def hf_cache_on(self, host: Host) -> str:
        """`runtime.hf_cache` on `host`: where a share is mounted there, its server has it under the exported path."""
        served = (s for s in self.shares if s.mount == self.runtime.hf_cache and s.server == host.name)
        share = next(served, None)
        return share.export if share else self.runtime.hf_cache


def selected(names: Sequence[str], pattern: str | None) -> tuple[str, ...]:
    """The `names` that a comma list of names and wildcards means (`spark-1,spark-[34]`), in their own order.

    A part after `!` takes hosts away; a list of nothing but such parts starts from all. Raises `UsageError` for a part
    that means no host, and where none is left.
    """
    if pattern is None:
        return tuple(names)
    parts = [part.strip() for part in pattern.split(",") if part.strip()]
    taken = {part: {name for name in names if fnmatchcase(name, part.removeprefix("!"))} for part in parts}
    for part, found in taken.items():
        if not found:
            raise _unknown(part.removeprefix("!"), names, "--hosts {}")
    wanted: set[str] = set().union(*(found for part, found in taken.items() if part[0] != "!"))
    if all(part[0] == "!" for part in parts):
        wanted = set(names) if parts else set()
    wanted -= set().union(*(found for part, found in taken.items() if part[0] == "!"))
    if not wanted:
        raise UsageError(f"choosing hosts: {pattern!r} leaves no host", hint=f"--hosts {names[0]}")
    return tuple(name for name in names if name in wanted)


def _unknown(name: str, known: Sequence[str], offer: str) -> UsageError:
    close = did_you_mean(name, known)
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return UsageError(
        f"choosing hosts: {name!r} is none of the inventory's hosts ({shown})",
        hint=offer.format(close) if close else "sparkctl inventory show",
    )
