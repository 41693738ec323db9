"""How every command is declared: one Typer application per file, without rich help and without its own error pages."""

from __future__ import annotations

from typing import Any

import typer

EPILOG = "All commands take -i, --hosts, -o, --dry-run, -y, -v, too: sparkctl --help"


SETTINGS: dict[str, Any] = {"help_option_names": ["--help"], "max_content_width": 100}


def new_app(summary: str = "") -> typer.Typer:
    """An empty application; with `summary` it is a group of sub-commands."""
    app = typer.Typer(
        help=summary or None,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=SETTINGS,
    )
    if summary:
        # A callback makes Typer treat the application as a group even while it has a single command.
        app.callback(epilog=EPILOG)(_group)
    return app


def _group() -> None:
    pass
