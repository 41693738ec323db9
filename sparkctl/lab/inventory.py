"""The running lab's inventory: the file that `-i lab` means. Pure."""

from __future__ import annotations

from pathlib import Path

from sparkctl.lab import addresses, hosts, places, spark_root

EXPORT = f"/home/{spark_root.USER}/.cache/huggingface"
CLUSTER = "lab" if places.NAME == places.DEFAULT else f"lab-{places.NAME}"
IMAGE = f"{addresses.REGISTRY_NAME}/nvidia/vllm:25.11-py3"

_HEAD = """\
# The running lab: written by `sparkctl lab up`, gone with `sparkctl lab down`. Its addresses exist only in the lab's
# network, which sparkctl joins because of the next line.
lab: {lab}
cluster: {cluster}
ssh: {{user: {user}, identity_file: {key}}}
head: {head}
hosts:
"""

_TAIL = """\
runtime:
  image: {image}
  launcher: ray
  env:
    # vLLM on CPU: "auto" wants one NUMA node for each worker, and these share one
    VLLM_CPU_OMP_THREADS_BIND: nobind
    OMP_NUM_THREADS: "1"
"""


def text(nodes: int, key: Path) -> str:
    """An inventory of `nodes` virtual Sparks whose user logs in with the private key `key`."""
    parts = [_HEAD.format(lab=places.NAME, cluster=CLUSTER, user=spark_root.USER, key=key, head=hosts.name(0))]
    for index in range(nodes):
        parts.append(f"  {hosts.name(index)}:\n    address: {addresses.management(index)}\n")
        if nodes > 1:
            rails = (f"      {dev}: {{address: {at}}}\n" for dev, at in addresses.fabric(index).items())
            parts.append("    fabric:\n" + "".join(rails))
    if nodes > 1:
        parts.append(f"fabric: {{topology: {'pair' if nodes == 2 else 'switch'}, mtu: 9000}}\n")
        parts.append(f"nfs:\n  - {{export: {EXPORT}, server: {hosts.name(0)}}}\n")
    parts.append(_TAIL.format(image=IMAGE))
    return "".join(parts)
