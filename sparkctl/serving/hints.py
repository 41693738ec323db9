"""What the engines' last words mean, as data: a pattern, the cause in one phrase, and the one thing that mends it.

Each pattern has a recorded output in tests/serving. The first that matches wins, so the precise come first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparkctl.ensure.base import Explanation
from sparkctl.serving.flags import did_you_mean


@dataclass(frozen=True, slots=True)
class Hint:
    """`cause` and `fix` may name groups of `pattern` as `{0}`, `{1}` …"""

    pattern: str
    cause: str
    fix: str


@dataclass(frozen=True, slots=True)
class Explained:
    """`line` is the very line that told it."""

    cause: str
    fix: str
    line: str


VLLM: tuple[Hint, ...] = (
    Hint(
        r"unrecognized arguments: (?P<flag>--?[^\s=]+)",
        "vLLM does not know the argument {0}",
        "{did_you_mean}",
    ),
    Hint(
        r"error: (argument .+)",
        "vLLM refuses an argument: {0}",
        "correct it and run sparkctl serve again",
    ),
    Hint(
        r"estimated maximum model length is (\d+)",
        "the KV cache has no room for one request of the full context length",
        "sparkctl serve … --max-model-len {0}",
    ),
    Hint(
        r"max_model_len \((\d+)\) is greater than the derived max_model_len \([^=]*=(\d+)",
        "the model knows no context of {0} tokens, only of {1}",
        "sparkctl serve … --max-model-len {1}",
    ),
    Hint(
        r"Free memory on device \S* ?\(([\d.]+)/([\d.]+) GiB\) on startup is less than desired",
        "only {0} of {1} GiB are free: on a Spark the page cache counts as used",
        "sparkctl exec -- sudo sh -c 'sync; echo 3 > /proc/sys/vm/drop_caches'",
    ),
    Hint(
        r"No available memory for the cache blocks",
        "the weights leave no memory for the KV cache",
        "sparkctl serve … with a higher --gpu-memory-utilization or a lower --max-model-len",
    ),
    Hint(
        r"CUDA out of memory|OutOfMemoryError|Error in memory profiling",
        "the GPU's memory does not suffice",
        "sparkctl serve … --gpu-memory-utilization 0.7  # and stop what else uses memory",
    ),
    Hint(
        r"GatedRepoError|gated repo|Access to model \S+ is restricted|40[13] (?:Client Error|Unauthorized|Forbidden)",
        "Hugging Face does not let us have this model",
        "accept its licence on its page there and give the token: HF_TOKEN=… sparkctl serve …",
    ),
    Hint(
        r"unsupported gloo device|Unable to find address for: |No such interface",
        "a network interface that GLOO or NCCL shall use does not exist on one of the hosts",
        "sparkctl doctor",
    ),
    Hint(
        r"No working C\+\+ compiler|InvalidCxxCompiler|Failed to find C compiler",
        "the image has no compiler, which torch.compile needs",
        "runtime.env: {{TORCHDYNAMO_DISABLE: '1'}} in the inventory, or an image with g++",
    ),
    Hint(
        r"(?i)\baddress already in use|Errno 98",
        "its port is taken",
        "sparkctl serve … --port ANOTHER  # or find who has it: sudo ss -ltnp",
    ),
    Hint(
        r"Not enough allowed NUMA nodes",
        "vLLM on CPU cannot bind its threads",
        "runtime.env: {{VLLM_CPU_OMP_THREADS_BIND: nobind}} in the inventory",
    ),
    Hint(
        r"[Tt]otal number of attention heads \((\d+)\) must be divisible by tensor parallel size \((\d+)\)",
        "{0} attention heads cannot be split over {1} GPUs",
        "sparkctl serve … --tp and --pp such that --tp divides {0}",
    ),
    Hint(
        r"current platform \S+ does not support ray",
        "this build of vLLM cannot use Ray",
        "choose another image in runtime.image",
    ),
    Hint(
        r"Cannot provide a placement group requiring|placement group requiring",
        "Ray has fewer free GPUs than the model shall be split over",
        "sparkctl status",
    ),
    Hint(
        r"(?:World|Tensor parallel) size \((\d+)\) (?:is|cannot be) larger than the number of available GPUs",
        "the model shall be split over {0} GPUs, which this node does not have",
        "sparkctl serve … without your own --distributed-executor-backend",
    ),
    Hint(
        r"is not a local folder and is not a valid model identifier|RepositoryNotFoundError|Repository Not Found|"
        r"Repo id must (?:be|use)|HFValidationError",
        "there is no such model on Hugging Face, nor a directory of that name",
        "check --model; a directory must be an absolute path that every host has",
    ),
    Hint(
        r"(?:outgoing traffic has been disabled|LocalEntryNotFoundError|OfflineModeIsEnabled|offline mode is enabled|"
        r"Cannot find an appropriate cached snapshot|couldn't connect to 'https://huggingface\.co')",
        "the model is not in the cache and Hugging Face cannot be reached",
        "download it first into the Hugging Face cache of the host that exports it",
    ),
    Hint(
        r"PermissionError: \[Errno 13\] Permission denied: '?([^']+)",
        "the container may not read {0}",
        "chmod -R a+rX {0}  # on the host that has the files: NFS maps root to nobody",
    ),
    Hint(
        r"SemLock|semaphore .*No such file",
        "systemd-logind removed the semaphores of the running processes (RemoveIPC)",
        "sudo loginctl enable-linger $USER  # on each host",
    ),
    Hint(
        r"InvalidAuthToken|AuthenticationError",
        "Ray does not accept the token",
        "sparkctl down && sparkctl up",
    ),
    Hint(
        r"Failed to connect to GCS|Could not connect to Ray|Could not find any running Ray instance",
        "Ray does not answer any more",
        "sparkctl up && sparkctl serve …",
    ),
    Hint(
        r"unhandled system error|NCCL error|ncclSystemError|ncclInternalError|ncclRemoteError",
        "the GPUs of the hosts cannot talk to each other (NCCL)",
        "sparkctl bench nccl",
    ),
    Hint(
        r"No module named '([^']+)'",
        "the image lacks the Python package {0}",
        "choose another image in runtime.image, or build one with it",
    ),
    Hint(
        r"RayWorkerProc rank=\S* ?died unexpectedly|Worker proc \S+ died unexpectedly|ActorDiedError|NodeDiedError|"
        r"The actor died",
        "a worker process died, by itself or with its host",
        "sparkctl up && sparkctl serve …",
    ),
)

RAY: tuple[Hint, ...] = (
    Hint(
        r"no authentication token was found",
        "Ray found no token in its container",
        "sparkctl down && sparkctl up",
    ),
    Hint(
        r"InvalidAuthToken|AuthenticationError",
        "its Ray token is not the head's",
        "sparkctl down && sparkctl up",
    ),
    Hint(
        r"is already running at (\S+?)\.? ",
        "another Ray of somebody else's runs there already at {0}",
        "ray stop  # where it was started",
    ),
    Hint(
        r"Version mismatch: (.+)",
        "the versions differ: {0}",
        "sparkctl bootstrap  # pulls the same image everywhere",
    ),
    Hint(
        r"Cannot assign requested address|Failed to bind|Errno 99",
        "its fabric address is not on any of its interfaces (a port without carrier loses its address)",
        "sparkctl doctor",
    ),
    Hint(
        r"(?i)\baddress already in use|Errno 98",
        "a port that Ray needs is taken",
        "sudo ss -ltnp",
    ),
    Hint(
        r"no option .?--(\S+)|No such option:? (\S+)",
        "this version of Ray does not know an option that we give it",
        "choose an image with Ray 2.40 or newer in runtime.image",
    ),
    Hint(
        r"(?:Failed|Unable) to connect to GCS|Failed to get cluster ID|No route to host|Connection refused",
        "it cannot reach the head's Ray over the fabric",
        "sparkctl doctor",
    ),
    Hint(
        r"Some Ray subprocesses exited unexpectedly",
        "one of Ray's processes ended unexpectedly",
        "sparkctl up",
    ),
)


def last_words(hints: Sequence[Hint]) -> Callable[[str], Explanation | None]:
    """What the log of a container that ended at once means, for the ensure that started it."""

    def explained(said: str) -> Explanation | None:
        known = explain(hints, said.splitlines())
        return Explanation(known.cause, known.fix) if known else None

    return explained


def explain(hints: Sequence[Hint], lines: Sequence[str]) -> Explained | None:
    """The first hint of `hints` that one of `lines` matches, and that line."""
    for hint in hints:
        pattern = re.compile(hint.pattern)
        for line in lines:
            match = pattern.search(line)
            if match is not None:
                return _explained(hint, match, line)
    return None


def _explained(hint: Hint, match: re.Match[str], line: str) -> Explained:
    groups = [group or "" for group in match.groups()]
    named = {"did_you_mean": did_you_mean(match["flag"])} if "flag" in match.re.groupindex else {}
    return Explained(hint.cause.format(*groups), hint.fix.format(*groups, **named), line)
