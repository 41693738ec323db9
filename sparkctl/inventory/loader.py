"""From the bytes of an inventory to a `Cluster`, or to one error that holds all that is wrong. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sparkctl.inventory import relations, seen, strict_yaml
from sparkctl.inventory.cluster import Cluster
from sparkctl.inventory.document import Document
from sparkctl.inventory.problems import MAX_PROBLEMS, InventoryError, Problem, in_order
from sparkctl.inventory.resolve import resolve
from sparkctl.inventory.schema import InventoryModel
from sparkctl.inventory.secrets import masked
from sparkctl.inventory.wording import Wording

M = TypeVar("M", bound=BaseModel)

EXAMPLE = "copy one: inventories/two-sparks.yml"


def load(content: str | bytes, file: str) -> Cluster:
    """The cluster that an inventory describes; `file` names it in messages.

    Raises `InventoryError` with every problem at once, in the order of the lines.
    """
    document = strict_yaml.parse(content)
    model, problems = validated(InventoryModel, document, EXAMPLE)
    view = seen.seen(document)
    if document.complete:
        problems += relations.problems(view)
    if problems or model is None:
        raise InventoryError(file, bounded(problems))
    return resolve(model, view)


def validated(model: type[M], document: Document, example: str) -> tuple[M | None, list[Problem]]:
    """The document as a model, and what is wrong with it; the model is None where anything is."""
    problems = list(document.problems)
    if not isinstance(document.data, dict):
        if not problems:
            problems.append(_no_mapping(document, example))
        return None, problems
    try:
        found = model.model_validate(document.data)
    except ValidationError as error:
        problems += Wording(model, document).problems(error)
        return None, problems
    return (None if problems else found), problems


def bounded(problems: list[Problem]) -> list[Problem]:
    """The first hundred, without secrets, and a word where there are more."""
    found = [replace(p, message=masked(p.message), hint=p.hint and masked(p.hint)) for p in in_order(problems)]
    if len(found) <= MAX_PROBLEMS:
        return found
    last = found[MAX_PROBLEMS - 1]
    more = Problem("", last.line, last.column, "there are more problems than are shown", "mend these first")
    return [*found[:MAX_PROBLEMS], more]


def _no_mapping(document: Document, example: str) -> Problem:
    if document.data is None:
        return Problem("", 1, 1, "the file is empty", example)
    kind = "a list" if isinstance(document.data, list) else "a single word"
    return document.problem((), f"the file holds {kind}, and a mapping (`key: value`) is wanted", example)
