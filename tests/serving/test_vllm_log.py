"""Recorded lines of vLLM 0.10 to 0.33 and Ray 2.53 and 2.60, kept whole."""

# ruff: noqa: E501

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.serving.hints import RAY, VLLM, explain
from sparkctl.serving.vllm_log import failure, is_fatal, lines, progress

START = """\
(APIServer pid=7) INFO 11-21 11:27:18 [api_utils.py:347]  ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.32.0
(APIServer pid=7) INFO 11-21 11:27:18 [api_utils.py:286] non-default args: {'model': 'lab/tiny', 'max_model_len': 512}
(APIServer pid=7) WARNING 11-21 11:27:29 [vllm.py:1703] Enforce eager set, disabling torch.compile and JIT kernel warmup.
(EngineCore pid=88) INFO 11-21 11:27:38 [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: warmup=None
2026-11-21 11:27:38,726\tINFO worker.py:1841 -- Connecting to existing Ray cluster at address: 192.168.100.10:6379...
2026-11-21 11:30:11,066\tINFO worker.py:2029 -- Connected to Ray cluster. View the dashboard at \x1b[1mhttp://x\x1b[22m
(EngineCore pid=88) INFO 11-21 11:30:11 [ray_utils.py:607] No current placement group found. Creating a new placement group.
(EngineCore pid=88) WARNING 11-21 11:30:11 [ray_utils.py:321] tensor_parallel_size=2 is bigger than a reserved number of GPUs
\x1b[36m(RayWorkerProc pid=629)\x1b[0m Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:00<?, ?it/s]
(EngineCore pid=137) INFO 06-07 19:50:10 [gpu_model_runner.py:4879] Model loading took 17.17 GiB memory and 127.25 seconds
(EngineCore pid=137) INFO 06-07 19:50:55 [backends.py:391] Compiling a graph for compile range (1, 32768) takes 23.11 s
(EngineCore pid=137) INFO 06-07 19:51:22 [gpu_worker.py:440] Available KV cache memory: 65.25 GiB
(EngineCore pid=137) INFO 06-07 19:51:22 [kv_cache_utils.py:1766] GPU KV cache size: 519,920 tokens
[AutoTuner]: Tuning fp4_gemm:  56%|█████▋    | 9/16 [00:00<00:00, 83.33profile/s]
Capturing CUDA graphs (decode, FULL):   3%|▎  | 1/32 [00:00<00:17]\rCapturing CUDA graphs (decode, FULL):  9%|▉ | 3/32 [00:01]
(EngineCore pid=137) INFO 06-07 19:52:04 [core.py:210] init engine (profile, create kv cache, warmup model) took 25.99 seconds
(APIServer pid=7) INFO 06-07 19:52:05 [api_server.py:580] Starting vLLM server on http://0.0.0.0:8000
INFO:     Application startup complete.
"""

STAGES = [
    "starting vLLM",
    "starting vLLM",
    "starting vLLM",
    "starting the engine",
    "connecting to Ray",
    "connecting to Ray",
    "reserving GPUs in Ray",
    "reserving GPUs in Ray",
    "loading weights (1 of 2)",
    "weights loaded",
    "compiling",
    "profiling memory",
    "reserving the KV cache",
    "tuning kernels (9 of 16)",
    "capturing CUDA graphs (3 of 32)",
    "warming up",
    "opening the API",
    "opening the API",
]


@pytest.mark.parametrize("count", range(1, len(STAGES) + 1))
def test_the_log_tells_how_far_a_start_has_come(count: int) -> None:
    log = "\n".join(START.split("\n")[:count])
    assert str(progress(log)) == STAGES[count - 1]


def test_waiting_for_a_placement_group_is_told() -> None:
    log = "INFO 11-28 06:20:03 [ray_utils.py:336] Waiting for creating a placement group of specs for 30 seconds. specs=[]\n"
    assert str(progress(log)) == "waiting for GPUs in Ray"


def test_a_healthy_start_is_no_failure() -> None:
    assert not is_fatal(START)
    assert failure(START, "vLLM exited with code 0").fix is None


