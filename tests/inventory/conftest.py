"""One valid inventory that uses every key, to be broken in one place at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sparkctl.inventory.loader import load
from sparkctl.inventory.problems import InventoryError, Problem

FULL = """\
cluster: two-sparks
ssh: {user: dan, identity_file: ~/.ssh/id_ed25519, port: 22, jump: bastion}
head: spark-1
hosts:
  spark-1:
    address: 192.168.1.21
    fabric:
      enp1s0f1np1:   {address: 192.168.100.10/24}
      enP2p1s0f1np1: {address: 192.168.101.10/24}
  spark-2:
    address: 192.168.1.22
    user: eve
    fabric:
      enp1s0f1np1:   {address: 192.168.100.11/24}
      enP2p1s0f1np1: {address: 192.168.101.11/24}
    env: {OMP_NUM_THREADS: 4}
fabric: {topology: pair, mtu: 9000}
nfs:
  - {export: /home/dan/.cache/huggingface, server: spark-1, mount: /srv/huggingface, clients: [spark-2], mode: ro}
runtime:
  image: nvcr.io/nvidia/vllm:25.11-py3
  launcher: ray
  env: {NCCL_IB_TC: 106}
  docker_args: [--shm-size, 10g]
  hf_token_file: ~/.token
  hf_token_env: HF_TOKEN
  hf_cache: /srv/huggingface
serve: {port: 8000, api_key_file: ./key}
lab: rack
"""


@pytest.fixture
def full() -> str:
    return FULL


@pytest.fixture
def refused() -> Callable[[str | bytes], tuple[Problem, ...]]:
    """What is wrong with an inventory; it must be refused."""

    def problems(content: str | bytes) -> tuple[Problem, ...]:
        with pytest.raises(InventoryError) as caught:
            load(content, "cluster.yml")
        assert caught.value.problems
        return caught.value.problems

    return problems
