# mypy: ignore-errors
"""vLLM's CPU platform plus what its Ray executor asks a platform for (without it 0.32.0 refuses Ray on CPU)."""

from vllm.platforms.cpu import CpuPlatform


class RayCpuPlatform(CpuPlatform):
    """`ray start --num-gpus 1` declares the GPU that a virtual Spark does not have."""

    ray_device_key = "GPU"
    ray_noset_device_env_vars = ()

    @classmethod
    def get_device_communicator_cls(cls) -> str:
        return "vllm_cpu_ray.communicator.RayCpuCommunicator"
