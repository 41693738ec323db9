"""Stages of a long work on this machine: a line a stage in a log, a bar on a terminal."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from sparkctl.ui.stages import Stages
from sparkctl.ui.terminal import Stream, Terminal


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _terminal(live: bool) -> tuple[Terminal, io.StringIO]:
    file = io.StringIO()
    stream = Stream(file, False, 80 if live else None)
    return Terminal(stream, stream, live), file


def test_a_log_gets_a_line_a_stage_and_one_every_ten_seconds_of_a_long_one() -> None:
    terminal, file = _terminal(live=False)
    clock = Clock()
    with Stages(terminal, clock) as stages:
        for second in range(25):
            clock.now = 100.0 + second
            stages.step("build the image", second, 25, "layers")
        stages.step("boot spark-1")
        clock.now += 2
    assert file.getvalue().splitlines() == [
        "  ...   build the image  10 of 25 layers",
        "  ...   build the image  20 of 25 layers",
        "  done  build the image  24.0 s",
        "  done  boot spark-1  2.0 s",
    ]


def test_a_step_that_says_it_is_complete_ends_there() -> None:
    terminal, file = _terminal(live=False)
    with Stages(terminal, Clock()) as stages:
        stages.step("push", 5, 5, "MB")
        assert file.getvalue() == "  done  push  0.0 s\n"
    assert file.getvalue().count("push") == 1


def test_work_side_by_side_does_not_end_each_other() -> None:
    terminal, file = _terminal(live=False)
    with Stages(terminal, Clock()) as stages, ThreadPoolExecutor(2) as pool:
        together = Barrier(2, timeout=10)

        def work(title: str) -> None:
            for number in range(5):
                together.wait()
                stages.step(title, number, 4)

        list(pool.map(work, ["root", "image"]))
    assert sorted(file.getvalue().splitlines()) == ["  done  image  0.0 s", "  done  root  0.0 s"]


def test_a_stage_that_fails_is_not_called_done() -> None:
    terminal, file = _terminal(live=False)
    with pytest.raises(RuntimeError), Stages(terminal, Clock()) as stages:
        stages.step("boot")
        raise RuntimeError
    assert file.getvalue() == "  ended boot  0.0 s\n"


def test_quiet_says_nothing() -> None:
    terminal, file = _terminal(live=False)
    with Stages(terminal, Clock(), quiet=True) as stages:
        stages.step("boot")
    assert file.getvalue() == ""


def test_a_terminal_gets_a_bar_and_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal, file = _terminal(live=True)
    with Stages(terminal) as stages:
        stages.step("build\x1b[2J [bold]the image", 1, 2, "layers")
        drawn = stages._draw()
        stages.step("boot")
    from rich.console import Console

    console = Console(file=io.StringIO(), width=80, markup=False)
    console.print(drawn)
    assert "[bold]the image" in console.file.getvalue()  # type: ignore[attr-defined]
    assert not re.search("\x1b\\[2J", file.getvalue())
    assert "done  boot" in file.getvalue()
