"""A playbook as it is written: every key, its type, its meaning. `python -m` writes the JSON Schema."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from sparkctl.inventory.fields import Argument, EnvValue, Image, Name, Variable, line, refuse
from sparkctl.inventory.letters import shown
from sparkctl.inventory.schema import MAX_HOSTS, Strict, json_schema

_HUB_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?"
_MODEL_PATH = r"/[A-Za-z0-9._@+/-]+"
_WORD = r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}"


def _hub_id(text: str) -> str:
    """huggingface_hub's own rule (validate_repo_id): no `--`, no `..`, no `.git` at its end."""
    if re.fullmatch(_HUB_ID, text) and not re.search(r"--|\.\.|\.git$|[.-]$", text):
        return text
    raise refuse(f"{shown(text)} is not a Hugging Face id", "write something like openai/gpt-oss-120b")


def _model_path(text: str) -> str:
    if re.fullmatch(_MODEL_PATH, text) and not {".", ".."} & set(text.split("/")) and "/-" not in text:
        return text
    raise refuse(f"{shown(text)} is not a plain absolute path", "write the model's path in the container")


def _word(text: str) -> str:
    if re.fullmatch(_WORD, text):
        return text
    raise refuse(f"{shown(text)} is not a plain word", "use letters, digits and . _ : / @ -")


def _prompt(text: str) -> str:
    if text.strip():
        return text
    raise refuse("an empty prompt", "write what to ask the model")


def _text(text: str) -> str:
    return line(text.strip())


HubId = Annotated[str, AfterValidator(_hub_id), Field(json_schema_extra={"pattern": f"^{_HUB_ID}$"})]
ModelPath = Annotated[str, AfterValidator(_model_path), Field(json_schema_extra={"pattern": f"^{_MODEL_PATH}$"})]
Word = Annotated[str, AfterValidator(_word), Field(json_schema_extra={"pattern": f"^{_WORD}$"})]
Text = Annotated[str, AfterValidator(_text)]
Prompt = Annotated[str, AfterValidator(_prompt)]
Count = Annotated[int, Field(ge=1, le=1 << 20)]


def _gpus_kind(value: Any) -> str:
    return "\0auto" if isinstance(value, str) else "\0gpus"


GpusOrAuto = Annotated[
    Annotated[Annotated[int, Field(ge=1, le=MAX_HOSTS)], Tag("\0gpus")] | Annotated[Literal["auto"], Tag("\0auto")],
    Discriminator(_gpus_kind),
]


class NeedsModel(Strict):
    """What must be there before anything is started."""

    hosts: int = Field(default=1, ge=1, le=MAX_HOSTS)
    """Hosts, at least."""
    free_memory_gib: float = Field(default=0.0, ge=0, le=4096)
    """GiB of free memory on each host."""


class ModelModel(Strict):
    """What is served: exactly one of `id` and `path`."""

    id: HubId | None = Field(default=None, examples=["openai/gpt-oss-120b"])
    """The model's id on Hugging Face."""
    path: ModelPath | None = Field(default=None, examples=["/opt/models/tiny"])
    """An absolute path as the container sees it."""
    revision: Word | None = None
    """A branch, tag or commit; a commit is the only one that stays what it is."""
    served_name: Word | None = None
    """The name that clients ask for; default: the id or path."""


class EngineModel(Strict):
    """How vLLM is started. What is left out is left to vLLM."""

    image: Image | None = None
    """An image that this model needs, instead of the inventory's."""
    tensor_parallel: GpusOrAuto = "auto"
    """GPUs that share each layer; auto: all of the cluster's."""
    pipeline_parallel: int = Field(default=1, ge=1, le=MAX_HOSTS)
    """Groups of GPUs that take the layers in turn."""
    max_model_len: int | None = Field(default=None, ge=16, le=1 << 24)
    """Tokens of a request and its answer."""
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=0.95)
    """Share of the unified memory that vLLM takes; above 0.9 a Spark freezes rather than fails."""
    max_num_seqs: Count | None = None
    """Requests at a time."""
    max_num_batched_tokens: Count | None = None
    """Tokens of a step."""
    kv_cache_dtype: Word | None = None
    """auto, fp8 and others."""
    kv_cache_memory_bytes: int | None = Field(default=None, ge=1 << 20, le=1 << 40)
    """Bytes of the KV cache on each GPU, instead of what is left of gpu_memory_utilization."""
    load_format: Word | None = None
    """How weights are read."""
    quantization: Word | None = None
    """How weights are packed, where the model does not say so itself."""
    enforce_eager: bool = False
    """Without CUDA graphs: starts sooner, runs slower."""
    extra_args: list[Argument] = Field(default_factory=list)
    """More arguments of `vllm serve`, one item each."""
    env: dict[Variable, EnvValue] = Field(default_factory=dict)
    """Environment of the serving container."""


class PlaybookModel(Strict):
    """How to serve one model."""

    name: Name = Field(examples=["gpt-oss-120b"])
    """What `sparkctl serve --model` calls it; the file is named the same."""
    description: Text = Field(examples=["OpenAI gpt-oss-120b, MXFP4, on one Spark or more"])
    """One line for the list."""
    source: Text | None = None
    """Where these values are from."""
    needs: NeedsModel = NeedsModel()
    model: ModelModel = Field(examples=[{"id": "openai/gpt-oss-120b"}])
    engine: EngineModel = EngineModel()
    smoke: list[Prompt] = Field(default_factory=list, max_length=20)
    """Prompts that the model must answer before it counts as serving."""


if __name__ == "__main__":
    import json
    import sys

    json.dump(json_schema(PlaybookModel, "sparkctl playbook"), sys.stdout, indent=2)
    sys.stdout.write("\n")
