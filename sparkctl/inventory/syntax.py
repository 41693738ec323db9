"""What a YAML parser's complaint means to somebody who is writing a file. Pure."""

from __future__ import annotations

from typing import Any

from sparkctl.inventory.letters import shown
from sparkctl.inventory.problems import Problem

_CLOSE = "a bracket or brace is opened and not closed, or a comma is missing"
_INDENT = "this line does not fit the ones above: a colon is missing, or the indentation is off"
_SENTENCES: tuple[tuple[str, str, str], ...] = (
    # Parts of the messages of libyaml 0.2 and of PyYAML 6, what they mean, and what to do.
    ("mapping values are not allowed", "a colon where none can stand", "quote the text, or mend the indentation"),
    ("tab character", "a tab: YAML is indented with blanks only", "replace the tab by blanks"),
    ("while scanning a quoted scalar", "a quote is opened and never closed", "close it"),
    ("found unexpected end of stream", "the file ends in the middle of something", "close the quote or the bracket"),
    ("unknown escape character", "an escape that YAML does not know", "use single quotes"),
    ("escape sequence", "an escape that YAML cannot read", "use single quotes"),
    ("hexdecimal numbers", "an escape that YAML cannot read", "use single quotes"),
    ("hexadecimal numbers", "an escape that YAML cannot read", "use single quotes"),
    ("invalid Unicode character", "an escape that is no character", "use single quotes"),
    ("did not find expected ',' or ']'", _CLOSE, "close the list with ]"),
    ("expected ',' or ']'", _CLOSE, "close the list with ]"),
    ("did not find expected ',' or '}'", _CLOSE, "close the mapping with }"),
    ("expected ',' or '}'", _CLOSE, "close the mapping with }"),
    ("did not find expected key", _INDENT, "write `key: value`, aligned with the keys above"),
    ("expected <block end>", _INDENT, "write `key: value`, aligned with the keys above"),
    ("could not find expected ':'", "a key without a colon", "write `key: value`"),
    ("did not find expected '-' indicator", "a list whose items are not aligned", "begin every item with `- `"),
    ("block sequence entries are not allowed", "a list item where none can stand", "put it on a line of its own"),
    ("undefined tag handle", "tags are not read here", "delete the tag"),
    ("expected the node content", "a value is missing", "write it, or delete the line"),
    ("did not find expected node content", "a value is missing", "write it, or delete the line"),
    ("expected <document start>", "text after the end of the document", "is the first line indented, or a quote left?"),
    ("incompatible YAML document", "a version of YAML that nobody speaks", "delete the %YAML line"),
    ("version", "a %YAML line that cannot be read", "delete the %YAML line"),
    ("found duplicate anchor", "anchors are not read here", "write the value out"),
    ("exceeded max", "nested too deep", "is it the right file?"),
)


def problem(error: Exception, text: str) -> Problem:
    """A syntax error as one sentence; the parser's own words only where ours are missing."""
    said = " ".join(str(part) for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part)
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if "quoted scalar" in said or "flow " in said:
        mark = getattr(error, "context_mark", None) or mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
    if "cannot start any token" in said:
        return _bad_start(text, line, column)
    for part, meaning, hint in _SENTENCES:
        if part in said:
            return Problem("", line, column, meaning, hint)
    return Problem("", line, column, f"this is not YAML: {said or type(error).__name__}", "look at this line")


def _bad_start(text: str, line: int | None, column: int | None) -> Problem:
    lines = text.splitlines()
    if line is None or column is None or line > len(lines) or column > len(lines[line - 1]):
        return Problem("", line, column, "a character that cannot begin a value", "quote the value")
    letter = lines[line - 1][column - 1]
    if letter == "\t":
        return Problem("", line, column, "a tab: YAML is indented with blanks only", "replace the tab by blanks")
    return Problem("", line, column, f"a value cannot begin with {shown(letter)} without quotes", "quote the value")
