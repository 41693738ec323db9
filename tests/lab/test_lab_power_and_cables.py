"""Virtual Sparks under power cuts, pulled cables, hangs and reboots; and nothing left when the lab is down.

`SPARKCTL_LAB=test pytest -m lab` runs them beside a lab that someone works with.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from sparkctl.errors import StepFailed, UsageError
from sparkctl.lab import addresses, lab, namespaces, network, places, teardown
from sparkctl.lab.places import Places
from sparkctl.lab.wiring import CABLED

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="virtual Sparks need root")]
RAIL = CABLED[0]
ONE, TWO = "spark-1", "spark-2"


@pytest.fixture(scope="module", autouse=True)
def running() -> Iterator[None]:
    """Two virtual Sparks; taken down at the end unless they were there before."""
    before = lab.status()
    lab.up(2, yes=True)
    yield
    if before is None or lab.status() is None:
        lab.down()
    else:
        for host in (ONE, TWO):
            lab.power_on(host)
            lab.mend(host)


def on(host: str, script: str, *, timeout: float = 30, check: bool = True) -> str:
    done = subprocess.run(
        lab.exec_argv(host, ["sh", "-c", script]), capture_output=True, text=True, timeout=timeout, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(true: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def link(host: str, netdev: str) -> tuple[str, str]:
    """Administrative flag and carrier, as the host sees them."""
    flags = int(on(host, f"cat /sys/class/net/{netdev}/flags"), 16)
    return ("up" if flags & 1 else "down", on(host, f"cat /sys/class/net/{netdev}/carrier || echo none", check=False))


def states() -> list[str]:
    now = lab.status()
    assert now is not None
    return [host.state for host in now.hosts]


def test_it_is_systemd_with_nothing_failed() -> None:
    assert states() == ["up", "up"]
    assert on(ONE, "systemctl is-system-running --wait", timeout=60) == "running"
    assert on(ONE, "docker info --format '{{.Driver}} {{.CgroupVersion}}'") == "overlay2 2"


def test_the_user_may_sudo_and_is_not_yet_in_the_docker_group() -> None:
    assert on(ONE, "su - spark -c 'sudo -n id -u'") == "0"
    assert on(ONE, "su - spark -c 'id -nG'").split() == ["spark", "sudo"]


@pytest.mark.parametrize("how", ["", "systemd-run --quiet --pipe --wait "])
def test_a_host_cannot_set_the_clock_of_the_machine(how: str) -> None:
    """Asked of the kernel, not tried: should it fail, the machine's clock would be wrong."""
    bounding = int(on(ONE, f"{how}grep CapBnd /proc/self/status").split()[1], 16)
    assert not bounding & 1 << 25  # CAP_SYS_TIME, linux/capability.h


def test_no_host_reaches_the_outside() -> None:
    assert "unreachable" in on(ONE, "ip route get 192.0.2.1 2>&1", check=False)


def test_a_pulled_cable_leaves_both_ends_up_without_carrier_and_a_mended_one_restores_it() -> None:
    lab.cut(TWO, RAIL)
    assert until(lambda: link(ONE, RAIL) == link(TWO, RAIL) == ("up", "0"))
    assert link(ONE, CABLED[1]) == ("up", "1")
    lab.mend(TWO, RAIL)
    assert until(lambda: link(ONE, RAIL) == link(TWO, RAIL) == ("up", "1"))


def test_a_host_cannot_mend_a_pulled_cable_by_itself() -> None:
    lab.cut(ONE, RAIL)
    on(ONE, f"ip link set {RAIL} down; ip link set {RAIL} up")
    assert link(ONE, RAIL) == ("up", "0")
    lab.mend(ONE, RAIL)


def test_a_power_cut_is_silent() -> None:
    """No FIN, no RST: a peer's connection just stays, as it does when a real machine loses its power."""
    door = namespaces.within(places.CONTROLLER, lambda: socket.create_connection((addresses.management(1), 22), 5))
    with door:
        door.settimeout(2)
        assert door.recv(4) == b"SSH-"
        while door.recv(4096) == b"":
            pytest.fail("closed before the cut")
        lab.kill(TWO)
        assert states() == ["up", "off"]
        with pytest.raises(TimeoutError):
            door.recv(1)
        assert link(ONE, RAIL) == ("up", "0")
        lab.power_on(TWO)
        assert until(lambda: link(ONE, RAIL) == ("up", "1"))


def test_after_power_on_connections_of_before_are_reset() -> None:
    door = namespaces.within(places.CONTROLLER, lambda: socket.create_connection((addresses.management(1), 22), 5))
    with door:
        door.settimeout(15)
        door.recv(4096)
        lab.kill(TWO)
        lab.power_on(TWO)
        door.sendall(b"SSH-2.0-late\r\n")
        with pytest.raises(ConnectionResetError):
            while door.recv(4096):
                continue


def test_what_was_written_survives_and_what_was_set_by_hand_does_not() -> None:
    on(TWO, f"echo kept > /var/lib/kept; sync; ip addr add 192.168.9.9/24 dev {RAIL}")
    before = on(TWO, "cat /proc/sys/kernel/random/boot_id")
    lab.power_off(TWO)
    with pytest.raises(StepFailed, match="it is off"):
        lab.exec_argv(TWO, ["true"])
    lab.power_on(TWO)
    assert on(TWO, "cat /var/lib/kept") == "kept"
    assert "192.168.9.9" not in on(TWO, f"ip -br addr show {RAIL}")
    assert on(TWO, "cat /proc/sys/kernel/random/boot_id") != before
    assert float(on(TWO, "cut -d' ' -f1 /proc/uptime")) < 60


