# mypy: ignore-errors
"""vLLM's CPU platform plus what its Ray executor asks a platform for (without it 0.32.0 refuses Ray on CPU)."""

from vllm.platforms.cpu import CpuPlatform

KV_CACHE_BYTES = 256 << 20
"""Unless `--kv-cache-memory-bytes` says otherwise: vLLM would ask for nine tenths of a memory that all hosts share."""


class RayCpuPlatform(CpuPlatform):
    """`ray start --num-gpus 1` declares the GPU that a virtual Spark does not have."""

    ray_device_key = "GPU"
    ray_noset_device_env_vars = ()

    @classmethod
    def check_and_update_config(cls, vllm_config) -> None:
        from vllm.config import CompilationMode

        if vllm_config.cache_config.kv_cache_memory_bytes is None:
            vllm_config.cache_config.kv_cache_memory_bytes = KV_CACHE_BYTES
        super().check_and_update_config(vllm_config)
        compilation = vllm_config.compilation_config
        # The image has no C++ compiler for inductor, so what is compiled is compiled by the eager backend. A pipeline
        # needs the warm-up that vLLM 0.32.0 leaves out on CPU in mode NONE: its first request would die of
        # `assert self.intermediate_tensors is not None`.
        if compilation.mode != CompilationMode.NONE or vllm_config.parallel_config.pipeline_parallel_size > 1:
            compilation.mode = CompilationMode.DYNAMO_TRACE_ONCE
            compilation.backend = "eager"

    @classmethod
    def get_device_communicator_cls(cls) -> str:
        return "vllm_cpu_ray.communicator.RayCpuCommunicator"
