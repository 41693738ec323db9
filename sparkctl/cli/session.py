"""What every command has at hand: its options, the two streams, and the ways to answer, to ask and to show progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from sparkctl.cli.failure import Interrupted, for_inventory
from sparkctl.cli.options import Globals
from sparkctl.errors import SparkctlError, UsageError
from sparkctl.ui.board import Board
from sparkctl.ui.errors import error_json, error_lines
from sparkctl.ui.plain import PlainView
from sparkctl.ui.terminal import Terminal, terminal
from sparkctl.ui.text import clean


@dataclass(frozen=True, slots=True)
class Session:
    """One run of one command. `words` are the command line without the global options."""

    options: Globals
    words: tuple[str, ...]
    schema: str
    terminal: Terminal

    @classmethod
    def begin(cls, options: Globals, words: Sequence[str], schema: str) -> Session:
        return cls(options, tuple(words), schema, terminal(options.color))

    @property
    def json(self) -> bool:
        return self.options.output == "json"

    def answer(self, value: Mapping[str, Any], lines: Sequence[str]) -> None:
        """The command's result on stdout: `value` with its schema where JSON was asked for, else `lines`."""
        if self.json:
            self.terminal.out.json({"schema": self.schema, **value})
        else:
            self.terminal.out.lines(lines)

    def fail(self, errors: Sequence[SparkctlError], value: Mapping[str, Any]) -> None:
        """Errors beside a result: as text on stderr, or as `error` and `errors` within the one JSON object."""
        if not errors:
            return
        errors = for_inventory(errors, self.options.inventory)
        if self.json:
            found = [error_json(error) for error in errors]
            self.terminal.out.json({"schema": self.schema, **value, "error": found[0], "errors": found})
        else:
            err = self.terminal.err
            err.lines(error_lines(errors, limit=err.width, color=err.color))

    def say(self, *lines: str) -> None:
        """For people: progress and what to do next; silent under `-o json`."""
        if not self.json:
            self.terminal.err.lines(lines)

    def line(self, words: str) -> str:
        """A command line for the same inventory, to be pasted."""
        where = self.options.inventory
        return f"sparkctl {f'-i {quote(where)} ' if where is not None else ''}{words}"

    def no_dry_run(self) -> None:
        """For commands that act on this machine without a plan. Raises `UsageError` where only a plan was asked for."""
        if self.options.dry_run:
            raise UsageError(
                f"reading the command line: `{' '.join(self.words)}` has no dry run; nothing was done",
                hint=f"sparkctl {' '.join(self.words[:2])} --help",
            )

    def confirm(self, question: str) -> None:
        """Ask before something that cannot be taken back. Raises `UsageError` where nobody can be asked."""
        if self.options.yes:
            return
        if not (sys.stdin.isatty() and self.terminal.live) or self.json:
            raise UsageError(
                f"asking before {clean(question)}: there is no terminal to ask on",
                hint=self.line(f"{' '.join(self.words)} --yes"),
            )
        self.terminal.err.file.write(f"{clean(question)}? [y/N] ")
        self.terminal.err.file.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise UsageError(f"asking before {clean(question)}: you said no; nothing was done")

    def state(self) -> Path:
        """Where the run journals are kept."""
        import platformdirs

        return platformdirs.user_state_path("sparkctl")

    @contextmanager
    def progress(self) -> Iterator[PlainView | Any]:
        """A sink of events on stderr: live on a terminal, lines elsewhere, nothing under `-o json` without `-v`.

        A run that is interrupted inside says what was under way.
        """
        with self._view() as view:
            try:
                yield view
            except KeyboardInterrupt:
                raise Interrupted(_left(view.board)) from None

    def _view(self) -> Any:
        if self.json and not self.options.verbose:
            return PlainView(self.terminal.err, write=_nowhere)
        if self.terminal.live:
            from sparkctl.ui.live import LiveView

            return LiveView(self.terminal.err, self.options.verbose)
        return PlainView(self.terminal.err, self.options.verbose)


def _nowhere(lines: list[str]) -> None:
    pass


def _left(board: Board) -> str:
    doing = board.doing()
    if not doing and not board.wait:
        return "what had been finished stays; run it again and it goes on from there"
    if not doing and board.wait:
        return f"while waiting for {clean(board.wait.text)}; what was started goes on on the hosts"
    return f"during {clean(', '.join(doing[:3]))}; what had been finished stays; run it again and it goes on from there"
