"""Our containers on the hosts, for the commands that look into them."""

from __future__ import annotations

from collections.abc import Sequence

from sparkctl.converge.fleet import Fleet
from sparkctl.errors import SparkctlError, StepFailed, UsageError
from sparkctl.facts.base import Missing
from sparkctl.facts.container import Container, containers_of


def ours(opened: Fleet, cluster: str, hosts: Sequence[str], part: str | None = None) -> dict[str, list[Container]]:
    """The containers of `cluster` on each of `hosts`; with `part` (`ray`, `serve`) only those of that name.

    Raises what kept a host from being asked, and `StepFailed` where there is no such container at all.
    """
    fact = containers_of(cluster)
    answers = opened.gather({host: [fact] for host in hosts if host in opened.open})
    found: dict[str, list[Container]] = {}
    for host in hosts:
        if host in opened.lost:
            raise opened.lost[host]
        answer = answers[host][fact.name]
        if isinstance(answer, Missing):
            raise StepFailed(f"asking docker on {host}: {answer.reason}", host=host, hint=answer.hint)
        found[host] = [one for one in answer if part is None or one.name == f"sparkctl-{part}"]
    if not any(found.values()):
        raise _nothing(cluster, hosts, part)
    return found


def part_named(name: str | None) -> str | None:
    """Refuses what is none of our containers' names. Raises `UsageError`."""
    if name in (None, "ray", "serve"):
        return name
    raise UsageError(f"choosing a container: {name!r} is neither ray nor serve", hint="--only serve")


def _nothing(cluster: str, hosts: Sequence[str], part: str | None) -> SparkctlError:
    what = f"no {part} container" if part else "no container"
    start = "sparkctl serve --model NAME" if part == "serve" else "sparkctl up"
    return StepFailed(f"looking for containers on {', '.join(hosts)}: {what} of {cluster} is there", hint=start)
