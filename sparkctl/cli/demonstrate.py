"""Runs the demo's commands as children, so that what is shown is what a user would type; keeps a picture if asked."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkctl.cli import demo
from sparkctl.cli.failure import Interrupted
from sparkctl.cli.session import Session
from sparkctl.errors import (
    ConfigError,
    LockedError,
    PartlyDoneError,
    SparkctlError,
    StepFailed,
    UnreachableError,
    UsageError,
)

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100
"""Columns of the picture."""
PATIENCE = 20.0
"""Seconds that an interrupted stage may take to clean up before it is told again."""


def play(session: Session, stages: Sequence[demo.Stage], picture: Path | None) -> list[tuple[demo.Stage, float]]:
    """Run all stages and say how long each took. Raises `StepFailed` at the first that fails."""
    recorder = _recorder() if picture is not None else None
    took: list[tuple[demo.Stage, float]] = []
    try:
        for number, stage in enumerate(stages, 1):
            colour = session.terminal.err.color or recorder is not None
            _tell(session, recorder, demo.heading(number, len(stages), stage, colour))
            began = time.monotonic()
            code = _run(session, stage, recorder)
            took.append((stage, time.monotonic() - began))
            if code:
                raise _failure(stage, code)
        return took
    finally:
        if recorder is not None and picture is not None:
            picture.write_text(recorder.export_svg(title="sparkctl lab demo"), encoding="utf-8")


def _failure(stage: demo.Stage, code: int) -> SparkctlError:
    """The stage has told its error; what is left is to end with its exit code."""
    known = (UsageError, ConfigError, UnreachableError, PartlyDoneError, LockedError)
    kind: type[SparkctlError] = next((kind for kind in known if kind.exit_code == code), StepFailed)
    message = f"playing the demo: `{stage}` ended with exit code {code}; the lab is left as it is"
    return kind(message, step=stage.title, hint="sparkctl lab demo")


def _run(session: Session, stage: demo.Stage, recorder: Console | None) -> int:
    """The stage's exit code. Its own two streams are ours, but for a picture, which is made of both."""
    options = session.options
    colour = "always" if recorder is not None else options.color
    argv = [sys.executable, "-m", "sparkctl", "--color", colour, *["-v"] * options.verbose, *stage.words]
    child: subprocess.Popen[Any]
    if recorder is None:
        child = subprocess.Popen(argv, stdout=sys.stderr if session.json else None)
    else:
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        for line in child.stdout or ():
            _tell(session, recorder, [str(line).rstrip("\n")])
        return child.wait()
    except KeyboardInterrupt as interrupt:
        _let_end(child, told=not isinstance(interrupt, Interrupted))
        raise Interrupted("the demo stopped in the middle; the lab is left as it is") from interrupt


def _let_end(child: subprocess.Popen[Any], told: bool) -> None:
    """Wait until the stage has cleaned up. Ctrl-C has told it too, for it shares our terminal; SIGTERM has not."""
    if not told:
        child.terminate()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.terminate()
        child.wait()


def _tell(session: Session, recorder: Console | None, lines: Sequence[str]) -> None:
    session.terminal.err.lines(lines)
    if recorder is not None:
        from rich.text import Text

        for line in lines:
            recorder.print(Text.from_ansi(line))


def _recorder() -> Console:
    import io

    from rich.console import Console

    return Console(record=True, file=io.StringIO(), width=WIDTH, force_terminal=True, highlight=False, markup=False)
