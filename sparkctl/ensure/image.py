"""A container image on a host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparkctl.ensure.base import Change, Diff, Explanation
from sparkctl.facts.base import Fact
from sparkctl.facts.docker import ImageState, image_state
from sparkctl.ssh.command import Action, Command

PULL_TIMEOUT = 3600.0
"""Seconds; NVIDIA's vLLM images are 10 GB and more, and home lines are slow."""


@dataclass(frozen=True, slots=True)
class Image:
    """`reference` (a tag or a digest) shall be present. A tag that moved since is not pulled anew by itself."""

    reference: str
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "image"

    @property
    def fact(self) -> Fact[ImageState | None]:
        return image_state(self.reference)

    def diff(self, seen: ImageState | None) -> Diff:
        return Diff() if seen is not None else Diff((Change(f"image {self.reference}", "absent", "present"),))

    def apply(self, seen: ImageState | None, diff: Diff) -> Sequence[Action]:
        return [Command(("docker", "pull", "--", self.reference), mutates=True, timeout=PULL_TIMEOUT)]

    def explain(self, said: str) -> Explanation | None:
        registry = registry_of(self.reference)
        text = said.lower()
        for signs, cause, hint in _CAUSES:
            if any(sign in text for sign in signs):
                return Explanation(
                    cause.format(image=self.reference, registry=registry),
                    hint.format(image=self.reference, registry=registry),
                )
        return None


_CAUSES = (
    (("no matching manifest for",), "{image} does not exist for this kind of processor", "choose an arm64 image"),
    (
        ("manifest unknown", "manifest for ", "not found: manifest"),
        "image tag does not exist: {image}",
        "correct runtime.image in the inventory",
    ),
    (("no space left on device",), "the disk is full", "docker system df"),
    (("permission denied while trying to connect",), "this user may not talk to docker", "sparkctl bootstrap"),
    (
        ("cannot connect to the docker daemon", "is the docker daemon running"),
        "docker is not running",
        "sudo systemctl start docker",
    ),
    (
        ("unauthorized", "authentication required", "pull access denied", "denied: "),
        "{registry} wants a login for {image}",
        "docker login {registry}",
    ),
    (("x509:", "certificate"), "the certificate of {registry} is not trusted here", "curl -I https://{registry}/v2/"),
    (
        ("no such host", "temporary failure in name resolution", "server misbehaving"),
        "the name of the registry {registry} does not resolve",
        "resolvectl query {registry}",
    ),
    (
        (
            "connection refused",
            "timeout",
            "i/o timeout",
            "deadline exceeded",
            "no route to host",
            "network is unreachable",
        ),
        "the registry {registry} does not answer",
        "curl -I https://{registry}/v2/",
    ),
)
"""What docker pull says (lower case) and what it means; the first match counts."""


def registry_of(reference: str) -> str:
    """The registry's host; a first part without dot, colon or `localhost` is a name on Docker Hub (docker's rule)."""
    first, slash, _ = reference.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` layers are unpacked; both 0 while nothing is known."""

    done: int
    total: int
    text: str


_BEGUN = ("Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Download complete", "Extracting")
_ENDED = ("Pull complete", "Already exists")


def pull_progress(lines: Iterable[str]) -> Progress:
    """Where a `docker pull` is, from the lines it prints without a terminal: `4f4fb700ef54: Pull complete`."""
    layers: dict[str, str] = {}
    text = ""
    for line in lines:
        layer, colon, said = line.strip().partition(": ")
        if colon and said.startswith((*_BEGUN, *_ENDED)) and len(layer) == 12:
            layers[layer] = said
        elif line.startswith("Status: "):
            text = said
    done = sum(said.startswith(_ENDED) for said in layers.values())
    loaded = done + sum(said.startswith("Download complete") for said in layers.values())
    if not text and layers:
        text = f"{loaded} of {len(layers)} layers loaded, {done} unpacked"
    return Progress(done, len(layers), text)