GLOO = """\
INFO 11-28 06:20:10 [ray_env.py:65] Copying the following environment variables to workers: ['LD_LIBRARY_PATH']
ERROR 11-28 06:20:14 [core.py:632] EngineCore failed to start.
ERROR 11-28 06:20:14 [core.py:632] Traceback (most recent call last):
ERROR 11-28 06:20:14 [core.py:632]   File "/usr/lib/python3.12/site-packages/ray/_private/worker.py", line 958, in get_objects
ERROR 11-28 06:20:14 [core.py:632]     raise value.as_instanceof_cause()
ERROR 11-28 06:20:14 [core.py:632] ray.exceptions.RayTaskError(RuntimeError): ray::RayWorkerWrapper.execute_method() (pid=280)
ERROR 11-28 06:20:14 [core.py:632]   File "/usr/lib/python3.12/site-packages/torch/distributed/distributed_c10d.py", line 1942
ERROR 11-28 06:20:14 [core.py:632]     backend_class = ProcessGroupGloo(
ERROR 11-28 06:20:14 [core.py:632]                     ^^^^^^^^^^^^^^^^^
ERROR 11-28 06:20:14 [core.py:632] RuntimeError: makeDeviceForInterface(): unsupported gloo device
Traceback (most recent call last):
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore_0': 1}
"""


def test_the_root_cause_is_above_what_only_passes_it_on() -> None:
    assert is_fatal(GLOO)
    found = failure(GLOO)
    assert "does not exist on one of the hosts" in found.cause
    assert found.evidence.splitlines()[-1].endswith("makeDeviceForInterface(): unsupported gloo device")
    assert "^^^" not in found.evidence


RECORDED = [
    ("vllm: error: unrecognized arguments: --max-modle-len 512", "--max-modle-len", "did you mean --max-model-len?"),
    ("vllm: error: argument --dtype: invalid choice: 'fp9'", "invalid choice: 'fp9'", "correct it"),
    (
        "ValueError: To serve at least one request with the model's max seq len (131072), (16.00 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (6.10 GiB). Based on the available memory, the estimated "
        "maximum model length is 49952.",
        "no room for one request",
        "--max-model-len 49952",
    ),
    (
        "ValueError: User-specified max_model_len (99999) is greater than the derived max_model_len "
        "(max_position_embeddings=512.0 or model_max_length=None in model's config.json).",
        "knows no context of 99999 tokens, only of 512",
        "--max-model-len 512",
    ),
    (
        "ValueError: Free memory on device cuda:0 (40.21/119.70 GiB) on startup is less than desired GPU memory "
        "utilization (0.9, 107.73 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
        "only 40.21 of 119.70 GiB are free",
        "drop_caches",
    ),
    ("ValueError: No available memory for the cache blocks. Try increasing", "leave no memory", "--gpu-memory-util"),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "does not suffice", "0.7"),
    (
        "huggingface_hub.errors.GatedRepoError: 401 Client Error. Access to model meta-llama/Llama-3 is restricted.",
        "does not let us have this model",
        "HF_TOKEN",
    ),
    (
        "torch._inductor.exc.InductorError: InvalidCxxCompiler: No working C++ compiler found in torch._inductor",
        "no compiler",
        "TORCHDYNAMO_DISABLE",
    ),
    ("OSError: [Errno 98] Address already in use", "port is taken", "--port"),
    (
        "AssertionError: Not enough allowed NUMA nodes to bind threads of 2 local CPUWorkers.",
        "cannot bind its threads",
        "VLLM_CPU_OMP_THREADS_BIND",
    ),
    (
        "ValueError: Total number of attention heads (4) must be divisible by tensor parallel size (3).",
        "4 attention heads cannot be split over 3 GPUs",
        "divides 4",
    ),
    ("ValueError: current platform cpu does not support ray.", "cannot use Ray", "another image"),
    (
        "ValueError: Cannot provide a placement group requiring 2 GPUs (specs=[]) within 1800 seconds.",
        "fewer free GPUs",
        "sparkctl status",
    ),
    (
        "ValueError: World size (2) is larger than the number of available GPUs (1) in this node. If this is intentional",
        "split over 2 GPUs",
        "--distributed-executor-backend",
    ),
    (
        "OSError: nobody/nothing is not a local folder and is not a valid model identifier listed on the hub",
        "no such model",
        "check --model",
    ),
    (
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the "
        "specified revision on the local disk and outgoing traffic has been disabled.",
        "not in the cache",
        "download it first",
    ),
    (
        "PermissionError: [Errno 13] Permission denied: '/root/.cache/huggingface/hub/x/model.safetensors'",
        "may not read /root/.cache/huggingface/hub/x/model.safetensors",
        "chmod -R a+rX",
    ),
    ("ModuleNotFoundError: No module named 'compressed_tensors'", "lacks the Python package compressed_", "image"),
    ("RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO)", "(NCCL)", "bench nccl"),
    ("ConnectionError: Could not find any running Ray instance.", "does not answer", "sparkctl up"),
    (
        "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.",
        "process died",
        "sparkctl up",
    ),
]


