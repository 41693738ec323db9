"""What the containers of a host depend on there."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkctl.facts.base import Fact, FactUnavailable, Output, require

GIB = 1024**3

OBJECT_STORE = GIB
"""Bytes; Ray would take 30 % of memory that vLLM needs, and vLLM passes only small objects through it."""

OBJECT_STORE_SHARE = 16
"""At most this fraction of memory, for hosts with less than 16 GiB."""

LEAST_OBJECT_STORE = 80 * 1024 * 1024
"""Ray refuses less than 75 MiB (`OBJECT_STORE_MINIMUM_MEMORY_BYTES`)."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """`home` is the login user's; `memory` is bytes; `gpus` counts what nvidia-smi lists, None without nvidia-smi.

    `hcas` are the RDMA devices that are ACTIVE and have an IPv4 RoCEv2 GID; `netdevs` maps IPv4 addresses to devices.
    """

    home: str
    memory: int
    infiniband: bool = False
    gpus: int | None = None
    hcas: tuple[str, ...] = ()
    netdevs: Mapping[str, str] = field(default_factory=dict)

    @property
    def object_store(self) -> int:
        """Bytes for Ray's object store."""
        return max(LEAST_OBJECT_STORE, min(OBJECT_STORE, self.memory // OBJECT_STORE_SHARE))

    def path(self, path: str) -> str:
        """`path` with a leading `~/` made absolute."""
        return f"{self.home}/{path[2:]}" if path.startswith("~/") else path


_SNIPPET = r"""
export PATH="$PATH:/usr/sbin:/sbin"
printf 'home %s\n' "$HOME"
awk '$1 == "MemTotal:" {print "memory", $2}' /proc/meminfo
if [ -c /dev/infiniband/rdma_cm ] && [ -c /dev/infiniband/uverbs0 ]; then echo infiniband; fi
ip -o -4 addr show | while read -r _ netdev _ address _; do echo "netdev $netdev ${address%/*}"; done
for port in /sys/class/infiniband/*/ports/1; do
  case $(cat "$port/state" 2>/dev/null) in *ACTIVE*) ;; *) continue;; esac
  for type in "$port"/gid_attrs/types/*; do
    if [ "$(cat "$type" 2>/dev/null)" = "RoCE v2" ]; then
      case $(cat "$port/gids/${type##*/}" 2>/dev/null) in
        0000:0000:0000:0000:0000:ffff:*) hca=${port%/ports/1}; echo "hca ${hca##*/}"; break;;
      esac
    fi
  done
done
if command -v nvidia-smi >/dev/null; then printf 'gpus %s\n' "$(nvidia-smi -L 2>/dev/null | grep -c '^GPU ')"; fi
"""


def _parse(output: Output) -> NodeState:
    said: dict[str, list[str]] = {}
    for line in require(output).splitlines():
        name, _, value = line.partition(" ")
        said.setdefault(name, []).append(value)
    home, memory, gpus = (said.get(name, [""])[0] for name in ("home", "memory", "gpus"))
    if not home.startswith("/") or not memory.isdecimal():
        raise FactUnavailable("the host did not tell its home directory and memory")
    pairs = [value.split() for value in said.get("netdev", [])]
    return NodeState(
        home,
        int(memory) * 1024,
        "infiniband" in said,
        int(gpus) if gpus.isdecimal() else None,
        tuple(said.get("hca", ())),
        {pair[1]: pair[0] for pair in pairs if len(pair) == 2},
    )


NODE: Fact[NodeState] = Fact("node", _SNIPPET, _parse)


def readable_in(container: str, path: str) -> Fact[bool]:
    """Whether a container can read the model directory `path`; unavailable while it does not run."""

    def parse(output: Output) -> bool:
        if output.code in (0, 1) and "No such container" not in output.stderr and "is not running" not in output.stderr:
            return output.code == 0
        raise FactUnavailable(f"{container} does not run", hint="sparkctl up")

    words = ("docker", "exec", container, "test", "-r", f"{path.rstrip('/')}/config.json")
    return Fact(f"{path} in {container}", shlex.join(words), parse, timeout=20)
