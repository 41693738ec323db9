"""What pydantic found, in the words of somebody who writes the file: found, wanted, and what to write. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sparkctl.inventory.document import Document, Path
from sparkctl.inventory.letters import shown
from sparkctl.inventory.problems import MAX_PROBLEMS, Problem, did_you_mean
from sparkctl.inventory.secrets import named_secret

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping (`key: value`)",
    "model_type": "a mapping (`key: value`)",
    "model_attributes_type": "a mapping (`key: value`)",
}
_OF_PARTS = {"missing", "too_short", *_WANTED}
_MEANT = {
    # What other tools, or people, call it.
    "ip": "address",
    "hostname": "address",
    "username": "user",
    "key_file": "identity_file",
    "keyfile": "identity_file",
    "private_key": "identity_file",
    "bastion": "jump",
    "proxy_jump": "jump",
    "nodes": "hosts",
    "servers": "hosts",
    "shares": "nfs",
    "path": "export",
    "target": "mount",
    "environment": "env",
    "args": "docker_args",
    "dockerfile": "build",
    "hf_token": "hf_token_file",
    "api_key": "api_key_file",
    "name": "cluster",
}


class Wording:
    """Turns the errors of one model over one document into problems."""

    def __init__(self, model: type[BaseModel], document: Document) -> None:
        self.document = document
        self.schema = _schema(model)

    def problems(self, error: ValidationError) -> Iterator[Problem]:
        """All but those about nodes that were refused as YAML already."""
        details = self._first(error.errors(include_url=False))
        meant = {self._meant(_path(detail)[0]) for detail in details if detail["type"] == "extra_forbidden"}
        for detail in details:
            path, at_key = _path(detail)
            if any(path[:depth] in self.document.refused for depth in range(1, len(path) + 1)):
                continue
            # The rest of a file that breaks off is neither missing nor of the wrong type; a misspelt key is one fault.
            if detail["type"] == "missing" and path in meant:
                continue
            if self.document.complete or detail["type"] not in _OF_PARTS:
                yield self._problem(path, at_key, detail)

    def _first(self, details: list[ErrorDetails]) -> list[ErrorDetails]:
        """More than are ever shown, by line: a file of nothing but wrong keys must not take seconds to word."""
        if len(details) <= 2 * MAX_PROBLEMS:
            return details
        places = self.document.places
        line = {id(d): places[path].line if (path := _path(d)[0]) in places else 0 for d in details}
        return sorted(details, key=lambda detail: line[id(detail)])[: 2 * MAX_PROBLEMS]

    def _problem(self, path: Path, at_key: bool, detail: ErrorDetails) -> Problem:
        kind, context = detail["type"], detail.get("ctx") or {}
        if kind == "extra_forbidden":
            return self._unknown(path)
        if kind == "missing":
            return self._missing(path)
        if kind == "refused":
            return self.document.problem(path, context["message"], context["hint"], at_key=at_key)
        if kind in _WANTED:
            return self._type(path, kind, detail["input"])
        if kind == "literal_error":
            return self._choice(path, re.findall(r"'([^']*)'", context["expected"]), detail["input"])
        return self._limit(path, kind, context, detail)

    def _choice(self, path: Path, known: list[str], value: object) -> Problem:
        wanted = f"{', '.join(known[:-1])} or {known[-1]}" if len(known) > 1 else "".join(known)
        meant = did_you_mean(str(value), known) or known[0]
        digits = isinstance(value, str) and value.isdecimal() and len(value) < 19
        hint = f"write {meant}, or a number without quotes" if digits else f"write {meant}"
        return self.document.problem(path, f"found {self._found(path, value)}, wanted {wanted}", hint)

    def _limit(self, path: Path, kind: str, context: Mapping[str, Any], detail: ErrorDetails) -> Problem:
        node = self._node(path)
        if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
            low, high = _bound(node, "inimum"), _bound(node, "aximum")
            wanted = f"a number from {low} to {high}" if None not in (low, high) else f"a number {detail['msg'][28:]}"
            usual = node.get("default", low)
            hint = None if usual is None else f"write {usual}"
            return self.document.problem(path, f"found {self._found(path, detail['input'])}, wanted {wanted}", hint)
        if kind == "too_long":
            message = f"{context['actual_length']} entries, and {context['max_length']} are the most"
            return self.document.problem(path, message, "make two clusters of it" if path == ("hosts",) else None)
        if kind == "too_short":
            return self.document.problem(path, "nothing is here, and at least one entry is wanted", self._example(path))
        return self.document.problem(path, detail["msg"][:1].lower() + detail["msg"][1:])

    def _type(self, path: Path, kind: str, value: object) -> Problem:
        found, wanted = self._found(path, value), _WANTED[kind]
        if value is None:
            hint = "write a value, or delete the line"
        elif wanted == "text" and isinstance(value, bool | int | float) and not self._secret(path):
            hint = f'write it in quotes: "{self._raw(path, value)}"'
        elif wanted in ("a whole number", "a number") and isinstance(value, str) and value.strip().isdecimal():
            hint = f"write {int(value[:20])} without quotes"
        elif wanted == "a list" and isinstance(value, str) and not self._secret(path):
            hint = f"write [{shown(value)[1:-1]}]"
        else:
            hint = self._example(path) or f"write {wanted}"
        return self.document.problem(path, f"found {found}, wanted {wanted}", hint)

    def _unknown(self, path: Path) -> Problem:
        word = str(path[-1])
        known = _properties(self._node(path[:-1]))
        near = self._meant(path)[-1]
        elsewhere = [place for place, names in self._sections() if word in names]
        if near:
            hint = f"did you mean {near}?"
        elif elsewhere:
            hint = f"{word} stands under {elsewhere[0]}" if elsewhere[0] else f"{word} stands at the top of the file"
        else:
            hint = f"known here: {', '.join(sorted(known))}"
        return self.document.problem(path, f"unknown key {shown(word)}", hint, at_key=True)

    def _meant(self, path: Path) -> tuple[str | int | None, ...]:
        """Where the unknown key at `path` probably belongs; its last part is None where nobody can tell."""
        word, known = str(path[-1]), _properties(self._node(path[:-1]))
        usual = _MEANT.get(word.lower())
        return (*path[:-1], usual if usual in known else did_you_mean(word, known))

    def _missing(self, path: Path) -> Problem:
        return self.document.problem(path, f"{path[-1]} is missing", self._example(path), at_key=True)

    def _example(self, path: Path) -> str | None:
        node = self._node(path)
        example = node.get("examples", [None])[0]
        if example is None:
            example = _sample(self._resolve(node))
        key = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
        return None if example is None else f"write {key}{_flow(example)}"

    def _found(self, path: Path, value: object) -> str:
        if value is None:
            return "nothing"
        if isinstance(value, dict | list):
            return "a mapping" if isinstance(value, dict) else "a list"
        if self._secret(path):
            return "a value"
        if isinstance(value, str):
            return "text" if "env" in path else f"the text {shown(value)}"
        if isinstance(value, bool):
            return "true" if value else "false"
        return f"the number {self._raw(path, value)}"

    def _secret(self, path: Path) -> bool:
        """Whether the value may be somebody's secret, and so is not repeated."""
        return any(isinstance(part, str) and named_secret(part) for part in path)

    def _raw(self, path: Path, value: object) -> str:
        return shown(self.document.text(path) or value)[1:-1]

    def _node(self, path: Path) -> Mapping[str, Any]:
        """The part of the JSON Schema that describes `path`."""
        node: Mapping[str, Any] = self.schema
        for part in path:
            inner = self._resolve(node)
            if isinstance(part, int):
                node = inner.get("items", {})
            elif part in inner.get("properties", {}):
                node = inner["properties"][part]
            else:
                patterns = inner.get("patternProperties") or {"": inner.get("additionalProperties") or {}}
                node = next(iter(patterns.values()))
            node = node if isinstance(node, Mapping) else {}
        return self._resolve(node)

    def _resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow a reference, and of alternatives take the one that has parts."""
        outer = node
        for _ in range(8):
            if "$ref" in node:
                node = self.schema["$defs"][node["$ref"].rpartition("/")[2]]
            elif "anyOf" in node or "oneOf" in node:
                options = [self._resolve(option) for option in node.get("anyOf", node.get("oneOf"))]
                rich = [o for o in options if {"properties", "items", "enum", "patternProperties"} & set(o)]
                node = (rich or options)[0]
            else:
                break
        return {**node, "examples": outer["examples"]} if "examples" in outer else node

    def _sections(self) -> Iterator[tuple[str, list[str]]]:
        """Every section of the document with its keys."""
        yield "", list(self.schema.get("properties", {}))
        for key, node in self.schema.get("properties", {}).items():
            yield key, list(_properties(self._resolve(node)))


@cache
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema()


def _path(detail: ErrorDetails) -> tuple[Path, bool]:
    """The place of an error: without the tags of our unions, and whether it is about the key."""
    parts = detail["loc"]
    at_key = bool(parts) and parts[-1] == "[key]"
    return tuple(part for part in parts[: -1 if at_key else None] if not str(part).startswith("\0")), at_key


def _properties(node: Mapping[str, Any]) -> list[str]:
    return list(node.get("properties", {}))


def _bound(node: Mapping[str, Any], end: str) -> Any:
    return node.get(f"m{end}", node.get(f"exclusiveM{end}"))


def _sample(node: Mapping[str, Any]) -> str | None:
    """`{address: 192.168.100.10/24}`, from the examples of what must be there."""
    required = [name for name in node.get("required", ()) if "examples" in node["properties"][name]]
    return _flow({name: node["properties"][name]["examples"][0] for name in required}) if required else None


def _flow(value: Any) -> str:
    """A value as YAML would write it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    return str(value)
