"""How a command travels: one constant line for the login shell, everything else through the channel's stdin.

The line holds only words, digits and one pair of single quotes without backslash, exclamation mark or newline, so
bash, dash, zsh, csh, tcsh and fish all read it alike. It first prints a mark on both streams (what the login shell's
start-up files print comes before it), then reads one line from stdin and evaluates it. A line cut off in transit has
no newline and is not evaluated.
"""

from __future__ import annotations

import math
import secrets
import shlex
from dataclasses import dataclass

from sparkctl.errors import StepFailed

KILL_AFTER = 5
"""Seconds between SIGTERM and SIGKILL at a command's deadline (`timeout -k`)."""
_LONG = 1024  # characters; the shell reads a line byte by byte, from here on starting head(1) is cheaper
# The trap keeps the shell until its child is gone: if it died first, timeout(1) would not kill what ignores SIGTERM.
# LANGUAGE and a TMPDIR that does not exist come from the login environment; sbin is missing from a plain user's PATH.
_WRAPPER = (
    'trap "exit 143" TERM; echo {mark} $PPID; echo {mark} $PPID >&2; LC_ALL=C; export LC_ALL; unset LANGUAGE; '
    '[ -d "${{TMPDIR:-/tmp}}" ] || unset TMPDIR; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; '
    'cd 2>/dev/null || cd /; IFS= read -r s || exit 125; eval "$s"'
)
_SUDO = "env LC_ALL=C sudo -n -- "


def new_mark() -> str:
    """A mark that no start-up file can print by chance or by design."""
    return f"sparkctl-{secrets.token_hex(8)}"


def exec_line(mark: str, timeout: float, sudo: bool) -> str:
    """The constant command line that runs what comes on stdin, ended by the host itself after `timeout` seconds."""
    limit = "0" if math.isinf(timeout) else f"{max(timeout, 0.001):.3f}".rstrip("0").rstrip(".")
    wrapper = _WRAPPER.format(mark=mark)
    return f"exec {_SUDO if sudo else ''}timeout -k {KILL_AFTER} {limit} sh -c '{wrapper}'"


def kill_line(pid: int, sudo: bool) -> str:
    """The command line that ends the process group `pid` (timeout(1) makes itself the leader of one)."""
    return f"exec {_SUDO if sudo else ''}sh -c 'kill -s TERM -- -{pid}'"


@dataclass(frozen=True, slots=True)
class Job:
    """What a channel does: a shell script of ours, the program's stdin, and the limits."""

    script: str
    stdin: bytes | None = None
    timeout: float = 60.0
    sudo: bool = False

    def payload(self) -> bytes:
        """The bytes for the channel's stdin."""
        return _sendable(self.script, self.stdin is not None) + (self.stdin or b"")


def argv_script(argv: tuple[str, ...]) -> str:
    """A script that runs the program `argv`; death by signal N shows as 128 + N. Raises `StepFailed`."""
    if not argv or not argv[0] or argv[0].startswith("-"):
        raise StepFailed(f"running {shlex.join(argv)[:80]!r}: this is not a command")
    # Not exec: killed by a signal, the program would take timeout(1) along, and paramiko tells no signal.
    return f"{shlex.join(argv)}; exit $?"


def script_with(script: str, *args: str) -> str:
    """`script`, our own constant text, with `args` as its $1, $2, …"""
    return f"set -- {shlex.join(args)}\n{script}"


def _sendable(script: str, stdin_follows: bool) -> bytes:
    if "\0" in script:
        raise StepFailed("running a command: an argument holds a NUL byte, which no program can be given")
    if "\n" not in script and len(script) <= _LONG:
        return _encode(script + "\n")
    if stdin_follows:
        # Not head(1): one that buffers its input (uutils) would swallow the beginning of the program's own stdin.
        quoted = shlex.quote(script).replace("\n", "'\"$n\"'")
        return _encode(f'n=$(printf "\\nx"); n=${{n%x}}; eval {quoted}\n')
    end = f"#end-{secrets.token_hex(4)}"
    body = _encode(f"{script}\n{end}")
    loader = f's=$(head -c {len(body)}); case $s in *"{end}") eval "$s";; *) exit 125;; esac\n'
    return _encode(loader) + body


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
