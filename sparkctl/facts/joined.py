"""Several questions that one ensure asks together, so that its diff sees one consistent answer."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sparkctl.facts.base import Fact, FactUnavailable, Output

T = TypeVar("T")

_GS = "\x1d"


def joined(
    name: str, parts: Mapping[str, Fact[Any]], build: Callable[[Mapping[str, Any]], T], *, sudo: bool = False
) -> Fact[T]:
    """One fact made of `parts` (by a short name); `build` receives their parsed values by that name."""
    snippet = "\n".join(_framed(part, fact.snippet) for part, fact in parts.items())

    def parse(output: Output) -> T:
        if output.code == 124:
            raise FactUnavailable("no answer within the deadline")
        return build({part: fact.parse(_section(output, part)) for part, fact in parts.items()})

    return Fact(
        name,
        snippet,
        parse,
        sudo=sudo or any(fact.sudo for fact in parts.values()),
        timeout=sum(fact.timeout for fact in parts.values()),
        secret=any(fact.secret for fact in parts.values()),
    )


def _framed(part: str, snippet: str) -> str:
    opened, closed = f"{_GS}B {part}", f"{_GS}E {part}"
    # stderr is folded in: the last words of a snippet that failed are the reason that the user is told
    return (
        f"printf '%s\\n' {shlex.quote(opened)}; sh -c {shlex.quote(snippet)} 2>&1; "
        f"printf '\\n%s %s\\n' {shlex.quote(closed)} $?"
    )


def _section(output: Output, part: str) -> Output:
    _, opened, rest = output.stdout.partition(f"{_GS}B {part}\n")
    text, closed, tail = rest.partition(f"\n{_GS}E {part} ")
    code = tail.split("\n", 1)[0]
    if not (opened and closed and code.isdecimal()):
        raise FactUnavailable(f"the answer about {part} was cut off")
    return Output(int(code), text)
