"""Runs the demo's commands as children, so that what is shown is what a user would type; keeps a picture if asked."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from sparkctl.cli import demo
from sparkctl.cli.failure import Interrupted
from sparkctl.cli.picture import SHOWN, Picture
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

PATIENCE = 20.0
"""Seconds that an interrupted stage may take to clean up before it is told again."""


def play(session: Session, stages: Sequence[demo.Stage], picture: Picture | None) -> list[tuple[demo.Stage, float]]:
    """Run all stages and say how long each took. Raises what a failed stage's exit code means."""
    took: list[tuple[demo.Stage, float]] = []
    for number, stage in enumerate(stages, 1):
        err = session.terminal.err
        err.lines(demo.heading(number, len(stages), stage, err.color))
        if picture is not None:
            picture.add(demo.heading(number, len(stages), stage, True))
        began = time.monotonic()
        code = _run(session, stage, picture)
        took.append((stage, time.monotonic() - began))
        if code:
            raise _failure(stage, code)
    return took


def converse() -> demo.Said:
    """One question to what the demo serves. Joins the lab's network, so nothing that runs on hosts may follow here."""
    from sparkctl.bench.chat import ask
    from sparkctl.cli.reach import inventory
    from sparkctl.lab import lab

    cluster, _ = inventory("lab")
    lab.join()
    endpoint = f"http://{cluster.head.address}:{cluster.serve.port}/v1"
    return demo.Said(demo.QUESTION, ask(endpoint, demo.QUESTION, model=demo.SERVED), endpoint)


def _failure(stage: demo.Stage, code: int) -> SparkctlError:
    """The stage has told its error; what is left is to end with its exit code."""
    known = (UsageError, ConfigError, UnreachableError, PartlyDoneError, LockedError)
    kind: type[SparkctlError] = next((kind for kind in known if kind.exit_code == code), StepFailed)
    message = f"playing the demo: `{stage}` ended with exit code {code}; the lab is left as it is"
    return kind(message, step=stage.title, hint="sparkctl lab demo")


def _run(session: Session, stage: demo.Stage, picture: Picture | None) -> int:
    """The stage's exit code. Its own two streams are ours, but for a picture, which is made of both."""
    options = session.options
    colour = "always" if picture is not None else options.color
    argv = [sys.executable, "-m", "sparkctl", "--color", colour, *["-v"] * options.verbose, *stage.words]
    child: subprocess.Popen[Any]
    if picture is None:
        child = subprocess.Popen(argv, stdout=sys.stderr if session.json else None)
    else:
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    said: list[str] = []
    try:
        for line in child.stdout or ():
            said.append(str(line).rstrip("\n"))
            session.terminal.err.lines(said[-1:])
        return child.wait()
    except KeyboardInterrupt as interrupt:
        _let_end(child, told=not isinstance(interrupt, Interrupted))
        raise Interrupted("the demo stopped in the middle; the lab is left as it is") from interrupt
    finally:
        if picture is not None:
            picture.add(said, shown=SHOWN)


def _let_end(child: subprocess.Popen[Any], told: bool) -> None:
    """Wait until the stage has cleaned up. Ctrl-C has told it too, for it shares our terminal; SIGTERM has not."""
    if not told:
        child.terminate()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.terminate()
        child.wait()
