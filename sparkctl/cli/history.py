"""`sparkctl history`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.session import Session

app = new_app()


@app.command(epilog=EPILOG)
def history(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many, newest first.")] = 20,
) -> int:
    """past runs on this cluster

    Kept on this controller only; the hosts are the truth. A run that was killed shows as interrupted.
    """
    from itertools import islice

    from sparkctl.cli.reach import inventory
    from sparkctl.converge.journal import past_runs
    from sparkctl.ui.columns import Cell, columns
    from sparkctl.ui.text import duration

    session: Session = context.obj
    cluster, _ = inventory(session.options.inventory)
    runs = [_as_of_now(run) for run in islice(past_runs(session.state(), cluster.name), last)]
    style = {"ok": "green", "failed": "bad", "interrupted": "yellow", "running": "cyan"}
    rows = [
        (
            run["id"],
            Cell(run["ended"], style.get(run["ended"], "")),
            duration(run["seconds"]) if run["seconds"] is not None else "",
            f"{run['counts'].get('changed', 0)} changed",
            run["command"],
        )
        for run in runs
    ]
    out = session.terminal.out
    session.answer({"runs": runs}, columns(rows, limit=out.width, color=out.color) or ["no runs yet"])
    return 0


def _as_of_now(run: dict[str, Any]) -> dict[str, Any]:
    """A run without an end is under way while its process lives."""
    if run["ended"] != "interrupted":
        return run
    try:
        about = json.loads((Path(run["path"]) / "run.json").read_text(encoding="utf-8"))
        os.kill(int(about["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return run
    return {**run, "ended": "running"}
