"""The power supply of one virtual Spark: a process that lives from power-on to power-off.

`python -m sparkctl.lab.chassis RUN CACHE GOLDEN-ROOT HOST`, started by hosts.py. It gives the host fresh NICs, boots it,
does so again when the host asks for a reboot, and takes the NICs away when the host is off.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from sparkctl.lab import network, places
from sparkctl.lab.places import CGROUP, Places

_REBOOT = 133
"""Exit status of `systemd-nspawn --keep-unit` when the guest asked for a reboot."""
SWITCH_OFF = "switched-off"
"""A file in the host's directory: do not boot again."""


def main(run: str, cache: str, golden: str, host: str) -> int:
    """Serve one host until it is off."""
    where = Places(Path(run), Path(cache))
    directory = where.host(host)
    while True:
        network.plug_in(where, host)
        print(f"{time.strftime('%F %T')} power on", flush=True)
        status = subprocess.run(
            [
                *("unshare", "--mount", "--propagation", "private", "sh", places.BOOT_SCRIPT),
                *(host, places.netns_of(host), golden, directory, where.home(host), f"{CGROUP}/{host}"),
            ],
            stdin=subprocess.DEVNULL,
            check=False,
        ).returncode
        network.unplug(where, host)
        print(f"{time.strftime('%F %T')} power off, status {status}", flush=True)
        if status != _REBOOT or (directory / SWITCH_OFF).exists():
            return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
