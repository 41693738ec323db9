"""Columns: aligned in a pipe, wrapped on a terminal, never wider than it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sparkctl.ui.columns import Cell, columns
from sparkctl.ui.text import width

ANSI = re.compile("\x1b\\[[0-9;]*m")


def test_a_pipe_gets_whole_lines() -> None:
    rows = [("spark-1", "ok", "x" * 300), ("a", "changed", "y")]
    assert columns(rows, limit=None, color=False) == ["spark-1  ok       " + "x" * 300, "a        changed  y"]


def test_a_terminal_gets_the_last_column_wrapped_under_itself() -> None:
    lines = columns([("spark-1", "one two three four five six seven")], limit=35, color=False)
    assert lines == ["spark-1  one two three four five", "         six seven"]


def test_a_narrow_terminal_gets_the_last_column_below() -> None:
    lines = columns([("spark-1", "package.docker", "absent → 26.1, and more words")], limit=30, color=False)
    assert lines == ["spark-1  package.docker", "    absent → 26.1, and more", "    words"]


@given(
    st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=4), max_size=5),
    st.integers(min_value=34, max_value=200),
    st.booleans(),
)
def test_nothing_is_wider_than_the_terminal(rows: list[list[str]], limit: int, color: bool) -> None:
    styled = [[Cell(text, "bad") for text in row[:-1]] + [Cell(row[-1] * 9, "bad")] for row in rows]
    for line in columns(styled, limit=limit, color=color):
        assert width(ANSI.sub("", line)) <= limit
