"""Events as a table that is redrawn: a line a host, so that a slow host never hides another; what ended scrolls up."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from sparkctl.converge.events import Event, Kind
from sparkctl.ui.board import Board
from sparkctl.ui.draw import doing, fit
from sparkctl.ui.plain import PlainView
from sparkctl.ui.text import clean, width

if TYPE_CHECKING:
    from sparkctl.ui.terminal import Stream

REDRAWS = 8
"""A second: a spinner looks alive, and a slow serial line keeps up."""
KEPT_FREE = 4
"""Lines of the terminal that no host takes: the proof, the number of the rest, the cursor, and one to breathe."""


class LiveView:
    """A sink of events for a terminal; `with` it, so that the terminal is given back whatever happens."""

    def __init__(self, stream: Stream, verbose: int = 0, console: Console | None = None) -> None:
        self._console = console or Console(
            file=stream.file, markup=False, highlight=False, emoji=False, no_color=not stream.color
        )
        self._lock = Lock()
        self._plain = PlainView(stream, verbose, write=self._above)
        self._began = time.monotonic()
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
            # A run counts its seconds from before this view: between plan and changes the user may have been asked.
            self._began = time.monotonic() - event.seconds
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
            rows = [row for row in self.board.rows.values() if row.working]
            room = max(1, size.height - KEPT_FREE)
            hosts = min(max((width(clean(row.host)) for row in rows), default=0), size.width // 3)
            steps = min(max((width(clean(row.step)) for row in rows), default=0), size.width // 3)
            lines = [
                doing(now, row.since, ((row.host, hosts), (row.step, steps)), row.done, row.total, row.text)
                for row in rows[:room]
            ]
            if len(rows) > room:
                lines.append(Text(f"  and {len(rows) - room} more"))
            wait = self.board.wait
            if wait is not None:
                lines.append(doing(now, wait.since, (("waiting for", 11),), wait.done, wait.total, wait.text))
            return fit(lines, size.width)
