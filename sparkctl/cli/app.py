"""How every command is declared: one Typer application per file, without rich help and without its own error pages."""

from __future__ import annotations

from typing import Any

import typer

EPILOG = "All commands take -i, --hosts, -o, --dry-run, -y, -v, too: sparkctl --help"


def new_app(summary: str = "", *, raw: bool = False) -> typer.Typer:
    """An empty application. With `summary` it is a group of sub-commands; `raw` leaves words it does not know alone."""
    settings: dict[str, Any] = {"help_option_names": ["--help"], "max_content_width": 100}
    if raw:
        settings |= {"ignore_unknown_options": False, "allow_extra_args": True}
    app = typer.Typer(
        help=summary or None,
        no_args_is_help=bool(summary),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=settings,
    )
    if summary:
        # A callback makes Typer treat the application as a group even while it has a single command.
        app.callback(epilog=EPILOG)(_group)
    return app


def _group() -> None:
    pass
