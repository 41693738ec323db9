"""sparkctl's own way to ask the same: `python -m tests.benchmarks.ours TARGETS.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sparkctl.converge import Fleet
from sparkctl.facts.base import Missing
from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.connect import connect_all
from sparkctl.ssh.hostkeys import KnownHosts
from tests.benchmarks.questions import FACTS


def main(path: str) -> None:
    given = json.loads(Path(path).read_text())
    endpoints = [
        Endpoint(f"h{number}", target["address"], target["port"], target["user"], given["identity"])
        for number, target in enumerate(given["targets"])
    ]
    fleet = Fleet(connect_all(endpoints, KnownHosts(Path(given["known_hosts"]))), lambda event: None)
    seen = fleet.gather(dict.fromkeys(fleet.open, FACTS))
    fleet.close()
    answered = [value for values in seen.values() for value in values.values() if not isinstance(value, Missing)]
    if len(answered) != len(FACTS) * len(endpoints):
        sys.exit(f"{len(answered)} answers of {len(FACTS) * len(endpoints)}")


if __name__ == "__main__":
    main(sys.argv[1])
