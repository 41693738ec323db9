# mypy: ignore-errors
"""CPU collectives among ranks that Ray placed on different hosts."""

import torch.distributed as dist
from vllm.distributed.device_communicators.cpu_communicator import CpuCommunicator
from vllm.utils.network_utils import get_ip


class RayCpuCommunicator(CpuCommunicator):
    """Takes shared memory only where all ranks are on one host.

    vLLM 0.32.0 takes it when all ranks name the segment alike, and under Ray that name is a TCP port, the same on
    every host: `open shm in SHMManager failed. errno: 2`.
    """

    def _all_group_ranks_share_shm_group_name(self) -> bool:
        hosts = [""] * self.world_size
        dist.all_gather_object(hosts, get_ip(), group=self.device_group)
        return len(set(hosts)) == 1 and super()._all_group_ranks_share_shm_group_name()
