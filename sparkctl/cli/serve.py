"""`sparkctl serve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.runs import run
from sparkctl.cli.session import Session
from sparkctl.errors import UsageError

if TYPE_CHECKING:
    from sparkctl.cli.reach import Stack
    from sparkctl.converge import Report
    from sparkctl.flows.phase import Flow

app = new_app()


@app.command(epilog=EPILOG, options_metavar="--model NAME|HF-ID|PATH [OPTIONS]")
def serve(
    context: typer.Context,
    model: Annotated[str, typer.Option(metavar="NAME|HF-ID|PATH", help="A playbook, a hub id, or an absolute path.")],
    tp: Annotated[int | None, typer.Option(min=1, help="Tensor parallelism; default: all GPUs.")] = None,
    pp: Annotated[int | None, typer.Option(min=1, help="Pipeline parallelism; default: 1.")] = None,
    max_model_len: Annotated[int | None, typer.Option(min=1, help="Tokens of a request and its answer.")] = None,
    gpu_memory_utilization: Annotated[float | None, typer.Option(help="Share of memory that vLLM takes.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: the inventory's serve.port.")] = None,
    served_model_name: Annotated[str | None, typer.Option(help="The name that clients ask for.")] = None,
    extra: Annotated[list[str] | None, typer.Argument(metavar="-- VLLM-ARGS", help="Handed to vllm serve.")] = None,
) -> int:
    """serve a model until a real completion came back

    Needs Ray (sparkctl up). Serving the same again changes nothing; a changed option restarts vLLM alone.

    \b
    sparkctl serve --model gpt-oss-120b
    sparkctl serve --model Qwen/Qwen3-32B --tp 2 -- --enable-prefix-caching
    """
    from sparkctl.cli.request import Asked, recipe_of, request_of
    from sparkctl.flows.serve import serve as flow
    from sparkctl.serving.vllm import port_of

    session: Session = context.obj
    words = tuple(extra or ())
    if words and "--" not in session.words:
        raise UsageError(
            f"reading the command line: {words[0]!r} is no option; arguments of vllm serve stand after --",
            hint=f"sparkctl serve --model {model} -- {' '.join(words)}",
        )
    asked = Asked(model, tp, pp, max_model_len, gpu_memory_utilization, port, served_model_name, words)
    recipe = recipe_of(model)

    def flow_of(target: Stack) -> Flow:
        return flow(target.cluster, request_of(asked, recipe, target.cluster))

    def ended(target: Stack, report: Report) -> tuple[dict[str, Any], Sequence[str]]:
        request = request_of(asked, recipe, target.cluster)
        endpoint = f"http://{target.cluster.head.address}:{port_of(target.cluster, request)}/v1"
        return {"model": request.name, "endpoint": endpoint}, [f"{request.name} answers at {endpoint}"]

    return run(session, flow_of, ended=ended)
