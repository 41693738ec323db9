"""The container image on every node, and the proof that it is the same one and made for this processor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkctl.ensure.image import Image
from sparkctl.facts.base import Fact, Missing
from sparkctl.facts.docker import ImageState, image_state
from sparkctl.facts.os import SYSTEM
from sparkctl.flows.phase import Gate, Judgement, Phase, Proven, Refuted, Seen

ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
"""`uname -m` -> what images call it (GOARCH)."""


def images(reference: str, hosts: Sequence[str]) -> tuple[Phase, ...]:
    """One phase: the hosts pull side by side."""
    gate = same_image(reference, hosts)
    return (Phase("Image", tuple(hosts), lambda _: [Image(reference, needs=("group.docker",))], gate=gate),)


def same_image(reference: str, hosts: Sequence[str]) -> Gate:
    """Equal layers on all `hosts`: ids differ between docker's two image stores, and a tag can move between pulls."""
    image: Fact[ImageState | None] = image_state(reference)
    facts: dict[str, list[Fact[Any]]] = {host: [image, SYSTEM] for host in hosts}

    def judge(seen: Seen) -> Judgement:
        found: dict[str, ImageState] = {}
        for host in hosts:
            value, system = seen[host][image.name], seen[host][SYSTEM.name]
            if value is None or isinstance(value, Missing):
                absent = Missing("it is not there", f"docker pull {reference}")
                unknown = value if isinstance(value, Missing) else absent
                return Refuted(f"looking at image {reference} on {host}: {unknown.reason}", host, hint=unknown.hint)
            if not isinstance(system, Missing) and ARCHITECTURES.get(system.arch, value.arch) != value.arch:
                why = f"{reference} on {host} is made for {value.arch}, the host is {system.arch}"
                return Refuted(why, host, hint="name an image for this architecture in runtime.image")
            found[host] = value
        first = hosts[0]
        for host in hosts[1:]:
            if found[host].layers != found[first].layers:
                why = f"{reference} is not the same on {first} and {host}: the tag moved between the pulls"
                both = f"{_digest(found[first])} and {_digest(found[host])}"
                return Refuted(why, host, evidence=both, hint=f"sparkctl exec -- docker pull {reference}")
        one = found[first]
        return Proven(f"{len(one.layers)} equal layers on {len(hosts)} hosts, {one.arch}, {one.size / 1e9:.1f} GB")

    return Gate("the same image everywhere", facts, judge)


def _digest(image: ImageState) -> str:
    return image.digests[0].partition("@")[2][:19] if image.digests else image.id[:19]
