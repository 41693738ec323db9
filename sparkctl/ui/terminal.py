"""The two streams: stdout is data, stderr is for people; what each can show."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TextIO


@dataclass(frozen=True, slots=True)
class Stream:
    """Where text goes, whether in colour, and within how many cells (None: a file or a pipe, never wrapped)."""

    file: TextIO
    color: bool
    width: int | None

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines that are already clean, and flush: a log that is followed must show them at once.

        That the reader has gone (`| head`) ends the writing, not the work.
        """
        text = "".join(f"{line}\n" for line in lines)
        encoding = getattr(self.file, "encoding", None) or "utf-8"
        try:
            self.file.write(text.encode(encoding, "replace").decode(encoding))
            self.file.flush()
        except BrokenPipeError:
            forget(self.file)

    def json(self, value: Mapping[str, Any]) -> None:
        self.lines([json.dumps(value, indent=2)])


@dataclass(frozen=True, slots=True)
class Terminal:
    """`live`: stderr is a terminal that can be redrawn."""

    out: Stream
    err: Stream
    live: bool


def forget(file: TextIO) -> None:
    """Let a stream whose reader has gone end in nothing, so that its last flush at exit raises nothing either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def terminal(
    color: Literal["auto", "always", "never"] = "auto",
    env: Mapping[str, str] = os.environ,
    out: TextIO | None = None,
    err: TextIO | None = None,
) -> Terminal:
    """The process's streams. NO_COLOR (https://no-color.org) and TERM=dumb turn `auto` colour off."""
    out, err = out or sys.stdout or _nothing(), err or sys.stderr or _nothing()
    dumb = env.get("TERM") == "dumb"

    def stream(file: TextIO) -> Stream:
        tty = file.isatty()
        auto = tty and not dumb and not env.get("NO_COLOR")
        return Stream(file, color == "always" or (color == "auto" and auto), _width(file, env) if tty else None)

    return Terminal(stream(out), stream(err), err.isatty() and not dumb)


def _nothing() -> TextIO:
    """Instead of a stream that was closed before we started (`>&-`): Python has None there."""
    return open(os.devnull, "w", encoding="utf-8")


def _width(file: TextIO, env: Mapping[str, str]) -> int:
    """Cells of a terminal; a terminal that does not know (0, as under some `script` and CI) counts as 80."""
    if env.get("COLUMNS", "").isdecimal() and int(env["COLUMNS"]) > 0:
        return int(env["COLUMNS"])
    try:
        return os.get_terminal_size(file.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
