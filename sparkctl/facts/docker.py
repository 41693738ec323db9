"""What the container engine of a host says about itself and about an image."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from sparkctl.facts.base import Fact, FactUnavailable, Output


@dataclass(frozen=True, slots=True)
class Engine:
    """`gpu` tells by what way containers can get the GPU: the runtime, the prestart hook or CDI, or none of them."""

    version: str
    root: str
    storage: str
    runtimes: tuple[str, ...]
    default_runtime: str
    cdi_spec: bool
    hook: bool
    arch: str

    @property
    def gpu(self) -> bool:
        return "nvidia" in self.runtimes or self.hook or self.cdi_spec


def trouble(said: str, code: int) -> FactUnavailable:
    """Why docker did not answer, with the command that mends it."""
    text = said.strip()
    if code == 127 or "docker: not found" in text or "docker: command not found" in text:
        return FactUnavailable("docker is not installed", hint="sudo apt-get install docker.io")
    if "permission denied" in text.lower():
        return FactUnavailable("this user may not talk to docker", hint="sparkctl bootstrap")
    if "Cannot connect to the Docker daemon" in text or "Is the docker daemon running" in text:
        return FactUnavailable("docker is not running", hint="sudo systemctl start docker")
    return FactUnavailable(text.splitlines()[-1][:200] if text else f"docker: exit code {code}")


def _json(output: Output) -> Any:
    if output.code == 124:
        raise FactUnavailable("docker did not answer within the deadline", hint="sudo systemctl restart docker")
    if output.code != 0:
        raise trouble(output.stderr or output.stdout, output.code)
    try:
        return json.loads(output.stdout)
    except ValueError:
        raise FactUnavailable("docker answered something that is not JSON") from None


_ENGINE = r"""
info=$(docker info -f '{{json .}}') || exit $?
hook=false; command -v nvidia-container-runtime-hook >/dev/null && hook=true
cdi=false
for spec in /etc/cdi/nvidia*.yaml /etc/cdi/nvidia*.json /var/run/cdi/nvidia*.yaml; do [ -f "$spec" ] && cdi=true; done
printf '{"info": %s, "hook": %s, "cdi": %s}\n' "$info" "$hook" "$cdi"
"""


def parse_engine(output: Output) -> Engine:
    said = _json(output)
    info = said.get("info") if isinstance(said, dict) else None
    if not isinstance(info, dict):
        raise FactUnavailable("docker info answered something else")
    errors = info.get("ServerErrors") or []
    if errors or not info.get("ServerVersion"):
        # `docker info -f` exits 0 in some versions although the daemon is away; ServerErrors tells
        raise trouble("\n".join(str(error) for error in errors) or "Cannot connect to the Docker daemon", 1)
    return Engine(
        version=str(info["ServerVersion"]),
        root=str(info.get("DockerRootDir", "/var/lib/docker")),
        storage=str(info.get("Driver", "")),
        runtimes=tuple(sorted(info.get("Runtimes") or {})),
        default_runtime=str(info.get("DefaultRuntime", "")),
        cdi_spec=bool(said.get("cdi")),
        hook=bool(said.get("hook")),
        arch=str(info.get("Architecture", "")),
    )


ENGINE: Fact[Engine] = Fact("docker", _ENGINE, parse_engine, timeout=15)


@dataclass(frozen=True, slots=True)
class ImageState:
    """`layers` are the digests of the unpacked layers: equal content has equal layers, whereas the id differs between
    docker's two image stores. `size` is bytes."""

    id: str
    digests: tuple[str, ...]
    layers: tuple[str, ...]
    arch: str
    size: int


def image_state(reference: str) -> Fact[ImageState | None]:
    """The image that `reference` names on the host; None where it has none."""
    return Fact(f"image {reference}", f"docker image inspect -- {shlex.quote(reference)}", parse_image_state)


def parse_image_state(output: Output) -> ImageState | None:
    if output.code == 1 and "no such image" in (output.stderr + output.stdout).lower():
        return None
    said = _json(output)
    if not (isinstance(said, list) and said and isinstance(said[0], dict)):
        raise FactUnavailable("docker image inspect answered something else")
    image = said[0]
    rootfs = image.get("RootFS") or {}
    return ImageState(
        id=str(image.get("Id", "")),
        digests=tuple(image.get("RepoDigests") or ()),
        layers=tuple(rootfs.get("Layers") or ()),
        arch=str(image.get("Architecture", "")),
        size=int(image.get("Size") or 0),
    )
