"""YAML without its surprises: one document of mappings, lists and scalars, every place kept, every fault reported.

Made from the parser's events instead of a constructor, so that nothing is ever built from a tag, nothing is expanded
from an alias, and depth and size are bounded before they can hurt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from sparkctl.inventory import syntax
from sparkctl.inventory.document import Document, Path, Place, dotted
from sparkctl.inventory.letters import IN_VALUES, decoded, forbidden, named, shown
from sparkctl.inventory.problems import Problem
from sparkctl.inventory.scalars import Trap, plain

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_NODES = 20_000
MAX_SCALAR = 4096
"""A 64-host inventory has 20 KB, depth 5, 3000 nodes and no scalar above 100 characters."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being read; `key` is the one whose value comes next."""

    path: Path
    into: dict[str, Any] | list[Any]
    key: str | None = None
    key_mark: Any = None
    keys: dict[str, int] = field(default_factory=dict)
    odd: int = 0


class _Stop(Exception):
    """Nothing after this point can be read."""


def parse(content: bytes | str) -> Document:
    """Read one YAML document. Never raises: what is wrong is in `problems`."""
    document = Document()
    if len(content) > MAX_BYTES:
        large = f"the file is larger than {MAX_BYTES} bytes"
        document.problems.append(Problem("", None, None, large, "is it the right file?"))
        return document
    text = decoded(content)
    if isinstance(text, Problem):
        document.problems.append(text)
        return document
    document.problems += forbidden(text)
    if not document.problems:
        _read(text, document)
    return document


def _events(text: str) -> Iterator[Any]:
    # libyaml where PyYAML was built with it: twenty times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        while True:
            event = loader.get_event()
            if event is None:
                return
            yield event
    finally:
        loader.dispose()


def _read(text: str, document: Document) -> None:
    try:
        _Reader(document).read(_events(text))
    except _Stop:
        pass
    except yaml.YAMLError as error:
        document.complete = False
        document.problems.append(syntax.problem(error, text))


