"""Whatever a host says, what reaches the terminal is printable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.ui.text import STYLES, clean, clean_lines, duration, pad, paint, plural, width

RAW = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\nc\r\nd", "a b c d"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;cm0gLXJm", ""),
        ("\x1bcreset", "reset"),
        ("\x9b2Jc1", "c1"),
        ("bell\x07null\x00", "bell?null?"),
        ("user\u202egnp.exe", "user?gnp.exe"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
        ("日本語", "日本語"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_clean_leaves_nothing_that_moves_a_cursor_and_is_stable(text: str) -> None:
    assert not RAW.search(clean(text))
    assert clean(clean(text)) == clean(text)
    assert not any(RAW.search(line) for line in clean_lines(text))


def test_lines_keep_what_a_progress_bar_ended_with() -> None:
    assert clean_lines("10%\r50%\r100%\r\nnext") == ["100%", "next"]


@pytest.mark.parametrize(("text", "cells"), [("abc", 3), ("日本", 4), ("é", 1), ("e\u0301", 1), ("", 0)])
def test_width_counts_cells(text: str, cells: int) -> None:
    assert width(text) == cells
    assert width(pad(text, 10)) == 10


def test_paint_only_where_colour_is_on() -> None:
    assert paint("x", "bad", False) == "x"
    assert paint("x", "bad", True) == f"\x1b[{STYLES['bad']}mx\x1b[0m"
    assert paint("", "bad", True) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (59.9, "59.9 s"), (125, "2 min 05 s"), (3600, "60 min 00 s")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_plural() -> None:
    assert (plural(1, "host"), plural(2, "host")) == ("1 host", "2 hosts")
