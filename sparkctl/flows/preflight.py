"""What must be so before Ray is started, judged on all hosts at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkctl.facts.base import Fact, Missing
from sparkctl.facts.container import Container, containers_of
from sparkctl.facts.docker import ImageState, image_state
from sparkctl.facts.memory import MEMORY, Memory
from sparkctl.flows.phase import Judgement, Proven, Refuted, Seen
from sparkctl.serving.image import Contents, image_contents
from sparkctl.serving.names import RAY, RAY_PORT, SERVE
from sparkctl.serving.node import readable_in
from sparkctl.serving.ports import LISTENERS, Listener, holders

LEAST_MEMORY = 2.0
"""GiB that must be free to start Ray: its head took 0.65 GB, its worker 0.31 GB (Ray 2.60, measured), plus slack."""


@dataclass(frozen=True, slots=True)
class Problem:
    host: str
    what: str
    hint: str | None = None


def preflight_facts(cluster: str, image: str) -> tuple[Fact[Any], ...]:
    """What is asked of every host."""
    return (containers_of(cluster), image_state(image), image_contents(cluster, image), LISTENERS, MEMORY)


@dataclass(frozen=True, slots=True)
class Preflight:
    """Expects the facts of `preflight_facts`. `addresses`: host -> fabric address, the head's first."""

    cluster: str
    image: str
    head: str
    addresses: Mapping[str, str]

    def judge(self, seen: Seen) -> Judgement:
        problems = self.problems(seen)
        return _told(problems, "Ray", "" if problems else self._versions(seen))

    def problems(self, seen: Seen) -> list[Problem]:
        """All of them, host by host."""
        found: list[Problem] = []
        for host in self.addresses:
            found += self._of_host(host, seen.get(host, {}))
        return found + self._between_hosts(seen)

    def _of_host(self, host: str, seen: Mapping[str, Any]) -> list[Problem]:
        containers = seen.get(containers_of(self.cluster).name, Missing("it was not asked"))
        image = seen.get(image_state(self.image).name)
        if isinstance(containers, Missing):
            return [Problem(host, containers.reason, containers.hint)]
        if isinstance(image, Missing):
            return [Problem(host, image.reason, image.hint)]
        if image is None:
            return [Problem(host, f"the image {self.image} is not there", "sparkctl bootstrap")]
        found = self._contents(host, seen.get(image_contents(self.cluster, self.image).name))
        if not _ours_runs(containers):
            found += self._port(host, seen.get(LISTENERS.name)) + _memory(host, seen.get(MEMORY.name))
        return found

    def _contents(self, host: str, contents: Contents | Missing | None) -> list[Problem]:
        if contents is None or isinstance(contents, Missing):
            reason = contents.reason if contents else "it was not asked"
            return [Problem(host, reason, contents.hint if contents else None)]
        found = []
        if contents.ray is None:
            hint = "put one that has it into runtime.image, or build one: FROM … and RUN pip install 'ray[default]'"
            found.append(Problem(host, f"the image {self.image} has no Ray", hint))
        if contents.vllm is None:
            found.append(Problem(host, f"the image {self.image} has no vLLM", "put one that has it into runtime.image"))
        if contents.gpus == 0:
            found.append(Problem(host, "a container with all GPUs sees none", "nvidia-smi -L  # on that host"))
        return found

    def _port(self, host: str, listeners: tuple[Listener, ...] | Missing | None) -> list[Problem]:
        if host != self.head or listeners is None or isinstance(listeners, Missing):
            return []
        return [port_taken(host, held, "Ray") for held in holders(listeners, RAY_PORT, self.addresses[host])[:1]]

    def _between_hosts(self, seen: Seen) -> list[Problem]:
        contents = _known(seen, self.addresses, image_contents(self.cluster, self.image).name)
        images = _known(seen, self.addresses, image_state(self.image).name)
        found = []
        for host in self.addresses:
            differs = _differs(contents.get(self.head), contents.get(host))
            if differs is None and _layers(images.get(host)) != _layers(images.get(self.head)) and host in images:
                differs = f"the content of {self.image} is not {self.head}'s"
            if differs is not None:
                found.append(Problem(host, differs, "sparkctl bootstrap"))
        return found

    def _versions(self, seen: Seen) -> str:
        contents: Contents = seen[self.head][image_contents(self.cluster, self.image).name]
        hosts = "one host" if len(self.addresses) == 1 else f"{len(self.addresses)} hosts"
        return f"{hosts}, Ray {contents.ray}, vLLM {contents.vllm}, Python {contents.python}"


