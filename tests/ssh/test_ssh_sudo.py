from __future__ import annotations

from pathlib import Path

import pytest

from sparkctl.errors import StepFailed
from sparkctl.ssh.command import Command, Put
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.sudo import SudoProblem, refine, sudo_failure, sudo_problem
from tests.ssh.conftest import Connect
from tests.support.sshd import Farm

# Recorded with LC_ALL=C from sudo 1.9.13p3 (Debian 12); the other versions and sudo-rs from knowledge of their wording.
RECORDED = [
    ("env: 'sudo': No such file or directory", SudoProblem.MISSING),
    ("env: sudo: No such file or directory", SudoProblem.MISSING),
    ("bash: line 1: sudo: command not found", SudoProblem.MISSING),
    ("sudo: a password is required", SudoProblem.PASSWORD),
    ("sudo: a terminal is required to read the password; either use the -S option", SudoProblem.PASSWORD),
    ("sudo: interactive authentication is required", SudoProblem.PASSWORD),
    ("dan is not in the sudoers file.", SudoProblem.NOT_ALLOWED),
    ("dan is not in the sudoers file.\nThis incident has been reported to the administrator.", SudoProblem.NOT_ALLOWED),
    (
        "Sorry, user dan is not allowed to execute '/usr/bin/timeout -k 5 60 sh' as root on a.",
        SudoProblem.NOT_ALLOWED,
    ),
    ("Sorry, user dan may not run sudo on spark-1.", SudoProblem.NOT_ALLOWED),
    ("sudo: I'm sorry dan. I'm afraid I can't do that", SudoProblem.NOT_ALLOWED),
    ("sudo: sorry, you must have a tty to run sudo", SudoProblem.TTY),
    ("sudo: no tty present and no askpass program specified", SudoProblem.TTY),
    ('sudo: The "no new privileges" flag is set, which prevents sudo from running as root.', SudoProblem.BROKEN),
    ("sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set", SudoProblem.BROKEN),
    ("sudo: account validation failure, is your account locked?\nsudo: a password is required", SudoProblem.BROKEN),
    ("/etc/sudoers.d/mine:1:8: syntax error\ngarbage\n       ^\nsudo: a password is required", SudoProblem.BROKEN),
    ("sudo: no valid sudoers sources found, quitting", SudoProblem.BROKEN),
    ("sudo: unable to resolve host spark-1: Name or service not known", None),
    ("", None),
    ("E: Unable to locate package sudoku", None),
]


@pytest.mark.parametrize(("said", "problem"), RECORDED)
def test_what_sudo_says_is_told_apart(said: str, problem: SudoProblem | None) -> None:
    assert sudo_problem(said) is problem


@pytest.mark.parametrize(
    ("diagnosis", "problem"),
    [
        ("dan adm sudo\n0\n", SudoProblem.PASSWORD),
        ("dan docker\n0\n", SudoProblem.NOT_ALLOWED),
        ("dan sudo\n1\n", SudoProblem.NOT_ALLOWED),  # some command needs no password, ours does
        ("", SudoProblem.PASSWORD),
    ],
)
def test_a_password_that_would_not_help_is_not_asked_for(diagnosis: str, problem: SudoProblem) -> None:
    assert refine(SudoProblem.PASSWORD, diagnosis) is problem
    assert refine(SudoProblem.TTY, diagnosis) is SudoProblem.TTY


@pytest.mark.parametrize("problem", list(SudoProblem))
def test_every_problem_names_host_user_and_fix(problem: SudoProblem) -> None:
    error = sudo_failure("spark-1", "dan", problem, "sudo: said \x1b[31mthis\n")
    assert error.exit_code == 1
    assert error.message.startswith("becoming root on spark-1 as dan: ")
    assert "spark-1" in str(error.hint)
    assert error.evidence == "sudo: said this"


@pytest.fixture
def as_user(farm: Farm, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SshTransport, Path]:
    """A host on which `sudo` is the script that the test writes, seen by a user who is not root."""
    sudo = Path(farm.folder) / "bin" / "sudo"
    sudo.parent.mkdir(exist_ok=True)
    monkeypatch.setattr(SshTransport, "_sudo", lambda self, wanted: wanted)
    home = farm.home
    return connect(farm.start("with-sudo", f"SetEnv HOME={home} PATH={sudo.parent}:/usr/bin:/bin")), sudo


def write_sudo(sudo: Path, body: str) -> None:
    sudo.write_text(f"#!/bin/sh\n{body}\n")
    sudo.chmod(0o755)


def test_a_refusal_is_an_error_with_the_fix(as_user: tuple[SshTransport, Path]) -> None:
    door, sudo = as_user
    write_sudo(sudo, 'echo "sudo: a password is required" >&2; exit 1')
    with pytest.raises(StepFailed, match="becoming root on with-sudo as") as caught:
        door.run(Command(("id",), sudo=True))
    assert "NOPASSWD" in str(caught.value.hint)
    assert caught.value.host == "with-sudo"
    with pytest.raises(StepFailed):
        door.put(Put(b"x", "/nonexistent/file", sudo=True))


def test_a_command_that_quotes_sudo_is_not_a_refusal(as_user: tuple[SshTransport, Path]) -> None:
    door, sudo = as_user
    write_sudo(sudo, '[ "$1 $2" = "-n --" ] || exit 9; shift 2; exec "$@"')
    result = door.run(Command(("sh", "-c", "echo 'sudo: a password is required' >&2; exit 1"), sudo=True))
    assert (result.code, result.stderr) == (1, "sudo: a password is required\n")
    assert door.run_script("cat; echo as root", sudo=True).stdout == "as root\n"
    assert door.run(Command(("cat",), sudo=True, stdin=b"through sudo")).stdout == "through sudo"


def test_no_sudo_there(as_user: tuple[SshTransport, Path]) -> None:
    door, sudo = as_user
    write_sudo(sudo, "echo \"env: 'sudo': No such file or directory\" >&2; exit 127")
    with pytest.raises(StepFailed, match="sudo is not installed there") as caught:
        door.run(Command(("id",), sudo=True))
    assert "apt-get install -y sudo" in str(caught.value.hint)


def test_a_sudo_that_fails_in_an_unknown_way_still_names_sudo(as_user: tuple[SshTransport, Path]) -> None:
    door, sudo = as_user
    write_sudo(sudo, 'echo "sudo: something new" >&2; exit 1')
    with pytest.raises(StepFailed, match="sudo itself does not work") as caught:
        door.run(Command(("id",), sudo=True))
    assert caught.value.evidence == "sudo: something new"
