"""Commands on a real sshd: output, deadlines, noise, ends of all kinds."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import pytest

from sparkctl.errors import AuthenticationError, StepFailed, UnreachableError
from sparkctl.ssh import session
from sparkctl.ssh.command import Command, sh
from sparkctl.ssh.connection import SshTransport
from tests.ssh.conftest import Connect
from tests.support.sshd import Farm, Sshd, eventually, marked_processes

MIB = 1 << 20


def marker() -> str:
    """A number of seconds to sleep that no other process sleeps."""
    return f"{300 + time.monotonic_ns() % 10**9 / 10**9:.9f}"


def sleepers(seconds: str) -> list[int]:
    return marked_processes(f"sleep\0{seconds}")


def test_output_status_and_stdin_come_through(door: SshTransport) -> None:
    result = door.run(Command(("sh", "-c", "cat; echo err >&2; exit 3"), stdin=bytes(range(256)), ok=frozenset({3})))
    assert (result.code, result.ok, result.stderr) == (3, True, "err\n")
    assert result.stdout == bytes(range(256)).decode("utf-8", "replace")
    assert not result.truncated
    assert not result.timed_out


def test_a_script_runs_whole_and_is_in_no_process_list(door: SshTransport) -> None:
    result = door.run_script("secret=hunter2-in-script\ncat /proc/*/cmdline 2>/dev/null | tr '\\0' ' '\necho end $#\n")
    assert result.code == 0
    assert result.stdout.endswith("end 0\n")
    assert "hunter2-in-script" not in result.stdout.replace("secret=hunter2", "")
    assert str(result.what) == "sh -s"


def test_large_stdin_and_large_output_at_once(door: SshTransport) -> None:
    data = os.urandom(3 * MIB).hex().encode()
    result = door.run(Command(("cat",), stdin=data))
    assert result.truncated
    assert result.stdout[:1000] == data[:1000].decode()
    assert result.stdout[-1000:] == data[-1000:].decode()


def test_eight_mebibytes_on_both_streams_stay_bounded(door: SshTransport) -> None:
    began = time.monotonic()
    result = door.run(
        sh("head -c 8388608 /dev/zero | tr '\\0' e >&2; head -c 8388608 /dev/zero | tr '\\0' o; echo; echo end")
    )
    assert result.code == 0
    assert result.truncated
    assert len(result.stdout) < 4 * MIB + 100
    assert len(result.stderr) < 4 * MIB + 100
    assert result.stdout.startswith("ooo")
    assert result.stdout.endswith("o\nend\n")
    assert time.monotonic() - began < 10


def test_lines_come_while_the_command_runs_and_without_escapes(door: SshTransport) -> None:
    seen: list[tuple[float, str]] = []
    began = time.monotonic()
    door.run(
        sh(r"printf '\033[31mone\033[0m\n'; printf 'bidi \342\200\256x\n' >&2; sleep 0.5; printf 'two\rthree'"),
        lambda line: seen.append((time.monotonic() - began, line)),
    )
    assert sorted(line for _, line in seen) == ["bidi x", "one", "three", "two"]
    assert {line: at for at, line in seen}["one"] < 0.4


def test_a_callback_that_fails_ends_the_command(door: SshTransport) -> None:
    seconds = marker()

    def refuse(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        door.run(sh('echo go; sleep "$1"', seconds), refuse)
    assert eventually(lambda: not sleepers(seconds))


def test_a_deadline_leaves_no_orphan(door: SshTransport) -> None:
    seconds = marker()
    began = time.monotonic()
    result = door.run(Command(("sh", "-c", f"sleep {seconds} & sleep {seconds}"), timeout=0.5))
    assert (result.code, result.timed_out) == (124, True)
    assert time.monotonic() - began < 3
    assert eventually(lambda: not sleepers(seconds))


def test_a_command_that_ignores_sigterm_is_killed(door: SshTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkctl.ssh.wire.KILL_AFTER", 0.3)
    seconds = marker()
    result = door.run(Command(("sh", "-c", f"trap '' TERM; sleep {seconds}; sleep {seconds}"), timeout=0.3))
    assert (result.code, result.timed_out) == (137, True)
    assert eventually(lambda: not sleepers(seconds))


def test_cancel_ends_what_runs_on_the_host(door: SshTransport) -> None:
    seconds = marker()
    threading.Timer(0.5, door.cancel).start()
    began = time.monotonic()
    result = door.run(Command(("sleep", seconds)))
    assert result.code not in (0, 124)
    assert time.monotonic() - began < 3
    assert eventually(lambda: not sleepers(seconds))


def test_the_controllers_own_deadline_speaks_when_the_hosts_does_not(
    door: SshTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "GRACE", -session.wire.KILL_AFTER - 0.5)
    seconds = marker()
    result = door.run(Command(("sleep", seconds), timeout=1.0))
    assert (result.code, result.timed_out) == (143, True)
    assert not result.ok
    assert eventually(lambda: not sleepers(seconds))


def test_a_daemon_left_behind_does_not_hold_us(door: SshTransport) -> None:
    seconds = marker()
    began = time.monotonic()
    result = door.run(sh('setsid sleep "$1" & echo started', seconds))
    try:
        assert (result.code, result.stdout) == (0, "started\n")
        assert time.monotonic() - began < 5
        assert sleepers(seconds)
    finally:
        for pid in sleepers(seconds):
            os.kill(pid, 9)


def test_a_session_killed_mid_command_is_unknown_and_nothing_reconnects(farm: Farm, connect: Connect) -> None:
    server = farm.start("killed")
    door = connect(server)
    threading.Timer(0.5, server.kill_sessions).start()
    seconds = marker()
    began = time.monotonic()
    result = door.run(Command(("sleep", seconds), timeout=20))
    for pid in sleepers(seconds):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    assert result.code is None
    assert not result.ok
    assert "connection is lost" in result.stderr
    assert time.monotonic() - began < 3
    assert not door.alive
    with pytest.raises(UnreachableError, match="connection is lost") as caught:
        door.run(Command(("true",)))
    assert caught.value.host == "killed"
    door.reconnect()
    assert door.run(Command(("true",))).ok


def test_ten_commands_at_once_on_one_connection(door: SshTransport) -> None:
    results: list[str] = []

    def one(number: int) -> None:
        results.append(door.run(Command(("echo", str(number)))).stdout)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(results) == sorted(f"{number}\n" for number in range(10))


def test_sshd_that_allows_one_session_at_a_time(farm: Farm, connect: Connect) -> None:
    door = connect(farm.start("one-session", "MaxSessions 1"))
    for number in range(8):
        assert door.run(Command(("echo", str(number)))).stdout == f"{number}\n"


def test_sshd_that_allows_no_session(farm: Farm, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_OPEN_ATTEMPTS", 2)
    door = connect(farm.start("no-session", "MaxSessions 0"))
    with pytest.raises(UnreachableError, match=r"no-session: .*MaxSessions"):
        door.run(Command(("true",)))


@pytest.fixture(scope="module")
def noisy(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Sshd:
    """Whoever logs in here has a .bashrc that talks, wanders off and has no temporary directory."""
    home = tmp_path_factory.mktemp("noisy")
    (home / ".bashrc").write_text(
        "printf 'Welcome to \\033[31mSpark\\033[0m, no newline'\necho 'sparkctl-0000 1'\necho conda >&2\ncd /usr\n"
    )
    return farm.start("noisy", f"SetEnv HOME={home} TMPDIR=/nonexistent LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8")


def test_a_login_shell_that_talks(noisy: Sshd, connect: Connect) -> None:
    door = connect(noisy)
    result = door.run(sh('echo "$LC_ALL/${TMPDIR-}"; ls /nonexistent || true; mktemp -u'))
    assert result.code == 0
    assert result.stdout.startswith("C/\n/tmp/")
    assert result.stderr == "ls: cannot access '/nonexistent': No such file or directory\n"
    seen: list[str] = []
    door.run(Command(("echo", "clean")), seen.append)
    assert seen == ["clean"]


def test_a_login_shell_that_never_gets_to_the_command(
    farm: Farm, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOGIN_SECONDS", 0.3)
    monkeypatch.setattr(session, "LAST_WORDS", 0.2)
    (tmp_path / ".bashrc").write_text("sleep 3\n")
    result = connect(farm.start("slow-login", f"SetEnv HOME={tmp_path}")).run(Command(("true",)))
    if result.code == 0:
        pytest.skip("the login shell of this user reads no .bashrc")
    assert (result.code, result.timed_out) == (None, True)
    assert "login shell takes too long" in result.stderr


def test_an_account_that_runs_nothing(farm: Farm, connect: Connect) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can log in as another user")
    server = farm.start("nobody-home")
    server.endpoint = type(server.endpoint)("nobody-home", "127.0.0.1", server.port, "games", str(farm.identity))
    door = connect(server)
    with pytest.raises(AuthenticationError, match="has no login shell") as caught:
        door.run(Command(("true",)))
    assert "chsh" in str(caught.value.hint)


def test_what_no_program_can_be_given_is_refused_before_it_is_sent(door: SshTransport) -> None:
    with pytest.raises(StepFailed, match="NUL"):
        door.run(Command(("echo", "a\0b")))


def test_secrets_on_stdin_are_in_no_process_list(door: SshTransport) -> None:
    secret = b"hf_" + os.urandom(12).hex().encode()
    seen: list[bytes] = []

    def look() -> None:
        until = time.monotonic() + 0.6
        while time.monotonic() < until:
            for folder in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    seen.append((folder / "cmdline").read_bytes())

    watcher = threading.Thread(target=look)
    watcher.start()
    result = door.run(Command(("sh", "-c", "read -r token; sleep 0.5; echo ${#token}"), stdin=secret + b"\n"))
    watcher.join()
    assert result.stdout == f"{len(secret)}\n"
    assert any(b"${#token}" in one for one in seen)
    assert not any(secret in one for one in seen)


def test_closing_leaves_no_thread(sshd: Sshd, connect: Connect) -> None:
    before = set(threading.enumerate())
    door = connect(sshd)
    assert door.run(Command(("true",))).ok
    door.close()
    assert eventually(lambda: not set(threading.enumerate()) - before)
