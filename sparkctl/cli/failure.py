"""The one place where a failure becomes text, JSON and an exit code."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

from sparkctl.cli.options import LONG, Globals, hoist, wants_json
from sparkctl.cli.overview import find, schema
from sparkctl.errors import SparkctlError, StepFailed, UsageError
from sparkctl.ui.terminal import forget

BUG = 70
INTERRUPTED = 130
PENDING = 10
"""The exit codes of the contract that no error class carries (design, section 2)."""


class Bug(SparkctlError):
    """An exception that nobody expected."""

    exit_code = BUG
    code = "bug"


class Stopped(SparkctlError):
    """The user, or the system, ended the run."""

    exit_code = INTERRUPTED
    code = "interrupted"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP. `state` says what is left behind, where somebody knows it."""

    def __init__(self, state: str | None = None) -> None:
        super().__init__()
        self.state = state


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """The one of `known` that `word` was probably meant to be."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1)
    return close[0] if close else None


def guarded(argv: Sequence[str], run: Callable[[], int]) -> int:
    """Run a command line; whatever it raises ends as a sentence and one of the contract's exit codes."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    try:
        code = run()
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of Typer's own output (`serve --help | head`) has gone.
        forget(sys.stdout)
        return 0
    except KeyboardInterrupt as interrupt:
        return _interrupted(argv, interrupt)
    except SparkctlError as error:
        report(argv, [error])
        return error.exit_code
    except Exception as error:
        code = _unexpected(argv, error)
        _let_go_of_stdout()
        return code


def _let_go_of_stdout() -> None:
    """What could not be written cannot be written at exit either, where Python would say so itself and end with 120."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        forget(sys.stdout)


def for_inventory(errors: Sequence[SparkctlError], inventory: str | None) -> list[SparkctlError]:
    """The errors with hints that can be pasted: `sparkctl trust` is `sparkctl -i lab trust` for who gave `-i lab`."""
    from shlex import quote

    if inventory is not None:
        for error in errors:
            words = error.hint.split() if error.hint else []
            if words[:1] == ["sparkctl"] and "-i" not in words and words[1:2] not in (["lab"], ["playbook"]):
                error.hint = f"sparkctl -i {quote(inventory)} {' '.join(words[1:])}"
    return list(errors)


def report(argv: Sequence[str], errors: Sequence[SparkctlError]) -> None:
    """Print errors: text on stderr, or the contract's JSON object on stdout where `-o json` was asked for."""
    from sparkctl.ui.errors import error_json, error_lines
    from sparkctl.ui.terminal import terminal

    options = _options(argv)
    streams = terminal(options.color)
    if not isinstance(errors[0], UsageError | Stopped):
        errors = for_inventory(errors, options.inventory)
    if wants_json(list(argv)):
        try:
            streams.out.json({"schema": schema(argv), "error": error_json(errors[0])})
            return
        except OSError:
            # The disk that stdout goes to is full: say it where it can be read.
            forget(streams.out.file)
    with suppress(OSError):
        streams.err.lines(error_lines(errors, limit=streams.err.width, color=streams.err.color))


def _on_signal(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def _interrupted(argv: Sequence[str], interrupt: KeyboardInterrupt) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: os._exit(INTERRUPTED))
    state = getattr(interrupt, "state", None) or "nothing was left half done that running it again does not finish"
    report(argv, [Stopped(f"interrupted: {state}", hint=f"sparkctl {' '.join(argv)}")])
    sys.stdout.flush()
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        # A thread that waits for a host would hold the process until that host's deadline.
        os._exit(INTERRUPTED)
    return INTERRUPTED


def _unexpected(argv: Sequence[str], error: Exception) -> int:
    """Typer's own errors (they carry `format_message`), the machine's refusals, and at last our bugs."""
    known = _typer_error(argv, error) or _system_error(error)
    if known is not None:
        report(argv, [known])
        return known.exit_code
    from sparkctl.cli.crash import write

    trace = write(argv, error)
    report(argv, [Bug(f"a bug in sparkctl: {type(error).__name__}", hint=f"report it with the trace in {trace}")])
    return BUG


def _typer_error(argv: Sequence[str], error: Exception) -> SparkctlError | None:
    said = getattr(error, "format_message", None)
    if said is None:
        return None
    entry = next((word for word in argv if find(word)), "")
    path = getattr(getattr(error, "ctx", None), "command_path", None) or f"sparkctl {entry}".strip()
    words = [str(path), "--help"]
    message = str(said()).strip()
    option = getattr(error, "option_name", None)
    if option and message.startswith("No such option"):
        near = did_you_mean(option, (*(getattr(error, "possibilities", None) or ()), *LONG))
        words = [words[0], near] if near else words
        message = f"there is no option {option!r}"
    elif meant := re.search(r"^No such command (.*)\. Did you mean '([\w-]+)'", message):
        words = [words[0], meant[2]]
        message = f"there is no command {meant[1]}"
    elif message.startswith("No such command "):
        message = f"there is no command {message.removeprefix('No such command ')}"
    message = message[:1].lower() + message[1:].rstrip(".")
    return UsageError(f"reading the command line: {message}", hint=" ".join(words))


def _system_error(error: Exception) -> SparkctlError | None:
    """The machine says no (no right, no space, too many files): true, and no bug."""
    import errno

    if not isinstance(error, OSError) or error.errno not in {
        errno.EACCES,
        errno.EPERM,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
    }:
        return None
    what = f"using {error.filename}" if error.filename else "working"
    return StepFailed(f"{what}: {(error.strerror or str(error)).lower()}")


def _options(argv: Sequence[str]) -> Globals:
    try:
        return hoist(list(argv)).options
    except SparkctlError:
        return Globals()
