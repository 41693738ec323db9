"""The plan as a diff that a person can read, and the recap."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from sparkctl.converge.events import Outcome
from sparkctl.converge.plan import Item, Plan, Verdict
from sparkctl.converge.report import Done, Report
from sparkctl.ensure.base import Change, Diff
from sparkctl.errors import StepFailed, UnreachableError
from sparkctl.ssh.command import Command, Put
from sparkctl.ui.tables import plan_lines, plan_summary, recap_lines

DOCKER = Diff((Change("version", "absent", "26.1"),))
INSTALL = (Command(("apt-get", "install", "-y", "docker.io"), sudo=True, mutates=True),)
PLAN = Plan(
    (
        Item("spark-1", "docker", "package.docker", Verdict.CHANGE, DOCKER, INSTALL),
        Item("spark-2", "docker", "package.docker", Verdict.CHANGE, DOCKER, INSTALL),
        Item("spark-1", "docker", "group.docker", Verdict.UNKNOWN, reason="known after package.docker"),
        Item("spark-2", "docker", "group.docker", Verdict.OK),
        Item(
            "spark-1",
            "fabric",
            "netplan.fabric",
            Verdict.CHANGE,
            Diff((Change("mtu of enp1s0f1np1", "1500", "9000"), Change("address", "none", "192.168.100.10/24"))),
            (Put(b"x" * 120, "/etc/netplan/60-sparkctl.yaml", 0o600), Command(("netplan", "apply"), sudo=True)),
        ),
        Item(
            "spark-2", "fabric", "netplan.fabric", Verdict.FAILED, reason="enp1s0f1np1 does not exist", hint="ip link"
        ),
        Item("spark-3", "fabric", "netplan.fabric", Verdict.UNREACHABLE, reason="connecting to spark-3: no answer"),
        Item("spark-1", "nfs", "mount.hf", Verdict.OK),
    ),
    {"spark-3": UnreachableError("connecting to spark-3: no answer", host="spark-3")},
)
REPORT = Report(
    (
        Done("spark-1", "docker", "package.docker", Outcome.CHANGED),
        Done("spark-1", "docker", "group.docker", Outcome.OK),
        Done("spark-2", "docker", "package.docker", Outcome.FAILED, "no such package"),
        Done("spark-2", "docker", "group.docker", Outcome.SKIPPED),
    ),
    (StepFailed("ensuring package.docker on spark-2: no such package", host="spark-2"),),
    (),
    83.4,
)


@pytest.mark.parametrize("limit", [40, 80, 200, None])
@pytest.mark.parametrize("commands", [False, True])
def test_plan(snapshot: SnapshotAssertion, limit: int | None, commands: bool) -> None:
    assert plan_lines(PLAN, commands=commands, limit=limit, color=False) == snapshot


def test_a_plan_with_nothing_to_do_says_so() -> None:
    done = Plan((Item("s", "docker", "package.docker", Verdict.OK),), {})
    assert plan_lines(done, commands=True, limit=80, color=False) == ["plan: nothing to do, 1 as they should be"]


def test_what_differs_between_hosts_is_never_merged() -> None:
    other = (Command(("apt-get", "install", "-y", "docker-ce"), sudo=True),)
    items = (*PLAN.items[:1], Item("spark-2", "docker", "package.docker", Verdict.CHANGE, DOCKER, other))
    text = "\n".join(plan_lines(Plan(items, {}), commands=True, limit=None, color=False))
    assert "docker.io" in text and "docker-ce" in text
    assert "spark-1, spark-2" not in text


def test_summary() -> None:
    assert plan_summary(PLAN) == (
        "plan: 3 to change on 2 hosts, 1 known later, 1 impossible, 1 host unreachable, 2 as they should be"
    )


@pytest.mark.parametrize("limit", [40, 80, None])
def test_recap(snapshot: SnapshotAssertion, limit: int | None) -> None:
    assert recap_lines("bootstrap", REPORT, ["spark-2", "spark-1", "idle"], limit=limit, color=False) == snapshot


def test_recap_of_nothing_done() -> None:
    report = Report((Done("s", "p", "k", Outcome.OK),), (), (), 0.3)
    assert recap_lines("bootstrap", report, ["s"], limit=None, color=False) == [
        "  s  1 ok  0 changed",
        "bootstrap done in 0.3 s: 1 ok",
    ]
