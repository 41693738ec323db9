"""From `serve`'s options and a playbook to what is asked of vLLM; an option wins over the playbook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sparkctl.cli import secrets
from sparkctl.cli.failure import did_you_mean
from sparkctl.errors import ConfigError, UsageError
from sparkctl.inventory.cluster import Cluster
from sparkctl.playbook import files, loader
from sparkctl.playbook.recipe import Engine, Model, Needs, Recipe
from sparkctl.serving.vllm import PROMPTS, Request


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `serve`; None: not given."""

    model: str
    tp: int | None = None
    pp: int | None = None
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    port: int | None = None
    served_model_name: str | None = None
    extra: tuple[str, ...] = ()


def recipe_of(model: str) -> Recipe:
    """The playbook of that name or file, or a recipe that says nothing but the model.

    Raises `UsageError` for what is nearly the name of a playbook, `PlaybookError` for a broken one.
    """
    is_file = model.endswith((".yml", ".yaml"))
    path = Path(model) if is_file else files.find(model)
    if path is not None:
        return loader.load(files.read(path), str(path))
    near = None if "/" in model else did_you_mean(model, files.names())
    if near:
        raise UsageError(f"serving {model}: there is no such playbook", hint=f"sparkctl serve --model {near}")
    place = {"path": model} if model.startswith("/") else {"id": model}
    return Recipe(model, "", None, Needs(), Model(**place), Engine())


def request_of(asked: Asked, recipe: Recipe, cluster: Cluster) -> Request:
    """What is asked of vLLM, secrets included. Raises `ConfigError` where the cluster cannot hold it."""
    _check(recipe, cluster)
    engine, runtime = recipe.engine, cluster.runtime
    token = None
    if runtime.hf_token_file is not None:
        token = secrets.from_file(runtime.hf_token_file, "the Hugging Face token")
    elif runtime.hf_token_env is not None:
        token = secrets.from_variable(runtime.hf_token_env, "the Hugging Face token")
    key = cluster.serve.api_key_file
    return Request(
        model=recipe.target,
        served_name=asked.served_model_name or recipe.model.served_name,
        tensor_parallel=asked.tp or engine.tensor_parallel,
        pipeline_parallel=asked.pp or engine.pipeline_parallel,
        max_model_len=asked.max_model_len or engine.max_model_len,
        gpu_memory_utilization=asked.gpu_memory_utilization or engine.gpu_memory_utilization,
        port=asked.port,
        arguments=recipe.arguments,
        extra=(*engine.extra_args, *asked.extra),
        env=dict(engine.env),
        free_memory_gib=recipe.needs.free_memory_gib,
        prompts=recipe.smoke if len(recipe.smoke) >= len(PROMPTS) else (*recipe.smoke, *PROMPTS),
        hf_token=token,
        api_key=None if key is None else secrets.from_file(key, "the API key"),
    )


def _check(recipe: Recipe, cluster: Cluster) -> None:
    have = len(cluster.hosts)
    if recipe.needs.hosts > have:
        raise ConfigError(
            f"serving {recipe.name} on {cluster.name}: it needs {recipe.needs.hosts} hosts, the inventory has {have}",
            hint="sparkctl playbook list",
        )
    image = recipe.engine.image
    if image is not None and image != cluster.runtime.image:
        raise ConfigError(
            f"serving {recipe.name} on {cluster.name}: it needs the image {image}, the inventory says another",
            hint=f"write runtime: {{image: {image}}} and run: sparkctl bootstrap",
        )
