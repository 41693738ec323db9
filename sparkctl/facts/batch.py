"""Many facts in one round trip: one script out, framed answers back.

Login shells print into stdout before our script starts (`.bashrc`), so answers are taken from between markers that
carry a nonce, never from the whole stream (docs/decisions/0002-one-batched-script.md).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from sparkctl.facts.base import Fact, FactUnavailable, Missing, Output

_RS = "\x1e"

_PRELUDE = r"""
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin"
ask() {
  printf '\036%s B %s\n' "$nonce" "$1"; printf '\036%s B %s\n' "$nonce" "$1" >&2
  timeout -k 1 "$2" sh -c "$3" </dev/null
  code=$?
  printf '\n\036%s E %s %s\n' "$nonce" "$1" "$code"; printf '\n\036%s E %s %s\n' "$nonce" "$1" "$code" >&2
}
"""


def unique(facts: Iterable[Fact[Any]]) -> dict[str, Fact[Any]]:
    """The facts by name. Raises ValueError when one name stands for two questions, which is a bug of ours."""
    found: dict[str, Fact[Any]] = {}
    for fact in facts:
        other = found.setdefault(fact.name, fact)
        if (other.snippet, other.sudo) != (fact.snippet, fact.sudo):
            raise ValueError(f"two facts are called {fact.name!r}")
    return found


def script(facts: Mapping[str, Fact[Any]], nonce: str) -> str:
    """One POSIX script that asks all `facts`; those that need root share a single sudo."""
    plain = [(n, f) for n, f in facts.items() if not f.sudo]
    root = [(n, f) for n, f in facts.items() if f.sudo]
    names = list(facts)
    body = [f"nonce={shlex.quote(nonce)}", _PRELUDE]
    body += [_ask(names.index(n), f) for n, f in plain]
    if root:
        inner = "\n".join([f"nonce={shlex.quote(nonce)}", _PRELUDE, *(_ask(names.index(n), f) for n, f in root)])
        body.append('become="sudo -n --"; [ "$(id -u)" != 0 ] || become=')
        body.append(f"$become sh -c {shlex.quote(inner)} </dev/null || true")
    return "\n".join(body)


def _ask(index: int, fact: Fact[Any]) -> str:
    return f"ask {index} {fact.timeout:g} {shlex.quote(fact.snippet)}"


def deadline(facts: Mapping[str, Fact[Any]]) -> float:
    """Seconds after which the whole batch is given up: they run one after the other."""
    return 10.0 + sum(fact.timeout for fact in facts.values())


def split(facts: Mapping[str, Fact[Any]], nonce: str, stdout: str, stderr: str) -> dict[str, Output]:
    """The answer of each fact; a fact whose frame did not come back whole is absent."""
    out, err = _frames(stdout, nonce), _frames(stderr, nonce)
    answers: dict[str, Output] = {}
    for index, name in enumerate(facts):
        if index in out:
            text, code = out[index]
            answers[name] = Output(code, text, err.get(index, ("", 0))[0])
    return answers


def _frames(stream: str, nonce: str) -> dict[int, tuple[str, int]]:
    found: dict[int, tuple[str, int]] = {}
    begin, end = f"{_RS}{nonce} B ", f"\n{_RS}{nonce} E "
    for piece in stream.split(begin)[1:]:
        head, _, rest = piece.partition("\n")
        text, closed, tail = rest.partition(end)
        line, ended, _ = tail.partition("\n")
        words = line.split()
        if closed and ended and head.isdecimal() and len(words) == 2 and words[0] == head and words[1].isdecimal():
            found[int(head)] = (text, int(words[1]))
    return found


def values(facts: Mapping[str, Fact[Any]], answers: Mapping[str, Output], lost: Missing) -> dict[str, Any]:
    """Each fact parsed; `Missing` where it cannot be known, `lost` where no answer came at all."""
    found: dict[str, Any] = {}
    for name, fact in facts.items():
        output = answers.get(name)
        if output is None:
            found[name] = lost
            continue
        try:
            found[name] = fact.parse(output)
        except FactUnavailable as unavailable:
            found[name] = Missing(unavailable.reason, unavailable.hint)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            # whatever a host prints is hostile: an answer of another shape is no answer, and no bug of ours
            found[name] = Missing(f"the answer about {name} could not be read")
    return found
