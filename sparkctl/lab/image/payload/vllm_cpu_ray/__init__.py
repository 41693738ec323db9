"""Lets vLLM's Ray executor run on CPU: a platform plugin of sparkctl's lab, no part of vLLM."""


def register() -> str:
    """The platform class, as vLLM's entry point group `vllm.platform_plugins` asks for it."""
    return "vllm_cpu_ray.platform.RayCpuPlatform"
