"""A run without an end is under way while its process lives, and interrupted afterwards."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sparkctl.cli.history import _as_of_now
from sparkctl.converge.journal import Journal, past_runs


@pytest.mark.parametrize(
    ("pid", "ended"),
    [(os.getpid(), "running"), (2**22 + 1, "interrupted"), ("x", "interrupted")],
    ids=["alive", "gone", "nonsense"],
)
def test_a_run_without_a_report(tmp_path: Path, pid: object, ended: str) -> None:
    journal = Journal(tmp_path, "c", "sparkctl up")
    journal.close()
    (journal.path / "run.json").write_text(json.dumps({"command": "sparkctl up", "pid": pid}))
    (run,) = past_runs(tmp_path, "c")
    assert _as_of_now(run)["ended"] == ended


def test_a_run_with_a_report_is_what_it_says(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "c", "sparkctl up")
    journal.write("report", {"ok": True, "seconds": 1.0})
    journal.close()
    (run,) = past_runs(tmp_path, "c")
    assert _as_of_now(run) == run and run["ended"] == "ok"
