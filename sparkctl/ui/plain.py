"""Events as lines, for logs and pipes: one finished step a line, flushed, nothing redrawn."""

from __future__ import annotations

from collections.abc import Callable

from sparkctl.converge.events import Event, Kind, Outcome
from sparkctl.ui.board import Board, Row
from sparkctl.ui.terminal import Stream
from sparkctl.ui.text import clean, duration, pad, paint, width

EVERY = 10.0
"""Seconds between two progress lines of one host or one proof."""

LONGEST = 100
"""Characters of what a step changed that are told without -v."""

OUTCOME_STYLE = {
    Outcome.OK: "green",
    Outcome.CHANGED: "yellow",
    Outcome.FAILED: "bad",
    Outcome.UNREACHABLE: "bad",
    Outcome.SKIPPED: "dim",
    Outcome.UNKNOWN: "bad",
}


class PlainView:
    """A sink of events. `verbose` 1 adds unchanged steps and the commands, 2 every line of their output."""

    def __init__(self, stream: Stream, verbose: int = 0, write: Callable[[list[str]], None] | None = None) -> None:
        self.board = Board()
        self._stream, self._verbose = stream, verbose
        self._write = write or stream.lines
        self._said: dict[str, tuple[float, str]] = {}

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, event: Event) -> None:
        self.board.fold(event)
        if lines := [line for line in self._lines(event) if line]:
            self._write(lines)

    def _lines(self, event: Event) -> list[str]:
        match event.kind:
            case Kind.PHASE_STARTED:
                return [self._style(self._title(event), "bold")]
            case Kind.HOST_LOST:
                return [self._host(event, "lost", "bad", event.text)]
            case Kind.STEP_STARTED if self._verbose:
                return [self._host(event, "doing", "cyan", f"{event.step}  {event.text}")]
            case Kind.ACTION if self._verbose:
                return [self._host(event, "runs", "dim", event.text)]
            case Kind.LINE:
                return self._progress(event)
            case Kind.STEP_DONE:
                return self._done(event)
            case Kind.GATE_WAITING:
                return self._waiting(event)
            case Kind.GATE_DONE:
                return [self._proof(event)]
        return []

    def _title(self, event: Event) -> str:
        number = self.board.phase_number()
        of = f"[{number}/{len(self.board.phases)}] " if number else ""
        return f"{of}{clean(event.phase or '')}"

    def _done(self, event: Event) -> list[str]:
        outcome = event.outcome or Outcome.OK
        if not self._verbose and outcome in (Outcome.OK, Outcome.SKIPPED, Outcome.UNREACHABLE):
            return []
        row, step = self.board.row(event.host or ""), event.step or ""
        change = row.begun.get(step, "").replace(" -> ", " → ")
        said = [step, event.text or (change if self._verbose else short(change))]
        if step in row.begun:
            said.append(duration(row.took.get(step, event.seconds - row.since)))
        return [self._host(event, outcome.value, OUTCOME_STYLE[outcome], "  ".join(part for part in said if part))]

    def _progress(self, event: Event) -> list[str]:
        if self._verbose > 1:
            return [self._host(event, "says", "dim", event.text)]
        row = self.board.row(event.host or "")
        said = f"{row.step}  {_share(row)}{row.text}"
        return (
            [self._host(event, "...", "dim", said)]
            if self._due(f"host {event.host} {row.step}", event, said, row.since + EVERY)
            else []
        )

    def _waiting(self, event: Event) -> list[str]:
        waited = float(event.data.get("waited") or 0.0)
        if not self._due(f"gate {event.step}", event, event.text, event.seconds - waited):
            return []
        return [f"  waiting for {clean(event.text)}  {self._style(duration(waited), 'dim')}"]

    def _proof(self, event: Event) -> str:
        if event.outcome is Outcome.OK:
            return f"  {self._style('proven', 'green')}  {clean(event.step or '')}: {clean(event.text)}"
        return f"  {self._style('not proven', 'bad')}  {clean(event.step or '')}: {clean(event.text)}"

    def _due(self, key: str, event: Event, text: str, begun: float) -> bool:
        """New words when nothing was said since `begun` or for a while; never the same words twice."""
        when, before = self._said.get(key, (begun - EVERY, ""))
        if text == before or event.seconds - when < EVERY:
            return False
        self._said[key] = (event.seconds, text)
        return True

    def _host(self, event: Event, word: str, style: str, said: str) -> str:
        room = max((width(clean(host)) for host in self.board.rows), default=0)
        name = pad(clean(event.host or ""), room)
        return f"  {name}  {self._style(pad(word, 7), style)}  {clean(said).strip()}".rstrip()

    def _style(self, text: str, style: str) -> str:
        return paint(text, style, self._stream.color)


def short(changes: str) -> str:
    """The first of many changes (`a: 1 → 2; b: 3 → 4; …`), and how many more there are."""
    first, *more = changes.split("; ")
    return changes if len(changes) <= LONGEST or not more else f"{first}; and {len(more)} more"


def _share(row: Row) -> str:
    return f"{row.done / row.total:.0%}  " if row.total and row.done is not None else ""
