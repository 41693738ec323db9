"""The door to one host: a connection that runs commands and writes files, and says so when it died."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import paramiko

from sparkctl.errors import SparkctlError, StepFailed, UnreachableError
from sparkctl.ssh import faults, sudo
from sparkctl.ssh.command import Command, Endpoint, LineSink, Put, Result
from sparkctl.ssh.config import Resolved, resolve
from sparkctl.ssh.hostkeys import KnownHosts
from sparkctl.ssh.jump import Jumps, Way
from sparkctl.ssh.output import KEPT_BYTES
from sparkctl.ssh.place import placing
from sparkctl.ssh.plain import excerpt
from sparkctl.ssh.session import Outcome, Session
from sparkctl.ssh.watchdog import Watched, end, watch
from sparkctl.ssh.wire import Job, argv_script

CHANNELS = 4
"""Commands at once on one connection: sshd refuses channels from about the eighth on (MaxSessions 10)."""
_DIAGNOSIS_SECONDS = 10.0


class SshTransport:
    """One host's connection. It never reconnects by itself: a change half made must be looked at first."""

    def __init__(
        self,
        endpoint: Endpoint,
        known_hosts: KnownHosts,
        *,
        others: Mapping[str, Endpoint] | None = None,
        jumps: Jumps | None = None,
        kept: int = KEPT_BYTES,
    ) -> None:
        """`others` are the hosts that a jump may name; `kept` bounds each stream of a result, in bytes."""
        self.endpoint = endpoint
        self._known_hosts = known_hosts
        self._others = others
        self._jumps = jumps or Jumps(known_hosts)
        self._kept = kept
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(CHANNELS)
        self._sessions: set[Session] = set()
        self._resolved: Resolved | None = None
        self._transport: paramiko.Transport | None = None
        self._watched: Watched | None = None
        self._way: Way | None = None

    @property
    def host(self) -> str:
        """Its name in the inventory."""
        return self.endpoint.host

    @property
    def alive(self) -> bool:
        """Whether the connection stands, as far as is known without asking."""
        return self._transport is not None and self._transport.is_active()

    @property
    def resolved(self) -> Resolved:
        """Address, port, user and keys after ssh_config was asked. Raises `ConfigError`."""
        if self._resolved is None:
            self._resolved = resolve(self.endpoint, self._others)
        return self._resolved

    def connect(self) -> None:
        """Log in. Raises `HostKeyError`, `AuthenticationError`, `UnreachableError` or `ConfigError`."""
        way = self._jumps.way(self.resolved)
        transport = way.dial(self._known_hosts)
        self._way, self._transport, self._watched = way, transport, watch(transport)

    def reconnect(self) -> None:
        """Log in anew, so that new group memberships count. Raises what `connect` raises."""
        self.close()
        self.connect()

    def close(self) -> None:
        """End the connection and every call that waits for it. A command under way runs on to its own deadline."""
        transport, self._transport = self._transport, None
        if transport is not None:
            end(transport)
        way, self._way = self._way, None
        if way is not None:
            way.release()

    def cancel(self) -> None:
        """End the commands under way on the host; their calls return with what the killed command returned."""
        with self._lock:
            sessions = tuple(self._sessions)
        for session in sessions:
            session.cancel()

    def run(self, command: Command, on_line: LineSink | None = None) -> Result:
        """Run a command to its end or its deadline. `on_line` gets the lines of both streams, plain, as they come.

        Raises `UnreachableError` when it was not sent, `StepFailed` when sudo refused it.
        """
        job = Job(argv_script(command.argv), command.stdin, command.timeout, self._sudo(command.sudo))
        return self._result(command, job, on_line)

    def run_script(
        self, script: str, *, timeout: float = 60.0, sudo: bool = False, on_line: LineSink | None = None
    ) -> Result:
        """Run a shell script of ours, whole or not at all; its stdin is empty, its argv shows in no process list."""
        command = Command(("sh", "-s"), sudo, script.encode("utf-8", "surrogateescape"), timeout)
        return self._result(command, Job(script, None, timeout, self._sudo(sudo)), on_line)

    def put(self, put: Put) -> Result:
        """Write a file whole or not at all; a `Result` that is not ok means that the old file is still there."""
        job = placing(put)
        return self._result(put, Job(job.script, job.stdin, job.timeout, self._sudo(put.sudo)), None)

    def open_tcp(self, host: str, port: int) -> paramiko.Channel:
        """A stream to `host:port` as seen from this host. Raises `UnreachableError`."""
        transport = self._open_transport()
        try:
            return transport.open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=faults.CHANNEL_SECONDS
            )
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise UnreachableError(
                f"connecting from {self.host} to {host}:{port}: {excerpt(str(error), lines=1).lower() or 'refused'}",
                host=self.host,
                hint=f"on {self.host}: ss -ltn 'sport = {port}'",
            ) from error

    def _sudo(self, wanted: bool) -> bool:
        """root needs no sudo, which may not even be installed."""
        return wanted and self.resolved.user != "root"

    def _open_transport(self) -> paramiko.Transport:
        if self._transport is None or not self._transport.is_active():
            raise UnreachableError(f"talking to {self.host}: {self._loss()}", host=self.host, hint="sparkctl status")
        return self._transport

    def _loss(self) -> str:
        if self._watched is None:
            return "not connected"
        return f"the connection is lost: {self._watched.reason or 'it was closed from there'}"

    def _result(self, what: Command | Put, job: Job, on_line: LineSink | None) -> Result:
        session = Session(self._open_transport(), job, self._kept)
        with self._slots:
            with self._lock:
                self._sessions.add(session)
            try:
                outcome = session.run(on_line)
            except UnreachableError as error:
                error.message = f"talking to {self.host}: {self._loss() if not self.alive else error.message}"
                error.args, error.host, error.hint = (error.message,), self.host, error.hint or "sparkctl status"
                raise
            finally:
                with self._lock:
                    self._sessions.discard(session)
        if not outcome.began and outcome.code is not None:
            raise self._never_began(job, outcome)
        return self._told(what, outcome)

    def _told(self, what: Command | Put, outcome: Outcome) -> Result:
        stderr = outcome.stderr.text()
        if outcome.code is None:
            late = "no end within its time" if outcome.began else "its login shell takes too long to begin the command"
            reason = late if self.alive else self._loss()
            stderr += ("" if not stderr or stderr.endswith("\n") else "\n") + f"sparkctl: {reason}\n"
        return Result(
            host=self.host,
            what=what,
            code=outcome.code,
            stdout=outcome.stdout.text(),
            stderr=stderr,
            seconds=outcome.seconds,
            timed_out=outcome.timed_out,
            truncated=bool(outcome.stdout.left_out or outcome.stderr.left_out),
        )

    def _never_began(self, job: Job, outcome: Outcome) -> SparkctlError:
        """The login shell ended without our wrapper having begun: sudo refused, or the account runs nothing."""
        to = self.resolved
        problem = sudo.sudo_problem(outcome.noise) if job.sudo else None
        if problem is None and job.sudo and "sudo" in outcome.noise:
            problem = sudo.SudoProblem.BROKEN
        if problem is sudo.SudoProblem.PASSWORD:
            asked = self.run_script(sudo.DIAGNOSIS, timeout=_DIAGNOSIS_SECONDS)
            problem = sudo.refine(problem, asked.stdout) if asked.code is not None else problem
        if problem is not None:
            return sudo.sudo_failure(self.host, to.user, problem, outcome.noise)
        if outcome.code == 127 and "timeout" in outcome.noise:
            return StepFailed(
                f"running a command on {self.host}: timeout(1) is missing there",
                host=self.host,
                hint=f"on {self.host}: sudo apt-get install -y coreutils",
                evidence=excerpt(outcome.noise),
            )
        return faults.ran_nothing(to, outcome.noise)
