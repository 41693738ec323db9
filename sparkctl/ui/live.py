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
LONGEST = 4
"""Lines of the terminal kept free of host rows: title, proof, prompt and one more."""


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
            rows = [row for row in self.board.rows.values() if row.working]
            table = Table.grid(padding=(0, 1))
            for _ in range(2):
                table.add_column(no_wrap=True)
            table.add_column(no_wrap=True, overflow="ellipsis")
            table.add_column(no_wrap=True, justify="right")
            table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
            room = max(1, self._console.size.height - LONGEST)
            for row in rows[:room]:
                table.add_row(*self._row(row, now))
            if len(rows) > room:
                table.add_row("", f"and {len(rows) - room} more", "", "", "")
            wait = self.board.wait
            if wait is not None:
                bar = _bar(wait.done, wait.total)
                table.add_row(
                    self._spinner, "", _cut("waiting for"), duration(max(0.0, now - wait.since)), clean(wait.text)
                )
                return Group(table, bar) if bar else table
            return table

    def _row(self, row: Row, now: float) -> tuple[RenderableType, ...]:
        says: RenderableType = Text(clean(row.text), style="dim")
        bar = _bar(row.done, row.total)
        if bar is not None:
            grid = Table.grid(padding=(0, 1), expand=True)
            grid.add_column(width=20)
            grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
            grid.add_row(bar, says)
            says = grid
        return self._spinner, Text(clean(row.host)), _cut(row.step), duration(max(0.0, now - row.since)), says


def _cut(text: str) -> Text:
    return Text(clean(text))


def _bar(done: float | None, total: float | None) -> ProgressBar | None:
    if done is None or not total:
        return None
    return ProgressBar(total=float(total), completed=float(done), width=20)
