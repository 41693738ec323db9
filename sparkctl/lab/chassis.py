"""The power supply of one virtual Spark: a process that lives from power-on to power-off.

`python -m sparkctl.lab.chassis RUN CACHE GOLDEN-ROOT HOST`, started by hosts.py. It gives the host fresh NICs, boots
it, does so again when the host asks for a reboot, and takes the NICs away when it is off.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from sparkctl.lab import cgroups, network, places
from sparkctl.lab.places import CGROUP, Places

_REBOOT = 133
"""Exit status of `systemd-nspawn --keep-unit` when the guest asked for a reboot."""
SWITCH_OFF = "switched-off"
"""A file in the host's directory: do not boot again."""


def main(run: str, cache: str, golden: str, host: str) -> int:
    """Serve one host until it is off."""
    where = Places(Path(run), Path(cache))
    directory = where.host(host)
    while not (directory / SWITCH_OFF).exists():
        _fresh_cgroup(where.cgroup / host)
        network.plug_in(where, host)
        _say("power on")
        status = subprocess.run(
            [
                *("unshare", "--mount", "--propagation", "private", "sh", places.BOOT_SCRIPT),
                *(host, places.netns_of(host), golden, directory, where.home(host), f"{CGROUP}/{host}"),
            ],
            stdin=subprocess.DEVNULL,
            check=False,
        ).returncode
        network.unplug(where, host)
        _say(f"power off, status {status}")
        if status != _REBOOT:
            break
    return 0


def _say(what: str) -> None:
    """Into the host's console, which is our stdout."""
    sys.stdout.write(f"{time.strftime('%F %T')} {what}\n")
    sys.stdout.flush()


def _fresh_cgroup(cgroup: Path) -> None:
    """An empty cgroup without history.

    Linux 6.18 kills whatever is cloned from a cgroup that once was under a `cgroup.kill` into one that was not: a host
    whose power had been cut would boot with every service "killed by signal 9".
    """
    deadline = time.monotonic() + 10
    while True:
        try:
            cgroups.remove(cgroup)
            break
        except OSError:  # its killed processes are not reaped yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    cgroup.mkdir()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
