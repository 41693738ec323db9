"""Events as a table that is redrawn: a line a host, so that a slow host never hides another; what ended scrolls up."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sparkctl.converge.events import Event, Kind
from sparkctl.ui.board import Board, Row
from sparkctl.ui.plain import PlainView
from sparkctl.ui.text import clean, duration

if TYPE_CHECKING:
    from sparkctl.ui.terminal import Stream

REDRAWS = 8
"""A second: a spinner looks alive, and a slow serial line keeps up."""
KEPT_FREE = 4
"""Lines of the terminal that no host takes: the proof, its bar, the rest's number and the cursor."""
NARROW = 50
"""Cells below which only the host and its time are shown."""


class LiveView:
    """A sink of events for a terminal; `with` it, so that the terminal is given back whatever happens."""

    def __init__(self, stream: Stream, verbose: int = 0, console: Console | None = None) -> None:
        self._console = console or Console(
            file=stream.file, markup=False, highlight=False, emoji=False, no_color=not stream.color
        )
        self._lock = Lock()
        self._plain = PlainView(stream, verbose, write=self._above)
        self._began = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=REDRAWS,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    @property
    def board(self) -> Board:
        return self._plain.board

    def __enter__(self) -> LiveView:
        self._began = time.monotonic()
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        quiet = event.kind in (Kind.STEP_STARTED, Kind.GATE_WAITING, Kind.LINE)
        with self._lock:
            if quiet:
                self.board.fold(event)
            else:
                self._plain(event)

    def _above(self, lines: list[str]) -> None:
        for line in lines:
            self._console.print(Text.from_ansi(line), soft_wrap=True)

    def _draw(self) -> RenderableType:
        with self._lock:
            now = time.monotonic() - self._began
            size = self._console.size
            table = _grid(size.width)
            rows = [row for row in self.board.rows.values() if row.working]
            room = max(1, size.height - KEPT_FREE)
            for row in rows[:room]:
                self._add(table, row.host, row.step, now - row.since, _says(row))
            if len(rows) > room:
                self._add(table, f"and {len(rows) - room} more", "", None, "")
            wait = self.board.wait
            if wait is None:
                return table
            self._add(table, "", "waiting for", now - wait.since, Text(clean(wait.text)))
            bar = _bar(wait.done, wait.total)
            return Group(table, bar) if bar else table

    def _add(self, table: Table, host: str, step: str, seconds: float | None, says: RenderableType) -> None:
        took = "" if seconds is None else duration(max(0.0, seconds))
        cells: list[RenderableType] = [self._spinner, Text(clean(host)), Text(took), Text(clean(step)), says]
        table.add_row(*cells[: len(table.columns)])


def _grid(width: int) -> Table:
    """Spinner, host, time; then, where there is room, the step and what it says."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True, justify="right")
    if width >= NARROW:
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=width // 2)
    if width >= NARROW:
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    return table


def _says(row: Row) -> RenderableType:
    says = Text(clean(row.text), style="dim")
    bar = _bar(row.done, row.total)
    if bar is None:
        return says
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=20)
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    grid.add_row(bar, says)
    return grid


def _bar(done: float | None, total: float | None) -> ProgressBar | None:
    if done is None or not total:
        return None
    return ProgressBar(total=float(total), completed=float(done), width=20)