def test_a_host_reboots_by_itself() -> None:
    before = on(TWO, "cat /proc/sys/kernel/random/boot_id")
    on(TWO, "systemctl --no-block reboot")

    def has_rebooted() -> bool:
        try:
            return on(TWO, "cat /proc/sys/kernel/random/boot_id", check=False) not in ("", before)
        except StepFailed:  # between off and on
            return False

    assert until(has_rebooted, 30)
    assert lab.up(2, yes=True).state == "up"


def test_a_frozen_host_keeps_its_carrier_and_says_nothing() -> None:
    lab.freeze(TWO)
    try:
        assert states() == ["up", "frozen"]
        assert link(ONE, RAIL) == ("up", "1")
    finally:
        lab.thaw(TWO)
    assert until(lambda: states() == ["up", "up"])


def test_a_frozen_host_can_be_killed() -> None:
    lab.freeze(TWO)
    lab.kill(TWO)
    assert states() == ["up", "off"]
    lab.power_on(TWO)


@pytest.mark.parametrize("off", [lab.kill, lab.power_off])
@pytest.mark.parametrize("after", [0.0, 0.15, 0.4])
def test_a_host_that_is_just_starting_can_be_switched_off(off: Callable[[str], None], after: float) -> None:
    lab.kill(TWO)
    lab.power_on(TWO, wait=False)
    time.sleep(after)
    off(TWO)
    assert states() == ["up", "off"]
    lab.power_on(TWO)


def test_up_repairs_what_went_off() -> None:
    lab.kill(TWO)
    assert lab.up(2, yes=True).state == "up"


def test_a_smaller_lab_is_not_made_of_a_bigger_one() -> None:
    with pytest.raises(UsageError, match="one of 2 runs"):
        lab.up(1, yes=True)


def test_apt_really_installs_what_bootstrap_needs() -> None:
    assert on(ONE, "command -v exportfs || echo none", check=False) in ("none", "/usr/sbin/exportfs")
    install = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy"
    on(ONE, f"{install} nfs-kernel-server", timeout=120)
    on(TWO, f"{install} nfs-common", timeout=120)
    assert on(ONE, "systemctl is-active nfs-kernel-server") == "active"


def test_the_cache_is_shared_over_nfs_with_each_callers_rights() -> None:
    for index, host in enumerate((ONE, TWO)):
        on(host, f"ip addr replace {addresses.fabric(index)[RAIL]} dev {RAIL}")
    cache = "/home/spark/.cache/huggingface"
    on(ONE, f"mkdir -p /etc/exports.d {cache}; chown spark: {cache}")
    line = f"{cache} 192.168.100.0/24(rw,sync,no_subtree_check)"
    on(ONE, f"echo '{line}' > /etc/exports.d/test-lab.exports; exportfs -ra")
    assert "192.168.100.0/24" in on(ONE, "exportfs -v")
    point = "/mnt/test-lab"
    on(TWO, f"mkdir -p {point}; mount -t nfs -o soft,timeo=50 192.168.100.10:{cache} {point}", timeout=60)
    try:
        assert on(TWO, f"findmnt -no FSTYPE {point}").endswith("nfs")
        on(TWO, f"su spark -c 'dd if=/dev/urandom of={point}/test-lab bs=1M count=20 conv=fsync 2>/dev/null'")
        sums = [on(host, f"sha256sum < {place}/test-lab") for host, place in ((ONE, cache), (TWO, point))]
        assert sums[0] == sums[1]
        assert on(ONE, f"stat -c %U {cache}/test-lab") == "spark"
        assert "Permission denied" in on(TWO, f"touch {point}/by-root 2>&1", check=False)  # root is squashed
        assert "access denied by server" in on(
            TWO, "mount -t nfs 192.168.100.10:/etc /mnt 2>&1", check=False, timeout=60
        )
    finally:
        on(TWO, f"rm -f {point}/test-lab; su spark -c 'rm -f {point}/test-lab'; umount {point}", check=False)
        on(ONE, "rm /etc/exports.d/test-lab.exports; exportfs -ra", check=False)
    assert on(TWO, f"findmnt -n {point}", check=False) == ""


def test_host_keys_are_those_that_the_lab_made() -> None:
    made = lab.known_host_keys()
    assert set(made) == {ONE, TWO}
    assert made[ONE]["ssh-ed25519"] != made[TWO]["ssh-ed25519"]
    assert on(ONE, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub") == made[ONE]["ssh-ed25519"]


def test_down_leaves_nothing_and_up_begins_anew() -> None:
    where = Places()
    old = lab.known_host_keys()
    lab.down()
    lab.down()  # nothing to do, no complaint
    assert lab.status() is None
    assert not where.run.exists() and not where.disk.exists()
    assert not network.any_left()
    assert teardown.mounts_below(where.run) == teardown.mounts_below(where.disk) == []
    find = ["find", "/sys/fs/cgroup", "-name", places.CGROUP]
    assert subprocess.run(find, capture_output=True, text=True, check=True).stdout == ""
    living = subprocess.run(
        ["ps", "-eo", "stat=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert not [line for line in living if f"{where.run}/" in line or places.PREFIX in line]
    lab.up(2, yes=True)
    assert lab.known_host_keys() != old