@dataclass(frozen=True, slots=True)
class Room:
    """vLLM's port is free or ours, and a model given as a path can be read in Ray's container of every node.

    Facts of the head: `LISTENERS`, `containers_of(cluster)`; of all: `readable_in(RAY, model)` for an absolute path,
    and `MEMORY` where the model wants `free_memory` (GiB).
    """

    cluster: str
    head: str
    port: int
    model: str
    free_memory: float = 0.0

    def judge(self, seen: Seen) -> Judgement:
        containers = seen.get(self.head, {}).get(containers_of(self.cluster).name)
        ours = [found for found in containers if found.name == SERVE] if isinstance(containers, tuple) else []
        running = any(found.running for found in ours)
        holds = any(found.running and found.asked.get("--port") == str(self.port) for found in ours)
        problems = self._model(seen)
        problems += [] if holds else self._port(seen.get(self.head, {}))
        problems += [] if running else self._memory(seen)
        return _told(problems, "vLLM", f"port {self.port} is {'ours' if holds else 'free'}")

    def _memory(self, seen: Seen) -> list[Problem]:
        found = []
        for host, values in seen.items():
            memory = values.get(MEMORY.name)
            if isinstance(memory, Memory) and memory.available < self.free_memory:
                what = (
                    f"{memory.available:.1f} GiB of memory are free, the model needs {self.free_memory:g} on each host"
                )
                hint = f"sparkctl exec --hosts {host} -- sudo sh -c 'sync; echo 3 > /proc/sys/vm/drop_caches'"
                found.append(Problem(host, what, hint))
        return found

    def _port(self, seen: Mapping[str, Any]) -> list[Problem]:
        listeners = seen.get(LISTENERS.name)
        if not isinstance(listeners, tuple):
            return []
        return [port_taken(self.head, held, "vLLM") for held in holders(listeners, self.port, "0.0.0.0")[:1]]

    def _model(self, seen: Seen) -> list[Problem]:
        found = []
        for host, values in seen.items():
            readable = values.get(readable_in(RAY, self.model).name)
            if isinstance(readable, Missing):
                found.append(Problem(host, readable.reason, readable.hint))
            elif readable is False:
                what = f"its containers see no model in {self.model} (there is no config.json that they may read)"
                hint = "put it below the Hugging Face cache or an NFS share of the inventory, readable by all"
                found.append(Problem(host, what, hint))
        return found


def port_taken(host: str, held: Listener, wanted_for: str) -> Problem:
    """Somebody else's port, with their name."""
    who = f"{held.process} (process {held.pid})" if held.pid else "the kernel"
    what = f"port {held.port}, which {wanted_for} needs, is taken by {who}"
    return Problem(host, what, f"sudo ss -ltnp 'sport = :{held.port}'  # on {host}")


def _told(problems: Sequence[Problem], what: str, else_: str) -> Judgement:
    """All problems at once, so that they are mended at once."""
    if not problems:
        return Proven(else_)
    first = problems[0]
    lines = [f"{problem.host}: {problem.what}" + _then(problem) for problem in problems]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    message = f"checking {first.host} before {what} is started: {first.what}{more}"
    return Refuted(message, first.host, "\n".join(lines), first.hint)


def _then(problem: Problem) -> str:
    return f"\n  fix: {problem.hint}" if problem.hint else ""


def _ours_runs(containers: Sequence[Container]) -> bool:
    return any(found.name == RAY and found.running for found in containers)


def _memory(host: str, memory: Memory | Missing | None) -> list[Problem]:
    if not isinstance(memory, Memory) or memory.available >= LEAST_MEMORY:
        return []
    what = f"{memory.available:.1f} GiB of memory are free, Ray alone needs {LEAST_MEMORY:.0f}"
    return [Problem(host, what, f"ps -eo rss,args --sort=-rss | head  # on {host}")]


def _known(seen: Seen, hosts: Mapping[str, str], name: str) -> dict[str, Any]:
    values = {host: seen.get(host, {}).get(name) for host in hosts}
    return {host: value for host, value in values.items() if value is not None and not isinstance(value, Missing)}


def _differs(head: Contents | None, other: Contents | None) -> str | None:
    """Mixed versions make `ray start` hang without a word (2.53 and 2.60, measured)."""
    if head is None or other is None:
        return None
    pairs = (("Ray", head.ray, other.ray), ("Python", head.python, other.python), ("vLLM", head.vllm, other.vllm))
    return next(
        (f"{what} {theirs} in the image, the head has {ours}" for what, ours, theirs in pairs if ours != theirs), None
    )


def _layers(image: ImageState | None) -> tuple[str, ...]:
    return image.layers if image else ()
