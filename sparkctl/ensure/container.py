"""Containers as states: one that runs exactly what was asked, and none of ours left."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sparkctl.ensure.base import Change, Diff, Explanation
from sparkctl.facts.base import Fact
from sparkctl.facts.container import (
    ASKED,
    CLUSTER,
    ROLE,
    SPEC,
    Container,
    Named,
    container_named,
    containers_of,
)
from sparkctl.ssh.command import Action, Command, sh

STOP_SECONDS = 40
"""What a container gets between SIGTERM and SIGKILL: Ray drains a node for up to 30 s (`ray start --block`, 2.60)."""

NOT_SET = "(not set)"


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory of the host (`kind="bind"`) or a docker volume (`kind="volume"`) inside a container.

    Without `source` a volume is the container's own and goes with it. `make`: as the login user, where it is absent.
    """

    source: str
    target: str
    read_only: bool = False
    kind: str = "bind"
    make: bool = False

    def option(self) -> str:
        """The value of `docker run --mount`, which docker reads as one line of CSV."""
        words = [f"type={self.kind}", f"target={self.target}"]
        words[1:1] = [f"source={self.source}"] if self.source else []
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([*words, "readonly"] if self.read_only else words)
        return line.getvalue()


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What is asked of one container. Nothing in it is secret: secrets are files under a mount.

    `flags` and `user_flags` are words of `docker run` (`("--ipc", "host")`); `depends` are facts that it was started
    for (`{"Ray": "<incarnation>"}`), which make it stale when they change; `shown` is the part of `args` that people
    may compare, all of it by default.
    """

    name: str
    cluster: str
    role: str
    image: str
    entrypoint: str
    args: tuple[str, ...]
    flags: tuple[str, ...] = ()
    user_flags: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    depends: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] | None = None

    def run_words(self) -> tuple[str, ...]:
        """The words of `docker run` without our labels; `user_flags` come last, so that the user's win."""
        env = [word for name, value in sorted(self.env.items()) for word in ("--env", f"{name}={value}")]
        mounts = [word for mount in self.mounts for word in ("--mount", mount.option())]
        return (
            *("--name", self.name, *self.flags, *env, *mounts, *self.user_flags),
            *("--entrypoint", self.entrypoint, self.image, *self.args),
        )

    @property
    def digest(self) -> str:
        """Of everything that is asked, down to the byte."""
        asked = [list(self.run_words()), sorted(self.depends.items())]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def asked(self) -> dict[str, str]:
        """What is asked, by name, for people to compare."""
        return {
            "image": self.image,
            "entrypoint": self.entrypoint,
            **{f"docker {name}": value for name, value in by_name((*self.flags, *self.user_flags)).items()},
            **{f"env {name}": value for name, value in self.env.items()},
            **{f"mount {mount.target}": mount.option() for mount in self.mounts},
            **by_name(self.args if self.shown is None else self.shown),
            **self.depends,
        }

    def docker_run(self) -> tuple[str, ...]:
        """The whole argv."""
        asked = json.dumps(self.asked(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        labels = {CLUSTER: self.cluster, ROLE: self.role, SPEC: self.digest, ASKED: asked}
        words = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
        return ("docker", "run", "--detach", *words, *self.run_words())


def by_name(words: Sequence[str]) -> dict[str, str]:
    """An argv as a mapping, for showing differences: `--port 8000` and `--port=8000` are `{"--port": "8000"}`.

    What is given twice is joined with a comma; words that belong to no option are numbered.
    """
    found: dict[str, str] = {}

    def add(name: str, value: str) -> None:
        found[name] = f"{found[name]}, {value}" if name in found else value

    index, loose = 0, 0
    while index < len(words):
        word, index = words[index], index + 1
        if not _is_option(word):
            loose += 1
            add(f"argument {loose}", word)
        elif "=" in word:
            name, _, value = word.partition("=")
            add(name, value)
        elif index < len(words) and not _is_option(words[index]):
            add(word, words[index])
            index += 1
        else:
            add(word, "yes")
    return found


def _is_option(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not word[1].isdecimal()


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """Each name whose value differs, in the order of the new one."""
    names = dict.fromkeys((*after, *before))
    return tuple(
        Change(name, before.get(name, NOT_SET), after.get(name, NOT_SET))
        for name in names
        if before.get(name) != after.get(name)
    )


@dataclass(frozen=True, slots=True)
class ContainerRunning:
    """The container of `spec` runs, as asked, from the image that its reference means on the host now.

    `takes_along` are containers that cannot outlive it: they are removed before it is started anew. `last_words` tells
    from the log of a container that ended at once why it did.
    """

    spec: ContainerSpec
    needs: tuple[str, ...] = ()
    takes_along: tuple[str, ...] = ()
    last_words: Callable[[str], Explanation | None] | None = None

    @property
    def key(self) -> str:
        return f"container.{self.spec.name}"

    @property
    def fact(self) -> Fact[Named]:
        return container_named(self.spec.name, self.spec.image, *self.takes_along)

    def _along(self, seen: Named) -> list[Container]:
        return [found for found in seen.others if found.cluster == self.spec.cluster]

    def diff(self, seen: Named) -> Diff:
        found = seen.container
        if found is None:
            return Diff((Change(self.spec.name, "absent", "running"),))
        if found.cluster != self.spec.cluster:
            return _foreign(found, self.spec.cluster)
        changes = []
        if not found.running:
            changes.append(Change(self.spec.name, found.described, "running"))
        if found.image_id != seen.image_id:
            changes.append(Change("content of the image", _short(found.image_id), _short(seen.image_id)))
        if found.labels.get(SPEC) != self.spec.digest:
            named = differences(found.asked, self.spec.asked())
            changes += named or (Change("order of the arguments", "another", "as asked"),)
        if changes:
            changes += [Change(along.name, along.described, "absent") for along in self._along(seen)]
        return Diff(tuple(changes))

    def apply(self, seen: Named, diff: Diff) -> Sequence[Action]:
        actions: list[Action] = remove(self._along(seen))
        if seen.container is not None:
            actions += remove([seen.container])
        made = [mount.source for mount in self.spec.mounts if mount.make]
        if made:
            actions.append(Command(("mkdir", "-p", "--", *made), mutates=True))
        return (*actions, Command(self.spec.docker_run(), mutates=True, timeout=120), sh(STAYS, self.spec.name))

    def explain(self, said: str) -> Explanation | None:
        of_docker = next((Explanation(cause, hint) for sign, cause, hint in RUN_FAILURES if sign in said), None)
        return of_docker or (self.last_words(said) if self.last_words is not None else None)


STAYS = (
    'sleep 1; [ "$(docker inspect --format "{{.State.Running}}" -- "$1")" = true ] || '
    '{ docker logs --tail 60 -- "$1" >&2; '
    'docker inspect --format "it {{.State.Status}} at once with code {{.State.ExitCode}}" -- "$1" >&2; exit 1; }'
)
"""`docker run --detach` succeeds for a program that ends in the next instant; its log says why, while it is there."""

RUN_FAILURES = (
    (
        "could not select device driver",
        "docker cannot hand out GPUs: the NVIDIA container toolkit is not set up",
        "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
    ),
    (
        "nvidia-container-cli: initialization error",
        "the NVIDIA driver does not answer inside the container",
        "nvidia-smi  # on that host: it must list the GPU",
    ),
    (
        "error gathering device information",
        "a device that the container shall get is not on this host",
        "sparkctl doctor",
    ),
    (
        "bind source path does not exist",
        "a directory that the container shall see is not on this host",
        "sparkctl bootstrap  # or correct runtime.docker_args",
    ),
    (
        "unknown flag",
        "docker does not know one of the options in runtime.docker_args",
        "sparkctl inventory show",
    ),
    ("No such image", "the image is not on this host", "sparkctl bootstrap"),
    ("is already in use by container", "another container took its name meanwhile", "docker ps -a"),
)
"""What `docker run` says, what it means, and what mends it (docker 20 to 28)."""


def remove(found: Sequence[Container]) -> list[Action]:
    """Stop with grace, then remove. By id: a name may have been given to another container since it was looked at."""
    actions: list[Action] = []
    for container in found:
        if container.running:
            words = ("docker", "stop", "--time", str(STOP_SECONDS), container.id)
            # 1: it ended by itself meanwhile; whether it is gone is for the removal to say
            actions.append(Command(words, mutates=True, timeout=STOP_SECONDS + 30, ok=frozenset({0, 1})))
        actions.append(Command(("docker", "rm", "--force", "--volumes", container.id), mutates=True))
    return actions


def _foreign(found: Container, cluster: str) -> Diff:
    whose = f"belongs to the cluster {found.cluster}" if found.cluster else "was not started by sparkctl"
    hint = f"sparkctl -i {found.cluster} down" if found.cluster else f"docker inspect {found.name}"
    return Diff(refuse=f"a container called {found.name} is there already and {whose}, not to {cluster}", hint=hint)


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12] or "unknown"


@dataclass(frozen=True, slots=True)
class ContainersAbsent:
    """No container of `cluster` with one of `roles` is left; all roles where `roles` is empty."""

    cluster: str
    roles: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"no-containers.{'+'.join(self.roles) or 'any'}"

    @property
    def fact(self) -> Fact[tuple[Container, ...]]:
        return containers_of(self.cluster)

    def _mine(self, seen: Sequence[Container]) -> list[Container]:
        return [found for found in seen if not self.roles or found.role in self.roles]

    def diff(self, seen: tuple[Container, ...]) -> Diff:
        return Diff(tuple(Change(found.name, found.described, "absent") for found in self._mine(seen)))

    def apply(self, seen: tuple[Container, ...], diff: Diff) -> Sequence[Action]:
        return remove(self._mine(seen))
