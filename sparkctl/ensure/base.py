"""An ensure: a state that shall be true on a host, as a pure diff and pure actions.

The laws that tests/ensure/test_laws.py runs over every registered ensure: a probe never mutates; diff is total;
applying a diff to the simulated host leaves an empty diff; cutting the actions at any index and running again
converges; secrets only as secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from sparkctl.facts.base import Fact
from sparkctl.ssh.command import Action

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference in one line: `mtu: 1500 -> 9000`. Never holds a secret."""

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.what}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs; empty (and false) when nothing does.

    `refuse` says why this state may not be changed by us (something foreign is in the way), `hint` how to go on.
    """

    changes: tuple[Change, ...] = ()
    refuse: str | None = None
    hint: str | None = None

    def __bool__(self) -> bool:
        return bool(self.changes or self.refuse)


class Ensure(Protocol):
    """A state of one host. `key` is unique on the host and stable (`package.nfs-common`): plans and journals name it.

    `needs` are keys of ensures, on this host (`package.docker`) or another (`spark-1/service.nfs-server`), before
    which this one's fact may be unknowable. `diff` and `apply` are pure; `seen` is what `fact.parse` returned. `apply`
    is only called with a diff that has changes and no `refuse`.
    """

    @property
    def key(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]: ...

    @property
    def fact(self) -> Fact[Any]: ...

    def diff(self, seen: Any) -> Diff: ...

    def apply(self, seen: Any, diff: Diff) -> Sequence[Action]: ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a failed action's output means: the cause in one phrase and the command that mends it."""

    cause: str
    hint: str | None = None


@runtime_checkable
class Explains(Protocol):
    """An ensure that can tell from a failed action's output why it failed (`manifest unknown`)."""

    def explain(self, said: str) -> Explanation | None: ...


@dataclass(frozen=True, slots=True)
class Ref(Generic[T]):
    """A value that a host's fact will give; `needs` is the key of the ensure on that host that makes it so (or "")."""

    host: str
    fact: Fact[T]
    needs: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """An ensure that can be built only when the values of its refs are known (another node's public key).

    `build` receives the values in the order of `refs`. Until then the plan says `unknown (known after REF.needs)`.
    `fact` is the built ensure's fact where it does not depend on the refs, so that it travels in the same batch.
    """

    key: str
    refs: tuple[Ref[Any], ...]
    build: Callable[..., Ensure]
    fact: Fact[Any] | None = None


Step = Ensure | Deferred
