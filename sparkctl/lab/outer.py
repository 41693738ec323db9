"""Programs run on the outer machine: each with a deadline, each failure one sentence with what it said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sparkctl.errors import StepFailed

EVIDENCE_LINES = 15


def call(argv: Sequence[str | Path], *, doing: str, timeout: float = 30.0, stdin: str | None = None) -> str:
    """Run a program and return its stdout. `timeout` in seconds.

    Raises StepFailed (`doing: cause`) where it cannot be run, fails or does not end.
    """
    words = [os.fspath(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as missing:
        raise StepFailed(f"{doing}: {words[0]} is not installed", hint=f"install {words[0]}") from missing
    except subprocess.TimeoutExpired as late:
        raise StepFailed(f"{doing}: {words[0]} did not end within {timeout:.0f} s") from late
    if done.returncode:
        raise StepFailed(
            f"{doing}: {Path(words[0]).name} ended with {done.returncode}", evidence=tail(done.stderr or done.stdout)
        )
    return done.stdout


def succeeds(argv: Sequence[str | Path], timeout: float = 30.0) -> bool:
    """Whether a program runs and ends well; it says nothing."""
    try:
        return (
            subprocess.run(
                [os.fspath(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def tail(text: str, lines: int = EVIDENCE_LINES) -> str:
    """The last lines of a program's output: the evidence of a failure."""
    return "\n".join(text.strip().splitlines()[-lines:])
