"""One virtual Spark: put into the rack, switched on and off, asked how it is."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from sparkctl.errors import StepFailed, UsageError
from sparkctl.lab import addresses, cgroups, chassis, disk, keys, namespaces, network, places, spark_root
from sparkctl.lab.golden import Golden
from sparkctl.lab.outer import call, succeeds, tail
from sparkctl.lab.places import Places

CACHE_DIRECTORY = Path(spark_root.USER) / ".cache" / "huggingface"
_WITHHELD = ("sys_time", "wake_alarm", "sys_module", "sys_rawio", "syslog")
"""Capabilities that no process on a virtual host has; boot.sh withholds the same from its services."""
_KEY_KINDS = ("ed25519", "ecdsa")


def name(index: int) -> str:
    """Host number 0 is spark-1."""
    return f"spark-{index + 1}"


def rack(where: Places, golden: Golden, host: str, index: int) -> None:
    """Prepare a host's own files (all of its state but the golden root), unless it is there already."""
    directory = where.host(host)
    if (directory / "racked").exists():
        return
    for part in ("upper", "work", "root"):
        (directory / part).mkdir(parents=True, exist_ok=True)
    disk.furnish(where, host)
    etc = directory / "upper" / "etc"
    (etc / "ssh").mkdir(parents=True, exist_ok=True)
    (etc / "docker/certs.d" / addresses.REGISTRY_NAME).mkdir(parents=True, exist_ok=True)
    (etc / "netplan").mkdir(mode=0o700, exist_ok=True)
    for kind in _KEY_KINDS:
        key = keys.ssh_key(f"root@{host}", kind)
        keys.write(etc / f"ssh/ssh_host_{kind}_key", key.private, 0o600)
        keys.write(etc / f"ssh/ssh_host_{kind}_key.pub", (key.public + "\n").encode(), 0o644)
    keys.write(etc / "hostname", f"{host}\n".encode(), 0o644)
    keys.write(etc / "machine-id", (uuid.uuid4().hex + "\n").encode(), 0o444)
    keys.write(etc / "hosts", _hosts_file(host).encode(), 0o644)
    keys.write(etc / "netplan/01-management.yaml", _netplan(index).encode(), 0o600)
    keys.write(etc / f"docker/certs.d/{addresses.REGISTRY_NAME}/ca.crt", where.ca.read_bytes(), 0o644)
    _furnish_home(where, golden, host)
    (directory / "racked").touch()


def _hosts_file(host: str) -> str:
    served = f"{addresses.SERVICES} {addresses.REGISTRY_NAME} {addresses.APT_NAME}"
    return f"127.0.0.1 localhost\n127.0.1.1 {host}\n::1 localhost ip6-localhost\n{served}\n"


def _netplan(index: int) -> str:
    address = f"{addresses.management(index)}/24"
    return (
        "# the management network, as DGX OS sets it up at the first boot; the QSFP ports are left alone\n"
        "network:\n  version: 2\n  renderer: networkd\n  ethernets:\n"
        f"    enP7s7:\n      addresses: [{address}]\n"
    )


def _furnish_home(where: Places, golden: Golden, host: str) -> None:
    home = where.home(host)
    home.mkdir(parents=True, exist_ok=True)
    call(["cp", "-a", golden.root / "home" / spark_root.USER, home], doing=f"racking {host}")
    ssh = home / spark_root.USER / ".ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    os.chown(ssh, spark_root.USER_ID, spark_root.USER_ID)
    public = where.ssh_key.with_suffix(".pub").read_bytes()
    keys.write(ssh / "authorized_keys", public, 0o600, spark_root.USER_ID)


def seed_cache(where: Places, host: str, content: Path) -> None:
    """Copy a Hugging Face cache into a host's, readable by everyone (NFS squashes root to nobody)."""
    target = where.home(host) / CACHE_DIRECTORY
    if (target / "hub").exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    doing = f"putting the model's files onto {host}"
    call(["cp", "-a", "--no-preserve=ownership", content, target], doing=doing)
    call(["chmod", "-R", "u+rwX,go+rX", target.parent], doing=doing)
    call(["chown", "-R", f"{spark_root.USER_ID}:{spark_root.USER_ID}", target.parent], doing=doing)


def power_on(where: Places, golden: Golden, host: str) -> None:
    """Start booting; does nothing where the host has power."""
    if has_power(where, host):
        return
    directory = where.host(host)
    (directory / chassis.SWITCH_OFF).unlink(missing_ok=True)
    argv: list[str | Path] = [sys.executable, "-P", "-m", chassis.__name__, where.run, where.cache, golden.root, host]
    package = Path(__file__).parent.parent.parent
    environment = ["env", "-i", f"PATH={os.environ.get('PATH', os.defpath)}", f"PYTHONPATH={package}"]
    environment.append(f"{places.VARIABLE}={places.NAME}")
    cgroups.start(where, f"{host}.chassis", [*environment, *argv], directory / "console")


