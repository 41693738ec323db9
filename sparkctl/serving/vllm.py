"""What is asked of vLLM, and the container that runs it on the head."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkctl.ensure import secret
from sparkctl.ensure.container import ContainerSpec
from sparkctl.errors import UsageError
from sparkctl.inventory.cluster import Cluster
from sparkctl.serving import flags
from sparkctl.serving.names import RAY, READY_SECONDS, SERVE, SERVE_ROLE
from sparkctl.serving.node import NodeState
from sparkctl.serving.ray import FLAGS, INFINIBAND, address_of, environment, image_of, per_host_names

PROMPTS = ("Say hello in one word.", "Count from one to five.")
"""Asked to prove that it serves. Two at least: an engine was seen to answer the first request and die on the second."""

RUN = r"""
root=${VLLM_CONFIG_ROOT:-${XDG_CONFIG_HOME:-$HOME/.config}/vllm}
mkdir -p "$root" && printf '%s\n' "$1" >"$root/ray_non_carry_over_env_vars.json" || exit
if [ -n "$2" ]; then VLLM_API_KEY=$(cat "$2") || exit; export VLLM_API_KEY; fi
shift 2
exec vllm serve "$@"
"""
"""$1: names of the variables that vLLM's Ray executor must not copy from the head to the workers, as JSON: it copies
NCCL_* and others, and so destroys theirs (sparkrun issue 135). $2: the file of the API key, or nothing; the key is
neither in an argv nor in `docker inspect`."""


BESIDE_RAY = ("--volumes-from", RAY, "--pid", f"container:{RAY}", "--ipc", f"container:{RAY}")
"""Ray's sockets in /tmp/ray, and its process namespace: Ray's driver looks for the node's raylet in /proc (2.60:
"No node info found matching attributes", after 60 s). There the init of Ray's container is process 1: none of its own.
"""

KEY, NO_KEY = "asked for", "none"


@dataclass(frozen=True, slots=True)
class Request:
    """What to serve. `model` is a hub id or an absolute path on the hosts; `arguments` (a recipe's) are mapped to flags
    and `extra` words follow them unchanged. None means: not asked, take the default. `free_memory_gib` (GiB) must be
    free on every host before it is started.
    """

    model: str
    served_name: str | None = None
    tensor_parallel: int | None = None
    pipeline_parallel: int | None = None
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    port: int | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    prompts: tuple[str, ...] = PROMPTS
    ready_seconds: float = READY_SECONDS
    free_memory_gib: float = 0.0
    hf_token: bytes | None = field(default=None, repr=False)
    api_key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_model(self.model)
        flags.refuse_ours(self.extra)
        flags.refuse_secrets((*self.extra, *flags.words_of(self.arguments)))
        for name, value in (("--tp", self.tensor_parallel), ("--pp", self.pipeline_parallel)):
            if value is not None and value < 1:
                raise UsageError(f"serving with {name} {value}: it must be at least 1")
        if self.gpu_memory_utilization is not None and not 0 < self.gpu_memory_utilization <= 1:
            raise UsageError(
                f"serving with --gpu-memory-utilization {self.gpu_memory_utilization:g}: it is a share between 0 and 1",
                hint="--gpu-memory-utilization 0.8",
            )

    @property
    def name(self) -> str:
        """By which name the API knows the model."""
        return self.served_name or self.model


def _check_model(model: str) -> None:
    if not model or model.startswith("-") or any(ord(letter) < 32 or ord(letter) == 127 for letter in model):
        raise UsageError(
            f"serving {model!r}: that is neither the name of a playbook, nor a hub id, nor an absolute path",
            hint="sparkctl playbook list",
        )
    if model.startswith((".", "~")):
        raise UsageError(
            f"serving {model!r}: a path must be absolute, as every host sees it", hint="--model /path/on/every/host"
        )


def port_of(cluster: Cluster, request: Request) -> int:
    return request.port or cluster.serve.port


def parallel(cluster: Cluster, request: Request, gpus: int | None = None) -> tuple[int, int]:
    """Tensor and pipeline parallelism: by default tensor parallelism over all GPUs, one a Spark.

    Raises `UsageError` where they do not fit the GPUs.
    """
    total = gpus or len(cluster.hosts)
    pipeline = request.pipeline_parallel or 1
    tensor = request.tensor_parallel or max(1, total // pipeline)
    if tensor * pipeline > total:
        asked = f"--tp {tensor}" + (f" --pp {pipeline}" if pipeline > 1 else "")
        raise UsageError(
            f"serving with {asked}: that takes {tensor * pipeline} GPUs, the cluster has {total}",
            hint=f"--tp {max(1, total // pipeline)}" if pipeline <= total else f"--pp {total}",
        )
    return tensor, pipeline


def vllm_words(cluster: Cluster, request: Request) -> tuple[str, ...]:
    """The words after `vllm serve`. What is asked now wins over the recipe; `extra` comes last and untouched."""
    tensor, pipeline = parallel(cluster, request)
    ours: dict[str, object] = {
        "served-model-name": request.name,
        "host": "0.0.0.0",
        "port": port_of(cluster, request),
        "tensor-parallel-size": tensor,
        "pipeline-parallel-size": pipeline,
        # never left to vLLM: it refuses more GPUs than one node has unless the backend is named (0.11.1 and later)
        "distributed-executor-backend": "ray",
        "max-model-len": request.max_model_len,
        "gpu-memory-utilization": request.gpu_memory_utilization,
    }
    asked = flags.words_of(ours)
    given = [word for word in asked if word.startswith("--")]
    recipe = flags.without(flags.words_of(request.arguments), given)
    return (request.model, *asked, *recipe, *request.extra)


def serve_spec(cluster: Cluster, request: Request, incarnation: str, node: NodeState) -> ContainerSpec:
    """vLLM's API server and engine, beside Ray on the head: restarting it leaves Ray alone.

    `incarnation` is the head's Ray for which it was started: it cannot outlive it.
    """
    key = f"{secret.INSIDE}/{secret.API_KEY}" if request.api_key is not None else ""
    names = json.dumps(sorted({*per_host_names(cluster), "VLLM_API_KEY"}))
    return ContainerSpec(
        name=SERVE,
        cluster=cluster.name,
        role=SERVE_ROLE,
        image=image_of(cluster),
        entrypoint="sh",
        args=("-c", RUN, "sparkctl", names, key, *vllm_words(cluster, request)),
        flags=(*FLAGS, *BESIDE_RAY, *(INFINIBAND if node.infiniband else ())),
        user_flags=cluster.runtime.docker_args,
        env={**environment(cluster, cluster.head, node), **request.env, "RAY_ADDRESS": address_of(cluster)},
        depends={"Ray": incarnation, "API key": KEY if key else NO_KEY},
        shown=vllm_words(cluster, request),
    )
