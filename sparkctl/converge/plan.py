"""From a flow and what the hosts answered to the list of what would be done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sparkctl.ensure.base import Deferred, Diff, Ensure, Step
from sparkctl.errors import SparkctlError
from sparkctl.facts.base import Fact, Missing
from sparkctl.flows.phase import Flow, Phase, Seen
from sparkctl.ssh.command import Action


class Verdict(StrEnum):
    OK = "ok"
    CHANGE = "change"
    UNKNOWN = "unknown"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


NOTHING = Diff()


@dataclass(frozen=True, slots=True)
class Item:
    """One ensure on one host as the plan sees it. `reason` and `hint` speak for UNKNOWN, FAILED and UNREACHABLE."""

    host: str
    phase: str
    key: str
    verdict: Verdict
    diff: Diff = NOTHING
    actions: tuple[Action, ...] = ()
    reason: str = ""
    hint: str | None = None
    ensure: Ensure | None = None

    @property
    def pending(self) -> bool:
        return self.verdict in (Verdict.CHANGE, Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a flow would do. `lost` are those of the flow's hosts that could not be asked."""

    items: tuple[Item, ...]
    lost: Mapping[str, SparkctlError]

    @property
    def pending(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.pending)

    @property
    def failed(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.verdict is Verdict.FAILED)

    @property
    def unchanged(self) -> int:
        return sum(item.verdict is Verdict.OK for item in self.items)


def hosts_of(flow: Flow) -> tuple[str, ...]:
    """Every host of the flow once, in order of appearance."""
    return tuple(dict.fromkeys(host for phase in flow for host in phase.hosts))


def wanted(phases: Iterable[Phase], seen: Seen) -> dict[str, list[Fact[Any]]]:
    """The facts that the steps of `phases` need and that are not in `seen` yet, by host."""
    need: dict[str, dict[str, Fact[Any]]] = {}

    def ask(host: str, fact: Fact[Any]) -> None:
        if fact.name not in seen.get(host, {}):
            need.setdefault(host, {})[fact.name] = fact

    for phase in phases:
        for host in phase.hosts:
            for step in phase.steps(host):
                if isinstance(step, Deferred):
                    for ref in step.refs:
                        ask(ref.host, ref.fact)
                    if step.fact is not None:
                        ask(host, step.fact)
                    built = _build(step, seen)
                    if not isinstance(built, Missing):
                        ask(host, built.fact)
                else:
                    ask(host, step.fact)
    return {host: list(facts.values()) for host, facts in need.items()}


def items(phases: Sequence[Phase], seen: Seen, lost: Mapping[str, SparkctlError]) -> tuple[Item, ...]:
    """Judge every step of `phases` in order; a later step may be unknown because of an earlier one."""
    judged: dict[str, Item] = {}
    for phase in phases:
        for host in phase.hosts:
            for step in phase.steps(host):
                item = _judge(phase.title, host, step, seen, lost, judged)
                if f"{host}/{item.key}" in judged:
                    raise ValueError(f"two steps on {host} are called {item.key!r}")
                judged[f"{host}/{item.key}"] = item
    return tuple(judged.values())


def _judge(
    phase: str, host: str, step: Step, seen: Seen, lost: Mapping[str, SparkctlError], judged: Mapping[str, Item]
) -> Item:
    if host in lost:
        return Item(host, phase, step.key, Verdict.UNREACHABLE, reason=lost[host].message, hint=lost[host].hint)
    if isinstance(step, Deferred):
        needs = tuple(f"{ref.host}/{ref.needs}" for ref in step.refs if ref.needs)
        for need in needs:
            # what it refers to is readable, but about to be another: an old key, the id of a container to be replaced
            if need in judged and judged[need].pending:
                return _known_after(phase, host, step.key, judged[need])
        built = _build(step, seen)
        if isinstance(built, Missing):
            return _unknown_or_failed(phase, host, step.key, needs, built, judged)
        step = built
    value = seen.get(host, {}).get(step.fact.name, Missing("it was not asked"))
    if isinstance(value, Missing):
        return _unknown_or_failed(phase, host, step.key, step.needs, value, judged)
    diff = step.diff(value)
    if diff.refuse:
        return Item(host, phase, step.key, Verdict.FAILED, diff, reason=diff.refuse, hint=diff.hint, ensure=step)
    if not diff:
        return Item(host, phase, step.key, Verdict.OK, ensure=step)
    return Item(host, phase, step.key, Verdict.CHANGE, diff, tuple(step.apply(value, diff)), ensure=step)


def _build(step: Deferred, seen: Seen) -> Ensure | Missing:
    given = []
    for ref in step.refs:
        value = seen.get(ref.host, {}).get(ref.fact.name, Missing("it was not asked"))
        if isinstance(value, Missing):
            return Missing(f"{ref.fact.name} of {ref.host}: {value.reason}", value.hint)
        given.append(value)
    return step.build(*given)


def _unknown_or_failed(
    phase: str, host: str, key: str, needs: tuple[str, ...], why: Missing, judged: Mapping[str, Item]
) -> Item:
    named = (judged.get(name) for need in needs for name in (need, f"{host}/{need}"))
    earlier = (item for item in reversed(list(judged.values())) if item.host == host)
    for item in (*named, *earlier):
        if item is not None and item.pending:
            return _known_after(phase, host, key, item)
    return Item(host, phase, key, Verdict.FAILED, reason=why.reason, hint=why.hint)


def _known_after(phase: str, host: str, key: str, pending: Item) -> Item:
    after = pending.key if pending.host == host else f"{pending.host}/{pending.key}"
    return Item(host, phase, key, Verdict.UNKNOWN, reason=f"known after {after}")


def to_json(plan: Plan) -> dict[str, Any]:
    """The contract's answer of `--dry-run`."""
    return {
        "changes": [
            {
                "host": item.host,
                "phase": item.phase,
                "ensure": item.key,
                "before": {change.what: change.before for change in item.diff.changes},
                "after": {change.what: change.after for change in item.diff.changes},
                "commands": [str(action) for action in item.actions],
            }
            for item in plan.items
            if item.verdict is Verdict.CHANGE
        ],
        "unknown": [
            {"host": item.host, "phase": item.phase, "ensure": item.key, "reason": item.reason}
            for item in plan.items
            if item.verdict is Verdict.UNKNOWN
        ],
        "failed": [
            {"host": item.host, "phase": item.phase, "ensure": item.key, "reason": item.reason, "hint": item.hint}
            for item in plan.items
            if item.verdict in (Verdict.FAILED, Verdict.UNREACHABLE)
        ],
        "unchanged": plan.unchanged,
    }