def power_off(where: Places, host: str, timeout: float = 60.0) -> None:
    """Shut down in order, as `poweroff` does. Raises StepFailed after `timeout` seconds."""

    def ask() -> None:
        thaw(where, host)
        if first := first_process(where, host):
            with contextlib.suppress(ProcessLookupError):
                os.kill(first, signal.SIGRTMIN + 4)  # systemd(1): power off

    _switch_off(where, host)
    _wait_off(where, host, timeout, ask, every=3.0)  # asked again: a systemd that just starts hears nothing yet


def kill(where: Places, host: str) -> None:
    """Cut the power: the carrier goes first, so that no dying process can still say goodbye to its peers."""
    _switch_off(where, host)
    if has_power(where, host):
        network.darken(where, host)
    _wait_off(where, host, 20.0, lambda: cgroups.kill(where.cgroup / host), every=0.1)


def _switch_off(where: Places, host: str) -> None:
    if not where.host(host).is_dir():
        raise UsageError(f"no virtual Spark is called {host}", hint="sparkctl lab status")
    (where.host(host) / chassis.SWITCH_OFF).touch()


def _wait_off(where: Places, host: str, timeout: float, do: Callable[[], None], every: float) -> None:
    """Do it again and again (`every` so many seconds) until the host's chassis has ended."""
    deadline, due = time.monotonic() + timeout, 0.0
    while has_power(where, host):
        now = time.monotonic()
        if now > deadline:
            raise StepFailed(
                f"switching {host} off: still running after {timeout:.0f} s",
                host=host,
                hint=f"cut its power: sparkctl lab fault kill {host}",
            )
        if now >= due:
            do()
            due = now + every
        time.sleep(0.05)


def freeze(where: Places, host: str) -> None:
    """Hang the host: it keeps its carrier and says nothing."""
    cgroups.freeze(where.cgroup / host, True)


def thaw(where: Places, host: str) -> None:
    """Let a hung host go on."""
    with contextlib.suppress(FileNotFoundError):
        cgroups.freeze(where.cgroup / host, False)


def has_power(where: Places, host: str) -> bool:
    """Whether the host's chassis runs."""
    return bool(cgroups.pids(where.cgroup / f"{host}.chassis"))


def first_process(where: Places, host: str) -> int | None:
    """The host's PID 1 as the outer machine numbers it, once it exists."""
    cgroup = where.cgroup / host
    init = cgroups.pids(cgroup / "payload" / "init.scope")
    for pid in init or cgroups.pids(cgroup):
        with contextlib.suppress(OSError, IndexError, StopIteration):
            status = Path(f"/proc/{pid}/status").read_text()
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(numbers) == 2 and numbers[1] == "1":
                return pid
    return None


def exec_argv(where: Places, host: str, argv: list[str], *, directory: str = "/root") -> list[str]:
    """The command line that runs `argv` as root on a host, without its sshd. Raises StepFailed where it is off."""
    first = first_process(where, host)
    if first is None:
        raise StepFailed(f"entering {host}: it is off", host=host, hint=f"sparkctl lab fault on {host}")
    clean = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
    term = f"TERM={os.environ.get('TERM', 'dumb')}"
    # nsenter hands on all that root may on the outer machine; a shell on a host must not set the machine's clock
    fewer = ["setpriv", f"--bounding-set={','.join('-' + name for name in _WITHHELD)}"]
    return [*fewer, "nsenter", f"--target={first}", "--all", f"--wdns={directory}", "--", *clean, term, *argv]


def answers_ssh(index: int, timeout: float = 1.0) -> bool:
    """Whether an sshd says its name at the host's management address; to be asked in the controller's namespace."""
    try:
        with socket.create_connection((addresses.management(index), 22), timeout=timeout) as door:
            door.settimeout(timeout)
            return door.recv(4) == b"SSH-"
    except OSError:
        return False


def state(where: Places, host: str, index: int) -> str:
    """off, booting, up (its sshd answers), or frozen."""
    if not has_power(where, host):
        return "off"
    if cgroups.is_frozen(where.cgroup / host):
        return "frozen"
    return "up" if namespaces.within(places.CONTROLLER, lambda: answers_ssh(index)) else "booting"


def wait_up(where: Places, host: str, index: int, timeout: float = 90.0) -> None:
    """Until ssh and docker answer on a host. Raises StepFailed with its console after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = 0.1
    while time.monotonic() < deadline:
        if not has_power(where, host):
            break
        if state(where, host, index) == "up" and succeeds(
            exec_argv(where, host, ["systemctl", "is-active", "--quiet", "docker"]), timeout=10
        ):
            return
        time.sleep(pause)
    cause = f"no ssh and docker after {timeout:.0f} s" if has_power(where, host) else "it went off by itself"
    raise StepFailed(
        f"booting {host}: {cause}", host=host, evidence=tail(console(where, host)), hint="sparkctl lab down"
    )


def console(where: Places, host: str) -> str:
    """What the host and its power supply printed so far."""
    try:
        return (where.host(host) / "console").read_text(errors="replace")
    except OSError:
        return ""


def host_keys(where: Places, host: str) -> dict[str, str]:
    """Key type to public key, as they were made: what an attacker in the middle could not have."""
    found = {}
    for kind in _KEY_KINDS:
        line = (where.host(host) / f"upper/etc/ssh/ssh_host_{kind}_key.pub").read_text().split()
        found[line[0]] = f"{line[0]} {line[1]}"
    return found
