"""What a host said, made safe to show: no terminal escapes, no control or bidirectional characters."""

from __future__ import annotations

import re

# ECMA-48 (5th ed.) 5.4 and 5.6: CSI sequences, command strings (OSC, DCS, SOS, PM, APC) and two-character escapes.
# An unterminated command string ends with its line, so that it cannot hide what follows.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 and C1 controls but tab and newline; soft hyphen; zero-width, bidirectional (Unicode TR9) and line-separating
# characters; byte order mark, interlinear annotations, tags; lone surrogates, which no terminal can encode.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """`text` as it may be shown: escapes and unshowable characters removed, every carriage return a new line."""
    text = _ESCAPES.sub("", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSHOWABLE.sub("", text)


def excerpt(text: str, lines: int = 8, width: int = 300) -> str:
    """The last `lines` non-empty lines of `text`, plain, each cut at `width` characters: the evidence of an error."""
    kept = [line.rstrip() for line in plain(text).split("\n") if line.strip()][-lines:]
    return "\n".join(line if len(line) <= width else line[: width - 1] + "…" for line in kept)
