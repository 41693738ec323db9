"""A serving recipe: which model, how to start it, what it needs. Knows nothing of any cluster. Pure values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be there before anything is started: hosts, and GiB of free memory on each of them."""

    hosts: int = 1
    free_memory_gib: float = 0.0


@dataclass(frozen=True, slots=True)
class Model:
    """What is served: a Hugging Face id, or an absolute path in the container; one of the two is set."""

    id: str | None = None
    path: str | None = None
    revision: str | None = None
    served_name: str | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """How vLLM is started; None leaves a value to sparkctl (parallelism) or to vLLM (all others)."""

    image: str | None = None
    tensor_parallel: int | None = None
    pipeline_parallel: int | None = None
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    kv_cache_dtype: str | None = None
    kv_cache_memory_bytes: int | None = None
    load_format: str | None = None
    quantization: str | None = None
    enforce_eager: bool = False
    extra_args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """One playbook. `source` says where its values are from; `smoke` are prompts to prove it with."""

    name: str
    description: str
    source: str | None
    needs: Needs
    model: Model
    engine: Engine
    smoke: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """What `vllm serve` is told to serve."""
        return self.model.path or self.model.id or ""

    @property
    def served_name(self) -> str:
        """By which name clients ask for it."""
        return self.model.served_name or self.target

    @property
    def arguments(self) -> dict[str, str | int | bool]:
        """Options of `vllm serve` by name, without parallelism, length and memory share, which have options of ours."""
        engine = self.engine
        given: dict[str, str | int | bool | None] = {
            "revision": self.model.revision,
            "max-num-seqs": engine.max_num_seqs,
            "max-num-batched-tokens": engine.max_num_batched_tokens,
            "kv-cache-dtype": engine.kv_cache_dtype,
            "kv-cache-memory-bytes": engine.kv_cache_memory_bytes,
            "load-format": engine.load_format,
            "quantization": engine.quantization,
            "enforce-eager": engine.enforce_eager or None,
        }
        return {name: value for name, value in given.items() if value is not None}
