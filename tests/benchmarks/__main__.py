"""How fast, against what; prints ratios, asserts none: `python -m tests.benchmarks [startup|facts|bootstrap]`.

Each ratio compares two commands run in turn in this one process's children, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparkctl.facts import batch
from tests.benchmarks import ansible
from tests.benchmarks.questions import FACTS
from tests.support.sshd import WHY_NOT, Farm

PYTHON = sys.executable


def in_turn(commands: Mapping[str, Sequence[str]], runs: int, env: Mapping[str, str] | None = None) -> dict[str, float]:
    """Median seconds of each command over `runs` rounds, one of each a round."""
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, argv in commands.items():
            began = time.perf_counter()
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **(env or {})})
            took[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in took.items()}


def show(title: str, ours: float, floor: float, goal: float | None, floor_name: str) -> None:
    ratio = f"ratio {ours / floor:5.2f}x" + (f"   goal <= {goal:g}x" if goal else "")
    print(f"{title:34} {ours * 1000:8.0f} ms   {floor_name} {floor * 1000:8.0f} ms   {ratio}", flush=True)


def startup() -> None:
    took = in_turn({"ours": [PYTHON, "-m", "sparkctl", "--help"], "floor": [PYTHON, "-c", "pass"]}, 15)
    show("sparkctl --help", took["ours"], took["floor"], 5.0, "python -c pass")


def facts(with_ansible: bool) -> None:
    if WHY_NOT:
        sys.exit(WHY_NOT)
    questions = batch.unique(FACTS)
    with tempfile.TemporaryDirectory() as folder:
        for hosts, runs in ((2, 7), (8, 5), (32, 3)):
            farm = Farm(Path(folder) / str(hosts))
            for number in range(hosts):
                farm.start(f"h{number}")
            given = {
                "identity": str(farm.identity),
                "known_hosts": str(farm.known_hosts().path),
                "targets": [
                    {"address": "127.0.0.1", "port": s.port, "user": farm.user, "script": batch.script(questions, "n")}
                    for s in farm.running
                ],
            }
            targets = Path(folder) / f"{hosts}.json"
            targets.write_text(json.dumps(given))
            commands = {
                "ours": [PYTHON, "-m", "tests.benchmarks.ours", str(targets)],
                "floor": [PYTHON, "-m", "tests.benchmarks.floor", str(targets)],
            }
            if with_ansible:
                commands["ansible"] = ansible.command(given, Path(folder), hosts)
            took = in_turn(commands, runs, ansible.ENVIRONMENT)
            show(f"facts of {hosts} hosts", took["ours"], took["floor"], 1.3, "connect + one script")
            if with_ansible:
                show(f"ansible-core, {hosts} hosts", took["ansible"], took["ours"], None, "sparkctl")
            farm.stop()


def bootstrap() -> None:
    """A second bootstrap of the running lab (0 changes) against connecting to its hosts and running the same script."""
    from sparkctl.flows.bootstrap import bootstrap as flow
    from sparkctl.inventory.loader import load

    from sparkctl.converge.plan import wanted
    from sparkctl.lab import lab
    from sparkctl.ssh.hostkeys import KnownHosts

    path = lab.inventory_path()
    if path is None:
        print("second bootstrap                   not measured: no lab runs (sparkctl lab demo)")
        return
    cluster = load(path.read_text(), str(path))
    asked = wanted(flow(cluster), {})
    given: dict[str, Any] = {
        "namespace": True,
        "identity": str(Path(cluster.head.ssh.identity_file or "").expanduser()),
        "known_hosts": str(KnownHosts.for_cluster(cluster.name).path),
        "targets": [
            {
                "address": host.address,
                "port": host.ssh.port,
                "user": host.ssh.user,
                "script": batch.script(batch.unique(asked[host.name]), "n"),
            }
            for host in cluster.hosts
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        targets = Path(folder) / "lab.json"
        targets.write_text(json.dumps(given))
        took = in_turn(
            {
                "ours": [PYTHON, "-m", "sparkctl", "-i", "lab", "-o", "json", "bootstrap"],
                "floor": [PYTHON, "-m", "tests.benchmarks.floor", str(targets)],
            },
            5,
        )
    show("second bootstrap (0 changes)", took["ours"], took["floor"], 1.3, "connect + one script")


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    asked.add_argument("what", nargs="*", choices=("startup", "facts", "bootstrap"), default=[])
    asked.add_argument("--with-ansible", action="store_true", help="also time ansible-core (installed into the cache)")
    given = asked.parse_args()
    what = given.what or ["startup", "facts", "bootstrap"]
    if "startup" in what:
        startup()
    if "facts" in what:
        facts(given.with_ansible)
    if "bootstrap" in what:
        bootstrap()


if __name__ == "__main__":
    main()
