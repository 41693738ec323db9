"""What a diff and its actions look like to a reader."""

from __future__ import annotations

from sparkctl.ensure.base import Diff
from sparkctl.ssh.command import Action, Put


def changes(diff: Diff) -> list[str]:
    return [str(change) for change in diff.changes]


def put_of(actions: list[Action]) -> Put:
    return next(action for action in actions if isinstance(action, Put))
