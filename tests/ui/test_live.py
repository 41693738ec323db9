"""The live table: a line a host whatever the width, never higher than the terminal, and nothing raw from a host."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from ui_events import RUN, events

from sparkctl.converge.events import Event, Kind, Outcome
from sparkctl.ui.live import LiveView
from sparkctl.ui.terminal import Stream

CONTROL = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")


def _view(width: int, height: int = 24) -> tuple[LiveView, Console]:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, markup=False, highlight=False, emoji=False
    )
    return LiveView(Stream(console.file, True, width), console=console), console


def _drawn(view: LiveView, console: Console) -> list[str]:
    with console.capture() as capture:
        console.print(view._draw())
    return [CONTROL.sub("", line) for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [30, 80, 200])
def test_every_host_that_works_has_its_line(width: int) -> None:
    view, console = _view(width)
    for event in RUN[:8]:
        view(event)
    lines = _drawn(view, console)
    assert len(lines) == 2
    assert any("spark-1" in line for line in lines) and any("s2" in line for line in lines)
    assert max(map(len, lines)) <= width
    if width >= 80:
        assert "Setting up docker.io" in lines[0]


@pytest.mark.parametrize("width", [30, 80, 200])
def test_a_long_word_from_a_host_pushes_nothing_off_its_line(width: int) -> None:
    view, console = _view(width)
    for event in RUN[:4]:
        view(event)
    view(Event(Kind.LINE, 2.0, host="spark-1", step="package.docker", text="日本語 Unpacking " * 40))
    first, second = _drawn(view, console)
    assert "spark-1" in first and "s2" in second and " s " in first
    assert cell_len(first) <= width


def test_a_tall_stack_fits_a_low_terminal() -> None:
    view, console = _view(80, height=10)
    for n in range(32):
        view(Event(Kind.STEP_STARTED, 0.0, host=f"s{n}", step="x"))
    lines = _drawn(view, console)
    assert len(lines) <= 10
    assert "and 26 more" in lines[-1]


def test_a_wait_shows_what_for_and_a_bar() -> None:
    view, console = _view(80)
    view(
        Event(
            Kind.GATE_WAITING, 5.0, step="joined", text="spark-2 to join", data={"done": 1, "total": 2, "waited": 2.0}
        )
    )
    lines = _drawn(view, console)
    assert "waiting for" in lines[0] and "spark-2 to join" in lines[0]
    assert "━" in lines[0] and len(lines) == 1


def test_what_ended_scrolls_up_and_the_live_part_is_taken_away() -> None:
    view, console = _view(80)
    with view:
        for event in RUN:
            view(event)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "changed" in CONTROL.sub("", written)
    assert written.rstrip().endswith(("\x1b[?25h", "\x1b[2K")) or "\x1b[?25h" in written


def test_the_terminal_is_given_back_after_ctrl_c() -> None:
    view, console = _view(80)
    with pytest.raises(KeyboardInterrupt), view:
        view(Event(Kind.STEP_STARTED, 0.0, host="s", step="x"))
        raise KeyboardInterrupt
    assert console.file.getvalue().count("\x1b[?25h") == 1  # type: ignore[attr-defined]


@settings(max_examples=40)
@given(st.lists(events, max_size=10), st.sampled_from([20, 80]))
def test_hostile_events_draw_no_escape_of_their_own(given_events: list[Event], width: int) -> None:
    view, console = _view(width)
    for event in given_events:
        view(event)
    for line in _drawn(view, console):
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", line)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert not re.search("\x1b(?!\\[[0-9;]*m)|[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f]", written)


def test_markup_from_a_host_is_shown_as_it_is() -> None:
    view, console = _view(80)
    view(Event(Kind.STEP_STARTED, 0.0, host="s", step="x"))
    view(Event(Kind.LINE, 0.0, host="s", step="x", text="[/red] [bold] :smile:"))
    assert "[/red] [bold] :smile:" in _drawn(view, console)[0]
    view(Event(Kind.STEP_DONE, 0.0, host="s", step="[blink]x", outcome=Outcome.CHANGED))
    assert "[blink]x" in console.file.getvalue()  # type: ignore[attr-defined]


def test_time_goes_on_from_the_runs_own_seconds() -> None:
    view, console = _view(80)
    view(Event(Kind.STEP_STARTED, 100.0, host="s", step="x"))
    view(Event(Kind.LINE, 163.0, host="s", step="x", text="said"))
    assert "1 min 03 s" in _drawn(view, console)[0]