@pytest.mark.parametrize(("said", "cause", "fix"), RECORDED)
def test_what_vllm_said_and_what_to_do(said: str, cause: str, fix: str) -> None:
    log = f"{START}(EngineCore pid=9) ERROR 11-21 11:28:38 [core.py:1510] {said}\n"
    found = failure(log)
    assert cause in found.cause
    assert fix in (found.fix or "")
    assert said[:60] in found.evidence


def test_every_hint_has_a_recorded_output() -> None:
    told = {found.cause for said, _, _ in RECORDED if (found := explain(VLLM, [said])) is not None}
    told |= {explain(VLLM, [line]).cause for line in ELSEWHERE if explain(VLLM, [line])}  # type: ignore[union-attr]
    assert len(told) == len(VLLM)


ELSEWHERE = [
    "RuntimeError: makeDeviceForInterface(): unsupported gloo device",
    "    self._semlock = _multiprocessing.SemLock._rebuild(*state)",
    "RPC error: InvalidAuthToken: Authentication token is missing or incorrect",
]


def test_an_unknown_exception_is_told_as_it_is() -> None:
    found = failure("(EngineCore pid=9) ERROR 11-21 11:28:38 [core.py:1510] KeyError: 'model.layers.0.weird'\n")
    assert found.cause == "KeyError: 'model.layers.0.weird'"
    assert found.fix == "sparkctl logs"


def test_a_removed_semaphore_is_found_in_the_traceback() -> None:
    log = """\
File ".../multiprocessing/synchronize.py", line 115, in __setstate__
    self._semlock = _multiprocessing.SemLock._rebuild(*state)
FileNotFoundError: [Errno 2] No such file or directory
"""
    assert "RemoveIPC" in failure(log).cause


@pytest.mark.parametrize(
    "harmless",
    [
        "Tensor parallel size (2) exceeds available GPUs (1). This may result in Ray placement group allocation failures.",
        "RuntimeError: No available shared memory broadcast block found in 60 seconds",
        "ValueError: GPU Direct RDMA Disabled for HCA 0",
    ],
)
def test_what_healthy_starts_say_is_never_blamed(harmless: str) -> None:
    assert failure(f"ERROR 11-21 11:28:38 [x.py:1] {harmless}\nKeyError: 'this'\n").cause == "KeyError: 'this'"


def test_a_silent_end_is_told_by_how_the_container_ended() -> None:
    assert failure("", "vLLM exited with code 137 (out of memory)").cause == "vLLM exited with code 137 (out of memory)"


@given(st.text())
def test_everything_is_total_on_any_text(text: str) -> None:
    lines(text)
    progress(text)
    is_fatal(text)
    failure(text)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            "ray.exceptions.AuthenticationError: Token authentication is enabled but no authentication token was found.",
            "no token",
        ),
        (
            "gcs_client.cc:210: Failed to get cluster ID: RPC error: InvalidAuthToken: missing or incorrect",
            "not the head's",
        ),
        (
            "ConnectionError: Ray is trying to start at 192.168.100.10:6379, but is already running at 192.168.100.10:6379. "
            "Please specify",
            "already at 192.168.100.10:6379",
        ),
        ("RuntimeError: Version mismatch: The cluster was started with: Ray: 2.53.0", "the versions differ"),
        ("OSError: [Errno 99] Cannot assign requested address", "not on any of its interfaces"),
        ("[Errno 98] Address already in use", "port"),
        ("Error: No such option: --dashboard-port", "does not know an option"),
        ("RuntimeError: Failed to connect to GCS. Last connection error: Traceback", "cannot reach the head's Ray"),
        ("ERR scripts.py:1307 -- Some Ray subprocesses exited unexpectedly:", "ended unexpectedly"),
    ],
)
def test_what_ray_said_and_what_it_means(said: str, cause: str) -> None:
    found = explain(RAY, ["2026-11-21 03:58:45,195\tINFO scripts.py:1043 -- Local node IP: 192.168.100.10", said])
    assert found is not None
    assert cause in found.cause
    assert found.line == said
