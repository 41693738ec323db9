"""A port of this machine's loopback that leads to a port seen from a node: for HTTP probes and the dashboard."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from types import TracebackType

import paramiko

from sparkctl.errors import UnreachableError
from sparkctl.ssh.connection import SshTransport

_CHUNK = 32768
_BACKLOG = 16
_POLL = 0.5
_JOIN_SECONDS = 2.0


class LocalForward:
    """`with LocalForward(transport, "127.0.0.1", 8000) as forward: httpx.get(forward.url)`.

    Listens on 127.0.0.1 only. A connection that the node cannot make is closed at once; `failure` then says why.
    """

    def __init__(self, transport: SshTransport, host: str, port: int, *, local_port: int = 0) -> None:
        """`host:port` as seen from the node; `local_port` 0 takes a free one."""
        self._transport = transport
        self._target = (host, port)
        self._wanted = local_port
        self._listener: socket.socket | None = None
        self._threads: set[threading.Thread] = set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self.port = 0
        self.failure: UnreachableError | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> LocalForward:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind(("127.0.0.1", self._wanted))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise UnreachableError(
                f"listening on 127.0.0.1:{self._wanted}: {(error.strerror or str(error)).lower()}",
                hint=f"ss -ltnp 'sport = {self._wanted}'",
            ) from error
        listener.settimeout(_POLL)
        self._listener = listener
        self.port = listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and end every connection."""
        self._ending.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept; its descriptor stays taken until it is back
        with self._lock:
            streams, threads = tuple(self._open), tuple(self._threads)
        for stream in streams:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_JOIN_SECONDS)
        if self._listener is not None:
            self._listener.close()

    def _start(self, target: object, *args: object) -> None:
        def work() -> None:
            try:
                assert callable(target)
                target(*args)
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=work, daemon=True, name="sparkctl-forward")
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._ending.is_set():
            try:
                stream, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._serve, stream)

    def _serve(self, stream: socket.socket) -> None:
        with stream:
            try:
                channel = self._transport.open_tcp(*self._target)
            except UnreachableError as error:
                self.failure = error
                return
            with self._lock:
                self._open.add(stream)
            try:
                # A reset on either side ends both; whoever uses the port sees it there.
                with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                    self._pump(stream, channel)
            finally:
                with self._lock:
                    self._open.discard(stream)
                with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                    channel.close()

    def _pump(self, stream: socket.socket, channel: paramiko.Channel) -> None:
        """Copy both ways until both sides have ended, or this forward ends."""
        stream.settimeout(None)
        channel.settimeout(None)
        with selectors.DefaultSelector() as ready:
            ready.register(stream, selectors.EVENT_READ)
            ready.register(channel, selectors.EVENT_READ)
            left = 2
            while left and not self._ending.is_set():
                for key, _ in ready.select(_POLL):
                    if key.fileobj is stream:
                        data = stream.recv(_CHUNK)
                        channel.sendall(data) if data else channel.shutdown_write()
                    else:
                        data = channel.recv(_CHUNK)
                        stream.sendall(data) if data else stream.shutdown(socket.SHUT_WR)
                    if not data:
                        ready.unregister(key.fileobj)
                        left -= 1
