"""Arguments of `vllm serve`: which may not be given in the clear, which we set, and what a typing error meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparkctl.errors import UsageError
from sparkctl.inventory.problems import did_you_mean as closest

SECRET = ("--api-key", "--hf-token")
"""vLLM prints its arguments to its log, and `ps` and `docker inspect` show them."""

KNOWN = tuple(
    """--allowed-origins --async-scheduling --attention-backend --block-size --chat-template --code-revision
    --compilation-config --config-format --cpu-offload-gb --data-parallel-size --disable-custom-all-reduce
    --disable-log-stats --distributed-executor-backend --download-dir --dtype --enable-auto-tool-choice
    --enable-chunked-prefill --enable-expert-parallel --enable-log-requests --enable-lora --enable-prefix-caching
    --enable-sleep-mode --enforce-eager --gpu-memory-utilization --hf-overrides --host --kv-cache-dtype
    --kv-cache-memory-bytes --limit-mm-per-prompt --load-format --lora-modules --max-logprobs --max-model-len
    --max-num-batched-tokens --max-num-seqs --mm-encoder-tp-mode --model-impl --moe-backend --override-generation-config
    --pipeline-parallel-size --port --quantization --reasoning-parser --revision --root-path --safetensors-load-strategy
    --seed --served-model-name --speculative-config --swap-space --tensor-parallel-size --tokenizer --tokenizer-mode
    --tool-call-parser --trust-remote-code --uvicorn-log-level""".split()  # noqa: SIM905
)
"""The arguments that recipes use, for telling what a typing error meant (vLLM 0.11 to 0.33)."""


def did_you_mean(flag: str) -> str:
    """The one thing to do about an argument that vLLM does not know."""
    name = flag.split("=", 1)[0]
    close = closest(name, KNOWN)
    return f"did you mean {close}?" if close and close != name else "vllm serve --help=all  # in sparkctl shell"


def refuse_secrets(words: Sequence[str]) -> None:
    """Raises `UsageError` where a secret stands among the arguments."""
    for word in words:
        name = word.split("=", 1)[0].replace("_", "-")
        if name in SECRET:
            hint = (
                "name a file: serve.api_key_file in the inventory"
                if name == "--api-key"
                else "HF_TOKEN=… sparkctl serve"
            )
            raise UsageError(f"serving with {name}: everybody on the hosts could read it in `ps`", hint=hint)


OURS = ("--port", "--served-model-name")
"""We must know these ourselves, to ask the model whether it answers."""


def refuse_ours(extra: Sequence[str]) -> None:
    """Raises `UsageError` where the words after `--` say what sparkctl's own options are for."""
    for word in extra:
        name = word.split("=", 1)[0].replace("_", "-")
        if name in OURS:
            raise UsageError(f"serving with -- {name}: sparkctl has to know it, too", hint=f"sparkctl serve … {name} …")


def words_of(arguments: Mapping[str, object]) -> tuple[str, ...]:
    """A mapping as an argv: `{"max_model_len": 512, "enforce_eager": True}`. False and None leave an argument out."""
    words: list[str] = []
    for name, value in arguments.items():
        flag = "--" + name.lstrip("-").replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            words.append(flag)
        elif isinstance(value, list | tuple):
            words += [flag, *(str(part) for part in value)]
        else:
            words += [flag, str(value)]
    return tuple(words)


def without(words: Sequence[str], flags: Sequence[str]) -> tuple[str, ...]:
    """`words` without `flags` and their values."""
    kept: list[str] = []
    dropping = False
    for word in words:
        if word.startswith("--"):
            dropping = word.split("=", 1)[0] in flags
        if not dropping:
            kept.append(word)
    return tuple(kept)
