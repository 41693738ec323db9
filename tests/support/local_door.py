"""A door to this very machine: runs what converge sends by subprocess, in a directory of its own.

Real in it: the shell, the batch script, files. Not real: SSH. It can be told to break, which is what it is for.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from sparkctl.errors import UnreachableError
from sparkctl.ssh.command import Command, LineSink, Put, Result


class LocalDoor:
    def __init__(self, host: str, root: Path) -> None:
        self._host, self.root = host, root
        root.mkdir(parents=True, exist_ok=True)
        self.sent: list[str] = []
        self.scripts = 0
        self.logins = 1
        self.cut_after_mutations: int | None = None
        self.dead = False

    @property
    def host(self) -> str:
        return self._host

    def run(self, command: Command, on_line: LineSink | None = None) -> Result:
        self._alive()
        self.sent.append(str(command))
        done = subprocess.run(command.argv, cwd=self.root, input=command.stdin, capture_output=True, timeout=20)
        stdout = done.stdout.decode()
        for line in stdout.splitlines():
            if on_line is not None:
                on_line(line)
        if self._cut():
            return Result(self.host, command, None)
        return Result(self.host, command, done.returncode, stdout, done.stderr.decode())

    def run_script(self, script: str, *, timeout: float) -> Result:
        self._alive()
        self.scripts += 1
        done = subprocess.run(
            ["sh", "-c", script], cwd=self.root, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL
        )
        return Result(self.host, Command(("sh",)), done.returncode, done.stdout.decode(), done.stderr.decode())

    def put(self, put: Put) -> Result:
        self._alive()
        self.sent.append(str(put))
        path = self.root / put.path
        path.write_bytes(put.content)
        path.chmod(put.mode)
        return Result(self.host, put, None if self._cut() else 0)

    def reconnect(self) -> None:
        self._alive()
        self.logins += 1

    def close(self) -> None:
        self.dead = True

    def _alive(self) -> None:
        if self.dead:
            raise UnreachableError(f"connecting to {self.host}: connection refused", host=self.host)

    def _cut(self) -> bool:
        if self.cut_after_mutations is None:
            return False
        self.cut_after_mutations -= 1
        return self.cut_after_mutations == -1
