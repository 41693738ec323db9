"""Events as lines: a log that can be followed, grepped and pasted; and whatever a host says stays text."""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion
from ui_events import RUN, events

from sparkctl.converge.events import Event, Kind, Outcome
from sparkctl.ui.plain import PlainView
from sparkctl.ui.terminal import Stream


def _lines(events: list[Event], *, verbose: int = 0, color: bool = False) -> list[str]:
    file = io.StringIO()
    view = PlainView(Stream(file, color, None), verbose)
    for event in events:
        view(event)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_a_run(snapshot: SnapshotAssertion, verbose: int) -> None:
    assert _lines(RUN, verbose=verbose) == snapshot


def test_colour_only_where_asked() -> None:
    plain, coloured = _lines(RUN), _lines(RUN, color=True)
    assert [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured] == plain
    assert plain != coloured


def test_progress_of_one_host_is_a_line_every_ten_seconds_at_most() -> None:
    lines = [Event(Kind.LINE, n / 10, host="s", step="x", text=f"line {n}") for n in range(1000)]
    assert 9 <= len(_lines(lines)) <= 11


def test_a_quick_step_is_told_once_when_it_is_done() -> None:
    events = [
        Event(Kind.STEP_STARTED, 5.0, host="s", step="x", text="a: 1 -> 2"),
        Event(Kind.LINE, 5.5, host="s", step="x", text="84a5840decf7"),
        Event(Kind.LINE, 9.0, host="s", step="x", text="still at it"),
        Event(Kind.STEP_DONE, 9.5, host="s", step="x", outcome=Outcome.CHANGED),
    ]
    assert _lines(events) == ["  s  changed  x  a: 1 → 2  4.5 s"]


def test_many_changes_are_counted_and_told_in_full_with_v() -> None:
    text = "; ".join(f"mtu of device number {n}: 1500 -> 9000" for n in range(5))
    events = [
        Event(Kind.STEP_STARTED, 0.0, host="s", step="x", text=text),
        Event(Kind.STEP_DONE, 1.0, host="s", step="x", outcome=Outcome.CHANGED),
    ]
    assert _lines(events) == ["  s  changed  x  mtu of device number 0: 1500 → 9000; and 4 more  1.0 s"]
    assert "number 4: 1500 → 9000" in _lines(events, verbose=1)[-1]


def test_a_pull_is_told_in_layers() -> None:
    ids = [f"{n:012x}" for n in range(4)]
    said = [f"{i}: Pulling fs layer" for i in ids] + [f"{ids[0]}: Pull complete", f"{ids[1]}: Download complete"]
    events = [Event(Kind.STEP_STARTED, 0.0, host="s", step="image.vllm")]
    events += [Event(Kind.LINE, 11.0 * n, host="s", step="image.vllm", text=text) for n, text in enumerate(said)]
    assert _lines(events)[-1].split() == ["s", "...", "image.vllm", "38%", "1", "of", "4", "layers"]


@given(st.lists(events, max_size=12), st.integers(0, 2))
def test_hostile_events_never_reach_the_terminal_raw(given_events: list[Event], verbose: int) -> None:
    for line in _lines(given_events, verbose=verbose):
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", line)


def test_the_reader_may_go_and_the_run_goes_on() -> None:
    read, write = os.pipe()
    os.close(read)
    view = PlainView(Stream(os.fdopen(write, "w"), False, None))
    for event in RUN:
        view(event)
    assert view.board.seconds == 28.0


def test_what_was_under_way_is_known_when_a_run_is_interrupted() -> None:
    view = PlainView(Stream(io.StringIO(), False, None))
    for event in RUN[:5]:
        view(event)
    assert view.board.doing() == ["package.docker on spark-1", "package.docker on s2"]
    view(replace(RUN[8], host="s2"))
    assert view.board.doing() == ["package.docker on spark-1"]


def test_nobody_is_idle_and_working_at_once() -> None:
    view = PlainView(Stream(io.StringIO(), False, None))
    for event in RUN:
        view(event)
    row: Any = view.board.rows["s2"]
    assert row.lost and not row.working
