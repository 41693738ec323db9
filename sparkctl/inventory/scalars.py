"""What an unquoted word of YAML is. Where YAML 1.1 and 1.2 disagree, nobody may guess: it is refused. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Trap:
    """A word that means different things to different readers of YAML; `reads_as` says what some of them make of it."""

    text: str
    reads_as: str


_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NORWAY = re.compile(r"(?i:yes|no|on|off)")
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,30}")
_TRAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    # The patterns of the YAML 1.1 type repository (yaml.org/type) and of the YAML 1.2 core schema, where they differ.
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"), "a number in base 60"),
    (re.compile(r"[-+]?0o[0-7_]+"), "an octal number"),
    (re.compile(r"[-+]?0[0-9_]+"), "an octal number"),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]+"), "a hexadecimal number"),
    (re.compile(r"[-+]?0b[01_]+"), "a binary number"),
    (re.compile(r"[-+]?[0-9][0-9_]*"), "another number"),
    (re.compile(r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9_]+(?:[eE][-+]?[0-9]+)?"), "another number"),
    (re.compile(r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?"), "another number"),
    (re.compile(r"[-+]?\.(?i:inf|nan)"), "an infinite number"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?"), "a date"),
    (re.compile(r"<<|="), "YAML's merge and value keys"),
)


def plain(text: str) -> Scalar | Trap:
    """The value of an unquoted scalar: null, true, false, a decimal number, or text."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    first = text[0]
    if first not in "-+.0123456789<=yYnNoO":
        return text
    if _NORWAY.fullmatch(text):
        return Trap(text, "true" if text.lower() in ("yes", "on") else "false")
    if _INT.fullmatch(text) and text != "-0":
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return next((Trap(text, meaning) for pattern, meaning in _TRAPS if pattern.fullmatch(text)), text)
