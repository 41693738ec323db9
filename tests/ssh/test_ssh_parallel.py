from __future__ import annotations

import threading
import time

import pytest

from sparkctl.ssh.parallel import side_by_side


def test_results_keep_their_order_and_run_at_once() -> None:
    gate = threading.Barrier(5, timeout=5)

    def work(number: int) -> int | None:
        gate.wait()
        time.sleep((5 - number) / 100)
        return None if number == 3 else number * 10

    assert side_by_side(range(5), work) == [0, 10, 20, None, 40]
    assert side_by_side([], work) == []


def test_no_more_threads_than_allowed() -> None:
    running: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        running.append(number)
        most.append(len(running))
        time.sleep(0.01)
        running.remove(number)

    side_by_side(range(20), work, threads=3)
    assert 1 < max(most) <= 3


def test_the_first_failure_does_not_wait_for_the_others() -> None:
    release = threading.Event()

    def work(number: int) -> None:
        if number == 1:
            raise KeyError(number)
        release.wait(10)

    began = time.monotonic()
    with pytest.raises(KeyError):
        side_by_side(range(3), work)
    release.set()
    assert time.monotonic() - began < 2
