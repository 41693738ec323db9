"""`sparkctl smoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.session import Session
from sparkctl.errors import SparkctlError, StepFailed, UnreachableError, UsageError

if TYPE_CHECKING:
    from sparkctl.bench.smoke import Smoke

app = new_app()


@app.command(epilog=EPILOG)
def smoke(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="Any OpenAI-style API; default: what this cluster serves.")] = None,
    model: Annotated[str | None, typer.Option(help="Default: the first that is served.")] = None,
    api_key_file: Annotated[str | None, typer.Option(metavar="FILE", help="The key to send, with --url.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for one request.")] = 120.0,
) -> int:
    """test the served API with real requests

    Models, completion, chat, streaming, and what must be refused; the server must survive it all.

    \b
    sparkctl smoke
    sparkctl smoke --url http://192.168.1.21:8000
    """
    from shlex import quote

    from sparkctl.bench.smoke import base_of
    from sparkctl.bench.smoke import smoke as ask
    from sparkctl.cli.secrets import from_file

    session: Session = context.obj
    if url is None:
        url, api_key_file = _served(session)
        hint = "sparkctl logs --only serve"
    else:
        hint = f"curl -sS {quote(base_of(_web(url)))}/v1/models"
    key = None if api_key_file is None else from_file(api_key_file, "the API key").decode()
    return _show(session, ask(url, key=key, model=model, deadline=timeout), hint)


def _web(url: str) -> str:
    """The URL itself. Raises `UsageError` for what cannot be the address of an API."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(
            f"reading the command line: --url takes an http or https address, not {url!r}",
            hint="sparkctl smoke --url http://HOST:8000",
        )
    return url


def _served(session: Session) -> tuple[str, str | None]:
    """Where this cluster serves, by its own containers' word, and the file of its key. Raises `StepFailed`."""
    from sparkctl.cli.reach import fleet, stack
    from sparkctl.facts.container import containers_of
    from sparkctl.serving.status import HERE, status

    target = stack(session)
    head = target.cluster.head.name
    with fleet(target, lambda event: None, (head,)) as opened:
        if head in opened.lost:
            raise opened.lost[head]
        now = status(target.cluster, opened.gather({head: [HERE, containers_of(target.cluster.name)]}))
    if now["endpoint"] is None:
        raise StepFailed(
            f"looking for what {target.cluster.name} serves: no model is served",
            host=head,
            hint="sparkctl serve --model NAME",
        )
    return str(now["endpoint"]), target.cluster.serve.api_key_file


def _show(session: Session, result: Smoke, hint: str) -> int:
    from sparkctl.ui.columns import Cell, columns
    from sparkctl.ui.text import duration

    out = session.terminal.out
    marks = {True: Cell("ok", "green"), False: Cell("failed", "bad")}
    rows = [(marks[check.ok], check.name, duration(check.seconds), check.detail) for check in result.checks]
    lines = columns(rows, limit=out.width, color=out.color)
    failed = [check for check in result.checks if not check.ok]
    if not failed:
        passed = f"{result.model} at {result.url} passes all {len(result.checks)} checks"
        session.answer(result.to_json(), [*lines, passed])
        return 0
    first = f"{failed[0].name}: {failed[0].detail}"
    error: SparkctlError = StepFailed(
        f"smoke-testing {result.url}: {len(failed)} of {len(result.checks)} checks failed; first {first}",
        step="smoke",
        hint=hint,
    )
    if not result.reached:
        error = UnreachableError(f"smoke-testing {result.url}: {failed[0].detail}", step="smoke", hint=hint)
    if not session.json:
        out.lines(lines)
    session.fail([error], result.to_json())
    return error.exit_code
