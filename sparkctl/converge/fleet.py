"""All open doors of a run: asks many hosts at once, remembers who was lost, and tells what happens."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

from sparkctl.converge.events import Emit, Event, Kind, Outcome
from sparkctl.errors import SparkctlError, UnreachableError
from sparkctl.facts import batch
from sparkctl.facts.base import Fact, Missing
from sparkctl.ssh.command import Command, Transport

T = TypeVar("T")

LOST = "the host was lost while it was asked"


class Fleet:
    """The transports of a run, each owned by one thread at a time.

    `doors` maps each host to its open transport, or to the error that kept it shut. A host that is lost later moves to
    `lost` and is not asked again.
    """

    def __init__(
        self,
        doors: Mapping[str, Transport | UnreachableError],
        emit: Emit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.open: dict[str, Transport] = {h: d for h, d in doors.items() if not isinstance(d, SparkctlError)}
        self.lost: dict[str, SparkctlError] = {h: d for h, d in doors.items() if isinstance(d, SparkctlError)}
        self.clock = clock
        self._emit, self._lock, self._began = emit, Lock(), clock()
        self._stopped = False

    def tell(self, kind: Kind, **said: Any) -> None:
        """Emit one event; sinks never run in two threads at once."""
        with self._lock:
            self._emit(Event(kind, self.clock() - self._began, **said))

    def lose(self, host: str, error: SparkctlError) -> None:
        """Give a host up for the rest of the run."""
        with self._lock:
            self.lost.setdefault(host, error)
            self.open.pop(host, None)
        self.tell(Kind.HOST_LOST, host=host, text=error.message, outcome=Outcome.UNREACHABLE)

    def each(self, hosts: Iterable[str], work: Callable[[str], T], *, at_once: int | None = None) -> dict[str, T]:
        """`work(host)` for all hosts, one thread a host; on Ctrl-C every door is shut, which frees the threads."""
        names = list(dict.fromkeys(hosts))
        if not names:
            return {}
        with ThreadPoolExecutor(max_workers=at_once or len(names), thread_name_prefix="host") as pool:
            futures = {name: pool.submit(work, name) for name in names}
            try:
                return {name: future.result() for name, future in futures.items()}
            except BaseException:
                for future in futures.values():
                    future.cancel()
                self._stopped = True
                self.close()
                raise

    def again(self, door: Transport) -> None:
        """Log in again. Raises `UnreachableError`, also after Ctrl-C: it shut the doors so that nobody waits."""
        if self._stopped:
            raise UnreachableError(f"talking to {door.host}: the run was stopped", host=door.host)
        door.reconnect()

    def gather(self, facts: Mapping[str, Sequence[Fact[Any]]]) -> dict[str, dict[str, Any]]:
        """Ask each host its facts in one round trip; hosts in parallel. Unknowable facts come back as `Missing`."""
        return self.each(facts, lambda host: self._ask(host, facts[host]))

    def _ask(self, host: str, facts: Sequence[Fact[Any]]) -> dict[str, Any]:
        questions = batch.unique(facts)
        door = self.open.get(host)
        if door is None:
            return dict.fromkeys(questions, Missing(self.lost[host].message if host in self.lost else LOST))
        nonce = secrets.token_hex(8)
        try:
            result = door.run_script(batch.script(questions, nonce), timeout=batch.deadline(questions))
            if result.code is None:
                self.again(door)
                result = door.run_script(batch.script(questions, nonce), timeout=batch.deadline(questions))
        except UnreachableError as error:
            self.lose(host, error)
            return dict.fromkeys(questions, Missing(error.message))
        answers = batch.split(questions, nonce, result.stdout, result.stderr)
        lost = Missing(LOST)
        if any(fact.sudo and name not in answers for name, fact in questions.items()):
            lost = self._why_not_root(door) or lost
        return batch.values(questions, answers, lost)

    def _why_not_root(self, door: Transport) -> Missing | None:
        """Which of sudo's problems kept the facts that need root from being answered."""
        try:
            door.run(Command(("true",), sudo=True))
        except SparkctlError as error:
            return Missing(error.message, error.hint)
        return None

    def close(self) -> None:
        """Shut every door; what still runs on the other side ends at its own deadline."""
        for door in list(self.open.values()):
            door.close()
