"""Entering the lab's network namespaces. The kernel moves one thread at a time, so a thread is the unit here."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sparkctl.errors import StepFailed
from sparkctl.lab import places

CLONE_NEWNET = 0x40000000
"""linux/sched.h"""

T = TypeVar("T")


def enter(netns: str) -> None:
    """Move the calling thread into a named network namespace; threads it starts later follow it.

    Raises StepFailed where there is no such namespace or we may not enter it.
    """
    path = places.NETNS / netns
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as missing:
        raise StepFailed("entering the lab: no lab runs", hint="sparkctl lab up") from missing
    except PermissionError as denied:
        raise StepFailed("entering the lab: only root may", hint="run it again with sudo") from denied
    try:
        _setns(descriptor)
    except OSError as refused:
        hint = "run it again with sudo" if os.geteuid() else "sparkctl lab down, then sparkctl lab up"
        raise StepFailed(f"entering the lab: {refused.strerror}", hint=hint) from refused
    finally:
        os.close(descriptor)


def within(netns: str, work: Callable[[], T]) -> T:
    """Run `work` in a named network namespace, in a thread of its own, and hand on what it returns or raises."""
    outcome: dict[str, Any] = {}

    def body() -> None:
        try:
            enter(netns)
            outcome["value"] = work()
        except BaseException as failure:
            outcome["failure"] = failure

    thread = threading.Thread(target=body, name=f"in {netns}", daemon=True)
    thread.start()
    while thread.is_alive():  # a join without a timeout cannot be interrupted by Ctrl-C
        thread.join(0.2)
    if "failure" in outcome:
        raise outcome["failure"]
    value: T = outcome["value"]
    return value


def _setns(descriptor: int) -> None:
    # os.setns came with Python 3.12; 3.11 has to ask libc
    native: Callable[[int, int], None] | None = getattr(os, "setns", None)
    if native is not None:
        native(descriptor, CLONE_NEWNET)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
