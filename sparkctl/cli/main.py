"""From the words on the command line to an exit code; the overview and the version are answered without imports."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sparkctl import __version__
from sparkctl.cli import overview

if TYPE_CHECKING:
    from sparkctl.cli.options import Globals
    from sparkctl.cli.overview import Entry


def main(argv: list[str]) -> int:
    """Run one command line and return the contract's exit code (docs: `sparkctl --help`)."""
    try:
        if argv in ([], ["--help"], ["-h"], ["help"]):
            return _print(overview.render())
        if argv == ["--version"]:
            return _print(f"sparkctl {__version__}")
    except OSError:
        # A full disk: the long way says so.
        pass
    from sparkctl.cli.failure import guarded

    return guarded(argv, lambda: _run(argv))


def _print(text: str) -> int:
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:
        from sparkctl.ui.terminal import forget

        forget(sys.stdout)
    return 0


def _run(argv: list[str]) -> int:
    from sparkctl.cli.options import hoist

    line = hoist(argv)
    if line.options.version:
        return _print(f"sparkctl {__version__}")
    words = list(line.words)
    if words[:1] == ["help"]:
        words = _help_of(words[1:])
    elif line.options.help:
        words = _help_of(words)
    if not words:
        return _print(overview.render())
    entry = _entry(words[0])
    if line.options.detailed_exitcode and not line.options.dry_run:
        from sparkctl.errors import UsageError

        # Who types it wants to know, not to do.
        raise UsageError(
            "reading the command line: --detailed-exitcode goes with --dry-run",
            hint=f"sparkctl {entry.name} --dry-run --detailed-exitcode",
        )
    return _invoke(entry, words[1:], line.options)


def _help_of(words: list[str]) -> list[str]:
    """`help inventory check` is `inventory check --help`; nothing else of the line is kept, for it shall not run."""
    if not words:
        return []
    entry = overview.find(words[0])
    parts = [word for word in words[1:2] if entry is not None and word in entry.parts]
    return [words[0], *parts, "--help"]


def _entry(name: str) -> Entry:
    entry = overview.find(name)
    if entry is not None:
        return entry
    from sparkctl.cli.failure import did_you_mean
    from sparkctl.cli.options import LONG
    from sparkctl.errors import UsageError

    is_option = name.startswith("-")
    kind = "option" if is_option else "command"
    close = did_you_mean(name, LONG if is_option else [entry.name for entry in overview.entries()])
    hint = f"sparkctl {close}" if close else "sparkctl --help"
    raise UsageError(f"reading the command line: there is no {kind} {name!r}", hint=hint)


def _invoke(entry: Entry, words: list[str], options: Globals) -> int:
    """Import the one command that was asked for and run it; its return value is its exit code, None being 0."""
    from importlib import import_module

    import typer
    from typer.main import get_command

    from sparkctl.cli.session import Session

    command = get_command(import_module(entry.module).app)
    words = words or (["--help"] if entry.parts else [])
    line = [entry.name, *words]
    session = Session.begin(options, line, overview.schema(line))
    try:
        with command.make_context(f"sparkctl {entry.name}", words, obj=session) as context:
            code = command.invoke(context)
    except typer.Exit as end:
        code = end.exit_code
    return code if isinstance(code, int) else 0
