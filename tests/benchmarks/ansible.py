"""The named peer: ansible-core running the same script as one raw task, pipelining on, one fork a host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import platformdirs

VERSION = "ansible-core==2.19.14"
ENVIRONMENT = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0"}


def installed() -> Path:
    """ansible-playbook in an environment of its own under the user's cache directory; installed on first use."""
    home = platformdirs.user_cache_path("sparkctl") / "benchmarks" / VERSION
    program = home / "bin" / "ansible-playbook"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(home / "bin" / "pip"), "install", "-q", VERSION], check=True)
    return program


def command(given: dict[str, Any], folder: Path, hosts: int) -> list[str]:
    """argv that runs the script of `given` on its targets."""
    inventory, play, script = (folder / f"{hosts}-{name}" for name in ("hosts.ini", "play.yml", "script.sh"))
    inventory.write_text(
        "\n".join(
            f"h{number} ansible_host={t['address']} ansible_port={t['port']} ansible_user={t['user']}"
            for number, t in enumerate(given["targets"])
        )
        + "\n"
    )
    script.write_text(given["targets"][0]["script"])
    play.write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        f"    - raw: \"{{{{ lookup('file', '{script}') }}}}\"\n      changed_when: false\n"
    )
    known = f"-o UserKnownHostsFile={given['known_hosts']} -o StrictHostKeyChecking=yes"
    return [
        str(installed()),
        "-i",
        str(inventory),
        "--forks",
        str(hosts),
        "--private-key",
        given["identity"],
        "--ssh-common-args",
        known,
        str(play),
    ]
