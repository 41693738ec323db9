"""Untrusted text made printable, its width in terminal cells, and colour where the terminal wants it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS and their kin, up to their end
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
    r"|\x9b[0-?]*[ -/]*[@-~]",  # CSI as one C1 byte
    re.DOTALL,
)
# Controls, the bidirectional overrides that make text read as something else (CVE-2021-42574), line separators,
# surrogates: none may reach a terminal.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")

STYLES: Mapping[str, str] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
    "bad": "1;31",
}


def clean(text: str) -> str:
    """One printable line: escape sequences dropped, tabs and newlines a space, other controls a `?`."""
    text = _ESCAPES.sub("", text).replace("\t", " ").replace("\r\n", " ").replace("\n", " ")
    return _UNPRINTABLE.sub("?", text)


def clean_lines(text: str) -> list[str]:
    """As `clean`, keeping the lines; what a carriage return has overwritten is dropped, as a terminal would."""
    lines = _ESCAPES.sub("", text).split("\n")
    return [clean(line.rstrip("\r").rsplit("\r", 1)[-1]) for line in lines]


def width(text: str) -> int:
    """Terminal cells of cleaned text: east asian wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def pad(text: str, cells: int) -> str:
    return text + " " * max(0, cells - width(text))


def paint(text: str, style: str, on: bool) -> str:
    """`text` in `style` (a name of STYLES) where colour is `on`."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if on and style and text else text


def plural(count: int, noun: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """`0.4 s`, `12.3 s`, `2 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
