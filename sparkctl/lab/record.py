"""What is known about the running lab, and what it tells others."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparkctl.lab.keys import write
from sparkctl.lab.places import Places

SCHEMA = "sparkctl.lab.status/v1"


@dataclass(frozen=True, slots=True)
class Record:
    """What `lab up` decided. `since` is seconds since the epoch; `image` a reference given by the user, or None."""

    nodes: int
    golden: str
    cache: str
    nfs: str
    since: float
    image: str | None = None
    digest: str | None = None
    seconds: float | None = None

    def save(self, where: Places) -> None:
        """Atomically."""
        write(where.record, json.dumps(asdict(self), indent=1).encode(), 0o644)


def load(run: Path | None = None) -> tuple[Places, Record] | None:
    """The running lab, whoever started it; None where there is none."""
    where = Places(run) if run else Places()
    try:
        record = Record(**json.loads(where.record.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return Places(where.run, Path(record.cache)), record


def running() -> dict[str, Record]:
    """Every lab of this machine, by the name of its run directory."""
    runs = sorted(Places().run.parent.glob("sparkctl-lab*/lab.json"))
    found = {file.parent.name: load(file.parent) for file in runs}
    return {name: lab[1] for name, lab in found.items() if lab}


@dataclass(frozen=True, slots=True)
class HostStatus:
    """A virtual Spark: `state` is off, booting, up or frozen."""

    name: str
    address: str
    state: str


@dataclass(frozen=True, slots=True)
class CableStatus:
    """A cable or switch of the fabric: who hangs on it, which plugs are pulled."""

    name: str
    ends: tuple[tuple[str, str], ...]
    cut: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LabStatus:
    """The running lab. `state` is up (all answer), starting, or degraded."""

    state: str
    hosts: tuple[HostStatus, ...]
    cables: tuple[CableStatus, ...]
    registry: str
    image: str | None
    since: float
    inventory: str
    stand_ins: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return {"schema": SCHEMA, **asdict(self)}
