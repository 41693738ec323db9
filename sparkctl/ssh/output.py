"""A command's output as it arrives: bounded in memory, cut into lines, without what the login shell said before."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from sparkctl.ssh.plain import plain

KEPT_BYTES = 4 * 1024 * 1024
"""How much of each stream a result keeps: its first half and its last."""
LINE_BYTES = 64 * 1024
"""A line without end is handed on in pieces of this size."""
NOISE_BYTES = 64 * 1024
"""How much of the login shell's own output is kept as evidence."""


class Kept:
    """The head and the tail of a stream; what was between is counted and dropped."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._half = max(limit // 2, 1)
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self.left_out = 0

    def feed(self, data: bytes) -> None:
        """Add what came next."""
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if not data:
            return
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size > self._half:
            first = self._tail.popleft()
            surplus = min(self._tail_size - self._half, len(first))
            self.left_out += surplus
            self._tail_size -= surplus
            if surplus < len(first):
                self._tail.appendleft(first[surplus:])

    def text(self) -> str:
        """What was kept, invalid UTF-8 replaced, with a line that says how much is missing."""
        if not self.left_out:
            return (bytes(self._head) + b"".join(self._tail)).decode("utf-8", "replace")
        head, tail = self._head.decode("utf-8", "replace"), b"".join(self._tail).decode("utf-8", "replace")
        return f"{head}\n… {self.left_out} bytes left out …\n{tail}"


class Lines:
    """Cuts a stream at newlines and carriage returns (progress bars) and yields each line plain."""

    def __init__(self) -> None:
        self._pending = b""
        self._after_return = False

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that `data` completes."""
        if self._after_return and data.startswith(b"\n"):
            data = data[1:]
        self._after_return = data.endswith(b"\r") if data else self._after_return
        *whole, self._pending = re.split(rb"\r\n|\n|\r", self._pending + data)
        for line in whole:
            yield self._show(line)
        while len(self._pending) > LINE_BYTES:
            piece, self._pending = self._pending[:LINE_BYTES], self._pending[LINE_BYTES:]
            yield self._show(piece)

    def rest(self) -> Iterator[str]:
        """The last line when it had no newline."""
        if self._pending:
            piece, self._pending = self._pending, b""
            yield self._show(piece)

    @staticmethod
    def _show(line: bytes) -> str:
        return plain(line.decode("utf-8", "replace")).replace("\n", " ")


class AfterMark:
    """Passes on only what follows the line `MARK PID`, with which our wrapper says that the command begins.

    What came before it was said by sshd, the login shell's start-up files or sudo.
    """

    def __init__(self, mark: str) -> None:
        self._line = re.compile(re.escape(mark.encode()) + rb" ([0-9]{1,10})\r?\n")
        self.before = b""
        self.pid: int | None = None

    def feed(self, data: bytes) -> bytes:
        """The part of `data` that belongs to the command."""
        if self.pid is not None:
            return data
        self.before += data
        found = self._line.search(self.before)
        if found is None:
            self.before = self.before[-NOISE_BYTES:]
            return b""
        self.pid = int(found[1])
        rest, self.before = self.before[found.end() :], self.before[: found.start()]
        return rest
