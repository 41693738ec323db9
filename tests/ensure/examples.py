"""One example of every ensure, with the hosts it is tried on. test_laws.py refuses a new ensure that is not here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparkctl.ensure.base import Ensure
from sparkctl.ensure.block import ManagedBlock
from sparkctl.ensure.directory import Directory
from sparkctl.ensure.export import Exported, Exports
from sparkctl.ensure.file import File, Reload
from sparkctl.ensure.group import GroupMember
from sparkctl.ensure.image import Image
from sparkctl.ensure.mount import Mount
from sparkctl.ensure.netplan import Netplan, RailAddress
from sparkctl.ensure.package import Package
from sparkctl.ensure.service import Service, systemctl
from sparkctl.ensure.ssh_key import AuthorizedKeys, NodeKey
from sparkctl.facts.base import Fact
from tests.ensure.simulated_host import PUBLIC, Entry, SimulatedHost, Unit

CANARY = b"hf_this-is-a-secret-canary"
CACHE = "/home/dan/.cache/huggingface"
Prepare = Callable[[SimulatedHost], None]


@dataclass(frozen=True)
class Example:
    ensure: Ensure
    starts: dict[str, Prepare]

    def host(self, start: str) -> SimulatedHost:
        host = SimulatedHost()
        self.starts[start](host)
        return host


def fresh(host: SimulatedHost) -> None:
    """As it came."""


def file(path: str, content: str, mode: int = 0o644, owner: str = "dan:dan") -> Prepare:
    return lambda host: host.files.__setitem__(path, Entry(content.encode(), mode, owner))


def netplan_file(path: str, body: str) -> Prepare:
    return file(path, f"network:\n  version: 2\n  ethernets:\n{body}", 0o600, "root:root")


def packages(*names: str) -> Prepare:
    def prepare(host: SimulatedHost) -> None:
        host.candidates |= {"nfs-kernel-server", "nfs-common"}
        host.packages |= dict.fromkeys(names, "installed")

    return prepare


def both(*steps: Prepare) -> Prepare:
    def prepare(host: SimulatedHost) -> None:
        for step in steps:
            step(host)

    return prepare


def half_installed(host: SimulatedHost) -> None:
    host.packages["nfs-common"] = "half-configured"


def member_of_docker(host: SimulatedHost) -> None:
    host.groups["docker"].append("dan")


def in_docker(host: SimulatedHost) -> None:
    member_of_docker(host)
    host.login_groups.append("docker")


def stale(host: SimulatedHost) -> None:
    host.mounts[CACHE] = (f"192.168.100.10:{CACHE}", "nfs4", "rw")
    host.alive = "stale"


def unplugged(host: SimulatedHost) -> None:
    for nic in host.nics.values():
        nic.carrier = False


def docker_stopped(host: SimulatedHost) -> None:
    host.units["docker.service"] = Unit("disabled", "inactive")


NVIDIA = (
    "    enp1s0f1np1:\n      addresses: [192.168.100.10/24]\n      dhcp4: no\n"
    "    enP2p1s0f1np1:\n      addresses: [192.168.101.10/24]\n      dhcp4: no\n"
)
RAILS = (RailAddress("enp1s0f1np1", "192.168.100.10/24"), RailAddress("enP2p1s0f1np1", "192.168.101.10/24"))
OWED: Fact[str | None] = Fact("owed", "systemctl is-failed x >/dev/null; echo no", lambda output: None)

EXAMPLES = (
    Example(
        File("/etc/sysctl.d/90-sparkctl.conf", b"a = 1\nb = 2\n", owner="root:root", sudo=True),
        {
            "absent": fresh,
            "other": file("/etc/sysctl.d/90-sparkctl.conf", "a = 0\n", 0o600),
            "mode": file("/etc/sysctl.d/90-sparkctl.conf", "a = 1\nb = 2\n", 0o666, "root:root"),
        },
    ),
    Example(
        File("~/.token", CANARY, 0o600, confidential=True, reload=Reload(systemctl("daemon-reload"), OWED)),
        {"absent": fresh, "other": file("/home/dan/.token", CANARY.decode() + "-old")},
    ),
    Example(
        ManagedBlock("~/.ssh/config", "two-sparks", ("Include ~/.ssh/sparkctl_two-sparks_config",), where="top"),
        {
            "absent": fresh,
            "foreign": file("/home/dan/.ssh/config", "Host *\n  User bob", 0o644),
            "old block": file(
                "/home/dan/.ssh/config", "x\n# sparkctl two-sparks begin\ny\n# sparkctl two-sparks end\nz"
            ),
        },
    ),
    Example(
        Package(("nfs-common", "nfs-kernel-server")),
        {"bare": fresh, "known": packages(), "one": packages("nfs-common"), "half": half_installed},
    ),
    Example(Service("docker.service"), {"running": fresh, "stopped": docker_stopped}),
    Example(GroupMember("docker"), {"no": fresh, "next login": member_of_docker, "yes": in_docker}),
    Example(NodeKey("sparkctl:two-sparks:spark-1"), {"absent": fresh}),
    Example(
        AuthorizedKeys("two-sparks", {"spark-2": PUBLIC + "B" * 44}),
        {
            "absent": fresh,
            "foreign": file("/home/dan/.ssh/authorized_keys", "ssh-rsa AAAA laptop", 0o664),
            "old key": file("/home/dan/.ssh/authorized_keys", "ssh-ed25519 AA sparkctl:two-sparks:spark-2\n", 0o600),
        },
    ),
    Example(
        Directory(CACHE),
        {
            "absent": fresh,
            "root's": lambda host: host.directories.__setitem__(CACHE, Entry(b"", 0o700, "root:root", "directory")),
        },
    ),
    Example(
        Netplan(RAILS, 9000, ("192.168.1.21",)),
        {
            "bare": fresh,
            "NVIDIA's": netplan_file("/etc/netplan/40-cx7.yaml", NVIDIA),
            "link-local": netplan_file("/etc/netplan/40-cx7.yaml", "    enp1s0f1np1:\n      link-local: [ipv4]\n"),
            "unplugged": unplugged,
        },
    ),
    Example(
        Exports("two-sparks", (Exported(CACHE, ("192.168.100.11", "192.168.100.12"), "rw"),)),
        {
            "bare": packages("nfs-kernel-server"),
            "read-only": both(
                packages("nfs-kernel-server"),
                lambda host: host.exports.__setitem__((CACHE, "192.168.100.11"), "ro,root_squash"),
            ),
        },
    ),
    Example(
        Mount("spark-1", "192.168.100.10", CACHE, CACHE),
        {"bare": packages("nfs-common"), "stale": both(packages("nfs-common"), stale)},
    ),
    Example(
        Mount("spark-1", "192.168.100.10", "/srv/models", "/srv/a model-dir", mode="ro"),
        {"bare": packages("nfs-common")},
    ),
    Example(Image("nvcr.io/nvidia/vllm:25.11-py3"), {"absent": in_docker}),
)
