"""From the bytes of a playbook to a `Recipe`, or to one error that holds all that is wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sparkctl.inventory import strict_yaml
from sparkctl.inventory.document import Document
from sparkctl.inventory.loader import bounded, validated
from sparkctl.inventory.problems import PlaybookError, Problem
from sparkctl.playbook.recipe import Engine, Model, Needs, Recipe
from sparkctl.playbook.schema import PlaybookModel

EXAMPLE = "copy one: sparkctl playbook show tiny-cpu"


def load(content: str | bytes, file: str) -> Recipe:
    """The recipe that a playbook describes; `file` names it in messages.

    Raises `PlaybookError` with every problem at once, in the order of the lines.
    """
    document = strict_yaml.parse(content)
    model, problems = validated(PlaybookModel, document, EXAMPLE)
    if document.complete:
        problems += _relations(document)
    if problems or model is None:
        raise PlaybookError(file, bounded(problems))
    return _resolve(model)


def _relations(document: Document) -> Iterator[Problem]:
    data = document.data if isinstance(document.data, dict) else {}
    model, engine, needs = (data.get(key) for key in ("model", "engine", "needs"))
    if isinstance(model, dict):
        said = [key for key in ("id", "path") if model.get(key) is not None]
        if not said:
            yield document.problem(("model",), "neither id nor path is here", "write id: ORG/MODEL", at_key=True)
        if len(said) == 2:
            yield document.problem(("model", "path"), "both id and path are here", "keep one of the two", at_key=True)
        if model.get("path") is not None and model.get("revision") is not None:
            message = "a path has no revision"
            yield document.problem(("model", "revision"), message, "delete it", at_key=True)
    if isinstance(engine, dict):
        tensor, pipeline = engine.get("tensor_parallel"), engine.get("pipeline_parallel", 1)
        hosts = needs.get("hosts", 1) if isinstance(needs, dict) else 1
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in (tensor, pipeline, hosts))
        if whole and tensor * pipeline > hosts:
            message = f"{tensor} x {pipeline} GPUs are asked for, and a Spark has one: needs.hosts is {hosts}"
            hint = f"write needs: {{hosts: {tensor * pipeline}}}, or tensor_parallel: auto"
            yield document.problem(("engine", "tensor_parallel"), message, hint)


def _resolve(model: PlaybookModel) -> Recipe:
    engine = model.engine.model_dump()
    tensor = engine.pop("tensor_parallel")
    extra, env = tuple(engine.pop("extra_args")), tuple(engine.pop("env").items())
    return Recipe(
        model.name,
        model.description,
        model.source,
        Needs(model.needs.hosts, model.needs.free_memory_gib),
        Model(**model.model.model_dump()),
        Engine(**engine, tensor_parallel=None if tensor == "auto" else tensor, extra_args=extra, env=env),
        tuple(model.smoke),
    )
