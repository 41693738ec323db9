"""A long piece of work on this machine, step after step: a bar on a terminal, a line a step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any

from sparkctl.ui.terminal import Terminal
from sparkctl.ui.text import clean, duration, paint, width

if TYPE_CHECKING:
    from rich.console import RenderableType

EVERY = 10.0
"""Seconds between two lines about the same step, where lines cannot be redrawn."""


@dataclass(slots=True)
class _Step:
    title: str
    began: float
    spoke: float
    done: float | None = None
    total: float | None = None
    unit: str = ""

    @property
    def amount(self) -> str:
        """`512 of 2048 MB`, `512 MB`, or nothing."""
        if self.done is None:
            return ""
        of = f" of {self.total:.0f}" if self.total else ""
        return f"{self.done:.0f}{of} {self.unit}".rstrip()


class Stages:
    """A `sparkctl.lab.progress.Progress` for people. `with` it, so that the terminal is given back.

    Threads work side by side, each at one step: a thread's next title ends its step before, as does `done == total`.
    """

    def __init__(self, terminal: Terminal, clock: Callable[[], float] = time.monotonic, quiet: bool = False) -> None:
        self._err, self._clock, self._quiet = terminal.err, clock, quiet
        self._lock = Lock()
        self._steps: dict[int, _Step] = {}
        self._live = self._start_live() if terminal.live and not quiet else None

    def __enter__(self) -> Stages:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for step in list(self._steps.values()):
            self._end(step, failed=kind is not None)
        if self._live is not None:
            self._live.stop()

    def step(self, title: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        """Say what is being done, and how much of it (`done` of `total`, in `unit`) where that is known."""
        title, now, me = clean(title), self._clock(), get_ident()
        ended = None
        with self._lock:
            step = self._steps.get(me)
            if step is None or step.title != title:
                ended, step = step, _Step(title, now, now)
                self._steps[me] = step
            step.done, step.total, step.unit = done, total, clean(unit)
        if ended is not None:
            self._end(ended)
        if total and done is not None and done >= total:
            self._steps.pop(me, None)
            self._end(step)
        elif self._live is None and now - step.spoke >= EVERY:
            step.spoke = now
            self._print(f"  ...   {title}  {step.amount}".rstrip())

    def _end(self, step: _Step, failed: bool = False) -> None:
        mark = paint("ended", "bad", self._err.color) if failed else paint("done ", "green", self._err.color)
        took = paint(duration(self._clock() - step.began), "dim", self._err.color)
        self._print(f"  {mark} {step.title}  {took}")

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

        console = Console(file=self._err.file, markup=False, highlight=False, emoji=False, no_color=not self._err.color)
        self._console = console
        return Live(get_renderable=self._draw, console=console, refresh_per_second=8, transient=True)

    def _draw(self) -> RenderableType:
        from sparkctl.ui.draw import doing, fit

        with self._lock:
            now, cells = self._clock(), self._console.size.width
            steps = list(self._steps.values())
            room = min(max((width(step.title) for step in steps), default=0), cells // 2)
            lines = [doing(now, s.began, ((s.title, room),), s.done, s.total, s.amount) for s in steps]
            return fit(lines, cells)
