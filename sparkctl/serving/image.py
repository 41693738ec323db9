"""What an image holds: asked in a throw-away container, or in ours where it runs from the same image."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from sparkctl.facts.base import Fact, FactUnavailable, Output
from sparkctl.facts.container import CLUSTER, ROLE
from sparkctl.facts.docker import trouble
from sparkctl.serving.names import PROBE_ROLE, RAY

_SCRIPT = r"""
import importlib.metadata as m, json, platform, shutil, subprocess
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
gpus = None
if shutil.which("nvidia-smi"):
    out = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout
    gpus = sum(line.startswith("GPU ") for line in out.splitlines())
print("IMAGE " + json.dumps({"python": platform.python_version(), "arch": platform.machine(), "gpus": gpus,
                             "ray": version("ray"), "vllm": version("vllm")}))
"""
"""Reads package metadata instead of importing: `import vllm` alone takes 15 s."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Versions inside an image (None: not there), and how many GPUs a container from it sees (None: cannot tell)."""

    python: str
    ray: str | None
    vllm: str | None
    gpus: int | None
    arch: str = ""


def image_contents(cluster: str, image: str) -> Fact[Contents]:
    """What a container from `image` with all GPUs of the host holds and sees."""
    labels = ("--label", f"{CLUSTER}={cluster}", "--label", f"{ROLE}={PROBE_ROLE}")
    words = ("docker", "run", "--rm", "--gpus", "all", "--network", "none", *labels)
    probe = (*words, "--entrypoint", "python3", image, "-c", _SCRIPT)
    inside = ("docker", "exec", RAY, "python3", "-c", _SCRIPT)
    snippet = f"""id=$(docker image inspect --format '{{{{.Id}}}}' -- {shlex.quote(image)}) || exit
if [ "$(docker inspect --format '{{{{.State.Running}}}} {{{{.Image}}}}' {RAY} 2>/dev/null)" = "true $id" ]; then
  {shlex.join(inside)}
else
  {shlex.join(probe)}
fi"""
    return Fact(f"contents of {image}", snippet, _parse, timeout=90)


def _parse(output: Output) -> Contents:
    for line in output.stdout.splitlines():
        if line.startswith("IMAGE "):
            said = json.loads(line.removeprefix("IMAGE "))
            return Contents(said["python"], said["ray"], said["vllm"], said["gpus"], said["arch"])
    for sign, cause, hint in FAILURES:
        if sign in output.stderr:
            raise FactUnavailable(cause, hint=hint)
    raise trouble(output.stderr or output.stdout, output.code)


FAILURES = (
    (
        "could not select device driver",
        "docker cannot hand out GPUs: the NVIDIA container toolkit is not set up",
        "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
    ),
    (
        "unresolvable CDI devices",
        "docker cannot hand out GPUs: there is no CDI description of them",
        "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
    ),
    (
        "nvidia-container-cli",
        "the NVIDIA driver does not answer inside a container",
        "nvidia-smi  # on that host: it must list the GPU",
    ),
    (
        "exec format error",
        "the image is for another processor (a Spark is arm64)",
        "docker image inspect --format '{{.Architecture}}' IMAGE",
    ),
    ('exec: "python3"', "the image has no python3", "choose an image with vLLM in runtime.image"),
)
"""What `docker run` says, what it means, and what mends it (docker 20 to 28)."""
