"""Which letters may stand in a file of the user's, and how a hostile one is shown. Pure."""

from __future__ import annotations

import re

from sparkctl.inventory.problems import Problem

MOST = 20
"""Bad characters that are reported one by one."""

IN_FILES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Nowhere in a file, not even in a comment: controls and YAML's exotic line ends, and the bidirectional overrides that
make a line read as something else than it says (CVE-2021-42574)."""

IN_VALUES = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\uffff"
    "\U000e0000-\U000e0fff]"
)
"""Nowhere in a value, even as an escape (`"\\u202e"`): also tabs, and letters that cannot be seen."""


def decoded(content: bytes | str) -> str | Problem:
    """The text of a file, without the byte-order mark that some editors put first."""
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    for mark, name in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if content.startswith(mark):
            return Problem("", 1, 1, f"this file is {name}, and UTF-8 is wanted", "save it as UTF-8")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        found = f"byte 0x{content[error.start]:02x} is not UTF-8"
        return Problem("", line, column, found, "save the file as UTF-8")


def forbidden(text: str) -> list[Problem]:
    """What may stand nowhere in a file."""
    found = []
    for match in IN_FILES.finditer(text):
        before = text[: match.start()]
        line, column = before.count("\n") + 1, match.start() - (before.rfind("\n") + 1) + 1
        found.append(Problem("", line, column, f"{named(match[0])} has no place in this file", "delete it"))
        if len(found) == MOST:
            break
    return found


def named(letter: str) -> str:
    """An invisible letter by its number and, where it has one, its name."""
    import unicodedata

    name = unicodedata.name(letter, "a control character").lower()
    return f"U+{ord(letter):04X} ({name})"


def shown(value: object, limit: int = 60) -> str:
    """A value in a message: in quotes, cut, with everything that is not plainly visible escaped."""
    text = value if isinstance(value, str) else str(value)
    cut = text[:limit]
    safe = "".join(c if c.isprintable() and not IN_VALUES.match(c) else ascii(c)[1:-1] for c in cut)
    return f"'{safe}{'...' if len(text) > limit else ''}'"
