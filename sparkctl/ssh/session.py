"""One command on one channel: sends it, reads both streams as they come, and never waits for ever."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass, field

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from sparkctl.errors import UnreachableError
from sparkctl.ssh import faults, wire
from sparkctl.ssh.command import LineSink
from sparkctl.ssh.output import AfterMark, Kept, Lines

LOGIN_SECONDS = 30.0
"""How long the login shell's start-up files may take before the command begins."""
GRACE = 5.0
"""How much longer than the host itself the controller waits: the host's own `timeout` should speak first."""
DAEMON_GRACE = 1.0
"""Seconds to wait for the end of output after the exit status: a daemon left behind may hold the streams open."""
LAST_WORDS = 2.0
"""Seconds that a command which we had to end gets to say how it ended."""
_CHUNK = 65536
_INLINE = 65536  # bytes that surely fit sshd's window of 2 MiB, so sending them cannot block on our own reading
_OPEN_ATTEMPTS = 6
_POLL = 0.5
_TURNS = 32


@dataclass(slots=True)
class Outcome:
    """How a job ended. `code` None: it was sent, but nobody knows how it ended."""

    code: int | None
    stdout: Kept
    stderr: Kept
    began: bool
    noise: str
    seconds: float
    timed_out: bool


class _Wake:
    """What paramiko's two buffers set when data came or the channel closed."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def set(self) -> None:
        self.event.set()

    def clear(self) -> None:
        """The buffer is empty; the other may not be."""


@dataclass(slots=True)
class _Stream:
    start: AfterMark
    kept: Kept
    lines: Lines = field(default_factory=Lines)

    def take(self, data: bytes, on_line: LineSink | None) -> None:
        data = self.start.feed(data)
        if not data:
            return
        self.kept.feed(data)
        if on_line is not None:
            for line in self.lines.feed(data):
                on_line(line)

    def finish(self, on_line: LineSink | None) -> None:
        if on_line is not None:
            for line in self.lines.rest():
                on_line(line)


class Session:
    """One job on an open connection. `cancel` may be called from any thread."""

    def __init__(self, transport: paramiko.Transport, job: wire.Job, limit: int) -> None:
        self.job = job
        self._transport = transport
        self._payload = job.payload()
        self._mark = wire.new_mark()
        self._out = _Stream(AfterMark(self._mark), Kept(limit))
        self._err = _Stream(AfterMark(self._mark), Kept(limit))
        self._wake = _Wake()
        self._channel: paramiko.Channel | None = None
        self._began: float | None = None
        self._timed_out = False

    def run(self, on_line: LineSink | None) -> Outcome:
        """Run to the end, the deadline or the connection's end. Raises only while nothing was sent yet."""
        sent = time.monotonic()
        channel = self._channel = open_channel(self._transport)
        channel.in_buffer.set_event(self._wake)  # type: ignore[arg-type]  # only set and clear are used
        channel.in_stderr_buffer.set_event(self._wake)  # type: ignore[arg-type]
        try:
            self._send(channel)
            self._read(channel, sent, on_line)
        except BaseException:
            self.cancel()
            raise
        finally:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                channel.close()
        self._out.finish(on_line)
        self._err.finish(on_line)
        return self._outcome(channel, sent)

    def cancel(self) -> None:
        """End the command's process group on the host, as far as it can still be reached."""
        pid = self._out.start.pid or self._err.start.pid
        if pid is None or not self._transport.is_active():
            return
        with contextlib.suppress(UnreachableError, paramiko.SSHException, EOFError, OSError):
            killer = open_channel(self._transport)
            try:
                _request_exec(killer, wire.kill_line(pid, self.job.sudo))
                killer.status_event.wait(3.0)
            finally:
                killer.close()

    def _send(self, channel: paramiko.Channel) -> None:
        _request_exec(channel, wire.exec_line(self._mark, self.job.timeout, self.job.sudo))
        if len(self._payload) <= _INLINE:
            channel.settimeout(faults.CHANNEL_SECONDS)
            self._feed(channel)
        else:
            channel.settimeout(None)
            threading.Thread(target=self._feed, args=(channel,), daemon=True, name="sparkctl-stdin").start()

    def _feed(self, channel: paramiko.Channel) -> None:
        # A program that ends without reading its stdin closes the channel under us: its exit status tells the story.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            view = memoryview(self._payload)
            while view:
                view = view[channel.send(view[:_CHUNK]) :]  # type: ignore[arg-type]  # any buffer will do
            channel.shutdown_write()

    def _read(self, channel: paramiko.Channel, sent: float, on_line: LineSink | None) -> None:
        exited: float | None = None
        gave_up: float | None = None
        while True:
            self._wake.event.clear()
            over = channel.closed or channel.eof_received or not self._transport.is_active()
            more = self._drain(channel, on_line)
            now = time.monotonic()
            if self._began is None and self._out.start.pid is not None:
                self._began = now
            if channel.closed or not self._transport.is_active():
                while self._drain(channel, on_line):
                    pass
                return
            if channel.exit_status_ready():
                exited = exited or now
                if (over and not more) or now - exited > DAEMON_GRACE:
                    return
            if gave_up is None and now > self._deadline(sent):
                self._timed_out, gave_up = True, now
                self.cancel()
            elif gave_up is not None and now - gave_up > LAST_WORDS:
                return
            if more:
                continue
            self._wake.event.wait(0.02 if over else min(_POLL, max(self._deadline(sent) - now, 0.01)))

    def _drain(self, channel: paramiko.Channel, on_line: LineSink | None) -> bool:
        """Take what is there, in turns, so that neither a stream nor the deadline starves; True when more is left."""
        for _ in range(_TURNS):
            if not (channel.recv_ready() or channel.recv_stderr_ready()):
                return False
            if channel.recv_ready():
                self._out.take(channel.recv(_CHUNK), on_line)
            if channel.recv_stderr_ready():
                self._err.take(channel.recv_stderr(_CHUNK), on_line)
        return channel.recv_ready() or channel.recv_stderr_ready()

    def _deadline(self, sent: float) -> float:
        if self._began is None:
            return sent + LOGIN_SECONDS
        return self._began + self.job.timeout + wire.KILL_AFTER + GRACE

    def _outcome(self, channel: paramiko.Channel, sent: float) -> Outcome:
        ended = time.monotonic()
        code: int | None = channel.exit_status if channel.exit_status_ready() else -1
        due = self._began is not None and ended - self._began >= self.job.timeout - 0.1
        if code is None or code < 0:
            # timeout -k kills its whole group, itself included; sshd then tells a signal, which paramiko drops.
            code = 137 if due and self._transport.is_active() and not self._timed_out else None
        timed_out = self._timed_out or (due and code in (124, 137))
        noise = b"\n".join((self._out.start.before, self._err.start.before)).decode("utf-8", "replace")
        began = self._out.start.pid is not None or self._err.start.pid is not None
        return Outcome(code, self._out.kept, self._err.kept, began, noise, ended - sent, timed_out)


def open_channel(transport: paramiko.Transport) -> paramiko.Channel:
    """A session channel. Raises `UnreachableError` when sshd gives none."""
    for attempt in range(_OPEN_ATTEMPTS):
        try:
            return transport.open_session(timeout=faults.CHANNEL_SECONDS)
        except (paramiko.SSHException, EOFError, OSError) as error:
            # sshd counts a session until its child is reaped, so a burst may meet MaxSessions for a moment.
            refused = isinstance(error, paramiko.ChannelException)
            if not refused or attempt == _OPEN_ATTEMPTS - 1 or not transport.is_active():
                detail = "sshd allows no further session (MaxSessions)" if refused else str(error) or "connection lost"
                raise UnreachableError(detail) from error
        time.sleep(random.uniform(0.5, 1.0) * 0.05 * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _request_exec(channel: paramiko.Channel, line: str) -> None:
    """Like `Channel.exec_command`, which would wait for the reply without a deadline (paramiko #2599).

    Nothing needs the reply: a refusal closes the channel.
    """
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(True)
    message.add_string(line)
    channel.transport._send_user_message(message)  # type: ignore[union-attr]  # private, and set since open_session
