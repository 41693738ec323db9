"""Whether Ray is whole, whether a model is served, whether its GPUs are free again: judged from what was seen. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sparkctl.facts.base import Missing
from sparkctl.facts.container import Container, container_log, containers_of
from sparkctl.flows.phase import Judgement, NotYet, Proven, Refuted, Seen
from sparkctl.serving import vllm_log
from sparkctl.serving.hints import RAY as RAY_HINTS
from sparkctl.serving.hints import explain
from sparkctl.serving.names import RAY, SERVE
from sparkctl.serving.nodes import Nodes, joined, ray_nodes
from sparkctl.serving.ready import ANSWER_SECONDS, Answer, answer

LOG_LINES = 400
"""Of a container's log at every poll."""

WHOLE_LOG = 20_000
"""Lines; once, after a failure."""


def _container(seen: Seen, host: str, cluster: str, name: str) -> Container | Missing | None:
    """None: there is no such container of ours."""
    found = seen.get(host, {}).get(containers_of(cluster).name, Missing("it was not asked"))
    if isinstance(found, Missing):
        return found
    return next((one for one in found if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Join:
    """All of `expected` (host -> fabric address, the head's first) are ALIVE with a GPU in Ray's own table.

    Facts: `ray_nodes(address)` of the head, `containers_of(cluster)` and `container_log(RAY, LOG_LINES)` of every
    expected host. `wait` is false where nothing will change by waiting; `known` are all addresses of the cluster.
    """

    cluster: str
    address: str
    expected: Mapping[str, str]
    wait: bool = True
    known: Collection[str] = ()

    @property
    def head(self) -> str:
        return next(iter(self.expected))

    def judge(self, seen: Seen) -> Judgement:
        for host in self.expected:
            ended = self._ended(seen, host)
            if ended is not None:
                return ended
        nodes = seen.get(self.head, {}).get(ray_nodes(self.address).name, Missing("it was not asked"))
        if not isinstance(nodes, Nodes):
            if self.wait:
                return NotYet(f"Ray on {self.head}: {nodes.reason}", 0, len(self.expected))
            return Refuted(f"asking Ray on {self.head}: {nodes.reason}", self.head, hint=nodes.hint or "sparkctl up")
        return self._table(nodes, seen)

    def _starts(self, seen: Seen, host: str) -> bool:
        """Whether `ray start` there is still at it. The table may yet hold the node's previous run, which the GCS takes
        for alive until its health checks fail, at the same address. Ray 2.53 and 2.60 say the two phrases."""
        log = seen.get(host, {}).get(container_log(RAY, LOG_LINES).name)
        return isinstance(log, str) and "Local node IP" in log and "Ray runtime started" not in log

    def _ended(self, seen: Seen, host: str) -> Refuted | None:
        container = _container(seen, host, self.cluster, RAY)
        if isinstance(container, Missing):
            return Refuted(f"looking for Ray on {host}: {container.reason}", host, hint=container.hint)
        if container is None:
            return Refuted(f"looking for Ray on {host}: Ray is not up", host, hint="sparkctl up")
        if not container.running and container.state != "created":
            return Refuted(f"joining {host} to Ray: its container {container.described}", host, hint="sparkctl up")
        return None

    def _table(self, nodes: Nodes, seen: Seen) -> Judgement:
        begun = [
            node
            for node in nodes.nodes
            if not any(self._starts(seen, host) for host, address in self.expected.items() if address == node.address)
        ]
        found = joined(begun, self.expected)
        if found.complete:
            others = [address for address in found.foreign if address not in self.known]
            foreign = f", besides {', '.join(others)}, which the inventory does not have" if others else ""
            many = f"{len(found.present)} of {len(self.expected)} nodes ALIVE, {nodes.gpus:.0f} GPUs"
            return Proven(f"{many}, Ray {nodes.ray}{foreign}")
        away = ", ".join(f"{host} ({self.expected[host]})" for host in found.missing)
        idle = ", ".join(found.without_gpu)
        what = "; ".join(
            part for part in (f"{away} to join" if away else "", f"a GPU on {idle}" if idle else "") if part
        )
        if self.wait:
            many = f"{len(found.present)} of {len(self.expected)} nodes ALIVE"
            return NotYet(f"{what}, {many}", len(found.present), len(self.expected))
        absent = (*found.missing, *found.without_gpu)
        return Refuted(f"asking Ray on {self.head}: waiting for {what}", absent[0], hint="sparkctl up")

    def blame(self, seen: Seen, refuted: Refuted) -> Refuted:
        """Say it with the last words of the first host that is not in the table. Facts: those of `judge`."""
        host = refuted.host or self._suspect(seen)
        log = seen.get(host, {}).get(container_log(RAY, LOG_LINES).name)
        lines = [line for line in log.splitlines() if line.strip()] if isinstance(log, str) else []
        known = explain(RAY_HINTS, lines)
        container = _container(seen, host, self.cluster, RAY)
        state = container.described if isinstance(container, Container) else "is not there"
        evidence = "\n".join([f"{RAY} on {host}: {state}", *(line[:300] for line in lines[-8:])])
        if known is not None:
            message = f"joining {host} to Ray: {known.cause}"
            return Refuted(message, host, "\n".join([evidence, known.line[:300]]), known.fix)
        hint = refuted.hint
        if hint is None and lines and all("Local node IP" in line or " W " in line for line in lines):
            # Ray 2.53 and 2.60 say nothing else to each other, and wait for ever
            return Refuted(
                f"joining {host} to Ray: it found no head that speaks its version at {self.address}",
                host,
                evidence,
                "sparkctl bootstrap",
            )
        return Refuted(refuted.message, host, evidence, hint or f"sparkctl logs {host}")

    def _suspect(self, seen: Seen) -> str:
        nodes = seen.get(self.head, {}).get(ray_nodes(self.address).name)
        if isinstance(nodes, Nodes):
            found = joined(nodes.nodes, self.expected)
            return (*found.missing, *found.without_gpu, self.head)[0]
        return self.head


@dataclass(frozen=True, slots=True)
class Served:
    """The model answers. Facts, all of the head: `answer(…)`, `containers_of(cluster)`, `container_log(SERVE)`."""

    cluster: str
    head: str
    name: str
    port: int
    prompts: Sequence[str]
    key: bool = False

    def judge(self, seen: Seen) -> Judgement:
        container = _container(seen, self.head, self.cluster, SERVE)
        log = seen.get(self.head, {}).get(container_log(SERVE, LOG_LINES).name)
        text = log if isinstance(log, str) else ""
        if not isinstance(container, Container):
            reason = container.reason if isinstance(container, Missing) else "vLLM is not there"
            return Refuted(f"serving {self.name} on {self.head}: {reason}", self.head, hint="sparkctl serve …")
        if not container.running:
            return self._failed(text, f"vLLM {container.described}")
        given = seen.get(self.head, {}).get(answer(self.port, self.name, self.prompts, key=self.key).name)
        if isinstance(given, Answer):
            if given.proves(self.name, len(self.prompts)):
                return Proven(said(given))
            if given.models and self.name not in given.models:
                other = ", ".join(given.models)
                return Refuted(
                    f"serving {self.name} on {self.head}: port {self.port} serves {other}",
                    self.head,
                    hint="sparkctl stop",
                )
            if given.hangs:
                what = f"it takes requests and completed none within {ANSWER_SECONDS:.0f} s"
                stop = "sparkctl stop && sparkctl serve …"
                return Refuted(f"serving {self.name} on {self.head}: {what}", self.head, hint=stop)
            refused = given.refused
            if refused is not None and refused.status != 503:
                return self._failed(text, f"{refused.kind} answered {refused.status}: {refused.error[:300]}")
            if given.completions and refused is None:
                return self._failed(text, "a completion came back without a single token")
        if vllm_log.is_fatal(text):
            return self._failed(text, "its engine failed")
        return self._waiting(text)

    def blame(self, seen: Seen, refuted: Refuted) -> Refuted:
        """Look for the cause in the whole log: a traceback of every rank is longer than what is polled. Facts of the
        head: `containers_of(cluster)`, `container_log(SERVE, WHOLE_LOG)`."""
        log = seen.get(self.head, {}).get(container_log(SERVE, WHOLE_LOG).name)
        container = _container(seen, self.head, self.cluster, SERVE)
        if not isinstance(log, str) or not isinstance(container, Container):
            return refuted
        if not container.running or vllm_log.is_fatal(log) or refuted.evidence is not None:
            described = "its engine failed" if container.running else f"vLLM {container.described}"
            why = vllm_log.failure(log, described)
            if why.fix is not None:
                message = f"serving {self.name} on {self.head}: {why.cause}"
                return Refuted(message, self.head, why.evidence, why.fix)
        last = "\n".join(line[:300] for line in log.splitlines()[-6:])
        return Refuted(refuted.message, self.head, refuted.evidence or last, refuted.hint or "sparkctl logs")

    def _waiting(self, log: str) -> NotYet:
        progress = vllm_log.progress(log)
        if progress is None:
            return NotYet(f"vLLM on {self.head}: starting")
        return NotYet(f"vLLM on {self.head}: {progress}", progress.done, progress.total)

    def _failed(self, log: str, described: str) -> Refuted:
        why = vllm_log.failure(log, described)
        return Refuted(f"serving {self.name} on {self.head}: {why.cause}", self.head, why.evidence, why.fix)


def said(given: Answer) -> str:
    """What the model answered, one line."""
    parts = [f"{' '.join(one.text.split())[:60]!r} in {one.seconds:.2f} s" for one in given.completions]
    return f"{len(parts)} completions: " + "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Freed:
    """No GPU is reserved in Ray any more. Facts of the head: `ray_nodes(address)`, `containers_of(cluster)`."""

    cluster: str
    head: str
    address: str

    def judge(self, seen: Seen) -> Judgement:
        container = _container(seen, self.head, self.cluster, RAY)
        if isinstance(container, Missing):
            return Refuted(f"looking for Ray on {self.head}: {container.reason}", self.head, hint=container.hint)
        if container is None or not container.running:
            return Proven("Ray is not up")
        nodes = seen.get(self.head, {}).get(ray_nodes(self.address).name, Missing("it was not asked"))
        if not isinstance(nodes, Nodes):
            return NotYet(f"Ray on {self.head}: {nodes.reason}")
        if nodes.gpus_free >= nodes.gpus:
            return Proven(f"{nodes.gpus_free:.0f} of {nodes.gpus:.0f} GPUs free")
        return NotYet(f"{nodes.gpus - nodes.gpus_free:.0f} GPUs to be free again", nodes.gpus_free, nodes.gpus)
