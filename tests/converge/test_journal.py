from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sparkctl.converge import Event, Journal, Kind
from sparkctl.converge.journal import KEPT, past_runs

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_run_that_ended_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "lab", "bootstrap", NOON)
    journal.event(Event(Kind.HOST_CONNECTED, 0.5, host="spark-1"))
    journal.write("report", {"ok": True, "seconds": 3.0, "counts": {"ok": 2}})
    journal.close()
    (run,) = past_runs(tmp_path, "lab")
    assert (run["command"], run["ended"], run["counts"]) == ("bootstrap", "ok", {"ok": 2})
    assert (
        journal.path / "events.jsonl"
    ).read_text() == '{"kind": "host.connected", "seconds": 0.5, "host": "spark-1"}\n'


def test_a_killed_controller_leaves_an_interrupted_run(tmp_path: Path) -> None:
    Journal(tmp_path, "lab", "up", NOON)
    assert [run["ended"] for run in past_runs(tmp_path, "lab")] == ["interrupted"]


def test_a_truncated_report_does_not_break_the_history(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "lab", "up", NOON)
    (journal.path / "report.json").write_text('{"ok": tr')
    assert [run["ended"] for run in past_runs(tmp_path, "lab")] == ["interrupted"]


def test_only_the_last_runs_are_kept_newest_first(tmp_path: Path) -> None:
    for minute in range(KEPT + 3):
        Journal(tmp_path, "lab", f"run {minute}", NOON + timedelta(minutes=minute)).close()
    runs = list(past_runs(tmp_path, "lab"))
    assert len(runs) == KEPT
    assert runs[0]["command"] == f"run {KEPT + 2}"


def test_a_cluster_without_runs_has_no_history(tmp_path: Path) -> None:
    assert list(past_runs(tmp_path, "lab")) == []
