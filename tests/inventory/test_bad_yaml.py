"""Files that are wrong as YAML: each is refused at the right place, with the cause and the cure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import yaml

from sparkctl.inventory.problems import Problem

Refused = Callable[[str | bytes], tuple[Problem, ...]]

# The whole file: (content, path, line, column, part of the message, part of the hint).
WHOLE: Mapping[str, tuple[str | bytes, str, int | None, int | None, str, str]] = {
    "empty": ("", "", 1, 1, "the file is empty", "two-sparks.yml"),
    "only a comment": ("# cluster: x\n", "", 1, 1, "the file is empty", "two-sparks.yml"),
    "null": ("~", "", 1, 1, "the file is empty", "two-sparks.yml"),
    "a word": ("sparks", "", 1, 1, "a single word, and a mapping", "two-sparks.yml"),
    "a list": ("- cluster: x\n", "", 1, 1, "a list, and a mapping", "two-sparks.yml"),
    "JSON cut off": ('{"cluster": "x"', "", 1, 1, "a bracket or brace is opened", "close the mapping"),
    "list not closed": ("cluster: x\nnfs: [1, 2\n", "", 2, 6, "a bracket or brace is opened", "close the list"),
    "nothing after a bracket": ("nfs: [", "", 2, 1, "a value is missing", "write it"),
    "quote not closed": ('cluster: "two\nhead: x\n', "", 1, 10, "a quote is opened and never closed", "close it"),
    "tab before a key": ("cluster: x\nhosts:\n\ta: {}\n", "", 3, 1, "a tab", "blanks"),
    "tab as first letter": ("\tcluster: x\n", "", 1, 1, "a tab", "blanks"),
    "tab in continued text": ("cluster: x\n\thead: y\n", "", 2, 1, "a tab", "blanks"),
    "colon in a value": ("cluster: two: sparks\n", "", 1, 13, "a colon where none can stand", "quote"),
    "key without colon": ("cluster: x\nhead\n", "", 3, 1, "a key without a colon", "key: value"),
    "indentation": ("cluster: x\nhosts:\n  a: 1\n b: 2\n", "", 4, 2, "does not fit the ones above", "aligned"),
    "at sign": ("cluster: @x\n", "", 1, 10, "cannot begin with '@'", "quote"),
    "percent": ("cluster: %x\n", "", 1, 10, "cannot begin with '%'", "quote"),
    "backtick": ("cluster: `id`\n", "", 1, 10, "cannot begin with '`'", "quote"),
    "unknown escape": ('cluster: "\\q"\n', "", 1, 10, "an escape that YAML does not know", "single quotes"),
    "escape that is no letter": ('cluster: "\\ud800"\n', "", 1, 10, "an escape", "single quotes"),
    "two documents": ("cluster: x\n---\nhead: y\n", "", 2, 1, "a second document begins here", "delete"),
    "unknown version": ("%YAML 9.9\n---\na: 1\n", "", 1, 1, "version of YAML", "%YAML"),
    "tag of python": ("cluster: !!python/object/apply:os.system [id]\n", "cluster", 1, 10, "tags are not read", "tag"),
    "tag of text": ("cluster: !!str 12\n", "cluster", 1, 10, "tags are not read here: found '!!str'", "quotes"),
    "own tag": ("cluster: !secret key\n", "cluster", 1, 10, "tags are not read here: found '!secret'", "delete"),
    "anchor": ("cluster: &a x\n", "cluster", 1, 10, "anchors (&a)", "write the value out"),
    "alias": ("cluster: &a x\nhead: *a\n", "head", 2, 7, "aliases (*a)", "write the value out"),
    "merge key": ("cluster: x\n<<: {head: y}\n", "'<<'", 2, 1, "merge and value keys", "quotes"),
    "list as key": ("? [a]\n: b\n", "", 1, 3, "cannot be a key", "plain word"),
    "alias as key": ("cluster: &a x\n*a : y\n", "", 2, 1, "aliases (*a)", "plain word"),
    "number as key": ("1: 2\n", "1", 1, 1, "the key '1' without quotes is a number", '"1":'),
    "no as key": ("no: 2\n", "no", 1, 1, "the key 'no' without quotes is false", '"no":'),
    "null as key": ("~: 2\n", "'~'", 1, 1, "the key '~' without quotes is nothing", '"~":'),
    "long key": (f"{'k' * 300}: 1\n", f"'{'k' * 60}...'", 1, 1, "is too long", "plain word"),
    "latin-1": ("cluster: caf\xe9\n".encode("latin-1"), "", 1, 13, "byte 0xe9 is not UTF-8", "UTF-8"),
    "latin-1 in line 3": (b"cluster: x\n# a\n# \xfc\n", "", 3, 3, "byte 0xfc is not UTF-8", "UTF-8"),
    "utf-16": ("cluster: x\n".encode("utf-16"), "", 1, 1, "UTF-16", "UTF-8"),
    "binary": (b"\x7fELF\x02\x01\x01\x00", "", 1, 1, "U+007F", "delete"),
    "NUL": (b"cluster: x\x00\n", "", 1, 11, "U+0000", "delete"),
    "escape sequence": ("cluster: x # \x1b[2J\n", "", 1, 14, "U+001B", "delete"),
    "bidi in a comment": ("cluster: x\n# \u202eevil\n", "", 2, 3, "U+202E (right-to-left override)", "delete"),
    "bidi as an escape": ('cluster: "\\u202e"\n', "cluster", 1, 10, "U+202E (right-to-left override)", "delete"),
    "invisible letter": ("cluster: spa\u200brks\n", "cluster", 1, 10, "U+200B (zero width space)", "delete"),
    "newline as an escape": ('cluster: "a\\nb"\n', "cluster", 1, 10, "is not a name", "write a-b"),
    "too deep": ("[" * 100_000, "", 1, 21, "nested deeper than 20 levels", "right file"),
    "too deep, mappings": ("{a: " * 50_000, "", 1, 81, "nested deeper than 20 levels", "right file"),
    "too many values": ("nfs: [" + "1," * 30_000 + "1]\n", "", 1, 40_001, "more than 20000 values", "right file"),
    "too big": (b"# " + b"x" * (1 << 20), "", None, None, "larger than 1048576 bytes", "right file"),
    "alias bomb": (
        "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\n",
        "a",
        1,
        4,
        "anchors (&a)",
        "write the value out",
    ),
}


@pytest.mark.parametrize("case", WHOLE.values(), ids=WHOLE.keys())
def test_whole_file(case: tuple[str | bytes, str, int | None, int | None, str, str], refused: Refused) -> None:
    content, path, line, column, message, hint = case
    found = refused(content)
    hit = next((p for p in found if p.path == path and message in p.message), None)
    assert hit is not None, found
    assert (hit.line, hit.column) == (line, column)
    assert hint in (hit.hint or "")


SAID_OTHERWISE = {"nothing after a bracket", "escape that is no letter"}
"""What PyYAML's own parser refuses in other words or places."""


@pytest.mark.parametrize("name", sorted(set(WHOLE) - SAID_OTHERWISE))
def test_whole_file_where_pyyaml_has_no_libyaml(name: str, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    content, path, line, _, message, _ = WHOLE[name]
    assert any((p.path, p.line) == (path, line) and message in p.message for p in refused(content)), refused(content)
