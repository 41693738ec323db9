"""The same work for many hosts at once, on threads that never keep the program from ending."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

THREADS = 64
"""Hosts worked on at once; a dead host holds its thread for about 5 s, so more hosts than this take longer."""


def side_by_side(items: Sequence[A], work: Callable[[A], B], threads: int = THREADS) -> list[B]:
    """`work` done for each item, the results in the order of the items. Raises the first exception of any of them.

    Unlike with concurrent.futures, Ctrl-C does not wait for threads that wait for a dead host.
    """
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, B | None, BaseException | None]] = queue.SimpleQueue()
    for number in range(len(items)):
        todo.put(number)

    def run() -> None:
        while True:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, work(items[number]), None))
            except BaseException as error:
                done.put((number, None, error))

    for _ in range(min(len(items), threads)):
        threading.Thread(target=run, daemon=True, name="sparkctl-host").start()
    results: dict[int, B] = {}
    while len(results) < len(items):
        number, result, error = done.get()
        if error is not None:
            raise error
        results[number] = result  # type: ignore[assignment]  # no error, so it is a B, which may be None
    return [results[number] for number in range(len(items))]