class _Reader:
    """Builds the document from events, with an explicit stack: depth costs nothing but a counter."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.stack: list[_Frame] = []
        self.documents = 0
        self.nodes = 0

    def read(self, events: Iterator[Any]) -> None:
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._open(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self.stack.pop()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._document(event)

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._at(event.start_mark, "a second document begins here", "one document a file: delete this line")
            raise _Stop

    def _open(self, event: Any) -> None:
        path = self._arrive(event)
        if len(self.stack) >= MAX_DEPTH:
            self.document.complete = False
            self._at(event.start_mark, f"nested deeper than {MAX_DEPTH} levels", "is it the right file?")
            raise _Stop
        into: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        if self._wants_key():
            self._odd_key(event.start_mark, "a list or a mapping cannot be a key")
        else:
            self._put(into)
        self.stack.append(_Frame(path, into))

    def _scalar(self, event: Any) -> None:
        wants_key = self._wants_key()
        path = self._arrive(event)
        quoted = bool(event.style)
        value = event.value if quoted else plain(event.value)
        if wants_key:
            self._key(event, value)
            return
        self._put(self._checked(path, event.value, value))

    def _arrive(self, event: Any) -> Path:
        """Count a node, refuse its tag and anchor, and note where its value is. Returns its path."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.document.complete = False
            self._at(event.start_mark, f"more than {MAX_NODES} values", "is it the right file?")
            raise _Stop
        path = self._path()
        mark = event.start_mark
        if not self._wants_key():
            key = (self.stack[-1].key_mark if self.stack else None) or mark
            text = event.value if isinstance(event, yaml.ScalarEvent) else None
            # Where nothing is written, the parser's mark is wherever the next thing begins.
            mark = key if text == "" and not event.style else mark
            place = Place(mark.line + 1, mark.column + 1, key.line + 1, key.column + 1, text)
            self.document.places.setdefault(path, place)
        if event.anchor is not None:
            self._at(mark, f"anchors (&{shown(event.anchor)[1:-1]}) are not read here", "write the value out", path)
        if event.tag not in (None, "!"):
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._at(mark, f"tags are not read here: found {shown(tag)}", "delete the tag; quotes make text", path)
        return path

    def _alias(self, event: Any) -> None:
        mark = event.start_mark
        message = f"aliases (*{shown(event.anchor)[1:-1]}) are not read here"
        path = self._path()
        if self._wants_key():
            self._odd_key(mark, message)
            return
        self._at(mark, message, "write the value out", path)
        self._put(None)

    def _key(self, event: Any, value: Any) -> None:
        frame, mark = self.stack[-1], event.start_mark
        text: str = event.value
        if isinstance(value, Trap) or not isinstance(value, str):
            trap = value if isinstance(value, Trap) else Trap(text, _kind(value))
            found = f"the key {shown(text)} without quotes is {trap.reads_as} to YAML"
            self._at(mark, found, f"write it in quotes: {_quoted(text)}:", (*frame.path, text))
        elif len(text) > 256 or (odd := IN_VALUES.search(text)) or "\n" in text:
            what = "is too long" if len(text) > 256 else f"holds {named(odd[0] if odd else chr(10))}"
            self._at(mark, f"the key {shown(text, 30)} {what}", "write a plain word", (*frame.path, text))
        if text in frame.keys:
            first = frame.keys[text]
            message = f"the key {shown(text)} was given already in line {first}"
            self.document.problems.append(
                Problem(dotted((*frame.path, text)), mark.line + 1, mark.column + 1, message, "keep one of the two")
            )
            # Read under a name of its own, so that what is wrong inside is still found, and the first one stays.
            frame.odd += 1
            text = f"{text}\0{frame.odd}"
            self.document.refused.add((*frame.path, text))
        else:
            frame.keys[text] = mark.line + 1
        frame.key, frame.key_mark = text, mark

    def _odd_key(self, mark: Any, message: str) -> None:
        frame = self.stack[-1]
        self._at(mark, message, "write a plain word before the colon", frame.path)
        frame.odd += 1
        frame.key, frame.key_mark = f"\0{frame.odd}", mark
        self.document.refused.add((*frame.path, frame.key))

    def _checked(self, path: Path, text: str, value: Any) -> Any:
        if isinstance(value, Trap):
            found = f"{shown(text)} without quotes is {value.reads_as} to some readers of YAML and text to others"
            self.document.refuse(path, found, f"write {_quoted(text)}{_plainly(text)}")
            return text
        if isinstance(value, str):
            if len(value) > MAX_SCALAR:
                found = f"this text has {len(value)} characters; the limit is {MAX_SCALAR}"
                self.document.refuse(path, found, "is it the right value?")
                return value[:MAX_SCALAR]
            if odd := IN_VALUES.search(value):
                self.document.refuse(path, f"this text holds {named(odd[0])}", "delete it, or type the text anew")
        return value

    def _wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].into, dict) and self.stack[-1].key is None

    def _path(self) -> Path:
        if not self.stack:
            return ()
        frame = self.stack[-1]
        if isinstance(frame.into, list):
            return (*frame.path, len(frame.into))
        return frame.path if frame.key is None else (*frame.path, frame.key)

    def _put(self, value: Any) -> None:
        if not self.stack:
            self.document.data = value
            return
        frame = self.stack[-1]
        if isinstance(frame.into, list):
            frame.into.append(value)
        elif frame.key is not None:
            if "\0" not in frame.key:
                frame.into[frame.key] = value
            frame.key = None

    def _at(self, mark: Any, message: str, hint: str, path: Path = ()) -> None:
        self.document.problems.append(Problem(dotted(path), mark.line + 1, mark.column + 1, message, hint))
        self.document.refused.add(path)


def _kind(value: object) -> str:
    return "nothing" if value is None else "true or false" if isinstance(value, bool) else "a number"


def _quoted(text: str) -> str:
    return '"' + shown(text)[1:-1].replace('"', '\\"') + '"'


def _plainly(text: str) -> str:
    """The other thing that may have been meant."""
    known = {"yes": "true", "on": "true", "no": "false", "off": "false"}
    digits = text.replace("_", "").lstrip("+")
    meant = known.get(text.lower()) or (str(int(digits)) if digits.isdecimal() and len(digits) < 19 else "")
    return f", or {meant} if that is meant" if meant else ""
