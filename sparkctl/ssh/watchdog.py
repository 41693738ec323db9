"""Notices that a host is frozen or its link is cut, and ends every call that waits for it.

A keepalive that wants no reply notices neither (paramiko #2463), nor does TCP while the peer's kernel still answers.
So each connection is asked `keepalive@openssh.com`, reply wanted; sshd refuses it, which counts as alive.
"""

from __future__ import annotations

import contextlib
import threading
import time

import paramiko

PERIOD = 2.0
"""Seconds between two questions."""
DEAD = 6.0
"""Seconds without an answer after which a connection is given up; frozen hosts are noticed within 8.5 s."""
_TICK = 0.5
_SLEPT = 3.0  # a tick this late means that this process was stopped (Ctrl-Z, a closed lid)


class Watched:
    """One connection under watch. `reason` says why it was given up."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self.transport = transport
        self.reason: str | None = None
        self._asked: float | None = None
        self._answered = time.monotonic()

    def check(self, now: float, slept: bool) -> bool:
        """Ask, or give up; False once the connection is over."""
        if not self.transport.is_active():
            return False
        if slept and self._asked is not None:  # this process was stopped, the answer had no chance
            self._asked = now
        if self._asked is not None:
            if now - self._asked > DEAD:
                self._give_up(f"it has not answered for {DEAD:.0f} s")
        elif now - self._answered >= PERIOD:
            self._asked = now
            threading.Thread(target=self._ask, daemon=True, name="sparkctl-keepalive").start()
        return self.reason is None

    def _ask(self) -> None:
        # The connection may end at any moment; what that raises is of no interest here.
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            self.transport.global_request("keepalive@openssh.com", wait=True)
        if self.transport.is_active():
            self._answered = time.monotonic()
            self._asked = None

    def _give_up(self, reason: str) -> None:
        self.reason = reason
        end(self.transport)


def end(transport: paramiko.Transport) -> None:
    """Close at once, without a goodbye: the peer may be unable to read it."""
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        transport.close()
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        transport.sock.close()


class _Watchdog:
    """One thread for all connections; it ends with the last of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: list[Watched] = []
        self._running = False

    def watch(self, transport: paramiko.Transport) -> Watched:
        watched = Watched(transport)
        with self._lock:
            self._watched.append(watched)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, daemon=True, name="sparkctl-watchdog").start()
        return watched

    def _run(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(_TICK)
            now = time.monotonic()
            with self._lock:
                watched = tuple(self._watched)
            over = [one for one in watched if not one.check(now, slept=now - last > _SLEPT)]
            last = now
            with self._lock:
                self._watched = [one for one in self._watched if one not in over]
                if not self._watched:
                    self._running = False
                    return


watch = _Watchdog().watch
"""Puts an authenticated transport under watch."""
