"""A long piece of work on this machine, stage after stage: a bar on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

from sparkctl.ui.terminal import Terminal
from sparkctl.ui.text import clean, duration, paint

if TYPE_CHECKING:
    from rich.console import RenderableType

EVERY = 10.0
"""Seconds between two lines about the same stage, where lines cannot be redrawn."""


class Stages:
    """Takes `step(title, done, total, unit)` as often as it comes; a new title ends the stage before. `with` it."""

    def __init__(self, terminal: Terminal, clock: Callable[[], float] = time.monotonic, quiet: bool = False) -> None:
        self._err, self._clock, self._quiet = terminal.err, clock, quiet
        self._lock = Lock()
        self._title, self._said = "", ""
        self._began = self._spoke = clock()
        self._done: float | None = None
        self._total: float | None = None
        self._unit = ""
        self._live = self._start_live() if terminal.live and not quiet else None

    def __enter__(self) -> Stages:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end("ended here" if kind else "")
        if self._live is not None:
            self._live.stop()

    def step(self, title: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        """Say what is being done, and how much of it (`done` of `total`, in `unit`) where that is known."""
        if clean(title) != self._title:
            self._end("")
            with self._lock:
                self._title, self._began, self._spoke = clean(title), self._clock(), self._clock()
        with self._lock:
            self._done, self._total, self._unit = done, total, unit
        if self._live is None and self._clock() - self._spoke >= EVERY:
            self._spoke = self._clock()
            self._print(f"  ...  {self._title}  {_amount(done, total, unit)}".rstrip())

    def _end(self, how: str) -> None:
        if not self._title:
            return
        mark = paint("stopped" if how else "done", "bad" if how else "green", self._err.color)
        self._print(f"  {mark}  {self._title}  {paint(duration(self._clock() - self._began), 'dim', self._err.color)}")
        with self._lock:
            self._title = ""

    def _print(self, line: str) -> None:
        if self._quiet:
            return
        if self._live is None:
            self._err.lines([line])
            return
        from rich.text import Text

        self._live.console.print(Text.from_ansi(line), soft_wrap=True)

    def _start_live(self) -> Any:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        console = Console(file=self._err.file, markup=False, highlight=False, emoji=False, no_color=not self._err.color)
        self._spinner = Spinner("dots", style="cyan")
        return Live(get_renderable=self._draw, console=console, refresh_per_second=8, transient=True)

    def _draw(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        with self._lock:
            table = Table.grid(padding=(0, 1))
            for overflow in ("fold", "ellipsis", "fold", "fold", "fold"):
                table.add_column(no_wrap=True, overflow=overflow)
            if not self._title:
                return table
            bar = ProgressBar(self._total, self._done, width=24) if self._total and self._done is not None else ""
            took = Text(duration(self._clock() - self._began), style="dim")
            amount = Text(_amount(self._done, self._total, self._unit), style="dim")
            table.add_row(self._spinner, Text(self._title), took, bar, amount)
            return table


def _amount(done: float | None, total: float | None, unit: str) -> str:
    """`512 of 2048 MiB`, `512 MiB`, or nothing."""
    if done is None:
        return ""
    of = f" of {total:.0f}" if total else ""
    return f"{done:.0f}{of} {clean(unit)}".rstrip()
