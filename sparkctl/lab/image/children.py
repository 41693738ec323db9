"""Programs that the build runs: each with a deadline, all ended together when the build is interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sparkctl.errors import StepFailed

_KEPT_LINES = 40


class Children:
    """The running programs of one build; safe to use from several threads."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        stdin: int = subprocess.DEVNULL,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program in a process group of its own with its stdout as a pipe; files it makes are for all to read.

        `stdin` and `stderr` are Popen's. Raises StepFailed where the program is not installed.
        """
        with self._lock:
            if self._stopped:
                raise StepFailed("building the lab's image: interrupted")
            try:
                child = subprocess.Popen(
                    [os.fspath(part) for part in argv],
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env={**os.environ, **(env or {})},
                    umask=0o022,
                    start_new_session=True,
                )
            except FileNotFoundError as missing:
                raise StepFailed(f"building the lab's image: {argv[0]} is not installed") from missing
            self._running.add(child)
            return child

    def finished(self, child: subprocess.Popen[bytes]) -> int:
        """Wait for a program and forget it; its exit status."""
        status = child.wait()
        with self._lock:
            self._running.discard(child)
        return status

    def stop(self) -> None:
        """End every running program, and start none any more."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                _kill(child)

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        doing: str,
        timeout: float,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        hint: str | None = None,
        cause_in: Callable[[str], str | None] = lambda said: None,
    ) -> str:
        """Run a program to its end and return what it said (stdout and stderr together).

        `timeout` in seconds; `cause_in` finds the reason in the words of a program that failed.
        Raises StepFailed (`doing: reason`) with the last lines as evidence.
        """
        feed = subprocess.DEVNULL if stdin is None else subprocess.PIPE
        child = self.start(argv, stdin=feed, stderr=subprocess.STDOUT, env=env)
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _kill(child)

        deadline = threading.Timer(timeout, expire)
        deadline.daemon = True
        deadline.start()
        said: deque[str] = deque(maxlen=_KEPT_LINES)
        try:
            assert child.stdout is not None
            if stdin is not None:
                _feed(child, stdin)
            for raw in child.stdout:
                said.append(line := raw.decode(errors="replace").rstrip())
                if on_line:
                    on_line(line)
        finally:
            deadline.cancel()
            status = self.finished(child)
        if status != 0:
            words = "\n".join(said)
            cause = cause_in(words) or f"{Path(argv[0]).name} ended with {status}"
            if expired.is_set():
                cause = f"no end after {timeout:.0f} s"
            raise StepFailed(f"{doing}: {cause}", evidence=words, hint=hint)
        return "\n".join(said)


def discard(path: Path) -> None:
    """Remove a directory tree without waiting for it.

    Tens of thousands of files take a minute to unlink on a busy disk that is mounted with `discard`. What a lost
    removal leaves is removed by the next one, since all of them lie beside each other as `trash-*`.
    """
    if path.is_dir():
        path.rename(path.with_name(f"trash-{path.name}-{time.time_ns()}"))
    trash = [os.fspath(left) for left in path.parent.glob("trash-*")]
    if trash:
        # its parent is init once this process ends; the thread only keeps it from becoming a zombie until then
        gone = subprocess.Popen(["nice", "rm", "-rf", "--one-file-system", "--", *trash], start_new_session=True)
        threading.Thread(target=gone.wait, daemon=True).start()


def _feed(child: subprocess.Popen[bytes], data: bytes) -> None:
    """Give a program its input; one that ends without reading it tells why by its status."""
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(data)
        child.stdin.close()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End a program's whole group; gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
