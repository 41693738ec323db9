"""Which containers of ours a host has, and what a container last said."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sparkctl.facts.base import Fact, FactUnavailable, Output
from sparkctl.facts.docker import trouble

CLUSTER = "sparkctl.cluster"
ROLE = "sparkctl.role"
SPEC = "sparkctl.spec"
ASKED = "sparkctl.asked"
"""The labels: whose a container is, what it is for, the digest of what was asked, and what was asked, as JSON."""

_FORMAT = (
    '{"id":{{json .Id}},"name":{{json .Name}},"image":{{json .Config.Image}},"image_id":{{json .Image}},'
    '"state":{{json .State}},"labels":{{json .Config.Labels}}}'
)
"""Of `docker inspect`, without `.Config.Env`: what a container was given is never carried to the controller."""

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Container:
    """One container as `docker inspect` describes it. `state` is docker's word: running, exited, created, dead …"""

    name: str
    id: str
    image: str
    image_id: str
    state: str
    exit_code: int = 0
    started_at: str = ""
    oom_killed: bool = False
    error: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def cluster(self) -> str | None:
        return self.labels.get(CLUSTER)

    @property
    def role(self) -> str | None:
        return self.labels.get(ROLE)

    @property
    def asked(self) -> dict[str, str]:
        """What it was started for, by its label; empty where somebody else wrote the label."""
        try:
            found = json.loads(self.labels.get(ASKED, "{}"))
        except ValueError:
            return {}
        return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}

    @property
    def incarnation(self) -> str:
        """Names this very run of the container: `docker restart` keeps the id."""
        return f"{self.id[:12]} started {self.started_at}"

    @property
    def described(self) -> str:
        """Its state in words: `exited with code 137 (out of memory)`."""
        if self.running:
            return "running"
        if self.state in ("exited", "dead"):
            memory = " (out of memory)" if self.oom_killed else ""
            return f"{self.state} with code {self.exit_code}{memory}"
        return self.state + (f" ({self.error})" if self.error else "")


@dataclass(frozen=True, slots=True)
class Named:
    """The container of one name, if there is one; `others` of other names that were asked for along with it.

    `image_id` is what the image reference means on the host now.
    """

    container: Container | None
    image_id: str
    others: tuple[Container, ...] = ()


def container_named(name: str, image: str, *others: str) -> Fact[Named]:
    """The container called `name`, ours or not, the `others`, and the id of `image`.

    Unavailable where docker cannot be asked or the image is not on the host.
    """
    filters = " ".join(shlex.quote(f"--filter=name=^/?{re.escape(wanted)}$") for wanted in (name, *others))
    snippet = f"""ids=$(docker ps -aq --no-trunc {filters}) || exit
[ -z "$ids" ] || docker inspect --type container --format {shlex.quote(_FORMAT)} $ids || exit
docker image inspect --format 'image {{{{.Id}}}}' -- {shlex.quote(image)}"""

    def parse(output: Output) -> Named:
        if output.code == 1 and "no such image" in output.stderr.lower():
            raise FactUnavailable(f"the image {image} is not on this host", hint="sparkctl bootstrap")
        said = _lines(output)
        found = {found.name: found for found in map(_container, (line for line in said if line.startswith("{")))}
        ids = [line.removeprefix("image ") for line in said if line.startswith("image ")]
        return Named(found.pop(name, None), ids[0] if ids else "", tuple(found.values()))

    return Fact(f"container {' '.join((name, *others))} of {image}", snippet, parse, timeout=20)


def containers_of(cluster: str) -> Fact[tuple[Container, ...]]:
    """All containers that carry the label of `cluster`, running or not; none where docker is not installed."""
    wanted = shlex.quote(f"label={CLUSTER}={cluster}")
    snippet = f"""ids=$(docker ps -aq --no-trunc --filter {wanted}) || exit
[ -z "$ids" ] || docker inspect --type container --format {shlex.quote(_FORMAT)} $ids"""

    def parse(output: Output) -> tuple[Container, ...]:
        if output.code == 127:
            return ()
        return tuple(_container(line) for line in _lines(output) if line.startswith("{"))

    return Fact(f"containers of {cluster}", snippet, parse, timeout=20)


def incarnation_of(cluster: str, name: str, called: str) -> Fact[str]:
    """Which run of the container `name` of `cluster` is on; unavailable where it does not run.

    `called` is what people call it: it names the fact.
    """
    mine = containers_of(cluster)

    def parse(output: Output) -> str:
        running = [found for found in mine.parse(output) if found.name == name and found.running]
        if not running:
            raise FactUnavailable("it is not up", hint="sparkctl up")
        return running[0].incarnation

    return Fact(called, mine.snippet, parse, timeout=mine.timeout)


def container_log(name: str, lines: int = 400) -> Fact[str]:
    """The last `lines` lines that a container wrote, both streams, escapes stripped; empty where there is none."""
    snippet = f"docker logs --tail {int(lines)} -- {shlex.quote(name)} 2>&1"

    def parse(output: Output) -> str:
        if output.code != 0 and "No such container" in output.stdout:
            return ""
        return _ESCAPES.sub("", "\n".join(_lines(output)))

    return Fact(f"last {lines} lines of {name}", snippet, parse, timeout=20)


def _lines(output: Output) -> tuple[str, ...]:
    if output.code == 124:
        raise FactUnavailable("docker did not answer within the deadline", hint="sudo systemctl restart docker")
    if output.code != 0:
        raise trouble(output.stderr or output.stdout, output.code)
    return tuple(line for line in output.stdout.splitlines() if line.strip())


def _container(line: str) -> Container:
    found: dict[str, Any] = json.loads(line)
    state: dict[str, Any] = found.get("state") or {}
    return Container(
        name=str(found["name"]).lstrip("/"),
        id=found["id"],
        image=found.get("image", ""),
        image_id=found.get("image_id", ""),
        state=state.get("Status", "unknown"),
        exit_code=int(state.get("ExitCode") or 0),
        started_at=state.get("StartedAt", ""),
        oom_killed=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        labels=found.get("labels") or {},
    )
