"""How a failure looks: one sentence, its evidence, the command that mends it; text, or the contract's JSON. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sparkctl.errors import SparkctlError
from sparkctl.ui.columns import wrap
from sparkctl.ui.text import clean, clean_lines, paint

EVIDENCE_LINES = 15
"""Lines of evidence shown, counted from the end: the cause is where output stops."""
EVIDENCE_CELLS = 400
"""Cells of one evidence line that are shown."""


def error_lines(errors: Sequence[SparkctlError], *, limit: int | None, color: bool) -> list[str]:
    """All errors, each once: what several hosts have in common is said once with their names."""
    lines: list[str] = []
    for hosts, error in _grouped(errors):
        lines += _one(error, hosts, limit, color)
    return lines


def error_json(error: SparkctlError) -> dict[str, Any]:
    """The contract's `error` object; `location` is `{"file", "line", "column"}` or null."""
    where = error.location
    return {
        "code": error.code,
        "message": error.message,
        "host": error.host,
        "step": error.step,
        "hint": error.hint,
        "location": None if where is None else {"file": where.file, "line": where.line, "column": where.column},
        "evidence": error.evidence,
    }


def _grouped(errors: Sequence[SparkctlError]) -> list[tuple[list[str], SparkctlError]]:
    """Errors that differ only by the host's name, in order of appearance."""
    groups: dict[tuple[str, str | None], tuple[list[str], SparkctlError]] = {}
    for error in errors:
        name = error.host or ""
        same = error.message.replace(name, "\0") if name else error.message
        hint = error.hint.replace(name, "\0") if name and error.hint else error.hint
        groups.setdefault((same, hint), ([], error))[0].append(name)
    return [(hosts, error) for hosts, error in groups.values()]


def _one(error: SparkctlError, hosts: list[str], limit: int | None, color: bool) -> list[str]:
    message = clean(error.message)
    if len(hosts) > 1:
        message = f"{message} (the same on {', '.join(clean(host) for host in hosts[1:])})"
    elif error.host and not re.search(rf"(?<![\w-]){re.escape(clean(error.host))}(?![\w-])", message):
        message = f"{message} (on {clean(error.host)})"
    return [
        *_labelled("error: ", message, "bad", limit, color),
        *_evidence(error.evidence, limit, color),
        *([f"  at {clean(str(error.location))}"] if error.location else []),
        *(_labelled("fix: ", clean(error.hint), "green", None, color) if error.hint else []),
    ]


def _labelled(label: str, text: str, style: str, limit: int | None, color: bool) -> list[str]:
    """A fix is never wrapped: it must survive being copied."""
    first, *more = wrap(text, None if limit is None else limit - len(label))
    return [paint(label, style, color) + first, *(" " * len(label) + line for line in more)]


def _evidence(evidence: str | None, limit: int | None, color: bool) -> list[str]:
    if not evidence:
        return []
    lines = [line for line in clean_lines(evidence.rstrip()) if line.strip()]
    left_out = len(lines) - EVIDENCE_LINES
    shown = ([f"... {left_out} lines before"] if left_out > 0 else []) + lines[-EVIDENCE_LINES:]
    cut = [line if len(line) <= EVIDENCE_CELLS else line[:EVIDENCE_CELLS] + "..." for line in shown]
    parts = [part for line in cut for part in wrap(line, None if limit is None else limit - 4)]
    return [paint(f"  | {part}", "dim", color) for part in parts]
