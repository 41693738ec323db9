"""The run journal: what each run planned, what happened, how it ended; kept on the controller, never needed again.

`STATE/CLUSTER/runs/<utc>-<id>/{plan.json,events.jsonl,report.json}`; the last `KEPT` runs stay.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from sparkctl.converge.events import Event

KEPT = 50


class Journal:
    """Writes one run. A killed controller leaves a journal without report.json, which reads as `interrupted`."""

    def __init__(self, state: Path, cluster: str, command: str, now: datetime | None = None) -> None:
        runs = state / cluster / "runs"
        runs.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        self.path = runs / f"{stamp}-{secrets.token_hex(3)}"
        self.path.mkdir(mode=0o700)
        self.write("run", {"command": command, "started": stamp, "pid": os.getpid()})
        self._events: TextIO = (self.path / "events.jsonl").open("a", encoding="utf-8")
        for old in sorted(runs.iterdir())[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def event(self, event: Event) -> None:
        """Append one event; flushed, so that a killed controller's last line is there."""
        entry = {key: value for key, value in asdict(event).items() if value not in (None, "", {})}
        self._events.write(json.dumps(entry) + "\n")
        self._events.flush()

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Write NAME.json whole: a reader never sees half of it."""
        target = self.path / f"{name}.json"
        part = target.with_suffix(".part")
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        part.replace(target)

    def close(self) -> None:
        self._events.close()


def past_runs(state: Path, cluster: str) -> Iterator[dict[str, Any]]:
    """The journals of a cluster, newest first: `{"id", "command", "started", "ended": ok|failed|interrupted, …}`."""
    runs = state / cluster / "runs"
    if not runs.is_dir():
        return
    for path in sorted(runs.iterdir(), reverse=True):
        run, report = _read(path / "run.json"), _read(path / "report.json")
        ended = "interrupted" if report is None else ("ok" if report.get("ok") else "failed")
        yield {
            "id": path.name,
            "command": (run or {}).get("command", "?"),
            "started": (run or {}).get("started", path.name.split("-")[0]),
            "ended": ended,
            "seconds": (report or {}).get("seconds"),
            "counts": (report or {}).get("counts", {}),
            "path": str(path),
        }


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
