"""Which problem sudo met, from its own words, and what mends it. sudo is always asked with -n: it never prompts."""

from __future__ import annotations

import re
import shlex
from enum import Enum

from sparkctl.errors import StepFailed
from sparkctl.ssh.plain import excerpt


class SudoProblem(Enum):
    """Why sudo refused; the value finishes the sentence `becoming root on HOST: …`."""

    MISSING = "sudo is not installed there"
    PASSWORD = "sudo asks for a password"
    NOT_ALLOWED = "the user may not use sudo for this"
    TTY = "sudo wants a terminal (requiretty)"
    BROKEN = "sudo itself does not work there"


# In this order: an account problem is followed by "a password is required" (sudo 1.9), so the specific ones come first.
_SAYINGS: tuple[tuple[SudoProblem, str], ...] = (
    (
        SudoProblem.MISSING,
        r"(?:env|exec|sh|bash|zsh|fish)\b.*?\bsudo\b['’\"]?: (?:command )?(?:no such file|not found|permission denied)"
        r"|\bsudo: (?:command )?not found\b|unknown command:? sudo\b",
    ),
    (
        SudoProblem.BROKEN,
        r"no new privileges|: syntax error\b"
        r"|must be owned by uid 0|effective uid is not 0|must be setuid root|no valid sudoers sources"
        r"|unable to (?:load|initialize) (?:policy|PAM|sudoers)|account validation failure|[Aa]ccount expired"
        r"|PAM (?:account management|authentication) error|unable to initialize policy plugin",
    ),
    (SudoProblem.TTY, r"must have a tty|no tty present and no askpass program"),
    (
        SudoProblem.NOT_ALLOWED,
        r"is not in the sudoers file|is not allowed to (?:execute|run)|may not run sudo|not allowed to preserve"
        r"|I'm afraid I can't do that",  # sudo-rs
    ),
    (
        SudoProblem.PASSWORD,
        r"a password is required|a terminal is required to (?:read the password|authenticate)"
        r"|[Ii]nteractive authentication is required",  # sudo-rs
    ),
)


def sudo_problem(stderr: str) -> SudoProblem | None:
    """What sudo's stderr (LC_ALL=C) complains about; None when it complains about nothing that is known.

    `a password is required` is also what `sudo -n` tells a user who is in no sudoers file; `refine` tells them apart.
    """
    for problem, saying in _SAYINGS:
        if re.search(saying, stderr, re.IGNORECASE):
            return problem
    return None


DIAGNOSIS = "id -nG; LC_ALL=C sudo -n -l 2>/dev/null | grep -c NOPASSWD"
"""A script whose output `refine` reads: the user's groups, then how many rules need no password."""


def refine(problem: SudoProblem, diagnosis: str) -> SudoProblem:
    """PASSWORD becomes NOT_ALLOWED for a user whom no rule names: neither a sudo group nor an all-commands rule."""
    if problem is not SudoProblem.PASSWORD:
        return problem
    lines = diagnosis.strip().splitlines()
    groups = set(lines[0].split()) if lines else {"sudo"}
    rules = lines[1].strip() if len(lines) > 1 else "0"
    may_all = groups & {"sudo", "admin", "wheel", "root"}
    return problem if may_all and rules == "0" else SudoProblem.NOT_ALLOWED


def sudo_failure(host: str, user: str, problem: SudoProblem, stderr: str) -> StepFailed:
    """The error for `problem`, with the one command that mends it."""
    rule = shlex.quote(f"{user} ALL=(ALL) NOPASSWD: ALL")
    grant = f"echo {rule} | sudo tee /etc/sudoers.d/sparkctl && sudo chmod 0440 /etc/sudoers.d/sparkctl"
    as_root = f"echo {rule} > /etc/sudoers.d/sparkctl && chmod 0440 /etc/sudoers.d/sparkctl"
    hints = {
        SudoProblem.MISSING: f"as root on {host}: apt-get install -y sudo && {as_root}",
        SudoProblem.PASSWORD: f"on {host}: {grant}",
        SudoProblem.NOT_ALLOWED: f"as root on {host}: {as_root}",
        SudoProblem.TTY: f"as root on {host}: echo {shlex.quote(f'Defaults:{user} !requiretty')}"
        " > /etc/sudoers.d/sparkctl-tty",
        SudoProblem.BROKEN: f"as root on {host}: visudo -c",
    }
    return StepFailed(
        f"becoming root on {host} as {user}: {problem.value}",
        host=host,
        hint=hints[problem],
        evidence=excerpt(stderr),
    )
