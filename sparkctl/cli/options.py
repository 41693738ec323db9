"""The options that every command takes, found wherever people type them: before or after the command, until `--`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sparkctl.errors import UsageError


@dataclass(frozen=True, slots=True)
class Globals:
    """The options of the contract that are not one command's own. `verbose` counts the `-v`."""

    inventory: str | None = None
    hosts: str | None = None
    output: Literal["text", "json"] = "text"
    dry_run: bool = False
    detailed_exitcode: bool = False
    yes: bool = False
    color: Literal["auto", "always", "never"] = "auto"
    verbose: int = 0
    help: bool = False
    version: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A command line taken apart: `words` is what the command itself shall parse, from `--` on untouched."""

    options: Globals = field(default_factory=Globals)
    words: tuple[str, ...] = ()


_VALUED = {
    "-i": "inventory",
    "--inventory": "inventory",
    "--hosts": "hosts",
    "-o": "output",
    "--output": "output",
    "--color": "color",
}
_FLAGS = {
    "--dry-run": "dry_run",
    "--detailed-exitcode": "detailed_exitcode",
    "-y": "yes",
    "--yes": "yes",
    "--version": "version",
}
LONG = (*(name for name in (*_VALUED, *_FLAGS) if name.startswith("--")), "--verbose", "--help")
_CHOICES = {"output": ("text", "json"), "color": ("auto", "always", "never")}


def hoist(argv: list[str]) -> Line:
    """Take the global options out of `argv`.

    `--help` before the command is ours; after it, the command's. Raises `UsageError` for a missing or wrong value;
    the error still knows whether JSON was asked for: see `wants_json`.
    """
    options: dict[str, Any] = {}
    words: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            words += [word, *rest]
            break
        name, equals, value = word.partition("=")
        if word in _FLAGS:
            options[_FLAGS[word]] = True
        elif name in _VALUED and (equals or word == name):
            options[_VALUED[name]] = _checked(name, value if equals else _next(name, rest))
        elif word in ("-h", "--help") and not words:
            options["help"] = True
        elif word == "--verbose" or _cluster(word, rest, options):
            options["verbose"] = options.get("verbose", 0) + (word == "--verbose")
        else:
            words.append("--help" if word == "-h" else word)
    return Line(replace(Globals(), **options), tuple(words))


def wants_json(argv: list[str]) -> bool:
    """Whether a command line that could not be parsed asks for JSON, so that its error can be JSON too."""
    ours = argv[: argv.index("--")] if "--" in argv else argv
    pairs = zip(ours, [*ours, ""][1:], strict=True)
    return any(
        a in ("-ojson", "-o=json", "--output=json") or (a in ("-o", "--output") and b == "json") for a, b in pairs
    )


def _next(name: str, rest: list[str]) -> str:
    if not rest or rest[0].startswith("-"):
        raise UsageError(f"reading the command line: {name} needs a value", hint="sparkctl --help")
    return rest.pop(0)


def _checked(name: str, value: str) -> str:
    if not value:
        raise UsageError(f"reading the command line: {name} needs a value", hint="sparkctl --help")
    choices = _CHOICES.get(_VALUED[name])
    if choices and value not in choices:
        raise UsageError(
            f"reading the command line: {name} takes {' or '.join(choices)}, not {value!r}",
            hint=f"{name} {choices[0]}",
        )
    return value


def _cluster(word: str, rest: list[str], options: dict[str, Any]) -> bool:
    """Short options in one word (`-vy`, `-ojson`, `-ilab`); false, and nothing taken, where another letter is met."""
    if len(word) < 2 or word[0] != "-" or word[1] == "-":
        return False
    found: dict[str, Any] = {}
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter == "v":
            found["verbose"] = found.get("verbose", options.get("verbose", 0)) + 1
        elif letter == "y":
            found["yes"] = True
        elif letter in "io":
            name = f"-{letter}"
            found[_VALUED[name]] = _checked(name, letters or _next(name, rest))
            letters = ""
        else:
            return False
    options.update(found)
    return True
