"""Twenty questions that any tool which sets up a host must ask."""

from __future__ import annotations

from sparkctl.facts.base import Fact, require

SNIPPETS = (
    "uname -srm",
    "id -un; id -nG",
    "cat /etc/os-release",
    "cat /proc/meminfo",
    "nproc",
    "df -P /",
    "ip -o addr || true",
    "ip -o link || true",
    "ip route || true",
    "cat /proc/mounts",
    "cat /etc/hosts",
    "hostname",
    "cat /proc/uptime",
    "cat /proc/loadavg",
    "ls /etc/ssh",
    "test -e /dev/infiniband; echo $?",
    "command -v docker || true",
    "ulimit -l",
    "date +%s",
    "ls /sys/class/net",
)
FACTS = tuple(Fact(f"question-{number}", snippet, require) for number, snippet in enumerate(SNIPPETS))
