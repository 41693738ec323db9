"""Two hosts with a fake docker, for flows that are converged for real."""

from __future__ import annotations

import getpass
import grp
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sparkctl.converge import Event, Plan, Report, converge, plan
from sparkctl.ensure import secret
from sparkctl.flows.phase import Flow
from sparkctl.flows.serve import serve
from sparkctl.flows.up import up
from sparkctl.inventory.cluster import Cluster, Host, Rail, Runtime
from sparkctl.serving.vllm import Request
from tests.support import fake_hosts
from tests.support.local_door import LocalDoor

TINY = Request("lab/tiny", max_model_len=512)


def stack(hosts: int = 2, **runtime: object) -> Cluster:
    """A cluster as the loader would resolve it."""
    found = tuple(
        Host(
            f"spark-{n}",
            f"192.168.1.2{n}",
            rails=(Rail("enp1s0f1np1", f"192.168.100.{9 + n}", 24),),
            env=(("NCCL_DEBUG", "INFO"),) if n == 2 else (),
            role="head" if n == 1 else "worker",
        )
        for n in range(1, hosts + 1)
    )
    cache = {"hf_cache": "~/hf"}
    return Cluster("two-sparks", found, runtime=Runtime(**{**cache, **runtime}))  # type: ignore[arg-type]


@dataclass
class Hosts:
    """The fake hosts and what happened on them."""

    root: Path
    names: Sequence[str]
    events: list[Event] = field(default_factory=list)

    def doors(self) -> dict[str, LocalDoor]:
        return fake_hosts.doors(self.root, self.names)

    def plan(self, flow: Flow) -> Plan:
        return plan(flow, fake_hosts.fleet(self.doors()))

    def converge(self, flow: Flow, cut: tuple[str, int] | None = None) -> tuple[Report, dict[str, list[str]]]:
        """The report, and what was sent to each host beside questions. `cut`: on this host, after so many actions."""
        opened = self.doors()
        if cut is not None:
            opened[cut[0]].cut_after_mutations = cut[1]
        fleet = fake_hosts.fleet(opened, self.events.append)
        report = converge(flow, plan(flow, fleet), fleet)
        return report, {name: door.sent for name, door in opened.items()}

    def fault(self, host: str, name: str, said: str = "") -> None:
        (self.root / host / f"fault-{name}").write_text(said)

    def mend(self, host: str, name: str) -> None:
        (self.root / host / f"fault-{name}").unlink()

    def file(self, host: str, name: str) -> Path:
        return self.root / host / name


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One place for all tests: what is asked of containers names it, so that a snapshot fits only there."""
    return tmp_path_factory.mktemp("flows")


@pytest.fixture
def hosts(ground: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    """Two hosts with nothing on them."""
    here = ground / "now"
    programs = fake_hosts.install(ground / "bin")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(here / "home"))
    monkeypatch.setattr(secret, "ROOT", str(here / "secrets"))
    monkeypatch.setattr(secret, "OWNER", f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}")
    found = Hosts(here / "hosts", ("spark-1", "spark-2"))
    found.doors()
    yield found
    shutil.rmtree(here)


def _after(hosts: Hosts, ground: Path, name: str, flow: Flow) -> Hosts:
    """The hosts as `flow` leaves them: converged by the first test that asks, copied for the others."""
    snapshot, here = ground / name, ground / "now"
    if not snapshot.exists():
        report, _ = hosts.converge(flow)
        assert report.errors == ()
        hosts.events.clear()
        shutil.copytree(here, snapshot)
    shutil.copytree(snapshot, here, dirs_exist_ok=True)
    return hosts


@pytest.fixture
def raised(hosts: Hosts, ground: Path) -> Hosts:
    """Ray is up on both."""
    return _after(hosts, ground, "raised", up(stack()))


@pytest.fixture
def serving(hosts: Hosts, ground: Path) -> Hosts:
    """Ray is up on both, and TINY is served."""
    return _after(hosts, ground, "serving", (*up(stack()), *serve(stack(), TINY)))
